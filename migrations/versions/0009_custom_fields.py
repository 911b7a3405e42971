"""Fields that a workspace adds at run time: their definitions, the values in each record, their index rows, the
limits of roles, saved views, and changes that belong together."""

import sqlalchemy as sa
from alembic import op

from migrations.kinds import ALIVE, JSON, KEY, MOMENT, when
from migrations.rights import EVERY_ACTION, give

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

RECORDS = (
    "activity", "contact", "contact_address", "contact_email", "contact_phone", "contact_tag", "deal", "membership",
    "message", "note", "pipeline", "stage", "stored_file", "suppression", "tag", "task", "team", "template",
)  # fmt: skip
WALLED = ("custom_field", "custom_value", "field_right", "saved_view", "view_subscription", "entity_layout")
TOLD = "(select current_setting('app.workspace_id', true))"
READ = ("read",)
# Who configures a brokerage configures its fields; all others see what the fields are.
GRANTS = {
    "owner": EVERY_ACTION, "admin": EVERY_ACTION, "broker": READ, "agent": READ, "assistant": READ, "compliance": READ,
    "read_only": READ,
}  # fmt: skip
# Who may share a view with everybody.
SHARES = dict.fromkeys(("owner", "admin", "broker"), ("write",))


def upgrade() -> None:
    for table in RECORDS:
        op.add_column(table, sa.Column("custom", JSON, nullable=True))
    op.add_column("workspace", sa.Column("schema_mark", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("change", sa.Column("batch", sa.String(length=32), nullable=True))
    op.create_index("ix_change_batch", "change", ["workspace_id", "batch", "id"], **when(sa.text("batch IS NOT NULL")))
    _custom_field()
    _custom_value()
    _field_right()
    _saved_view()
    _entity_layout()
    if op.get_context().dialect.name == "postgresql":
        for table in (
            "custom_field",
            "custom_value",
            "field_right",
            "saved_view",
            "view_subscription",
            "entity_layout",
        ):
            rule = f"CASE WHEN {TOLD} = '*' THEN true ELSE cast(workspace_id as text) = {TOLD} END"
            op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
            op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
            op.execute(f"CREATE POLICY wall ON {table} USING ({rule})")
    give("custom_field", GRANTS)
    give("view", SHARES)


def downgrade() -> None:
    op.drop_table("entity_layout")
    op.drop_table("view_subscription")
    op.drop_table("saved_view")
    op.drop_table("field_right")
    op.drop_table("custom_value")
    op.drop_table("custom_field")
    op.drop_index("ix_change_batch", table_name="change")
    op.drop_column("change", "batch")
    op.drop_column("workspace", "schema_mark")
    for table in RECORDS:
        op.drop_column(table, "custom")


def _custom_field() -> None:
    op.create_table(
        "custom_field",
        sa.Column("entity", sa.String(length=60), nullable=False),
        sa.Column("key", sa.String(length=60), nullable=False),
        sa.Column("label", sa.String(length=80), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("hint", sa.String(length=200), nullable=True),
        sa.Column("section", sa.String(length=60), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("required", sa.Boolean(), nullable=False),
        sa.Column("searchable", sa.Boolean(), nullable=False),
        sa.Column("options", JSON, nullable=True),
        sa.Column("target", sa.String(length=60), nullable=True),
        sa.Column("places", sa.Integer(), nullable=False),
        sa.Column("result", sa.String(length=40), nullable=True),
        sa.Column("formula", sa.String(length=500), nullable=True),
        sa.Column("personal", sa.Boolean(), nullable=False),
        sa.Column("category", sa.String(length=40), nullable=False),
        sa.Column("purpose", sa.String(length=40), nullable=False),
        sa.Column("keep", sa.String(length=40), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.Column("created_by", sa.String(length=200), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(length=40), nullable=False),
        sa.Column("source_ref", sa.String(length=200), nullable=True),
        sa.Column("deleted_at", MOMENT, nullable=True),
        sa.Column("custom", JSON, nullable=True),
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("workspace_id", KEY, nullable=False),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspace.id"], name=op.f("fk_custom_field_workspace_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_custom_field")),
        sa.UniqueConstraint("workspace_id", "id", name="uq_custom_field_workspace_id_id"),
    )
    op.create_index("uq_custom_field_key", "custom_field", ["workspace_id", "entity", "key"], unique=True)
    op.create_index("ix_custom_field_entity", "custom_field", ["workspace_id", "entity", "position"], **when(ALIVE))


def _custom_value() -> None:
    op.create_table(
        "custom_value",
        sa.Column("field_id", KEY, nullable=False),
        sa.Column("record_id", KEY, nullable=False),
        sa.Column("subject_id", KEY, nullable=True),
        sa.Column("n", sa.BigInteger(), nullable=True),
        sa.Column("t", sa.String(length=254), nullable=True),
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("workspace_id", KEY, nullable=False),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspace.id"], name=op.f("fk_custom_value_workspace_id")),
        sa.ForeignKeyConstraint(
            ["workspace_id", "field_id"], ["custom_field.workspace_id", "custom_field.id"], name="fk_custom_value_field"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_custom_value")),
        sa.UniqueConstraint("workspace_id", "id", name="uq_custom_value_workspace_id_id"),
    )
    op.create_index("ix_custom_value_record", "custom_value", ["workspace_id", "record_id", "field_id"])
    op.create_index("ix_custom_value_n", "custom_value", ["workspace_id", "field_id", "n", "record_id"])
    op.create_index("ix_custom_value_t", "custom_value", ["workspace_id", "field_id", "t", "record_id"])
    op.create_index("ix_custom_value_subject", "custom_value", ["workspace_id", "subject_id"])


def _field_right() -> None:
    op.create_table(
        "field_right",
        sa.Column("role_id", sa.Integer(), nullable=False),
        sa.Column("entity", sa.String(length=60), nullable=False),
        sa.Column("field", sa.String(length=60), nullable=False),
        sa.Column("level", sa.String(length=10), nullable=False),
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("workspace_id", KEY, nullable=False),
        sa.ForeignKeyConstraint(["role_id"], ["ab_role.id"], name=op.f("fk_field_right_role_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspace.id"], name=op.f("fk_field_right_workspace_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_field_right")),
        sa.UniqueConstraint("workspace_id", "id", name="uq_field_right_workspace_id_id"),
        sa.UniqueConstraint("workspace_id", "role_id", "entity", "field", name="uq_field_right_field"),
    )


def _saved_view() -> None:
    op.create_table(
        "saved_view",
        sa.Column("entity", sa.String(length=60), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("audience", sa.String(length=10), nullable=False),
        sa.Column("membership_id", KEY, nullable=False),
        sa.Column("team_id", KEY, nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("workspace_id", KEY, nullable=False),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspace.id"], name=op.f("fk_saved_view_workspace_id")),
        sa.ForeignKeyConstraint(
            ["workspace_id", "membership_id"], ["membership.workspace_id", "membership.id"], name="fk_saved_view_member"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_saved_view")),
        sa.UniqueConstraint("workspace_id", "id", name="uq_saved_view_workspace_id_id"),
    )
    op.create_index("ix_saved_view_entity", "saved_view", ["workspace_id", "entity", "name"])
    op.create_table(
        "view_subscription",
        sa.Column("view_id", KEY, nullable=False),
        sa.Column("membership_id", KEY, nullable=False),
        sa.Column("rhythm", sa.String(length=10), nullable=False),
        sa.Column("sent_on", sa.Date(), nullable=True),
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("workspace_id", KEY, nullable=False),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspace.id"], name=op.f("fk_view_subscription_workspace_id")),
        sa.ForeignKeyConstraint(
            ["workspace_id", "view_id"], ["saved_view.workspace_id", "saved_view.id"], name="fk_view_subscription_view",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "membership_id"], ["membership.workspace_id", "membership.id"],
            name="fk_view_subscription_member",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_view_subscription")),
        sa.UniqueConstraint("workspace_id", "id", name="uq_view_subscription_workspace_id_id"),
        sa.UniqueConstraint("workspace_id", "view_id", "membership_id", name="uq_view_subscription_member"),
    )  # fmt: skip


def _entity_layout() -> None:
    op.create_table(
        "entity_layout",
        sa.Column("entity", sa.String(length=60), nullable=False),
        sa.Column("role_id", sa.Integer(), nullable=False),
        sa.Column("facts", JSON, nullable=False),
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("workspace_id", KEY, nullable=False),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspace.id"], name=op.f("fk_entity_layout_workspace_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_entity_layout")),
        sa.UniqueConstraint("workspace_id", "id", name="uq_entity_layout_workspace_id_id"),
        sa.UniqueConstraint("workspace_id", "entity", "role_id", name="uq_entity_layout_entity"),
    )

"""Mail that comes in: raw messages, what was made of them, and status codes of what was sent."""

import sqlalchemy as sa
from alembic import op

from migrations.kinds import ALIVE, JSON, KEY, MOMENT, when
from migrations.rights import EVERY_ACTION, give

revision = "0021"
down_revision = "0022"
branch_labels = None
depends_on = None

TOLD = "(select current_setting('app.workspace_id', true))"
GRANTS = {
    "owner": EVERY_ACTION,
    "admin": EVERY_ACTION,
    "broker": EVERY_ACTION,
    "compliance": ("read", "export"),
    "read_only": ("read",),
}
# As every kind of work: agents have their own, assistants their team's.
NEAR = (("agent", "own", ("read", "write", "delete")), ("assistant", "team", ("read", "write")))


def upgrade() -> None:
    _received()
    _inbound()
    op.add_column("message", sa.Column("status_code", sa.String(length=20), nullable=True))
    op.create_index("ix_message_message_id", "message", ["message_id"])
    op.add_column("workspace", sa.Column("mail_waiting", sa.Integer(), nullable=False, server_default="0"))
    if op.get_context().dialect.name == "postgresql":
        for table in ("received_mail", "inbound_mail"):
            rule = f"CASE WHEN {TOLD} = '*' THEN true ELSE cast(workspace_id as text) = {TOLD} END"
            op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
            op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
            op.execute(f"CREATE POLICY wall ON {table} USING ({rule})")
    give("inbound_mail", GRANTS)
    for role, reach, actions in NEAR:
        give("inbound_mail", {role: actions}, reach=reach)
    give("inbound_mail", {"assistant": ("delete",)}, reach="own")


def downgrade() -> None:
    op.drop_column("workspace", "mail_waiting")
    op.drop_index("ix_message_message_id", table_name="message")
    op.drop_column("message", "status_code")
    op.drop_table("inbound_mail")
    op.drop_table("received_mail")


def _received() -> None:
    op.create_table(
        "received_mail",
        sa.Column("workspace_id", KEY, nullable=True),
        sa.Column("via", sa.String(length=20), nullable=False),
        sa.Column("sender", sa.String(length=320), nullable=True),
        sa.Column("recipient", sa.String(length=320), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=True),
        sa.Column("received_at", MOMENT, nullable=False),
        sa.Column("mail_id", KEY, nullable=True),
        sa.Column("contact_id", KEY, nullable=True),
        sa.Column("discarded_reason", sa.String(length=300), nullable=True),
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspace.id"], name=op.f("fk_received_mail_workspace_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_received_mail")),
        sa.UniqueConstraint("digest", name=op.f("uq_received_mail_digest")),
        sa.UniqueConstraint("workspace_id", "id", name="uq_received_mail_workspace_id_id"),
    )
    op.create_index("ix_received_mail_at", "received_mail", ["received_at"])
    op.create_index("ix_received_mail_contact", "received_mail", ["workspace_id", "contact_id"])
    op.create_index("ix_received_mail_mail", "received_mail", ["workspace_id", "mail_id"])


def _inbound() -> None:
    near = {"contact_id": "contact", "message_id": "message", "owner_id": "membership", "team_id": "team"}
    op.create_table(
        "inbound_mail",
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("sender", sa.String(length=320), nullable=True),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=40), nullable=False),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("contact_id", KEY, nullable=True),
        sa.Column("message_id", KEY, nullable=True),
        sa.Column("received_at", MOMENT, nullable=False),
        sa.Column("about", sa.String(length=254), nullable=True),
        sa.Column("status_code", sa.String(length=20), nullable=True),
        sa.Column("reason", sa.String(length=500), nullable=True),
        sa.Column("header_id", sa.String(length=300), nullable=True),
        sa.Column("received_id", sa.Integer(), nullable=True),
        sa.Column("owner_id", KEY, nullable=True),
        sa.Column("team_id", KEY, nullable=True),
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
        sa.ForeignKeyConstraint(["workspace_id"], ["workspace.id"], name=op.f("fk_inbound_mail_workspace_id")),
        *(
            sa.ForeignKeyConstraint(
                ["workspace_id", column],
                [f"{target}.workspace_id", f"{target}.id"],
                name=f"fk_inbound_mail_{column}",
            )
            for column, target in near.items()
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inbound_mail")),
        sa.UniqueConstraint("workspace_id", "id", name="uq_inbound_mail_workspace_id_id"),
    )
    newest, waits = ["workspace_id", sa.text("id DESC")], sa.text("state = 'waiting' AND deleted_at IS NULL")
    op.create_index("ix_inbound_mail_alive", "inbound_mail", newest, **when(ALIVE))
    op.create_index(
        "ix_inbound_mail_contact", "inbound_mail", ["workspace_id", "contact_id", sa.text("id DESC")], **when(ALIVE)
    )
    op.create_index("ix_inbound_mail_waiting", "inbound_mail", ["workspace_id", "id"], **when(waits))
    op.create_index(
        "ix_inbound_mail_about", "inbound_mail", ["workspace_id", "about", "kind", "received_at"], **when(ALIVE)
    )
    op.create_index("ix_inbound_mail_header", "inbound_mail", ["workspace_id", "header_id"], **when(ALIVE))

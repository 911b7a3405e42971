"""What opens first from the menu, for a person or a role; and the stars that people give records."""

import sqlalchemy as sa
from alembic import op

from migrations.kinds import KEY, MOMENT

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

TOLD = "(select current_setting('app.workspace_id', true))"


def upgrade() -> None:
    op.create_table(
        "first_view",
        sa.Column("entity", sa.String(length=60), nullable=False),
        sa.Column("membership_id", KEY, nullable=True),
        sa.Column("role_id", sa.Integer(), nullable=True),
        sa.Column("view_id", KEY, nullable=True),
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("workspace_id", KEY, nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id", "membership_id"], ["membership.workspace_id", "membership.id"], name="fk_first_view_member"
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "view_id"], ["saved_view.workspace_id", "saved_view.id"], name="fk_first_view_view",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["role_id"], ["ab_role.id"], name=op.f("fk_first_view_role_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspace.id"], name=op.f("fk_first_view_workspace_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_first_view")),
        sa.UniqueConstraint("workspace_id", "entity", "membership_id", name="uq_first_view_member"),
        sa.UniqueConstraint("workspace_id", "entity", "role_id", name="uq_first_view_role"),
        sa.UniqueConstraint("workspace_id", "id", name="uq_first_view_workspace_id_id"),
    )  # fmt: skip
    op.create_index("ix_first_view_view", "first_view", ["workspace_id", "view_id"])
    op.create_table(
        "star",
        sa.Column("membership_id", KEY, nullable=False),
        sa.Column("entity", sa.String(length=60), nullable=False),
        sa.Column("record_id", KEY, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("workspace_id", KEY, nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id", "membership_id"], ["membership.workspace_id", "membership.id"], name="fk_star_member"
        ),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspace.id"], name=op.f("fk_star_workspace_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_star")),
        sa.UniqueConstraint("workspace_id", "membership_id", "entity", "record_id", name="uq_star_record"),
        sa.UniqueConstraint("workspace_id", "id", name="uq_star_workspace_id_id"),
    )
    op.create_index("ix_star_record", "star", ["entity", "record_id"])
    if op.get_context().dialect.name == "postgresql":
        rule = f"CASE WHEN {TOLD} = '*' THEN true ELSE cast(workspace_id as text) = {TOLD} END"
        for table in ("first_view", "star"):
            op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
            op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
            op.execute(f"CREATE POLICY wall ON {table} USING ({rule})")


def downgrade() -> None:
    op.drop_table("star")
    op.drop_table("first_view")

"""Granted access: who may act as whom until when, and both actors on every change."""

import sqlalchemy as sa
from alembic import op

from migrations.kinds import KEY, MOMENT

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

TOLD = "(select current_setting('app.workspace_id', true))"


def upgrade() -> None:
    op.add_column("change", sa.Column("on_behalf_of", sa.String(length=200), nullable=True))
    op.create_table(
        "access_grant",
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("grantee", sa.String(length=200), nullable=False),
        sa.Column("operator", sa.Boolean(), nullable=False),
        sa.Column("role_id", sa.Integer(), nullable=True),
        sa.Column("as_membership_id", KEY, nullable=True),
        sa.Column("as_label", sa.String(length=200), nullable=False),
        sa.Column("purpose", sa.String(length=500), nullable=False),
        sa.Column("granted_by", sa.String(length=200), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("started_at", MOMENT, nullable=True),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.Column("revoked_at", MOMENT, nullable=True),
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("workspace_id", KEY, nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["ab_user.id"], name=op.f("fk_access_grant_user_id")),
        sa.ForeignKeyConstraint(
            ["role_id"], ["ab_role.id"], name=op.f("fk_access_grant_role_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspace.id"], name=op.f("fk_access_grant_workspace_id")),
        sa.ForeignKeyConstraint(
            ["workspace_id", "as_membership_id"], ["membership.workspace_id", "membership.id"],
            name="fk_access_grant_as_membership_id",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_grant")),
        sa.UniqueConstraint("workspace_id", "id", name="uq_access_grant_workspace_id_id"),
    )  # fmt: skip
    op.create_index(op.f("ix_access_grant_user_id"), "access_grant", ["user_id"])
    if op.get_context().dialect.name == "postgresql":
        rule = f"CASE WHEN {TOLD} = '*' THEN true ELSE cast(workspace_id as text) = {TOLD} END"
        op.execute("ALTER TABLE access_grant ENABLE ROW LEVEL SECURITY")
        op.execute("ALTER TABLE access_grant FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY wall ON access_grant USING ({rule})")


def downgrade() -> None:
    op.drop_table("access_grant")
    op.drop_column("change", "on_behalf_of")

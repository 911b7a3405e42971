"""Dashboards and their arrangements."""

import sqlalchemy as sa
from alembic import op

from migrations.kinds import JSON, KEY, MOMENT, when

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

TOLD = "(select current_setting('app.workspace_id', true))"


def upgrade() -> None:
    _dashboard()
    _layer()
    if op.get_context().dialect.name == "postgresql":
        for table in ("dashboard", "dashboard_layer"):
            rule = f"CASE WHEN {TOLD} = '*' THEN true ELSE cast(workspace_id as text) = {TOLD} END"
            op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
            op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
            op.execute(f"CREATE POLICY wall ON {table} USING ({rule})")


def downgrade() -> None:
    op.drop_table("dashboard_layer")
    op.drop_table("dashboard")


def _dashboard() -> None:
    op.create_table(
        "dashboard",
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("audience", sa.String(length=10), nullable=False),
        sa.Column("membership_id", KEY, nullable=True),
        sa.Column("team_id", KEY, nullable=True),
        sa.Column("home", sa.Boolean(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("deleted_at", MOMENT, nullable=True),
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("workspace_id", KEY, nullable=False),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspace.id"], name=op.f("fk_dashboard_workspace_id")),
        sa.ForeignKeyConstraint(
            ["workspace_id", "membership_id"], ["membership.workspace_id", "membership.id"], name="fk_dashboard_member"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dashboard")),
        sa.UniqueConstraint("workspace_id", "id", name="uq_dashboard_workspace_id_id"),
    )
    op.create_index("uq_dashboard_home", "dashboard", ["workspace_id"], unique=True, **when(sa.text("home")))


def _layer() -> None:
    op.create_table(
        "dashboard_layer",
        sa.Column("dashboard_id", KEY, nullable=False),
        sa.Column("role_id", sa.Integer(), nullable=False),
        sa.Column("membership_id", KEY, nullable=True),
        sa.Column("facts", JSON, nullable=False),
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("workspace_id", KEY, nullable=False),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspace.id"], name=op.f("fk_dashboard_layer_workspace_id")),
        sa.ForeignKeyConstraint(
            ["workspace_id", "dashboard_id"], ["dashboard.workspace_id", "dashboard.id"],
            name="fk_dashboard_layer_dashboard", ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "membership_id"], ["membership.workspace_id", "membership.id"],
            name="fk_dashboard_layer_member",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dashboard_layer")),
        sa.UniqueConstraint("workspace_id", "id", name="uq_dashboard_layer_workspace_id_id"),
    )  # fmt: skip
    op.create_index("ix_dashboard_layer_dashboard", "dashboard_layer", ["workspace_id", "dashboard_id"])

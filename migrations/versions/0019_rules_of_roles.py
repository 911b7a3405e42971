"""Rights of roles that go as far as a condition over the fields of a record says."""

import sqlalchemy as sa
from alembic import op

from migrations.kinds import KEY

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

TOLD = "(select current_setting('app.workspace_id', true))"


def upgrade() -> None:
    op.create_table(
        "role_rule",
        sa.Column("role_id", sa.Integer(), nullable=False),
        sa.Column("entity", sa.String(length=60), nullable=False),
        sa.Column("action", sa.String(length=20), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("workspace_id", KEY, nullable=False),
        sa.ForeignKeyConstraint(["role_id"], ["ab_role.id"], name=op.f("fk_role_rule_role_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspace.id"], name=op.f("fk_role_rule_workspace_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_role_rule")),
        sa.UniqueConstraint("workspace_id", "id", name="uq_role_rule_workspace_id_id"),
        sa.UniqueConstraint("workspace_id", "role_id", "entity", "action", name="uq_role_rule_right"),
    )
    if op.get_context().dialect.name == "postgresql":
        rule = f"CASE WHEN {TOLD} = '*' THEN true ELSE cast(workspace_id as text) = {TOLD} END"
        op.execute("ALTER TABLE role_rule ENABLE ROW LEVEL SECURITY")
        op.execute("ALTER TABLE role_rule FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY wall ON role_rule USING ({rule})")


def downgrade() -> None:
    op.drop_table("role_rule")

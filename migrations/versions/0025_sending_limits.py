"""How much e-mail may leave: limits of a workspace with their buckets, and warm-up plans of new domains."""

import sqlalchemy as sa
from alembic import op

from migrations.kinds import KEY, MOMENT

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

TOLD = "(select current_setting('app.workspace_id', true))"
TABLES = ("sending_limit", "sending_bucket")


def upgrade() -> None:
    op.create_table(
        "sending_limit",
        sa.Column("per_hour", sa.Integer(), nullable=True),
        sa.Column("per_day", sa.Integer(), nullable=True),
        sa.Column("sender_day", sa.Integer(), nullable=True),
        sa.Column("domain_minute", sa.Integer(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        *_own("sending_limit"),
        sa.UniqueConstraint("workspace_id", name="uq_sending_limit_workspace"),
    )
    op.create_table(
        "sending_bucket",
        sa.Column("key", sa.String(length=300), nullable=False),
        sa.Column("tokens", sa.Float(), nullable=False),
        sa.Column("filled_at", MOMENT, nullable=False),
        *_own("sending_bucket"),
        sa.UniqueConstraint("workspace_id", "key", name="uq_sending_bucket_key"),
    )
    op.add_column("sending_domain", sa.Column("warm_from", MOMENT, nullable=True))
    if op.get_context().dialect.name == "postgresql":
        for table in TABLES:
            rule = f"CASE WHEN {TOLD} = '*' THEN true ELSE cast(workspace_id as text) = {TOLD} END"
            op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
            op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
            op.execute(f"CREATE POLICY wall ON {table} USING ({rule})")


def downgrade() -> None:
    op.drop_column("sending_domain", "warm_from")
    for table in reversed(TABLES):
        op.drop_table(table)


def _own(table: str) -> tuple[sa.schema.SchemaItem, ...]:
    return (
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("workspace_id", KEY, nullable=False),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspace.id"], name=op.f(f"fk_{table}_workspace_id")),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
        sa.UniqueConstraint("workspace_id", "id", name=f"uq_{table}_workspace_id_id"),
    )

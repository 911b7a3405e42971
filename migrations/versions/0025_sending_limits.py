"""How much e-mail may leave: limits of a workspace with their buckets, and warm-up plans of new domains."""

import sqlalchemy as sa
from alembic import op

from migrations.kinds import MOMENT
from migrations.walled import own, wall

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

TABLES = ("sending_limit", "sending_bucket")


def upgrade() -> None:
    op.create_table(
        "sending_limit",
        sa.Column("per_hour", sa.Integer(), nullable=True),
        sa.Column("per_day", sa.Integer(), nullable=True),
        sa.Column("sender_day", sa.Integer(), nullable=True),
        sa.Column("domain_minute", sa.Integer(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        *own("sending_limit"),
        sa.UniqueConstraint("workspace_id", name="uq_sending_limit_workspace"),
    )
    op.create_table(
        "sending_bucket",
        sa.Column("key", sa.String(length=300), nullable=False),
        sa.Column("tokens", sa.Float(), nullable=False),
        sa.Column("filled_at", MOMENT, nullable=False),
        *own("sending_bucket"),
        sa.UniqueConstraint("workspace_id", "key", name="uq_sending_bucket_key"),
    )
    op.add_column("sending_domain", sa.Column("warm_from", MOMENT, nullable=True))
    wall(*TABLES)


def downgrade() -> None:
    op.drop_column("sending_domain", "warm_from")
    for table in reversed(TABLES):
        op.drop_table(table)

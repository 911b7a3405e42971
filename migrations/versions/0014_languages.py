"""The language of a person, and of a workspace for those who have not chosen their own."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("ab_user", sa.Column("language", sa.String(length=10), server_default="", nullable=False))
    op.add_column("workspace", sa.Column("language", sa.String(length=10), server_default="en", nullable=False))


def downgrade() -> None:
    op.drop_column("workspace", "language")
    op.drop_column("ab_user", "language")

"""Who sends an e-mail stands beside who works on it: owners may be changed, and nobody sends in another's name."""

import sqlalchemy as sa
from alembic import op

from migrations.adding import add_reference, drop_reference

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    add_reference("message", "sender_id", "membership")
    op.execute(sa.text("UPDATE message SET sender_id = owner_id WHERE state <> 'draft'"))


def downgrade() -> None:
    drop_reference("message", "sender_id")

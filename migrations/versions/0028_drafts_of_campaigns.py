"""AI drafts of a campaign: which campaign a draft was asked for."""

import sqlalchemy as sa
from alembic import op

from migrations.kinds import KEY

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("ai_draft", sa.Column("campaign_id", KEY, nullable=True))
    op.create_index("ix_ai_draft_campaign", "ai_draft", ["workspace_id", "campaign_id"])


def downgrade() -> None:
    op.drop_index("ix_ai_draft_campaign", table_name="ai_draft")
    op.drop_column("ai_draft", "campaign_id")

"""What is noted of people's reading: whether a brokerage has it on, the events, and subjects decided on clicks."""

import sqlalchemy as sa
from alembic import op

from migrations.kinds import JSON, KEY, MOMENT
from migrations.walled import own, wall

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

TABLES = ("tracking_setting", "tracked_event")


def upgrade() -> None:
    op.create_table(
        "tracking_setting",
        *(sa.Column(name, sa.Boolean(), nullable=False) for name in ("opens", "clicks", "visits", "everywhere")),
        sa.Column("countries", JSON, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        *own("tracking_setting"),
        sa.UniqueConstraint("workspace_id", name="uq_tracking_setting_workspace"),
    )
    op.create_table(
        "tracked_event",
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("contact_id", KEY, nullable=False),
        sa.Column("message_id", KEY, nullable=True),
        sa.Column("campaign_id", KEY, nullable=True),
        sa.Column("link", sa.String(length=600), nullable=True),
        sa.Column("human", sa.Boolean(), nullable=False),
        sa.Column("why", sa.String(length=20), nullable=True),
        *own("tracked_event"),
        *(
            sa.ForeignKeyConstraint(
                ["workspace_id", f"{other}_id"], [f"{other}.workspace_id", f"{other}.id"],
                name=f"fk_tracked_event_{other}", ondelete="CASCADE",
            )
            for other in ("contact", "message")
        ),
    )  # fmt: skip
    op.create_index("ix_tracked_event_message", "tracked_event", ["workspace_id", "message_id", "kind", "at"])
    op.create_index("ix_tracked_event_campaign", "tracked_event", ["workspace_id", "campaign_id", "kind"])
    op.create_index("ix_tracked_event_contact", "tracked_event", ["workspace_id", "contact_id", sa.text("id DESC")])
    op.add_column("campaign", sa.Column("decided_by", sa.String(length=40), nullable=False, server_default="replies"))
    wall(*TABLES)


def downgrade() -> None:
    op.drop_column("campaign", "decided_by")
    for table in reversed(TABLES):
        op.drop_table(table)

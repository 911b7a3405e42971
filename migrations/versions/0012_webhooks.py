"""Webhooks and the log of their deliveries, and which API key another one replaces."""

import sqlalchemy as sa
from alembic import op

from migrations.kinds import ALIVE, JSON, KEY, MOMENT, when
from migrations.rights import EVERY_ACTION, give

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

TOLD = "(select current_setting('app.workspace_id', true))"
# A webhook sends records out of the house: nobody but these begins with it.
GRANTS = dict.fromkeys(("owner", "admin"), EVERY_ACTION)


def upgrade() -> None:
    _webhook()
    _delivery()
    op.add_column("api_key", sa.Column("successor_id", KEY, nullable=True))
    if op.get_context().dialect.name == "postgresql":
        for table in ("webhook", "webhook_delivery"):
            rule = f"CASE WHEN {TOLD} = '*' THEN true ELSE cast(workspace_id as text) = {TOLD} END"
            op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
            op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
            op.execute(f"CREATE POLICY wall ON {table} USING ({rule})")
    give("webhook", GRANTS)


def downgrade() -> None:
    op.drop_column("api_key", "successor_id")
    op.drop_table("webhook_delivery")
    op.drop_table("webhook")


def _webhook() -> None:
    op.create_table(
        "webhook",
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("url", sa.String(length=2000), nullable=False),
        sa.Column("events", JSON, nullable=False),
        sa.Column("state", sa.String(length=40), nullable=False),
        sa.Column("membership_id", KEY, nullable=True),
        sa.Column("paused_reason", sa.String(length=300), nullable=True),
        sa.Column("failing_since", MOMENT, nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("rest_until", MOMENT, nullable=True),
        sa.Column("secret_shown_at", MOMENT, nullable=True),
        sa.Column("old_secret_until", MOMENT, nullable=True),
        sa.Column("secret", sa.LargeBinary(), nullable=True),
        sa.Column("old_secret", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.Column("created_by", sa.String(length=200), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(length=40), nullable=False),
        sa.Column("source_ref", sa.String(length=200), nullable=True),
        sa.Column("deleted_at", MOMENT, nullable=True),
        sa.Column("custom", JSON, nullable=True),
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("workspace_id", KEY, nullable=False),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspace.id"], name=op.f("fk_webhook_workspace_id")),
        sa.ForeignKeyConstraint(
            ["workspace_id", "membership_id"],
            ["membership.workspace_id", "membership.id"],
            name="fk_webhook_membership_id",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook")),
        sa.UniqueConstraint("workspace_id", "id", name="uq_webhook_workspace_id_id"),
    )
    op.create_index("ix_webhook_alive", "webhook", ["workspace_id", sa.text("id DESC")], **when(ALIVE))


def _delivery() -> None:
    op.create_table(
        "webhook_delivery",
        sa.Column("webhook_id", KEY, nullable=False),
        sa.Column("event_id", sa.String(length=40), nullable=False),
        sa.Column("event_type", sa.String(length=80), nullable=False),
        sa.Column("entity", sa.String(length=60), nullable=True),
        sa.Column("record_id", KEY, nullable=True),
        sa.Column("subject_id", KEY, nullable=True),
        sa.Column("body", JSON, nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("error", sa.String(length=300), nullable=True),
        sa.Column("excerpt", sa.String(length=500), nullable=True),
        sa.Column("next_at", MOMENT, nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("attempted_at", MOMENT, nullable=True),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("workspace_id", KEY, nullable=False),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspace.id"], name=op.f("fk_webhook_delivery_workspace_id")),
        sa.ForeignKeyConstraint(
            ["workspace_id", "webhook_id"], ["webhook.workspace_id", "webhook.id"], name="fk_webhook_delivery_webhook"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_delivery")),
        sa.UniqueConstraint("event_id", name=op.f("uq_webhook_delivery_event_id")),
        sa.UniqueConstraint("workspace_id", "id", name="uq_webhook_delivery_workspace_id_id"),
    )
    op.create_index("ix_webhook_delivery_log", "webhook_delivery", ["workspace_id", "webhook_id", sa.text("id DESC")])
    op.create_index("ix_webhook_delivery_subject", "webhook_delivery", ["workspace_id", "subject_id"])

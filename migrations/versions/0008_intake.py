"""Received events, walled like every table of a workspace; and where a workspace's logo is found."""

import sqlalchemy as sa
from alembic import op

from migrations.kinds import KEY, MOMENT, when

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

LOGO = sa.text("role = 'logo' AND deleted_at IS NULL")
TOLD = "(select current_setting('app.workspace_id', true))"


def upgrade() -> None:
    op.create_table(
        "received_event",
        sa.Column("source", sa.String(length=40), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("activity_id", KEY, nullable=True),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("workspace_id", KEY, nullable=False),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspace.id"], name=op.f("fk_received_event_workspace_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_received_event")),
        sa.UniqueConstraint("workspace_id", "id", name="uq_received_event_workspace_id_id"),
        sa.UniqueConstraint("workspace_id", "source", "key", name="uq_received_event_key"),
    )
    op.create_index("ix_received_event_at", "received_event", ["at"])
    op.create_index("ix_stored_file_logo", "stored_file", ["workspace_id", "id"], **when(LOGO))
    if op.get_context().dialect.name == "postgresql":
        rule = f"CASE WHEN {TOLD} = '*' THEN true ELSE cast(workspace_id as text) = {TOLD} END"
        op.execute("ALTER TABLE received_event ENABLE ROW LEVEL SECURITY")
        op.execute("ALTER TABLE received_event FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY wall ON received_event USING ({rule})")


def downgrade() -> None:
    op.drop_index("ix_stored_file_logo", table_name="stored_file")
    op.drop_table("received_event")

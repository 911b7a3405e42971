"""Answers to requests that a program may send again, kept for a day."""

import sqlalchemy as sa
from alembic import op

from migrations.kinds import KEY, MOMENT

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

TOLD = "(select current_setting('app.workspace_id', true))"


def upgrade() -> None:
    op.create_table(
        "idempotency",
        sa.Column("key_id", KEY, nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("subject_id", KEY, nullable=True),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("etag", sa.String(length=200), nullable=True),
        sa.Column("location", sa.String(length=200), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("workspace_id", KEY, nullable=False),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspace.id"], name=op.f("fk_idempotency_workspace_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_idempotency")),
        sa.UniqueConstraint("workspace_id", "id", name="uq_idempotency_workspace_id_id"),
        sa.UniqueConstraint("workspace_id", "key_id", "key", name="uq_idempotency_key"),
    )
    op.create_index("ix_idempotency_at", "idempotency", ["at"])
    if op.get_context().dialect.name == "postgresql":
        rule = f"CASE WHEN {TOLD} = '*' THEN true ELSE cast(workspace_id as text) = {TOLD} END"
        op.execute("ALTER TABLE idempotency ENABLE ROW LEVEL SECURITY")
        op.execute("ALTER TABLE idempotency FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY wall ON idempotency USING ({rule})")


def downgrade() -> None:
    op.drop_table("idempotency")

"""Providers of AI, limits and choices of a workspace, what each call cost, and drafts that are no e-mails."""

import sqlalchemy as sa
from alembic import op

from migrations.kinds import JSON, KEY, MOMENT

revision = "0022"
down_revision = "0019"
branch_labels = None
depends_on = None

TOLD = "(select current_setting('app.workspace_id', true))"
TABLES = ("ai_provider", "ai_setting", "ai_draft")
ADDED = (
    ("provider_id", KEY),
    ("reply_bytes", sa.Integer()),
    ("tokens_in", sa.Integer()),
    ("tokens_out", sa.Integer()),
    ("cost", sa.BigInteger()),
    ("latency_ms", sa.Integer()),
    ("status", sa.Integer()),
    ("error", sa.String(length=300)),
)


def upgrade() -> None:
    _provider()
    _setting()
    _draft()
    op.add_column("ai_call", sa.Column("attempt", sa.Integer(), nullable=False, server_default="1"))
    op.add_column("ai_call", sa.Column("reserved", sa.BigInteger(), nullable=False, server_default="0"))
    for name, kind in ADDED:
        op.add_column("ai_call", sa.Column(name, kind, nullable=True))
    op.create_index("ix_ai_call_at", "ai_call", ["workspace_id", "at"])
    op.create_index("ix_ai_call_job", "ai_call", ["workspace_id", "job_id"])
    if op.get_context().dialect.name == "postgresql":
        for table_name in TABLES:
            rule = f"CASE WHEN {TOLD} = '*' THEN true ELSE cast(workspace_id as text) = {TOLD} END"
            op.execute(f"ALTER TABLE {table_name} ENABLE ROW LEVEL SECURITY")
            op.execute(f"ALTER TABLE {table_name} FORCE ROW LEVEL SECURITY")
            op.execute(f"CREATE POLICY wall ON {table_name} USING ({rule})")


def downgrade() -> None:
    op.drop_index("ix_ai_call_job", table_name="ai_call")
    op.drop_index("ix_ai_call_at", table_name="ai_call")
    for name in ("attempt", "reserved", *(name for name, _kind in ADDED)):
        op.drop_column("ai_call", name)
    for name in TABLES:
        op.drop_table(name)


def _provider() -> None:
    op.create_table(
        "ai_provider",
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("base_url", sa.String(length=500), nullable=False),
        sa.Column("model", sa.String(length=80), nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=True),
        sa.Column("price_in", sa.Integer(), nullable=False),
        sa.Column("price_out", sa.Integer(), nullable=False),
        sa.Column("terms_url", sa.String(length=500), nullable=False),
        sa.Column("terms_version", sa.String(length=80), nullable=False),
        sa.Column("accepted_version", sa.String(length=80), nullable=True),
        sa.Column("accepted_by", sa.String(length=200), nullable=True),
        sa.Column("accepted_at", MOMENT, nullable=True),
        sa.Column("tested_at", MOMENT, nullable=True),
        sa.Column("tested_ok", sa.Boolean(), nullable=True),
        sa.Column("tested_note", sa.String(length=300), nullable=True),
        sa.Column("test_job_id", KEY, nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        *_owned("ai_provider"),
        sa.UniqueConstraint("workspace_id", "name", name="uq_ai_provider_name"),
    )


def _setting() -> None:
    op.create_table(
        "ai_setting",
        sa.Column("budget_cents", sa.Integer(), nullable=False),
        sa.Column("calls_per_minute", sa.Integer(), nullable=False),
        sa.Column("choices", JSON, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        *_owned("ai_setting"),
        sa.UniqueConstraint("workspace_id", name="uq_ai_setting_workspace"),
    )


def _draft() -> None:
    op.create_table(
        "ai_draft",
        sa.Column("feature", sa.String(length=60), nullable=False),
        sa.Column("contact_id", KEY, nullable=True),
        sa.Column("template_id", KEY, nullable=True),
        sa.Column("membership_id", KEY, nullable=True),
        sa.Column("job_id", KEY, nullable=False),
        sa.Column("call_id", KEY, nullable=False),
        sa.Column("drafted_by", sa.String(length=80), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        *_owned("ai_draft"),
        sa.ForeignKeyConstraint(
            ["workspace_id", "contact_id"], ["contact.workspace_id", "contact.id"], name="fk_ai_draft_contact_id"
        ),
    )
    op.create_index("ix_ai_draft_job", "ai_draft", ["workspace_id", "job_id"])
    op.create_index("ix_ai_draft_contact", "ai_draft", ["workspace_id", "contact_id"])


def _owned(table: str) -> tuple[sa.Column[int] | sa.Constraint, ...]:
    return (
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("workspace_id", KEY, nullable=False),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspace.id"], name=op.f(f"fk_{table}_workspace_id")),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
        sa.UniqueConstraint("workspace_id", "id", name=f"uq_{table}_workspace_id_id"),
    )

"""Messages, promised jobs and what they leave behind."""

import sqlalchemy as sa
from alembic import op

from migrations.kinds import ALIVE, JSON, KEY, MOMENT, when

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _scheduled_run()
    _job()
    _suppression()
    _template()
    _ai_call()
    _message()


def downgrade() -> None:
    op.drop_table("message")
    op.drop_table("ai_call")
    op.drop_table("template")
    op.drop_table("suppression")
    op.drop_table("job")
    op.drop_table("scheduled_run")


def _scheduled_run() -> None:
    op.create_table(
        "scheduled_run",
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("due_at", MOMENT, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("name", "due_at", name=op.f("pk_scheduled_run")),
    )


def _job() -> None:
    op.create_table(
        "job",
        sa.Column("workspace_id", KEY, nullable=True),
        sa.Column("queue", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("purpose", sa.String(length=60), nullable=False),
        sa.Column("label", sa.String(length=200), nullable=False),
        sa.Column("args", JSON, nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("run_at", MOMENT, nullable=False),
        sa.Column("lease_until", MOMENT, nullable=True),
        sa.Column("token", sa.String(length=40), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("max_attempts", sa.Integer(), nullable=False),
        sa.Column("dedupe", sa.String(length=200), nullable=True),
        sa.Column("actor", JSON, nullable=False),
        sa.Column("membership_id", KEY, nullable=True),
        sa.Column("progress", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=True),
        sa.Column("status", sa.String(length=300), nullable=False),
        sa.Column("result", JSON, nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("cancel_asked", MOMENT, nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("started_at", MOMENT, nullable=True),
        sa.Column("finished_at", MOMENT, nullable=True),
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspace.id"], name=op.f("fk_job_workspace_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job")),
        sa.UniqueConstraint("dedupe", name=op.f("uq_job_dedupe")),
        sa.UniqueConstraint("workspace_id", "id", name="uq_job_workspace_id_id"),
    )
    op.create_index("ix_job_due", "job", ["queue", "run_at", "id"], **when(sa.text("state = 'waiting'")))
    op.create_index("ix_job_leased", "job", ["lease_until"], **when(sa.text("state = 'running'")))
    op.create_index("ix_job_workspace", "job", ["workspace_id", sa.literal_column("id DESC")])
    op.create_index("ix_job_asked_by", "job", ["workspace_id", "membership_id", sa.literal_column("id DESC")])


def _suppression() -> None:
    op.create_table(
        "suppression",
        sa.Column("address", sa.String(length=254), nullable=False),
        sa.Column("reason", sa.String(length=40), nullable=False),
        sa.Column("scope", sa.String(length=40), nullable=False),
        sa.Column("remark", sa.String(length=300), nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.Column("created_by", sa.String(length=200), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(length=40), nullable=False),
        sa.Column("source_ref", sa.String(length=200), nullable=True),
        sa.Column("deleted_at", MOMENT, nullable=True),
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("workspace_id", KEY, nullable=False),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspace.id"], name=op.f("fk_suppression_workspace_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_suppression")),
        sa.UniqueConstraint("workspace_id", "id", name="uq_suppression_workspace_id_id"),
    )
    op.create_index("uq_suppression", "suppression", ["workspace_id", "address", "scope"], unique=True, **when(ALIVE))


def _template() -> None:
    op.create_table(
        "template",
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.Column("created_by", sa.String(length=200), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(length=40), nullable=False),
        sa.Column("source_ref", sa.String(length=200), nullable=True),
        sa.Column("deleted_at", MOMENT, nullable=True),
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("workspace_id", KEY, nullable=False),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspace.id"], name=op.f("fk_template_workspace_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_template")),
        sa.UniqueConstraint("workspace_id", "id", name="uq_template_workspace_id_id"),
    )
    op.create_index("uq_template_name", "template", ["workspace_id", "name"], unique=True, **when(ALIVE))


def _ai_call() -> None:
    op.create_table(
        "ai_call",
        sa.Column("contact_id", KEY, nullable=True),
        sa.Column("membership_id", KEY, nullable=True),
        sa.Column("asked_by", sa.String(length=200), nullable=False),
        sa.Column("job_id", KEY, nullable=True),
        sa.Column("message_id", KEY, nullable=True),
        sa.Column("feature", sa.String(length=60), nullable=False),
        sa.Column("purpose", sa.String(length=60), nullable=False),
        sa.Column("provider", sa.String(length=80), nullable=False),
        sa.Column("model", sa.String(length=80), nullable=False),
        sa.Column("fields", JSON, nullable=False),
        sa.Column("payload_bytes", sa.Integer(), nullable=False),
        sa.Column("payload_hash", sa.String(length=64), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("reply_hash", sa.String(length=64), nullable=True),
        sa.Column("outcome", sa.String(length=20), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("answered_at", MOMENT, nullable=True),
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("workspace_id", KEY, nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id", "contact_id"], ["contact.workspace_id", "contact.id"], name="fk_ai_call_contact_id"
        ),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspace.id"], name=op.f("fk_ai_call_workspace_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ai_call")),
        sa.UniqueConstraint("workspace_id", "id", name="uq_ai_call_workspace_id_id"),
    )
    op.create_index("ix_ai_call_contact", "ai_call", ["workspace_id", "contact_id", sa.literal_column("id DESC")])
    op.create_index("ix_ai_call_workspace", "ai_call", ["workspace_id", sa.literal_column("id DESC")])


def _message() -> None:
    op.create_table(
        "message",
        sa.Column("contact_id", KEY, nullable=True),
        sa.Column("recipient", sa.String(length=254), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=40), nullable=False),
        sa.Column("drafted_by", sa.String(length=80), nullable=True),
        sa.Column("cause", sa.String(length=40), nullable=False),
        sa.Column("cause_id", sa.String(length=80), nullable=False),
        sa.Column("occasion", sa.String(length=80), nullable=False),
        sa.Column("message_id", sa.String(length=200), nullable=True),
        sa.Column("sent_at", MOMENT, nullable=True),
        sa.Column("answer", sa.String(length=500), nullable=True),
        sa.Column("owner_id", KEY, nullable=True),
        sa.Column("team_id", KEY, nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.Column("created_by", sa.String(length=200), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(length=40), nullable=False),
        sa.Column("source_ref", sa.String(length=200), nullable=True),
        sa.Column("deleted_at", MOMENT, nullable=True),
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("workspace_id", KEY, nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id", "contact_id"], ["contact.workspace_id", "contact.id"], name="fk_message_contact_id"
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "owner_id"], ["membership.workspace_id", "membership.id"], name="fk_message_owner_id"
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "team_id"], ["team.workspace_id", "team.id"], name="fk_message_team_id"
        ),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspace.id"], name=op.f("fk_message_workspace_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_message")),
        sa.UniqueConstraint("workspace_id", "cause", "cause_id", "occasion", "recipient", name="uq_message_cause"),
        sa.UniqueConstraint("workspace_id", "id", name="uq_message_workspace_id_id"),
    )
    op.create_index("ix_message_alive", "message", ["workspace_id", sa.literal_column("id DESC")], **when(ALIVE))
    op.create_index(
        "ix_message_contact", "message", ["workspace_id", "contact_id", sa.literal_column("id DESC")], **when(ALIVE)
    )

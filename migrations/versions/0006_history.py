"""Both stores of history, keys of subjects, consent and imports."""

import sqlalchemy as sa
from alembic import op

from migrations.kinds import JSON, KEY, MOMENT

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _audit_head()
    _audit_seal()
    _policy_version()
    _attestation()
    _audit()
    _change()
    _import_batch()
    _subject_key()
    _consent()


def downgrade() -> None:
    op.drop_table("consent")
    op.drop_table("subject_key")
    op.drop_table("import_batch")
    op.drop_table("change")
    op.drop_table("audit")
    op.drop_table("attestation")
    op.drop_table("policy_version")
    op.drop_table("audit_seal")
    op.drop_table("audit_head")


def _audit_head() -> None:
    op.create_table(
        "audit_head",
        sa.Column("chain", KEY, autoincrement=False, nullable=False),
        sa.Column("sequence", KEY, nullable=False),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.Column("signed_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("chain", name=op.f("pk_audit_head")),
    )


def _audit_seal() -> None:
    op.create_table(
        "audit_seal",
        sa.Column("chain", KEY, autoincrement=False, nullable=False),
        sa.Column("sequence", KEY, autoincrement=False, nullable=False),
        sa.Column("audit_id", KEY, nullable=False),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("chain", "sequence", name=op.f("pk_audit_seal")),
        sa.UniqueConstraint("audit_id", name=op.f("uq_audit_seal_audit_id")),
    )


def _policy_version() -> None:
    op.create_table(
        "policy_version",
        sa.Column("id", KEY, nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("published_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_policy_version")),
        sa.UniqueConstraint("digest", name=op.f("uq_policy_version_digest")),
    )


def _attestation() -> None:
    op.create_table(
        "attestation",
        sa.Column("what", sa.String(length=60), nullable=False),
        sa.Column("what_id", KEY, nullable=True),
        sa.Column("basis", sa.String(length=40), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("membership_id", KEY, nullable=True),
        sa.Column("by", sa.String(length=200), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("workspace_id", KEY, nullable=False),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspace.id"], name=op.f("fk_attestation_workspace_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attestation")),
        sa.UniqueConstraint("workspace_id", "id", name="uq_attestation_workspace_id_id"),
    )


def _audit() -> None:
    op.create_table(
        "audit",
        sa.Column("workspace_id", KEY, nullable=True),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("action", sa.String(length=80), nullable=False),
        sa.Column("entity", sa.String(length=60), nullable=True),
        sa.Column("record_id", KEY, nullable=True),
        sa.Column("subject_id", KEY, nullable=True),
        sa.Column("actor_kind", sa.String(length=20), nullable=False),
        sa.Column("actor_id", KEY, nullable=True),
        sa.Column("actor", sa.String(length=200), nullable=False),
        sa.Column("on_behalf_of", sa.String(length=200), nullable=True),
        sa.Column("facts", JSON, nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("ip", sa.String(length=45), nullable=True),
        sa.Column("user_agent", sa.String(length=300), nullable=True),
        sa.Column("request_id", sa.String(length=64), nullable=True),
        sa.Column("reason", sa.String(length=500), nullable=True),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspace.id"], name=op.f("fk_audit_workspace_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
        sa.UniqueConstraint("workspace_id", "id", name="uq_audit_workspace_id_id"),
    )
    op.create_index("ix_audit_action", "audit", ["workspace_id", "action", sa.literal_column("id DESC")])
    op.create_index("ix_audit_actor", "audit", ["workspace_id", "actor_id", sa.literal_column("id DESC")])
    op.create_index("ix_audit_record", "audit", ["workspace_id", "entity", "record_id", sa.literal_column("id DESC")])
    op.create_index("ix_audit_subject", "audit", ["workspace_id", "subject_id", sa.literal_column("id DESC")])
    op.create_index(
        "ix_audit_workspace", "audit", ["workspace_id", sa.literal_column("at DESC"), sa.literal_column("id DESC")]
    )


def _change() -> None:
    op.create_table(
        "change",
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("operation", sa.String(length=80), nullable=False),
        sa.Column("verb", sa.String(length=20), nullable=False),
        sa.Column("entity", sa.String(length=60), nullable=False),
        sa.Column("record_id", KEY, nullable=False),
        sa.Column("version", sa.Integer(), nullable=True),
        sa.Column("subject_id", KEY, nullable=True),
        sa.Column("actor", sa.String(length=200), nullable=False),
        sa.Column("membership_id", KEY, nullable=True),
        sa.Column("old", JSON, nullable=False),
        sa.Column("new", JSON, nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=True),
        sa.Column("request_id", sa.String(length=64), nullable=True),
        sa.Column("undoes", KEY, nullable=True),
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("workspace_id", KEY, nullable=False),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspace.id"], name=op.f("fk_change_workspace_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_change")),
        sa.UniqueConstraint("workspace_id", "id", name="uq_change_workspace_id_id"),
    )
    op.create_index("ix_change_record", "change", ["workspace_id", "entity", "record_id", sa.literal_column("id DESC")])
    op.create_index("ix_change_subject", "change", ["workspace_id", "subject_id", sa.literal_column("id DESC")])


def _import_batch() -> None:
    op.create_table(
        "import_batch",
        sa.Column("file_name", sa.String(length=200), nullable=False),
        sa.Column("storage_key", sa.String(length=120), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("mapping", JSON, nullable=False),
        sa.Column("options", JSON, nullable=False),
        sa.Column("counts", JSON, nullable=False),
        sa.Column("rows_read", sa.Integer(), nullable=False),
        sa.Column("problems_key", sa.String(length=120), nullable=True),
        sa.Column("job_id", KEY, nullable=True),
        sa.Column("membership_id", KEY, nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("finished_at", MOMENT, nullable=True),
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("workspace_id", KEY, nullable=False),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspace.id"], name=op.f("fk_import_batch_workspace_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_import_batch")),
        sa.UniqueConstraint("workspace_id", "id", name="uq_import_batch_workspace_id_id"),
    )


def _subject_key() -> None:
    op.create_table(
        "subject_key",
        sa.Column("subject_id", KEY, nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("workspace_id", KEY, nullable=False),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspace.id"], name=op.f("fk_subject_key_workspace_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subject_key")),
        sa.UniqueConstraint("workspace_id", "id", name="uq_subject_key_workspace_id_id"),
        sa.UniqueConstraint("workspace_id", "subject_id", name=op.f("uq_subject_key_workspace_id_subject_id")),
    )


def _consent() -> None:
    op.create_table(
        "consent",
        sa.Column("contact_id", KEY, nullable=True),
        sa.Column("topic", sa.String(length=40), nullable=False),
        sa.Column("given", sa.Boolean(), nullable=False),
        sa.Column("basis", sa.String(length=40), nullable=False),
        sa.Column("source", sa.String(length=80), nullable=False),
        sa.Column("wording", sa.Text(), nullable=False),
        sa.Column("policy_digest", sa.String(length=64), nullable=True),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("ip", sa.String(length=45), nullable=True),
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("workspace_id", KEY, nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id", "contact_id"], ["contact.workspace_id", "contact.id"], name="fk_consent_contact_id"
        ),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspace.id"], name=op.f("fk_consent_workspace_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent")),
        sa.UniqueConstraint("workspace_id", "id", name="uq_consent_workspace_id_id"),
    )
    op.create_index(
        "ix_consent_contact", "consent", ["workspace_id", "contact_id", "topic", sa.literal_column("id DESC")]
    )

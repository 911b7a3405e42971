"""Pipelines, deals and the daily work around them."""

import sqlalchemy as sa
from alembic import op

from migrations.kinds import ALIVE, JSON, KEY, MOMENT, when

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _pipeline()
    _stage()
    _deal()
    _activity()
    _note()
    _stored_file()
    _task()


def downgrade() -> None:
    op.drop_table("task")
    op.drop_table("stored_file")
    op.drop_table("note")
    op.drop_table("activity")
    op.drop_table("deal")
    op.drop_table("stage")
    op.drop_table("pipeline")


def _pipeline() -> None:
    op.create_table(
        "pipeline",
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.Column("created_by", sa.String(length=200), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(length=40), nullable=False),
        sa.Column("source_ref", sa.String(length=200), nullable=True),
        sa.Column("deleted_at", MOMENT, nullable=True),
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("workspace_id", KEY, nullable=False),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspace.id"], name=op.f("fk_pipeline_workspace_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pipeline")),
        sa.UniqueConstraint("workspace_id", "id", name="uq_pipeline_workspace_id_id"),
    )
    op.create_index("uq_pipeline_name", "pipeline", ["workspace_id", "name"], unique=True, **when(ALIVE))


def _stage() -> None:
    op.create_table(
        "stage",
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("pipeline_id", KEY, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("probability", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.String(length=40), nullable=False),
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
            ["workspace_id", "pipeline_id"], ["pipeline.workspace_id", "pipeline.id"], name="fk_stage_pipeline_id"
        ),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspace.id"], name=op.f("fk_stage_workspace_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stage")),
        sa.UniqueConstraint("workspace_id", "id", name="uq_stage_workspace_id_id"),
    )
    op.create_index("ix_stage_pipeline", "stage", ["workspace_id", "pipeline_id", "position"], **when(ALIVE))


def _deal() -> None:
    op.create_table(
        "deal",
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("contact_id", KEY, nullable=False),
        sa.Column("side", sa.String(length=40), nullable=False),
        sa.Column("stage_id", KEY, nullable=False),
        sa.Column("price", sa.BigInteger(), nullable=True),
        sa.Column("property_address", sa.String(length=300), nullable=True),
        sa.Column("expected_close", sa.Date(), nullable=True),
        sa.Column("closed_on", sa.Date(), nullable=True),
        sa.Column("last_activity", MOMENT, nullable=False),
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
            ["workspace_id", "contact_id"], ["contact.workspace_id", "contact.id"], name="fk_deal_contact_id"
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "owner_id"], ["membership.workspace_id", "membership.id"], name="fk_deal_owner_id"
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "stage_id"], ["stage.workspace_id", "stage.id"], name="fk_deal_stage_id"
        ),
        sa.ForeignKeyConstraint(["workspace_id", "team_id"], ["team.workspace_id", "team.id"], name="fk_deal_team_id"),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspace.id"], name=op.f("fk_deal_workspace_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deal")),
        sa.UniqueConstraint("workspace_id", "id", name="uq_deal_workspace_id_id"),
    )
    if op.get_context().dialect.name == "postgresql":
        op.create_index(
            "gin_deal_search",
            "deal",
            ["workspace_id", "title"],
            postgresql_using="gin",
            postgresql_ops={"title": "gin_trgm_ops"},
            postgresql_with={"gin_pending_list_limit": 1024},
            **when(ALIVE),
        )
    op.create_index("ix_deal_alive", "deal", ["workspace_id", sa.literal_column("id DESC")], **when(ALIVE))
    op.create_index(
        "ix_deal_contact", "deal", ["workspace_id", "contact_id", sa.literal_column("id DESC")], **when(ALIVE)
    )
    op.create_index(
        "ix_deal_last_activity",
        "deal",
        ["workspace_id", sa.literal_column("last_activity DESC"), sa.literal_column("id DESC")],
        **when(ALIVE),
    )
    if op.get_context().dialect.name == "sqlite":
        op.create_index("ix_deal_search", "deal", ["workspace_id", "deleted_at", "title"])
    op.create_index(
        "ix_deal_stage",
        "deal",
        ["workspace_id", "stage_id", sa.literal_column("last_activity DESC"), sa.literal_column("id DESC")],
        **when(ALIVE),
    )


def _activity() -> None:
    op.create_table(
        "activity",
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("happened_at", MOMENT, nullable=False),
        sa.Column("minutes", sa.Integer(), nullable=True),
        sa.Column("details", sa.Text(), nullable=True),
        sa.Column("contact_id", KEY, nullable=True),
        sa.Column("deal_id", KEY, nullable=True),
        sa.Column("payload", JSON, nullable=True),
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
            ["workspace_id", "contact_id"], ["contact.workspace_id", "contact.id"], name="fk_activity_contact_id"
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "deal_id"], ["deal.workspace_id", "deal.id"], name="fk_activity_deal_id"
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "owner_id"], ["membership.workspace_id", "membership.id"], name="fk_activity_owner_id"
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "team_id"], ["team.workspace_id", "team.id"], name="fk_activity_team_id"
        ),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspace.id"], name=op.f("fk_activity_workspace_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_activity")),
        sa.UniqueConstraint("workspace_id", "id", name="uq_activity_workspace_id_id"),
    )
    op.create_index("ix_activity_alive", "activity", ["workspace_id", sa.literal_column("id DESC")], **when(ALIVE))
    op.create_index(
        "ix_activity_contact", "activity", ["workspace_id", "contact_id", sa.literal_column("id DESC")], **when(ALIVE)
    )


def _note() -> None:
    op.create_table(
        "note",
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("contact_id", KEY, nullable=True),
        sa.Column("deal_id", KEY, nullable=True),
        sa.Column("pinned", sa.Boolean(), nullable=False),
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
            ["workspace_id", "contact_id"], ["contact.workspace_id", "contact.id"], name="fk_note_contact_id"
        ),
        sa.ForeignKeyConstraint(["workspace_id", "deal_id"], ["deal.workspace_id", "deal.id"], name="fk_note_deal_id"),
        sa.ForeignKeyConstraint(
            ["workspace_id", "owner_id"], ["membership.workspace_id", "membership.id"], name="fk_note_owner_id"
        ),
        sa.ForeignKeyConstraint(["workspace_id", "team_id"], ["team.workspace_id", "team.id"], name="fk_note_team_id"),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspace.id"], name=op.f("fk_note_workspace_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_note")),
        sa.UniqueConstraint("workspace_id", "id", name="uq_note_workspace_id_id"),
    )
    op.create_index("ix_note_alive", "note", ["workspace_id", sa.literal_column("id DESC")], **when(ALIVE))
    op.create_index(
        "ix_note_contact", "note", ["workspace_id", "contact_id", sa.literal_column("id DESC")], **when(ALIVE)
    )


def _stored_file() -> None:
    op.create_table(
        "stored_file",
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("contact_id", KEY, nullable=True),
        sa.Column("deal_id", KEY, nullable=True),
        sa.Column("mime", sa.String(length=120), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("storage_key", sa.String(length=120), nullable=False),
        sa.Column("role", sa.String(length=40), nullable=False),
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
            ["workspace_id", "contact_id"], ["contact.workspace_id", "contact.id"], name="fk_stored_file_contact_id"
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "deal_id"], ["deal.workspace_id", "deal.id"], name="fk_stored_file_deal_id"
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "owner_id"], ["membership.workspace_id", "membership.id"], name="fk_stored_file_owner_id"
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "team_id"], ["team.workspace_id", "team.id"], name="fk_stored_file_team_id"
        ),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspace.id"], name=op.f("fk_stored_file_workspace_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stored_file")),
        sa.UniqueConstraint("workspace_id", "id", name="uq_stored_file_workspace_id_id"),
    )
    op.create_index(
        "ix_stored_file_alive", "stored_file", ["workspace_id", sa.literal_column("id DESC")], **when(ALIVE)
    )
    op.create_index(
        "ix_stored_file_contact",
        "stored_file",
        ["workspace_id", "contact_id", sa.literal_column("id DESC")],
        **when(ALIVE),
    )


def _task() -> None:
    op.create_table(
        "task",
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("state", sa.String(length=40), nullable=False),
        sa.Column("priority", sa.String(length=40), nullable=False),
        sa.Column("due_at", MOMENT, nullable=True),
        sa.Column("details", sa.Text(), nullable=True),
        sa.Column("contact_id", KEY, nullable=True),
        sa.Column("deal_id", KEY, nullable=True),
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
            ["workspace_id", "contact_id"], ["contact.workspace_id", "contact.id"], name="fk_task_contact_id"
        ),
        sa.ForeignKeyConstraint(["workspace_id", "deal_id"], ["deal.workspace_id", "deal.id"], name="fk_task_deal_id"),
        sa.ForeignKeyConstraint(
            ["workspace_id", "owner_id"], ["membership.workspace_id", "membership.id"], name="fk_task_owner_id"
        ),
        sa.ForeignKeyConstraint(["workspace_id", "team_id"], ["team.workspace_id", "team.id"], name="fk_task_team_id"),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspace.id"], name=op.f("fk_task_workspace_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_task")),
        sa.UniqueConstraint("workspace_id", "id", name="uq_task_workspace_id_id"),
    )
    if op.get_context().dialect.name == "postgresql":
        op.create_index(
            "gin_task_search",
            "task",
            ["workspace_id", "title"],
            postgresql_using="gin",
            postgresql_ops={"title": "gin_trgm_ops"},
            postgresql_with={"gin_pending_list_limit": 1024},
            **when(ALIVE),
        )
    op.create_index("ix_task_alive", "task", ["workspace_id", sa.literal_column("id DESC")], **when(ALIVE))
    op.create_index(
        "ix_task_contact", "task", ["workspace_id", "contact_id", sa.literal_column("id DESC")], **when(ALIVE)
    )
    op.create_index("ix_task_due", "task", ["workspace_id", "state", "due_at", "id"], **when(ALIVE))
    if op.get_context().dialect.name == "sqlite":
        op.create_index("ix_task_search", "task", ["workspace_id", "deleted_at", "title"])

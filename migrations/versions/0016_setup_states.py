"""The set-up over time: its states, the names that outlive renaming, and files that wait to be imported."""

import sqlalchemy as sa
from alembic import op

from migrations.kinds import JSON, KEY, MOMENT
from migrations.walled import wall

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

TABLES = ("setup_state", "setup_key", "setup_file")


def upgrade() -> None:
    _states()
    _keys()
    _files()
    wall(*TABLES)


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)


def _states() -> None:
    op.create_table(
        "setup_state",
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("operation", sa.String(length=80), nullable=False),
        sa.Column("actor", sa.String(length=200), nullable=False),
        sa.Column("membership_id", KEY, nullable=True),
        sa.Column("on_behalf_of", sa.String(length=200), nullable=True),
        sa.Column("reason", sa.String(length=500), nullable=True),
        sa.Column("changes", JSON, nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        *_walled("setup_state"),
    )
    op.create_index("ix_setup_state_newest", "setup_state", ["workspace_id", sa.text("id DESC")])


def _keys() -> None:
    op.create_table(
        "setup_key",
        sa.Column("entity", sa.String(length=60), nullable=False),
        sa.Column("record_id", KEY, nullable=False),
        sa.Column("key", sa.String(length=60), nullable=False),
        *_walled("setup_key"),
        sa.UniqueConstraint("workspace_id", "entity", "key", name="uq_setup_key_key"),
        sa.UniqueConstraint("workspace_id", "entity", "record_id", name="uq_setup_key_record"),
    )


def _files() -> None:
    op.create_table(
        "setup_file",
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("membership_id", KEY, nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        *_walled("setup_file"),
        sa.ForeignKeyConstraint(
            ["workspace_id", "membership_id"], ["membership.workspace_id", "membership.id"], name="fk_setup_file_member"
        ),
    )


def _walled(table: str) -> tuple[sa.schema.SchemaItem, ...]:
    return (
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("workspace_id", KEY, nullable=False),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspace.id"], name=op.f(f"fk_{table}_workspace_id")),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
        sa.UniqueConstraint("workspace_id", "id", name=f"uq_{table}_workspace_id_id"),
    )

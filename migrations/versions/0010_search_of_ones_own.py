"""Owner and team in the search indexes of SQLite, so that a search of one's own records reads no others."""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

SEARCHED = {"contact": ("name", "email", "phone", "company"), "deal": ("title",), "task": ("title",)}


def upgrade() -> None:
    _index_anew("owner_id", "team_id")


def downgrade() -> None:
    _index_anew()


def _index_anew(*reach: str) -> None:
    if op.get_context().dialect.name != "sqlite":
        return
    for table, columns in SEARCHED.items():
        op.drop_index(f"ix_{table}_search", table_name=table)
        op.create_index(f"ix_{table}_search", table, ["workspace_id", "deleted_at", *reach, *columns])

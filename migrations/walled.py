"""What every table of a workspace begins with: its own columns, and the wall of PostgreSQL's row security around it.

As the tables were made: like `migrations.kinds` this is part of the past and never changes.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from alembic import op

from migrations.kinds import KEY

_TOLD = "(select current_setting('app.workspace_id', true))"
_RULE = f"CASE WHEN {_TOLD} = '*' THEN true ELSE cast(workspace_id as text) = {_TOLD} END"


def own(table: str) -> tuple[sa.schema.SchemaItem, ...]:
    """Id and workspace, with their keys."""
    return (
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("workspace_id", KEY, nullable=False),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspace.id"], name=op.f(f"fk_{table}_workspace_id")),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
        sa.UniqueConstraint("workspace_id", "id", name=f"uq_{table}_workspace_id_id"),
    )


def wall(*tables: str) -> None:
    """On PostgreSQL nobody sees rows of another workspace than the one that is told; "*" is all of them."""
    if op.get_context().dialect.name == "postgresql":
        for table in tables:
            op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
            op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
            op.execute(f"CREATE POLICY wall ON {table} USING ({_RULE})")


@contextmanager
def through_walls() -> Iterator[sa.Connection]:
    """The connection with every workspace in sight: the walls bind the owner of the tables too."""
    here = op.get_bind()
    tell = sa.text("select set_config('app.workspace_id', :told, true)")
    walled = here.dialect.name == "postgresql"
    if walled:
        here.execute(tell, {"told": "*"})
    yield here
    if walled:
        here.execute(tell, {"told": ""})

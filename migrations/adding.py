"""Adds a reference to a table that is there already, and takes it away.

SQLite adds no composite key to a table: Alembic makes the table anew, and what it does not read of the old one (indexes
with an order or a condition, triggers) is made again here from its own text.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from alembic import op
from alembic.operations import BatchOperations

from migrations.kinds import KEY

_OF = sa.text("select type, name, sql from sqlite_master where tbl_name = :table and sql <> '' and type <> 'table'")


def add_reference(table: str, column: str, target: str) -> None:
    """A nullable column that refers to the id of `target` in the same workspace."""
    with _anew(table) as altered:
        altered.add_column(sa.Column(column, KEY, nullable=True))
        altered.create_foreign_key(f"fk_{table}_{column}", target, ["workspace_id", column], ["workspace_id", "id"])


def drop_reference(table: str, column: str) -> None:
    """The column and its key; indexes that name it must be gone."""
    with _anew(table) as altered:
        altered.drop_constraint(f"fk_{table}_{column}", type_="foreignkey")
        altered.drop_column(column)


@contextmanager
def _anew(table: str) -> Iterator[BatchOperations]:
    here = op.get_bind()
    kept = here.execute(_OF, {"table": table}).all() if here.dialect.name == "sqlite" else []
    with op.batch_alter_table(table) as altered:
        yield altered
    for kind, name, sql in kept:
        here.exec_driver_sql(f'drop {kind} if exists "{name}"')
        here.exec_driver_sql(sql)

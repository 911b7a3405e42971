"""How models and a database are compared, for `flask db migrate` and for the test that both agree."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic.autogenerate.api import AutogenContext
from sqlalchemy.types import TypeDecorator

from models.base import Base
from models.encrypted import Encrypted
from models.fields import UTC, Texts


def options(dialect: sa.Dialect) -> dict[str, Any]:
    """Arguments of `MigrationContext.configure` and of `EnvironmentContext.configure`."""
    return {
        "target_metadata": metadata(),
        "include_object": included(dialect),
        "render_item": render,
        "compare_type": True,
        "render_as_batch": dialect.name == "sqlite",
    }


def metadata() -> sa.MetaData:
    """The tables of every model."""
    import models  # noqa: F401  maps them

    return Base.metadata


def included(dialect: sa.Dialect) -> Any:
    """A filter that leaves out what a model declares for the other database only (`Index.ddl_if`), and on SQLite the
    indexes with an order or an expression, which it does not report: `tests/contracts/test_migrations` reads
    their text.
    """
    unreported = {index.name for index in with_expressions()} if dialect.name == "sqlite" else set()

    def include(thing: Any, name: str | None, kind: str, _reflected: bool, _other: Any) -> bool:
        condition = getattr(thing, "_ddl_if", None)
        fits = condition is None or condition.dialect == dialect.name
        return fits and not (kind == "index" and name in unreported)

    return include


def with_expressions() -> list[sa.Index]:
    """Indexes that hold more than plain columns, as "id DESC"."""
    indexes = (index for table in metadata().sorted_tables for index in table.indexes)
    return [index for index in indexes if not all(isinstance(part, sa.Column) for part in index.expressions)]


def render(kind: str, thing: Any, context: AutogenContext) -> str | bool:
    """Our own types by their plain database type, so that a migration does not change when a model does."""
    if kind != "type":
        return False
    if isinstance(thing, sa.BigInteger) and "sqlite" in thing._variant_mapping:
        context.imports.add("from migrations.kinds import KEY")
        return "KEY"
    if isinstance(thing, Texts) or (isinstance(thing, sa.JSON) and "postgresql" in thing._variant_mapping):
        context.imports.add("from migrations.kinds import JSON")
        return "JSON"
    if isinstance(thing, UTC):
        context.imports.add("from migrations.kinds import MOMENT")
        return "MOMENT"
    if isinstance(thing, Encrypted):
        return "sa.LargeBinary()"
    return f"sa.{thing.impl!r}" if isinstance(thing, TypeDecorator) else False

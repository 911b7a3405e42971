"""Parts of the unions that a record page and a form are read with, over plain tables: fifty columns through the object
mapper cost more than the query.

A plain table passes by the wall of the session, so `walled` gives each part workspace, bin and reach; "workspace" is
bound when it runs (`here`).
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from app import permissions
from models import scope, tenancy
from models.base import Record
from models.scope import Actor

WHY = tenancy.reason("each part of the union names its own workspace")
WORKSPACE: Any = sa.bindparam("workspace", type_=sa.BigInteger)


def columns(model: type[Any]) -> Any:
    """The columns of a model's table, by name."""
    return model.__table__.c


def walled(statement: Any, model: type[Record], actor: Actor) -> Any:
    """`statement` narrowed to the rows of `model` in this workspace, out of the bin, and within reach for reading."""
    condition = permissions.criterion(model, actor, of=columns(model))
    statement = inside(statement, model)
    return statement if condition is None else statement.where(condition)


def inside(statement: Any, model: type[Record]) -> Any:
    """As `walled`, for a link that leads to what is walled already."""
    return statement.where(columns(model).workspace_id == WORKSPACE, columns(model).deleted_at.is_(None))


def constant(word: str) -> Any:
    """A word of ours as a column, in the text of the statement: a parameter for each would cost more than it says."""
    if word and not word.isidentifier():
        raise ValueError(f"{word!r} is no plain word.")
    return sa.literal_column(f"'{word}'", sa.String())


def number(most: int) -> Any:
    """A number of ours, such as a limit, in the text of the statement."""
    return sa.literal_column(str(int(most)), sa.Integer())


def union(parts: list[Any]) -> Any | None:
    """All of `parts`, each with an order and a limit of its own."""
    return sa.union_all(*(sa.select(part.subquery()) for part in parts)) if parts else None


def here() -> dict[str, Any]:
    """What binds the wall when a statement runs."""
    return {"workspace": scope.workspace_id()}

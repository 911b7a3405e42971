"""The conditions of filters on fields that a workspace added, over their index rows.

Does not belong here: reading filters from an address (`app.services.filters`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from app.services import custom_index
from models.fields import Field, Kind

Like = Callable[[Any, str], Any]


def condition(model: type[Any], name: str, one: Field, op: str, given: Sequence[Any], like: Like) -> Any:
    """The SQL condition; `given` are the operands of the filter, `like` matches a text without regard to case."""
    if one.kind in custom_index.UNINDEXED:
        return _of_text(custom_index.text_of(model, name), op, given, like)
    having = lambda fits: custom_index.having(model, one, fits)  # noqa: E731  reads as the verb it is
    if one.kind is Kind.BOOLEAN:
        yes = having(None)
        return yes if given[0] else ~yes
    match op:
        case "empty":
            return ~having(None)
        case "filled":
            return having(None)
        case "not":
            return ~having(lambda column: column.in_(_keys(one, given)))
        case "contains" | "starts":
            return having(lambda column: like(column, given[0]))
    keys = _keys(one, given)
    return having(lambda column: _compared(column, op, keys))


def _compared(column: Any, op: str, keys: list[Any]) -> Any:
    match op:
        case "after":
            return column > keys[0]
        case "before":
            return column < keys[0]
        case "between":
            return column.between(min(keys), max(keys))
    return column.in_(keys)


def _keys(one: Field, given: Sequence[Any]) -> list[Any]:
    """The operands as index rows hold them."""
    return list(given) if custom_index.is_text(one) else [custom_index.number(one, value) for value in given]


def _of_text(text: Any, op: str, given: Sequence[Any], like: Like) -> Any:
    match op:
        case "empty":
            return text.is_(None)
        case "filled":
            return text.is_not(None)
        case "contains" | "starts":
            return like(text, given[0])
    return text.in_(given)

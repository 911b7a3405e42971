"""The conditions of filters on fields that a workspace added, over their index rows.

A condition is made of parameters alone, the field among them, so that its statement serves every workspace. Does not
belong here: reading filters from an address (`app.services.filters`).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import sqlalchemy as sa

from app.services import custom_index
from models.fields import Field, Kind

Like = Callable[[Any, str], Any]


def parameters(
    name: str, one: Field, op: str, operands: Sequence[Any], mark: str
) -> tuple[Hashable, tuple[Any, ...], dict[str, Any]]:
    """The shape of a condition, what stands in it for the field and the operands, and their values."""
    if one.kind in custom_index.UNINDEXED:
        values = {f"{mark}_{number}": value for number, value in enumerate(operands)}
        return (name, op, len(values)), tuple(sa.bindparam(key, type_=sa.String) for key in values), values
    of = {f"{mark}_field": one.custom}
    given = (sa.bindparam(f"{mark}_field", type_=sa.BigInteger),)
    if one.kind is Kind.BOOLEAN:
        return ("added", one.kind, *operands), (*given, *operands), of
    text = custom_index.is_text(one)
    keys = operands if text else [custom_index.number(one, value) for value in operands]
    values = {f"{mark}_{number}": value for number, value in enumerate(keys)}
    stand_ins = (sa.bindparam(key, type_=sa.String if text else sa.BigInteger) for key in values)
    return ("added", one.kind, op, len(values)), (*given, *stand_ins), of | values


def literal(one: Field, operands: Sequence[Any]) -> tuple[Any, ...]:
    """As `parameters`, with the values themselves."""
    if one.kind in custom_index.UNINDEXED:
        return tuple(operands)
    if one.kind is Kind.BOOLEAN or custom_index.is_text(one):
        return (one.custom, *operands)
    return (one.custom, *(custom_index.number(one, value) for value in operands))


def condition(
    model: type[Any], name: str, one: Field, op: str, given: Sequence[Any], like: Like, of: Any = None
) -> Any:
    """The SQL condition of `parameters` or `literal`; `like` matches a text without regard to case. `of` is an alias of
    the model or the columns of its table, to speak of instead.
    """
    if one.kind in custom_index.UNINDEXED:
        return _of_text(custom_index.text_of(model if of is None else of, name), op, given, like)
    field, *keys = given
    having = lambda fits: custom_index.having(model, one, field, fits, of=of)  # noqa: E731  reads as the verb it is
    match op:
        case _ if one.kind is Kind.BOOLEAN and len(set(keys)) > 1:
            return sa.true()
        case _ if one.kind is Kind.BOOLEAN:
            return having(None) if keys[0] else ~having(None)
        case "empty":
            return ~having(None)
        case "filled":
            return having(None)
        case "not":
            return ~having(lambda column: column.in_(keys))
    return having(lambda column: fits(column, op, keys, like))


def fits(column: Any, op: str, keys: Sequence[Any], like: Like) -> Any:
    """The condition on the column of an index row, of an operator that asks for a value."""
    match op:
        case "contains" | "starts":
            return like(column, keys[0])
        case "after":
            return column > keys[0]
        case "before":
            return column < keys[0]
        case "between":
            return column.between(*keys)
    return column == keys[0] if len(keys) == 1 else column.in_(keys)


def _of_text(text: Any, op: str, given: Sequence[Any], like: Like) -> Any:
    match op:
        case "empty":
            return text.is_(None)
        case "filled":
            return text.is_not(None)
        case "contains" | "starts":
            return like(text, given[0])
    return text.in_(given)

"""Which records have a value that a filter on an added field asks for: on SQLite, looked up before the list is read.

Few are the whole answer, and the list is kept to them: its planner would walk all records to find them. Many mean a
common value, and then walking the list finds a page at once. PostgreSQL judges by itself. Does not belong here: what is
typed into the search (`search_index`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
import sqlalchemy as sa

from app.services import custom_filters, custom_index, filters, kept, parts, schema
from app.services.conditions import Group
from app.services.filters import Filter
from app.services.search_index import CAP, Hits
from models.base import session
from models.custom import CustomValue
from models.fields import Field, Kind
from models.scope import Actor

# Each costs a statement; the first is rare as often as any.
_MOST = 3
_ABSENT = frozenset({"not", "empty"})


def look_up(model: type[Any], wanted: tuple[Filter, ...], where: Group | None, *, actor: Actor) -> Hits:
    """The records within reach that fit the first filter which few fit, or that the one filter there is fits many."""
    asked = () if filters.on_postgresql() else tuple(_asked(model, wanted, where))[:_MOST]
    found = Hits(None)
    for one in asked:
        found = _hits(model, one, actor)
        if not found.common:
            return found
    return found if len(wanted) == 1 else Hits(None)


def _asked(model: type[Any], wanted: tuple[Filter, ...], where: Group | None) -> Iterator[Filter]:
    """The filters that must hold and that index rows can answer."""
    added = schema.added(model)
    needed = where.parts if where is not None and where.join == "and" else ()
    for one in (*wanted, *needed):
        if not isinstance(one, Filter):
            continue
        field = added.get(one.field)
        if field is None or field.kind in custom_index.UNINDEXED or one.op in _ABSENT:
            continue
        if field.kind is not Kind.BOOLEAN or set(one.values) == {True}:
            yield one


def _hits(model: type[Any], one: Filter, actor: Actor) -> Hits:
    shape, given, bound = filters.parameters(model, one, "f")
    key = ("value", CAP, model, shape, kept.sight(actor, (model,)))
    field = schema.added(model)[one.field]
    statement = kept.statement(key, lambda: _scan(model, field, one.op, given, actor))
    number, ids = session.execute(statement, bound | parts.here(), execution_options=parts.WHY).one()
    if number > CAP:
        return Hits(None, True, True, of=one)
    return Hits(tuple(orjson.loads(ids)), False, True, True, of=one)


def _scan(model: type[Any], field: Field, op: str, given: tuple[Any, ...], actor: Actor) -> Any:
    """The ids come as one JSON text, as a thousand rows would cost more than it."""
    c = parts.columns(model)
    mine = parts.walled(sa.select(c.id), model, actor)
    found = mine.where(c.id.in_(_records(field, op, given))).limit(parts.number(CAP + 1)).subquery()
    return sa.select(sa.func.count(), sa.func.json_group_array(found.c.id)).select_from(found)


def _records(field: Field, op: str, given: tuple[Any, ...]) -> Any:
    key, *operands = given
    rows = CustomValue.__table__.alias().c
    mine = sa.select(rows.record_id).where(rows.workspace_id == parts.WORKSPACE, rows.field_id == key)
    if field.kind is Kind.BOOLEAN or op == "filled":
        return mine
    return mine.where(custom_filters.fits(custom_index.column(field, rows), op, operands, filters.like))

"""The parts of a list: how many records each holds, what they add up to, and the first records of each, in one
statement however many parts there are; and what a whole list adds up to.

All of it is over the records that the list's own filters, search and reach leave, at most `MOST` of them. Does not
belong here: what records are parted by (`app.services.group_keys`).
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm

from app import permissions
from app.services import group_keys, queries, schema
from app.services.group_keys import Key
from app.services.queries import ListQuery
from models import registry
from models.base import session
from models.fields import Field
from models.scope import Actor

MOST = 50_000
MOST_GROUPS = 50
# A sum of what may be as large as a whole number gets has to be put together from two.
_HALF = 1_000_000
_MONTH = re.compile(r"(19|20|21)\d\d-(0[1-9]|1[0-2])")


@dataclass(frozen=True, slots=True)
class Sum:
    """What values add up to, and how many there were: cents of money, a number at its own decimal places."""

    total: int | Decimal
    count: int


@dataclass(slots=True)
class Group:
    """A part: the value that its records share, how many there are, sums by field, and its first rows (id, *columns,
    version).
    """

    key: Any
    title: str = ""
    count: int = 0
    sums: dict[str, Sum] = field(default_factory=dict)
    rows: list[Any] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Grouped:
    """Parts, the largest first; `count` of all records in them and in those left out, of which `more` says that there
    are some; `capped` where only the first `MOST` records were looked at.
    """

    groups: list[Group]
    count: int
    capped: bool
    more: bool


def read(query: ListQuery, key: Key, *, per: int, sums: Sequence[str] = (), actor: Actor) -> Grouped:
    """The parts of a list with at most `per` rows of each."""
    inner = _ranked(query, key, sums)
    narrowed, bound = queries.narrowed(inner, query, actor=actor)
    found = _first(narrowed, query).subquery()
    ranks = _windows(found, query, sums)
    outer = queries.picked(query, actor=actor).join(ranks, ranks.c.id == query.model.id)
    extra = [c for n, c in ranks.c.items() if n not in ("id", "place")]
    outer = outer.add_columns(query.model.version, *extra).where(ranks.c.place <= per)
    outer = outer.order_by(ranks.c.number.desc(), ranks.c.key, ranks.c.place).limit(per * (MOST_GROUPS + 1))
    rows = queries.woven(query, list(session.execute(outer, bound)), actor=actor)
    return _gathered(query, rows, sums)


def months(query: ListQuery, name: str, *, actor: Actor) -> list[dt.date]:
    """The first days of the latest months that a date or moment falls into, and of those beside them, in order."""
    month = group_keys.months(query.model, name)
    statement = sa.select(month).distinct().where(month.is_not(None)).order_by(month.desc()).limit(MOST_GROUPS)
    statement, bound = queries.narrowed(statement, query, actor=actor)
    found = [
        dt.date.fromisoformat(f"{text}-01") for text in session.scalars(statement, bound) if _MONTH.fullmatch(text)
    ]
    return sorted({one for day in found for one in (_before(day), day, next_month(day))})


def next_month(day: dt.date) -> dt.date:
    """The first day of the month after."""
    return (day.replace(day=1) + dt.timedelta(days=32)).replace(day=1)


def _before(day: dt.date) -> dt.date:
    return (day.replace(day=1) - dt.timedelta(days=1)).replace(day=1)


def totals(query: ListQuery, names: Iterable[str], *, actor: Actor) -> tuple[dict[str, Sum], int, bool]:
    """What fields of a whole list add up to, the number of records, and whether only the first `MOST` were counted."""
    names = tuple(names)
    order, joins = _order(query)
    inner = _joined(sa.select(query.model.id, order.label("order")).select_from(query.model), joins)
    for place, name in enumerate(names):
        value, joins = group_keys.value_of(query.model, name)
        inner = _joined(inner.add_columns(value.label(f"s{place}")), joins)
    narrowed, bound = queries.narrowed(inner, query, actor=actor)
    found = _first(narrowed, query).subquery()
    parts = [one for place in range(len(names)) for one in halves(found.c[f"s{place}"])]
    row = session.execute(sa.select(sa.func.count(), *parts).select_from(found), bound).one()
    return _sums(query.model, names, row[1:]), row[0], row[0] >= MOST


def setup(target: type[Any], hall: str, *, actor: Actor) -> list[tuple[int, str, int | None, str]]:
    """The records that lanes are made of, in their own order: (id, title, id and title of the `hall` they stand in,
    as a stage in its pipeline); without a hall None and "".
    """
    title = getattr(target, registry.title_of(target))
    statement = sa.select(target.id, title, sa.null(), sa.null())
    if hall:
        above = registry.entity(schema.fields(target)[hall].target or "")
        other = orm.aliased(above, flat=True)
        statement = sa.select(target.id, title, getattr(target, hall), getattr(other, registry.title_of(above)))
        seen = queries.visible(other, getattr(target, hall), above, actor)
        statement = statement.select_from(target).outerjoin(other, seen)
    own = hasattr(target, "in_order") and not schema.is_limited(target)
    order = target.in_order() if own else (title, target.id)
    found = session.execute(permissions.restrict(statement, target, actor).order_by(*order).limit(4 * MOST_GROUPS))
    return [(key, str(name), above_key, str(above_name or "")) for key, name, above_key, above_name in found]


def _ranked(query: ListQuery, key: Key, sums: Sequence[str]) -> Any:
    """What a record is parted, sorted and summed by, with the joins for it."""
    model = query.model
    order, joins = _order(query)
    title = sa.null() if key.title is None else key.title
    picked = sa.select(model.id, key.expression.label("key"), title.label("title"), order.label("order"))
    picked = _joined(picked.select_from(model), (*key.joins, *joins))
    for place, one in enumerate(sums):
        value, more = group_keys.value_of(model, one)
        picked = _joined(picked.add_columns(value.label(f"s{place}")), more)
    return picked


def _order(query: ListQuery) -> tuple[Any, tuple[group_keys.Join, ...]]:
    """What the list is sorted by."""
    name = query.sort.removeprefix("-")
    return (query.model.id, ()) if name == "id" else group_keys.value_of(query.model, name)


def _first(statement: Any, query: ListQuery) -> Any:
    """The first records in the order of the list, as many as are looked at."""
    turn = sa.desc if query.sort.startswith("-") else sa.asc
    return statement.order_by(turn("order"), turn(query.model.id)).limit(MOST)


def _joined(statement: Any, joins: Iterable[group_keys.Join]) -> Any:
    for other, on in joins:
        statement = statement.outerjoin(other, on)
    return statement


def _windows(found: Any, query: ListQuery, sums: Sequence[str]) -> Any:
    """Each record with its place in its part, and the numbers of the part."""
    down = query.sort.startswith("-")
    first, second = (found.c.order.desc(), found.c.id.desc()) if down else (found.c.order.asc(), found.c.id.asc())
    place = sa.func.row_number().over(partition_by=found.c.key, order_by=(first.nulls_last(), second))
    picked = [found.c.id, place.label("place"), found.c.key, found.c.title]
    picked += [sa.func.count().over(partition_by=found.c.key).label("number"), sa.func.count().over().label("every")]
    for number in range(len(sums)):
        for part, one in enumerate(halves(found.c[f"s{number}"])):
            picked.append(one.over(partition_by=found.c.key).label(f"s{number}_{part}"))
    return sa.select(*picked).subquery()


def _gathered(query: ListQuery, rows: list[Any], sums: Sequence[str]) -> Grouped:
    width = 2 + len(query.columns)
    found: dict[Any, Group] = {}
    every = 0
    for row in rows:
        key, title, number, every = row[width : width + 4]
        group = found.get(key)
        if group is None:
            group = Group(key, str(title or ""), number, _sums(query.model, sums, row[width + 4 :]))
            found[key] = group
        group.rows.append(tuple(row[:width]))
    groups = list(found.values())
    return Grouped(groups[:MOST_GROUPS], every, every >= MOST, len(groups) > MOST_GROUPS)


def _sums(model: type[Any], names: Sequence[str], values: Sequence[Any]) -> dict[str, Sum]:
    known = schema.fields(model)
    return {
        name: whole(known[name], values[at : at + 3])
        for name, at in zip(names, range(0, 3 * len(names), 3), strict=True)
    }


def halves(value: Any) -> tuple[Any, ...]:
    """A sum in two halves, and the number of values, for `whole`."""
    return sa.func.sum(value // _HALF), sa.func.sum(value % _HALF), sa.func.count(value)


def whole(one: Field, given: Sequence[Any]) -> Sum:
    """The sum of a field that the database gave as `halves`."""
    total = int(given[0] or 0) * _HALF + int(given[1] or 0)
    return Sum(Decimal(total).scaleb(-one.places) if one.places else total, int(given[2] or 0))

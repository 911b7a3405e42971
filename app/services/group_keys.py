"""What the records of a list can be parted by, and how a part stands in SQL: by choices, yes and no, related records,
and stretches of time.

A related record that the viewer may not read parts nothing: what points to it falls together under `UNSEEN`. Does not
belong here: counting and reading the parts (`app.services.groups`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm

from app import permissions
from app.services import custom_index, filters, queries, schema
from app.services.filters import Filter
from models import registry
from models.base import Owned
from models.fields import Field, Kind
from models.scope import Actor
from models.words import _

# No record has this id.
UNSEEN = 0
_TIMES = frozenset({Kind.DATE, Kind.MOMENT})
_PARTING = _TIMES | {Kind.CHOICE, Kind.BOOLEAN, Kind.RELATION}
_COUNTED = frozenset({Kind.MONEY, Kind.NUMBER})
Join = tuple[Any, Any]


@dataclass(frozen=True, slots=True)
class Key:
    """What a record is parted by: an expression, the outer joins it stands on, and the name of the part if the
    database knows one.
    """

    expression: Any
    joins: tuple[Join, ...] = ()
    title: Any = None


def groupable(model: type[Any]) -> dict[str, Field]:
    """Fields that part records so that each part can be asked for by a filter."""
    seen = schema.fields(model)
    known = filters.filterable(model)
    return {n: f for n, f in known.items() if n in seen and seen[n].kind in _PARTING}


def lanes_of(model: type[Any], *, actor: Actor) -> dict[str, Field]:
    """Fields whose values are few and known: choices, and links to what a workspace sets up once, such as stages."""
    return {
        n: f
        for n, f in groupable(model).items()
        if f.kind is Kind.CHOICE or (f.kind is Kind.RELATION and _is_setup(f.target or "", actor))
    }


def timed(model: type[Any]) -> dict[str, Field]:
    """Dates and moments."""
    return {n: f for n, f in groupable(model).items() if f.kind in _TIMES}


def summable(model: type[Any]) -> dict[str, Field]:
    """Amounts that can be added up."""
    return {n: f for n, f in schema.fields(model).items() if f.kind in _COUNTED and not f.secret and n != "version"}


def by_value(model: type[Any], name: str, *, actor: Actor) -> Key:
    """Parts by the value of a choice, a yes or no, or a relation."""
    one = groupable(model)[name]
    value, joins = value_of(model, name)
    if one.kind is Kind.BOOLEAN and one.custom:
        return Key(value.is_not(None), joins)
    if one.kind is not Kind.RELATION:
        return Key(value, joins)
    target = registry.entity(one.target or "")
    other = orm.aliased(target, flat=True)
    seen = sa.case((value.is_(None), None), else_=sa.func.coalesce(other.id, UNSEEN))
    title = getattr(other, registry.title_of(target))
    return Key(seen, (*joins, (other, queries.visible(other, value, target, actor))), title)


def by_time(model: type[Any], name: str, starts: Sequence[Any]) -> Key:
    """Parts by the stretches that begin at `starts`, in rising order; the key is the number of the stretch."""
    one = groupable(model)[name]
    value, joins = value_of(model, name)
    if one.custom:
        starts = [custom_index.number(one, start) for start in starts]
    later = [(value >= start, number) for number, start in reversed(list(enumerate(starts)))]
    return Key(sa.case((value.is_(None), None), *later, else_=-1), joins)


def months(model: type[Any], name: str) -> Any:
    """The month of a date or moment as text, "2026-11"; of a moment in UTC, so that the viewer's may be one beside."""
    one = groupable(model)[name]
    text = custom_index.text_of(model, name) if one.custom else sa.cast(getattr(model, name), sa.String)
    return sa.func.substr(text, 1, 7, type_=sa.String)


def value_of(model: type[Any], name: str) -> tuple[Any, tuple[Join, ...]]:
    """The value of a field in SQL, as its index row holds it where the workspace added it."""
    one = schema.fields(model)[name]
    if not one.custom:
        return getattr(model, name), ()
    of, same = custom_index.joined(model, one.custom)
    return custom_index.column(one, of), ((of, same),)


def asked_for(model: type[Any], name: str, value: Any) -> tuple[Filter, ...] | None:
    """The filters that keep a list to the part with this value; None where no filter can."""
    one = groupable(model)[name]
    if value is None:
        return (Filter(name, "empty", ()),) if "empty" in filters.operators(one) else None
    if one.kind is Kind.RELATION and value == UNSEEN:
        return None
    return (Filter(name, "is", (bool(value) if one.kind is Kind.BOOLEAN else value,)),)


def within(model: type[Any], name: str, start: dt.date, end: dt.date, zone: dt.tzinfo) -> tuple[Filter, ...]:
    """The filters that keep a list to the days from `start` up to, but without, `end`."""
    if groupable(model)[name].kind is Kind.DATE:
        return (Filter(name, "between", (start, end - dt.timedelta(days=1))),)
    first, last = midnight(start, zone), midnight(end, zone)
    # "Between" takes in both its ends.
    return Filter(name, "between", (first, last)), Filter(name, "before", (last,))


def midnight(day: dt.date, zone: dt.tzinfo) -> dt.datetime:
    """The moment at which a day begins in a zone."""
    return dt.datetime.combine(day, dt.time(), zone).astimezone(dt.UTC)


def start_of(one: Field, day: dt.date, zone: dt.tzinfo) -> Any:
    """A day's beginning as a value of the field."""
    return day if one.kind is Kind.DATE else midnight(day, zone)


def words(one: Field, value: Any, titles: Mapping[Any, str]) -> str:
    """The name of a part for people."""
    if value is None:
        return _("No {label}", label=one.label.lower())
    if one.kind is Kind.BOOLEAN:
        return f"{one.label}: {'yes' if value else 'no'}"
    if one.kind is Kind.RELATION:
        return _("Not yours to see") if value == UNSEEN else titles.get(value) or f"#{value}"
    return one.words(value)


def is_large(model: type[Any]) -> bool:
    """Whether there may be many records of it: what people work on, and what hangs on that."""
    return issubclass(model, Owned) or bool(model.policy.parent)


def _is_setup(entity: str, actor: Actor) -> bool:
    model = registry.entities().get(entity)
    if model is None or is_large(model):
        return False
    return permissions.reach(actor, "read", registry.permission_entity(model)) is not None

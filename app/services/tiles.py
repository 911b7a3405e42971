"""What a tile of a dashboard asks for, and its numbers: SQL GROUP BY over what the viewer may read, never rows.

A tile is kept as a plain dictionary (`Tile.facts`). Does not belong here: which tiles a dashboard has
(`app.services.dashboards`), drawing them (`views.tiles`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import sqlalchemy as sa

from app import permissions
from app.errors import Invalid
from app.services import filters, group_keys, groups, periods, queries, schema
from app.services.filters import Filter
from app.services.group_keys import Key
from app.services.groups import Sum
from app.services.queries import ListQuery
from models import registry
from models.base import Owned, session
from models.fields import Field, Kind
from models.scope import Actor
from models.view import MOST_QUERY
from models.words import N_, _

KINDS = {
    "number": N_("Number"),
    "trend": N_("Trend"),
    "table": N_("Table"),
    "bar": N_("Bars"),
    "line": N_("Line"),
    "funnel": N_("Funnel"),
}
# What the product draws itself, beside the tiles that people make.
BLOCKS = {"needs": N_("Needs you today"), "jobs": N_("Jobs")}
MEASURES = {"count": N_("Number of records"), "sum": N_("Sum of {field}"), "average": N_("Average {field}")}
WIDEST = 3
ROWS = (5, 8, 10)
MOST_TITLE = 80
MOST_PARTS = 1000
_PARTING = frozenset({Kind.CHOICE, Kind.BOOLEAN, Kind.RELATION, Kind.TEXT})


@dataclass(frozen=True, slots=True)
class Tile:
    """One tile. `entity`, and `view` (a saved view) or else `query` (a list's address without its path), say of which
    records; `mine` keeps to those of the viewer. `date` with `period` keeps to some days; with `every` and `span` it
    parts them. `by` and `split` are fields that part, `of` the one that is added up, `inside` the pipeline of a funnel
    over stages.
    """

    id: int = 0
    kind: str = "number"
    title: str = ""
    entity: str = ""
    view: int = 0
    query: str = ""
    mine: bool = False
    measure: str = "count"
    of: str = ""
    by: str = ""
    split: str = ""
    date: str = ""
    period: str = ""
    every: str = ""
    span: int = 0
    inside: int = 0
    rows: int = 5
    width: int = 1

    def facts(self) -> dict[str, Any]:
        """What is kept of it: all that is not as usual."""
        return {f.name: v for f in fields(self) if f.name != "id" and (v := getattr(self, f.name)) != f.default}


_USUAL = {f.name: f.default for f in fields(Tile)}


def made(key: int, facts: Mapping[str, Any]) -> Tile:
    """The tile that was kept; what is of another type than it should be is as usual."""
    known: dict[str, Any] = {n: v for n, v in facts.items() if n in _USUAL and _fits(v, _USUAL[n])}
    return Tile(**(known | {"id": key}))


def _fits(value: Any, usual: Any) -> bool:
    return isinstance(value, type(usual)) and isinstance(value, bool) == isinstance(usual, bool)


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a tile's records: by what values, what these are called, how many there are, and what they add up
    to.
    """

    keys: tuple[Any, ...]
    titles: tuple[str, ...]
    count: int
    sum: Sum | None


def checked(tile: Tile) -> Tile:
    """A tile fit to be kept; raises `Invalid`. Whether its fields may be seen is asked each time it is drawn."""
    title = " ".join(tile.title.split())
    problems = {}
    if not title or len(title) > MOST_TITLE:
        problems["title"] = _("Give the tile a title, at most {n} characters.", n=MOST_TITLE)
    if tile.kind not in KINDS and tile.kind not in BLOCKS:
        problems["kind"] = _("Choose what the tile shows.")
    if tile.kind in KINDS and tile.entity not in registry.entities():
        problems["source"] = _("Choose what the tile is about.")
    if len(tile.query) > MOST_QUERY:
        problems[""] = _("This list asks for too much at once. Leave some filters out.")
    if problems:
        raise Invalid(problems)
    width = min(max(tile.width, 1), WIDEST)
    return replace(tile, title=title, width=width, rows=tile.rows if tile.rows in ROWS else ROWS[0])


# What it can go by


def partable(model: type[Any]) -> dict[str, Field]:
    """Fields whose values part records into bars: choices, yes and no, related records, short texts."""
    seen = schema.fields(model)
    return {n: f for n, f in filters.filterable(model).items() if n in seen and seen[n].kind in _PARTING}


def stepped(model: type[Any], *, actor: Actor) -> dict[str, Field]:
    """Fields whose values are the steps of a funnel, in their order: stages, choices."""
    known = group_keys.lanes_of(model, actor=actor)
    return {n: one for n, one in known.items() if one.kind is Kind.CHOICE or is_step(one)}


def is_step(one: Field) -> bool:
    """Whether a relation leads to what has an order of its own, as stages have, that the viewer may know."""
    target = registry.entities().get(one.target or "")
    return target is not None and hasattr(target, "in_order") and not schema.is_limited(target)


def ownable(model: type[Any]) -> bool:
    """Whether "only mine" can be asked of the records."""
    return issubclass(model, Owned) and schema.sees(model, "owner_id")


def mine(actor: Actor) -> Filter:
    return Filter("owner_id", "is", (actor.membership_id or 0,))


def by_value(model: type[Any], name: str, *, actor: Actor) -> Key:
    """Parts by the value of a field of `partable`."""
    if partable(model)[name].kind is not Kind.TEXT:
        return group_keys.by_value(model, name, actor=actor)
    value, joins = group_keys.value_of(model, name)
    # An empty text is no text.
    return Key(sa.func.nullif(value, "", type_=sa.String), joins)


def asked_for(model: type[Any], name: str, value: Any) -> tuple[Filter, ...] | None:
    """The filters that keep a list to one part; None where no filter can."""
    if partable(model)[name].kind is not Kind.TEXT:
        return group_keys.asked_for(model, name, value)
    column = model.__table__.c.get(name)
    if value is None:
        # What is never null is empty as an empty text, and no filter asks for that.
        return None if column is not None and not column.nullable else (Filter(name, "empty", ()),)
    return (Filter(name, "is", (value,)),) if "|" not in value and value == " ".join(value.split()) else None


# The numbers


def read(query: ListQuery, keys: Sequence[Key], of: str, *, actor: Actor, limit: int = MOST_PARTS) -> list[Part]:
    """The parts of a list by `keys`, the largest first, with what the field `of` adds up to; one statement, and one
    more for a search.
    """
    found, bound = _found(query, keys, of, actor)
    columns = [found.c[f"{what}{place}"] for place in range(len(keys)) for what in ("k", "t")]
    sums = groups.halves(found.c.s) if of else ()
    statement = sa.select(*columns, sa.func.count(), *sums).select_from(found)
    if columns:
        statement = statement.group_by(*columns).order_by(sa.func.count().desc(), *columns[::2]).limit(limit)
    one = schema.fields(query.model).get(of)
    return [_part(row, len(keys), one) for row in session.execute(statement, bound)]


def _part(row: Any, width: int, one: Field | None) -> Part:
    at = 2 * width
    total = groups.whole(one, row[at + 1 : at + 4]) if one is not None else None
    return Part(tuple(row[0:at:2]), tuple(str(t or "") for t in row[1:at:2]), row[at], total)


def read_steps(query: ListQuery, name: str, of: str, inside: int, hall: str, *, actor: Actor) -> list[Part]:
    """The records at each step of what a relation leads to, in the order of the steps and also where there are none;
    of the steps in `inside` alone, if it is said. One statement.
    """
    target = registry.entity(filters.filterable(query.model)[name].target or "")
    value, joins = group_keys.value_of(query.model, name)
    found, bound = _found(query, (Key(value, joins),), of, actor)
    sums = groups.halves(found.c.s) if of else ()
    totals = (s.label(f"s{i}") for i, s in enumerate(sums))
    counted = sa.select(found.c.k0, sa.func.count().label("number"), *totals).group_by(found.c.k0).subquery()
    numbers = [sa.func.coalesce(counted.c.number, 0), *(counted.c[f"s{i}"] for i in range(len(sums)))]
    title = getattr(target, registry.title_of(target))
    statement = sa.select(target.id, title, *numbers).outerjoin(counted, counted.c.k0 == target.id)
    if inside and hall:
        statement = statement.where(getattr(target, hall) == inside)
    order = target.in_order() if is_step(filters.filterable(query.model)[name]) else (title, target.id)
    statement = permissions.restrict(statement, target, actor).order_by(*order).limit(groups.MOST_GROUPS)
    one = schema.fields(query.model).get(of)
    return [_part(row, 1, one) for row in session.execute(statement, bound)]


def _found(query: ListQuery, keys: Sequence[Key], of: str, actor: Actor) -> tuple[Any, dict[str, Any]]:
    """The records that are looked at, each by what parts it and what is added up."""
    picked, joins = sa.select(query.model.id).select_from(query.model), list[group_keys.Join]()
    for place, key in enumerate(keys):
        title = sa.null() if key.title is None else key.title
        picked = picked.add_columns(
            key.expression.label(f"k{place}"), sa.type_coerce(title, sa.String).label(f"t{place}")
        )
        joins += key.joins
    if of:
        value, more = group_keys.value_of(query.model, of)
        picked = picked.add_columns(value.label("s"))
        joins += more
    for other, on in joins:
        picked = picked.outerjoin(other, on)
    narrowed, bound = queries.narrowed(picked, query, actor=actor)
    return narrowed.subquery(), bound


def spans(every: str, wanted: int) -> int:
    """How many steps a chart shows."""
    known = periods.SPANS.get(every, (1,))
    return wanted if wanted in known else known[0]

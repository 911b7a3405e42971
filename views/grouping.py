"""The table of a list in groups: a heading for each value of a field, with its count, its sums and its first rows.

Does not belong here: the numbers (`app.services.groups`).
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from typing import Any

from flask import render_template

from app.services import group_keys, groups, queries
from app.services.filters import Filter
from app.services.group_keys import Key
from app.services.groups import Group, Grouped, Sum
from app.services.queries import ListQuery
from models import formats, registry
from models.fields import Field, Kind
from models.words import _, _n, grouped
from views import list_frame, lists, shell, totals
from views.list_state import State

_ROWS, _MOST = 40, 10
# With more groups than this the table shows their headings alone.
_WITH_ROWS = 20


@dataclass(frozen=True, slots=True)
class Parting:
    """What the table is grouped by; `months` are the first days of its months, where it goes by them."""

    name: str
    field: Field
    months: tuple[dt.date, ...] = ()

    def key(self, query: ListQuery) -> Key:
        if self.field.kind not in (Kind.DATE, Kind.MOMENT):
            return group_keys.by_value(query.model, self.name, actor=shell.actor())
        starts = [group_keys.start_of(self.field, day, shell.locale().zone) for day in self.months]
        return group_keys.by_time(query.model, self.name, starts)

    def label(self, group: Group) -> str:
        if self.months and group.key is not None:
            return _("Earlier") if group.key < 0 else formats.month(self.months[group.key])
        return group_keys.words(self.field, group.key, {group.key: group.title})

    def asked_for(self, model: type[Any], key: Any) -> tuple[Filter, ...] | None:
        if not self.months or key is None:
            return group_keys.asked_for(model, self.name, key)
        zone, first = shell.locale().zone, self.months[max(key, 0)]
        if key < 0:
            return (Filter(self.name, "before", (group_keys.start_of(self.field, first, zone),)),)
        return group_keys.within(model, self.name, first, groups.next_month(first), zone)


def show(state: State, editor_error: str) -> str:
    screen, actor = state.screen, shell.actor()
    shown = list_frame.shown_fields(state)
    query = replace(queries.searched(state.query(), actor), cursor="")
    parting = _parting(state, query)
    fields = totals.summed(shown, query)
    found = groups.read(query, parting.key(query), per=_MOST, sums=tuple(fields), actor=actor)
    ordered = _ordered(screen.model, parting, found)
    per = min(_MOST, _ROWS // len(ordered)) if 0 < len(ordered) <= _WITH_ROWS else 0
    blocks = [_block(state, parting, group, shown, fields, per) for group in ordered]
    rows = [row for block in blocks for row in block["rows"]]
    return render_template(
        "list.html",
        **list_frame.frame(state, (found.count, not found.capped), editor_error, len(rows)),
        blocks=blocks,
        rows=rows or blocks,
        range_text=_n("{n} group, {shown} shown", "{n} groups, {shown} shown", len(blocks), shown=grouped(len(rows))),
        totals=_total(query, fields, found) if state.look.totals and blocks else None,
        notice=_notice(found),
    )


def _parting(state: State, query: ListQuery) -> Parting:
    name = state.look.group
    field = group_keys.groupable(state.screen.model)[name]
    if field.kind not in (Kind.DATE, Kind.MOMENT):
        return Parting(name, field)
    return Parting(name, field, tuple(groups.months(query, name, actor=shell.actor())) or (dt.date(2000, 1, 1),))


def _ordered(model: type[Any], parting: Parting, found: Grouped) -> list[Group]:
    """Choices in their order, related records in theirs or by name, the latest month first; what has no value last."""
    field, places = parting.field, dict[Any, int]()
    if field.kind is Kind.CHOICE:
        places = {key: place for place, (key, _) in enumerate((*field.choices, *field.retired))}
    elif not found.more and parting.name in group_keys.lanes_of(model, actor=shell.actor()):
        known = groups.setup(registry.entity(field.target or ""), "", actor=shell.actor())
        places = {row[0]: place for place, row in enumerate(known)}

    def rank(group: Group) -> tuple[Any, ...]:
        last = group.key is None or (field.kind is Kind.RELATION and group.key == group_keys.UNSEEN)
        if parting.months or field.kind is Kind.BOOLEAN:
            return (last, -int(group.key or 0), "")
        return (last, places.get(group.key, len(places)), group.title.casefold())

    return sorted(found.groups, key=rank)


def _block(
    state: State, parting: Parting, group: Group, shown: list[tuple[str, Field]], fields: dict[str, Field], per: int
) -> dict[str, Any]:
    screen = state.screen
    asked = parting.asked_for(screen.model, group.key)
    rest = state.pairs(without=frozenset({"group"}))
    mine = [("f", one.text(screen.model, shell.locale())) for one in asked or ()]
    return {
        "label": parting.label(group),
        "count": f"{group.count:,}",
        "url": state.url([*mine, *rest]) if asked is not None else None,
        "sums": [(f.label, totals.amount(f, group.sums[n].total)) for n, f in fields.items() if group.sums[n].count],
        "rows": lists.table_rows(screen, shown, [row[:-1] for row in group.rows[:per]]) if per else [],
    }


def _total(query: ListQuery, fields: dict[str, Field], found: Grouped) -> dict[str, Any]:
    """The groups together, or where some are left out all that the list finds."""
    if found.more:
        sums, _, capped = groups.totals(query, fields, actor=shell.actor())
        return totals.drawn(fields, sums, capped)
    sums = {
        name: Sum(sum(g.sums[name].total for g in found.groups), sum(g.sums[name].count for g in found.groups))
        for name in fields
    }
    return totals.drawn(fields, sums, found.capped)


def _notice(found: Grouped) -> str:
    parts = []
    if found.more:
        parts.append(
            _(
                "Only the {most_groups} largest groups are shown; narrow the filter for the others.",
                most_groups=groups.MOST_GROUPS,
            )
        )
    if found.capped:
        parts.append(_("Counts and sums are of the first {most} records.", most=grouped(groups.MOST)))
    return " ".join(parts)

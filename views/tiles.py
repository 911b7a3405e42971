"""Draws the tiles of a dashboard: numbers, trends, tables, bars, lines and funnels, each with the way to its records.

A tile is drawn only if the viewer sees every field that it names (`views.tile_lists`). Does not belong here: which
tiles there are (`app.services.dashboards`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from app.services import group_keys, periods, queries, schema, tiles
from app.services.filters import Filter
from app.services.groups import Sum
from app.services.periods import Stretch
from app.services.tiles import Part
from models import words
from models.fields import Field, Kind
from models.words import N_, _
from views import list_frame, lists, shell, tile_charts, totals
from views.screen import of
from views.tile_charts import OTHERS, Number, Step, Value
from views.tile_lists import Asked

_MOST_BARS = 12
_COLUMNS = {1: 1, 2: 3, 3: 5}
_REST = object()
_ALL: tuple[Filter, ...] | None = ()
# How records came, as people say it.
_SOURCES = {
    "form": N_("Typed in"), "import": N_("Imported"), "lead form": N_("Website"), "api": N_("API"),
    "demo": N_("Demo data"),
}  # fmt: skip
# What a trend says: more, fewer, less, and the same.
_BY_NOW = {
    "day": (
        N_("{n} more than yesterday"),
        N_("{n} fewer than yesterday"),
        N_("{n} less than yesterday"),
        N_("The same as yesterday"),
    ),
    "week": (
        N_("{n} more than by this day last week"),
        N_("{n} fewer than by this day last week"),
        N_("{n} less than by this day last week"),
        N_("The same as by this day last week"),
    ),
    "month": (
        N_("{n} more than by this day last month"),
        N_("{n} fewer than by this day last month"),
        N_("{n} less than by this day last month"),
        N_("The same as by this day last month"),
    ),
}


def drawn(one: Asked) -> dict[str, Any]:
    """A tile as the template draws it; its numbers are read here. `count` says how many records it is about."""
    by_days = one.tile.kind in ("bar", "line") and not one.tile.by
    draw = _BY_DAYS if by_days else _DRAW[one.tile.kind]
    return {"id": one.tile.id, "title": one.tile.title, "width": one.tile.width, "url": one.url(), **draw(one)}


# Numbers


def _number(one: Asked) -> dict[str, Any]:
    part = _whole(tiles.read(one.query(), (), one.tile.of, actor=shell.actor()))
    note = str(periods.PERIODS.get(one.tile.period, "")) if one.tile.date else ""
    if one.tile.measure != "count":
        records = one.screen.singular if part.count == 1 else one.screen.label.lower()
        of_many = {"n": words.grouped(part.count), "records": records}
        note = (
            _("of {n} {records}, {period}", period=note.lower(), **of_many)
            if note
            else _("of {n} {records}", **of_many)
        )
    return {"kind": "number", "value": _text(one, part, brief=True), "note": note, "count": part.count}


def _trend(one: Asked) -> dict[str, Any]:
    """The present day, week or month so far beside as much of the one before."""
    steps = periods.steps(one.tile.every, periods.SPANS[one.tile.every][0], one.today, one.weekday)
    now, last = steps[-1], steps[-2]
    tomorrow = one.today + dt.timedelta(days=1)
    cut = min(last.start + (tomorrow - now.start), last.end)
    starts = sorted({*(step.start for step in steps), cut, tomorrow} - {now.end})
    parts = _by_start(one, starts, Stretch(steps[0].start, now.end))

    def told(start: dt.date, end: dt.date) -> Number:
        return _measured(one, _added([p for day in starts if start <= day < end for p in parts[day]]))

    far, before = told(now.start, tomorrow), told(last.start, cut)
    whole = _added([p for day in starts if now.start <= day for p in parts[day]])
    return {
        "kind": "trend",
        "value": _text(one, whole, brief=True),
        "url": one.url(*one.within(now)),
        "delta": _delta(one, far, before),
        "delta_url": one.url(*one.within(Stretch(last.start, cut))),
        "note": "",
        "points": tile_charts.spark([told(step.start, step.end) for step in steps]),
        "count": sum(p.count for rows in parts.values() for p in rows),
    }


def _delta(one: Asked, now: Number, before: Number) -> dict[str, str]:
    change = Decimal(now) - Decimal(before)
    more, fewer, less, same = _BY_NOW[one.tile.every]
    if not change:
        return {"text": str(same), "cls": "", "icon": "arrow-right"}
    said = more if change > 0 else fewer if one.tile.measure == "count" else less
    icon = "arrow-up" if change > 0 else "arrow-down"
    text = said.format(n=_figure(one, abs(change), brief=True))
    return {"text": text, "cls": "ok" if change > 0 else "", "icon": icon}


# Parts by days


def _by_days(one: Asked) -> dict[str, Any]:
    every = one.tile.every
    steps = periods.steps(every, tiles.spans(every, one.tile.span), one.today, one.weekday)
    parts = _by_start(one, [step.start for step in steps], Stretch(steps[0].start, steps[-1].end))
    series = _series(one, [part for rows in parts.values() for part in rows]) if one.tile.split else [(None, "")]
    made = [
        Step(
            periods.name(every, step),
            periods.whole_name(every, step),
            tuple(_value(one, step, key, parts[step.start], series) for key, _ in series),
        )
        for step in steps
    ]
    draw = tile_charts.lines if one.tile.kind == "line" else tile_charts.columns
    labels = [label for _, label in series]
    told = draw(made, labels, _ticks(one))
    count = sum(part.count for rows in parts.values() for part in rows)
    listed = ", ".join(f"{step.label} {step_total}" for step, step_total in zip(made, _totals(one, made), strict=True))
    return {
        **told,
        "sentence": f"{one.tile.title}: {listed}.",
        "first": {"day": _("Day"), "week": _("Week from"), "month": _("Month")}[every],
        "url": one.url(*one.within(Stretch(steps[0].start, steps[-1].end))),
        "count": count,
        "measured": _measured_words(one),
    }


def _totals(one: Asked, made: Sequence[Step]) -> list[str]:
    return [_figure(one, sum(value.number for value in step.values), brief=True) for step in made]


def _by_start(one: Asked, starts: Sequence[dt.date], days: Stretch) -> dict[dt.date, list[Part]]:
    """The parts of each stretch that begins at one of `starts`, in one statement."""
    model, name = one.screen.model, one.tile.date
    field = group_keys.timed(model)[name]
    keys = [group_keys.by_time(model, name, [group_keys.start_of(field, day, one.zone) for day in starts])]
    if one.tile.split:
        keys.append(tiles.by_value(model, one.tile.split, actor=shell.actor()))
    found: dict[dt.date, list[Part]] = {day: [] for day in starts}
    for part in tiles.read(one.query(*one.within(days)), keys, one.tile.of, actor=shell.actor()):
        found[starts[part.keys[0]]].append(part)
    return found


def _series(one: Asked, parts: Sequence[Part]) -> list[tuple[Any, str]]:
    """The values of a split that are shown by themselves, the largest first, and all others together."""
    field = tiles.partable(one.screen.model)[one.tile.split]
    numbers: dict[Any, Number] = {}
    titles: dict[Any, str] = {}
    for part in parts:
        key = part.keys[1]
        numbers[key] = numbers.get(key, 0) + _measured(one, part)
        titles[key] = part.titles[1]
    top = sorted(numbers, key=lambda key: (-numbers[key], str(key)))
    shown = top if len(top) <= OTHERS + 1 else top[:OTHERS]
    named = [(key, _words(one.tile.split, field, key, titles[key])) for key in shown]
    return [*named, (_REST, _("All others"))] if len(top) > len(shown) else named or [(None, "")]


def _value(one: Asked, step: Stretch, key: Any, parts: Sequence[Part], series: Sequence[tuple[Any, str]]) -> Value:
    known = [shown for shown, _ in series]
    if not one.tile.split:
        mine, more = list(parts), _ALL
    else:
        mine = [p for p in parts if p.keys[1] == key or (key is _REST and p.keys[1] not in known)]
        more = None if key is _REST else tiles.asked_for(one.screen.model, one.tile.split, key)
    total = _added(mine)
    url = one.url(*one.within(step), *more) if more is not None and total.count else None
    return Value(_measured(one, total), _text(one, total), url)


# Parts by values


def _by_value(one: Asked) -> dict[str, Any]:
    model, name, actor = one.screen.model, one.tile.by, shell.actor()
    field = tiles.partable(model)[name]
    if field.kind is Kind.RELATION and tiles.is_step(field) and of(field.target or "").can(actor, "read"):
        parts = [p for p in tiles.read_steps(one.query(), name, one.tile.of, 0, "", actor=actor) if p.count]
    else:
        parts = _ordered(
            field, tiles.read(one.query(), (tiles.by_value(model, name, actor=actor),), one.tile.of, actor=actor)
        )
    shown, rest = parts[:_MOST_BARS], parts[_MOST_BARS:]
    rows = [_bar(one, field, part) for part in shown]
    if rest:
        others = _added(rest)
        rows.append((_("All others"), Value(_measured(one, others), _text(one, others, both=True), None)))
    return {**tile_charts.bars(rows), "count": sum(p.count for p in parts), "measured": _measured_words(one)}


def _funnel(one: Asked) -> dict[str, Any]:
    model, name, actor = one.screen.model, one.tile.by, shell.actor()
    field = tiles.stepped(model, actor=actor)[name]
    if field.kind is Kind.RELATION:
        hall = _hall(field)
        parts = tiles.read_steps(one.query(), name, one.tile.of, one.tile.inside, hall, actor=actor)
    else:
        found = tiles.read(one.query(), (tiles.by_value(model, name, actor=actor),), one.tile.of, actor=actor)
        known = {part.keys[0]: part for part in found}
        parts = [known.get(key) or Part((key,), (label,), 0, None) for key, label in field.choices]
    rows = [_bar(one, field, part) for part in parts]
    return {
        **tile_charts.bars(rows, funnel=True),
        "count": sum(p.count for p in parts),
        "measured": _measured_words(one),
    }


def _hall(field: Field) -> str:
    """The field that says in which pipeline a stage is, as far as the viewer sees it."""
    target = of(field.target or "")
    return target.within if target.within and schema.sees(target.model, target.within) else ""


def _ordered(field: Field, parts: list[Part]) -> list[Part]:
    """Choices in their order; all others as they come, the largest first; what has no value last."""
    places = {key: place for place, (key, _) in enumerate((*field.choices, *field.retired))}
    return sorted(parts, key=lambda part: (part.keys[0] is None, places.get(part.keys[0], len(places))))


def _bar(one: Asked, field: Field, part: Part) -> tuple[str, Value]:
    asked = tiles.asked_for(one.screen.model, one.tile.by, part.keys[0])
    url = one.url(*asked) if asked is not None else None
    return _words(one.tile.by, field, part.keys[0], part.titles[0]), Value(
        _measured(one, part), _text(one, part, both=True), url
    )


def _words(name: str, field: Field, key: Any, title: str) -> str:
    if name == "source":
        return str(_SOURCES.get(key, key) if key else _("Unknown"))
    if field.kind is Kind.TEXT and key is not None:
        return str(key)[:60]
    return group_keys.words(field, key, {key: title})


# Tables


def _table(one: Asked) -> dict[str, Any]:
    fields = dict(list_frame.shown_fields(one.state))
    shown = list(fields.items())[: _COLUMNS[one.tile.width]]
    columns = (one.screen.title, *(name for name, _ in shown))
    query = replace(one.query(), columns=columns, limit=one.tile.rows, sort=one.state.sort, cursor="")
    page = queries.page(query, actor=shell.actor(), counted=True)
    number, exact = page.count
    return {
        "kind": "table",
        "head": one.field(one.screen.title).label,
        "columns": [
            (field.label, field.kind in (Kind.MONEY, Kind.NUMBER, Kind.DATE, Kind.MOMENT)) for _, field in shown
        ],
        "rows": [
            {"url": url, "title": title, "cells": cells}
            for _key, url, title, _letters, cells in lists.rows(one.screen, shown, page.rows)
        ],
        "total": f"{words.grouped(number)}{'' if exact else '+'}",
        "more": number > len(page.rows) or not exact,
        "empty": one.screen.label.lower(),
        "count": number,
    }


# Words and amounts


def _whole(parts: Sequence[Part]) -> Part:
    return parts[0] if parts else Part((), (), 0, None)


def _added(parts: Sequence[Part]) -> Part:
    """Parts together."""
    sums = [part.sum for part in parts if part.sum is not None]
    whole = Sum(sum(one.total for one in sums), sum(one.count for one in sums)) if sums else None
    return Part((), (), sum(part.count for part in parts), whole)


def _measured(one: Asked, part: Part) -> Number:
    if one.tile.measure == "count":
        return part.count
    if part.sum is None or not part.sum.count:
        return 0
    return part.sum.total if one.tile.measure == "sum" else Decimal(part.sum.total) / part.sum.count


def _text(one: Asked, part: Part, *, brief: bool = False, both: bool = False) -> str:
    """A part's number in words; with `both` of an amount also the number of records."""
    if one.tile.measure == "average" and part.sum is not None and part.sum.count:
        said = totals.average(one.field(one.tile.of), part.sum)
    else:
        said = _figure(one, _measured(one, part), brief=brief or both)
    return f"{said} · {words.grouped(part.count)}" if both and one.tile.measure != "count" else said


def _figure(one: Asked, number: Number, *, brief: bool = False) -> str:
    if one.tile.measure == "count":
        return words.grouped(int(number))
    field = one.field(one.tile.of)
    if field.kind is Kind.MONEY:
        cents = int(number)
        return totals.short(cents, shell.locale()) if brief else totals.amount(field, cents)
    places = field.places if one.tile.measure == "sum" else max(field.places, 1)
    return f"{round(Decimal(number), places):,f}" if places else f"{int(number):,}"


def _ticks(one: Asked) -> Callable[[Number], str]:
    if one.tile.measure == "count" or one.field(one.tile.of).kind is not Kind.MONEY:
        return lambda number: words.grouped(int(number))
    return lambda number: totals.short(int(number), shell.locale())


def _measured_words(one: Asked) -> str:
    if one.tile.measure == "count":
        return str(one.screen.label)
    return tiles.MEASURES[one.tile.measure].format(field=one.field(one.tile.of).label.lower())


_BY_DAYS: Callable[[Asked], dict[str, Any]] = _by_days
_DRAW: dict[str, Callable[[Asked], dict[str, Any]]] = {
    "number": _number,
    "trend": _trend,
    "table": _table,
    "bar": _by_value,
    "funnel": _funnel,
    "line": _by_days,
}

"""A list as a board: a column for each choice or related record, with its count, its sum and its first cards.

A card is moved by changing the field that the board goes by (`views.cells`). Does not belong here: the numbers
(`app.services.groups`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from flask import render_template, request

from app.services import cells, group_keys, groups, schema, values
from app.services.filters import Filter
from app.services.groups import Group, Grouped
from models import registry
from models.fields import Field, Kind
from views import arrangement, list_frame, lists, shell, totals
from views.list_state import State
from views.screen import of

CARDS = 20
_CELLS = 4


@dataclass(frozen=True, slots=True)
class Lane:
    """A column that there is whether it holds records or not. `takes` cards that are moved."""

    key: Any
    label: str
    takes: bool = True


@dataclass(frozen=True, slots=True)
class Lanes:
    """The columns of a board; `halls` are what the board shows one of, as pipelines: (id, name), `inside` the one
    shown.
    """

    lanes: list[Lane]
    halls: tuple[tuple[int, str], ...] = ()
    inside: int | None = None


def show(state: State, editor_error: str) -> str:
    screen, actor, by = state.screen, shell.actor(), state.look.by
    field = arrangement.fitting(screen)[arrangement.BOARD][by]
    lanes = _lanes(state, field)
    shown = _cells(state)
    money = next((n for n, f in list_frame.shown_fields(state) if f.kind is Kind.MONEY), "")
    query = replace(state.query(), columns=(screen.title, *(n for n, _ in shown)), cursor="")
    if lanes.halls:
        own = Filter(by, "is", tuple(lane.key for lane in lanes.lanes))
        query = replace(query, filters=(*query.filters, own))
    key = group_keys.by_value(screen.model, by, actor=actor)
    found = groups.read(query, key, per=CARDS, sums=(money,) if money else (), actor=actor)
    drawn = _drawn(state, field, lanes, found, shown, money)
    movable = screen.may_edit(actor) and cells.may(actor) and by in cells.editable(screen.model)
    return render_template(
        "board.html",
        **list_frame.frame(state, (found.count, not found.capped), editor_error),
        lanes=drawn,
        halls=_halls(state, lanes),
        by=by,
        by_label=field.label,
        movable=movable,
        targets=[lane for lane in drawn if lane["takes"]] if movable else [],
        capped=f"{groups.MOST:,}" if found.capped else "",
        left_out=found.more,
    )


def _cells(state: State) -> list[tuple[str, Field]]:
    """What a card shows of the view's columns: who has it, and the first others."""
    rest = [(n, f) for n, f in list_frame.shown_fields(state) if n != state.look.by]
    owners = [(n, f) for n, f in rest if f.target == "membership"][:1]
    others = [one for one in rest if one not in owners]
    return [*others[: _CELLS - len(owners)], *owners]


def _lanes(state: State, field: Field) -> Lanes:
    if field.kind is Kind.CHOICE:
        return Lanes([Lane(key, label) for key, label in field.choices])
    target = registry.entity(field.target or "")
    hall = of(field.target or "").within
    rows = groups.setup(target, hall if hall and schema.sees(target, hall) else "", actor=shell.actor())
    halls = {key: name or f"#{key}" for _, _, key, name in rows if key is not None}
    inside = state.look.inside if state.look.inside in halls else next(iter(halls), None)
    lanes = [Lane(key, title) for key, title, above, _ in rows if above == inside]
    return Lanes(lanes, tuple(halls.items()) if len(halls) > 1 else (), inside)


def _halls(state: State, lanes: Lanes) -> list[dict[str, Any]]:
    """The switch between pipelines, where there are several."""
    rest = state.pairs(without=frozenset({"inside"}))
    return [
        {"label": label, "url": state.url([*rest, ("inside", str(key))]), "current": key == lanes.inside}
        for key, label in lanes.halls
    ]


def _drawn(
    state: State, field: Field, lanes: Lanes, found: Grouped, shown: list[tuple[str, Field]], money: str
) -> list[dict[str, Any]]:
    """The columns as the template reads them: those there are, then what is in none of them."""
    by_key = {group.key: group for group in found.groups}
    known = {lane.key for lane in lanes.lanes}
    if len(lanes.lanes) > groups.MOST_GROUPS:
        lanes.lanes[:] = [lane for lane in lanes.lanes if lane.key in by_key][: groups.MOST_GROUPS]
    optional = not schema.is_required(state.screen.model, state.look.by)
    rest = sorted((key for key in by_key if key not in known), key=str)
    more = [Lane(key, group_keys.words(field, key, {key: by_key[key].title}), key is None and optional) for key in rest]
    if optional and not lanes.halls and None not in by_key:
        more.append(Lane(None, group_keys.words(field, None, {})))
    every = [*lanes.lanes, *more]
    now = _now(state, field, every, by_key)
    return [
        _lane(state, field, lane, by_key.get(lane.key) or Group(lane.key), shown, money) | {"now": lane.key == now}
        for lane in every
    ]


def _now(state: State, field: Field, lanes: list[Lane], by_key: dict[Any, Group]) -> Any:
    """The column that a phone shows: the one asked for, or the first that holds something."""
    asked = request.args.get("lane")
    known = {values.to_input(field, lane.key, shell.locale()): lane.key for lane in lanes}
    if asked is not None and asked in known:
        return known[asked]
    return next((lane.key for lane in lanes if lane.key in by_key), lanes[0].key if lanes else None)


def _lane(
    state: State, field: Field, lane: Lane, group: Group, shown: list[tuple[str, Field]], money: str
) -> dict[str, Any]:
    loc, screen = shell.locale(), state.screen
    value = values.to_input(field, lane.key, loc)
    asked = group_keys.asked_for(screen.model, state.look.by, lane.key)
    rest = state.pairs(without=frozenset({"display", "by", "inside", "month"}))
    mine = [("f", one.text(screen.model, loc)) for one in asked or ()]
    return {
        "value": value,
        "label": lane.label,
        "takes": lane.takes,
        "count": f"{group.count:,}",
        "sum": totals.short(int(group.sums[money].total), loc)
        if money in group.sums and group.sums[money].count
        else "",
        "cards": _cards(state, group, shown),
        "more": group.count - len(group.rows) if asked is not None else 0,
        "list_url": state.url([*mine, *rest]),
        "url": state.url([*state.pairs(), ("lane", value)]),
    }


def _cards(state: State, group: Group, shown: list[tuple[str, Field]]) -> list[dict[str, Any]]:
    rows = lists.rows(state.screen, shown, [row[:-1] for row in group.rows])
    return [
        {"id": key, "title": title, "version": row[-1], **_parts(shown, made)}
        for (key, _, title, _, made), row in zip(rows, group.rows, strict=True)
    ]


def _parts(shown: list[tuple[str, Field]], made: list[Any]) -> dict[str, Any]:
    """What a card shows under its title: lines of text, then amounts and dates in one row with who has it."""
    lines, foot, owner = [], [], ""
    for (_, field), text in zip(shown, made, strict=True):
        if text == "":
            continue
        if field.target == "membership" and not owner:
            owner = str(text)
        elif field.kind in (Kind.MONEY, Kind.NUMBER):
            foot.append(("b", field.label, text))
        elif field.kind in (Kind.DATE, Kind.MOMENT):
            foot.append(("small", field.label, text))
        else:
            lines.append((field.label, text))
    return {"lines": lines, "foot": foot, "owner": owner, "initials": shell.initials(owner)}

"""A generated list: reads the URL, asks `queries`, and lays out the page. The view state lives in the URL alone.

Parameters: q, f (repeated, "field:op:values"), sort, cols (repeated), cursor, exact; edit/ff/fo/fv/fi of the filter
editor. Other layouts of the same list are in `views.board`, `views.calendar` and `views.grouping`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from itertools import repeat
from typing import Any

from flask import render_template, request
from markupsafe import Markup, escape
from werkzeug.wrappers import Response

from app.services import filters, queries, values
from models import formats, normal
from models.fields import Field, Kind
from models.words import _
from views import list_frame, shell, totals
from views.drawing import escaped
from views.list_frame import RIGHT
from views.list_state import State, columns_of, read_state
from views.screen import Screen
from views.translated import kept_by_language

TONES = {
    "new": "",
    "qualified": "acc",
    "active": "acc",
    "under_contract": "ok",
    "closed": "ok",
    "won": "ok",
    "done": "ok",
    "sent": "ok",
    "lost": "bad",
    "failed": "bad",
    "bounced": "bad",
    "waiting": "warn",
    "dead": "bad",
    "unknown": "warn",
    "queued": "acc",
    "sending": "acc",
    "suppressed": "warn",
    "high": "warn",
    "draft": "ai",
    "open": "acc",
}
_TONED = frozenset({"stage", "state", "outcome", "priority"})


def show_list(state: State, editor_error: str) -> Response | str:
    """The list page, or the exact count alone."""
    args, actor = request.args, shell.actor()
    if args.get("exact") and request.headers.get("HX-Request"):
        number, _ = queries.count(state.query(), actor=actor, exact=True)
        return f'<b class="fw-semibold">{number:,}</b>'
    query = queries.searched(state.query(), actor)
    page = queries.page(query, actor=actor, counted=True, exact=bool(args.get("exact")))
    summed = totals.row(list_frame.shown_fields(state), query) if state.look.totals and page.rows else None
    return render_template("list.html", **_context(state, page, editor_error), totals=summed)


def _context(state: State, page: queries.Page, editor_error: str) -> dict[str, Any]:
    around = list_frame.frame(state, page.count, editor_error, len(page.rows))
    pairs = around["state"]
    return {
        **around,
        "range_text": _("{n} shown", n=len(page.rows)),
        "rows": table_rows(state.screen, list_frame.shown_fields(state), page.rows),
        "prev_url": state.url([*pairs, ("cursor", page.previous)]) if page.previous else None,
        "next_url": state.url([*pairs, ("cursor", page.next)]) if page.next else None,
    }


def table_rows(screen: Screen, shown: list[tuple[str, Field]], found: list[Any]) -> list[tuple[Any, ...]]:
    """Rows of the table (id, title, initials, cells) as texts that are escaped already: four hundred cells are too many
    for a template.
    """
    if not found:
        return []
    keys, titles, initials, columns = _columns(screen, shown, found)
    parts: list[Iterable[str]] = [repeat("", len(keys))]
    for head, column in zip(_heads(shown, screen.badge), columns, strict=True):
        parts += (repeat(head), escaped(column))
    texts = map("".join, zip(*parts, strict=False))
    marks = [f" data-i={escape(letters)}" if letters else "" for letters in initials]
    return list(zip(keys, escaped(titles), marks, texts, strict=True))


def rows(screen: Screen, shown: list[tuple[str, Field]], found: list[Any]) -> list[tuple[Any, ...]]:
    """Rows ready for a template: (id, url, title, initials, cells)."""
    if not found:
        return []
    keys, titles, initials, columns = _columns(screen, shown, found)
    cells: Iterable[list[Any]] = map(list, zip(*columns, strict=True)) if columns else repeat([], len(keys))
    base = f"/{screen.slug}/"
    return [
        (key, f"{base}{key}", title, letters, made)
        for key, title, letters, made in zip(keys, titles, initials, cells, strict=True)
    ]


def _columns(
    screen: Screen, shown: list[tuple[str, Field]], found: list[Any]
) -> tuple[Sequence[Any], list[str], list[str], list[list[Any]]]:
    """Ids, titles, initials, and the cells column by column: what these need is looked up once for a column."""
    loc = shell.locale()
    today = dt.datetime.now(loc.zone).date()
    keys, names, *columns = zip(*found, strict=True)
    titles = [str(name or _("(no name)")) for name in names]
    titles = [title if len(title) <= 120 else title[:119] + "…" for title in titles]
    initials = [shell.initials(title) for title in titles] if screen.avatars else [""] * len(titles)
    drawn = []
    for (name, field), column in zip(shown, columns, strict=True):
        make = maker(name, field, loc, today)
        drawn.append(["" if value is None or value == "" else make(value) for value in column])
    return keys, titles, initials, drawn


def show_fields(screen: Screen) -> str:
    """Every field of the list, to filter by and to show as a column: what a menu has no room for."""
    state = read_state(screen, request.args)
    asked, columns = filters.filterable(screen.model), columns_of(screen)
    names = [n for n in {**columns, **asked} if n != screen.title]
    return render_template(
        "list_fields.html",
        title=_("Fields of {label}", label=screen.label.lower()),
        base_url=screen.url(),
        cancel_url=state.url(state.pairs()),
        q=state.q,
        state=state.pairs(without=frozenset({"cols"})),
        rows=[
            {
                "name": n,
                "label": (columns.get(n) or asked[n]).label,
                "section": (columns.get(n) or asked[n]).section,
                "column": n in columns,
                "shown": n in state.columns,
                "filter_url": state.url([*state.pairs(), ("edit", n)]) if n in asked else None,
            }
            for n in names
        ],
    )


def _heads(shown: list[tuple[str, Field]], badge: str) -> list[str]:
    """The open tags of cells; on a phone the badge and one more column, a text if there is one, stay visible."""
    heads = []
    rest = [name for name, field in shown if name != badge]
    plain = [name for name in rest if name not in _TONED] or rest
    second = next((name for name in plain if dict(shown)[name].kind is Kind.TEXT), plain[0] if plain else "")
    for name, field in shown:
        classes = ["nd" if field.kind in (Kind.DATE, Kind.MOMENT) else "n"] if field.kind in RIGHT else []
        if name == badge:
            classes.append("k3")
        elif name == second:
            classes.append("k4")
        quote = '"' if len(classes) > 1 else ""
        heads.append(f"<td role=cell class={quote}{' '.join(classes)}{quote}>" if classes else "<td role=cell>")
    return heads


def maker(name: str, field: Field, loc: values.Locale, today: dt.date) -> Any:
    """A function that draws a value of this column; chosen once per page, not per cell."""
    if field.kind is Kind.CHOICE:
        words = _words(field.choices, field.retired, name in _TONED)
        return lambda value: words.get(value, value)
    if field.kind is Kind.MOMENT:
        return lambda value: shell.day(value, loc.zone, today)
    if field.kind is Kind.DATE:
        return formats.date
    if field.kind is Kind.MONEY:
        return formats.amounts(loc.currency)
    if field.kind is Kind.PHONE:
        return lambda value: normal.show_phone(value, loc.region)
    if field.kind is Kind.MULTI:
        return lambda value: values.to_text(field, value, loc)
    if field.kind is Kind.BOOLEAN:
        return lambda value: _("Yes") if value else ""
    if field.kind is Kind.RELATION:
        return lambda value: str(value)[:80]
    return lambda value: value


@kept_by_language(2000)
def _words(choices: tuple[Any, ...], retired: tuple[Any, ...], toned: bool) -> dict[Any, Markup]:
    """What stands for each choice. Kept, so whatever it depends on is a parameter."""
    words = dict((*choices, *retired))
    if not toned:
        return {key: escape(label) for key, label in words.items()}
    plain, coloured = Markup("<span class=c-b>{}</span>"), Markup('<span class="c-b {}">{}</span>')
    return {
        key: coloured.format(TONES[key], label) if TONES.get(key) else plain.format(label)
        for key, label in words.items()
    }

"""A generated list: reads the URL, asks `queries`, and lays out the page. The view state lives in the URL alone.

Parameters: q, f (repeated, "field:op:values"), sort, cols (repeated), cursor, exact; edit/ff/fo/fv/fi of the filter
editor. Other layouts of the same list are in `views.board`, `views.calendar` and `views.grouping`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from itertools import repeat
from typing import Any
from urllib.parse import parse_qsl, urlencode

from flask import render_template, request
from markupsafe import Markup, escape
from werkzeug.wrappers import Response

from app.services import cells, filters, queries, saved_views, values
from models import normal
from models.fields import Field, Kind
from views import arrangement, list_filters, shell, totals
from views.drawing import escaped
from views.list_state import State, columns_of, read_state
from views.screen import Screen

_RIGHT = frozenset({Kind.MONEY, Kind.NUMBER, Kind.DATE, Kind.MOMENT})
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
    "dead": "bad",
    "unknown": "warn",
    "queued": "acc",
    "sending": "acc",
    "suppressed": "warn",
    "high": "warn",
    "draft": "ai",
    "open": "acc",
}
# A menu with more items than this is a page of its own.
_MENU = 30
_TONED = frozenset({"stage", "state", "outcome", "priority"})


def show_list(state: State, editor_error: str) -> Response | str:
    """The list page, or the exact count alone."""
    args, actor = request.args, shell.actor()
    if args.get("exact") and request.headers.get("HX-Request"):
        number, _ = queries.count(state.query(), actor=actor, exact=True)
        return f'<b class="fw-semibold">{number:,}</b>'
    query = queries.searched(state.query(), actor)
    page = queries.page(query, actor=actor, counted=True, exact=bool(args.get("exact")))
    summed = totals.row(shown_fields(state), query) if state.look.totals and page.rows else None
    return render_template("list.html", **_context(state, page, editor_error), totals=summed)


def _context(state: State, page: queries.Page, editor_error: str) -> dict[str, Any]:
    screen, pairs = state.screen, state.pairs()
    shown = shown_fields(state)
    return {
        **frame(state, page.count, editor_error),
        **heads(state),
        "range_text": f"{len(page.rows)} shown",
        "rows": table_rows(screen, shown, page.rows),
        "bulk": bulk_verbs(screen, shell.actor()),
        "prev_url": state.url([*pairs, ("cursor", page.previous)]) if page.previous else None,
        "next_url": state.url([*pairs, ("cursor", page.next)]) if page.next else None,
    }


def shown_fields(state: State) -> list[tuple[str, Field]]:
    """The columns beside the title."""
    fields = columns_of(state.screen)
    return [(name, fields[name]) for name in state.columns[1:]]


def heads(state: State) -> dict[str, Any]:
    """The heads of the table."""
    screen, fields = state.screen, columns_of(state.screen)
    edits = cells.editable(screen.model) if screen.may_edit(shell.actor()) else {}
    return {
        "edits": any(n in edits for n in state.columns[1:]),
        "lead": {
            "label": fields[screen.title].label if screen.title in fields else screen.singular.capitalize(),
            **_sorting(state, screen.title),
        },
        "columns": [
            {"name": n, "label": f.label, "numeric": f.kind in _RIGHT, "edits": n in edits, **_sorting(state, n)}
            for n, f in shown_fields(state)
        ],
    }


def table_rows(screen: Screen, shown: list[tuple[str, Field]], found: list[Any]) -> list[tuple[Any, ...]]:
    """Rows of the table as texts that are escaped already."""
    return _drawn(_heads(shown, screen.badge), rows(screen, shown, found))


def frame(state: State, count: tuple[int, bool], editor_error: str) -> dict[str, Any]:
    """What stands around the records, however these are laid out: heading, tabs, filters, menus."""
    number, exact = count
    screen, pairs = state.screen, state.pairs()
    fields = columns_of(screen)
    count_text = f"{number:,}" if exact else f"{number:,}+"
    return {
        "title": screen.label,
        "singular": screen.singular,
        "intro": screen.hint or f"{screen.label} will stand here.",
        "key": screen.slug,
        "count_text": count_text,
        "count_url": None if exact else state.url([*pairs, ("exact", "1")]),
        "base_url": screen.url(),
        "q": state.q,
        "search_hint": ", ".join(fields[n].label.lower() for n in screen.search if n in fields),
        "state": pairs,
        "columns_state": state.pairs(without=frozenset({"cols"})),
        "head_actions": _head_actions(state),
        "views": _views(state, pairs),
        "save_view_url": state.url(pairs, page="views/save") if (pairs or state.q) and _is_changed(state) else None,
        "views_url": screen.url(page="views"),
        "builder_url": state.url(pairs, page="builder"),
        "filters": list_filters.chips(state),
        "fields": tuple((n, f.label) for n, f in filters.filterable(screen.model).items())[:_MENU],
        "fields_url": state.url(pairs, page="fields") if len(fields) > _MENU else None,
        "editor": list_filters.editor(state, editor_error),
        "broken": state.broken,
        "reset_url": _reset(state),
        "displays": displays_of(state),
        "arrange_url": state.url(pairs, page="arrange"),
        "sorts": _sorts(state),
        "sort_label": _sort_label(state),
        "all_columns": _offered(state, fields),
        "filtered": bool(state.q or state.filters or state.where),
    }


def _reset(state: State) -> str | None:
    """The list as it is laid out, without search, filters, order and columns of one's own."""
    own = state.look.pairs()
    if not state.q and not [pair for pair in state.pairs() if pair not in own]:
        return None
    return state.screen.url() + (f"?{urlencode(own)}" if own else "")


def displays_of(state: State) -> list[dict[str, Any]]:
    """The switch between displays; none where there is the table alone."""
    fitting = arrangement.fitting(state.screen)
    own = frozenset({"display", "by", "inside", "month"})
    return [
        {
            "label": arrangement.LABELS[name],
            "icon": arrangement.ICONS[name],
            "url": state.here(without=own, extra=() if name == arrangement.TABLE else (("display", name),)),
            "current": state.look.display == name,
        }
        for name in ((arrangement.TABLE, *fitting) if fitting else ())
    ]


def _offered(state: State, fields: dict[str, Field]) -> tuple[tuple[str, str, bool], ...]:
    """The columns of the menu: what is shown, and others up to as many as a menu can hold."""
    names = [n for n in fields if n != state.screen.title]
    if len(names) > _MENU:
        names = [n for n in names if n in state.columns] + [n for n in names if n not in state.columns]
    return tuple((n, fields[n].label, n in state.columns) for n in names[:_MENU])


def show_fields(screen: Screen) -> str:
    """Every field of the list, to filter by and to show as a column: what a menu has no room for."""
    state = read_state(screen, request.args)
    asked, columns = filters.filterable(screen.model), columns_of(screen)
    names = [n for n in {**columns, **asked} if n != screen.title]
    return render_template(
        "list_fields.html",
        title=f"Fields of {screen.label.lower()}",
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


def _views(state: State, pairs: list[tuple[str, str]]) -> list[dict[str, Any]]:
    """The tabs: those that the screen declares, of which that is present whose query is asked for, search aside, and
    the saved views of this person.
    """
    screen = state.screen
    declared = [
        {
            "label": label,
            "url": screen.url() + (f"?{query}" if query else ""),
            "current": state.view is None and parse_qsl(query) == pairs,
        }
        for label, query in screen.views
    ]
    saved = saved_views.seen(screen.entity, actor=shell.actor())
    if saved and not declared:
        declared = [{"label": "All", "url": screen.url(), "current": state.view is None and not pairs}]
    return declared + [
        {
            "label": one.name,
            "url": f"{screen.url()}?view={one.id}",
            "current": state.view is one,
            "edited": state.view is one and _is_changed(state),
        }
        for one in saved
    ]


def _is_changed(state: State) -> bool:
    """Whether what is shown is kept in no view as it is."""
    return state.view is None or state.kept() != state.view.query


def _heads(shown: list[tuple[str, Field]], badge: str) -> list[str]:
    """The open tags of cells; on a phone the badge and one more column, a text if there is one, stay visible."""
    heads = []
    rest = [name for name, field in shown if name != badge]
    plain = [name for name in rest if name not in _TONED] or rest
    second = next((name for name in plain if dict(shown)[name].kind is Kind.TEXT), plain[0] if plain else "")
    for name, field in shown:
        classes = ["nd" if field.kind in (Kind.DATE, Kind.MOMENT) else "n"] if field.kind in _RIGHT else []
        if name == badge:
            classes.append("k3")
        elif name == second:
            classes.append("k4")
        quote = '"' if len(classes) > 1 else ""
        heads.append(f"<td role=cell class={quote}{' '.join(classes)}{quote}>" if classes else "<td role=cell>")
    return heads


def _drawn(heads: list[str], made: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Rows (id, title, initials, cells) as texts that are escaped already: four hundred cells are too many for a
    template.
    """
    if not made:
        return []
    keys, _, titles, initials, cells = zip(*made, strict=True)
    parts: list[Iterable[str]] = [repeat("")]
    for head, column in zip(heads, zip(*cells, strict=True), strict=True):
        parts += (repeat(head), escaped(column))
    texts = map("".join, zip(*parts, strict=False))
    marks = [f" data-i={escape(letters)}" if letters else "" for letters in initials]
    return list(zip(keys, escaped(titles), marks, texts, strict=False))


def rows(screen: Screen, shown: list[tuple[str, Field]], found: list[Any]) -> list[tuple[Any, ...]]:
    """Rows ready for the template: (id, url, title, initials, cells)."""
    loc = shell.locale()
    today = dt.datetime.now(loc.zone).date()
    makers = [maker(name, field, loc, today) for name, field in shown]
    base = f"/{screen.slug}/"
    avatars = screen.avatars
    made = []
    for row in found:
        title = str(row[1] or "(no name)")
        if len(title) > 120:
            title = title[:119] + "…"
        cells = [
            "" if value is None or value == "" else make(value) for make, value in zip(makers, row[2:], strict=True)
        ]
        made.append((row[0], f"{base}{row[0]}", title, shell.initials(title) if avatars else "", cells))
    return made


def maker(name: str, field: Field, loc: values.Locale, today: dt.date) -> Any:
    """A function that draws a value of this column; chosen once per page, not per cell."""
    if field.kind is Kind.CHOICE:
        words = dict((*field.choices, *field.retired))
        if name in _TONED:
            drawn = {
                k: Markup('<span class="c-b {}">{}</span>').format(TONES.get(k, ""), label)
                for k, label in words.items()
            }
            return lambda value: drawn.get(value, value)
        safe = {k: escape(label) for k, label in words.items()}
        return lambda value: safe.get(value, value)
    if field.kind is Kind.MOMENT:
        return lambda value: shell.day(value, loc.zone, today)
    if field.kind is Kind.DATE:
        return lambda value: f"{value.day} {value:%b %Y}"
    if field.kind is Kind.MONEY:
        return lambda value: normal.show_money(value, loc.currency)
    if field.kind is Kind.PHONE:
        return lambda value: normal.show_phone(value, loc.region)
    if field.kind is Kind.MULTI:
        return lambda value: values.to_text(field, value, loc)
    if field.kind is Kind.BOOLEAN:
        return lambda value: "Yes" if value else ""
    if field.kind is Kind.RELATION:
        return lambda value: str(value)[:80]
    return lambda value: value


def _sorting(state: State, name: str) -> dict[str, Any]:
    if name not in queries.sortable(state.screen.model):
        return {"sort_url": None, "sorted": None}
    now = state.sort.removeprefix("-") == name
    flipped = name if now and state.sort.startswith("-") else f"-{name}" if now else name
    return {
        "sort_url": state.here(without=frozenset({"sort"}), extra=(("sort", flipped),)),
        "sorted": ("desc" if state.sort.startswith("-") else "asc") if now else None,
    }


def _sorts(state: State) -> tuple[tuple[str, str, bool], ...]:
    fields = columns_of(state.screen)
    names = [
        n
        for n in queries.sortable(state.screen.model)
        if n in fields and (n in state.columns or n in ("created_at", "updated_at", "last_activity"))
    ]
    return tuple(
        (sign + n, f"{fields[n].label} {'↓' if sign else '↑'}", state.sort == sign + n)
        for n in names
        for sign in ("", "-")
    )


def _sort_label(state: State) -> str:
    name = state.sort.removeprefix("-")
    return "Newest" if name == "id" else columns_of(state.screen)[name].label


def _head_actions(state: State) -> list[dict[str, Any]]:
    screen, actor = state.screen, shell.actor()
    actions: list[dict[str, Any]] = []
    if screen.entity == "contact" and actor.everything | bool(actor.rights.get("import")):
        actions.append(
            {
                "label": "Import",
                "icon": "upload",
                "url": "/contacts/import",
                "primary": False,
                "key": None,
                "empty": True,
            }
        )
    if screen.can(actor, "export"):
        for kind in ("csv", "xlsx"):
            actions.append(
                {
                    "label": kind.upper(),
                    "icon": "download",
                    "url": state.url(state.pairs(), page=f"export.{kind}"),
                    "primary": False,
                    "key": None,
                    "post": True,
                }
            )
    if screen.may_add(actor):
        actions.append(
            {
                "label": f"New {screen.singular}",
                "icon": "plus",
                "url": screen.url(page="new"),
                "primary": True,
                "key": "n",
            }
        )
    return actions


def bulk_verbs(screen: Screen, actor: Any) -> list[dict[str, Any]]:
    """The verbs for selected records that this person may use."""
    verbs = [
        {"label": a.label, "icon": a.icon, "url": screen.url(page=f"bulk/{a.name}")}
        for a in screen.actions
        if screen.can(actor, a.right)
    ]
    if screen.may_delete(actor):
        verbs.append({"label": "Delete", "icon": "trash", "url": screen.url(page="bulk/delete")})
    return verbs

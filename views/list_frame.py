"""What stands around the records of a list, however these are laid out: heading, tabs, search, filters, menus, columns.

It is the same for all who see the same of a list, and drawing it takes longer than drawing the rows; so it is kept, by
all that it is made of. What changes by itself is filled in for each page: the count, and what filters are called.
Does not belong here: records.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

from flask import g
from markupsafe import Markup, escape

from app import permissions
from app.services import cells, filters, queries, saved_views, schema, verbs
from app.services.schema import Schema, View
from models import scope, words
from models.fields import Field, Kind
from models.scope import Actor, Rights
from models.words import _, grouped
from views import arrangement, list_filters, shell
from views.drawing import HOLE, alone
from views.list_state import State, columns_of
from views.screen import Screen

RIGHT = frozenset({Kind.MONEY, Kind.NUMBER, Kind.DATE, Kind.MOMENT})
# A menu with more items than this is a page of its own.
MENU = 30
_MOST = 600


@dataclass(frozen=True, slots=True)
class _Kept:
    """`facts` are what templates read; the texts have holes where the count, or the number of rows, stands."""

    rights: Rights
    here: Schema
    facts: dict[str, Any]
    head: tuple[str, ...]
    bar: str
    thead: tuple[str, ...]
    headings: str


_kept: dict[Hashable, _Kept] = {}


def frame(state: State, count: tuple[int, bool], editor_error: str, rows: int = 0) -> dict[str, Any]:
    """The frame of a list with so many records, of which so many rows are shown in a table: facts for templates, and
    the drawn texts `head`, `bar` and `thead`. Without rows there is nothing to select.
    """
    kept, (number, exact) = _of(state), count
    count_text = grouped(number) if exact else f"{grouped(number)}+"
    return {
        **kept.facts,
        "count_text": count_text,
        "count_url": None if exact else state.url([*kept.facts["state"], ("exact", "1")]),
        "head": _filled(kept.head, count_text),
        "bar": _bar(state, kept, editor_error),
        "thead": _filled(kept.thead, str(rows)) if rows else Markup(kept.headings),  # noqa: S704  a template's output
        "bulk": kept.facts["bulk"] if rows else [],
    }


def _bar(state: State, kept: _Kept, editor_error: str) -> Markup:
    """Filters may name related records, which are read each time."""
    chips, editor = list_filters.chips(state), list_filters.editor(state, editor_error)
    if not chips and editor is None:
        return Markup(kept.bar)  # noqa: S704  a template's own output
    return alone("parts/list_bar.html", **kept.facts, filters=chips, editor=editor)


def _filled(pieces: tuple[str, ...], text: str) -> Markup:
    return Markup(str(escape(text)).join(pieces))  # noqa: S704  an escaped text between pieces of a template's output


def _of(state: State) -> _Kept:
    """From what is kept, if it was made from the rights and the schema in force and from the same view of the list."""
    actor, here = shell.actor(), schema.current()
    saved = tuple(saved_views.seen(state.screen.entity, actor=actor))
    density, loc = g.user_facts.density, shell.locale()
    own = (state.screen.entity, state.q, state.filters, state.where, state.sort, state.columns, state.custom_columns)
    more = (state.look, state.view, state.broken, saved, actor.everything, density)
    read_in = (loc.zone.key, loc.region, loc.currency, words.code())
    key = (scope.current(), scope.role(), own, more, read_in)
    found = _kept.get(key)
    if found is None or found.rights is not actor.rights or found.here is not here:
        if len(_kept) >= _MOST:
            _kept.clear()
        found = _kept[key] = _made(state, actor, here, saved, density)
    return found


def forget() -> None:
    """Let go of everything that is kept, so that it is drawn anew."""
    _kept.clear()


def _made(state: State, actor: Actor, here: Schema, saved: tuple[View, ...], density: str | None) -> _Kept:
    facts = {**_facts(state, actor, saved), **_columns(state, actor), "density": density}
    drawn = {**facts, "count_text": HOLE, "rows_text": HOLE}
    return _Kept(
        actor.rights,
        here,
        facts,
        tuple(alone("parts/list_head.html", **drawn).split(HOLE)),
        str(alone("parts/list_bar.html", **drawn, filters=[], editor=None)),
        tuple(alone("parts/list_columns.html", **drawn).split(HOLE)),
        str(alone("parts/list_columns.html", **drawn | {"bulk": []})),
    )


def _facts(state: State, actor: Actor, saved: tuple[View, ...]) -> dict[str, Any]:
    screen, pairs = state.screen, state.pairs()
    fields = columns_of(screen)
    return {
        "title": screen.label,
        "singular": screen.singular,
        "intro": screen.hint or _("{label} will stand here.", label=screen.label),
        "key": screen.slug,
        "entity": screen.entity,
        "base_url": screen.url(),
        "q": state.q,
        "search_hint": ", ".join(fields[n].label.lower() for n in screen.search if n in fields),
        "state": pairs,
        "columns_state": state.pairs(without=frozenset({"cols"})),
        "head_actions": _head_actions(state, actor),
        "views": _views(state, pairs, saved),
        "save_view_url": state.url(pairs, page="views/save") if (pairs or state.q) and state.changed else None,
        "views_url": screen.url(page="views"),
        "builder_url": state.url(pairs, page="builder"),
        "fields": tuple((n, f.label) for n, f in filters.filterable(screen.model).items())[:MENU],
        "fields_url": state.url(pairs, page="fields") if len(fields) > MENU else None,
        "broken": state.broken,
        "reset_url": _reset(state),
        "displays": _displays(state),
        "arrange_url": state.url(pairs, page="arrange"),
        "tile_url": state.tile_url,
        "sorts": _sorts(state),
        "sort_label": _sort_label(state),
        "all_columns": _offered(state, fields),
        "filtered": bool(state.q or state.filters or state.where),
    }


def _columns(state: State, actor: Actor) -> dict[str, Any]:
    """The heads of the table, and what can be done with its rows."""
    screen, fields = state.screen, columns_of(state.screen)
    edits = cells.editable(screen.model) if screen.may_edit(actor) and cells.may(actor) else {}
    return {
        "edits": any(n in edits for n in state.columns[1:]),
        "lead": {
            "label": fields[screen.title].label if screen.title in fields else screen.singular.capitalize(),
            **_sorting(state, screen.title),
        },
        "columns": [
            {"name": n, "label": f.label, "numeric": f.kind in RIGHT, "edits": n in edits, **_sorting(state, n)}
            for n, f in shown_fields(state)
        ],
        "bulk": _bulk(screen, actor),
    }


def shown_fields(state: State) -> list[tuple[str, Field]]:
    """The columns beside the title."""
    fields = columns_of(state.screen)
    return [(name, fields[name]) for name in state.columns[1:]]


def _sorting(state: State, name: str) -> dict[str, Any]:
    if name not in queries.sortable(state.screen.model):
        return {"sort_url": None, "sorted": None}
    now = state.sort.removeprefix("-") == name
    flipped = name if now and state.sort.startswith("-") else f"-{name}" if now else name
    return {
        "sort_url": state.here(without=frozenset({"sort"}), extra=(("sort", flipped),)),
        "sorted": ("desc" if state.sort.startswith("-") else "asc") if now else None,
    }


def _reset(state: State) -> str | None:
    """The list as it is laid out, without search, filters, order and columns of one's own."""
    own = state.look.pairs()
    if not state.q and not [pair for pair in state.pairs() if pair not in own]:
        return None
    return state.screen.url() + (f"?{urlencode(own)}" if own else "")


def _displays(state: State) -> list[dict[str, Any]]:
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
    if len(names) > MENU:
        names = [n for n in names if n in state.columns] + [n for n in names if n not in state.columns]
    return tuple((n, fields[n].label, n in state.columns) for n in names[:MENU])


def _views(state: State, pairs: list[tuple[str, str]], saved: tuple[View, ...]) -> list[dict[str, Any]]:
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
    if saved and not declared:
        declared = [{"label": _("All"), "url": screen.url(), "current": state.view is None and not pairs}]
    return declared + [
        {
            "label": one.name,
            "url": f"{screen.url()}?view={one.id}",
            "current": state.view is one,
            "edited": state.view is one and state.changed,
        }
        for one in saved
    ]


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
    return _("Newest") if name == "id" else columns_of(state.screen)[name].label


def _head_actions(state: State, actor: Actor) -> list[dict[str, Any]]:
    screen = state.screen
    actions: list[dict[str, Any]] = []
    if screen.entity == "contact" and actor.everything | bool(actor.rights.get("import")):
        actions.append(
            {
                "label": _("Import"),
                "icon": "upload",
                "url": "/contacts/import",
                "primary": False,
                "key": None,
                "empty": True,
            }
        )
    if screen.can(actor, "export"):
        every = [("all", "1")]
        for label, kind, more in (("CSV", "csv", []), ("XLSX", "xlsx", []), (_("CSV, all fields"), "csv", every)):
            actions.append(
                {
                    "label": label,
                    "icon": "download",
                    "url": state.url([*state.pairs(), *more], page=f"export.{kind}"),
                    "primary": False,
                    "key": None,
                    "post": True,
                }
            )
    if screen.may_add(actor):
        actions.append(
            {
                "label": _("New {singular}", singular=screen.singular),
                "icon": "plus",
                "url": screen.url(page="new"),
                "primary": True,
                "key": "n",
            }
        )
    return actions


def _bulk(screen: Screen, actor: Actor) -> list[dict[str, Any]]:
    """The verbs for selected records that this person may use."""
    usable = [one for one in screen.actions if screen.can(actor, one.right)]
    if screen.may_delete(actor):
        usable.append(screen.verb("delete"))
    return [
        {"label": one.label, "icon": one.icon, "url": screen.url(page=f"bulk/{one.name}")}
        for one in usable
        if permissions.reach(actor, *verbs.right_to_many(one)) is not None
    ]

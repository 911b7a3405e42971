"""Which layout of a list an address asks for, and the small form that chooses one.

Does not belong here: what the parameters mean (`views.arrangement`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl

from flask import redirect, render_template, request
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from app import permissions
from models import registry
from models.fields import Field
from models.words import N_, _
from views import arrangement, board, calendar, grouping, list_filters, lists, shell
from views.arrangement import BOARD, CALENDAR, LABELS, TABLE
from views.list_state import State, read_state
from views.screen import Screen

Answer = str | Response | tuple[str, int]
# The fields of the form; each display has its own to go by.
_BY = {BOARD: ("board_by", N_("Columns of the board")), CALENDAR: ("calendar_by", N_("Days of the calendar"))}


def show(screen: Screen) -> Answer:
    """The list as its address has it laid out, or the redirect that folds an edited filter into the address."""
    args = request.args
    state, error = read_state(screen, args), ""
    if args.get("ff"):
        folded = list_filters.fold(state, args)
        if isinstance(folded, Response):
            return folded
        error = folded
    if state.look.display == BOARD:
        return board.show(state, error)
    if state.look.display == CALENDAR:
        return calendar.show(state, error)
    if state.look.group:
        return grouping.show(state, error)
    return lists.show_list(state, error)


def arrange(screen: Screen) -> Answer:
    """The form that chooses the display, what it goes by, and the grouping of the table; then the list so laid out."""
    permissions.require(shell.actor(), "read", registry.permission_entity(screen.model))
    if request.method == "GET":
        return _form(read_state(screen, request.args))
    state = read_state(screen, MultiDict(parse_qsl(request.form.get("state", ""))))
    own = frozenset({"display", "by", "group", "totals", "inside", "month"})
    return redirect(state.url(state.pairs(without=own, extra=tuple(_chosen(state).pairs()))), 303)


def _chosen(state: State) -> arrangement.Arrangement:
    """What the form says; what it names wrongly stays as it is."""
    form, fitting = request.form, arrangement.fitting(state.screen)
    group = form.get("group", "")
    look = replace(
        state.look,
        group=group if group in arrangement.groupable(state.screen) else "",
        totals=form.get("totals") == "1",
    )
    display = form.get("display", TABLE)
    if display not in fitting:
        return replace(look, display=TABLE, by="", inside=None, month="")
    by = form.get(_BY[display][0], "")
    known = fitting[display]
    return replace(look, display=display, by=by if by in known else next(iter(known)), inside=None, month="")


def _form(state: State) -> str:
    screen, look = state.screen, state.look
    fitting = arrangement.fitting(screen)
    fields: list[dict[str, Any]] = []
    if fitting:
        shown = [(name, LABELS[name]) for name in (TABLE, *fitting)]
        fields.append(_choice("display", _("Display"), shown, look.display, required=True))
    for display, known in fitting.items():
        name, label = _BY[display]
        by = look.by if look.display == display else next(iter(known))
        fields.append(_choice(name, label, _labels(known), by, required=True))
    fields.append(
        _choice("group", _("Rows of the table in groups by"), _labels(arrangement.groupable(screen)), look.group)
    )
    fields.append({"name": "totals", "label": _("Totals under the table"), "kind": "boolean", "value": look.totals})
    pairs = state.pairs()
    return render_template(
        "confirm.html",
        title=_("Lay out {label}", label=screen.label.lower()),
        text=_("Save the view to keep the layout."),
        action=screen.url(page="arrange"),
        hidden=[("state", state.url(pairs).partition("?")[2])],
        fields=[{"errors": [], **one} for one in fields],
        verb=_("Show"),
        cancel_url=state.url(pairs),
    )


def _choice(
    name: str, label: str, choices: list[tuple[str, str]], value: str, required: bool = False
) -> dict[str, Any]:
    return {"name": name, "label": label, "kind": "choice", "choices": choices, "value": value, "required": required}


def _labels(known: dict[str, Field]) -> list[tuple[str, str]]:
    return [(name, one.label) for name, one in known.items()]

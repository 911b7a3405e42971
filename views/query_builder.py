"""The builder of a list's nested conditions, over every field that can be read.

Does not belong here: the form of the conditions (`condition_tree`) and what they mean (`app.services.conditions`).
"""

from __future__ import annotations

from urllib.parse import parse_qsl

from flask import redirect, render_template, request
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from app import permissions
from app.services import conditions
from models import registry
from models.words import _
from views import condition_tree, shell
from views.condition_tree import Branch, Row
from views.list_state import State, read_state
from views.screen import Screen

Answer = str | Response | tuple[str, int]


def show(screen: Screen) -> Answer:
    """GET opens what the list asks now; POST takes a step, or leads back to the list."""
    permissions.require(shell.actor(), "read", registry.permission_entity(screen.model))
    if request.method == "GET":
        state = read_state(screen, request.args)
        return _page(screen, state, _opened(screen, state))
    state = read_state(screen, MultiDict(parse_qsl(request.form.get("state", ""))))
    tree = condition_tree.sent()
    if set(request.form) & condition_tree.STEPS:
        return _page(screen, state, tree)
    group = condition_tree.built(screen.model, tree)
    if group is None:
        return _page(screen, state, tree), 422
    pairs = state.pairs(without=frozenset({"w", "f"}))
    if group.parts:
        pairs.append(("w", conditions.text(screen.model, group, shell.locale())))
    return redirect(state.url(pairs), 303)


def _opened(screen: Screen, state: State) -> Branch:
    """The tree of what the list asks: its nested conditions, and its plain filters beside them."""
    plain: list[Row | Branch] = [condition_tree.row(screen.model, one) for one in state.filters]
    if state.where is None:
        return Branch("and", plain or [Row()])
    whole = condition_tree.opened(screen.model, state.where)
    if not plain:
        return whole
    return Branch("and", [*plain, *(whole.parts if whole.join == "and" else [whole])])


def _page(screen: Screen, state: State, tree: Branch) -> str:
    return render_template(
        "builder.html",
        title=_("Filter {label}", label=screen.label.lower()),
        state=state.url(state.pairs()).partition("?")[2],
        cancel_url=state.url(state.pairs()),
        **condition_tree.drawn(screen.model, tree),
    )

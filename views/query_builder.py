"""The builder of nested conditions: groups of "all of these" and "any of these" over every field that can be read.

Works without script: each step is a submit button that brings the page back with what was chosen. A condition is named
by its place, "0.2.1". Does not belong here: what conditions mean (`app.services.conditions`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from flask import redirect, render_template, request
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from app import permissions
from app.errors import Invalid
from app.services import conditions, filters, relatives, values
from app.services.conditions import Group
from app.services.filters import Filter
from models import registry
from models.fields import Kind
from models.words import _
from views import shell
from views.list_state import State, read_state
from views.screen import Screen, screens

Answer = str | Response | tuple[str, int]
_VALUELESS = ("empty", "filled")


@dataclass(slots=True)
class Row:
    """A condition as it stands in the form."""

    name: str = ""
    op: str = ""
    texts: list[str] = field(default_factory=list)
    error: str = ""


@dataclass(slots=True)
class Branch:
    """A group as it stands in the form."""

    join: str = "and"
    parts: list[Row | Branch] = field(default_factory=list)


def show(screen: Screen) -> Answer:
    """GET opens what the list asks now; POST takes a step, or leads back to the list."""
    permissions.require(shell.actor(), "read", registry.permission_entity(screen.model))
    if request.method == "GET":
        state = read_state(screen, request.args)
        return _page(screen, state, _opened(screen, state))
    state = read_state(screen, MultiDict(parse_qsl(request.form.get("state", ""))))
    tree = _read("0", 1)
    if {"add", "group", "remove", "refresh"} & set(request.form):
        _step(tree)
        return _page(screen, state, tree)
    group = _built(screen, tree)
    if group is None:
        return _page(screen, state, tree), 422
    pairs = state.pairs(without=frozenset({"w", "f"}))
    if group.parts:
        pairs.append(("w", conditions.text(screen.model, group, shell.locale())))
    return redirect(state.url(pairs), 303)


def _opened(screen: Screen, state: State) -> Branch:
    """The tree of what the list asks: its nested conditions, and its plain filters beside them."""
    plain: list[Row | Branch] = [_row(screen, one) for one in state.filters]
    if state.where is None:
        return Branch("and", plain or [Row()])
    whole = _branch(screen, state.where)
    if not plain:
        return whole
    return Branch("and", [*plain, *(whole.parts if whole.join == "and" else [whole])])


def _branch(screen: Screen, group: Group) -> Branch:
    return Branch(group.join, [_branch(screen, p) if isinstance(p, Group) else _row(screen, p) for p in group.parts])


def _row(screen: Screen, one: Filter) -> Row:
    known = filters.filterable(screen.model)[one.field]
    texts = [values.to_input(known, value, shell.locale()) if value is not False else "0" for value in one.values]
    return Row(one.field, one.op, texts)


def _read(at: str, deep: int) -> Branch:
    """The tree that the form sends, below the place `at`."""
    form = request.form
    branch = Branch("or" if form.get(f"{at}-join") == "or" else "and")
    number = min(values.whole(form.get(f"{at}-count", "0")) or 0, conditions.MOST)
    for index in range(number):
        place = f"{at}.{index}"
        if f"{place}-count" in form and deep < conditions.MOST_DEEP:
            branch.parts.append(_read(place, deep + 1))
        elif f"{place}-field" in form:
            texts = [text for text in form.getlist(f"{place}-value") if text.strip()]
            branch.parts.append(Row(form[f"{place}-field"], form.get(f"{place}-op", ""), texts))
    return branch


def _step(tree: Branch) -> None:
    """Add a condition or a group to a group, or take one away."""
    form = request.form
    for name, part in (("add", Row()), ("group", Branch("or", [Row()]))):
        at = form.get(name)
        target = _at(tree, at) if at else None
        if isinstance(target, Branch):
            target.parts.append(part)
    gone = form.get("remove", "")
    above = _at(tree, gone.rpartition(".")[0]) if "." in gone else None
    index = values.whole(gone.rpartition(".")[2])
    if isinstance(above, Branch) and index is not None and index < len(above.parts):
        del above.parts[index]


def _at(tree: Branch, place: str) -> Row | Branch | None:
    found: Row | Branch = tree
    for step in place.split(".")[1:]:
        index = values.whole(step)
        if not isinstance(found, Branch) or index is None or index >= len(found.parts):
            return None
        found = found.parts[index]
    return found


def _built(screen: Screen, branch: Branch) -> Group | None:
    """The group of a tree, without what was left empty; None where something is wrong, which its row then says."""
    parts: list[Filter | Group] = []
    good = True
    for part in branch.parts:
        if isinstance(part, Branch):
            inner = _built(screen, part)
            good = good and inner is not None
            if inner is not None and inner.parts:
                parts.append(inner)
            continue
        if not part.name:
            continue
        try:
            parts.append(filters.build(screen.model, part.name, part.op, part.texts, shell.locale()))
        except Invalid as error:
            part.error, good = next(iter(error.fields.values())), False
    return Group(branch.join, tuple(parts)) if good else None


def _page(screen: Screen, state: State, tree: Branch) -> str:
    known = filters.filterable(screen.model)
    wanted = _related(tree, known)
    titles = relatives.titles(wanted, actor=shell.actor()) if wanted else {}
    return render_template(
        "builder.html",
        title=_("Filter {label}", label=screen.label.lower()),
        tree=_drawn(tree, "0", known, titles),
        fields=[(n, f.label) for n, f in known.items()],
        state=state.url(state.pairs()).partition("?")[2],
        cancel_url=state.url(state.pairs()),
        most_deep=conditions.MOST_DEEP,
    )


def _related(tree: Branch, known: dict[str, Any]) -> set[tuple[str, int]]:
    found: set[tuple[str, int]] = set()
    for part in tree.parts:
        if isinstance(part, Branch):
            found |= _related(part, known)
        elif part.name in known and known[part.name].kind is Kind.RELATION:
            found |= {(known[part.name].target or "", k) for t in part.texts if (k := values.whole(t)) is not None}
    return found


def _drawn(branch: Branch, at: str, known: dict[str, Any], titles: dict[tuple[str, int], str]) -> dict[str, Any]:
    parts = []
    for index, part in enumerate(branch.parts):
        place = f"{at}.{index}"
        drawn = _drawn(part, place, known, titles) if isinstance(part, Branch) else _input(part, place, known, titles)
        parts.append(drawn)
    return {"at": at, "join": branch.join, "parts": parts, "deep": at.count(".") + 1}


def _input(row: Row, at: str, known: dict[str, Any], titles: dict[tuple[str, int], str]) -> dict[str, Any]:
    one = known.get(row.name)
    drawn: dict[str, Any] = {"at": at, "field": row.name, "op": row.op, "kind": "", "error": row.error}
    if one is None:
        return drawn
    ops = filters.operators(one)
    op = row.op if row.op in ops else ops[0]
    picker = screens().get(one.target or "")
    kind = one.kind.value if one.kind in (Kind.CHOICE, Kind.BOOLEAN, Kind.RELATION, Kind.NUMBER, Kind.MONEY) else "text"
    texts = [*row.texts, "", ""]
    return drawn | {
        "kind": "date" if one.kind in (Kind.DATE, Kind.MOMENT) else kind,
        "label": one.label,
        "ops": [(name, filters.operator_words(one, name)) for name in ops],
        "op": op,
        "needs": 0 if op in _VALUELESS else 2 if op == "between" else 1,
        "choices": [(value, label, value in row.texts) for value, label in one.choices],
        "value": texts[0],
        "value2": texts[1],
        "display": titles.get((one.target or "", values.whole(texts[0]) or 0), ""),
        "picker_url": picker.url(page="picker") if picker else "",
    }

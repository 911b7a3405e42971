"""Nested conditions as a form holds them: groups of "all of these" and "any of these", each condition named by its
place, "0.2.1".

Works without script: each step is a submit button that brings the page back with what was chosen. Does not belong here:
what conditions mean (`app.services.conditions`), and which page they stand on (`query_builder`, `role_rules`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flask import request

from app.errors import Invalid
from app.services import conditions, filters, relatives, rules, values
from app.services.conditions import Group
from app.services.filters import Filter
from models.fields import Field, Kind
from views import shell
from views.screen import screens

STEPS = frozenset({"add", "group", "remove", "refresh"})
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


def opened(model: type[Any], group: Group) -> Branch:
    """The tree of a condition."""
    return Branch(group.join, [opened(model, p) if isinstance(p, Group) else row(model, p) for p in group.parts])


def row(model: type[Any], one: Filter) -> Row:
    """A filter as it stands in the form."""
    text = one.text(model, shell.locale()).split(":", 2)
    return Row(one.field, one.op, text[2].split("|") if len(text) > 2 else [])


def sent() -> Branch:
    """The tree that the form sends, after the step that it asks for."""
    tree = _read("0", 1)
    if set(request.form) & STEPS:
        _step(tree)
    return tree


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


def built(model: type[Any], branch: Branch, *, who: bool = False) -> Group | None:
    """The group of a tree, without what was left empty; None where something is wrong, which its row then says. With
    `who`, a value may be whoever looks.
    """
    parts: list[Filter | Group] = []
    good = True
    for part in branch.parts:
        if isinstance(part, Branch):
            inner = built(model, part, who=who)
            good = good and inner is not None
            if inner is not None and inner.parts:
                parts.append(inner)
            continue
        if not part.name:
            continue
        try:
            parts.append(filters.build(model, part.name, part.op, part.texts, shell.locale(), who=who))
        except Invalid as error:
            part.error, good = next(iter(error.fields.values())), False
    return Group(branch.join, tuple(parts)) if good else None


def drawn(model: type[Any], tree: Branch, *, who: bool = False) -> dict[str, Any]:
    """What the page shows of a tree, and of what can be asked for."""
    known = filters.filterable(model)
    wanted = _related(tree, known)
    titles = relatives.titles(wanted, actor=shell.actor()) if wanted else {}
    return {
        "tree": _drawn(tree, "0", known, titles, who),
        "fields": [(n, f.label) for n, f in known.items()],
        "most_deep": conditions.MOST_DEEP,
    }


def _related(tree: Branch, known: Mapping[str, Field]) -> set[tuple[str, int]]:
    found: set[tuple[str, int]] = set()
    for part in tree.parts:
        if isinstance(part, Branch):
            found |= _related(part, known)
        elif part.name in known and known[part.name].kind is Kind.RELATION:
            found |= {(known[part.name].target or "", k) for t in part.texts if (k := values.whole(t)) is not None}
    return found


def _drawn(
    branch: Branch, at: str, known: Mapping[str, Field], titles: Mapping[tuple[str, int], str], who: bool
) -> dict[str, Any]:
    parts = []
    for index, part in enumerate(branch.parts):
        place = f"{at}.{index}"
        if isinstance(part, Branch):
            parts.append(_drawn(part, place, known, titles, who))
        else:
            parts.append(_input(part, place, known, titles, who))
    return {"at": at, "join": branch.join, "parts": parts, "deep": at.count(".") + 1}


def _input(
    row: Row, at: str, known: Mapping[str, Field], titles: Mapping[tuple[str, int], str], who: bool
) -> dict[str, Any]:
    one = known.get(row.name)
    drawn: dict[str, Any] = {"at": at, "field": row.name, "op": row.op, "kind": "", "error": row.error}
    if one is None:
        return drawn
    ops = filters.operators(one)
    op = row.op if row.op in ops else ops[0]
    picker = screens().get(one.target or "")
    kind = one.kind.value if one.kind in (Kind.CHOICE, Kind.BOOLEAN, Kind.RELATION, Kind.NUMBER, Kind.MONEY) else "text"
    whose = filters.whose(one) if who else None
    plain = [text for text in row.texts if whose is None or text != whose.value]
    needs = 0 if op in _VALUELESS else 2 if op == "between" else 1
    texts = [*plain, "", ""]
    title = lambda text: titles.get((one.target or "", values.whole(text) or 0), "") or f"#{text}"  # noqa: E731
    return drawn | {
        "kind": "date" if one.kind in (Kind.DATE, Kind.MOMENT) else kind,
        "label": one.label,
        "ops": [(name, filters.operator_words(one, name)) for name in ops],
        "op": op,
        "needs": needs,
        "whose": (whose.value, rules.WHOSE[whose], whose.value in row.texts) if whose is not None else None,
        # What is asked for beside the first value; it stays until somebody takes it out.
        "more": []
        if one.choices
        else [(t, title(t) if one.kind is Kind.RELATION else t) for t in plain[max(needs, 1) :]],
        "choices": [(value, label, value in row.texts) for value, label in one.choices],
        "value": texts[0],
        "value2": texts[1],
        "display": titles.get((one.target or "", values.whole(texts[0]) or 0), ""),
        "picker_url": picker.url(page="picker") if picker else "",
    }

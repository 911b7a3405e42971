"""Drawing that need not be done again for each page: icons and addresses of files become text when a template is
compiled, and parts that are the same for everybody are kept, with holes where the values of a record stand.

Does not belong here: anything that belongs to one record, request or person.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from flask import Flask, current_app
from jinja2.ext import Extension
from markupsafe import Markup, escape

from views.headers import asset
from views.translated import kept_by_language

# Of Unicode's private use: no template holds one.
HOLE = "\ue000"
# Inputs that are the same around any value; others are drawn whole: what they show depends on it, or on the viewer.
_AROUND = frozenset({"text", "email", "phone", "url", "money", "number", "date", "relation"})
_FEW = frozenset({"choice", "boolean"})
_CONSTANT = re.compile(r"\{\{ (icon|asset)\('([\w./-]+)'\) \}\}")


class Constants(Extension):
    """`{{ icon('plus') }}` and `{{ asset('console.css') }}` as text: a page shows eighty of them."""

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        return _CONSTANT.sub(lambda found: str(_MADE[found[1]](found[2])), source)


@lru_cache(maxsize=500)
def icon(name: str) -> Markup:
    """An icon of the sprite; decorative, so hidden from screen readers."""
    return Markup('<svg class=i aria-hidden=true><use href="{}#{}"/></svg>').format(asset("icons.svg"), name)


_MADE = {"icon": icon, "asset": asset}


def init(app: Flask) -> None:
    app.jinja_env.globals.update(
        icon=icon, drawn=drawn, repeated=repeated, filled_field=filled_field, filled_cell=filled_cell
    )
    app.jinja_env.add_extension(Constants)


@kept_by_language(4000)
def drawn(template: str, macro: str, *items: Any) -> Markup:
    """What a macro makes of items that many pages share, such as a menu; drawn once for the same items."""
    return Markup(_macro(template, macro, *items))  # noqa: S704  a template's own output


def alone(template: str, /, **facts: Any) -> Markup:
    """What a template makes of these facts and nothing else: it does not learn who asks, or with which request."""
    return Markup(current_app.jinja_env.get_template(template).render(facts))  # noqa: S704  a template's own output


def filled_field(one: Mapping[str, Any]) -> Markup | str:
    """A field of a form as `parts/field.html` draws it, kept around its value; "" for one that must be drawn whole."""
    kind, value = one["kind"], one["value"]
    if one["errors"] or one.get("readonly") or not (kind in _AROUND or kind in _FEW):
        return ""
    holes = {"value": value, "display": one.get("display", "")} if kind == "relation" else {"value": value}
    # An empty relation has no button that clears it, and a choice is drawn once for each of its few values.
    fixed = {n: v for n, v in holes.items() if kind in _FEW or (kind == "relation" and not v)}
    if kind == "choice" and all(value != known for known, _ in one["choices"]):
        return ""
    spec = tuple((n, v) for n, v in one.items() if n not in holes and n != "errors")
    return _filled("parts/field.html", "field", spec, fixed, {n: v for n, v in holes.items() if n not in fixed})


def filled_cell(column: Mapping[str, Any], name: str, row: int, value: str) -> Markup | str:
    """An input in a row of a form as `parts/children_cell.html` draws it, kept around its value."""
    fixed = {"value": value} if column["kind"] in _FEW else {}
    spec = (*column.items(), ("id", name), ("row", row))
    return _filled("parts/children_cell.html", "cell", spec, fixed, {} if fixed else {"value": value})


def escaped(column: Sequence[Any]) -> list[str]:
    """Each value of a column of a table, escaped: together, as it costs less than each alone; markup stays as it is."""
    if any(type(value) is Markup for value in column):
        return [value if type(value) is Markup else escape(value) for value in column]
    texts = str(escape(HOLE.join(map(str, column)))).split(HOLE)
    return texts if len(texts) == len(column) else [escape(value) for value in column]


def repeated(template: str, macro: str, fixed: tuple[Any, ...], rows: Sequence[tuple[Any, ...]]) -> Markup:
    """A macro's part for each row, one after the other; the rows' values must be escaped already."""
    if not rows:
        return Markup()
    shape, order = _shape(template, macro, fixed, len(rows[0]))
    return Markup("".join([shape % tuple([row[place] for place in order]) for row in rows]))  # noqa: S704  as said


@kept_by_language(500)
def _shape(template: str, macro: str, fixed: tuple[Any, ...], width: int) -> tuple[str, list[int]]:
    """A macro's part as a format, with the place in a row of each value that stands in it."""
    holes = (f"{HOLE}{place}{HOLE}" for place in range(width))
    pieces = _macro(template, macro, *fixed, *holes).split(HOLE)
    return "%s".join(piece.replace("%", "%%") for piece in pieces[::2]), [int(place) for place in pieces[1::2]]


def _filled(
    template: str, macro: str, spec: tuple[tuple[str, Any], ...], fixed: dict[str, Any], holes: dict[str, Any]
) -> Markup | str:
    pieces = _pieces(template, macro, (*spec, *fixed.items(), *((name, HOLE) for name in holes)))
    if len(pieces) != len(holes) + 1:
        return ""
    texts = [pieces[0]]
    for value, piece in zip(holes.values(), pieces[1:], strict=True):
        texts += (escape(value), piece)
    return Markup("".join(texts))  # noqa: S704  escaped values between pieces of a template's own output


@kept_by_language(4000)
def _pieces(template: str, macro: str, spec: tuple[tuple[str, Any], ...]) -> list[str]:
    return _macro(template, macro, dict(spec)).split(HOLE)


def _macro(template: str, macro: str, *items: Any) -> str:
    return str(getattr(current_app.jinja_env.get_template(template).module, macro)(*items))

"""The shape of a set-up's file: which members each item has, of which kind and how long.

Does not belong here: going through a file (`reader`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from app.services.setup.keys import REFERRED
from models import custom
from models.view import AUDIENCES
from models.words import N_, _, grouped

Check = Callable[[Any], str]
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_INTEGER = 2**31


@dataclass(frozen=True, slots=True)
class Shape:
    """Members with what checks them; all but the `needed` may be left out."""

    members: Mapping[str, Check]
    needed: frozenset[str]


def text(most: int, *, lines: bool = False, empty: bool = False) -> Check:
    """A check for a text of at most so many characters."""

    def check(value: Any) -> str:
        if not isinstance(value, str):
            return _("must be a text")
        if _CONTROL.search(value) or (not lines and "\n" in value):
            return _("holds a control character")
        if len(value) > most:
            return _("has more than {most} characters", most=grouped(most))
        return "" if empty or value.strip() else _("is empty")

    return check


def whole(least: int, most: int) -> Check:
    def check(value: Any) -> str:
        good = type(value) is int and least <= value <= most
        return "" if good else _("must be a whole number, {least} to {most}", least=grouped(least), most=grouped(most))

    return check


def flag(value: Any) -> str:
    return "" if isinstance(value, bool) else _("must be true or false")


def like(pattern: str, words: str) -> Check:
    compiled = re.compile(pattern)

    def check(value: Any) -> str:
        return "" if isinstance(value, str) and compiled.fullmatch(value) else words

    return check


def one_of(known: Iterable[str]) -> Check:
    allowed = frozenset(known)

    def check(value: Any) -> str:
        good = isinstance(value, str) and value in allowed
        return "" if good else _("must be one of {choices}", choices=", ".join(sorted(allowed)))

    return check


def texts(most: int, long: int) -> Check:
    """A check for a list of at most so many short texts."""
    single = text(long)

    def check(value: Any) -> str:
        if not isinstance(value, list) or len(value) > most:
            return _("must be a list of at most {most} texts", most=most)
        return next((words for one in value if (words := single(one))), "")

    return check


def anything(_value: Any) -> str:
    """Read by itself, see `reader`."""
    return ""


def _choice(value: Any) -> str:
    words = text(80)(value)
    return words or (_("holds a sign that parts choices in files, ; or |") if re.search(r"[;|]", value) else "")


KEY = like(r"[a-z0-9][a-z0-9_]{0,59}", N_("is no name: small letters, digits and _, at most 60"))
ROLE_KEY = like(r"[a-z][a-z0-9_]{0,39}", N_("is no name of a role: small letters, digits and _, at most 40"))
FIELD_KEY = like(r"x_[a-z0-9_]{1,58}", N_("is no key of a field: x_, then small letters, digits and _, at most 60"))
NAME = like(r"[a-z][a-z0-9_]{0,59}", N_("is no name of a kind of record or field"))
LEVEL = text(10)

FIELD = Shape(
    {
        "key": FIELD_KEY, "label": text(80), "kind": one_of(dict(custom.KINDS)), "hint": text(200), "section": text(60),
        "position": whole(0, 10**6), "required": flag, "searchable": flag, "options": anything, "target": NAME,
        "places": whole(0, 6), "result": one_of(dict(custom.RESULTS)), "formula": text(500, lines=True),
        "personal": flag, "category": one_of(dict(custom.CATEGORIES)), "purpose": one_of(dict(custom.PURPOSES)),
        "keep": one_of(dict(custom.RETENTIONS)),
    },
    frozenset({"key", "label", "kind", "category", "purpose"}),
)  # fmt: skip
OPTION = Shape({"key": KEY, "label": _choice, "retired": flag}, frozenset({"key", "label"}))
ROLE = Shape({"key": ROLE_KEY, "label": text(80), "rights": anything}, frozenset({"key", "label", "rights"}))
PIPELINE = Shape({"key": KEY, "name": text(120), "stages": anything}, frozenset({"key", "name", "stages"}))
STAGE = Shape(
    {
        "key": KEY, "name": text(120), "position": whole(1 - _INTEGER, _INTEGER - 1),
        "probability": whole(1 - _INTEGER, _INTEGER - 1), "outcome": text(40),
    },
    frozenset({"key", "name", "position", "probability", "outcome"}),
)  # fmt: skip
TEMPLATE = Shape(
    {"key": KEY, "name": text(120), "kind": text(40), "subject": text(200), "body": text(20_000, lines=True)},
    frozenset({"key", "name", "kind", "subject", "body"}),
)
VIEW = Shape(
    {"key": KEY, "name": text(80), "audience": one_of(dict(AUDIENCES)), "team": KEY, "asks": anything},
    frozenset({"key", "name", "audience", "asks"}),
)
ASKS = Shape(
    {
        "filters": anything, "where": anything, "sort": like(r"-?[a-z0-9_]{1,60}", N_("is no order")),
        "columns": texts(12, 60), "display": one_of(["board", "calendar"]), "by": NAME, "group": NAME, "totals": flag,
        "inside": KEY,
    },
    frozenset(),
)  # fmt: skip
LEAF = Shape(
    {
        "field": NAME,
        "op": one_of(["contains", "is", "starts", "empty", "filled", "after", "before", "between", "not"]),
        "values": texts(50, 200),
        "of": one_of(REFERRED),
    },
    frozenset({"field", "op", "values"}),
)
LAYOUT = Shape(
    {
        "labels": anything, "sections": anything, "required": texts(1000, 60), "columns": texts(12, 60),
        "when": anything,
    },
    frozenset(),
)  # fmt: skip

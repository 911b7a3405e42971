"""Fields in the texts of e-mails to many: `{{ contact.first_name | default("friend") }}`, in the grammar of Jinja.

A text is taken apart once; nothing of it is ever run. Only names on a list, a fallback and a few changes of case are
known: statements, calls, attributes of attributes and all other filters are refused, so that there is nothing to escape
from. Parts are JSON (a text, or an object with the field), as they are frozen with a campaign. Does not belong here:
which fields there are (`app.services.mail_fields`).
"""

from __future__ import annotations

import html
import re
import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from jinja2 import TemplateSyntaxError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from models.words import _

Part = str | dict[str, Any]
Parts = Sequence[Part]
Values = Mapping[str, Mapping[str, str]]
MOST = 20_000
_CASES = {"upper": str.upper, "lower": str.lower, "title": str.title, "capitalize": str.capitalize}
_grammar = ImmutableSandboxedEnvironment(autoescape=True, keep_trailing_newline=True)


class BadField(ValueError):
    """The text names a field that is on no list, or asks for more than a field; the message says what to change."""


def parse(text: str, names: Collection[str]) -> list[Part]:
    """The parts of a text; raises `BadField`."""
    if len(text) > MOST:
        raise BadField(_("This text is too long."))
    try:
        tree = _grammar.parse(text)
    except (TemplateSyntaxError, RecursionError) as error:
        raise BadField(
            _("A field is not closed, or braces stand where no field is ({why}). Fields look like {field}.",
              why=str(error)[:100], field="{{ contact.name }}")
        ) from None  # fmt: skip
    parts: list[Part] = []
    for node in tree.body:
        if not isinstance(node, nodes.Output):
            raise BadField(_("Only fields such as {field} can be used here.", field="{{ contact.name }}"))
        parts += [_part(one, names) for one in node.nodes]
    return parts


def fill(parts: Parts, values: Values, *, as_html: bool = False) -> str:
    """The text for one person; values and fallbacks are escaped where the text is HTML."""
    return "".join(one if isinstance(one, str) else _told(one, values, as_html) for one in parts)


def fields(parts: Parts) -> list[dict[str, Any]]:
    """The fields among parts."""
    return [one for one in parts if not isinstance(one, str)]


def empty(parts: Parts, values: Values) -> list[str]:
    """The fields that would leave a hole for this person: empty, and without a fallback."""
    return sorted({one["field"] for one in fields(parts) if not _value(one, values) and not one.get("or")})


class Held:
    """Fields that were taken out of texts, with a mark in the place of each, while the texts are made into something
    else. Marks are plain letters that nobody who typed a text could know."""

    def __init__(self) -> None:
        self.fields: list[dict[str, Any]] = []
        self.mark = f"m{secrets.token_hex(12)}"

    def hold(self, parts: Parts) -> str:
        """One text of these parts, with marks."""
        return "".join(one if isinstance(one, str) else self._mark(one) for one in parts)

    def split(self, text: str) -> list[Part]:
        """The way back: parts, with the fields where their marks stand."""
        pieces = re.split(f"{self.mark}([0-9]+)x", text)
        return joined(dict(self.fields[int(one)]) if at % 2 else one for at, one in enumerate(pieces))

    def _mark(self, one: dict[str, Any]) -> str:
        self.fields.append(one)
        return f"{self.mark}{len(self.fields) - 1}x"


def joined(parts: Iterable[Part]) -> list[Part]:
    """The same with neighbouring texts as one, and without empty ones."""
    made: list[Part] = []
    for one in parts:
        if isinstance(one, str) and made and isinstance(made[-1], str):
            made[-1] = f"{made[-1]}{one}"
        elif one != "":
            made.append(one)
    return made


def _part(node: nodes.Node, names: Collection[str]) -> Part:
    if isinstance(node, nodes.TemplateData):
        return node.data
    cases: list[str] = []
    fallback = ""
    while isinstance(node, nodes.Filter) and node.node is not None:
        if node.name == "default":
            fallback = _fallback(node)
        elif node.name in _CASES and not node.args and not node.kwargs:
            cases.insert(0, node.name)
        else:
            raise BadField(_("“{name}” cannot be used in a field.", name=node.name[:40]))
        node = node.node
    if not (isinstance(node, nodes.Getattr) and isinstance(node.node, nodes.Name)):
        raise BadField(_("Only fields such as {field} can be used here.", field="{{ contact.name }}"))
    name = f"{node.node.name}.{node.attr}"
    if name not in names:
        raise BadField(_("“{name}” is no field. Choose one from the list of fields.", name=name[:80]))
    made: dict[str, Any] = {"field": name}
    return made | ({"or": fallback} if fallback else {}) | ({"case": cases} if cases else {})


def _fallback(node: nodes.Filter) -> str:
    given = node.args[0] if len(node.args) in (1, 2) and not node.kwargs else None
    if not isinstance(given, nodes.Const) or not isinstance(given.value, str):
        raise BadField(
            _("A fallback is a text in quotes: {field}.", field='{{ contact.first_name | default("friend") }}')
        )
    return given.value[:200]


def _value(one: Mapping[str, Any], values: Values) -> str:
    group, _dot, name = one["field"].partition(".")
    return values.get(group, {}).get(name) or ""


def _told(one: Mapping[str, Any], values: Values, as_html: bool) -> str:
    text = _value(one, values) or one.get("or", "")
    for case in one.get("case", ()):
        text = _CASES[case](text)
    return html.escape(text) if as_html else text

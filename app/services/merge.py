"""Fills `{{ contact.goes_by }}` and its like into a text. A closed list of names and nothing else: no code, no loops,
no filters.

Pure: no database, no request. Does not belong here: where the values come from (`app.services.messages`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

FIELDS: Mapping[str, str] = {
    "contact.name": "The contact's full name",
    "contact.goes_by": "What the contact goes by, else the full name",
    "contact.company": "The contact's company",
    "sender.name": "Your name",
    "sender.phone": "Your phone number",
    "workspace.name": "The brokerage's name",
    "workspace.phone": "The brokerage's phone number",
    "workspace.website": "The brokerage's website",
}
_FIELD = re.compile(r"\{\{(.{0,80}?)\}\}", re.DOTALL)


class UnknownField(ValueError):
    """The text names a field that is on no list; the message says which and lists those that are."""


def fill(text: str, values: Mapping[str, str]) -> str:
    """`text` with each field replaced by its value (empty if there is none); raises `UnknownField`. Values are never
    filled again."""

    def value(match: re.Match[str]) -> str:
        name = match.group(1).strip()
        if name not in FIELDS:
            raise UnknownField(f"“{{{{ {name} }}}}” is not a field. Use one of: {', '.join(FIELDS)}.")
        return values.get(name, "")

    return _FIELD.sub(value, text)


def check(text: str) -> None:
    """Raise `UnknownField` if `text` could not be filled."""
    fill(text, {})

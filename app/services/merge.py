"""Fills `{{ contact.goes_by }}` and its like into a text. A closed list of names and nothing else: no code, no loops,
no filters.

Pure: no database, no request. Does not belong here: where the values come from (`app.services.messages`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from models.words import N_, _

FIELDS: Mapping[str, str] = {
    "contact.name": N_("The contact's full name"),
    "contact.goes_by": N_("What the contact goes by, else the full name"),
    "contact.company": N_("The contact's company"),
    "sender.name": N_("Your name"),
    "sender.phone": N_("Your phone number"),
    "workspace.name": N_("The brokerage's name"),
    "workspace.phone": N_("The brokerage's phone number"),
    "workspace.website": N_("The brokerage's website"),
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
            raise UnknownField(
                _("“{{{{ {name} }}}}” is not a field. Use one of: {fields}.", name=name, fields=", ".join(FIELDS))
            )
        return values.get(name, "")

    return _FIELD.sub(value, text)


def check(text: str) -> None:
    """Raise `UnknownField` if `text` could not be filled."""
    fill(text, {})

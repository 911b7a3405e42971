"""What a brokerage asks of every new contact, as far as a row of a file leaves it out.

As in the form: what is required is asked for where somebody new is added, not where a known person is filled in. Pure
but for the schema. Does not belong here: what becomes of the row (`deciding`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from app.services import layouts, schema
from app.services.imports import mapping
from app.services.imports.people import new_person
from app.services.imports.rows import ContactRow, Problem
from models.contact import Contact
from models.fields import Field, Kind
from models.words import _

if TYPE_CHECKING:
    from app.services.imports.deciding import Terms

Lacking = Callable[[ContactRow], list[Problem]]
_EMPTY = (None, "", ())


def of_new(terms: Terms) -> Lacking | None:
    """What a row lacks that would bring a new contact; None where nothing is asked for."""
    known = schema.writable(Contact)
    required = {n: one for n, one in known.items() if one.required and one.kind is not Kind.BOOLEAN}
    if not required:
        return None
    fillable = mapping.fillable()

    def lacking(row: ContactRow) -> list[Problem]:
        value_of = _values(row, terms)
        return [
            Problem(name, _words(one, name in fillable))
            for name, one in required.items()
            if value_of(name) in _EMPTY and not layouts.hides(Contact, name, value_of)
        ]

    return lacking


def _values(row: ContactRow, terms: Terms) -> Callable[[str], Any]:
    """The values of the contact that a row would bring, by field."""
    person = new_person(row, terms.basis)
    given = {"owner_id": terms.owner_id, "team_id": terms.team_id, "stage": "new", "type": "other"} | person.values
    custom, added = given.get("custom") or {}, schema.every_added(Contact)
    return lambda name: schema.of_stored(added[name], custom.get(name)) if name in added else given.get(name)


def _words(one: Field, fillable: bool) -> str:
    if fillable:
        return _("{label} is needed.", label=one.label)
    return _(
        "{label} is needed, and no column of a file fills it. Make it optional under Customise for as long as you "
        "import, or add this person by hand.",
        label=one.label,
    )

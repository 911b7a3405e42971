"""A person while an import works on them: what the workspace has of them, and what a row of the file adds.

Belongs here: the rules of filling, overwriting and joining. Pure. Does not belong here: finding people (`known`),
writing them (`writing`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from app.services.imports.rows import Address, ContactRow, Detail
from app.services.values import stored
from models.words import _

ABOUT = 5000  # characters that "About" takes; a longer text becomes notes
_FIELDS = ("goes_by", "company", "job_title", "website", "birthday")


@dataclass(slots=True)
class Person:
    """One contact. `id` is None until a new one is written; `values` are its fields as they are to be, `old` those
    changed.

    `emails` and `phones` are all that it has, main ones too; `added_*` what the file brings. `ours` tells that this
    import made it.
    """

    id: int | None
    values: dict[str, Any] = field(default_factory=dict)
    old: dict[str, Any] = field(default_factory=dict)
    emails: set[str] = field(default_factory=set)
    phones: set[str] = field(default_factory=set)
    addresses: set[tuple[str, str]] = field(default_factory=set)
    tags: set[str] = field(default_factory=set)
    added_emails: list[Detail] = field(default_factory=list)
    added_phones: list[Detail] = field(default_factory=list)
    added_addresses: list[Address] = field(default_factory=list)
    added_tags: list[str] = field(default_factory=list)
    added_notes: list[str] = field(default_factory=list)
    ours: bool = False

    @property
    def changed(self) -> bool:
        return bool(
            self.old
            or self.added_emails
            or self.added_phones
            or self.added_addresses
            or self.added_tags
            or self.added_notes
        )


def new_person(row: ContactRow, basis: str, kept_back: Iterable[str] = ()) -> Person:
    """The contact a row brings. `kept_back` are addresses that cannot be rows of their own; they go to "About"."""
    person = Person(None, {"name": row.name, "name_key": row.name_key, "lawful_basis": basis}, ours=True)
    _details(person, row, frozenset(kept_back))
    for name in _FIELDS:
        if value := getattr(row, name):
            person.values[name] = value
    if row.type:
        person.values["type"] = row.type
    _own(person, row, overwrite=False)
    _note(person, _notes_of(row))
    person.old.clear()
    return person


def fill(
    person: Person, row: ContactRow, basis: str, kept_back: Iterable[str] = (), *, overwrite: bool = False
) -> None:
    """Bring what the row has: empty fields are filled; with `overwrite` its values replace others. Nothing is ever
    emptied.
    """
    _details(person, row, frozenset(kept_back), overwrite=overwrite)
    for name in _FIELDS:
        value = getattr(row, name)
        if value and (overwrite or not person.values.get(name)):
            _set(person, name, value)
    _own(person, row, overwrite=overwrite)
    if overwrite and row.type:
        _set(person, "type", row.type)
    if overwrite and row.name_given:
        _set(person, "name", row.name)
        _set(person, "name_key", row.name_key)
    if basis and person.values.get("lawful_basis") in (None, "unknown"):
        _set(person, "lawful_basis", basis)
    notes = _notes_of(row)
    if notes and (overwrite or person.ours or not person.values.get("about")):
        _note(person, notes)


def _own(person: Person, row: ContactRow, *, overwrite: bool) -> None:
    """Values of the fields that the workspace added, as the contact's own column keeps them."""
    before = person.values.get("custom") or {}
    after = dict(before)
    for name, value in row.added.items():
        if overwrite or name not in before:
            after[name] = stored(value)
    if after != before:
        _set(person, "custom", after)


def _details(person: Person, row: ContactRow, kept_back: frozenset[str], *, overwrite: bool = False) -> None:
    for detail in row.emails:
        if detail.value not in person.emails:
            _add_email(person, detail, detail.value in kept_back, first=overwrite and detail is row.emails[0])
    for detail in row.phones:
        if detail.value not in person.phones:
            _add_phone(person, detail, first=overwrite and detail is row.phones[0])
    for address in row.addresses:
        street = address.street or address.city or address.postal_code or address.region or address.country
        key = (street.casefold(), address.postal_code.casefold())
        if street and key not in person.addresses:
            person.addresses.add(key)
            person.added_addresses.append(address)
    for tag in row.tags:
        if tag.casefold() not in person.tags:
            person.tags.add(tag.casefold())
            person.added_tags.append(tag)


def _add_email(person: Person, detail: Detail, kept_back: bool, *, first: bool) -> None:
    main = person.values.get("email")
    person.emails.add(detail.value)
    if main and kept_back:
        _note(person, f"E-mail: {detail.value}")
    elif not main or first:
        _set(person, "email", detail.value)
        if main:
            person.added_emails.append(Detail(main, "other"))
    else:
        person.added_emails.append(detail)


def _add_phone(person: Person, detail: Detail, *, first: bool) -> None:
    main = person.values.get("phone")
    person.phones.add(detail.value)
    if not main or first:
        _set(person, "phone", detail.value)
        if main:
            person.added_phones.append(Detail(main, "other"))
    else:
        person.added_phones.append(detail)


def _notes_of(row: ContactRow) -> str:
    return "\n".join(
        text for text in (_("Source: {source}", source=row.source) if row.source else "", row.notes) if text
    )


def _note(person: Person, text: str) -> None:
    """Into "About" where it fits, else into a note of its own: a long text is never cut."""
    about = person.values.get("about") or ""
    if not text or text in about or text in person.added_notes:
        return
    joined = f"{about}\n{text}" if about else text
    if len(joined) <= ABOUT:
        _set(person, "about", joined)
    else:
        person.added_notes.append(text)


def _set(person: Person, name: str, value: Any) -> None:
    before = person.values.get(name)
    if before != value:
        person.old.setdefault(name, before)
        person.values[name] = value

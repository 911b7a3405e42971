"""Decides what becomes of each row of an import: a new contact, an update, a second row about the same person, or a
question.

Two are the same person when they share an e-mail, or a phone and the name. A phone alone never joins two people: an
office or a family has one number for many. Pure: the caller looks up who may match (`lookup`) and tells what it wrote
(`wrote`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from app.services.imports.rows import ContactRow, Problem
from models import normal


class Action(StrEnum):
    CREATE = "create"
    UPDATE = "update"
    SKIP = "skip"  # the person is known and known people are to stay as they are
    MERGE = "merge"  # a later row about a person this file has brought or changed before
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Known:
    """A contact the workspace has: all its e-mails (lower case) and phones (E.164)."""

    id: int
    name: str
    name_key: str
    emails: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """`contact_id` is the contact to change, where it is known; `first_line` the line of the file a MERGE joins."""

    action: Action
    row: ContactRow
    contact_id: int | None = None
    first_line: int | None = None


@dataclass(frozen=True, slots=True)
class Keys:
    """What to look up for a chunk of rows: contacts with any of these e-mails or phones."""

    emails: frozenset[str]
    phones: frozenset[str]


# A person seen so far: the id of a contact, or the negative line of the row that brings a new one.
_Ref = int


class Matcher:
    """Decides rows in file order, chunk after chunk; how the rows are cut in chunks changes nothing.

    Keeps the e-mails and phone-name pairs of the file (about 400 bytes a row), nothing else of the rows. With
    `overwrite` the first row about a known contact gives it its name: from then on it is matched under both. `former`
    has the old name key of those renamed before a break.
    """

    def __init__(self, *, update: bool = True, overwrite: bool = False) -> None:
        self.update, self.overwrite = update, overwrite
        self._emails: dict[str, _Ref] = {}
        self._phones: dict[tuple[str, str], tuple[_Ref, ...]] = {}
        self._names: dict[_Ref, str] = {}
        self._ids: dict[_Ref, int] = {}
        self._touched: dict[_Ref, int] = {}
        self.former: dict[_Ref, str] = {}

    def decide(self, rows: Sequence[ContactRow], known: Sequence[Known] = ()) -> list[Decision]:
        """One decision per row. `known` are the contacts that share an e-mail or a phone with these rows (`lookup`).

        A row that stands for two people gets an error that names both.
        """
        its_phones = {contact.id: contact.phones for contact in known}
        for contact in known:
            self._learn(contact)
        return [self._decide(row, its_phones) for row in rows]

    def wrote(self, ids: Mapping[int, int]) -> None:
        """Tells the ids of the contacts created for the CREATE rows of these lines."""
        for line, contact_id in ids.items():
            self._ids[-line] = contact_id

    def _learn(self, contact: Known) -> None:
        """A contact of the database; one that this import wrote keeps the place its row has."""
        ref = next((own for own, its in self._ids_of(contact) if its == contact.id), contact.id)
        self._names.setdefault(ref, contact.name)
        for email in contact.emails:
            self._emails.setdefault(email, ref)
        for phone in contact.phones:
            self._add_phone(phone, contact.name_key, ref)
            self._add_phone(phone, self.former.get(ref, ""), ref)

    def _ids_of(self, contact: Known) -> Iterable[tuple[_Ref, int]]:
        refs = [self._emails.get(email) for email in contact.emails]
        refs += [ref for phone in contact.phones for ref in self._phones.get((phone, contact.name_key), ())]
        return [(ref, self._ids[ref]) for ref in refs if ref is not None and ref in self._ids]

    def _decide(self, row: ContactRow, its_phones: Mapping[int, Sequence[str]]) -> Decision:
        if row.bad:
            return Decision(Action.ERROR, row)
        found = self._matches(row)
        if len(found) > 1:
            row.errors.append(Problem("", self._ambiguous(found)))
            return Decision(Action.ERROR, row)
        ref = next(iter(found), -row.line)
        decision = self._decision(row, ref, is_new=not found)
        if decision.action is not Action.SKIP:
            self._touched.setdefault(ref, row.line)
        self._remember(row, ref)
        if self.overwrite and decision.action is Action.UPDATE and row.name_given:
            self._rename(row, ref, its_phones.get(ref, ()))
        return decision

    def _matches(self, row: ContactRow) -> dict[_Ref, str]:
        """The people this row may be, each with how it matched, e-mails first.

        Where several share its phone and name (twins in the database), one that also has its e-mail settles it.
        """
        found: dict[_Ref, str] = {}
        for detail in row.emails:
            if (ref := self._emails.get(detail.value)) is not None:
                found.setdefault(ref, f"e-mail {detail.value}")
        for detail in row.phones:
            refs = self._phones.get((detail.value, row.name_key), ()) if row.name_key else ()
            if not any(ref in found for ref in refs):
                for ref in refs:
                    found.setdefault(ref, f"phone {normal.show_phone(detail.value)} and the name")
        return found

    def _decision(self, row: ContactRow, ref: _Ref, *, is_new: bool) -> Decision:
        if is_new:
            return Decision(Action.CREATE, row)
        contact_id = ref if ref > 0 else self._ids.get(ref)
        if ref in self._touched:
            return Decision(Action.MERGE, row, contact_id, self._touched[ref])
        return Decision(Action.UPDATE if self.update else Action.SKIP, row, contact_id)

    def _remember(self, row: ContactRow, ref: _Ref) -> None:
        """The row's keys now stand for this person, under the row's name and the name the person had before."""
        own = self._names.setdefault(ref, row.name)
        keys = {row.name_key} if own == row.name else {row.name_key, normal.name_key(own)}
        if ref in self.former:
            keys.add(self.former[ref])
        for email in row.emails:
            self._emails.setdefault(email.value, ref)
        for phone in row.phones:
            for key in keys:
                self._add_phone(phone.value, key, ref)

    def _rename(self, row: ContactRow, ref: _Ref, phones: Sequence[str]) -> None:
        """As the contact will be found once it is written; the preview, which writes nothing, must know it as well."""
        self.former.setdefault(ref, normal.name_key(self._names[ref]))
        self._names[ref] = row.name
        for phone in phones:
            self._add_phone(phone, row.name_key, ref)

    def _add_phone(self, phone: str, key: str, ref: _Ref) -> None:
        if not key:
            return
        held = self._phones.get((phone, key), ())
        if ref not in held:
            self._phones[phone, key] = (*held, ref)

    def _ambiguous(self, found: Mapping[_Ref, str]) -> str:
        people = [
            f"{self._names[ref]} ({f'contact {ref}' if ref > 0 else f'line {-ref} of this file'}) by {how}"
            for ref, how in found.items()
        ]
        who = " or ".join(people)
        return f"This row could be {who}. Nothing was changed: merge them, or take out what belongs to the other."


def lookup(rows: Iterable[ContactRow]) -> Keys:
    """The e-mails and phones to look up before `Matcher.decide`."""
    good = [row for row in rows if not row.bad]
    return Keys(
        frozenset(detail.value for row in good for detail in row.emails),
        frozenset(detail.value for row in good for detail in row.phones),
    )

"""Decides what becomes of each row of an import: a new contact, an update, a second row about the same person, or a
question.

Two are the same person when they share an e-mail, or a phone and the name. A phone alone never joins two people: an
office or a family has one number for many. Asks no database of the product: the caller looks up who may match
(`lookup`) and tells what it wrote (`wrote`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from app.services.imports.rows import ContactRow, Problem
from app.services.imports.seen import Person, Ref, Seen
from models import normal
from models.words import _


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


class Matcher:
    """Decides rows in file order, chunk after chunk; how the rows are cut in chunks changes nothing.

    Keeps the e-mails and phone-name pairs of the file (`seen`), nothing else of the rows. With `overwrite` the first
    row about a known contact gives it its name: from then on it is matched under both. `lacking` says what a row that
    would bring a new contact leaves out.
    """

    def __init__(
        self,
        *,
        update: bool = True,
        overwrite: bool = False,
        lacking: Callable[[ContactRow], list[Problem]] | None = None,
    ) -> None:
        self.update, self.overwrite, self._lacking = update, overwrite, lacking
        self._seen = Seen()

    def decide(self, rows: Sequence[ContactRow], known: Sequence[Known] = ()) -> list[Decision]:
        """One decision per row. `known` are the contacts that share an e-mail or a phone with these rows (`lookup`).

        A row that stands for two people gets an error that names both.
        """
        its_phones = {contact.id: contact.phones for contact in known}
        self._seen.open(_keys(rows, known), its_phones)
        for contact in known:
            self._learn(contact)
        decisions = [self._decide(row, its_phones) for row in rows]
        self._seen.close()
        return decisions

    def wrote(self, ids: Mapping[int, int]) -> None:
        """Tells the ids of the contacts created for the CREATE rows of these lines."""
        self._seen.wrote((contact_id, -line) for line, contact_id in ids.items())

    def renamed(self, former: Mapping[int, str]) -> None:
        """Tells the old name keys of contacts that this import renamed before a break."""
        self._seen.were(former.items())

    def _learn(self, contact: Known) -> None:
        """A contact of the database; one that this import wrote keeps the place its row has."""
        ref = next((own for own in self._refs_of(contact) if self._id_of(own) == contact.id), contact.id)
        person = self._seen.person(ref)
        person.name = person.name or contact.name
        for email in contact.emails:
            self._add_email(email, ref)
        for phone in contact.phones:
            self._add_phone(phone, contact.name_key, ref)
            self._add_phone(phone, person.former, ref)

    def _refs_of(self, contact: Known) -> Iterable[Ref]:
        for email in contact.emails:
            yield from self._seen.holders(email)
        for phone in contact.phones:
            yield from self._seen.holders(_pair(phone, contact.name_key))

    def _id_of(self, ref: Ref) -> int | None:
        return ref if ref > 0 else self._seen.person(ref).contact_id

    def _decide(self, row: ContactRow, its_phones: Mapping[int, Sequence[str]]) -> Decision:
        if row.bad:
            return Decision(Action.ERROR, row)
        found = self._matches(row)
        if len(found) > 1:
            row.errors.append(Problem("", self._ambiguous(found)))
            return Decision(Action.ERROR, row)
        if not found and self._lacking is not None and (problems := self._lacking(row)):
            # Nobody yet: a later row about the same person may bring what this one lacks.
            row.errors.extend(problems)
            return Decision(Action.ERROR, row)
        person = self._seen.person(next(iter(found), -row.line))
        decision = self._decision(row, person, is_new=not found)
        if decision.action is not Action.SKIP and person.touched is None:
            person.touched = row.line
        self._remember(row, person)
        if self.overwrite and decision.action is Action.UPDATE and row.name_given:
            self._rename(row, person, its_phones.get(person.ref, ()))
        return decision

    def _matches(self, row: ContactRow) -> dict[Ref, str]:
        """The people this row may be, each with how it matched, e-mails first.

        Where several share its phone and name (twins in the database), one that also has its e-mail settles it.
        """
        found: dict[Ref, str] = {}
        for detail in row.emails:
            for ref in self._seen.holders(detail.value):
                found.setdefault(ref, _("e-mail {address}", address=detail.value))
        for detail in row.phones:
            refs = self._seen.holders(_pair(detail.value, row.name_key)) if row.name_key else ()
            if not any(ref in found for ref in refs):
                for ref in refs:
                    found.setdefault(ref, _("phone {phone} and the name", phone=normal.show_phone(detail.value)))
        return found

    def _decision(self, row: ContactRow, person: Person, *, is_new: bool) -> Decision:
        if is_new:
            return Decision(Action.CREATE, row)
        contact_id = self._id_of(person.ref)
        if person.touched is not None:
            return Decision(Action.MERGE, row, contact_id, person.touched)
        return Decision(Action.UPDATE if self.update else Action.SKIP, row, contact_id)

    def _remember(self, row: ContactRow, person: Person) -> None:
        """The row's keys now stand for this person, under the row's name and the names the person had before."""
        person.name = person.name or row.name
        keys = {row.name_key, person.former}
        if person.name != row.name:
            keys.add(normal.name_key(person.name))
        for email in row.emails:
            self._add_email(email.value, person.ref)
        for phone in row.phones:
            for key in keys:
                self._add_phone(phone.value, key, person.ref)

    def _rename(self, row: ContactRow, person: Person, phones: Sequence[str]) -> None:
        """As the contact will be found once it is written; the preview, which writes nothing, must know it as well."""
        person.former = person.former or normal.name_key(person.name)
        person.name = row.name
        for phone in phones:
            self._add_phone(phone, row.name_key, person.ref)

    def _add_email(self, email: str, ref: Ref) -> None:
        """Whoever came with an address first keeps it."""
        if not self._seen.holders(email):
            self._seen.add(email, ref)

    def _add_phone(self, phone: str, key: str, ref: Ref) -> None:
        if key:
            self._seen.add(_pair(phone, key), ref)

    def _named(self, ref: Ref, how: str) -> str:
        place = _("contact {number}", number=ref) if ref > 0 else _("line {number} of this file", number=-ref)
        return _("{name} ({place}) by {how}", name=self._seen.person(ref).name, place=place, how=how)

    def _ambiguous(self, found: Mapping[Ref, str]) -> str:
        who = f" {_('or')} ".join(self._named(ref, how) for ref, how in found.items())
        return _(
            "This row could be {who}. Nothing was changed: merge them, or take out what belongs to the other.", who=who
        )


def _pair(phone: str, name_key: str) -> str:
    return f"{phone}\n{name_key}"


def _keys(rows: Sequence[ContactRow], known: Sequence[Known]) -> set[str]:
    """Every key that is asked for while these rows are decided."""
    keys = {email.value for row in rows for email in row.emails}
    keys.update(_pair(phone.value, row.name_key) for row in rows for phone in row.phones)
    keys.update(email for contact in known for email in contact.emails)
    keys.update(_pair(phone, contact.name_key) for contact in known for phone in contact.phones)
    return keys


def lookup(rows: Iterable[ContactRow]) -> Keys:
    """The e-mails and phones to look up before `Matcher.decide`."""
    good = [row for row in rows if not row.bad]
    return Keys(
        frozenset(detail.value for row in good for detail in row.emails),
        frozenset(detail.value for row in good for detail in row.phones),
    )

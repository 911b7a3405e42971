"""Looks up whom the workspace has already, for a chunk of rows: a fixed number of statements, however many rows.

Belongs here: reading. Does not belong here: what becomes of a row (`matching`, `deciding`). Rows of other workspaces
and of the bin are never seen (`models.tenancy`); contacts out of the importer's reach only tell that an address is
taken.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from app import permissions
from app.services import schema
from app.services.imports.matching import Keys, Known
from app.services.imports.people import Person
from models.audit import Change
from models.base import session
from models.contact import Contact, ContactAddress, ContactEmail, ContactPhone, ContactTag, Tag
from models.scope import Actor

FIELDS = (
    "name",
    "name_key",
    "email",
    "phone",
    "goes_by",
    "company",
    "job_title",
    "website",
    "birthday",
    "type",
    "about",
    "lawful_basis",
    "custom",
)
STEP = "contact.import"  # the operation that writes a chunk
PART = 10_000  # parameters of one IN; SQLite takes 32,766


@dataclass(slots=True)
class Chunk:
    """`people` by id are those within reach; `taken` are addresses of contacts out of reach, `binned` those of contacts
    in the bin.
    """

    people: dict[int, Person] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)
    binned: set[str] = field(default_factory=set)

    def known(self) -> list[Known]:
        return [
            Known(key, p.values["name"], p.values["name_key"], tuple(p.emails), tuple(p.phones))
            for key, p in self.people.items()
        ]


def look_up(keys: Keys, names: Collection[str], *, actor: Actor, source_ref: str, lock: bool) -> Chunk:
    """Who shares an e-mail, or a phone and the name (`names` are name keys), with the rows. `lock` keeps them still
    until commit.
    """
    found = Chunk()
    holders = _email_holders(keys.emails, found)
    ids = set(holders.values()) | _phone_holders(keys.phones, names)
    if ids:
        _load(found, ids, actor, source_ref, lock)
    found.taken = {email for email, key in holders.items() if key not in found.people}
    return found


def unreachable(names: Collection[str], *, actor: Actor, source_ref: str) -> dict[str, list[Person]]:
    """By name, the contacts without any e-mail and phone that an earlier import or a person brought."""
    found, by_name = Chunk(), dict[str, list[Person]]()
    if not (schema.sees(Contact, "email") and schema.sees(Contact, "phone")):
        return by_name  # that somebody has no address is told to who sees addresses
    bare = (
        Contact.email.is_(None),
        Contact.phone.is_(None),
        Contact.source_ref.is_distinct_from(source_ref),
        ~sa.exists().where(ContactEmail.contact_id == Contact.id),
        ~sa.exists().where(ContactPhone.contact_id == Contact.id),
    )
    for part in _parts(names):
        ids = set(session.scalars(sa.select(Contact.id).where(_among(Contact.name, part), *bare)))
        if ids:
            _load(found, ids, actor, source_ref, lock=False)
    for person in found.people.values():
        by_name.setdefault(person.values["name"], []).append(person)
    return by_name


def changed(actor: Actor, since: dt.datetime) -> tuple[set[int], dict[int, str]]:
    """The contacts that imports of the actor changed since that moment, and former name keys of those renamed."""
    statement = sa.select(Change.subject_id, Change.verb, Change.old).where(
        Change.operation == STEP,
        Change.at >= since,
        Change.membership_id.is_not_distinct_from(actor.membership_id),
        sa.or_(Change.verb == "update", Change.entity != "contact"),
        Change.subject_id.is_not(None),
    )
    ids, former = set[int](), dict[int, str]()
    for key, verb, old in session.execute(statement.order_by(Change.id)).yield_per(PART):
        ids.add(key)
        if verb == "update" and old.get("name_key"):
            former.setdefault(key, old["name_key"])
    return ids, former


def _email_holders(emails: Iterable[str], found: Chunk) -> dict[str, int]:
    """The contact of each address, main or further; addresses that only the bin holds go to `found`."""
    holders, further = dict[str, int](), dict[str, int]()
    for part in _parts(emails):
        main = sa.select(Contact.email, Contact.id).where(_among(Contact.email, part))
        holders.update((address, key) for address, key in session.execute(main))
        more_of = sa.select(ContactEmail.address, ContactEmail.contact_id).where(_among(ContactEmail.address, part))
        further.update((address, key) for address, key in session.execute(more_of))
    # An address of a binned contact's own row still holds its place in the unique index.
    alive = set[int]()
    for part in _parts(set(further.values())):
        alive.update(session.scalars(sa.select(Contact.id).where(_among(Contact.id, part))))
    found.binned = {address for address, key in further.items() if key not in alive}
    return {**{address: key for address, key in further.items() if key in alive}, **holders}


def _phone_holders(phones: Iterable[str], names: Collection[str]) -> set[int]:
    """Only with the name, and by the name first: an office number may be on half of all contacts."""
    wanted, ids, maybe = set(phones), set[int](), list[int]()
    for part in _parts(names) if wanted else ():
        for key, phone in session.execute(sa.select(Contact.id, Contact.phone).where(_among(Contact.name_key, part))):
            maybe.append(key)
            if phone in wanted:
                ids.add(key)
    for part in _parts(maybe):
        held = session.execute(
            sa.select(ContactPhone.contact_id, ContactPhone.number).where(_among(ContactPhone.contact_id, part))
        )
        ids.update(key for key, number in held if number in wanted)
    return ids


def more(found: Chunk, ids: set[int], *, actor: Actor, source_ref: str, lock: bool) -> None:
    """Load people who are known by other means than the keys of these rows."""
    if missing := ids - set(found.people):
        _load(found, missing, actor, source_ref, lock)


def _load(found: Chunk, ids: set[int], actor: Actor, source_ref: str, lock: bool) -> None:
    columns = [getattr(Contact, name) for name in FIELDS]
    for part in _parts(sorted(ids)):
        statement = sa.select(Contact.id, Contact.source_ref, *columns).where(_among(Contact.id, part))
        for action in ("read", "write"):
            statement = permissions.restrict(statement, Contact, actor, action)
        for key, ref, *values in session.execute(statement.with_for_update(of=Contact) if lock else statement):
            person = Person(key, dict(zip(FIELDS, values, strict=True)), ours=ref == source_ref)
            person.emails.update(filter(None, [person.values["email"]]))
            person.phones.update(filter(None, [person.values["phone"]]))
            found.people[key] = person
    for part in _parts(sorted(found.people)):
        _load_details(found.people, part)


def _load_details(people: dict[int, Person], part: list[Any]) -> None:
    for key, address in _details(ContactEmail, part, ContactEmail.address):
        people[key].emails.add(address)
    for key, number in _details(ContactPhone, part, ContactPhone.number):
        people[key].phones.add(number)
    for key, street, code in _details(ContactAddress, part, ContactAddress.street, ContactAddress.postal_code):
        people[key].addresses.add((street.casefold(), (code or "").casefold()))
    tags = (
        sa.select(ContactTag.contact_id, Tag.name)
        .join(Tag, Tag.id == ContactTag.tag_id)
        .where(_among(ContactTag.contact_id, part))
    )
    for key, name in session.execute(tags):
        people[key].tags.add(name.casefold())


def _details(model: Any, part: list[Any], *columns: Any) -> Any:
    return session.execute(sa.select(model.contact_id, *columns).where(_among(model.contact_id, part)))


def _parts(values: Iterable[Any]) -> Iterable[list[Any]]:
    found = sorted(values)
    return [found[at : at + PART] for at in range(0, len(found), PART)]


def _among(column: Any, values: list[Any]) -> sa.ColumnElement[bool]:
    """PostgreSQL takes a list as one parameter: thousands cost more to write than to look up. It is unnested, so that
    each value is looked up in an index; as `= ANY` it was compared with each row once a plan was kept.
    """
    if session.get_bind().dialect.name == "postgresql":
        return column.in_(sa.select(sa.func.unnest(sa.literal(values, postgresql.ARRAY(column.type)))))
    return column.in_(values)

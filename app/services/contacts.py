"""What is special about contacts: the matching key, one address for one person, minors, and the verbs of the bulk
bar."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from functools import cache
from typing import Any

import sqlalchemy as sa

from app.errors import Invalid
from app.services import parts, record_forms, records, schema, verbs
from app.services.operation import Operation
from models import normal
from models.base import session
from models.contact import STAGES, Contact, ContactEmail
from models.deal import Deal
from models.fields import Field, Kind, now
from models.message import Message
from models.scope import Actor
from models.words import N_, _
from models.work import Activity, Note, Task

_TAG = {"tag": Field(Kind.RELATION, N_("Tag"), target="tag")}


@records.rule(Contact)
def complete(contact: Contact, _op: Operation) -> None:
    """Keep the matching key; an address belongs to one contact only; a minor needs an authority (P67)."""
    contact.name_key = normal.name_key(contact.name)[:200]
    problems = {}
    if contact.email and _address_taken(contact.email, contact.id):
        problems["email"] = _("E-mail: another contact already has this address.")
    low, high = contact.budget_min, contact.budget_max
    # Who does not see both must not find out the one by trying the other.
    seen = schema.sees(Contact, "budget_min") and schema.sees(Contact, "budget_max")
    if seen and low is not None and high is not None and low > high:
        problems["budget_max"] = _("Budget to: this is less than “Budget from”.")
    young = contact.minor or (contact.birthday is not None and _age(contact.birthday) < 13)
    if young and not contact.minor_authority and _may_ask_of_minors(contact):
        problems["minor_authority"] = _(
            "This person is under 13. Write down who gave authority to keep the data, or do not save it."
        )
    if problems:
        raise Invalid(problems)
    contact.minor = young


def _may_ask_of_minors(contact: Contact) -> bool:
    """Who sees not all of it must not find out what is hidden by changing something else."""
    names = ("minor", "birthday", "minor_authority")
    touched = any(sa.inspect(contact).attrs[name].history.has_changes() for name in names)
    return touched or all(schema.sees(Contact, name) for name in names)


@records.rule(ContactEmail)
def one_person(row: ContactEmail, _op: Operation) -> None:
    """A further address must not be the main address of somebody else."""
    taken = session.scalar(
        sa.select(Contact.id).where(Contact.email == row.address, Contact.id != row.contact_id).limit(1)
    )
    if taken is not None:
        raise Invalid({"address": _("E-mail: another contact already has this address.")})


@records.rule(Note)
@records.rule(Activity)
@records.rule(Task)
@records.rule(Deal)
@records.rule(Message)
def touch(record: Any, _op: Operation) -> None:
    """Work around a person moves the person up in "last activity"."""
    if record.contact_id is not None and record.id is None:
        contact = session.get(Contact, record.contact_id)
        if contact is not None:
            contact.last_activity = now()


@verbs.verb("contact", "tag", N_("Tag"), "tag", asks=_TAG, done="tagged")
def add_tag(_model: type[Any], key: int, given: Mapping[str, Any], actor: Actor) -> None:
    records.load(Contact, key, actor=actor, action="write")
    record_forms.add_link(key, Contact.links["tags"], given["tag"], actor=actor)


@verbs.verb("contact", "untag", N_("Remove tag"), "x", asks=_TAG, done="untagged")
def remove_tag(_model: type[Any], key: int, given: Mapping[str, Any], actor: Actor) -> None:
    records.load(Contact, key, actor=actor, action="write")
    record_forms.remove_link(key, Contact.links["tags"], given["tag"], actor=actor)


@verbs.verb(
    "contact",
    "stage",
    N_("Stage"),
    "flag",
    asks={"stage": Field(Kind.CHOICE, N_("Stage"), choices=STAGES)},
    done="moved",
)
def change_stage(_model: type[Any], key: int, given: Mapping[str, Any], actor: Actor) -> None:
    records.update(Contact, key, {"stage": given["stage"]}, actor=actor)


verbs.assignable("contact")


def _address_taken(address: str, contact_id: int | None) -> bool:
    with session.no_autoflush:
        # No contact has the id 0: of a new one every row of the address is somebody else's.
        bound = {"address": address, "contact": contact_id or 0} | parts.here()
        return session.scalar(_address_of_another(), bound, execution_options=parts.WHY) is not None


@cache
def _address_of_another() -> Any:
    c = parts.columns(ContactEmail)
    taken = (c.address == sa.bindparam("address"), c.contact_id != sa.bindparam("contact"))
    return parts.inside(sa.select(c.id).where(*taken), ContactEmail).limit(parts.number(1))


def _age(born: dt.date) -> int:
    today = now().date()
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))

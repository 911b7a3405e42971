"""The fields that an e-mail to many may name, and what they are for one person.

Those of single e-mails (`app.services.merge`), a first name, and the fields that the brokerage added to its contacts,
as far as the role of who writes sees them. Does not belong here: filling them into texts (`app.services.mail_merge`).
"""

from __future__ import annotations

from typing import Any

from app.services import merge, schema, values
from models import normal, scope
from models.base import session
from models.contact import Contact
from models.fields import Kind
from models.scope import Actor
from models.words import N_
from models.workspace import Membership, Workspace

MORE = {
    "contact.first_name": N_("The contact's first name, or what they go by"),
    "workspace.address": N_("The brokerage's address"),
}
# Filled in for each person by the one who sends; a text may name them for a link of its own.
LINKS = {
    "links.unsubscribe": N_("Where the reader ends these e-mails"),
    "links.archive": N_("This e-mail in a browser"),
}
_TOLD = frozenset({Kind.TEXT, Kind.NUMBER, Kind.MONEY, Kind.DATE, Kind.MOMENT, Kind.CHOICE, Kind.URL})


def offered() -> dict[str, str]:
    """Field -> what it is, in the order of a menu."""
    own = {f"contact.{name}": one.label for name, one in _own().items()}
    return {name: str(label) for name, label in {**merge.FIELDS, **MORE}.items()} | own


def names() -> frozenset[str]:
    """Every field that a text may name."""
    return frozenset([*merge.FIELDS, *MORE, *LINKS, *(f"contact.{name}" for name in _own())])


def columns() -> tuple[Any, ...]:
    """What `person` reads of a contact."""
    return Contact.name, Contact.goes_by, Contact.company, Contact.custom


def person(contact: Any, locale: values.Locale) -> dict[str, str]:
    """The fields of a contact (a record, or a row with `columns`); of nobody they are empty."""
    if contact is None:
        return {}
    name, goes_by, company = (
        (getattr(contact, one) or "") if schema.sees(Contact, one) else "" for one in ("name", "goes_by", "company")
    )
    kept = contact.custom or {}
    own = {key: _told(one, kept[key], locale) for key, one in _own().items() if key in kept}
    called = goes_by or name
    return {"name": name, "goes_by": called, "first_name": goes_by or name.partition(" ")[0], "company": company, **own}


def _own() -> dict[str, Any]:
    return {name: one for name, one in schema.added(Contact).items() if one.kind in _TOLD and not one.formula}


def _told(one: Any, kept: Any, locale: values.Locale) -> str:
    value = schema.of_stored(one, kept)
    return "" if value is None else values.to_text(one, value, locale)


def single(contact: Contact | None, actor: Actor) -> dict[str, str]:
    """The fields of an e-mail that somebody writes to one person (`app.services.merge`), as the writer sees them."""
    workspace = session.get(Workspace, scope.workspace_id())
    member = session.get(Membership, actor.membership_id) if actor.membership_id else None
    return {
        "contact.name": contact.name if contact else "",
        "contact.goes_by": (_seen(contact, "goes_by") or contact.name) if contact else "",
        "contact.company": _seen(contact, "company") if contact else "",
        "sender.name": member.name if member else (workspace.name if workspace else ""),
        "sender.phone": _phone(member.phone if member and member.phone else None, workspace),
        "workspace.name": workspace.name if workspace else "",
        "workspace.phone": _phone(workspace.phone if workspace else None, workspace),
        "workspace.website": (workspace.website or "") if workspace else "",
    }


def _seen(contact: Contact, name: str) -> str:
    """A field of a contact, as far as the writer sees it."""
    return (getattr(contact, name) or "") if schema.sees(Contact, name) else ""


def _phone(number: str | None, workspace: Workspace | None) -> str:
    return normal.show_phone(number, workspace.region if workspace else "US") if number else ""

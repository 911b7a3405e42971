"""Reads what a feature declared, as far as the asker reaches and sees; keeps back what never leaves (P22, P26, P67).

Never handed over: fields that the asker's role does not see, records out of the asker's reach, anything about a minor,
records that came from Google and what hangs on them, other workspaces (the wall). Does not belong here: which fields a
feature reads (`app.services.ai_features`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from app import permissions
from app.errors import Forbidden
from app.services import schema, values
from app.services.ai_features import BARRED, Feature, Input
from models import registry, scope
from models.base import session
from models.contact import Contact
from models.deal import Deal
from models.fields import Field, Kind
from models.scope import Actor
from models.words import _
from models.workspace import Membership, Workspace

Read = dict[str, str | list[str]]
# Where records come from whose data, and what is derived from it, no provider may get: the Limited Use rule of Google's
# API Services User Data Policy. A source is barred by its first word: "google", "google.calendar", "google:contacts".
BARRED_SOURCES = frozenset({"google", "gmail"})
LONGEST = 4_000
_STATES = {"task": ("state", "open"), "message": ("state", "sent")}


def read(feature: Feature, record: Any, asked: Mapping[str, str], actor: Actor) -> Read:
    """Field name -> text, or texts where there may be several; what is empty is left out. Raises `Forbidden`."""
    check(record)
    return _read(feature, record, asked, actor)


def check(record: Any) -> None:
    """Raise `Forbidden` where nothing about this record may be handed over. The reason is told to who sees it; that
    there is one cannot be kept from anybody, as the law weighs more.
    """
    words, told = "", True
    if isinstance(record, Contact) and record.minor:
        told = schema.sees(Contact, "minor")
        words = _("This contact is marked as under age, and AI is not used for minors. Write the e-mail yourself.")
    elif record is not None and is_barred(record.source):
        told = schema.sees(type(record), "source")
        words = _("This record came from Google, and what comes from there is not handed to AI. Write it yourself.")
    if words:
        raise Forbidden("write", "ai", words if told else _("AI is not used for this record. Write it yourself."))


def is_barred(source: str | None) -> bool:
    """Whether records of this source stay here."""
    first = (source or "").lower().replace(":", " ").replace(".", " ").replace("_", " ").replace("-", " ").split()
    return bool(first) and first[0] in BARRED_SOURCES


def may_leave(model: type[Any], name: str) -> bool:
    """Whether the role in force sees the field and its kind of data may be handed over."""
    one = schema.fields(model).get(name)
    return one is not None and not one.secret and (one.category or model.policy.category) not in BARRED


def _read(feature: Feature, record: Any, asked: Mapping[str, str], actor: Actor) -> Read:
    found: Read = {}
    by_entity: dict[str, list[Input]] = {}
    for one in feature.inputs:
        by_entity.setdefault(one.entity, []).append(one)
    for entity, inputs in by_entity.items():
        if entity in ("sender", "workspace", "asked"):
            given = _loose(actor, asked)
            found |= {one.name: given[one.name] for one in inputs if given.get(one.name)}
        elif record is not None and entity == record.__tablename__:
            found |= {one.name: text for one in inputs if (text := _text(record, one.field))}
        elif record is not None:
            found |= _linked(entity, inputs, record, actor)
    return found


def _linked(entity: str, inputs: list[Input], contact: Any, actor: Actor) -> Read:
    """Fields of the newest records that hang on the contact, within reach; each field as a text or a list of texts."""
    model = registry.entity(entity)
    if not schema.sees(model, "contact_id") or permissions.reach(actor, "read", entity) is None:
        return {}
    wanted = [one for one in inputs if may_leave(model, one.field)]
    if not wanted:
        return {}
    statement = permissions.restrict(sa.select(model).where(model.contact_id == contact.id), model, actor)
    for name, value in (_STATES[entity],) if entity in _STATES else ():
        statement = statement.where(getattr(model, name) == value)
    most = max(one.most for one in wanted)
    rows = session.scalars(statement.order_by(model.id.desc()).limit(4 * most)).all()
    rows = [row for row in rows if not is_barred(row.source) and not _is_of_another(row, contact)][:most]
    found: Read = {}
    for one in wanted:
        texts = [text for row in rows[: one.most] if (text := _text(row, one.field))]
        if texts:
            found[one.name] = texts[0] if one.most == 1 else texts
    return found


def _is_of_another(row: Any, contact: Any) -> bool:
    """Whether a note or activity hangs also on a deal of somebody else who is a minor or came from Google."""
    key = getattr(row, "deal_id", None)
    deal = session.get(Deal, key) if key else None
    if deal is None or is_barred(deal.source):
        return deal is not None
    other = session.get(Contact, deal.contact_id) if deal.contact_id != contact.id else None
    return other is not None and (bool(other.minor) or is_barred(other.source))


def _loose(actor: Actor, asked: Mapping[str, str]) -> dict[str, str]:
    workspace = session.get(Workspace, scope.workspace_id())
    member = session.get(Membership, actor.membership_id) if actor.membership_id else None
    return {
        "sender.name": member.name if member else "",
        "workspace.name": workspace.name if workspace else "",
        "workspace.website": (workspace.website or "") if workspace else "",
        "workspace.language": workspace.language if workspace else "",
        "asked.wish": asked.get("wish", "")[:LONGEST],
        "asked.text": asked.get("text", "")[:LONGEST],
    }


def _text(record: Any, name: str) -> str:
    """A field of a record as text; empty where it may not leave."""
    model = type(record)
    if not may_leave(model, name):
        return ""
    one: Field = schema.fields(model)[name]
    value = schema.value(record, name)
    if value in (None, "", False, ()):
        return ""
    text = str(value) if one.kind is Kind.CHOICE else values.to_text(one, value, _locale())
    return text[:LONGEST]


def _locale() -> values.Locale:
    workspace = session.get(Workspace, scope.workspace_id())
    return values.Locale(workspace.zone, workspace.region, workspace.currency) if workspace else values.Locale()

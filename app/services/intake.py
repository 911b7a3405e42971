"""Takes in what people send from outside: one service for the public form and for programs.

An inquiry finds its person (same e-mail, or same phone with the same name) or makes one, never overwrites what is
known, and leaves an activity with the raw content, a task and its consents, in one transaction. Who answers: the
person's own agent while that one is a member; else the first broker, else owner, else admin of the workspace, each by
the lowest id. Does not belong here: reading a form or JSON (`public_site.leads`, `views.events`).
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from app import permissions
from app.errors import Conflict, Gone, Invalid, NotFound
from app.services import consent, policy_texts, records
from app.services.operation import Operation, operation
from models import normal
from models.base import session
from models.contact import Contact, ContactEmail, ContactPhone
from models.fields import now
from models.intake import ReceivedEvent
from models.privacy import Consent
from models.scope import Actor, ActorKind, Reach
from models.user import Role
from models.words import _, grouped
from models.work import Activity, Task
from models.workspace import Membership, Workspace

MOST_TEXT = 5000
_ANSWER_WITHIN = dt.timedelta(days=1)
_ROUTE = ("broker", "owner", "admin")
# Matching must see the whole workspace, or an inquiry would double a colleague's client; the sender is told nothing.
_NEEDS = {n: dict.fromkeys(("read", "write"), Reach.WORKSPACE) for n in ("contact", "activity", "task")} | {
    "membership": {"read": Reach.WORKSPACE}
}


@dataclass(frozen=True, slots=True)
class Inquiry:
    """One inquiry with clean values. `payload` is kept as it came; `agreed` maps a topic of consent to the words that
    were shown.

    `notice` is the wording of the privacy remark beside the button, where a form showed one.
    """

    name: str
    email: str | None = None
    phone: str | None = None
    title: str = field(default_factory=lambda: _("Inquiry"))
    message: str = ""
    birthday: dt.date | None = None
    payload: Mapping[str, Any] = field(default_factory=dict)
    agreed: Mapping[str, str] = field(default_factory=dict)
    notice: str = ""


@dataclass(frozen=True, slots=True)
class Received:
    """The activity that stands for the inquiry; `replay` where the same event had come before."""

    activity_id: int
    replay: bool


def hosted(slug: str) -> Workspace:
    """The workspace behind a public address. Raises `NotFound`, and `Gone` while it is suspended."""
    found = session.scalar(sa.select(Workspace).where(Workspace.slug == slug)) if len(slug) <= 60 else None
    if found is None:
        raise NotFound(_("There is no page at this address. Check it for a typing error."))
    if found.status != "active":
        raise Gone(_("This page was switched off. You did nothing wrong."))
    return found


def receive(inquiry: Inquiry, *, source: str, key: str, actor: Actor) -> Received:
    """Take in an inquiry once per (source, `key`) in the current workspace. Raises `Invalid`, and `Forbidden` for a
    program without the rights."""
    inquiry = _without_nul(inquiry)
    _check(inquiry)
    if actor.kind is not ActorKind.PUBLIC:
        for entity in ("contact", "activity"):
            permissions.require(actor, "write", entity)
    acting = replace(actor, rights=_NEEDS)
    try:
        return _receive_once(inquiry, source, key, acting)
    except (IntegrityError, Invalid, Conflict):
        # A twin of this event, or another one of the same new person, was committed a moment before: now it is seen.
        return _receive_once(inquiry, source, key, acting)


def meet(inquiry: Inquiry, *, source: str, actor: Actor) -> Contact:
    """The person of an inquiry, found or made, with what they agreed to; part of the open operation, whose caller keeps
    what the inquiry is about. `actor` reaches the contacts of the whole workspace. Raises `Invalid`.
    """
    inquiry = _without_nul(inquiry)
    _check(inquiry)
    contact, _is_new = _person(inquiry, source, actor)
    _consents(inquiry, contact, source, actor)
    session.flush()
    return contact


def _without_nul(inquiry: Inquiry) -> Inquiry:
    """PostgreSQL keeps no NUL in texts or JSON, and nobody types one."""

    def clean(value: Any) -> Any:
        if isinstance(value, str):
            return value.replace("\x00", "")
        if isinstance(value, Mapping):
            return {clean(name): clean(inner) for name, inner in value.items()}
        return [clean(inner) for inner in value] if isinstance(value, list) else value

    texts = {name: clean(getattr(inquiry, name)) for name in ("name", "title", "message", "payload", "agreed")}
    return replace(inquiry, **texts)


def _check(inquiry: Inquiry) -> None:
    problems = {}
    if not inquiry.email and not inquiry.phone:
        problems["reach"] = _("Give an e-mail address or a phone number, so that we can answer.")
    if len(inquiry.message) > MOST_TEXT:
        problems["message"] = _(
            "This text has {n} characters; at most {most} fit.",
            n=grouped(len(inquiry.message)),
            most=grouped(MOST_TEXT),
        )
    if inquiry.birthday is not None and _under_13(inquiry.birthday):
        problems["birthday"] = _("This is only for people of 13 or over. Nothing was stored.")
    if problems:
        raise Invalid(problems)


def _receive_once(inquiry: Inquiry, source: str, key: str, actor: Actor) -> Received:
    with operation("intake.receive", actor=actor) as op:
        event = ReceivedEvent(
            source=source, key=hashlib.sha256(key.encode()).hexdigest(), digest=_digest(inquiry), at=op.at
        )
        known = session.scalars(
            sa.select(ReceivedEvent).where(ReceivedEvent.source == source, ReceivedEvent.key == event.key)
        ).one_or_none()
        if known is not None:
            return _replay(known, event)
        session.add(event)
        session.flush()
        contact, is_new = _person(inquiry, source, actor)
        activity = _activity(inquiry, contact, source, key, actor)
        _task(inquiry, contact, source, actor)
        _consents(inquiry, contact, source, actor)
        event.activity_id = activity.id
        _audit(op, inquiry, contact, activity, source, is_new)
    return Received(activity.id, False)


def _replay(known: ReceivedEvent, event: ReceivedEvent) -> Received:
    if known.digest != event.digest:
        raise Invalid(
            {"id": _("An event with this id came before with other content. Send a new event under a new id.")}
        )
    return Received(known.activity_id or 0, True)


def _person(inquiry: Inquiry, source: str, actor: Actor) -> tuple[Contact, bool]:
    found = _match(inquiry)
    if found is not None:
        return _fill(found, inquiry, actor), False
    values: dict[str, Any] = {
        "name": inquiry.name[:200],
        "email": inquiry.email,
        "phone": inquiry.phone,
        "birthday": inquiry.birthday,
        "type": "lead",
        "stage": "new",
        "owner_id": fallback(),
        # Steps that the person asked for before a contract (GDPR Art. 6 (1) b).
        "lawful_basis": "contract",
    }
    return records.create(Contact, values, actor=actor, source=source, asked=False), True


def _match(inquiry: Inquiry) -> Contact | None:
    """By e-mail, main or further; else by phone and name together, as one number may serve a whole office."""
    if inquiry.email:
        further = sa.select(ContactEmail.contact_id).where(ContactEmail.address == inquiry.email)
        found = _first(sa.or_(Contact.email == inquiry.email, Contact.id.in_(further)))
        if found is not None:
            return found
    name_key = normal.name_key(inquiry.name)[:200]
    if inquiry.phone and name_key:
        further = sa.select(ContactPhone.contact_id).where(ContactPhone.number == inquiry.phone)
        return _first(Contact.name_key == name_key, sa.or_(Contact.phone == inquiry.phone, Contact.id.in_(further)))
    return None


def _first(*conditions: Any) -> Contact | None:
    # Locked, so that inquiries of one person at the same moment wait for each other.
    found = sa.select(Contact).where(*conditions).order_by(Contact.id).limit(1).with_for_update()
    return session.scalars(found).one_or_none()


def _fill(contact: Contact, inquiry: Inquiry, actor: Actor) -> Contact:
    """What is known stays as it is; only empty fields are filled."""
    given = {"email": inquiry.email, "phone": inquiry.phone, "birthday": inquiry.birthday}
    missing = {n: v for n, v in given.items() if v is not None and getattr(contact, n) is None}
    return records.update(Contact, contact.id, missing, actor=actor) if missing else contact


def _activity(inquiry: Inquiry, contact: Contact, source: str, key: str, actor: Actor) -> Activity:
    reached = ", ".join(filter(None, (inquiry.email, inquiry.phone)))
    made = Activity(
        kind="inquiry",
        title=inquiry.title[:200],
        details="\n".join(
            filter(None, (inquiry.message, _("From {name}, {reached}", name=inquiry.name, reached=reached)))
        ),
        contact_id=contact.id,
        owner_id=contact.owner_id,
        team_id=contact.team_id,
        payload=dict(inquiry.payload),
        source=source,
        source_ref=key[:200],
        created_by=actor.label,
    )
    session.add(made)
    session.flush()
    return made


def _task(inquiry: Inquiry, contact: Contact, source: str, actor: Actor) -> None:
    owner = contact.owner_id if is_active(contact.owner_id) else fallback()
    values = {
        "title": _("Answer {name}", name=inquiry.name)[:200],
        "priority": "high",
        "due_at": now() + _ANSWER_WITHIN,
        "details": inquiry.message or None,
        "contact_id": contact.id,
        "owner_id": owner,
    }
    records.create(Task, values, actor=actor, source=source, asked=False)


def _consents(inquiry: Inquiry, contact: Contact, source: str, actor: Actor) -> None:
    """A box left empty is no withdrawal, so only what was agreed to is written."""
    seen = policy_texts.shown(actor=actor) if inquiry.notice else None
    came = {"contact_id": contact.id, "given": True, "source": source, "policy_digest": seen, "ip": actor.ip}
    if inquiry.notice:
        session.add(Consent(topic="notice", basis="contract", wording=inquiry.notice, **came))
    for topic, wording in inquiry.agreed.items():
        if consent.minor_block(contact, topic) is None:
            session.add(Consent(topic=topic, wording=wording, **came))


def _audit(op: Operation, inquiry: Inquiry, contact: Contact, activity: Activity, source: str, is_new: bool) -> None:
    op.audit(
        "intake.received",
        entity="activity",
        record_id=activity.id,
        subject_id=contact.id,
        facts={"source": source, "new_person": is_new, "agreed": sorted(inquiry.agreed)},
    )


def fallback() -> int | None:
    """The member whom an inquiry without an agent goes to."""
    rank = sa.case({key: place for place, key in enumerate(_ROUTE)}, value=Role.key, else_=len(_ROUTE))
    statement = (
        sa.select(Membership.id)
        .join(Role, Role.id == Membership.role_id)
        .where(Membership.active.is_(True), Role.key.in_(_ROUTE))
        .order_by(rank, Membership.id)
        .limit(1)
    )
    return session.scalar(statement)


def is_active(membership_id: int | None) -> bool:
    if membership_id is None:
        return False
    return bool(session.scalar(sa.select(Membership.active).where(Membership.id == membership_id)))


def _digest(inquiry: Inquiry) -> str:
    return hashlib.sha256(orjson.dumps(dict(inquiry.payload), option=orjson.OPT_SORT_KEYS)).hexdigest()


def _under_13(born: dt.date) -> bool:
    today = now().date()
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day)) < 13

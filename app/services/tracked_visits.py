"""Somebody comes back to the brokerage's own website: noted once a day, after they agreed to it there.

A link of an e-mail that leads to that website brings a signed mark along, in the part of the address that browsers keep
to themselves (RFC 9110, 4.2.5). The brokerage's script keeps it only after a yes, and sends it here when the person is
back; after 40 days and more their agent gets a task. Does not belong here: the script (`public_site.visits`).
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from urllib.parse import urlsplit

import sqlalchemy as sa

from app.errors import Gone
from app.services import consent, intake, records, tracking
from app.services.operation import Operation, operation
from app.services.tracked_events import Glance, machine
from app.services.tracked_mail import Target
from models import scope
from models.base import session
from models.contact import Contact
from models.fields import now
from models.message import Message
from models.scope import Actor, Reach
from models.signed import BadLink, read_link, sign_link
from models.tracking import TrackedEvent
from models.words import N_, _
from models.work import Task
from models.workspace import Workspace

KIND = "return_visit"
# What the script may say; anything else is refused.
SAID = frozenset({"yes", "no", KIND})
PURPOSE = "website visit"
SOURCE = "website"
WORDING = N_("May {name} note when you open its e-mails, follow their links and come back to this website?")
LONG_AWAY = dt.timedelta(days=40)
_GOOD_FOR = dt.timedelta(days=400)
_ONCE_IN = dt.timedelta(hours=12)
_RIGHTS = {name: {"read": Reach.WORKSPACE, "write": Reach.WORKSPACE} for name in ("contact", "task", "membership")}


def along(target: Target) -> str:
    """What a followed link to the brokerage's own website brings along; nothing where it leads elsewhere, or has a
    fragment of its own.
    """
    with scope.inside(target.workspace_id):
        website = session.get_one(Workspace, target.workspace_id).website
        home, there = urlsplit(website or "").hostname, urlsplit(target.link or "")
        own = (home or "").removeprefix("www.")
        host = there.hostname or ""
        if not own or there.fragment or not (host == own or host.endswith(f".{own}")):
            return ""
        if not tracking.rules().notes(KIND):
            return ""
        whose = session.scalar(sa.select(Message.contact_id).where(Message.id == target.message_id))
        return f"#crm={sign_link(PURPOSE, [target.workspace_id, whose], _GOOD_FOR)}" if whose else ""


def take(token: str, said: str, workspace: Workspace, glance: Glance, *, actor: Actor) -> bool:
    """Note what somebody said on the website, or that they are back. Returns whether anything was written. Raises
    `Gone`, also for a mark of another brokerage.
    """
    try:
        place, contact_id = (int(one) for one in read_link(PURPOSE, token))
    except (BadLink, TypeError, ValueError):
        raise Gone() from None
    if place != workspace.id:
        raise Gone()
    with scope.inside(workspace.id):
        if not tracking.rules().notes(KIND):
            return False
        contact = session.scalar(sa.select(Contact).where(Contact.id == contact_id))
        if contact is None:
            return False
        with operation("tracking.visit", actor=actor) as op:
            return _back(contact, glance, op) if said == KIND else _agreed(contact, said == "yes", workspace, actor)


def _agreed(contact: Contact, yes: bool, workspace: Workspace, actor: Actor) -> bool:
    """A yes or no counts from now on; said again, it changes nothing."""
    if contact.minor or tracking.said(contact.id) is yes:
        return False
    acting, wording = replace(actor, rights=_RIGHTS), WORDING.format(name=workspace.name)
    if yes:
        consent.give(contact.id, tracking.TOPIC, wording=wording, source=SOURCE, actor=acting)
    else:
        consent.withdraw(contact.id, tracking.TOPIC, wording=wording, source=SOURCE, actor=acting)
    return True


def _back(contact: Contact, glance: Glance, op: Operation) -> bool:
    if not tracking.followed([contact], tracking.rules()):
        return False
    # Two tabs at once are one visit: on PostgreSQL the second waits here, on SQLite with its own row.
    session.execute(sa.select(Contact.id).where(Contact.id == contact.id).with_for_update())
    why = machine(glance, op.at - dt.timedelta(days=1))
    visit = TrackedEvent(kind=KIND, at=op.at, contact_id=contact.id, human=why is None, why=why)
    session.add(visit)
    session.flush()
    before = (TrackedEvent.contact_id == contact.id, TrackedEvent.human.is_(True), TrackedEvent.id != visit.id)
    last = session.scalar(sa.select(sa.func.max(TrackedEvent.at)).where(*before, TrackedEvent.kind == KIND))
    if last is not None and op.at - last < _ONCE_IN:
        session.delete(visit)
        return False
    seen = session.scalar(sa.select(sa.func.max(TrackedEvent.at)).where(*before))
    if why is None and seen is not None and op.at - seen >= LONG_AWAY:
        _task(contact, (op.at - seen).days, op)
    return True


def _task(contact: Contact, days: int, op: Operation) -> None:
    """Something to do for the person's own agent, else for who takes inquiries."""
    whose = contact.owner_id if intake.is_active(contact.owner_id) else intake.fallback()
    values = {
        "title": _("Back after {n} days: {name}", n=days, name=contact.name)[:200],
        "priority": "high",
        "due_at": now() + dt.timedelta(days=1),
        "contact_id": contact.id,
        "owner_id": whose,
    }
    acting = replace(op.actor, rights=_RIGHTS)
    records.create(Task, values, actor=acting, source="tracking", source_ref=f"contact:{contact.id}", asked=False)

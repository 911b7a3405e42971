"""What follows from a mail: once, in the transaction that files it.

An answer is on the person's timeline, raises a task for who wrote to them, and stops what waits for it. A bounce for
good stops all mail to the address, five passing ones within 30 days stop marketing, and so does a complaint. An
unsubscription acts as the page does. Whatever the mail says, it acts on the recipient of the message that it is about,
and on nobody else. Does not belong here: which message that is (`app.services.inbound.matching`).
"""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa

from app.services import intake, preferences, records
from app.services.inbound import replies
from app.services.operation import Operation
from models.base import session
from models.contact import Contact
from models.fields import now
from models.inbound import InboundMail
from models.message import Message, Suppression
from models.words import _, _n
from models.work import Activity, Task

SOURCE = "inbound"
SOFT_BOUNCES, SOFT_DAYS = 5, 30
_ANSWER_WITHIN = dt.timedelta(days=1)
# Reasons that a person can take back on the page of their link give way to those that they can't.
_WEAK = frozenset({"unsubscribe"})


def act(mail: InboundMail, message: Message, contact: Contact | None, op: Operation, *, stop: bool = False) -> None:
    """Do what the kind of a mail asks for. `stop` where an answer asks for no more marketing."""
    if mail.kind == "reply":
        _answered(mail, message, contact, op, stop)
    elif mail.kind in ("bounce", "soft_bounce", "delayed"):
        _returned(mail, message, contact, op)
    elif mail.kind == "complaint":
        _suppress(message.recipient, "complaint", "marketing", mail, op)
        _note(mail, contact, _("Complained about “{subject}”", subject=message.subject))
    elif mail.kind == "unsubscribe":
        preferences.stop_for(message, op, source="mailto", wording=mail.subject)


def file_reply(mail: InboundMail, contact: Contact, op: Operation) -> None:
    """An answer that a person filed under somebody: on the timeline, with its task."""
    _note(mail, contact, _("Wrote: {subject}", subject=mail.subject or _("(no subject)")))
    _task(mail, contact, contact.owner_id, op)


def _answered(mail: InboundMail, message: Message, contact: Contact | None, op: Operation, stop: bool) -> None:
    _note(mail, contact, _("Answered: {subject}", subject=mail.subject or message.subject))
    _task(mail, contact, message.owner_id, op)
    stopped = replies.answered(message, op)
    if stopped:
        mail.reason = _n("{n} message was not sent any more.", "{n} messages were not sent any more.", stopped)
    if stop:
        preferences.stop_for(message, op, source="reply", wording=(mail.body or mail.subject)[:500])


def _returned(mail: InboundMail, message: Message, contact: Contact | None, op: Operation) -> None:
    message.status_code = mail.status_code or message.status_code
    if mail.kind == "delayed":
        return
    if message.state in ("sent", "sending", "unknown", "bounced"):
        message.state = "bounced"
        message.answer = (mail.reason or message.answer or "")[:500] or None
    if mail.kind == "bounce":
        _suppress(message.recipient, "hard_bounce", "all", mail, op)
    elif _soft_bounces(message.recipient) >= SOFT_BOUNCES:
        _suppress(message.recipient, "bounce", "marketing", mail, op)
    _note(mail, contact, _("E-mail came back: {subject}", subject=message.subject))


def _soft_bounces(address: str) -> int:
    """How often mail to an address came back lately, this time included."""
    since = now() - dt.timedelta(days=SOFT_DAYS)
    session.flush()
    mine = (InboundMail.about == address, InboundMail.kind == "soft_bounce", InboundMail.received_at >= since)
    return session.scalar(sa.select(sa.func.count()).select_from(InboundMail).where(*mine)) or 0


def _suppress(address: str, reason: str, scope: str, mail: InboundMail, op: Operation) -> None:
    known = session.scalars(
        sa.select(Suppression).where(Suppression.address == address, Suppression.scope == scope)
    ).one_or_none()
    if known is not None:
        if known.reason in _WEAK:
            known.reason = reason
        return
    session.add(
        Suppression(
            address=address, reason=reason, scope=scope, remark=(mail.reason or "")[:300] or None, source=SOURCE,
            created_by=op.actor.label,
        )
    )  # fmt: skip
    session.flush()


def _note(mail: InboundMail, contact: Contact | None, title: str) -> None:
    """The mail on the person's timeline."""
    if contact is None:
        return
    session.add(
        Activity(
            kind="email", title=title[:200], details=(mail.body if mail.kind == "reply" else mail.reason) or None,
            happened_at=mail.received_at, contact_id=contact.id, owner_id=contact.owner_id, team_id=contact.team_id,
            source=SOURCE, source_ref=f"inbound_mail:{mail.id}", created_by=mail.sender or _("A mail server"),
        )
    )  # fmt: skip
    contact.last_activity = now()
    session.flush()


def _task(mail: InboundMail, contact: Contact | None, owner: int | None, op: Operation) -> None:
    """Something to do for who wrote, else for the person's own agent, else for who takes inquiries; once for as long as
    it is not done, however often the person writes meanwhile.
    """
    among = (owner, contact.owner_id if contact else None)
    whose = next((one for one in among if intake.is_active(one)), None) or intake.fallback()
    if contact is not None and session.scalar(_open_task(contact, whose)) is not None:
        return
    values = {
        "title": _("Answer {name}", name=contact.name if contact else mail.sender or _("an e-mail"))[:200],
        "priority": "high",
        "due_at": now() + _ANSWER_WITHIN,
        "details": (mail.body or "")[:5000] or None,
        "contact_id": contact.id if contact else None,
        "owner_id": whose,
    }
    records.create(Task, values, actor=op.actor, source=SOURCE, source_ref=f"inbound_mail:{mail.id}", asked=False)


def _open_task(contact: Contact, owner: int | None) -> sa.Select[int]:
    mine = (Task.contact_id == contact.id, Task.owner_id == owner, Task.state == "open", Task.source == SOURCE)
    return sa.select(Task.id).where(*mine).limit(1)

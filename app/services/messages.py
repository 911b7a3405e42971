"""The one way an e-mail leaves: written, queued, handed over, and what the server said. Every sender goes through here.

draft -> queued -> sending -> sent | failed | unknown; queued -> suppressed | cancelled; sending -> queued when the
server asks for patience. "sending" is committed before the hand-over, so that a crash in between shows as "unknown"
and is never sent twice unseen. Does not belong here: SMTP (`app.adapters.mail`), texts of drafts
(`app.services.drafts`).
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import wraps
from typing import Any, ParamSpec

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm.exc import StaleDataError

from app import permissions
from app.errors import Conflict, Forbidden, Invalid
from app.services import (
    booking_letters,
    campaign_content,
    mail_fields,
    message_texts,
    reaching,
    records,
    schema,
    sending,
    sending_limits,
    suppressions,
)
from app.services.campaign_line import STATUS
from app.services.operation import Operation, current, operation
from app.services.sending import Way
from models import scope
from models.base import session
from models.contact import Contact
from models.fields import now
from models.message import CAUSES, Message
from models.policy import Purpose
from models.scope import Actor
from models.words import N_, _
from models.workspace import Membership, Workspace

Args = ParamSpec("Args")
SENDABLE = frozenset({"draft"})
AGAIN = frozenset({"failed", "bounced", "unknown", "suppressed", "cancelled"})
_SENT_BEFORE = N_(
    "An e-mail with another text was sent from this page before. Press Send once more to send this one too."
)
OUTCOMES = frozenset({"sent", "failed", "unknown", "queued"})


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message as the mail adapter needs it. `unsubscribe` is set on marketing mail: (workspace id, message row
    id). `way` says as whom and over which server it leaves."""

    row_id: int
    message_id: str
    to: str
    to_name: str
    subject: str
    text: str
    sender_name: str
    reply_to: str | None
    office: str
    unsubscribe: tuple[int, int] | None
    way: Way
    html: str = ""
    calendar: str = ""
    method: str = ""


def _seen_again(verb: Callable[Args, Message]) -> Callable[Args, Message]:
    """A twin of the same request may commit a moment before: the verb looks again, and finds what the twin left."""

    @wraps(verb)
    def twice(*args: Args.args, **kwargs: Args.kwargs) -> Message:
        try:
            return verb(*args, **kwargs)
        except (IntegrityError, StaleDataError):
            if current() is not None:
                raise
            return verb(*args, **kwargs)

    return twice


@_seen_again
def write(
    contact: Contact | None,
    subject: str,
    body: str,
    *,
    actor: Actor,
    kind: str = "transactional",
    cause: str = "user",
    cause_id: str = "",
    occasion: str = "",
    recipient: str | None = None,
    drafted_by: str | None = None,
    send: bool = True,
) -> Message:
    """Write a message, and promise to send it unless it is a draft (`send=False`).

    The same (cause, cause_id, occasion, recipient) gives back the message that is there: a doubled request is one
    e-mail, and another text under the same occasion is `Invalid`, never dropped unseen. Merge fields are filled now, so
    that what is kept is what is sent. Raises `Invalid` by field, `Forbidden`, `NotFound`.
    """
    permissions.require(actor, "write", "message")
    if cause not in dict(CAUSES):
        raise ValueError(f"{cause!r} is no cause of an e-mail: add it to models.message.CAUSES.")
    if contact is not None:
        records.load(Contact, contact.id, actor=actor)
    cause_id = cause_id or f"member:{actor.membership_id}"
    occasion = occasion or uuid.uuid4().hex
    if recipient is None and not schema.sees(Contact, "email"):
        raise Forbidden("read", "contact", _("Your role does not see the e-mail addresses of contacts."))
    address = message_texts.address(recipient or (contact.email if contact else None))
    with operation("message.write", actor=actor) as op:
        words = mail_fields.single(contact, actor)
        subject, body = message_texts.filled_in(subject, body, words)
        known = _same(cause, cause_id, occasion, address)
        if known is not None:
            if send and (known.subject, known.body) != (subject, body):
                raise Invalid({"": _SENT_BEFORE})
            return known
        message = Message(
            contact_id=contact.id if contact else None,
            recipient=address,
            subject=subject,
            body=body,
            kind=kind,
            cause=cause,
            cause_id=cause_id,
            occasion=occasion,
            drafted_by=drafted_by,
            state="draft",
            owner_id=actor.membership_id,
            team_id=actor.team_id,
            source=cause,
            created_by=actor.label,
        )
        session.add(message)
        session.flush()
        reaching.keep_to_rule(message, actor)
        if send:
            queue(message, op, actor)
    return message


@_seen_again
def send(message_id: int, *, actor: Actor, subject: str | None = None, body: str | None = None) -> Message:
    """A person's decision to send a draft, with their last changes to it. Sending what is already under way changes
    nothing; with other words than those it has, it is a `Conflict`."""
    with operation("message.send", actor=actor, reason=None) as op:
        message: Message = records.load(Message, message_id, actor=actor, action="write")
        words = mail_fields.single(session.get(Contact, message.contact_id) if message.contact_id else None, actor)
        subject = message.subject if subject is None else message_texts.filled("subject", subject, words)
        body = message.body if body is None else message_texts.filled("body", body, words)
        if message.state in SENDABLE:
            message.subject, message.body = subject, body
            session.flush()
            reaching.keep_to_rule(message, actor)
            queue(message, op)
        elif (message.subject, message.body) != (subject, body):
            raise Conflict(
                _(
                    "This e-mail is {state} with another text; yours was not sent. Write a new one.",
                    state=_state(message),
                )
            )
    return message


@_seen_again
def send_again(message_id: int, *, actor: Actor) -> Message:
    """A person's decision to try once more what failed, was stopped, or may or may not have arrived."""
    with operation("message.send_again", actor=actor) as op:
        message: Message = records.load(Message, message_id, actor=actor, action="write")
        if message.state not in AGAIN:
            raise Conflict(
                _("This e-mail is {state}; it cannot be sent again.", state=_state(message)), version=message.version
            )
        message.answer = None
        queue(message, op)
    return message


@_seen_again
def discard(message_id: int, *, actor: Actor) -> Message:
    """Drop a draft, or call back an e-mail that has not left yet."""
    with operation("message.discard", actor=actor):
        message: Message = records.load(Message, message_id, actor=actor, action="write")
        if message.state not in {"draft", "queued"}:
            raise Conflict(
                _("This e-mail is {state}; it can no longer be called back.", state=_state(message)),
                version=message.version,
            )
        message.state = "cancelled"
    return message


def hand_over(message_id: int, *, actor: Actor, domain: str, public_url: str = "") -> Outgoing | None:
    """queued -> sending, for the job that will now talk to the mail server. None when there is nothing to send, or its
    campaign is paused.

    Suppressions, minors and the right to write are checked here, at the wire. A message found in "sending" was being
    handed over when a worker ended: it becomes "unknown", for a person to decide.
    """
    message: Message = records.load(Message, message_id, actor=actor, action="write")
    if message.state == "sending":
        message.state, message.answer = (
            "unknown",
            _("The worker ended during the hand-over. It may have arrived; send it again only if it did not."),
        )
    if message.state != "queued" or campaign_content.is_paused(message):
        return None
    contact = session.get(Contact, message.contact_id) if message.contact_id else None
    reason = suppressions.why_not(message.recipient, message.kind, contact)
    if reason is not None:
        message.state, message.answer = "suppressed", reason
        return None
    found = _outgoing_of(message, contact, domain, public_url)
    if found is None:
        return None
    granted = sending_limits.take(found.way.sender, [message.recipient])
    if not granted.places:
        raise sending_limits.Wait(granted.wait)
    message.state = "sending"
    return found


def _outgoing_of(message: Message, contact: Contact | None, domain: str, public_url: str) -> Outgoing | None:
    message.message_id = message.message_id or f"<{uuid.uuid4().hex}@{domain}>"
    if message.cause == booking_letters.CAUSE:
        return _of_booking(message, contact, public_url)
    if message.campaign_id is not None:
        return _of_campaign(message, contact, public_url)
    return _outgoing(message, contact)


def _of_booking(message: Message, contact: Contact | None, public_url: str) -> Outgoing | None:
    """A letter about a booking as it is now; None where the booking went on without it."""
    found = booking_letters.letter(message, public_url)
    if found is None:
        message.state, message.answer = "cancelled", _("The booking changed before this left; a later e-mail says how.")
        return None
    message.subject, message.body = found.subject, found.text
    plain = _outgoing(message, contact)
    name = found.to_name or plain.to_name
    return replace(plain, calendar=found.calendar, method=found.method, to_name=name)


def settle(message_id: int, outcome: str, answer: str) -> None:
    """What became of a hand-over: sending -> sent | failed | unknown, or back to queued for another try."""
    if outcome not in OUTCOMES:
        raise ValueError(f"{outcome!r} is no outcome of a hand-over.")
    message = session.get(Message, message_id)
    if message is None or message.state not in {"sending", "unknown"}:
        return
    message.state, message.answer = outcome, answer[:500]
    code = STATUS.match(answer)
    message.status_code = code[1] if code else None
    if outcome == "sent":
        message.sent_at = now()
        contact = session.get(Contact, message.contact_id) if message.contact_id else None
        if contact is not None:
            contact.last_activity = message.sent_at


def give_up(args: Mapping[str, Any], state: str, reason: str) -> None:
    """The job of a message ended without sending: the message must not look as if it were still on its way."""
    message = session.get(Message, args.get("message_id"))
    if message is None or message.state not in {"queued", "sending"}:
        return
    if message.state == "sending":
        message.state = "unknown"
    else:
        message.state = "cancelled" if state in {"cancelled", "refused"} else "failed"
    message.answer = reason[:500]


def queue(message: Message, op: Operation, actor: Actor | None = None) -> None:
    """To queued, with the job that sends it; part of the open operation. It leaves in the name of who has it sent now
    (`actor`, or who does the operation), or of the brokerage where that is the product itself: an owner may be changed,
    and nobody writes as another."""
    message.state, message.sender_id = "queued", (actor or op.actor).membership_id
    session.flush()
    op.promise(
        "mail.send", {"message_id": message.id}, purpose=Purpose.SEND_REQUESTED, queue="mail",
        label=_("E-mail {number}", number=message.id), dedupe=f"mail:{message.id}:{message.version}",
        acting=actor,
    )  # fmt: skip


def _same(cause: str, cause_id: str, occasion: str, address: str) -> Message | None:
    return session.scalars(
        sa.select(Message).where(
            Message.cause == cause,
            Message.cause_id == cause_id,
            Message.occasion == occasion,
            Message.recipient == address,
        )
    ).one_or_none()


def _outgoing(message: Message, contact: Contact | None) -> Outgoing:
    workspace = session.get(Workspace, scope.workspace_id())
    sender = session.get(Membership, message.sender_id) if message.sender_id else None
    writer = sender.email if sender else (workspace.email if workspace else None)
    name = workspace.name if workspace else ""
    office = f"{name}, {workspace.address}" if workspace and workspace.address else name
    return Outgoing(
        row_id=message.id,
        message_id=message.message_id or "",
        to=message.recipient,
        to_name=contact.name if contact else "",
        subject=message.subject,
        text=message.body,
        sender_name=f"{sender.name}, {name}" if sender else name,
        reply_to=writer,
        way=sending.way(writer),
        office=office,
        unsubscribe=(scope.workspace_id(), message.id) if message.kind == "marketing" else None,
    )


def _of_campaign(message: Message, contact: Contact | None, public_url: str) -> Outgoing:
    filled, sender = campaign_content.of_message(message, contact, public_url)
    message.subject, message.body = filled.subject, filled.text
    return Outgoing(
        row_id=message.id,
        message_id=message.message_id or "",
        to=message.recipient,
        to_name=contact.name if contact else "",
        subject=filled.subject,
        text=filled.text,
        sender_name=sender.name,
        reply_to=sender.address,
        way=sending.way(sender.address),
        office=sender.office,
        unsubscribe=(scope.workspace_id(), message.id),
        html=filled.html,
    )


def _state(message: Message) -> str:
    return {"draft": _("a draft"), "queued": _("queued"), "sending": _("being sent"), "sent": _("sent")}.get(
        message.state, message.state
    )


@records.rule(Message)
def _only_drafts_change(message: Message, op: Operation) -> None:
    """Forms, REST and bulk actions may change drafts; what was sent stays what was sent."""
    if not message.cause_id:
        message.cause_id = f"member:{op.actor.membership_id}"
    if not message.occasion:
        message.occasion = uuid.uuid4().hex
    state: Any = sa.inspect(message)
    changed = [
        n for n in ("subject", "body", "recipient", "kind", "contact_id") if state.attrs[n].history.has_changes()
    ]
    if state.persistent and changed and message.state != "draft":
        raise Invalid({"": _("This e-mail is {state}; only drafts can be changed.", state=_state(message))})

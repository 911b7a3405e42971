"""What a recipient decides on the page behind a signed link: stop marketing, have no reading noted, or take either
back. No sign-in.

The link carries workspace and message, never an address. Each decision is a row of the consent ledger, a suppression,
an entry on the timeline and an audit row, in one transaction. Does not belong here: the page
(`public_site.preferences`).
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import sqlalchemy as sa

from app.errors import Gone
from app.services import suppressions, tracking
from app.services.operation import Operation, operation
from models import tenancy
from models.base import session
from models.contact import Contact
from models.message import Message, Suppression
from models.privacy import Consent
from models.scope import Actor, inside
from models.signed import BadLink, read_link, sign_link
from models.words import _
from models.work import Activity
from models.workspace import Workspace

PURPOSE = "unsubscribe"
GOOD_FOR = dt.timedelta(days=730)
TOPIC = "marketing"


@dataclass(frozen=True, slots=True)
class Choices:
    """What the page shows. `address` is masked; `stopped` means no marketing goes to it. `followed` says whether the
    person's reading is noted, None where that is no question.
    """

    workspace: Workspace
    address: str
    stopped: bool
    followed: bool | None


def link(workspace_id: int, message_id: int) -> str:
    """The token of the unsubscribe link of one message; good for two years."""
    return sign_link(PURPOSE, [workspace_id, message_id], GOOD_FOR)


def read(token: str) -> Choices:
    """What the recipient has chosen; changes nothing. Raises `Gone`."""
    workspace_id, message_id = _ids(token)
    with inside(workspace_id):
        return _choices(_message(message_id))


def unsubscribe(token: str, *, actor: Actor, source: str, wording: str) -> Choices:
    """Stop marketing to the recipient, at once. `source` names the page or "one-click"; `wording` is the text that was
    shown. Pressing twice is pressing once. Raises `Gone`."""
    workspace_id, message_id = _ids(token)
    with inside(workspace_id), operation("preferences.unsubscribe", actor=actor) as op:
        message = _message(message_id)
        stop_for(message, op, source=source, wording=wording)
        return _choices(message)


def stop_for(message: Message, op: Operation, *, source: str, wording: str) -> None:
    """Stop marketing to the recipient of a message of the current workspace, in the open operation."""
    actor = op.actor
    if suppressions.stops(message.recipient, TOPIC) is None:
        kept = Suppression(
            address=message.recipient, reason="unsubscribe", scope=TOPIC, source=source, created_by=actor.label
        )
        session.add(kept)
        _note(message, actor, given=False, source=source, wording=wording)
        op.audit(
            "preferences.unsubscribe",
            entity="message",
            record_id=message.id,
            subject_id=message.contact_id,
            facts={"source": source},
        )
    session.flush()


def resubscribe(token: str, *, actor: Actor, source: str, wording: str) -> Choices:
    """Take an unsubscription back. What the office or a complaint has blocked stays blocked. Raises `Gone`."""
    workspace_id, message_id = _ids(token)
    with inside(workspace_id), operation("preferences.resubscribe", actor=actor) as op:
        message = _message(message_id)
        own = session.scalars(
            sa.select(Suppression).where(
                Suppression.address == message.recipient,
                Suppression.scope == TOPIC,
                Suppression.reason == "unsubscribe",
            )
        ).one_or_none()
        if own is not None:
            own.deleted_at = op.at
            _note(message, actor, given=True, source=source, wording=wording)
            op.audit(
                "preferences.resubscribe",
                entity="message",
                record_id=message.id,
                subject_id=message.contact_id,
                facts={"source": source},
            )
        session.flush()
        return _choices(message)


def follow(token: str, yes: bool, *, actor: Actor, source: str, wording: str) -> Choices:
    """Have one's reading noted, or not any more; it counts at once and everywhere. Said again, it changes nothing.
    Raises `Gone`.
    """
    workspace_id, message_id = _ids(token)
    with inside(workspace_id), operation("preferences.follow", actor=actor) as op:
        message = _message(message_id)
        contact = _contact(message)
        if contact is not None and not (yes and contact.minor) and tracking.said(contact.id) is not yes:
            said = Consent(
                contact_id=contact.id, topic=tracking.TOPIC, given=yes, source=source, wording=wording, ip=actor.ip
            )
            session.add(said)
            verb = "follow" if yes else "unfollow"
            facts = {"source": source}
            op.audit(f"preferences.{verb}", entity="message", record_id=message.id, subject_id=contact.id, facts=facts)
            session.flush()
        return _choices(message)


def mask(address: str) -> str:
    """`sam@example.com` as `s•••@example.com`: the page may be open on a shared screen."""
    name, _, domain = address.rpartition("@")
    return f"{name[:1]}•••@{domain}"


def _ids(token: str) -> tuple[int, int]:
    try:
        workspace_id, message_id = read_link(PURPOSE, token)
    except (BadLink, TypeError, ValueError):
        raise Gone(
            _(
                "This link no longer works. It has expired or was switched off by the person who sent it. "
                "You did nothing wrong."
            )
        ) from None
    return int(workspace_id), int(message_id)


def _message(message_id: int) -> Message:
    """Also a message in the bin: its recipient can still unsubscribe."""
    found = session.scalars(
        sa.select(Message).where(Message.id == message_id), execution_options=tenancy.with_deleted()
    ).one_or_none()
    if found is None:
        raise Gone(
            _(
                "This link no longer works, as the message it came with was deleted. Reply to the sender to "
                "be taken off the list."
            )
        )
    return found


def _choices(message: Message) -> Choices:
    workspace = session.get(Workspace, message.workspace_id)
    if workspace is None:
        raise Gone()
    stopped = suppressions.stops(message.recipient, TOPIC) is not None
    return Choices(workspace, mask(message.recipient), stopped, _followed(_contact(message)))


def _followed(contact: Contact | None) -> bool | None:
    known = tracking.rules()
    if contact is None or contact.minor or not known.on:
        return None
    return bool(tracking.followed([contact], known))


def _contact(message: Message) -> Contact | None:
    return session.get(Contact, message.contact_id) if message.contact_id else None


def _note(message: Message, actor: Actor, *, given: bool, source: str, wording: str) -> None:
    contact = _contact(message)
    session.add(
        Consent(
            contact_id=contact.id if contact else None,
            topic=TOPIC,
            given=given,
            source=source,
            wording=wording,
            ip=actor.ip,
        )
    )
    if contact is None:
        return
    title = _("Allowed marketing e-mail again") if given else _("Unsubscribed from marketing e-mail")
    session.add(
        Activity(
            kind="other",
            title=title,
            contact_id=contact.id,
            owner_id=contact.owner_id,
            team_id=contact.team_id,
            source=source,
            details=_("By the link or address in “{subject}”.", subject=message.subject),
            created_by=actor.label,
        )
    )

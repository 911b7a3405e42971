"""From a kept raw message to what it is, whom it is about and what follows: read once, filed once.

A mail that nobody can place waits (`app.services.inbound.waiting`). Does not belong here: keeping it
(`app.services.inbound.receiving`) and the job (`jobs.inbound`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from app.services import return_paths
from app.services.inbound import effects, matching, receiving
from app.services.inbound.counts import recount
from app.services.inbound.verdict import Verdict, classify
from app.services.operation import Operation
from models import scope, tenancy
from models.base import session
from models.contact import Contact
from models.inbound import InboundMail, ReceivedMail
from models.message import Message
from models.words import _

# What nobody needs to look at where it is not known what it answers.
_QUIET = frozenset({"auto_reply", "delayed", "delivered"})
# To the address for unsubscribing nobody writes for another reason, whatever the mail looks like.
_WISHES = frozenset({"reply", "auto_reply", "unclear", "unsubscribe"})
_WHY = tenancy.reason("a kept mail goes to the workspace that it turned out to belong to, or tells whom it is about")


def read(received_id: int, *, op: Operation, domain: str) -> dict[str, Any]:
    """Read a kept mail and do what follows, in the open operation of its workspace. Reading it again does nothing."""
    # Locked, so that of two who read it at once the second finds it filed.
    received = session.get(ReceivedMail, received_id, with_for_update=True, populate_existing=True)
    if received is None or received.mail_id is not None or received.discarded_reason or received.raw is None:
        return {}
    found = classify(received.raw, received.sender)
    if received.workspace_id is None:
        where = matching.workspace_of(found, domain=domain)
        return {"placed": place(received, where, op)} if where is not None else {"placed": None}
    message = matching.message_of(found, received.recipient, domain=domain)
    known = _twin(found, message)
    if known is not None:
        received.mail_id, received.contact_id = known.id, known.contact_id
        return {"twin": known.id}
    return {"mail": _file(received, _at_address(found, received.recipient, domain), message, op).id}


def place(received: ReceivedMail, workspace_id: int, op: Operation) -> int:
    """Put a mail that had no workspace into one, where it is read anew. Returns its id there."""
    facts = {n: getattr(received, n) for n in ("via", "sender", "recipient", "digest", "size", "raw", "received_at")}
    table = ReceivedMail.__table__
    session.expunge(received)
    session.execute(sa.delete(table).where(table.c.id == received.id), execution_options=_WHY)
    with scope.inside(workspace_id):
        made = ReceivedMail(**facts)
        session.add(made)
        session.flush()
        receiving.promise_reading(made.id, op)
        op.audit("inbound.placed", entity="received_mail", record_id=made.id, facts={"from": received.id})
    return made.id


def give_up(args: Mapping[str, Any], state: str, reason: str) -> None:
    """The job that reads a mail failed for good: the mail waits for a person instead of being forgotten."""
    received = session.get(ReceivedMail, args.get("received_id"))
    if received is None or received.workspace_id is None or received.mail_id is not None or state == "refused":
        return
    made = _made(received, Verdict("unclear", _("It could not be read: {why}", why=reason)), None, None)
    session.flush()
    received.mail_id = made.id
    recount()


def about(mail: InboundMail, message: Message, contact: Contact | None) -> None:
    """Tie a mail, and the raw message behind it, to what it is about."""
    mail.message_id = message.id if message.deleted_at is None else None
    mail.about = message.recipient
    mail.owner_id, mail.team_id = message.owner_id, message.team_id
    tie(mail, contact)


def tie(mail: InboundMail, contact: Contact | None) -> None:
    """Tie a mail, and the raw message behind it, to a person."""
    mail.contact_id = contact.id if contact else None
    if contact is not None and mail.owner_id is None:
        mail.owner_id, mail.team_id = contact.owner_id, contact.team_id
    table = ReceivedMail.__table__
    mine = (table.c.workspace_id == mail.workspace_id, table.c.mail_id == mail.id)
    session.execute(sa.update(table).where(*mine).values(contact_id=mail.contact_id), execution_options=_WHY)


def _at_address(found: Verdict, recipient: str, domain: str) -> Verdict:
    """The verdict, seen by the address that the mail came to."""
    path = return_paths.read(recipient, domain=domain)
    if path is None:
        return found
    if path.kind == return_paths.UNSUBSCRIBE and found.kind in _WISHES:
        return _as(found, "unsubscribe", "")
    if path.kind == return_paths.BOUNCE and found.kind == "reply":
        return _as(found, "unclear", _("It came to the address for bounces, and is none in a form that is known."))
    return found


def _as(found: Verdict, kind: str, reason: str) -> Verdict:
    return replace(found, kind=kind, reason=reason)


def _file(received: ReceivedMail, found: Verdict, message: Message | None, op: Operation) -> InboundMail:
    contact = matching.contact_of(message) if message is not None else None
    mail = _made(received, found, message, contact)
    session.flush()
    received.mail_id, received.contact_id = mail.id, mail.contact_id
    if message is None:
        mail.state = "done" if found.kind in _QUIET else "waiting"
        if found.kind != "unclear" and mail.state == "waiting":
            mail.reason = mail.reason or _("It names no e-mail that was sent from here.")
    elif found.kind != "unclear":
        mail.state = "done"
        effects.act(mail, message, contact, op, stop=found.asks_to_stop)
    session.flush()
    if mail.state == "waiting":
        recount()
    return mail


def _made(received: ReceivedMail, found: Verdict, message: Message | None, contact: Contact | None) -> InboundMail:
    mail = InboundMail(
        subject=found.subject[:200], sender=(found.sender or received.sender or "")[:320] or None, kind=found.kind,
        state="waiting", body=found.text or None, received_at=received.received_at, reason=found.reason[:500] or None,
        status_code=found.code[:20] or None, header_id=found.header_id or None, received_id=received.id,
        source=effects.SOURCE, source_ref=f"received_mail:{received.id}", created_by=receiving.ACTOR.label,
    )  # fmt: skip
    if message is not None:
        mail.workspace_id = scope.workspace_id()
        mail.message_id = message.id if message.deleted_at is None else None
        mail.about, mail.owner_id, mail.team_id = message.recipient, message.owner_id, message.team_id
        mail.contact_id = contact.id if contact else None
    session.add(mail)
    return mail


def _twin(found: Verdict, message: Message | None) -> InboundMail | None:
    """The same mail, filed before: servers that lose an answer hand over again, with other lines at the top. One that
    says something else is another, also where its program uses an id twice: no answer is lost by that."""
    if not found.header_id:
        return None
    same = sa.select(InboundMail).where(
        InboundMail.header_id == found.header_id,
        InboundMail.sender == (found.sender or None),
        InboundMail.subject == found.subject[:200],
        InboundMail.body.is_(None) if not found.text else InboundMail.body == found.text,
        InboundMail.message_id.is_(None) if message is None else InboundMail.message_id == message.id,
    )
    return session.scalars(same.order_by(InboundMail.id).limit(1)).one_or_none()

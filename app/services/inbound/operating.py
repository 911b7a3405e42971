"""What operators do with kept mail: look, place in a workspace what belongs to none, discard, have it read once more.

Mail that belongs to a workspace is filed by its own people (`app.services.inbound.waiting`); operators see that it
waits, and file it only when asked to.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from app.errors import Conflict, Invalid, NotFound
from app.services import verbs
from app.services.inbound import filing, receiving, waiting  # noqa: F401  its verbs
from app.services.inbound.verdict import classify
from app.services.operation import operation
from models import scope
from models.base import session
from models.inbound import InboundMail, ReceivedMail
from models.scope import Actor
from models.words import _

_WHY = "an operator looks after incoming mail"
MOST, MOST_AT_ONCE = 200, 10_000


@dataclass(frozen=True, slots=True)
class Kept:
    """One kept mail. `state` is unread (its job is on the way or ended badly), unplaced, waiting, done or discarded."""

    id: int
    workspace_id: int | None
    mail_id: int | None
    state: str
    sender: str | None
    recipient: str
    size: int
    received_at: dt.datetime
    via: str


def kept(*, every: bool = False, most: int = MOST) -> list[Kept]:
    """What waits for somebody, or every kept mail; newest first."""
    state = _state()
    statement = sa.select(*(getattr(ReceivedMail, n) for n in _COLUMNS), state.label("state")).outerjoin(
        InboundMail, sa.and_(InboundMail.id == ReceivedMail.mail_id, InboundMail.received_id == ReceivedMail.id)
    )
    if not every:
        statement = statement.where(state.in_(("unread", "unplaced", "waiting")))
    with scope.across_workspaces(_WHY):
        rows = session.execute(statement.order_by(ReceivedMail.id.desc()).limit(most)).all()
    return [Kept(**row._mapping) for row in rows]


_COLUMNS = ("id", "workspace_id", "mail_id", "sender", "recipient", "size", "received_at", "via")


def _state() -> Any:
    return sa.case(
        (ReceivedMail.discarded_reason.is_not(None), "discarded"),
        (InboundMail.state.is_not(None), InboundMail.state),
        (ReceivedMail.mail_id.is_not(None), "done"),
        (ReceivedMail.workspace_id.is_(None), "unplaced"),
        else_="unread",
    )


def show(received_id: int) -> tuple[ReceivedMail, dict[str, Any]]:
    """A kept mail and what reading it says."""
    with scope.across_workspaces(_WHY):
        received = _load(received_id)
        found = classify(received.raw or b"", received.sender)
    facts = ("kind", "reason", "code", "subject", "sender", "header_id", "answers", "text")
    return received, {name: getattr(found, name) for name in facts}


def raw_of(mail: InboundMail) -> bytes | None:
    """The message behind a mail of the current workspace; None once its time is over."""
    found = sa.select(ReceivedMail).where(ReceivedMail.mail_id == mail.id).order_by(ReceivedMail.id).limit(1)
    received = session.scalars(found).one_or_none()
    return received.raw if received is not None else None


def read_now(received_ids: Sequence[int], *, actor: Actor, domain: str) -> int:
    """Read mail whose job ended without reading it, as while its workspace was suspended; all of it where none is
    named. Returns how many were read.
    """
    wanted = received_ids or [one.id for one in kept(most=MOST_AT_ONCE) if one.state == "unread"]
    done = 0
    for received_id in wanted:
        with scope.across_workspaces(_WHY):
            owner = _load(received_id).workspace_id
            session.expunge_all()
        with receiving.inside(owner), operation("inbound.read", actor=actor) as op:
            done += bool(filing.read(received_id, op=op, domain=domain))
    return done


def assign(
    received_id: int, workspace_id: int, *, actor: Actor, contact_id: int | None = None, message_id: int | None = None
) -> dict[str, Any]:
    """Place a mail of nobody in a workspace, where it is read; or file one that waits there under a contact or as the
    answer to a message.
    """
    with scope.across_workspaces(_WHY):
        received = _load(received_id)
        owner, mail_id = received.workspace_id, received.mail_id
        if owner is None:
            if contact_id is not None or message_id is not None:
                raise Invalid({"": _("Place the mail in the workspace first; it is read there.")})
            with operation("inbound.place", actor=actor) as op:
                return {"placed": filing.place(received, workspace_id, op), "workspace": workspace_id}
    if owner != workspace_id:
        raise NotFound()
    given = {"file": {"contact_id": contact_id}, "answers": {"message_id": message_id}}
    name = "file" if contact_id is not None else "answers" if message_id is not None else ""
    if not name or mail_id is None:
        raise Invalid({"": _("Name the contact or the e-mail that the mail is to be filed under.")})
    with scope.inside(workspace_id):
        verbs.find("inbound_mail", name).run(InboundMail, mail_id, given[name], actor)
    return {"filed": mail_id, "workspace": workspace_id}


def discard(received_id: int, reason: str, *, actor: Actor) -> None:
    """Say that nothing follows from a mail, and why."""
    if not reason.strip():
        raise Invalid({"reason": _("Say why.")})
    with scope.across_workspaces(_WHY):
        received = _load(received_id)
        owner, mail_id = received.workspace_id, received.mail_id
        if owner is None:
            with operation("inbound.discard", actor=actor) as op:
                received.discarded_reason = reason[:300]
                op.audit("inbound.discarded", entity="received_mail", record_id=received_id)
            return
    if mail_id is None:
        raise Conflict(_("This mail has not been read yet."))
    with scope.inside(owner):
        verbs.find("inbound_mail", "discard").run(InboundMail, mail_id, {"reason": reason}, actor)


def counts() -> dict[str, int]:
    """How many kept mails are in each state that asks for somebody."""
    state = _state()
    statement = (
        sa.select(state, sa.func.count(ReceivedMail.id))
        .select_from(ReceivedMail)
        .outerjoin(InboundMail, InboundMail.id == ReceivedMail.mail_id)
        .group_by(state)
    )
    with scope.across_workspaces(_WHY):
        found: dict[str, int] = {row[0]: row[1] for row in session.execute(statement)}
    return {name: found.get(name, 0) for name in ("unread", "unplaced", "waiting")}


def _load(received_id: int) -> ReceivedMail:
    received = session.get(ReceivedMail, received_id)
    if received is None:
        raise NotFound(_("There is no kept mail with this number."))
    return received

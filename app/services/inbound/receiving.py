"""Takes mail in: whose an address is, and the raw message kept with the promise to read it, in one transaction.

Whoever hands a mail over may say "taken" after `take_in` has returned, and not before. Nothing in the mail is read
here. Does not belong here: SMTP (`jobs.listener`), HTTP (`views.hooks`), reading (`app.services.inbound.verdict`).
"""

from __future__ import annotations

import hashlib
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from app.errors import NotFound
from app.services import return_paths
from app.services.operation import Operation, operation
from app.services.return_paths import ReturnPath
from models import scope, tenancy
from models.base import session
from models.inbound import ReceivedMail
from models.policy import Purpose
from models.words import N_, _
from models.workspace import Workspace

JOB = "inbound.read"
ACTOR = scope.system("Incoming mail")
# Addresses that every domain with mail must have (RFC 5321, 4.5.1; RFC 2142), and where providers send complaints.
ROLES = frozenset({"postmaster", "abuse", "fbl", "complaints", "mailer-daemon"})
_WHY = "whose an address of incoming mail is"
_MOST_ADDRESS = 320
_UNKNOWN = N_("There is no such mailbox here.")


@dataclass(frozen=True, slots=True)
class Place:
    """Whose an address is: the workspace (None: nobody knows before the mail is read), and the message it stands
    for."""

    workspace_id: int | None
    path: ReturnPath | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """The kept mail; `replay` where the same had been taken before."""

    id: int
    replay: bool


def place(address: str, *, domain: str) -> Place | None:
    """Whose an address is; None where there is no such mailbox. The tag of a signed address is checked, and so is its
    workspace; an office has `SLUG@domain` and `SLUG+anything@domain`.
    """
    local, _at, host = address.lower().rpartition("@")
    if not domain or host != domain or len(address) > _MOST_ADDRESS:
        return None
    path = return_paths.read(address, domain=domain)
    with scope.across_workspaces(_WHY):
        if path is not None:
            return Place(path.workspace_id, path) if session.get(Workspace, path.workspace_id) is not None else None
        name = local.partition("+")[0]
        if name in ROLES:
            return Place(None)
        if name in return_paths.KINDS or not name:
            return None
        found = session.scalar(sa.select(Workspace.id).where(Workspace.slug == name))
    return Place(found) if found is not None else None


def take_in(raw: bytes, *, recipient: str, sender: str | None, via: str, domain: str) -> Taken:
    """Keep one message for one of our addresses, once. `sender` is the envelope's, "" a server's, None where nobody
    told; `via` is "smtp", "lmtp" or "webhook". Raises `NotFound` for an address that is none of ours.
    """
    where = place(recipient, domain=domain)
    if where is None:
        raise NotFound(_UNKNOWN)
    digest = hashlib.sha256(recipient.lower().encode("utf-8", "replace") + b"\n" + raw).hexdigest()
    facts = {
        "via": via,
        "sender": None if sender is None else _plain(sender),
        "recipient": _plain(recipient),
        "digest": digest,
    }
    try:
        return _keep(raw, where, facts)
    except IntegrityError:
        # A twin of this delivery was committed a moment before: now it is seen.
        return _keep(raw, where, facts)


def _keep(raw: bytes, where: Place, facts: dict[str, Any]) -> Taken:
    known = _known(facts["digest"])
    if known is not None:
        return Taken(known, True)
    with inside(where.workspace_id), operation("inbound.take_in", actor=ACTOR) as op:
        made = ReceivedMail(raw=raw, size=len(raw), received_at=op.at, **facts)
        session.add(made)
        session.flush()
        promise_reading(made.id, op)
        op.audit("inbound.received", entity="received_mail", record_id=made.id, facts={"via": facts["via"]})
        return Taken(made.id, False)


def promise_reading(received_id: int, op: Operation) -> None:
    """Have a kept mail of the current workspace, or of none, read."""
    op.promise(
        JOB, {"received_id": received_id}, purpose=Purpose.SEND_REQUESTED, label=_("Incoming mail"), queue="inbound",
        dedupe=f"inbound:{_here()}:{received_id}",
    )  # fmt: skip


def _here() -> int:
    """The workspace, 0 for none: where a mail is placed, SQLite gives it the id that was just free."""
    found = scope.current()
    return found if isinstance(found, int) else 0


def inside(workspace_id: int | None) -> AbstractContextManager[None]:
    """The workspace of a kept mail, or the space outside all of them."""
    if workspace_id is None:
        return scope.across_workspaces("mail that belongs to no workspace yet")
    return scope.inside(workspace_id)


def _known(digest: str) -> int | None:
    """In whichever workspace, as a mail may have been placed since."""
    with scope.across_workspaces(_WHY):
        found = sa.select(ReceivedMail.id).where(ReceivedMail.digest == digest)
        return session.scalar(found, execution_options=tenancy.with_deleted())


def _plain(address: str) -> str:
    """An address as databases keep it; PostgreSQL keeps no NUL."""
    return address.replace("\x00", "").encode("utf-8", "replace").decode()[:_MOST_ADDRESS]

"""Has a follow-up e-mail drafted: what may be read, the ledger of each call, and the draft that a person then sends or
drops.

Off until the workspace switches it on; a job that waits when it is switched off ends refused (P20-P22). Nothing here
sends. Does not belong here: the writers (`app.adapters.ai`).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from app import permissions
from app.errors import Forbidden, Invalid, NotFound
from app.services import messages, records, schema, subject_keys
from app.services.operation import operation
from models import scope
from models.ai import AiCall
from models.base import session
from models.contact import Contact
from models.deal import Deal
from models.fields import now
from models.job import Job
from models.message import Message
from models.policy import Purpose
from models.scope import Actor
from models.words import N_, _
from models.workspace import Membership, Workspace

FEATURE = "follow-up draft"
JOB = "ai.draft"
# What a draft may be made of, in the words of the page. Whatever is not here is never handed over.
READABLE: Mapping[str, str] = {
    "contact.name": "name",
    "contact.goes_by": N_("goes by"),
    "contact.type": "type",
    "contact.next_step": N_("next step"),
    "deal.title": N_("newest deal"),
    "deal.property_address": N_("its property"),
    "sender.name": N_("your name"),
    "workspace.name": "brokerage",
}
_OFF = N_("AI drafting is switched off for this workspace. An admin can switch it on in the settings.")
_PERSONAL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.]+|\+?\d[\d ().-]{5,}\d")


@dataclass(frozen=True, slots=True)
class Asked:
    """A call that is in the ledger and may now be made, with exactly this payload."""

    call_id: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Card:
    """A draft as the page shows it: `state` is waiting, ready, failed or gone."""

    state: str
    job: Job
    contact_id: int
    message: Message | None
    call: AiCall | None


def ask(contact_id: int, *, actor: Actor) -> Job:
    """Promise a draft of a follow-up to a contact; nothing is sent. Raises `Forbidden` (no right, switched off),
    `Invalid`, `NotFound`."""
    with operation("draft.ask", actor=actor) as op:
        _allowed(contact_id, actor)
        job = op.promise(
            JOB,
            {"contact_id": contact_id},
            purpose=Purpose.SEND_REQUESTED,
            label=_("Draft a follow-up"),
            max_attempts=3,
        )
        session.flush()
        op.audit("draft.ask", entity="contact", record_id=contact_id, subject_id=contact_id)
    return job


def prepare(contact_id: int, *, actor: Actor, job_id: int, provider: str, model: str) -> Asked:
    """Read what the actor may see and write the ledger row, in the operation that the caller commits before the
    call."""
    contact = _allowed(contact_id, actor)
    read = _read(contact, actor)
    payload = json.dumps(read, sort_keys=True, ensure_ascii=False).encode()
    call = AiCall(
        contact_id=contact.id,
        membership_id=actor.membership_id,
        asked_by=actor.label,
        job_id=job_id,
        feature=FEATURE,
        purpose=Purpose.SEND_REQUESTED.value,
        provider=provider,
        model=model,
        fields=sorted(read),
        payload_bytes=len(payload),
        payload_hash=hashlib.sha256(payload).hexdigest(),
        sealed=_sealed(payload, contact.id),
    )
    session.add(call)
    session.flush()
    return Asked(call.id, payload)


def keep(call_id: int, subject: str, body: str, *, actor: Actor) -> Message:
    """The reply as a draft message, and its hash in the ledger."""
    call = session.get(AiCall, call_id)
    contact = session.get(Contact, call.contact_id)
    # A reply is text, not a template: its braces must not be filled.
    subject, body = subject.replace("{{", "{ {"), body.replace("{{", "{ {")
    message = messages.write(
        contact, subject, body, actor=actor, occasion=f"draft:{call_id}", drafted_by=call.provider[:80], send=False
    )
    call.reply_hash = hashlib.sha256(f"{subject}\n{body}".encode()).hexdigest()
    call.outcome, call.answered_at, call.message_id = "answered", now(), message.id
    return message


def note_failure(call_id: int) -> None:
    """The call was made and brought nothing."""
    session.get(AiCall, call_id).outcome = "failed"


def card(job_id: int, *, actor: Actor) -> Card:
    """How far a draft is, for the one who asked for it. Raises `NotFound`."""
    job = session.scalars(sa.select(Job).where(Job.id == job_id, Job.name == JOB)).one_or_none()
    if job is None or actor.membership_id is None or job.membership_id != actor.membership_id:
        raise NotFound()
    contact_id = int(job.args["contact_id"])
    if job.state in {"waiting", "running"}:
        return Card("waiting", job, contact_id, None, None)
    message = session.get(Message, (job.result or {}).get("message_id", 0))
    if job.state != "done" or message is None:
        return Card("failed", job, contact_id, None, None)
    call = session.scalars(sa.select(AiCall).where(AiCall.message_id == message.id)).one_or_none()
    return Card("ready" if message.state == "draft" else "gone", job, contact_id, message, call)


def redacted(text: str) -> str:
    """The text without e-mail addresses and long numbers, as the ledger keeps it."""
    return _PERSONAL.sub("•••", text)


def _allowed(contact_id: int, actor: Actor) -> Contact:
    workspace = session.get(Workspace, scope.workspace_id(), populate_existing=True)
    if workspace is None or not workspace.ai_enabled:
        raise Forbidden("write", "ai", _OFF)
    permissions.require(actor, "write", "ai")
    permissions.require(actor, "write", "message")
    contact: Contact = records.load(Contact, contact_id, actor=actor)
    if contact.minor:
        raise Forbidden(
            "write",
            "ai",
            _("This contact is marked as under age, and AI is not used for minors. Write the e-mail yourself."),
        )
    if not contact.email:
        raise Invalid({"": _("This contact has no e-mail address. Add one, then ask for a draft.")})
    return contact


def _read(contact: Contact, actor: Actor) -> dict[str, str]:
    workspace = session.get(Workspace, scope.workspace_id())
    member = session.get(Membership, actor.membership_id) if actor.membership_id else None
    found: dict[str, Any] = {
        f"contact.{n}": getattr(contact, n) for n in ("name", "goes_by", "type", "next_step") if schema.sees(Contact, n)
    }
    found |= {"sender.name": member.name if member else None, "workspace.name": workspace.name if workspace else None}
    deal = _newest_deal(contact, actor)
    if deal is not None:
        found |= {f"deal.{n}": getattr(deal, n) for n in ("title", "property_address") if schema.sees(Deal, n)}
    return {name: str(value) for name, value in found.items() if value and name in READABLE}


def _newest_deal(contact: Contact, actor: Actor) -> Deal | None:
    if permissions.reach(actor, "read", "deal") is None:
        return None
    statement = permissions.restrict(sa.select(Deal).where(Deal.contact_id == contact.id), Deal, actor)
    return session.scalars(statement.order_by(Deal.id.desc()).limit(1)).one_or_none()


def _sealed(payload: bytes, contact_id: int) -> bytes:
    where = (scope.workspace_id(), contact_id)
    key = subject_keys.for_subjects({where})[where]
    return key.seal(redacted(payload.decode()).encode(), aad=f"ai_call:{where[0]}:{where[1]}".encode())

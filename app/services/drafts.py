"""Has AI write a draft: who may ask for what, the one path of every call, and the draft that then waits for a person.

ask -> (job) prepare -> call -> record -> keep. Off until the workspace switches it on; a job that waits when it is
switched off ends refused, an answer that comes later is dropped (P20-P22). Nothing here sends. Does not belong here:
what is read (`app.services.ai_inputs`), rows and limits (`app.services.ai_ledger`), using a draft
(`app.services.draft_uses`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa

from app import permissions
from app.errors import Forbidden, Invalid, NotFound
from app.services import ai_features, ai_inputs, ai_ledger, ai_providers, ai_text, messages, records
from app.services.ai_features import EMAIL, Feature
from app.services.ai_ledger import Ending, Wait
from app.services.ai_providers import Chosen
from app.services.operation import operation
from models import registry, scope
from models.ai import AiCall, AiDraft
from models.base import session
from models.contact import Contact
from models.job import Job
from models.message import Message
from models.policy import Purpose
from models.scope import Actor
from models.words import _
from models.workspace import Workspace

JOB = "ai.draft"
# How often a provider is asked for one draft before the asker is told.
TRIES = 3
Encode = Callable[[Chosen, Feature, Mapping[str, Any]], bytes]


@dataclass(frozen=True, slots=True)
class Asked:
    """A call that is in the ledger and may now be made, with exactly this payload. `tries` counts this one."""

    call_id: int
    payload: bytes
    chosen: Chosen
    tries: int


@dataclass(frozen=True, slots=True)
class Card:
    """A draft as the page shows it: `state` is waiting, ready, failed or gone."""

    state: str
    job: Job
    feature: Feature
    record_id: int
    message: Message | None = None
    draft: AiDraft | None = None
    call: AiCall | None = None


def ask(key: str, record_id: int, *, actor: Actor, wish: str = "", text: str = "", about: str = "") -> Job:
    """Promise a draft about a record, of the kind `about` where that is said; nothing is sent. `wish` and `text` are
    what the asker typed for it. Raises `Forbidden` (no right, switched off, a minor), `Invalid` (nothing to go by),
    `NotFound`.
    """
    feature = _feature(key)
    if about and feature.about != about:
        raise NotFound()
    typed = {name: value.strip()[: ai_inputs.LONGEST] for name, value in (("wish", wish), ("text", text))}
    with operation("draft.ask", actor=actor) as op:
        record = allowed(feature, record_id, actor)
        ai_providers.chosen(key)
        _something(feature, ai_inputs.read(feature, record, typed, actor))
        args = {"feature": key, f"{feature.about}_id": record_id} | {n: v for n, v in typed.items() if v}
        job = op.promise(JOB, args, purpose=Purpose.SEND_REQUESTED, label=str(feature.label), max_attempts=12)
        session.flush()
        subject = record_id if feature.about == "contact" else None
        op.audit(
            "draft.ask", entity=feature.about, record_id=record_id, subject_id=subject, facts={"feature": feature.key}
        )
    return job


def offered(about: str, actor: Actor) -> list[Feature]:
    """What the actor may ask for on such a record, as far as rights go."""
    if permissions.reach(actor, "write", "ai") is None:
        return []
    mine = [one for one in ai_features.features().values() if one.offered and one.about == about]
    return [one for one in mine if all(permissions.reach(actor, act, name) is not None for act, name in one.rights)]


def prepare(args: Mapping[str, Any], *, actor: Actor, job_id: int, encode: Encode) -> Asked | Wait:
    """Read what the actor may see and write the ledger row, in the operation that the caller commits before the
    call."""
    if args["feature"] == ai_features.TEST.key:
        feature, record, chosen, read = ai_features.TEST, None, ai_providers.of(int(args["provider_id"])), {}
        ai_providers.require_on()
        permissions.require(actor, "write", "workspace")
    else:
        feature = _feature(args["feature"])
        record = allowed(feature, int(args[f"{feature.about}_id"]), actor)
        chosen = ai_providers.chosen(feature.key)
        read = ai_inputs.read(feature, record, _typed(args), actor)
        _something(feature, read)
    payload = encode(chosen, feature, read)
    call = ai_ledger.begin(
        feature, chosen, payload, read, actor=actor, job_id=job_id,
        contact_id=record.id if isinstance(record, Contact) else None,
    )  # fmt: skip
    return call if isinstance(call, Wait) else Asked(call.id, payload, chosen, call.attempt)


def record(asked: Asked, ending: Ending, args: Mapping[str, Any], *, actor: Actor, job_id: int) -> str:
    """Finish the row of a call. Gives why nobody wants the answer any more, or an empty text; part of the operation
    that is open."""
    ai_ledger.end(asked.call_id, ending, asked.chosen)
    if ending.outcome != "answered" or args["feature"] == ai_features.TEST.key:
        return ""
    asked_to_stop = sa.select(Job.cancel_asked).where(Job.id == job_id).with_for_update()
    if session.scalar(asked_to_stop) is not None:
        reason = _("Cancelled; the answer came too late and was dropped.")
    else:
        try:
            feature = _feature(args["feature"])
            allowed(feature, int(args[f"{feature.about}_id"]), actor)
            return ""
        except (Forbidden, NotFound, Invalid) as error:
            reason = str(error)
    ai_ledger.drop(asked.call_id, reason)
    return reason


def keep(asked: Asked, text: str, args: Mapping[str, Any], *, actor: Actor, job_id: int) -> dict[str, int]:
    """The answer as a draft that waits for a person: a message, or a text. Gives the job's result."""
    feature = _feature(args["feature"])
    about = allowed(feature, int(args[f"{feature.about}_id"]), actor)
    call = session.get_one(AiCall, asked.call_id)
    text = ai_text.cleaned(text, hosts=_own_hosts(), fields=feature.about in ("template", "campaign"))
    if not text:
        raise Invalid({"": _("Nothing was left of the provider's answer once it was cleaned. Try again.")})
    by = asked.chosen.name[:80]
    if feature.makes == EMAIL:
        subject, body = ai_text.email(text)
        message = messages.write(
            about, subject or _("(no subject)"), body or text, actor=actor, occasion=f"draft:{asked.call_id}",
            drafted_by=by, send=False,
        )  # fmt: skip
        call.message_id = message.id
        return {"message_id": message.id, "call_id": call.id}
    draft = AiDraft(
        feature=feature.key, membership_id=actor.membership_id, job_id=job_id, call_id=call.id, drafted_by=by, text=text
    )
    setattr(draft, f"{feature.about}_id", about.id)
    session.add(draft)
    session.flush()
    return {"draft_id": draft.id, "call_id": call.id}


def card(job_id: int, *, actor: Actor) -> Card:
    """How far a draft is, for the one who asked for it. Raises `NotFound`."""
    job = session.scalars(sa.select(Job).where(Job.id == job_id, Job.name == JOB)).one_or_none()
    if job is None or actor.membership_id is None or job.membership_id != actor.membership_id or not job.args:
        raise NotFound()
    # A job that was promised before features had names is a follow-up e-mail.
    feature = ai_features.find(str(job.args.get("feature", ai_features.FOLLOW_UP.key))) or ai_features.FOLLOW_UP
    found = Card("waiting", job, feature, int(job.args[f"{feature.about}_id"]))
    if job.state in {"waiting", "running"}:
        return found
    result = job.result or {}
    message = session.get(Message, result.get("message_id", 0))
    draft = session.get(AiDraft, result.get("draft_id", 0))
    if job.state != "done" or (message is None and draft is None):
        return Card("failed", job, feature, found.record_id)
    ready = (message is not None and message.state == "draft") or (draft is not None and draft.state == "ready")
    call = session.get(AiCall, draft.call_id) if draft else _call_of(message)
    return Card("ready" if ready else "gone", job, feature, found.record_id, message, draft, call)


def take(job_id: int, *, actor: Actor) -> tuple[str, str]:
    """Subject and text of a drafted e-mail, for an editor that goes on with them; the draft itself is dropped. Raises
    `NotFound`, `Conflict`."""
    message = card(job_id, actor=actor).message
    if message is None:
        raise NotFound()
    messages.discard(message.id, actor=actor)
    return message.subject, message.body


def waiting_for(about: str, record_id: int, *, actor: Actor) -> int | None:
    """The job of the newest draft about a record that waits for this person."""
    column = getattr(AiDraft, f"{about}_id")
    mine = (column == record_id, AiDraft.membership_id == actor.membership_id, AiDraft.state == "ready")
    return session.scalar(sa.select(AiDraft.job_id).where(*mine).order_by(AiDraft.id.desc()).limit(1))


def writers_of(campaign_id: int) -> list[str]:
    """Who wrote the drafts that were put into a campaign."""
    used = (AiDraft.campaign_id == campaign_id, AiDraft.state == "used")
    return list(session.scalars(sa.select(AiDraft.drafted_by).where(*used).distinct().order_by(AiDraft.drafted_by)))


def taken_from(job_id: int | None, *, actor: Actor) -> str | None:
    """Who wrote the draft that an e-mail was begun with, for its label; None where there was none of this person."""
    if job_id is None:
        return None
    try:
        message = card(job_id, actor=actor).message
    except NotFound:
        return None
    return message.drafted_by if message is not None else None


def of_message(message: Message) -> str:
    """Which feature drafted an e-mail."""
    call = _call_of(message)
    known = ai_features.find(call.feature) if call is not None else None
    return (known or ai_features.FOLLOW_UP).key


def allowed(feature: Feature, record_id: int, actor: Actor) -> Any:
    """The record, where this actor may have this draft about it now. Raises `Forbidden`, `Invalid`, `NotFound`."""
    ai_providers.require_on()
    permissions.require(actor, "write", "ai")
    for action, entity in feature.rights:
        permissions.require(actor, action, entity)
    found = records.load(registry.entity(feature.about), record_id, actor=actor)
    ai_inputs.check(found)
    if feature.makes == EMAIL and not found.email:
        raise Invalid({"": _("This contact has no e-mail address. Add one, then ask for a draft.")})
    return found


def _feature(key: str) -> Feature:
    found = ai_features.find(key)
    if found is None or not found.offered:
        raise NotFound()
    return found


def _typed(args: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(args[name]) for name in ("wish", "text") if name in args}


def _something(feature: Feature, read: Mapping[str, Any]) -> None:
    if feature.needs and not any(read.get(name) for name in feature.needs):
        labels = feature.labels()
        needed = ", ".join(str(labels[name]) for name in feature.needs)
        raise Invalid({"": _("There is nothing to go by yet. Needed for this draft: {needed}.", needed=needed)})


def _call_of(message: Message | None) -> AiCall | None:
    if message is None:
        return None
    return session.scalars(sa.select(AiCall).where(AiCall.message_id == message.id)).one_or_none()


def _own_hosts() -> set[str]:
    """Where links of a draft may lead: the brokerage's own site."""
    workspace = session.get(Workspace, scope.workspace_id())
    site = workspace.website if workspace else None
    host = urlsplit(site if "://" in site else f"https://{site}").hostname if site else None
    return {host.removeprefix("www.")} if host else set()

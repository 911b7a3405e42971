"""The ledger of AI: a row before each attempt, its end after it, and the limits that are asked in between.

A call that cannot write its row is not made. The row reserves the most that the call may cost, while the workspace's
limits are held, so that several workers together never spend more than the month's budget. Does not belong here: who
may ask (`app.services.drafts`), calling (`app.adapters.ai`).
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy as sa

from app import permissions
from app.errors import Forbidden, NotFound
from app.services import subject_keys
from app.services.ai_features import Feature
from app.services.ai_providers import Chosen
from app.services.operation import operation
from models import formats, scope, tenancy
from models.ai import AiCall, AiSetting
from models.base import session
from models.fields import now
from models.policy import Purpose
from models.scope import Actor
from models.words import _

_WHY = tenancy.reason("the limits of its own workspace are held while a call is allowed")
_PERSONAL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.]+|\+?\d[\d ().-]{5,}\d")
_MICROS_PER_CENT = 10_000
WINDOW = dt.timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Wait:
    """The workspace made as many calls in the last minute as it may: try again after so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Ending:
    """What came of a call. `raw` are the exact bytes of the answer; tokens are None where nobody said."""

    outcome: str
    raw: bytes | None = None
    status: int | None = None
    error: str = ""
    tokens_in: int | None = None
    tokens_out: int | None = None
    free: bool = False


def begin(
    feature: Feature, chosen: Chosen, payload: bytes, fields: Iterable[str], *, actor: Actor, job_id: int,
    contact_id: int | None = None,
) -> AiCall | Wait:  # fmt: skip
    """Write the row of the next attempt, in the operation that the caller commits before the call. Raises `Forbidden`
    where the budget does not suffice."""
    reserved = most_it_costs(chosen, payload, feature.tokens)
    if chosen.external:
        setting = _hold()
        wait = _wait(setting)
        if wait is not None:
            return wait
        _within_budget(setting, reserved)
    before = list(session.scalars(sa.select(AiCall).where(AiCall.job_id == job_id)))
    for one in before:
        if one.outcome == "asked":
            one.outcome, one.error = "unknown", _("The worker ended during the call.")
    call = AiCall(
        contact_id=contact_id, membership_id=actor.membership_id, asked_by=actor.label, job_id=job_id,
        attempt=len(before) + 1, feature=feature.key, purpose=Purpose.SEND_REQUESTED.value, provider=chosen.name,
        provider_id=chosen.provider_id or None, model=chosen.model, fields=sorted(fields), payload_bytes=len(payload),
        payload_hash=hashlib.sha256(payload).hexdigest(), sealed=_sealed(payload, contact_id), reserved=reserved,
    )  # fmt: skip
    session.add(call)
    session.flush()
    return call


def end(call_id: int, ending: Ending, chosen: Chosen) -> AiCall:
    """Finish a row; part of the operation that is open."""
    call: AiCall = session.get_one(AiCall, call_id)
    call.outcome, call.status, call.error = ending.outcome, ending.status, ending.error[:300] or None
    call.answered_at = now()
    call.latency_ms = max(0, int((call.answered_at - call.at).total_seconds() * 1000))
    if ending.raw is not None:
        call.reply_bytes, call.reply_hash = len(ending.raw), hashlib.sha256(ending.raw).hexdigest()
    call.tokens_in, call.tokens_out = ending.tokens_in, ending.tokens_out
    if ending.free or not chosen.external:
        call.cost = 0
    elif ending.tokens_in is not None and ending.tokens_out is not None:
        call.cost = price(chosen, ending.tokens_in, ending.tokens_out)
    return call


def drop(call_id: int, reason: str) -> None:
    """answered -> dropped: nobody wants the answer any more."""
    call = session.get_one(AiCall, call_id)
    call.outcome, call.error = "dropped", reason[:300]


def price(chosen: Chosen, tokens_in: int, tokens_out: int) -> int:
    """Millionths of a US dollar, rounded up: prices are cents for a million tokens."""
    return -(-(tokens_in * chosen.price_in + tokens_out * chosen.price_out) * _MICROS_PER_CENT // 1_000_000)


def most_it_costs(chosen: Chosen, payload: bytes, tokens: int) -> int:
    """No token is shorter than a byte, and no answer longer than was asked for."""
    return price(chosen, len(payload), tokens) if chosen.external else 0


def spent() -> int:
    """What this month's calls cost, in millionths of a US dollar; what is not known yet counts in full."""
    month = now().replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    total = sa.select(sa.func.coalesce(sa.func.sum(sa.func.coalesce(AiCall.cost, AiCall.reserved)), 0))
    return int(session.scalar(total.where(AiCall.at >= month)) or 0)


def redacted(text: str) -> str:
    """The text without e-mail addresses and long numbers, as the ledger keeps it."""
    return _PERSONAL.sub("•••", text)


def copy_of(call: AiCall) -> str | None:
    """The redacted copy of what was handed over; None where it was shredded with the person."""
    if call.sealed is None:
        return None
    return subject_keys.opened_with(call.workspace_id, call.contact_id or 0, call.sealed, _aad(call.contact_id or 0))


def get(key: int, *, actor: Actor) -> AiCall:
    """One call; needs the right to read the audit log. Raises `NotFound`, `Forbidden`."""
    permissions.require(actor, "read", "audit")
    found = session.scalars(sa.select(AiCall).where(AiCall.id == key)).one_or_none()
    if found is None:
        raise NotFound()
    return found


def open_copy(key: int, *, actor: Actor) -> tuple[AiCall, str | None]:
    """A call with its redacted copy, None where that was shredded. That somebody looked is an entry of the log."""
    with operation("ai.copy_opened", actor=actor) as op:
        call = get(key, actor=actor)
        op.audit("ai.copy_opened", entity="ai_call", record_id=key, subject_id=call.contact_id)
        return call, copy_of(call)


def dollars(micros: int | None) -> str:
    """Millionths of a US dollar as text: calls cost fractions of a cent. What is not known is empty."""
    return "" if micros is None else f"${micros / 1_000_000:.4f}"


def _hold() -> AiSetting:
    """The limits, held until the open operation ends: of two calls at once, the second sees what the first reserved."""
    table, where = AiSetting.__table__, scope.workspace_id()
    held = sa.update(table).where(table.c.workspace_id == where).values(budget_cents=table.c.budget_cents)
    if session.execute(held, execution_options=_WHY).rowcount == 0:
        session.add(AiSetting(budget_cents=2000, calls_per_minute=20, choices={}, version=0))
        session.flush()
    found: AiSetting = session.scalars(sa.select(AiSetting).execution_options(populate_existing=True)).one()
    return found


def _wait(setting: AiSetting) -> Wait | None:
    moment = now()
    recent = (
        sa.select(AiCall.at)
        .where(AiCall.at > moment - WINDOW, AiCall.provider_id.is_not(None))
        .order_by(AiCall.at.desc())
        .limit(setting.calls_per_minute)
    )
    times = list(session.scalars(recent))
    if len(times) < setting.calls_per_minute:
        return None
    return Wait(max(1.0, (times[-1] + WINDOW - moment).total_seconds()))


def _within_budget(setting: AiSetting, reserved: int) -> None:
    if reserved and spent() + reserved > setting.budget_cents * _MICROS_PER_CENT:
        budget = formats.money(setting.budget_cents, "USD")
        words = _(
            "This month's budget for AI ({budget}) does not suffice for this draft. An admin can raise it.",
            budget=budget,
        )
        raise Forbidden("write", "ai", words)


def _sealed(payload: bytes, contact_id: int | None) -> bytes:
    """Under the contact's key; what is about nobody has the key of number 0, which no contact has."""
    where = (scope.workspace_id(), contact_id or 0)
    key = subject_keys.for_subjects({where})[where]
    return key.seal(redacted(payload.decode()).encode(), aad=_aad(contact_id or 0))


def _aad(contact_id: int) -> bytes:
    return f"ai_call:{scope.workspace_id()}:{contact_id}".encode()

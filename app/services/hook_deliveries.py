"""One delivery from its claim to its end: what is sent, for whom, and what an answer means.

waiting -> done on 2xx; -> failed on 410 or after the last of ten attempts; -> held while its webhook is paused;
-> dropped where it must not be sent. An event is sent at least once: a worker that dies in between sends it again,
with the same id. Deliveries of one webhook keep no order. Does not belong here: the call itself
(`app.adapters.webhooks`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
import sqlalchemy as sa

from app import permissions
from app.services import accounts, addressing, schema, webhooks
from app.services.operation import Operation
from models import formats, registry, scope, tenancy
from models.base import session
from models.fields import now
from models.policy import Purpose
from models.scope import Actor, ActorKind
from models.webhook import Webhook, WebhookDelivery
from models.words import N_, _
from models.workspace import Membership, Workspace

# Seconds until the next attempt after the first failure, the second, and so on: three days and some hours in all.
BACKOFF = (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
PATIENCE = dt.timedelta(days=3)
LONGEST_REST = 900
_GONE = N_("The receiver answered 410: it wants no more events")
_WHY = tenancy.reason("how a webhook's receiver fares is bookkeeping of its own workspace, not a change of the webhook")


@dataclass(frozen=True, slots=True)
class Parcel:
    """What the adapter needs for one attempt."""

    url: str
    event_id: str
    secrets: tuple[str, ...]
    body: bytes


@dataclass(frozen=True, slots=True)
class Rest:
    """The receiver failed a moment ago with another event: it is left alone for so many seconds."""

    seconds: float


def claim(event_id: str, op: Operation) -> Parcel | Rest | None:
    """Count an attempt and give what is to be sent; None where nothing is. Part of the operation that is open."""
    delivery = _waiting(event_id)
    if delivery is None:
        return None
    hook = session.scalar(sa.select(Webhook).where(Webhook.id == delivery.webhook_id))
    if hook is None:
        _drop(delivery, _("The webhook was deleted."))
        return None
    if hook.state != "active":
        delivery.state, delivery.next_at = "held", None
        return None
    owner = _owner(hook)
    if isinstance(owner, str):
        _pause(hook, owner, op)
        delivery.state, delivery.next_at = "held", None
        return None
    with scope.seen_as(owner.role_id):
        body = _body(delivery) if _is_within_reach(delivery, owner) else None
    if body is None:
        # Not even the log may tell that the record exists, or that something of it changed.
        session.delete(delivery)
        return None
    if hook.rest_until is not None and hook.rest_until > now():
        delivery.next_at = hook.rest_until
        return Rest((hook.rest_until - now()).total_seconds())
    delivery.attempts += 1
    delivery.attempted_at = now()
    return Parcel(hook.url, event_id, webhooks.secrets_of(hook), body)


def settle(event_id: str, spent: int, status: int | None, words: str, excerpt: str, op: Operation) -> float | None:
    """Record what came of an attempt; gives the seconds until the next one. Part of the operation that is open."""
    delivery = _waiting(event_id)
    if delivery is None:
        return None
    hook = session.scalar(sa.select(Webhook).where(Webhook.id == delivery.webhook_id))
    delivery.status, delivery.error, delivery.excerpt = status, words[:300] or None, excerpt[:500] or None
    taken = status is not None and 200 <= status < 300
    if taken and hook is not None and hook.failures:
        _note(hook, failures=0, failing_since=None, rest_until=None)
    tried = max(delivery.attempts - spent, 1)
    if not taken and hook is not None and _keeps_trying(hook, status, op) and tried <= len(BACKOFF):
        delivery.next_at = now() + dt.timedelta(seconds=BACKOFF[tried - 1])
        return float(BACKOFF[tried - 1])
    _end(delivery, "done" if taken else "failed")
    return None


def give_up(args: Mapping[str, Any], _state: str, reason: str) -> None:
    """The job of a delivery ended without an answer: it must not look as if it were still on its way."""
    delivery = _waiting(str(args.get("event")))
    if delivery is not None:
        delivery.error = reason[:300]
        _end(delivery, "dropped")


def _waiting(event_id: str) -> WebhookDelivery | None:
    found = session.scalar(sa.select(WebhookDelivery).where(WebhookDelivery.event_id == event_id))
    return found if found is not None and found.state == "waiting" else None


def _owner(hook: Webhook) -> Actor | str:
    """The member whom a webhook acts for, with the rights they have now; or why it cannot act for them."""
    member = session.scalar(sa.select(Membership).where(Membership.id == hook.membership_id))
    workspace = session.get(Workspace, scope.workspace_id())
    if member is None or workspace is None or not accounts.is_at_work(member):
        return _("{name}, for whom it acted, is no longer a member", name=member.name if member else _("The member"))
    rights = permissions.rights_of_role(member.role_id, workspace.keys_version)
    owner = Actor(
        ActorKind.JOB, f"{member.name} (webhook)", user_id=member.user_id, membership_id=member.id,
        team_id=member.team_id, role_id=member.role_id, rights=rights,
    )  # fmt: skip
    if permissions.reach(owner, "write", "webhook") is None:
        return _("{name}, for whom it acts, may no longer have webhooks", name=member.name)
    return owner


def _is_within_reach(delivery: WebhookDelivery, owner: Actor) -> bool:
    """Whether the owner may read the record, be it in the bin by now. One that is gone for good is in nobody's reach
    but that of the whole workspace.
    """
    if delivery.entity is None:
        return True
    model = registry.entities().get(delivery.entity)
    if model is None or permissions.reach(owner, "read", registry.permission_entity(model)) is None:
        return False
    condition = permissions.criterion(model, owner)
    if condition is None:
        return True
    found = sa.select(model.id).where(model.id == delivery.record_id, condition)
    return session.scalar(found, execution_options=tenancy.with_deleted()) is not None


def _body(delivery: WebhookDelivery) -> bytes | None:
    """The event with the record as it stands now; null where it is gone, and for a deletion ids alone. None if nothing
    changed that the role in force sees.
    """
    data = dict(delivery.body.get("data") or {})
    if delivery.entity is not None and not delivery.event_type.endswith(".deleted"):
        model = registry.entity(delivery.entity)
        seen = schema.readable(model)
        data["changed"] = [name for name in data.get("changed", ()) if name in seen]
        if delivery.event_type.endswith(".updated") and not data["changed"]:
            return None
        record = session.scalar(sa.select(model).where(model.id == delivery.record_id))
        data["record"] = None if record is None else schema.whole(record)
    return orjson.dumps({**delivery.body, "data": data})


def _drop(delivery: WebhookDelivery, reason: str) -> None:
    delivery.error = reason[:300]
    _end(delivery, "dropped")


def _end(delivery: WebhookDelivery, state: str) -> None:
    delivery.state, delivery.next_at, delivery.ended_at = state, None, now()


def _keeps_trying(hook: Webhook, status: int | None, op: Operation) -> bool:
    """Count a failure of the receiver. It is left alone for a while, so that one that hangs does not keep the workers
    from the work of others; after three days without any success, or when it says that it is gone, the webhook is
    paused.
    """
    if status == 410:
        _pause(hook, _GONE, op)
        return False
    since = hook.failing_since or now()
    if hook.state == "active" and now() - since > PATIENCE:
        _pause(hook, _("Every attempt has failed since {since} UTC", since=f"{formats.date(since)}, {since:%H:%M}"), op)
    rest = min(5 * 2 ** min(hook.failures, 10), LONGEST_REST)
    until = now() + dt.timedelta(seconds=rest)
    _note(hook, failures=hook.failures + 1, failing_since=since, rest_until=until)
    return hook.state == "active"


def _note(hook: Webhook, **facts: Any) -> None:
    table = Webhook.__table__
    session.execute(sa.update(table).where(table.c.id == hook.id).values(**facts), execution_options=_WHY)


def _pause(hook: Webhook, reason: str, op: Operation) -> None:
    """Pause without anybody having asked, and tell the one it acts for, if they are still there."""
    webhooks.pause(hook, reason)
    op.audit("webhook.paused", entity="webhook", record_id=hook.id, facts={"reason": reason})
    member = session.scalar(
        sa.select(Membership).where(Membership.id == hook.membership_id, Membership.active.is_(True))
    )
    if member is None:
        return
    with addressing.to_user_of(member.user_id):
        subject = _("Webhook paused: {name}", name=hook.name)
        text = _(
            "Your webhook “{name}” was paused.\n\n{reason}.\n\nEvents since then are held for 30 days and not sent by "
            "themselves. When the receiver works again, open the webhook in the console, press Resume, then Send "
            "what was held.",
            name=hook.name,
            reason=reason,
        )
    op.promise(
        "mail.account", {"to": member.email, "subject": subject, "text": text},
        purpose=Purpose.SECURE_ACCOUNTS, queue="mail", label=_("Notice of a paused webhook"),
    )  # fmt: skip

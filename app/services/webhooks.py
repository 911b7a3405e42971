"""Webhooks as people handle them: their rules, pausing and resuming, the signing secret, the log, sending again.

A webhook acts for one member and tells of nothing that this member may not read. Whoever changes where it goes or what
it tells becomes that member, so that nobody reads with the eyes of another. Does not belong here: events
(`app.services.hook_events`) and attempts (`app.services.hook_deliveries`).
"""

from __future__ import annotations

import base64
import datetime as dt
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from app import permissions
from app.errors import Conflict, Invalid, NotFound
from app.services import hook_events, jobs, outbound_address, records
from app.services.operation import Operation, operation
from app.services.verbs import verb
from models import registry
from models.base import session
from models.fields import now
from models.scope import Actor
from models.webhook import EVERY, Webhook, WebhookDelivery
from models.words import N_, _

OVERLAP = dt.timedelta(hours=24)
PAGE, MOST_HELD = 25, 1000
jobs.is_part(hook_events.JOB)
_local = {"allowed": False}


def allow_local(yes: bool) -> None:
    """Whether this machine may be named as an address; called once by the app factory."""
    _local["allowed"] = yes


def local_allowed() -> bool:
    return _local["allowed"]


@records.rule(Webhook)
def _sound(hook: Webhook, op: Operation) -> None:
    problems = {}
    try:
        outbound_address.read(hook.url, local=local_allowed())
    except ValueError as error:
        problems["url"] = str(error)
    hook.events = tuple(dict.fromkeys(hook.events))
    if _is_redirected(hook):
        unread = _unreadable(hook.events, op.actor)
        if unread:
            problems["events"] = _(
                "{records}: you may not read these records, so a webhook cannot tell you of them.",
                records=", ".join(unread[:3]),
            )
        hook.membership_id = op.actor.membership_id or hook.membership_id
    if hook.membership_id is None:
        problems[""] = _("A webhook acts for a member of the workspace. Sign in as one to add it.")
    if problems:
        raise Invalid(problems)
    hook.secret = hook.secret or new_secret()


def _is_redirected(hook: Webhook) -> bool:
    state: Any = sa.inspect(hook)
    return not state.persistent or any(state.attrs[n].history.has_changes() for n in ("url", "events"))


def _unreadable(events: Sequence[str], actor: Actor) -> list[str]:
    """Entities whose events are wanted by somebody who may not read them. A key that is cut down to some records must
    not have itself told of all.
    """
    named = {event.partition(".")[0] for event in events if event != EVERY}
    if EVERY in events and actor.key_id is not None:
        named |= registry.entities().keys() - {Webhook.__tablename__}
    known = ((name, registry.permission_entity(registry.entity(name))) for name in sorted(named))
    return [name.replace("_", " ") for name, entity in known if permissions.reach(actor, "read", entity) is None]


def new_secret() -> str:
    """A signing secret in the form of Standard Webhooks: 256 random bits."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


def secrets_of(hook: Webhook) -> tuple[str, ...]:
    """The secrets that sign now, the newest first."""
    old = hook.old_secret if hook.old_secret_until is not None and hook.old_secret_until > now() else None
    return tuple(filter(None, (hook.secret, old)))


def show_secret(key: int, *, actor: Actor) -> str:
    """The signing secret, once in its life."""
    with operation("webhook.show_secret", actor=actor) as op:
        hook: Webhook = records.load(Webhook, key, actor=actor, action="write")
        if hook.secret_shown_at is not None:
            raise Conflict(_("This secret was shown before. Nothing was changed: make a new one if it is lost."))
        hook.secret_shown_at = now()
        op.audit("webhook.secret_shown", entity="webhook", record_id=hook.id)
        return hook.secret or ""


def rotate_secret(key: int, *, actor: Actor) -> str:
    """A new signing secret; the old one signs beside it for 24 hours."""
    with operation("webhook.rotate_secret", actor=actor) as op:
        hook: Webhook = records.load(Webhook, key, actor=actor, action="write")
        hook.old_secret, hook.old_secret_until = hook.secret, now() + OVERLAP
        hook.secret, hook.secret_shown_at = new_secret(), now()
        op.audit("webhook.secret_rotated", entity="webhook", record_id=hook.id)
        return hook.secret


@verb("webhook", "test", N_("Send a test event"), "send", done=N_("was sent a test event"))
def send_test(_model: type[Any], key: int, _given: Mapping[str, Any], actor: Actor) -> None:
    with operation("webhook.test", actor=actor) as op:
        hook: Webhook = records.load(Webhook, key, actor=actor, action="write")
        if hook.state != "active":
            raise Invalid({"": _("This webhook is paused. Resume it, then send a test event.")})
        hook_events.test(op, hook)
        op.audit("webhook.tested", entity="webhook", record_id=hook.id)


@verb("webhook", "pause", N_("Pause"), "player-pause", done="paused")
def pause_by_hand(_model: type[Any], key: int, _given: Mapping[str, Any], actor: Actor) -> None:
    with operation("webhook.pause", actor=actor):
        pause(records.load(Webhook, key, actor=actor, action="write"), _("Paused by {who}", who=actor.label)[:300])


@verb("webhook", "resume", N_("Resume"), "player-play", done="resumed")
def resume(_model: type[Any], key: int, _given: Mapping[str, Any], actor: Actor) -> None:
    """paused -> active, for the one who resumes it: the one it acted for may be gone."""
    with operation("webhook.resume", actor=actor) as op:
        hook: Webhook = records.load(Webhook, key, actor=actor, action="write")
        unread = _unreadable(hook.events, actor)
        if unread:
            raise Invalid(
                {
                    "": _(
                        "{records}: you may not read these records. Change the events first.",
                        records=", ".join(unread[:3]),
                    )
                }
            )
        hook.state, hook.paused_reason = "active", None
        hook.failing_since, hook.failures, hook.rest_until = None, 0, None
        hook.membership_id = op.actor.membership_id or hook.membership_id
        session.flush()


def pause(hook: Webhook, reason: str) -> None:
    """active -> paused; part of the operation that is open."""
    if hook.state == "active":
        hook.state, hook.paused_reason, hook.rest_until = "paused", reason, None
        session.flush()


def pause_of_member(membership_id: int, name: str) -> int:
    """Pause the webhooks that act for a member who leaves; part of the operation that is open. Returns how many."""
    mine = sa.select(Webhook).where(Webhook.membership_id == membership_id, Webhook.state == "active")
    hooks = session.scalars(mine).all()
    for hook in hooks:
        pause(hook, _("{name}, for whom it acted, is no longer a member", name=name)[:300])
    return len(hooks)


def log(key: int, *, actor: Actor, before: int | None = None) -> tuple[list[WebhookDelivery], int | None]:
    """The newest deliveries of a webhook, and where older ones begin. Those that were held before a first attempt are
    left out: nobody has checked yet whether they may be known of.
    """
    records.load(Webhook, key, actor=actor)
    unchecked = sa.and_(WebhookDelivery.state == "held", WebhookDelivery.attempts == 0)
    found = sa.select(WebhookDelivery).where(WebhookDelivery.webhook_id == key, sa.not_(unchecked))
    found = found.order_by(WebhookDelivery.id.desc())
    if before is not None:
        found = found.where(WebhookDelivery.id < before)
    rows = list(session.scalars(found.limit(PAGE + 1)))
    return rows[:PAGE], rows[PAGE - 1].id if len(rows) > PAGE else None


def holds(key: int) -> bool:
    """Whether events of a webhook were held while it was paused. How many, nobody is told: among them are those of
    records beyond the reach of the one it acts for.
    """
    return session.scalar(_held(key).limit(1)) is not None


@verb("webhook", "release", N_("Send what was held"), "send", done="sent on")
def release(_model: type[Any], key: int, _given: Mapping[str, Any], actor: Actor) -> None:
    """held -> waiting, the oldest first, at most `MOST_HELD` at once."""
    with operation("webhook.release", actor=actor) as op:
        hook: Webhook = records.load(Webhook, key, actor=actor, action="write")
        if hook.state != "active":
            raise Invalid({"": _("This webhook is paused. Resume it, then send what was held.")})
        rows = session.scalars(_held(key).order_by(WebhookDelivery.id).limit(MOST_HELD).with_for_update()).all()
        for row in rows:
            row.state = "waiting"
            hook_events.queue(op, row.event_id, row.event_type, row.attempts)
        op.audit("webhook.released", entity="webhook", record_id=hook.id)


def _held(key: int) -> Any:
    return sa.select(WebhookDelivery).where(WebhookDelivery.webhook_id == key, WebhookDelivery.state == "held")


def send_again(delivery_id: int, *, actor: Actor) -> WebhookDelivery:
    """done, failed, held or dropped -> waiting: the same event, with the id it has, as a new attempt."""
    permissions.require(actor, "write", "webhook")
    with operation("webhook.send_again", actor=actor) as op:
        found = session.scalar(sa.select(WebhookDelivery).where(WebhookDelivery.id == delivery_id))
        if found is None:
            raise NotFound()
        hook: Webhook = records.load(Webhook, found.webhook_id, actor=actor, action="write")
        if hook.state != "active":
            raise Invalid({"": _("This webhook is paused. Resume it, then send the event again.")})
        if found.state == "waiting":
            raise Conflict(_("This event is on its way already. Nothing was changed."))
        found.state, found.error, found.next_at, found.ended_at = "waiting", None, None, None
        hook_events.queue(op, found.event_id, found.event_type, found.attempts)
        op.audit("webhook.sent_again", entity="webhook", record_id=hook.id, facts={"event": found.event_id})
    return found

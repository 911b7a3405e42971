"""How much e-mail may leave now: token buckets of a workspace, its senders and the domains it writes to, and warm-ups.

A bucket holds as many tokens as its limit and fills steadily; each e-mail takes one from every bucket that it concerns,
at the wire, in the transaction that takes the e-mail in hand. What finds one empty waits and is never dropped. Account
mail is not limited. Does not belong here: the pace of one campaign (`app.services.campaign_lanes`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from app import permissions
from app.errors import Conflict, Invalid
from app.services import inserting, sending
from app.services.operation import operation
from models import scope, tenancy
from models.base import session
from models.fields import now
from models.scope import Actor
from models.sending import SendingBucket, SendingDomain, SendingLimit
from models.words import _

MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0
FIELDS = ("per_hour", "per_day", "sender_day", "domain_minute")
MOST = 10_000_000
# A new domain begins with so many a day and doubles them, until after two weeks nothing holds it any more. Providers
# give the same advice: https://support.google.com/a/answer/81126 (increase the sending volume slowly).
WARM_FIRST, WARM_DAYS = 50, 14
_BUCKET: sa.Table = SendingBucket.__table__
_WHY = tenancy.reason("the buckets of the workspace in force")


@dataclass(frozen=True, slots=True)
class Granted:
    """Which of those asked for may leave now, by their place; `wait` is seconds until the next may, 0.0 where all
    may."""

    places: frozenset[int]
    wait: float


class Wait(Exception):
    """No e-mail may leave now; `seconds` says when one may."""

    def __init__(self, seconds: float) -> None:
        super().__init__(_("Waits for its turn: a limit of your brokerage is reached."))
        self.seconds = seconds


@dataclass(slots=True)
class _Bucket:
    amount: int
    seconds: float
    tokens: float

    def wait(self) -> float:
        """Seconds until it holds a token."""
        return max(0.0, (1.0 - self.tokens) * self.seconds / self.amount)


def take(sender: str | None, recipients: Sequence[str]) -> Granted:
    """Take a token for each e-mail from `sender` (its address; None for the operator's) that may leave now; part of the
    open operation. An e-mail to a domain whose turn has not come lets those behind it pass."""
    common, to_domain = _common(sender), _limit().domain_minute
    if not common and not to_domain:
        return Granted(frozenset(range(len(recipients))), 0.0)
    keys = [(f"to:{one.rpartition('@')[2].lower()}",) if to_domain else () for one in recipients]
    wanted = common | {key: (to_domain or 0, MINUTE) for row in keys for key in row}
    held = _held(wanted)
    places, waits = set(), []
    for place, row in enumerate(keys):
        mine = [held[key] for key in (*common, *row)]
        wait = max(bucket.wait() for bucket in mine)
        if wait > 0:
            waits.append(wait)
            continue
        for bucket in mine:
            bucket.tokens -= 1
        places.add(place)
    _keep(held)
    return Granted(frozenset(places), min(waits, default=0.0))


def give_back(sender: str | None, recipients: Sequence[str]) -> None:
    """The tokens of e-mails that did not leave after all, such as those behind a server that cannot be reached."""
    common, to_domain = _common(sender), _limit().domain_minute
    if not recipients or not (common or to_domain):
        return
    keys = [f"to:{one.rpartition('@')[2].lower()}" for one in recipients] if to_domain else []
    held = _held(common | dict.fromkeys(keys, (to_domain or 0, MINUTE)))
    for key in common:
        held[key].tokens += len(recipients)
    for key in keys:
        held[key].tokens += 1
    _keep(held)


def _limit() -> SendingLimit:
    found = session.scalars(sa.select(SendingLimit)).one_or_none()
    return found or SendingLimit(version=0)


def _common(sender: str | None) -> dict[str, tuple[int, float]]:
    """The buckets that every e-mail of a sender takes from: key -> (amount, seconds to fill)."""
    limit, found = _limit(), {}
    for key, amount, seconds in (("hour", limit.per_hour, HOUR), ("day", limit.per_day, DAY)):
        if amount:
            found[key] = (amount, seconds)
    if limit.sender_day:
        found[f"from:{(sender or 'office').lower()}"] = (limit.sender_day, DAY)
    name = sender.rpartition("@")[2].lower() if sender else ""
    domain = session.scalars(sa.select(SendingDomain).where(SendingDomain.name == name)).one_or_none() if name else None
    warm = warm_amount(domain) if domain is not None else None
    if warm is not None:
        found[f"warm:{name}"] = (warm, DAY)
    return found


def warm_amount(domain: SendingDomain) -> int | None:
    """How many e-mails a day a domain may send while it is warmed up; None where nothing holds it."""
    if domain.warm_from is None:
        return None
    day = (now() - domain.warm_from).days
    return WARM_FIRST * 2**day if day < WARM_DAYS else None


def _held(wanted: Mapping[str, tuple[int, float]]) -> dict[str, _Bucket]:
    """The buckets, filled up to now and locked; always in the same order, so that two workers never wait for each
    other."""
    moment = now()
    rows = [{"key": key, "tokens": float(amount)} for key, (amount, _seconds) in sorted(wanted.items())]
    same = {"workspace_id": scope.workspace_id(), "filled_at": moment}
    inserting.insert(_BUCKET, rows, same, why=_WHY, once=True)
    found = session.execute(
        sa.select(_BUCKET.c.key, _BUCKET.c.tokens, _BUCKET.c.filled_at)
        .where(_BUCKET.c.workspace_id == scope.workspace_id(), _BUCKET.c.key.in_(wanted))
        .order_by(_BUCKET.c.key)
        .with_for_update(),
        execution_options=_WHY,
    )
    held = {}
    for row in found:
        amount, seconds = wanted[row.key]
        grown = max(0.0, (moment - row.filled_at).total_seconds()) * amount / seconds
        held[row.key] = _Bucket(amount, seconds, min(float(amount), row.tokens + grown))
    return held


def _keep(held: Mapping[str, _Bucket]) -> None:
    moment = now()
    statement = (
        sa.update(_BUCKET)
        .where(_BUCKET.c.workspace_id == scope.workspace_id(), _BUCKET.c.key == sa.bindparam("which"))
        .values(tokens=sa.bindparam("left"), filled_at=moment)
    )
    rows = [{"which": key, "left": bucket.tokens} for key, bucket in held.items()]
    session.execute(statement, rows, execution_options=_WHY)


# Settings


@dataclass(frozen=True, slots=True)
class Shown:
    """The limits as the settings show them: value by field, what is left by key ("hour", "day"), and the version."""

    values: Mapping[str, int | None]
    left: Mapping[str, int]
    version: int


def shown(*, actor: Actor) -> Shown:
    permissions.require(actor, "read", "workspace")
    limit = _limit()
    rows = session.scalars(sa.select(SendingBucket).where(SendingBucket.key.in_(("hour", "day")))).all()
    known = {"hour": (limit.per_hour, HOUR), "day": (limit.per_day, DAY)}
    left = {}
    for row in rows:
        amount, seconds = known[row.key]
        if amount:
            grown = (now() - row.filled_at).total_seconds() * amount / seconds
            left[row.key] = int(min(float(amount), row.tokens + grown))
    return Shown({name: getattr(limit, name) for name in FIELDS}, left, limit.version)


def save(given: Mapping[str, str], *, version: int, actor: Actor) -> None:
    """Set the limits from texts; an empty one is none. Raises `Invalid` by field, `Conflict`."""
    permissions.require(actor, "write", "workspace")
    with operation("mail.limits_saved", actor=actor) as op:
        limit = session.scalars(sa.select(SendingLimit).with_for_update()).one_or_none() or SendingLimit(version=0)
        if limit.version != version:
            raise Conflict(
                _(
                    "Somebody else saved these settings meanwhile. Nothing of yours is saved yet: check it and "
                    "save again."
                ),
                version=limit.version,
            )
        wrong, facts = {}, {}
        for name in FIELDS:
            text = given.get(name, "").strip()
            if text and not (text.isascii() and text.isdigit() and 1 <= int(text[:12]) <= MOST):
                wrong[name] = _("Type a number from 1, or nothing for no limit.")
            else:
                facts[name] = int(text) if text else None
        if wrong:
            raise Invalid(wrong)
        for name, value in facts.items():
            setattr(limit, name, value)
        limit.version += 1
        session.add(limit)
        op.audit("mail.limits_saved", entity="sending_limit", facts=dict(facts))


def warm_up(key: int, on: bool, *, actor: Actor) -> None:
    """Begin the warm-up plan of a domain today, or end it."""
    permissions.require(actor, "write", "workspace")
    with operation("mail.warm_up", actor=actor) as op:
        domain = sending.domain(key, actor=actor)
        domain.warm_from = now() if on else None
        op.audit("mail.warm_up", entity="sending_domain", record_id=key, facts={"on": on})

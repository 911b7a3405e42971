"""How a campaign does: how many e-mails are where, who answered, and which of two subjects did better.

Numbers are of the whole campaign for whoever may read it; which people stand behind them, the list of e-mails shows to
those who may read these. Does not belong here: sending (`app.services.campaign_lanes`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from app.services import campaign_content, campaign_lanes, records, tracked_events
from app.services.operation import operation
from app.services.tracked_events import Seen
from models import scope, tenancy
from models.base import session
from models.campaign import OCCASION, Campaign
from models.inbound import InboundMail
from models.message import Message
from models.scope import Actor

WAITS = ("queued", "sending")
_MESSAGE: sa.Table = Message.__table__
_INBOUND: sa.Table = InboundMail.__table__
_WHY = tenancy.reason("the numbers of one campaign, by its id and the workspace in force")
_ENOUGH = 12


@dataclass(frozen=True, slots=True)
class Variant:
    """How one subject did: e-mails that left, the people who answered, and those who clicked a link."""

    key: str
    subject: str
    sent: int
    replies: int
    clicks: int
    by_clicks: bool

    @property
    def rate(self) -> float:
        """What decides, for each e-mail sent, 0 to 1."""
        return (self.clicks if self.by_clicks else self.replies) / self.sent if self.sent else 0.0


@dataclass(frozen=True, slots=True)
class Figures:
    """`states` counts e-mails by state, `answers` incoming mail by kind, `hours` rows (hour in UTC, sent)."""

    states: Mapping[str, int]
    answers: Mapping[str, int]
    left_out: Mapping[str, int]
    held: int
    variants: tuple[Variant, ...] = ()
    hours: tuple[tuple[dt.datetime, int], ...] = ()
    seen: Seen | None = None

    @property
    def every(self) -> int:
        return sum(self.states.values())

    @property
    def waiting(self) -> int:
        return sum(self.states.get(one, 0) for one in WAITS)

    @property
    def over(self) -> int:
        """E-mails whose fate is known."""
        return self.every - self.waiting


def of(campaign: Campaign, *, whole: bool = False) -> Figures:
    """The numbers of a campaign; with `whole` also by subject and by hour."""
    design = campaign_content.design_of(campaign)
    counted = session.execute(
        sa.select(_MESSAGE.c.state, _MESSAGE.c.variant, sa.func.count())
        .where(*_mails(campaign.id))
        .group_by(_MESSAGE.c.state, _MESSAGE.c.variant),
        execution_options=_WHY,
    ).all()
    states: dict[str, int] = {}
    for state, _variant, number in counted:
        states[state] = states.get(state, 0) + number
    answers = _answers(campaign.id)
    kinds: dict[str, int] = {}
    for (kind, _variant), number in answers.items():
        kinds[kind] = kinds.get(kind, 0) + number
    held = sum(number for _state, variant, number in counted if variant is None)
    if not whole:
        return Figures(states, kinds, design.left_out or {}, held)
    seen = tracked_events.of_campaign(campaign.id)
    variants = _variants(campaign, design.frozen, counted, answers, seen)
    return Figures(states, kinds, design.left_out or {}, held, variants, _hours(campaign.id), seen)


def decide(key: int, *, actor: Actor) -> str | None:
    """Give the rest of the people the subject that did better; a tie goes to the first. None when there is nothing to
    decide any more."""
    with operation("campaign.decided", actor=actor) as op:
        campaign: Campaign = records.load(Campaign, key, actor=actor, action="write")
        if campaign.winner or campaign.state not in ("running", "paused"):
            return None
        found = of(campaign, whole=True).variants
        best = max(found, key=lambda one: (one.rate, one.key == "a"), default=None)
        if best is None:
            return None
        facts: dict[str, Any] = {one.key: [one.sent, one.replies, one.clicks] for one in found}
        campaign_lanes.decide(campaign, best.key, op)
        op.audit("campaign.decided", entity="campaign", record_id=key, facts={"winner": best.key, **facts})
        return best.key


def _mails(campaign_id: int) -> tuple[Any, ...]:
    return (
        _MESSAGE.c.workspace_id == scope.workspace_id(),
        _MESSAGE.c.campaign_id == campaign_id,
        _MESSAGE.c.occasion == OCCASION,
        _MESSAGE.c.deleted_at.is_(None),
    )


def _answers(campaign_id: int) -> dict[tuple[str, str | None], int]:
    """(kind of incoming mail, variant) -> e-mails that got at least one such."""
    rows = session.execute(
        sa.select(_INBOUND.c.kind, _MESSAGE.c.variant, sa.func.count(sa.distinct(_MESSAGE.c.id)))
        .select_from(
            _INBOUND.join(
                _MESSAGE,
                sa.and_(_INBOUND.c.workspace_id == _MESSAGE.c.workspace_id, _INBOUND.c.message_id == _MESSAGE.c.id),
            )
        )
        .where(*_mails(campaign_id), _INBOUND.c.deleted_at.is_(None))
        .group_by(_INBOUND.c.kind, _MESSAGE.c.variant),
        execution_options=_WHY,
    )
    return {(kind, variant): number for kind, variant, number in rows}


def _variants(
    campaign: Campaign,
    frozen: Mapping[str, Any] | None,
    counted: Any,
    answers: Mapping[tuple[str, str | None], int],
    seen: Seen,
) -> tuple[Variant, ...]:
    subjects = (frozen or {}).get("subjects", {})
    if len(subjects) < 2:
        return ()
    sent = dict.fromkeys(subjects, 0)
    for state, variant, number in counted:
        if variant in sent and state in ("sent", "bounced"):
            sent[variant] += number
    by_clicks = campaign.decided_by == "clicks"
    return tuple(
        Variant(key, text, sent[key], answers.get(("reply", key), 0), seen.by_variant.get(key, 0), by_clicks)
        for key, text in subjects.items()
    )


def _hours(campaign_id: int) -> tuple[tuple[dt.datetime, int], ...]:
    """How many left in each hour, the first dozen hours in which any did."""
    hour = (
        sa.func.strftime("%Y-%m-%dT%H:00:00", _MESSAGE.c.sent_at)
        if session.get_bind().dialect.name == "sqlite"
        else sa.func.to_char(sa.func.timezone("UTC", _MESSAGE.c.sent_at), 'YYYY-MM-DD"T"HH24:00:00')
    )
    rows = session.execute(
        sa.select(hour, sa.func.count())
        .where(*_mails(campaign_id), _MESSAGE.c.sent_at.is_not(None))
        .group_by(hour)
        .order_by(hour)
        .limit(_ENOUGH),
        execution_options=_WHY,
    )
    return tuple((dt.datetime.fromisoformat(f"{text}+00:00"), number) for text, number in rows)

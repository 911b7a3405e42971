"""A campaign leaves in lanes: each is one chain of jobs that works off its share of the frozen people, chunk by chunk.

Several lanes let several workers send at once, and no other job waits behind more than one chunk. A lane goes by the
ids of the frozen e-mails, so that a worker that dies loses its place and nothing else. Does not belong here: the
statement between two e-mails (`app.services.campaign_line`), what they say (`app.services.campaign_content`).
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from app.services import (
    campaign_content,
    jobs,
    mail_fields,
    records,
    sending,
    sending_limits,
    suppressions,
    tracked_mail,
    tracking,
)
from app.services.campaign_content import Filled, Sender
from app.services.operation import Operation, operation
from app.services.sending import Way
from app.services.values import Locale
from models import scope, tenancy
from models.base import session
from models.campaign import OCCASION, Campaign, MailDesign
from models.contact import Contact
from models.fields import now
from models.message import Message
from models.policy import Purpose
from models.scope import Actor
from models.words import _

JOB = "campaign.lane"
jobs.is_part(JOB)
LANES = 4
CHUNK = 200
# With a limit that lets few through at once, a lane looks again no sooner than this (seconds).
_LEAST_WAIT = 5.0
# A server that cannot be reached is tried for some hours before the campaign is paused.
MOST_ATTEMPTS = 14
_WHO = scope.system("Campaigns")
_MESSAGE: sa.Table = Message.__table__
_CONTACT: sa.Table = Contact.__table__
_WHY = tenancy.reason("the e-mails of one campaign, by its id and the workspace in force")


@dataclass(frozen=True, slots=True)
class Addressed:
    """One person of a chunk. `row` holds what the fields of a contact are read from."""

    id: int
    recipient: str
    variant: str | None
    contact_id: int
    row: Any


@dataclass(frozen=True, slots=True)
class Chunk:
    """What a lane sends next, and as whom."""

    campaign_id: int
    people: Sequence[Addressed]
    frozen: Mapping[str, Any]
    sender: Sender
    way: Way
    last: int
    short: bool
    locale: Locale
    wait: float
    noted: tracking.Rules
    followed: frozenset[int]

    def filled(self, person: Addressed, public_url: str) -> tuple[Filled, str]:
        """What one person gets, and where they end it."""
        links = campaign_content.links(self.campaign_id, person.id, public_url)
        values = {**self.sender.values, "contact": mail_fields.person(person.row, self.locale), "links": links}
        filled = campaign_content.fill(self.frozen, person.variant, values)
        if person.contact_id in self.followed:
            filled = replace(filled, html=tracked_mail.marked(filled.html, person.id, self.noted, public_url))
        return filled, links["unsubscribe"]


def set_going(campaign: Campaign, op: Operation, *, at: dt.datetime | None = None) -> None:
    """Set all lanes going, from the start; lanes of an earlier time end by themselves."""
    design = campaign_content.design_of(campaign)
    design.wave += 1
    lanes = 1 if campaign.per_hour else LANES
    for lane in range(lanes):
        args = {"campaign_id": campaign.id, "wave": design.wave, "lane": lane, "lanes": lanes, "after": 0, "n": 0}
        _promise(args, campaign.name, op, at)


def begin(args: Mapping[str, Any], *, actor: Actor) -> Chunk | None:
    """The next chunk of a lane, part of the open operation; None when this lane has nothing to send now.

    What a dead worker left in hand is "unknown"; who may no longer be written to is set aside with the reason.
    """
    campaign: Campaign = records.load(Campaign, int(args["campaign_id"]), actor=actor, action="write")
    design = campaign_content.design_of(campaign)
    if campaign.state != "running" or design.wave != args["wave"] or design.frozen is None:
        return None
    _mark_unknown(args)
    most = chunk_of(campaign)
    rows = session.execute(_due(campaign, args).limit(most)).all()
    people = _may_be_written_to(rows)
    sender = campaign_content.sender_of(campaign)
    way = sending.way(sender.address)
    granted = sending_limits.take(way.sender, [one.recipient for one in people])
    due = [one for place, one in enumerate(people) if place in granted.places]
    noted = tracking.rules()
    return Chunk(
        campaign.id,
        due,
        design.frozen,
        sender,
        way,
        rows[-1].id if rows else int(args["after"]),
        len(rows) < most,
        campaign_content.locale(),
        granted.wait,
        noted,
        tracking.followed([one.row for one in due], noted),
    )


def goes_on(args: Mapping[str, Any], person: Addressed, *, actor: Actor) -> bool:
    """Why one e-mail of a chunk did not leave: something stops the campaign (False), or only this person, who is set
    aside with the reason. Part of the open operation."""
    campaign: Campaign = records.load(Campaign, int(args["campaign_id"]), actor=actor, action="write")
    if campaign.state != "running" or campaign_content.design_of(campaign).wave != args["wave"]:
        return False
    rows = session.execute(_due(campaign, args).where(_MESSAGE.c.id == person.id)).all()
    _may_be_written_to(rows)
    return True


def chunk_of(campaign: Campaign) -> int:
    """How many leave at once: with a limit per hour, what it allows for two minutes."""
    return max(1, min(CHUNK, campaign.per_hour // 30)) if campaign.per_hour else CHUNK


def go_on(args: Mapping[str, Any], chunk: Chunk, outcomes: Mapping[int, str], *, actor: Actor) -> dict[str, int]:
    """After a chunk, whose `outcomes` are by contact: deferred e-mails get jobs of their own, the lane goes on, or the
    campaign ends. Returns how many ended in which state."""
    tally = dict(Counter(outcomes.values()))
    with operation("campaign.chunk_sent", actor=actor) as op:
        facts = {"after": args["after"], "last": chunk.last, **tally}
        _note_contacts([key for key, outcome in outcomes.items() if outcome == "sent"])
        give_back(chunk, [one for one in chunk.people if one.contact_id not in outcomes])
        op.audit("campaign.chunk_sent", entity="campaign", record_id=chunk.campaign_id, facts=facts)
        _go_on(args, chunk, op, actor)
    return tally


def give_back(chunk: Chunk, people: Sequence[Addressed]) -> None:
    """Those of a chunk who got nothing after all leave their place under the limits to others."""
    sending_limits.give_back(chunk.way.sender, [one.recipient for one in people])


def _go_on(args: Mapping[str, Any], chunk: Chunk, op: Operation, actor: Actor) -> None:
    campaign: Campaign = records.load(Campaign, chunk.campaign_id, actor=actor, action="write")
    defer(campaign.id, op, _share(args), int(args["after"]), chunk.last)
    if campaign.state != "running":
        return
    following = {**args, "after": chunk.last, "n": int(args["n"]) + 1}
    at = None
    if campaign.per_hour:
        at = now() + dt.timedelta(hours=1) * chunk_of(campaign) / campaign.per_hour
    if chunk.wait:
        # Who had to wait stands behind those who did not: the lane begins anew when a token is there.
        following["after"], at = 0, now() + dt.timedelta(seconds=max(chunk.wait, _LEAST_WAIT))
    elif chunk.short:
        at = _due_next(campaign, args)
        if at is None:
            close(campaign, op)
            return
        following["after"] = 0
    _promise(following, campaign.name, op, at)


def defer(campaign_id: int, op: Operation, *where: Any) -> None:
    """Give a job to each e-mail that the server did not want yet: it is tried again with growing pauses. `where` is a
    share, or nothing for all."""
    share, *span = where or (sa.true(),)
    wanted = sa.select(_MESSAGE.c.id).where(
        *_of(campaign_id), _MESSAGE.c.state == "queued", _MESSAGE.c.answer.is_not(None), share
    )
    if span:
        wanted = wanted.where(_MESSAGE.c.id > span[0], _MESSAGE.c.id <= span[1])
    for key in session.scalars(wanted, execution_options=_WHY).all():
        op.promise(
            "mail.send", {"message_id": key}, purpose=Purpose.SEND_REQUESTED, queue="mail",
            label=_("E-mail {number}", number=key), dedupe=f"mail:{key}:campaign:{_wave(campaign_id)}",
            run_at=now() + dt.timedelta(minutes=1),
        )  # fmt: skip


def close(campaign: Campaign, op: Operation) -> bool:
    """running -> done, when nothing of it is left to send."""
    left = sa.select(_MESSAGE.c.id).where(*_of(campaign.id), _MESSAGE.c.state.in_(("queued", "sending"))).limit(1)
    if campaign.state != "running" or session.scalar(left, execution_options=_WHY) is not None:
        return False
    campaign.state, campaign.ended_at = "done", now()
    op.audit("campaign.ended", entity="campaign", record_id=campaign.id)
    return True


def close_finished() -> int:
    """End the running campaigns of all workspaces that have nothing left to send. Returns how many."""
    with scope.across_workspaces("which campaigns are under way"):
        running = session.execute(
            sa.select(Campaign.workspace_id, Campaign.id).where(Campaign.state == "running")
        ).all()
    ended = 0
    for workspace, key in running:
        with scope.inside(workspace), operation("campaign.close", actor=_WHO) as op:
            campaign = session.get(Campaign, key)
            if campaign is not None and campaign_content.design_of(campaign).left_out is not None:
                ended += close(campaign, op)
    return ended


def decide(campaign: Campaign, winner: str, op: Operation) -> None:
    """The rest gets the subject that did better; part of the open operation."""
    campaign.winner = winner
    rest = sa.update(_MESSAGE).where(*_of(campaign.id), _MESSAGE.c.variant.is_(None)).values(variant=winner)
    session.execute(rest, execution_options=_WHY)
    if campaign.state == "running":
        set_going(campaign, op)


def _promise(args: Mapping[str, Any], name: str, op: Operation, at: dt.datetime | None) -> None:
    op.promise(
        JOB, dict(args), purpose=Purpose.SEND_REQUESTED, queue="mail", run_at=at, max_attempts=MOST_ATTEMPTS,
        label=_("Campaign “{name}”", name=name[:80]),
        dedupe=f"campaign:{args['campaign_id']}:{args['wave']}:{args['lane']}:{args['n']}",
    )  # fmt: skip


def _of(campaign_id: int) -> tuple[Any, ...]:
    return (
        _MESSAGE.c.workspace_id == scope.workspace_id(),
        _MESSAGE.c.campaign_id == campaign_id,
        _MESSAGE.c.occasion == OCCASION,
        _MESSAGE.c.deleted_at.is_(None),
    )


def _share(args: Mapping[str, Any]) -> Any:
    return _MESSAGE.c.id % int(args["lanes"]) == int(args["lane"])


def _wave(campaign_id: int) -> int:
    return session.scalar(sa.select(MailDesign.wave).where(MailDesign.campaign_id == campaign_id)) or 0


def _waiting(campaign: Campaign, args: Mapping[str, Any]) -> tuple[Any, ...]:
    """Fresh e-mails of a lane: never tried, and with a subject that is settled."""
    return (
        *_of(campaign.id),
        _MESSAGE.c.state == "queued",
        _MESSAGE.c.answer.is_(None),
        _MESSAGE.c.variant.is_not(None),
        _share(args),
    )


def _due(campaign: Campaign, args: Mapping[str, Any]) -> Any:
    """The e-mails of a lane that may leave now; keyset paging over the frozen ids."""
    return (
        sa.select(_MESSAGE.c.id, _MESSAGE.c.recipient, _MESSAGE.c.variant, _MESSAGE.c.contact_id)
        .where(
            *_waiting(campaign, args),
            _MESSAGE.c.id > int(args["after"]),
            sa.or_(_MESSAGE.c.due_at.is_(None), _MESSAGE.c.due_at <= now()),
        )
        .order_by(_MESSAGE.c.id)
        .execution_options(**_WHY)
    )


def _contacts(keys: Sequence[int]) -> dict[int, Any]:
    """What the fields of these people are read from; who was deleted is not among them."""
    asked = ("id", "minor", "phone", *(column.key for column in mail_fields.columns()))
    columns = [_CONTACT.c[name] for name in dict.fromkeys(asked)]
    wanted = sa.select(*columns).where(*_people(keys), _CONTACT.c.deleted_at.is_(None))
    return {row.id: row for row in session.execute(wanted, execution_options=_WHY)} if keys else {}


def _people(keys: Sequence[int]) -> tuple[Any, ...]:
    """By their ids: see `app.services.campaign_line` for the "+ 0"."""
    return _CONTACT.c.id.in_(keys), _CONTACT.c.workspace_id + 0 == scope.workspace_id()


def _due_next(campaign: Campaign, args: Mapping[str, Any]) -> dt.datetime | None:
    """When the next e-mail of the lane is due; None when none waits for its hour."""
    soonest = sa.select(sa.func.min(sa.func.coalesce(_MESSAGE.c.due_at, _MESSAGE.c.created_at)))
    found = session.scalar(soonest.where(*_waiting(campaign, args)), execution_options=_WHY)
    return None if found is None else max(found, now() + dt.timedelta(seconds=1))


def _mark_unknown(args: Mapping[str, Any]) -> None:
    left = sa.update(_MESSAGE).where(*_of(int(args["campaign_id"])), _share(args), _MESSAGE.c.state == "sending")
    words = _("The worker ended during the hand-over. It may have arrived; send it again only if it did not.")
    session.execute(left.values(state="unknown", answer=words, version=_MESSAGE.c.version + 1), execution_options=_WHY)


def _may_be_written_to(rows: Sequence[Any]) -> list[Addressed]:
    """Those of a chunk whom nothing stops now; the others are set aside with the reason, to be seen in the report."""
    why = suppressions.stopping([row.recipient for row in rows], "marketing")
    known = _contacts([row.contact_id for row in rows])
    fine, aside = [], []
    for row in rows:
        person = known.get(row.contact_id)
        if person is None:
            aside.append({"key": row.id, "to": "cancelled", "why": _("Not sent: the contact was deleted meanwhile.")})
        elif person.minor or row.recipient in why:
            reason = suppressions.minor() if person.minor else why[row.recipient]
            aside.append({"key": row.id, "to": "suppressed", "why": reason})
        else:
            fine.append(Addressed(row.id, row.recipient, row.variant, row.contact_id, person))
    if aside:
        set_aside = (
            sa.update(_MESSAGE)
            .where(_MESSAGE.c.id == sa.bindparam("key"), _MESSAGE.c.state == "queued")
            .values(state=sa.bindparam("to"), answer=sa.bindparam("why"), version=_MESSAGE.c.version + 1)
        )
        session.execute(set_aside, aside, execution_options=_WHY)
    return fine


def _note_contacts(people: Sequence[int]) -> None:
    """The last activity of everybody who was written to in this chunk."""
    if people:
        written = sa.update(_CONTACT).where(*_people(people)).values(last_activity=now())
        session.execute(written, execution_options=_WHY)

"""What can be done with a campaign: choose who gets it, have it approved, start, pause, resume and end it.

draft -> review -> scheduled | running -> done; running <-> paused; review -> draft; all but done -> cancelled. Does not
belong here: the sending itself (`app.services.campaign_lanes`), its figures (`app.services.campaign_figures`).
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from app import permissions
from app.errors import Conflict, Invalid
from app.services import (
    campaign_audience,
    campaign_content,
    campaign_lanes,
    messages,
    records,
    saved_views,
    tracking,
    verbs,
)
from app.services.operation import Operation, operation
from models import scope, tenancy
from models.base import session
from models.campaign import OCCASION, STATES, Campaign
from models.contact import Contact
from models.fields import now
from models.message import Message
from models.policy import Purpose
from models.scope import Actor
from models.words import N_, _
from models.workspace import Membership, Workspace

FREEZE = "campaign.freeze"
DECIDE = "campaign.decide"
OPEN = frozenset({"draft", "review"})
_MESSAGE: sa.Table = Message.__table__
_WHY = tenancy.reason("the e-mails of one campaign, by its id and the workspace in force")
_DAY = dt.timedelta(days=1)


def choose_audience(key: int, view_id: int | None, *, actor: Actor, everybody: bool = False) -> Campaign:
    """Say who gets it: a saved view of contacts as it is now, or with `everybody` all that the sender reads."""
    with operation("campaign.audience", actor=actor):
        campaign = _load(key, actor, OPEN)
        if everybody:
            campaign.audience, campaign.audience_name = "", _("All contacts")
        elif view_id is None:
            raise Invalid({"audience": _("Choose who gets this campaign.")})
        else:
            view = saved_views.find("contact", view_id, actor=actor)
            campaign.audience, campaign.audience_name = view.query, view.name[:120]
        campaign_audience.query(campaign)
        _back_to_draft(campaign)
    return campaign


def problems(campaign: Campaign, *, public_url: str = "") -> dict[str, str]:
    """Why it cannot be started yet, by field; empty when it can."""
    found: dict[str, str] = {}
    workspace = session.get_one(Workspace, scope.workspace_id())
    if not workspace.address:
        # CAN-SPAM Act, 15 U.S.C. 7704(a)(5)(A)(iii); CASL regulations 2(1)(d).
        found["address"] = _("Marketing e-mail must name a postal address. Add the brokerage's under Settings first.")
    try:
        campaign_audience.query(campaign)
    except Invalid as error:
        found |= error.fields
    try:
        campaign_content.drawn(campaign, campaign_content.design_of(campaign), public_url)
    except Invalid as error:
        found |= error.fields
    if campaign.zoned and campaign.send_at is None:
        found["send_at"] = _("Say when it is sent, if it is to leave at the same time of day everywhere.")
    if campaign.send_at is not None and campaign.send_at < now() - _DAY:
        found["send_at"] = _("This day is past. Choose another, or none to send at once.")
    if campaign.per_hour is not None and campaign.per_hour < 1:
        found["per_hour"] = _("Type 1 or more, or nothing for no limit.")
    return found | _wrong_test(campaign)


def ask_approval(key: int, *, actor: Actor) -> Campaign:
    """draft -> review: somebody who may start campaigns sees it as waiting. It will leave in the name of who asks."""
    with operation("campaign.ask_approval", actor=actor):
        campaign = _load(key, actor, frozenset({"draft"}))
        _refuse(campaign)
        campaign.state, campaign.starter_id, campaign.remark = "review", actor.membership_id, None
    return campaign


def send_back(key: int, remark: str, *, actor: Actor) -> Campaign:
    """review -> draft, with a word of why."""
    permissions.require(actor, "write", "approval")
    with operation("campaign.sent_back", actor=actor):
        campaign = _load(key, actor, frozenset({"review"}))
        campaign.state, campaign.remark = "draft", remark.strip()[:300] or None
        campaign.starter_id = None
    return campaign


def start(key: int, *, version: int, public_url: str, actor: Actor) -> Campaign:
    """draft | review -> scheduled | running. What is sent, and from whom, is settled here and changes no more; who gets
    it is read when the first e-mail is due. Raises `Invalid`, `Conflict`, `Forbidden`."""
    permissions.require(actor, "write", "approval")
    with operation("campaign.start", actor=actor) as op:
        campaign = _load(key, actor, OPEN)
        if campaign.version != version:
            raise Conflict(
                _("Somebody changed this campaign meanwhile. Nothing was sent: look at it once more, then start it."),
                version=campaign.version,
            )
        _refuse(campaign)
        if campaign.state == "draft":
            campaign.starter_id = actor.membership_id
        design = campaign_content.design_of(campaign)
        design.frozen = campaign_content.drawn(campaign, design, public_url)
        design.left_out = None
        campaign.started_at = now()
        _promise_freezing(campaign, design.wave, op)
        op.audit("campaign.started", entity="campaign", record_id=campaign.id, facts={"audience": campaign.audience})
    return campaign


def _promise_freezing(campaign: Campaign, wave: int, op: Operation) -> None:
    """To scheduled or running, with the job that writes down who gets it, when the first e-mail is due."""
    first = campaign_audience.due_first(campaign)
    campaign.state, campaign.remark = ("scheduled" if first and first > now() else "running"), None
    session.flush()
    op.promise(
        FREEZE, {"campaign_id": campaign.id, "wave": wave}, purpose=Purpose.SEND_REQUESTED, queue="mail",
        run_at=max(first, now()) if first else None, label=_("Campaign “{name}”", name=campaign.name[:80]),
        dedupe=f"campaign:{campaign.id}:freeze:{campaign.version}",
    )  # fmt: skip


def frozen(key: int, left_out: Mapping[str, int], *, actor: Actor) -> None:
    """All people are written down: the lanes may go, and the rest of a test is decided later."""
    with operation("campaign.frozen", actor=actor) as op:
        _frozen(key, left_out, op, actor)


def _frozen(key: int, left_out: Mapping[str, int], op: Operation, actor: Actor) -> None:
    campaign: Campaign = records.load(Campaign, key, actor=actor, action="write")
    design = campaign_content.design_of(campaign)
    design.left_out = dict(left_out)
    op.audit("campaign.frozen", entity="campaign", record_id=key, facts={"left_out": dict(left_out)})
    if campaign.state != "running":
        return
    campaign_lanes.set_going(campaign, op)
    if campaign.other_subject and (campaign.test_share or 100) < 100:
        op.promise(
            DECIDE, {"campaign_id": key}, purpose=Purpose.SEND_REQUESTED, queue="mail",
            run_at=now() + dt.timedelta(hours=campaign.test_hours or 4), dedupe=f"campaign:{key}:decide",
            label=_("Better subject of “{name}”", name=campaign.name[:80]),
        )  # fmt: skip


def enter_running(key: int, *, actor: Actor) -> Campaign | None:
    """scheduled -> running, when its time has come; None when it was called off. Who calls it off meanwhile waits for
    what is being written down, so that nothing of it is left behind."""
    session.execute(sa.select(Campaign.id).where(Campaign.id == key).with_for_update())
    campaign: Campaign = records.load(Campaign, key, actor=actor, action="write")
    if campaign.state == "scheduled":
        campaign.state = "running"
    return campaign if campaign.state in ("running", "paused") else None


@verbs.verb("campaign", "pause", N_("Pause"), "player-pause", done="paused")
def pause(_model: type[Any], key: int, _given: Mapping[str, Any], actor: Actor) -> None:
    """running -> paused: no further e-mail leaves. One that is being handed over arrives."""
    with operation("campaign.pause", actor=actor):
        _load(key, actor, frozenset({"running"})).state = "paused"


@verbs.verb("campaign", "resume", N_("Resume"), "player-play", done="resumed")
def resume(_model: type[Any], key: int, _given: Mapping[str, Any], actor: Actor) -> None:
    """paused -> running: whoever has not got it yet gets it."""
    permissions.require(actor, "write", "approval")
    with operation("campaign.resume", actor=actor) as op:
        campaign = _load(key, actor, frozenset({"paused"}))
        design = campaign_content.design_of(campaign)
        if design.left_out is None:
            # It was not written down to the end: once more from the start, as written down twice is written down once.
            _promise_freezing(campaign, design.wave, op)
            return
        campaign.state, campaign.remark = "running", None
        campaign_lanes.set_going(campaign, op)
        campaign_lanes.defer(campaign.id, op)


@verbs.verb("campaign", "cancel", N_("Stop for good"), "ban", done="stopped", danger=True)
def cancel(_model: type[Any], key: int, _given: Mapping[str, Any], actor: Actor) -> None:
    """To cancelled: what has not left stays here. A scheduled one goes back to a draft."""
    with operation("campaign.cancel", actor=actor) as op:
        campaign = _load(key, actor, frozenset({"review", "scheduled", "running", "paused"}))
        if campaign.state in ("review", "scheduled"):
            _back_to_draft(campaign)
            campaign.started_at = None
            return
        campaign.state, campaign.ended_at = "cancelled", now()
        session.flush()
        called_back = (
            sa.update(_MESSAGE)
            .where(
                _MESSAGE.c.workspace_id == scope.workspace_id(), _MESSAGE.c.campaign_id == key,
                _MESSAGE.c.occasion == OCCASION, _MESSAGE.c.state == "queued",
            )
            .values(state="cancelled", version=_MESSAGE.c.version + 1, updated_at=now())
        )  # fmt: skip
        found = session.execute(called_back, execution_options=_WHY)
        op.audit("campaign.cancelled", entity="campaign", record_id=key, facts={"called_back": found.rowcount})


def send_test(key: int, *, actor: Actor, contact_id: int | None = None) -> Message:
    """Send it as it is now to oneself, filled in for one of the contacts."""
    campaign = campaign_content.load(key, actor=actor, action="write")
    campaign_content.drawn(campaign, campaign_content.design_of(campaign), "")
    contact = records.load(Contact, contact_id, actor=actor) if contact_id else None
    member = session.get(Membership, actor.membership_id) if actor.membership_id else None
    if member is None:
        raise Invalid({"": _("A test goes to your own address; sign in as a member to send one.")})
    with operation("campaign.test", actor=actor) as op:
        message = Message(
            contact_id=contact.id if contact else None, recipient=member.email, subject=campaign.subject, body="",
            kind=campaign_audience.KIND, cause="campaign", cause_id=str(key), occasion=f"test:{uuid.uuid4().hex}",
            campaign_id=key, variant="a", state="draft", owner_id=actor.membership_id, team_id=actor.team_id,
            source="campaign", created_by=actor.label,
        )  # fmt: skip
        session.add(message)
        session.flush()
        messages.queue(message, op)
    return message


def give_up(args: Mapping[str, Any], _state: str, reason: str) -> None:
    """A job of a campaign ended before its time: the campaign pauses and says why, and nobody is forgotten."""
    campaign = session.get(Campaign, int(args["campaign_id"]))
    if campaign is None or campaign.state not in ("running", "scheduled"):
        return
    if "wave" in args and campaign_content.design_of(campaign).wave != args["wave"]:
        return
    campaign.state, campaign.remark = "paused", reason[:300]


def _load(key: int, actor: Actor, states: frozenset[str]) -> Campaign:
    campaign = campaign_content.load(key, actor=actor, action="write")
    if campaign.state not in states:
        state = dict(STATES)[campaign.state].lower()
        raise Conflict(_("This campaign is {state}; that cannot be done now.", state=state), version=campaign.version)
    return campaign


def _refuse(campaign: Campaign) -> None:
    found = problems(campaign)
    if found:
        raise Invalid(found)


def _wrong_test(campaign: Campaign) -> dict[str, str]:
    if not campaign.other_subject:
        return {}
    found = {}
    if campaign.test_share is not None and not 1 <= campaign.test_share <= 100:
        found["test_share"] = _("Type a share from 1 to 100 percent.")
    if campaign.test_hours is not None and not 1 <= campaign.test_hours <= 168:
        found["test_hours"] = _("Type 1 to 168 hours.")
    if campaign.decided_by == "clicks" and not tracking.rules().notes("click"):
        found["decided_by"] = _(
            "Clicks are not noted here. Switch them on under Settings, Tracking, or choose replies."
        )
    return found


def _back_to_draft(campaign: Campaign) -> None:
    campaign.state, campaign.starter_id = "draft", None
    campaign_content.design_of(campaign).frozen = None


@records.rule(Campaign)
def _only_open_ones_change(campaign: Campaign, _op: Operation) -> None:
    """Forms, REST and bulk actions change drafts; what was started stays what was started. A change takes the approval
    asked for back, so that nobody approves what they have not seen."""
    state: Any = sa.inspect(campaign)
    told = (
        "subject", "preheader", "sender", "send_at", "zoned", "per_hour", "other_subject", "test_share", "test_hours",
        "decided_by",
    )  # fmt: skip
    if not state.persistent or not any(state.attrs[name].history.has_changes() for name in told):
        return
    campaign_content.require_seen("write")
    if campaign.state not in OPEN:
        label = dict(STATES)[campaign.state].lower()
        raise Invalid({"": _("This campaign is {state}; only drafts can be changed.", state=label)})
    campaign.state, campaign.starter_id = "draft", None


@records.before_delete(Campaign)
def _not_under_way(campaign: Campaign, _op: Operation) -> None:
    campaign_content.require_seen("delete")
    if campaign.state in ("scheduled", "running", "paused"):
        raise Conflict(_("This campaign is under way. Stop it for good, then delete it."), version=campaign.version)

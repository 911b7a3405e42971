"""Jobs of campaigns: write down who gets one, send it in lanes, decide between two subjects."""

from __future__ import annotations

import uuid
from typing import Any

from flask import current_app

from app.adapters import mail
from app.services import campaign_audience, campaign_figures, campaign_lanes, campaign_line, campaigns, return_paths
from app.services.campaign_lanes import Addressed, Chunk
from app.services.campaign_line import Fate, Next
from jobs.mail import domain, hand_over, own_address
from jobs.registry import job
from jobs.run import Retry, Run
from models.policy import Purpose
from models.words import _, grouped


@job(campaigns.FREEZE, purpose=Purpose.SEND_REQUESTED, queue="mail", outside=True, ended=campaigns.give_up)
def freeze(run: Run) -> dict[str, Any] | None:
    """Arguments: campaign_id, wave. A thousand people a transaction; a later attempt goes on where this one ended."""
    key = int(run.args["campaign_id"])
    noted = {"after": 0, "people": 0, campaign_audience.NO_ADDRESS: 0} | run.noted()
    while noted["after"] is not None:
        with run.step("campaign.freeze"):
            campaign = campaigns.enter_running(key, actor=run.actor)
            if campaign is None:
                return None
            bound = noted.setdefault("bound", campaign_audience.last_id())
            noted["after"], people, without = campaign_audience.freeze(campaign, noted["after"], bound, actor=run.actor)
            noted["people"] += people
            noted[campaign_audience.NO_ADDRESS] += without
            run.note(noted)
        words = _("{n} people written down", n=grouped(noted["people"]))
        run.progress(noted["after"] or bound, bound, words)
    with run.finish("campaign.frozen") as result:
        without = noted[campaign_audience.NO_ADDRESS]
        campaigns.frozen(key, {campaign_audience.NO_ADDRESS: without} if without else {}, actor=run.actor)
        result["people"] = noted["people"]
    return None


@job(campaign_lanes.JOB, purpose=Purpose.SEND_REQUESTED, queue="mail", outside=True, ended=campaigns.give_up)
def send_lane(run: Run) -> dict[str, Any] | None:
    """Arguments: campaign_id, wave, lane, lanes, after, n. One chunk; the next is a job of its own."""
    with run.step("campaign.chunk"):
        chunk = campaign_lanes.begin(run.args, actor=run.actor)
    if chunk is None:
        return None
    outcomes = _send(run, chunk)
    with run.finish("campaign.chunk_sent") as result:
        result |= campaign_lanes.go_on(run.args, chunk, outcomes, actor=run.actor)
    return None


@job(campaigns.DECIDE, purpose=Purpose.SEND_REQUESTED, queue="mail")
def decide(run: Run) -> dict[str, Any] | None:
    """Arguments: campaign_id."""
    return {"winner": campaign_figures.decide(int(run.args["campaign_id"]), actor=run.actor)}


@job("campaign.close", purpose=Purpose.SEND_REQUESTED, outside=True)
def close_finished(_run: Run) -> dict[str, Any]:
    """By the clock: campaigns whose last e-mails were tried again one by one are over, too."""
    return {"ended": campaign_lanes.close_finished()}


def _send(run: Run, chunk: Chunk) -> dict[int, str]:
    """Hand over a chunk, one commit before each DATA. Returns the states in which its e-mails ended, by contact."""
    outcomes: dict[int, str] = {}
    last: Fate | None = None
    with campaign_line.held(chunk.campaign_id, run.id, run.claimed.token) as line:
        for place, person in enumerate(chunk.people):
            letter, following = _prepared(chunk, person)
            taken, last = line.step(last, following), None
            if not taken:
                with run.step("campaign.stopped"):
                    if not campaign_lanes.goes_on(run.args, person, actor=run.actor):
                        break
                continue
            outcome, answer, reached = hand_over(letter, run, chunk.way.url)
            if not reached:
                line.settle(Fate(person.id, "queued", ""))
                with run.step("campaign.unreached"):
                    campaign_lanes.give_back(chunk, chunk.people[place:])
                raise Retry(answer)
            outcomes[person.contact_id] = outcome
            last = Fate(person.id, outcome, answer)
        if last is not None:
            line.settle(last)
    return outcomes


def _prepared(chunk: Chunk, person: Addressed) -> tuple[mail.Letter, Next]:
    filled, unsubscribe = chunk.filled(person, str(current_app.config["PUBLIC_URL"]))
    message_id = f"<{uuid.uuid4().hex}@{domain()}>"
    reply = own_address(return_paths.REPLY, person.id)
    letter = mail.Letter(
        message_id=message_id,
        sender=chunk.way.sender or current_app.config["MAIL_FROM"],
        sender_name=chunk.sender.name,
        to=person.recipient,
        to_name=person.row.name,
        subject=filled.subject,
        text=filled.text,
        html=filled.html,
        reply_to=", ".join(filter(None, (reply, chunk.sender.address))) or None,
        unsubscribe_url=unsubscribe,
        unsubscribe_mailto=own_address(return_paths.UNSUBSCRIBE, person.id),
        # A server of the brokerage takes only its own people as senders: bounces go to their mailbox.
        return_path=None if chunk.way.url else own_address(return_paths.BOUNCE, person.id),
        key=mail.Key(*chunk.way.key) if chunk.way.key else None,
    )
    return letter, Next(person.id, person.contact_id, person.recipient.lower(), message_id, filled.subject, filled.text)

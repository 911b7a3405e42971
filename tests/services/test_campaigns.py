"""A campaign from its draft to the last e-mail: who gets it, when, once each; and what stops it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
import time_machine
from flask import Flask

from app.adapters import mail
from app.errors import Invalid
from app.services import (
    campaign_audience,
    campaign_figures,
    campaign_lanes,
    campaigns,
    records,
    saved_views,
    sending_limits,
    verbs,
)
from app.services.operation import operation
from jobs import runner
from models import scope
from models.base import session
from models.campaign import Campaign
from models.contact import Contact
from models.inbound import InboundMail
from models.message import Message, Suppression
from models.scope import Actor
from tests import campaigns_kit, jobs_kit
from tests.campaigns_kit import URL, Sink, fates, hurry, person

Office = tuple[int, Actor]
Server = tuple[Sink, int]


@pytest.fixture
def sink() -> Iterator[Server]:
    with campaigns_kit.mail_server() as found:
        yield found


@pytest.fixture
def app(tmp_path: Path, sink: Server) -> Iterator[Flask]:
    made = jobs_kit.make_app(tmp_path, SMTP_URL=f"smtp://127.0.0.1:{sink[1]}", MAIL_FROM="crm@operator.example")
    with made.app_context():
        yield made


@pytest.fixture
def office(app: Flask) -> Office:
    workspace = campaigns_kit.brokerage()
    return workspace, jobs_kit.join(workspace, "Dana", "broker")


def test_everybody_gets_it_once_in_their_own_words(app: Flask, sink: Server, office: Office) -> None:
    workspace, dana = office
    with scope.inside(workspace):
        for name in ("Ann", "Bo", "Cy"):
            person(name, actor=dana)
        person("Nobody", actor=dana, email=None)
        key = campaigns_kit.started(dana).id
    runner.drain(app)
    assert sink[0].to == ["ann@example.net", "bo@example.net", "cy@example.net"]
    letter = sink[0].read(0)
    assert letter["Subject"] == "Homes for Ann" and "Dear Ann" in letter.get_body(("plain",)).get_content()
    assert letter["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click" and "Dana" in letter["From"]
    with scope.inside(workspace):
        kept = session.scalars(sa.select(Message).where(Message.recipient == "ann@example.net")).one()
        assert (kept.subject, kept.state, kept.message_id) == ("Homes for Ann", "sent", letter["Message-ID"])
        assert "Dear Ann" in kept.body and kept.answer == "250 2.0.0 kept" and kept.status_code == "2.0.0"
        ended = session.get_one(Campaign, key)
        assert ended.state == "done" and ended.ended_at is not None
        found = campaign_figures.of(ended)
        assert (found.states, found.left_out) == ({"sent": 3}, {"no_address": 1})


def test_a_view_says_who_gets_it_and_is_read_at_the_start(app: Flask, sink: Server, office: Office) -> None:
    workspace, dana = office
    with scope.inside(workspace):
        person("Ann", actor=dana, stage="active")
        later = person("Bo", actor=dana)
        view = saved_views.save("contact", "Active", "f=stage%3Ais%3Aactive", "workspace", actor=dana)
        made = campaigns_kit.campaign(dana)
        campaigns.choose_audience(made.id, view, actor=dana)
        assert campaign_audience.count(made, actor=dana) == campaign_audience.Count(1, {})
        records.update(Contact, later.id, {"stage": "active"}, actor=dana)
        campaigns.start(made.id, version=made.version, public_url=URL, actor=dana)
    runner.drain(app)
    assert sink[0].to == ["ann@example.net", "bo@example.net"]
    with scope.inside(workspace):
        person("Cy", actor=dana, stage="active")
    runner.drain(app)
    assert len(sink[0].letters) == 2


def test_a_view_that_no_longer_works_writes_to_nobody(office: Office) -> None:
    workspace, dana = office
    with scope.inside(workspace):
        person("Ann", actor=dana)
        made = campaigns_kit.campaign(dana)
        view = saved_views.save("contact", "Gone", "f=gone%3Ais%3A1", "workspace", actor=dana)
        with pytest.raises(Invalid) as error:
            campaigns.choose_audience(made.id, view, actor=dana)
        assert "audience" in error.value.fields


def test_who_must_not_be_written_to_stands_in_the_report_with_the_reason(
    app: Flask, sink: Server, office: Office
) -> None:
    workspace, dana = office
    with scope.inside(workspace):
        for name in ("Ann", "Bo", "Cy", "Di"):
            person(name, actor=dana)
        records.create(Suppression, {"address": "bo@example.net", "reason": "unsubscribe"}, actor=dana)
        minor = person("Kim", actor=dana)
        with operation("test.minor", actor=dana):
            minor.minor = True
        # One lane, so that Ann comes first.
        made = campaigns_kit.campaign(dana, per_hour=6000)
        assert campaign_audience.count(made, actor=dana).left_out == {"minor": 1, "suppressed": 1}
        campaigns.start(made.id, version=made.version, public_url=URL, actor=dana)

    def wish(to: str) -> None:
        """While the first e-mail is being handed over, another person asks to be left alone, and one is deleted."""
        if to != "ann@example.net":
            return
        with app.app_context(), scope.inside(workspace):
            records.create(Suppression, {"address": "cy@example.net", "reason": "complaint"}, actor=dana)
            gone = session.scalars(sa.select(Contact).where(Contact.name == "Di")).one()
            records.delete(Contact, gone.id, actor=dana)

    sink[0].on_data = wish
    runner.drain(app)
    assert sink[0].to == ["ann@example.net"]
    with scope.inside(workspace):
        assert fates(made.id) == {
            "ann@example.net": "sent", "bo@example.net": "suppressed", "cy@example.net": "suppressed",
            "di@example.net": "cancelled", "kim@example.net": "suppressed",
        }  # fmt: skip
        why = session.scalars(sa.select(Message.answer).where(Message.recipient == "cy@example.net")).one()
        assert "complained" in (why or "")
        assert session.get_one(Campaign, made.id).state == "done"


def test_a_pause_acts_between_two_e_mails_and_nobody_is_forgotten(app: Flask, sink: Server, office: Office) -> None:
    workspace, dana = office
    with scope.inside(workspace):
        campaigns_kit.people(10)
        made = campaigns_kit.started(dana, per_hour=6000)

    def stop(_to: str) -> None:
        if len(sink[0].letters) == 3:
            with app.app_context(), scope.inside(workspace):
                verbs.run(Campaign, verbs.find("campaign", "pause"), [made.id], {}, actor=dana)

    sink[0].on_data = stop
    runner.drain(app)
    assert len(sink[0].letters) == 4
    sink[0].on_data = lambda _to: None
    with scope.inside(workspace):
        session.expire_all()
        assert session.get_one(Campaign, made.id).state == "paused"
        verbs.run(Campaign, verbs.find("campaign", "resume"), [made.id], {}, actor=dana)
    runner.drain(app)
    assert len(sink[0].to) == len(set(sink[0].to)) == 10
    with scope.inside(workspace):
        assert set(fates(made.id).values()) == {"sent"}


def test_what_is_stopped_for_good_calls_back_the_rest(app: Flask, sink: Server, office: Office) -> None:
    workspace, dana = office
    with scope.inside(workspace):
        campaigns_kit.people(6)
        made = campaigns_kit.started(dana, per_hour=6000)

    def stop(_to: str) -> None:
        if not sink[0].letters:
            with app.app_context(), scope.inside(workspace):
                verbs.run(Campaign, verbs.find("campaign", "cancel"), [made.id], {}, actor=dana)

    sink[0].on_data = stop
    runner.drain(app)
    with scope.inside(workspace):
        assert sorted(fates(made.id).values()) == ["cancelled"] * 5 + ["sent"]
        assert session.get_one(Campaign, made.id).state == "cancelled"
    assert len(sink[0].letters) == 1


def test_a_worker_that_dies_leaves_one_in_doubt_and_the_rest_is_sent(
    app: Flask, sink: Server, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace, dana = office
    with scope.inside(workspace):
        campaigns_kit.people(5)
        made = campaigns_kit.started(dana, per_hour=6000)

    class Killed(BaseException):
        pass

    send, fail = mail.send, iter((False, False, True))

    def dying(letter: mail.Letter, **facts: object) -> str:
        if next(fail, False):
            raise Killed
        return send(letter, **facts)  # type: ignore[arg-type]

    monkeypatch.setattr(mail, "send", dying)
    with pytest.raises(Killed):
        runner.drain(app)
    hurry()
    runner.drain(app)
    with scope.inside(workspace):
        assert sorted(fates(made.id).values()) == ["sent"] * 4 + ["unknown"]
        assert session.get_one(Campaign, made.id).state == "done"
    assert len(sink[0].to) == len(set(sink[0].to)) == 4


def test_a_server_that_cannot_be_reached_costs_nobody_an_e_mail(app: Flask, sink: Server, office: Office) -> None:
    workspace, dana = office
    owner = jobs_kit.join(workspace, "Ada", "owner")
    with scope.inside(workspace):
        campaigns_kit.people(4)
        made = campaigns_kit.started(dana, per_hour=6000)
        sending_limits.save({"per_day": "4"}, version=0, actor=owner)
    works, app.config["SMTP_URL"] = app.config["SMTP_URL"], "smtp://127.0.0.1:9"
    for _turn in range(3):
        runner.drain(app)
        hurry()
    with scope.inside(workspace):
        assert set(fates(made.id).values()) == {"queued"}
    app.config["SMTP_URL"] = works
    hurry()
    runner.drain(app)
    assert len(sink[0].letters) == 4


def test_what_the_server_does_not_want_yet_is_tried_again_and_what_it_refuses_is_not(
    app: Flask, sink: Server, office: Office
) -> None:
    workspace, dana = office
    sink[0].says = {"ann@example.net": "451 4.7.1 greylisted", "bo@example.net": "550 5.1.1 no such mailbox"}
    with scope.inside(workspace):
        for name in ("Ann", "Bo", "Cy"):
            person(name, actor=dana)
        made = campaigns_kit.started(dana)
    runner.drain(app)
    with scope.inside(workspace):
        assert fates(made.id) == {"ann@example.net": "queued", "bo@example.net": "failed", "cy@example.net": "sent"}
        assert session.get_one(Campaign, made.id).state == "running"
    sink[0].says = {}
    hurry()
    runner.drain(app)
    letter = sink[0].read(-1)
    assert (letter["To"], letter["Subject"]) == ("Ann <ann@example.net>", "Homes for Ann")
    assert "Dear Ann" in letter.get_body(("html",)).get_content()
    assert campaign_lanes.close_finished() == 1
    with scope.inside(workspace):
        session.expire_all()
        assert session.get_one(Campaign, made.id).state == "done"


def test_each_person_gets_it_at_the_hour_of_their_own_place(app: Flask, sink: Server, office: Office) -> None:
    workspace, dana = office
    # Nine o'clock in New York, the brokerage's zone.
    nine = dt.datetime(2026, 5, 12, 13, 0, tzinfo=dt.UTC)
    with time_machine.travel(nine - dt.timedelta(days=1), tick=False), scope.inside(workspace):
        person("Ann", actor=dana, phone="+442079460000")
        person("Bo", actor=dana, phone="+12125550100")
        person("Cy", actor=dana, phone="+14155550100")
        made = campaigns_kit.started(dana, send_at=nine, zoned=True)
        assert made.state == "scheduled"
    for hour, gets in ((7, []), (8, ["ann@"]), (13, ["ann@", "bo@"]), (16, ["ann@", "bo@", "cy@"])):
        with time_machine.travel(nine.replace(hour=hour, minute=5), tick=False):
            runner.drain(app)
            assert [one.removesuffix("example.net") for one in sink[0].to] == gets


def test_a_limit_per_hour_spreads_a_campaign(app: Flask, sink: Server, office: Office) -> None:
    workspace, dana = office
    begin = dt.datetime(2026, 5, 12, 13, 0, tzinfo=dt.UTC)
    with time_machine.travel(begin, tick=False) as clock:
        with scope.inside(workspace):
            campaigns_kit.people(7)
            campaigns_kit.started(dana, per_hour=60)
        seen = []
        for _minute in range(5):
            runner.drain(app)
            seen.append(len(sink[0].letters))
            clock.shift(dt.timedelta(minutes=2))
    assert seen == [2, 4, 6, 7, 7]


def test_two_subjects_are_tried_and_the_rest_gets_the_better(app: Flask, sink: Server, office: Office) -> None:
    workspace, dana = office
    with scope.inside(workspace):
        campaigns_kit.people(60)
        made = campaigns_kit.started(dana, other_subject="New by the water", test_share=40, test_hours=2)
    runner.drain(app)
    with scope.inside(workspace):
        session.expire_all()
        rows = session.execute(
            sa.select(Message.variant, Message.state, sa.func.count(), sa.func.min(Message.id))
            .where(Message.campaign_id == made.id)
            .group_by(Message.variant, Message.state)
        ).all()
        tried = {variant: number for variant, state, number, _ in rows if state == "sent"}
        held = sum(number for variant, state, number, _ in rows if variant is None and state == "queued")
        assert set(tried) == {"a", "b"} and sum(tried.values()) + held == 60 and held > 20
        assert session.get_one(Campaign, made.id).state == "running"
        _reply(next(key for variant, _s, _n, key in rows if variant == "b"), dana)
    hurry()
    runner.drain(app)
    assert len(sink[0].to) == len(set(sink[0].to)) == 60
    with scope.inside(workspace):
        session.expire_all()
        ended = session.get_one(Campaign, made.id)
        assert (ended.winner, ended.state) == ("b", "done")
        found = campaign_figures.of(ended, whole=True)
        assert [(one.key, one.sent) for one in found.variants] == [("a", tried["a"]), ("b", tried["b"] + held)]
        others = session.scalar(sa.select(sa.func.count()).where(Message.subject == "New by the water"))
        assert others == tried["b"] + held


def _reply(message_id: int, actor: Actor) -> None:
    with operation("test.reply", actor=actor):
        session.add(
            InboundMail(subject="Re", kind="reply", state="done", message_id=message_id, source="test", created_by="t")
        )


def test_what_broke_while_people_were_written_down_goes_on_when_resumed(
    app: Flask, sink: Server, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace, dana = office
    with scope.inside(workspace):
        campaigns_kit.people(5)
        made = campaigns_kit.started(dana)
    monkeypatch.setattr(campaign_audience, "CHUNK", 2)
    written, turns = campaign_audience.freeze, iter((False, True))

    def breaking(*args: object, **facts: object) -> object:
        if next(turns, False):
            raise Invalid({"audience": "The view is gone."})
        return written(*args, **facts)  # type: ignore[arg-type]

    monkeypatch.setattr(campaign_audience, "freeze", breaking)
    runner.drain(app)
    with scope.inside(workspace):
        session.expire_all()
        assert session.get_one(Campaign, made.id).state == "paused" and len(fates(made.id)) == 2
        verbs.run(Campaign, verbs.find("campaign", "resume"), [made.id], {}, actor=dana)
    runner.drain(app)
    assert len(sink[0].to) == len(set(sink[0].to)) == 5
    with scope.inside(workspace):
        session.expire_all()
        assert session.get_one(Campaign, made.id).state == "done"

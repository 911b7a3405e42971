"""Who may do what with a campaign, and what it needs before it may start; outsiders find nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask

from app.errors import Conflict, Forbidden, Invalid, NotFound
from app.services import (
    campaign_audience,
    campaign_figures,
    campaigns,
    messages,
    records,
    verbs,
)
from app.services.operation import operation
from jobs import runner
from models import scope
from models.base import db, session
from models.campaign import Campaign
from models.message import Message
from models.scope import Actor
from models.workspace import Workspace
from tests import campaigns_kit, jobs_kit
from tests.campaigns_kit import URL, Sink, person

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


def test_a_test_goes_to_oneself_and_to_nobody_else(app: Flask, sink: Server, office: Office) -> None:
    workspace, dana = office
    with scope.inside(workspace):
        ann = person("Ann", actor=dana)
        made = campaigns_kit.campaign(dana)
        campaigns.send_test(made.id, actor=dana, contact_id=ann.id)
        campaigns.send_test(made.id, actor=dana)
    runner.drain(app)
    assert set(sink[0].to) == {f"dana@{workspace}.example.com"} and len(sink[0].letters) == 2
    first = sink[0].read(0)
    assert first["Subject"] == "[Test] Homes for Ann"
    with scope.inside(workspace):
        assert campaign_figures.of(session.get_one(Campaign, made.id)).every == 0


def test_who_may_not_start_campaigns_asks_for_it(app: Flask, sink: Server, office: Office) -> None:
    workspace, dana = office
    evan = jobs_kit.join(workspace, "Evan", "agent")
    with scope.inside(workspace):
        person("Ann", actor=evan)
        made = campaigns_kit.campaign(evan)
        with pytest.raises(Forbidden):
            campaigns.start(made.id, version=made.version, public_url=URL, actor=evan)
        campaigns.ask_approval(made.id, actor=evan)
        assert made.state == "review"
        records.update(Campaign, made.id, {"subject": "Another"}, actor=evan)
        assert made.state == "draft"
        campaigns.ask_approval(made.id, actor=evan)
        seen = made.version
        with pytest.raises(Conflict):
            campaigns.start(made.id, version=seen - 1, public_url=URL, actor=dana)
        campaigns.start(made.id, version=seen, public_url=URL, actor=dana)
        with pytest.raises(Conflict):
            records.delete(Campaign, made.id, actor=dana)
    runner.drain(app)
    assert sink[0].to == ["ann@example.net"] and "Evan" in sink[0].read(0)["From"], "it leaves as who asked for it"
    with scope.inside(workspace):
        records.delete(Campaign, made.id, actor=dana)


def test_what_was_started_changes_no_more(office: Office) -> None:
    workspace, dana = office
    with scope.inside(workspace):
        person("Ann", actor=dana)
        made = campaigns_kit.started(dana)
        with pytest.raises(Invalid):
            records.update(Campaign, made.id, {"subject": "Another"}, actor=dana)
        with pytest.raises(Conflict):
            campaigns.choose_audience(made.id, None, everybody=True, actor=dana)
        with pytest.raises(Conflict):
            campaigns.start(made.id, version=made.version, public_url=URL, actor=dana)


def test_without_a_postal_address_nothing_starts(office: Office) -> None:
    workspace, dana = office
    with scope.inside(workspace), operation("test.address", actor=jobs_kit.SYSTEM):
        session.get_one(Workspace, workspace).address = None
    with scope.inside(workspace):
        made = campaigns_kit.campaign(dana)
        with pytest.raises(Invalid) as error:
            campaigns.start(made.id, version=made.version, public_url=URL, actor=dana)
        assert "address" in error.value.fields


def test_an_agent_writes_to_the_people_they_reach_and_an_outsider_finds_nothing(
    app: Flask, sink: Server, office: Office
) -> None:
    workspace, dana = office
    with scope.across_workspaces("a test lets agents start"):
        evan = jobs_kit.join(workspace, "Evan", "agent")
    elsewhere = campaigns_kit.brokerage("summit")
    cora = jobs_kit.join(elsewhere, "Cora", "broker")
    with scope.inside(workspace):
        person("Ann", actor=dana)
        person("Bo", actor=evan)
        made = campaigns_kit.campaign(evan)
        assert campaign_audience.count(made, actor=evan).people == 1
        campaigns.ask_approval(made.id, actor=evan)
    with scope.inside(elsewhere):
        person("Zed", actor=cora)
        for act in (
            lambda: campaigns.start(made.id, version=1, public_url=URL, actor=cora),
            lambda: campaigns.choose_audience(made.id, None, everybody=True, actor=cora),
            lambda: campaigns.send_test(made.id, actor=cora),
        ):
            with pytest.raises(NotFound):
                act()
        assert verbs.allowed(Campaign, verbs.find("campaign", "pause"), [made.id], actor=cora) == []


def test_one_that_failed_can_be_sent_again_by_hand(app: Flask, sink: Server, office: Office) -> None:
    workspace, dana = office
    sink[0].says = {"ann@example.net": "554 5.7.1 not today"}
    with scope.inside(workspace):
        person("Ann", actor=dana)
        made = campaigns_kit.started(dana)
    runner.drain(app)
    sink[0].says = {}
    with scope.inside(workspace):
        session.expire_all()
        failed = session.scalars(sa.select(Message).where(Message.campaign_id == made.id)).one()
        assert failed.state == "failed"
        messages.send_again(failed.id, actor=dana)
    runner.drain(app)
    assert sink[0].to == ["ann@example.net"]
    db.session.remove()

"""Somebody comes back to the brokerage's website: noted after a yes, once a day, and a task after long."""

from __future__ import annotations

import datetime as dt
import json
import threading

import pytest
import sqlalchemy as sa
import time_machine
from flask import Flask

from app.services import (
    timeline,
    tracking,
)  # fmt: skip
from app.services.operation import operation
from models import scope
from models.base import session
from models.privacy import Consent
from models.scope import Actor
from models.work import Task
from models.workspace import Workspace
from tests import campaigns_kit, tracking_kit
from tests.campaigns_kit import Sink
from tests.factories import Browser
from tests.tracking_kit import READER, US, addresses, apart, events, follow, later, page, sent

house, sink = tracking_kit.house, tracking_kit.sink

SITE = "https://www.harbor.example"


@pytest.fixture
def website(house: Actor) -> str:
    """The brokerage has a website, and return visits noted; its slug."""
    with operation("test.website", actor=house):
        place = session.get_one(Workspace, scope.workspace_id())
        place.website = SITE
    tracking.save({"opens": 1, "clicks": 1, "visits": 1, "countries": "DE"}, version=1, actor=house)
    return place.slug


def mark_of(client: Browser, sink: Sink, to: str) -> str:
    """What a link to the brokerage's website brings along."""
    answer = follow(client, "go", addresses(page(sink, to), "go")[0])
    target, _sign, mark = answer.headers["Location"].partition("#crm=")
    assert target == "https://harbor.example/a?b=1&c=2"
    return str(mark)


def say(client: Browser, slug: str, token: str, kind: str, agent: str = READER) -> int:
    body = json.dumps({"token": token, "type": kind})
    answer = apart(
        client.post, f"/p/{slug}/visits", data=body, content_type="text/plain", headers={"User-Agent": agent}
    )
    assert "Set-Cookie" not in answer.headers
    assert answer.status_code != 422, answer.text[-700:]
    return int(answer.status_code)


def test_whoever_comes_back_after_long_is_a_task_for_their_agent(
    app: Flask, client: Browser, house: Actor, sink: Sink, website: str
) -> None:
    ann = campaigns_kit.person("Ann", phone=US, actor=house, owner_id=house.membership_id)
    sent(app, sink, house)
    start = dt.datetime.now(dt.UTC)
    with time_machine.travel(start + dt.timedelta(minutes=1), tick=False):
        mark = mark_of(client, sink, "ann@example.net")
        assert say(client, website, mark, "yes") == say(client, website, mark, "return_visit") == 204
    for days in (1, 30, 75, 75):
        with time_machine.travel(start + dt.timedelta(days=days), tick=False):
            assert say(client, website, mark, "return_visit") == 204
            say(client, website, mark, "return_visit")
    assert len(events(kind="return_visit", human=True)) == 4, "once a day"
    (task,) = session.scalars(sa.select(Task).where(Task.contact_id == ann.id))
    assert (task.title, task.owner_id) == ("Back after 45 days: Ann", house.membership_id)
    (yes,) = session.scalars(sa.select(Consent).where(Consent.contact_id == ann.id))
    assert (yes.topic, yes.given, yes.source) == ("tracking", True, "website") and "come back to" in yes.wording
    told = [e.verb for e in timeline.events(ann, actor=house) if e.kind == "seen"]
    assert told.count("return_visit") == 4


def test_ten_tabs_at_once_are_one_visit_and_one_task(
    app: Flask, client: Browser, house: Actor, sink: Sink, website: str
) -> None:
    ann = campaigns_kit.person("Ann", phone=US, actor=house, owner_id=house.membership_id)
    sent(app, sink, house)
    with later():
        mark = mark_of(client, sink, "ann@example.net")
    session.commit()
    start, answers = threading.Barrier(10), list[int]()

    def tab() -> None:
        start.wait()
        answers.append(say(app.test_client(), website, mark, "return_visit"))

    with time_machine.travel(dt.datetime.now(dt.UTC) + dt.timedelta(days=60), tick=False):
        threads = [threading.Thread(target=tab) for _ in range(10)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
    assert answers == [204] * 10
    assert len(events(kind="return_visit")) == 1
    assert len(session.scalars(sa.select(Task).where(Task.contact_id == ann.id)).all()) == 1


def test_a_no_on_the_website_counts_everywhere(
    app: Flask, client: Browser, house: Actor, sink: Sink, website: str
) -> None:
    campaigns_kit.person("Ann", phone=US, actor=house)
    sent(app, sink, house)
    with later():
        mark = mark_of(client, sink, "ann@example.net")
        for _again in range(3):
            assert say(client, website, mark, "no") == 204
        say(client, website, mark, "return_visit")
        follow(client, "seen", addresses(page(sink, "ann@example.net"), "seen")[0])
    assert [row["kind"] for row in events()] == ["click"], "nothing more is written"
    assert len(session.scalars(sa.select(Consent)).all()) == 1, "said again, it changes nothing"


def test_only_what_is_in_the_catalogue_is_taken(
    app: Flask, client: Browser, house: Actor, sink: Sink, website: str
) -> None:
    campaigns_kit.person("Ann", phone=US, actor=house)
    sent(app, sink, house)
    with later():
        mark = mark_of(client, sink, "ann@example.net")
    other = campaigns_kit.brokerage("elsewhere")
    assert other
    for kind in ("scroll", "open", "", "click"):
        assert say(client, website, mark, kind) == 400
    assert say(client, website, mark[:-1], "return_visit") == 410
    assert say(client, "elsewhere", mark, "return_visit") == 410, "a mark of another brokerage"
    for body in ("", "[]", "nothing", '{"type": "yes"}', '{"token": 1, "type": "yes"}', "x" * 5000):
        answer = apart(client.post, f"/p/{website}/visits", data=body, content_type="text/plain")
        assert answer.status_code == 400
    tracking.save({"clicks": 1}, version=2, actor=house)
    with later(120):
        assert say(client, website, mark, "return_visit") == 204
    assert events(kind="return_visit") == [], "off means off"


def test_the_script_stands_alone_on_the_brokerages_website(app: Flask, client: Browser, website: str) -> None:
    answer = apart(client.get, f"/p/{website}/visits.js")
    assert answer.mimetype == "text/javascript" and answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert "Accept-Language" in answer.headers["Vary"], "it asks in the reader's language"
    assert "globalPrivacyControl" in answer.text and "cookie" not in answer.text
    assert apart(client.get, "/p/no-such-house/visits.js").status_code == 404

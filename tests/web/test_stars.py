"""Stars: one's own, of records within reach, and gone with the record or the person."""

from __future__ import annotations

import datetime as dt

import pytest
import sqlalchemy as sa
from flask import Flask

from app.errors import Forbidden
from app.services import housekeeping, members, records, stars
from app.services.operation import operation
from models import scope
from models.base import session
from models.contact import Contact
from models.fields import now
from models.star import Star
from tests.contracts import state
from tests.factories import SYSTEM, Browser, World, browser
from tests.web.test_search import palette

DANA = "Dana Whitcombe"


@pytest.fixture
def agent(app: Flask, world: World) -> Browser:
    return browser(app, world.harbour.agent)


def star(client: Browser, key: int, on: bool = True) -> int:
    return int(client.submit(f"/contacts/{key}/star", {"on": "1" if on else ""}).status_code)


def test_a_star_is_set_shown_and_taken_away(app: Flask, world: World, agent: Browser) -> None:
    dana = world.harbour.contacts[DANA]
    assert 'aria-pressed="false"' in agent.get(f"/contacts/{dana}").text
    assert star(agent, dana) == star(agent, dana) == 302, "twice is once"
    assert 'aria-pressed="true"' in agent.get(f"/contacts/{dana}?tab=history").text
    assert [one["title"] for one in palette(agent)["Starred"]] == [DANA]
    assert palette(agent, "whitcombe")["Contacts"][0]["starred"] is True
    assert agent.get("/search/starred?entity=contact").get_json() == {"ids": [dana]}
    assert DANA in agent.get("/search/").text
    assert star(agent, dana, on=False) == 302
    assert "Starred" not in palette(agent)
    with app.app_context():
        assert state.rows("star") == []
        assert not [row for row in state.rows("audit") if "star" in row["action"]], "no flood in the log"


def test_a_script_is_answered_with_nothing(world: World, agent: Browser) -> None:
    url = f"/contacts/{world.harbour.contacts[DANA]}/star"
    answer = agent.submit(url, {"on": "1"}, headers={"Accept": "application/json"})
    assert (answer.status_code, answer.data) == (204, b"")


def test_nobody_stars_what_they_cannot_read_nor_sees_anothers(app: Flask, world: World, agent: Browser) -> None:
    assert star(agent, world.harbour.contacts["Faye Okafor"]) == 404
    assert star(agent, world.summit.contacts[DANA]) == 404
    assert star(agent, 999_999) == 404
    star(agent, world.harbour.contacts[DANA])
    for other in (world.harbour.owner, world.summit.owner):
        client = browser(app, other)
        assert "Starred" not in palette(client)
        assert client.get("/search/starred?entity=contact").get_json() == {"ids": []}
    assert agent.get("/search/starred?entity=ab_user").get_json() == {"ids": []}


def test_a_star_out_of_reach_is_not_shown_and_may_be_taken_away(app: Flask, world: World, agent: Browser) -> None:
    dana = world.harbour.contacts[DANA]
    star(agent, dana)
    with app.app_context(), world.harbour.inside():
        change = {"owner_id": world.harbour.stranger.membership_id, "team_id": world.harbour.stranger.team_id}
        records.update(Contact, dana, change, actor=SYSTEM)
    assert "Starred" not in palette(agent)
    assert star(agent, dana, on=False) == 302
    with app.app_context():
        assert state.rows("star") == []


def test_a_star_goes_with_the_record_and_with_the_person(app: Flask, world: World, agent: Browser) -> None:
    dana = world.harbour.contacts[DANA]
    star(agent, dana)
    star(browser(app, world.harbour.owner), dana)
    with app.app_context(), world.harbour.inside():
        members.remove(world.harbour.agent.membership_id, actor=world.harbour.actor("owner"))
        assert [row["membership_id"] for row in state.rows("star")] == [world.harbour.owner.membership_id]
        made = records.create(Contact, {"name": "Brief Visitor"}, actor=SYSTEM)
        key = made.id
        records.create(Contact, {"name": "Later Visitor"}, actor=SYSTEM)  # on SQLite the newest of all stays in the bin
    star(browser(app, world.harbour.owner), key)
    with app.app_context():
        with world.harbour.inside():
            records.delete(Contact, key, actor=SYSTEM)
        long_ago = now() - dt.timedelta(days=60)
        why = {"walled_reason": "a test moves time"}
        gone = sa.update(Contact.__table__).where(Contact.__table__.c.id == key).values(deleted_at=long_ago)
        with scope.across_workspaces("the clock's own work"):
            with operation("test.age", actor=SYSTEM):
                session.execute(gone, execution_options=why)
            housekeeping.purge_bin(actor=SYSTEM)
        assert [row["record_id"] for row in state.rows("star")] == [dana]


def test_there_is_a_most(app: Flask, world: World, agent: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stars, "MOST", 1)
    with app.app_context(), world.harbour.inside():
        other = records.create(Contact, {"name": "Second Star"}, actor=world.harbour.actor("agent")).id
    assert star(agent, world.harbour.contacts[DANA]) == 302
    assert star(agent, other) == 422
    assert star(agent, world.harbour.contacts[DANA]) == 302


def test_who_acts_as_another_stars_nothing(app: Flask, world: World) -> None:
    office = world.harbour
    with app.app_context(), office.inside():
        actor = office.actor("agent")
        acting = type(actor)(
            actor.kind, actor.label, membership_id=actor.membership_id, rights=actor.rights, grant_id=7
        )
        with pytest.raises(Forbidden):
            stars.put("contact", office.contacts[DANA], True, actor=acting)
        stars.put("contact", office.contacts[DANA], True, actor=actor)
        assert stars.of(actor=actor) and stars.of(actor=acting) == []
        assert session.scalar(sa.select(sa.func.count()).select_from(Star)) == 1

"""Arranging dashboards: for oneself, everybody and a role; back to the usual; history and undo; who may."""

from __future__ import annotations

import re

import pytest
import sqlalchemy as sa
from flask import Flask

from app.services import roles
from models.audit import Audit, Change
from models.base import session
from models.dashboard import DashboardLayer
from tests.factories import Browser, World, browser
from tests.web.dashboards_kit import add_tile, tiles_of, whole

USUAL = ["New contacts this week", "Open pipeline", "Closings in the next 30 days", "New contacts by week",
         "Open deals by stage", "Needs you today", "Jobs"]  # fmt: skip


@pytest.fixture
def owner(app: Flask, world: World) -> Browser:
    return browser(app, world.harbour.owner)


@pytest.fixture
def agent(app: Flask, world: World) -> Browser:
    return browser(app, world.harbour.agent)


def shown(client: Browser, url: str = "/") -> list[str]:
    return list(tiles_of(client.get(url).text))


def place(client: Browser, tile: int, whom: str = "me", **step: str) -> None:
    answer = client.submit(f"/dashboards/0/tiles/{tile}/place?for={whom}", step, page="/")
    assert answer.status_code == 303, answer.text


def undo(client: Browser, page: str) -> int:
    url = re.search(r'formaction="(/dashboards/changes/\d+/undo)"', page)
    assert url
    return client.submit(url[1], page="/").status_code


def test_everybody_begins_with_the_usual_tiles(owner: Browser, agent: Browser) -> None:
    assert shown(owner) == shown(agent) == USUAL
    assert "Good" in owner.get("/").text and 'aria-label="Dashboards"' not in owner.get("/").text


def test_a_person_arranges_for_themselves_and_goes_back(owner: Browser, agent: Browser) -> None:
    place(agent, 3, to="left")
    assert shown(agent)[:3] == ["New contacts this week", "Closings in the next 30 days", "Open pipeline"]
    place(agent, 3, to="down")
    assert shown(agent).index("Closings in the next 30 days") == 3
    place(agent, 3, to="up")
    place(agent, 7, before="1")
    assert shown(agent)[0] == "Jobs"
    place(agent, 7, before="")
    assert shown(agent)[-1] == "Jobs"
    place(agent, 4, wide="3")
    assert 'class="c-p c-w3" id="t4"' in agent.get("/").text
    place(agent, 5, away="1")
    assert "Open deals by stage" not in shown(agent) and shown(owner) == USUAL
    page = agent.get("/dashboards/0/arrange").text
    assert "Left out here" in page and "Put back" in page
    place(agent, 5, back="1")
    assert "Open deals by stage" in shown(agent)
    assert agent.submit("/dashboards/0/reset?for=me", page="/").status_code == 303
    assert shown(agent) == USUAL


def test_a_tile_that_was_taken_away_comes_back_by_undo(app: Flask, world: World, owner: Browser) -> None:
    add_tile(owner, "contact", "bar", title="Types", by="type")
    key = int(re.findall(r'id="t(\d+)"', whole(owner)["Types"])[0])
    place(owner, key, "all", to="up")
    before = shown(owner)
    place(owner, key, "all", away="1")
    taken = owner.get("/dashboards/0/arrange?for=all").text
    assert "“Types” taken away" in taken and "Types" not in shown(owner)
    place(owner, 1, "all", away="1")
    assert undo(owner, taken) == 303
    assert [title for title in before if title != "New contacts this week"] == shown(owner), "at its old place"
    page = owner.get("/dashboards/0/history").text
    assert "Took a change back" in page and "Took the tile “Types” away" in page and "Added the tile “Types”" in page
    with app.app_context(), world.harbour.inside():
        changes = session.scalars(sa.select(Change).where(Change.entity == "dashboard")).all()
        assert [one.operation for one in changes].count("dashboard.undo") == 1
        facts = [str(one.facts) for one in session.scalars(sa.select(Audit).where(Audit.entity == "dashboard"))]
    assert len(facts) == len(changes) and all("'for'" in one or "'change'" in one for one in facts)


def test_what_was_arranged_again_since_is_not_undone(owner: Browser) -> None:
    place(owner, 3, to="left")
    first = owner.get("/dashboards/0/arrange").text
    place(owner, 7, to="up")
    assert undo(owner, first) == 409
    assert shown(owner) != USUAL


def test_a_role_gets_its_own_default(app: Flask, world: World, owner: Browser, agent: Browser) -> None:
    role = str(world.harbour.agent.role_id)
    place(owner, 7, role, before="1")
    add_tile(owner, "contact", "number", title="For agents", whom=role)
    assert shown(agent)[0] == "Jobs" and "For agents" in shown(agent) and shown(owner) == USUAL
    place(agent, 7, before="")
    assert shown(agent)[-1] == "Jobs"
    add_tile(owner, "contact", "number", title="For all")
    assert shown(agent)[-1] == "For all", "what is new is seen by all"
    with app.app_context(), world.harbour.inside():
        copy = roles.create("Field agent", {}, actor=world.harbour.actor("owner")).id
    place(owner, 7, str(copy), before="1")
    with app.app_context(), world.harbour.inside():
        roles.delete(copy, actor=world.harbour.actor("owner"))
        assert copy not in session.scalars(sa.select(DashboardLayer.role_id)).all()


def test_who_may_not_share_changes_their_own_alone(agent: Browser, owner: Browser, world: World) -> None:
    for whom in ("all", str(world.harbour.agent.role_id)):
        answer = agent.submit(f"/dashboards/0/tiles/1/place?for={whom}", {"away": "1"}, page="/")
        assert answer.status_code == 403 and "Arrange the dashboard for yourself" in answer.text
        assert add_tile(agent, "contact", "number", whom=whom).status_code == 403
        assert agent.submit(f"/dashboards/0/reset?for={whom}", page="/").status_code == 403
    assert "Everybody" not in agent.get("/dashboards/0/arrange").text
    add_tile(agent, "contact", "number", title="My people", whom="me")
    assert "My people" in shown(agent) and "My people" not in shown(owner)
    assert "My people" not in owner.get("/dashboards/0/history").text
    place(agent, 1, away="1")
    theirs = agent.get("/dashboards/0/arrange").text
    assert undo(owner, theirs) == 404 and undo(agent, theirs) == 303


def test_an_agent_changes_a_tile_of_everybodys_for_themselves(owner: Browser, agent: Browser) -> None:
    form = agent.get("/dashboards/0/tiles/2/edit").text
    assert 'value="Open pipeline"' in form and "selected>Sum of price" in form
    sent = {"source": "deal", "kind": "number", "query": "f=closed_on:empty", "title": "My pipeline", "for": "me"}
    assert agent.submit("/dashboards/0/tiles/2/edit", sent).status_code == 303
    assert shown(agent)[1] == "My pipeline" and shown(owner) == USUAL


def test_dashboards_are_named_shared_and_deleted(app: Flask, world: World, owner: Browser, agent: Browser) -> None:
    assert agent.submit("/dashboards/new", {"name": "East", "audience": "workspace"}).status_code == 403
    made = agent.submit("/dashboards/new", {"name": "East", "audience": "team"}).location
    key = int(re.findall(r"\d+", made)[0])
    add_tile(agent, "contact", "number", key, title="Ours")
    assert "No tiles yet" in agent.get(made).text or "Ours" in shown(agent, made)
    colleague = browser(app, world.harbour.colleague)
    assert "Ours" in shown(colleague, made) and ">East</a>" in colleague.get("/").text
    for who in ("stranger", "owner"):
        assert browser(app, world.harbour.people[who]).get(made).status_code == 404, who
    assert colleague.submit(f"/dashboards/{key}/delete", page="/").status_code == 403
    assert agent.submit("/dashboards/new", {"name": "east", "audience": "private"}).status_code == 422
    assert agent.submit(f"/dashboards/{key}/settings", {"name": "East side", "audience": "team"}).status_code == 303
    gone = agent.submit(f"/dashboards/{key}/delete", page="/")
    assert gone.status_code == 303 and colleague.get(made).status_code == 404
    assert undo(agent, agent.get("/dashboards/").text) == 303
    assert ">East side</a>" in colleague.get("/").text and "Ours" in shown(colleague, made)
    assert owner.submit("/dashboards/0/delete", page="/").status_code == 422


def test_a_new_dashboard_teaches_what_a_tile_is(owner: Browser) -> None:
    made = owner.submit("/dashboards/new", {"name": "Empty", "audience": "private"}).location
    assert "A tile shows a number, a chart" in owner.get(made).text
    assert "A tile shows a number, a chart" in owner.get(f"{made}/arrange").text
    assert "Whatever is moved" in owner.get("/dashboards/0/history").text

"""What opens from the menu: one's own choice, else the role's, else the screen's; what is gone is passed over."""

from __future__ import annotations

import re

import pytest
from flask import Flask

from app.services import members, roles
from tests.contracts import state
from tests.factories import Browser, World, browser
from tests.web.test_saved_views import keep


@pytest.fixture
def owner(app: Flask, world: World) -> Browser:
    return browser(app, world.harbour.owner)


@pytest.fixture
def agent(app: Flask, world: World) -> Browser:
    return browser(app, world.harbour.agent)


def opens(client: Browser, label: str = "Contacts") -> str:
    """Where the menu leads."""
    page = client.get("/").text
    found = re.search(rf'class=c-nav href="([^"]*)"[^<]*<svg[^<]*<use[^<]*</svg><span>{label}</span>', page)
    assert found, page
    return found[1].replace("&amp;", "&")


def view(client: Browser, name: str, audience: str) -> str:
    """The id of a new view."""
    return str(keep(client, "sort=name", name, audience).location).partition("view=")[2]


def choose(client: Browser, choice: str, role: int | str = "", at: str = "contacts") -> int:
    return int(client.submit(f"/{at}/views/first", {"view": choice, "role": str(role)}).status_code)


def test_ones_own_choice_opens_from_the_menu(owner: Browser, agent: Browser) -> None:
    assert opens(owner) == "/contacts/"
    key = view(owner, "By name", "private")
    assert choose(owner, key) == 303
    assert opens(owner) == f"/contacts/?view={key}"
    assert f'<option value="{key}" selected>By name' in owner.get("/contacts/views").text
    assert opens(agent) == "/contacts/"
    assert choose(owner, "") == 303
    assert opens(owner) == "/contacts/"


def test_the_plain_list_can_be_chosen_over_the_screens_first_view(owner: Browser) -> None:
    assert opens(owner, "Tasks").startswith("/tasks/?f=state:is:open")
    choose(owner, "list", at="tasks")
    assert opens(owner, "Tasks") == "/tasks/"


def test_a_role_starts_with_a_view_until_somebody_chooses(
    app: Flask, world: World, owner: Browser, agent: Browser
) -> None:
    key, role = view(owner, "For agents", "workspace"), world.harbour.agent.role_id
    assert choose(owner, key, role) == 303
    assert opens(agent) == f"/contacts/?view={key}" and opens(owner) == "/contacts/"
    choose(agent, "list")
    assert opens(agent) == "/contacts/"
    assert opens(browser(app, world.harbour.colleague)) == f"/contacts/?view={key}"
    choose(agent, "")
    assert opens(agent) == f"/contacts/?view={key}"


def test_what_is_gone_or_not_shared_any_more_is_passed_over(world: World, owner: Browser, agent: Browser) -> None:
    shared, mine = view(owner, "Shared", "workspace"), view(agent, "Mine", "private")
    choose(owner, shared, world.harbour.agent.role_id)
    choose(agent, mine)
    assert opens(agent) == f"/contacts/?view={mine}"
    agent.submit(f"/contacts/views/{mine}/delete")
    assert opens(agent) == f"/contacts/?view={shared}"
    assert keep(owner, f"view={shared}~&sort=name", "Shared", "private").status_code == 303
    assert opens(agent) == "/contacts/"
    assert agent.get("/contacts/views").status_code == 200


def test_who_may_not_customise_sets_nothing_for_a_role(
    app: Flask, world: World, owner: Browser, agent: Browser
) -> None:
    key = view(owner, "Everybody's", "workspace")
    assert choose(agent, key, world.harbour.agent.role_id) == 403
    assert "For each role" not in agent.get("/contacts/views").text
    assert "For each role" in owner.get("/contacts/views").text
    private = view(owner, "Mine alone", "private")
    refused = owner.submit("/contacts/views/first", {"view": private, "role": str(world.harbour.agent.role_id)})
    assert refused.status_code == 422 and "Share" in refused.text
    assert choose(agent, private) == 404
    assert choose(agent, "no view") == 422


def test_nothing_crosses_the_wall(app: Flask, world: World, owner: Browser) -> None:
    key = view(owner, "Harbour's", "workspace")
    summit = browser(app, world.summit.owner)
    assert choose(summit, key) == 404
    assert choose(summit, "list", world.harbour.agent.role_id) == 404
    assert choose(owner, key, world.summit.agent.role_id) == 404
    assert opens(summit) == "/contacts/"


def test_choices_are_audited_and_go_with_the_person_and_the_role(app: Flask, world: World, owner: Browser) -> None:
    agent = browser(app, world.harbour.agent)
    choose(agent, "list")
    with app.app_context(), world.harbour.inside():
        actor = world.harbour.actor("owner")
        role = roles.create("Juniors", actor.rights, actor=actor).id
    choose(owner, "list", role)
    with app.app_context():
        assert {r["role_id"] for r in state.rows("first_view")} == {None, role}
        assert {r["action"] for r in state.rows("audit") if r["action"].startswith("view.first")} == {
            "view.first",
            "view.first_of_role",
        }
        with world.harbour.inside():
            roles.delete(role, actor=world.harbour.actor("owner"))
            members.remove(world.harbour.agent.membership_id, actor=world.harbour.actor("owner"))
        assert state.rows("first_view") == []

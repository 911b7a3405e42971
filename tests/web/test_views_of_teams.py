"""Views that teams share: one who arranges the back office, but no teams, has to do with those of their own team and of
everybody, whichever way they come.
"""

from __future__ import annotations

import io
import re
from dataclasses import replace

import orjson
import pytest
from flask import Flask

from app.errors import Forbidden
from app.services import api_keys, members, roles, saved_views
from app.services.setup import apply, capture, plan, states
from models.base import session
from models.scope import Reach
from models.workspace import Membership
from tests.factories import Browser, Office, World, browser
from tests.setup_kit import dry_run, exported, with_part

HOME = "/customise/setup"


def shared(office: Office) -> dict[str, int]:
    """A view of each audience, by people of both teams and the owner; makes the colleague one who arranges."""
    with office.inside():
        owner = office.actor()
        kept = {
            "ours": saved_views.save("contact", "East side", "f=stage:is:new", "team", actor=office.actor("agent")),
            "theirs": saved_views.save("contact", "West secret", "f=stage:is:lost", "team",
                                       actor=office.actor("stranger")),
            "everybody's": saved_views.save("contact", "All new", "f=stage:is:new", "workspace", actor=owner),
            "private": saved_views.save("contact", "Olive alone", "f=stage:is:new", "private", actor=owner),
        }  # fmt: skip
        rights = {entity: {"write": Reach.WORKSPACE} for entity in ("view", "custom_field")}
        rights["contact"] = {"read": Reach.OWN, "write": Reach.OWN}
        role = roles.create("Arranger", rights, actor=owner)
        carl = office.colleague
        members.change(carl.membership_id, role_id=role.id, team_id=carl.team_id, actor=owner)
        office.people["colleague"] = replace(carl, role_id=role.id)
    return kept


def names_of(client: Browser) -> set[str]:
    return {name for name in ("East side", "West secret", "All new", "Olive alone") if name in client.get(HOME).text}


def test_the_pages_show_and_change_the_views_of_ones_own_team(app: Flask, world: World) -> None:
    with app.app_context():
        kept = shared(world.harbour)
    carl = browser(app, world.harbour.colleague)
    listed = carl.get("/contacts/").text
    assert "East side" in listed and "All new" in listed
    assert "West secret" not in listed and "Olive alone" not in listed
    assert names_of(carl) == {"East side", "All new"}, "of the history, as of the lists"
    assert names_of(browser(app, world.harbour.owner)) == {"East side", "West secret", "All new"}
    for name, status in (("theirs", 404), ("private", 404), ("ours", 403), ("everybody's", 303)):
        assert carl.submit(f"/contacts/views/{kept[name]}/delete", page="/contacts/").status_code == status, name
    assert carl.get(f"/contacts/?view={kept['theirs']}").text.count("West secret") == 0


def test_no_address_of_rest_leads_to_views(app: Flask, world: World) -> None:
    with app.app_context():
        kept = shared(world.harbour)
        with world.harbour.inside():
            owner = world.harbour.actor()
            member = session.get(Membership, owner.membership_id)
            _row, text = api_keys.create(member, "Key", ["*:read", "*:write", "*:delete"], 30, actor=owner)
    headers = {"Authorization": f"Bearer {text}"}
    for entity in ("saved_view", "view"):
        for method in ("get", "put", "patch", "delete"):
            answer = getattr(app.test_client(), method)(f"/api/v1/{entity}/{kept['theirs']}", headers=headers, json={})
            assert answer.status_code == 404, (entity, method)


def test_a_file_and_a_return_leave_the_views_of_other_teams_alone(app: Flask, world: World) -> None:
    office = world.harbour
    with app.app_context(), office.inside():
        first = states.newest()
        kept = shared(office)
        owner, arranger = office.actor(), office.actor("colleague")
        whole, part = exported(owner), exported(arranger)
        assert b"West secret" in whole and b"West secret" not in part and b"East side" in part
        assert first is not None
        back = plan.of_state(capture.take(), states.unpacked(first.document), actor=arranger)
        assert back.apart and {step.label for step in back.steps if step.part == "views"} == {"East side", "All new"}
        renamed = whole.replace(b"West secret", b"Carl was here")
        found = dry_run(renamed, arranger)
        assert found.apart and not [step for step in found.steps if step.part == "views"]
        assert [step.label for step in dry_run(renamed, owner).steps] == ["Carl was here"], "the owner may"
        apply.return_to(first.id, actor=arranger)
        assert [view.name for view in saved_views.seen("contact", actor=office.actor("stranger"))] == ["West secret"]
        with pytest.raises(Forbidden):
            saved_views.take_away("contact", kept["theirs"], actor=arranger)
        for audience, team in (("team", office.teams["west"]), ("private", None)):
            with pytest.raises(Forbidden):
                saved_views.place("contact", None, "Planted", "", audience, team, actor=arranger)
        with pytest.raises(Forbidden):
            saved_views.place("contact", kept["private"], "Taken", "", "workspace", None, actor=arranger)


def test_a_file_with_a_view_for_another_team_says_so(app: Flask, world: World) -> None:
    with app.app_context():
        shared(world.harbour)
        with world.harbour.inside():
            data = exported(world.harbour.actor())
    views = orjson.loads(data)["views"]
    planted = [one | {"key": "planted", "name": "Planted"} for one in views["contact"] if one["name"] == "West secret"]
    carl = browser(app, world.harbour.colleague)
    sent = carl.submit(
        f"{HOME}/import", {"file": (io.BytesIO(with_part(data, views={"contact": planted})), "a.json")}, page=HOME,
        content_type="multipart/form-data",
    )  # fmt: skip
    page = carl.get(sent.location).text
    assert "shared with a team that you are not in" in page and "Views of other teams" in page.replace("views", "Views")
    assert re.findall(r'name="take" value="views:contact/planted" checked', page) == []
    assert carl.submit(sent.location, {"take": "views:contact/planted"}).status_code == 422

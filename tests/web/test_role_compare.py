"""Two roles side by side, and what another role changes for a person before they get it."""

from __future__ import annotations

import html
import re

from flask import Flask

from app import permissions
from app.services import field_rights, role_differences, roles, schema
from tests.factories import SYSTEM, Browser, World, sign_in


def rows(page: str) -> list[tuple[str, ...]]:
    """The rows of the comparison as texts."""
    found = re.findall(r"<tr>(.*?)</tr>", html.unescape(page), re.DOTALL)
    return [tuple(re.sub(r"<[^>]+>", "", c).strip() for c in re.findall(r"<t[hd].*?</t[hd]>", r)) for r in found]


def test_only_what_differs_is_shown(app: Flask, client: Browser, world: World) -> None:
    office = world.harbour
    with app.app_context(), office.inside():
        field_rights.limit(office.agent.role_id, "contact", {"budget_max": schema.HIDDEN}, actor=SYSTEM)
    sign_in(client, office.owner)
    page = client.get(f"/settings/roles/compare?a={office.agent.role_id}&b={office.assistant.role_id}").text
    found = rows(page)
    assert ("Read", "Own", "more: Team") in found and ("Write", "No", "more: All") in found
    assert any(r[0].startswith("Field “Budget") and r[1:] == ("Does not see", "more: Sees and changes") for r in found)
    assert ("Delete", "Own", "less: Own") not in found and "API keys" not in page.partition("<table")[2]
    same = client.get(f"/settings/roles/compare?a={office.owner.role_id}&b={office.admin.role_id}").text
    assert "may do the same and see the same fields" in same


def test_the_comparison_is_complete(app: Flask, world: World) -> None:
    """What is not named as different is the same: the first role with the differences put in is the second."""
    with app.app_context(), world.harbour.inside():
        every = roles.of_workspace()
        for one in every:
            for other in every:
                merged = {e: dict(actions) for e, actions in roles.current_rights(one).items()}
                for d in role_differences.between(one, other).rights:
                    merged.setdefault(d.entity, {}).pop(d.action, None)
                    if d.second is not None:
                        merged[d.entity][d.action] = d.second
                wanted = roles.current_rights(other)
                for entity, actions in permissions.subjects().items():
                    for action in actions:
                        assert merged.get(entity, {}).get(action) is wanted.get(entity, {}).get(action)


def test_an_admin_sees_what_a_new_role_changes_and_may_still_turn_back(client: Browser, world: World) -> None:
    office = world.harbour
    sign_in(client, office.owner)
    page = f"/settings/members/{office.assistant.membership_id}"
    wanted = {"role_id": str(office.agent.role_id), "team_id": str(office.teams["east"])}
    asked = client.submit(page, wanted, page=page)
    assert "Make Amy Assist Agent" in asked.text
    assert ("Read", "Team", "less: Own") in rows(asked.text)
    listed = client.get("/settings/members").text
    assert "Assistant" in listed
    only_team = {"role_id": str(office.assistant.role_id), "team_id": str(office.teams["west"])}
    assert client.submit(page, only_team).status_code == 303, "a new team asks nothing"
    client.submit(page, {**wanted, "confirmed": "1"})
    after = client.get(f"/settings/roles/why?member={office.assistant.membership_id}&entity=contact&act=read")
    assert "The role Agent includes" in after.text


def test_nobody_previews_what_they_could_not_give(client: Browser, world: World) -> None:
    office = world.harbour
    sign_in(client, office.admin)
    page = f"/settings/members/{office.agent.membership_id}"
    owner = {"role_id": str(office.owner.role_id), "team_id": ""}
    assert client.submit(page, owner, page=page).status_code == 403
    sign_in(client, office.agent)
    assert client.get("/settings/roles/compare").status_code == 403


def test_roles_of_the_other_brokerage_are_not_compared(client: Browser, world: World) -> None:
    sign_in(client, world.harbour.owner)
    theirs = world.summit.agent.role_id
    page = client.get(f"/settings/roles/compare?a={theirs}&b={theirs}").text
    assert f'value="{theirs}"' not in page
    member = f"/settings/members/{world.harbour.agent.membership_id}"
    assert client.submit(member, {"role_id": str(theirs), "team_id": ""}, page=member).status_code == 404

"""Whole rows and columns of a role's matrix at once: filled in by the server, saved only with Save, within what the
editor may give."""

from __future__ import annotations

import re
from typing import Any

from flask import Flask

from app import permissions
from app.services import members, roles
from models.scope import Reach
from tests.factories import SYSTEM, Browser, World, sign_in


def a_role(app: Flask, world: World, rights: Any = None) -> int:
    with app.app_context(), world.harbour.inside():
        made = roles.create("Field office", rights or {"contact": {"read": Reach.TEAM}}, actor=SYSTEM)
        return int(made.id)


def cells(page: str) -> dict[str, str]:
    """What the form would send: each right with the option that is chosen."""
    found = re.findall(r'<select class="[^"]*" name="(right-[^"]+)".*?</select>', page, re.DOTALL)
    texts = {n: re.search(rf'name="{n}".*?</select>', page, re.DOTALL) for n in found}
    chosen = {n: re.search(r'value="([^"]*)" selected', t.group(0)) for n, t in texts.items() if t}
    return {n: c.group(1) if c else "" for n, c in chosen.items()}


def granted(app: Flask, world: World, key: int) -> Any:
    with app.app_context(), world.harbour.inside():
        return roles.current_rights(roles.get(key))


def test_a_column_and_a_row_are_filled_and_then_saved(app: Flask, client: Browser, world: World) -> None:
    key = a_role(app, world)
    sign_in(client, world.harbour.owner)
    url = f"/settings/roles/{key}"
    sent = cells(client.get(url).text)
    assert sent["right-contact-read"] == "team"
    asked = {"fill": "1", "column-record-read": "own", "row-deal": "team", "column-area-read": "keep"}
    page = client.submit(url, {**sent, **asked}).text
    filled = cells(page)
    assert "Nothing is saved yet" in page and granted(app, world, key) == {"contact": {"read": "team"}}
    assert filled["right-contact-read"] == "own" and filled["right-task-read"] == "own"
    assert {filled[f"right-deal-{a}"] for a in permissions.ACTIONS} == {"team"}, "a row counts before a column"
    assert filled["right-stage-read"] == "" and "stayed as they were" in page, "nobody owns a stage"
    assert filled["right-audit-read"] == "" and filled["right-contact-write"] == ""
    assert client.submit(url, filled).status_code == 303
    assert granted(app, world, key)["deal"] == dict.fromkeys(permissions.ACTIONS, Reach.TEAM)


def test_a_row_is_emptied(app: Flask, client: Browser, world: World) -> None:
    key = a_role(app, world, {"contact": dict.fromkeys(permissions.ACTIONS, Reach.OWN), "task": {"read": Reach.OWN}})
    sign_in(client, world.harbour.owner)
    url = f"/settings/roles/{key}"
    filled = cells(client.submit(url, {**cells(client.get(url).text), "fill": "1", "row-contact": ""}).text)
    client.submit(url, filled)
    assert granted(app, world, key) == {"task": {"read": "own"}}


def test_nobody_fills_in_more_than_they_have(app: Flask, client: Browser, world: World) -> None:
    office = world.harbour
    key = a_role(app, world, {"contact": {"read": Reach.OWN}})
    with app.app_context(), office.inside():
        rights = {"contact": {"read": Reach.TEAM}, "role": {"read": Reach.WORKSPACE, "write": Reach.WORKSPACE}}
        limited = roles.create("Half an admin", rights, actor=SYSTEM)
        members.change(office.reader.membership_id, role_id=limited.id, team_id=None, actor=SYSTEM)
    sign_in(client, office.reader)
    url = f"/settings/roles/{key}"
    sent = cells(client.get(url).text)
    every = {f"column-record-{a}": "workspace" for a in permissions.ACTIONS}
    filled = cells(client.submit(url, {**sent, "fill": "1", **every}).text)
    assert (
        filled["right-contact-read"] == "own" and not filled["right-contact-export"] and not filled["right-deal-read"]
    )
    filled = cells(client.submit(url, {**sent, "fill": "1", "row-contact": "team"}).text)
    assert filled["right-contact-read"] == "team" and not filled["right-contact-write"]
    forged = client.submit(url, {**sent, "right-contact-export": "workspace"})
    assert forged.status_code == 403
    assert granted(app, world, key) == {"contact": {"read": "own"}}


def test_built_in_roles_and_other_brokerages_are_not_filled(app: Flask, client: Browser, world: World) -> None:
    sign_in(client, world.harbour.owner)
    page = client.get(f"/settings/roles/{world.harbour.agent.role_id}").text
    assert "Whole row" not in page and "Fill in" not in page
    theirs = f"/settings/roles/{world.summit.agent.role_id}"
    assert client.submit(theirs, {"fill": "1", "row-contact": "workspace"}).status_code == 404

"""What the explainer says is what happens: its verdict on every entity, act, person and record of the world is held to
what pages and REST really answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

from app import permissions
from app.errors import Invalid, NotFound
from app.services import explain, field_rights, members, roles, schema
from models import registry, scope
from models.scope import Reach
from tests.contracts import samples, walk
from tests.contracts.conftest import Program, program
from tests.contracts.samples import SUMMIT_ID
from tests.contracts.test_permission_matrix import _CASES, _RULED, RULED, _exported, _hand_over, _seen, _undelete, cast
from tests.factories import SYSTEM, Browser, World, sign_in
from views import why
from views.screen import Screen, screens


def explained(app: Flask, world: World, who: str, entity: str, act: str, **more: Any) -> explain.Answer:
    """The answer that the owner of Summit gets; it holds no reason against what it allows, and one where it refuses."""
    spec = screens().get(entity)
    with app.app_context(), world.summit.inside():
        owner = world.summit.actor("owner")
        asked = explain.Question(
            world.summit.people[who].membership_id, entity, act, why._words, offered=why._offered(spec, act), **more
        )
        with scope.seen_as(owner.role_id):
            found = explain.answer(asked, actor=owner)
    assert found.allowed is all(step.good for step in found.steps), found
    return found


def happens(app: Flask, spec: Screen, browser: Browser, key: Program) -> Iterator[tuple[str, bool]]:
    """(act, whether it really goes), on the planted record."""
    base = f"/api/v1/{spec.entity}/"
    yield "read", _seen(browser.get(spec.url(SUMMIT_ID))) == "shown"
    yield "add", _seen(key.post(base, json={})) == "shown"
    yield "write", _seen(key.patch(f"{base}{SUMMIT_ID}", json={})) == "shown"
    yield "export", _exported(browser.submit(spec.url(page="export.csv"))) == "shown"
    gone = _seen(key.delete(f"{base}{SUMMIT_ID}")) == "shown"
    _undelete(app, spec.model)
    yield "delete", gone


def differences(app: Flask, world: World, who: str, whose: str) -> list[str]:
    person, _ = cast(app, world, who)
    with app.app_context():
        _hand_over(world.summit, person, whose)
    who_, who = who, "agent" if who in RULED else who
    browser = app.test_client()
    assert isinstance(browser, Browser)
    sign_in(browser, person)
    browser.get("/account/")
    key = program(app, world.summit, who)
    found = []
    for spec in screens().values():
        for act, real in happens(app, spec, browser, key):
            said = explained(app, world, who, spec.entity, act, record_id=SUMMIT_ID).allowed
            if said is not real:
                found.append(f"{who_}, {whose}: {act} {spec.entity} is {real}, the explainer says {said}")
    return found


@pytest.mark.parametrize(("who", "whose"), [*_CASES, *_RULED])
def test_what_is_explained_is_what_happens(app: Flask, twins: World, who: str, whose: str) -> None:
    found = differences(app, twins, who, whose)
    assert not found, walk.report(found, "answers are wrong")


def test_the_contract_sees_an_explainer_that_reads_the_rules_anew(
    app: Flask, twins: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that looks at the role alone and forgets whose the record is."""

    def copied(case: Any) -> bool:
        return all(permissions.reach(case.them, right, case.asked.ruling) for right in case.asked.rights)

    monkeypatch.setattr(explain, "_decided", copied)
    with pytest.raises(AssertionError, match="belongs to"):
        differences(app, twins, "agent", "other")


def test_areas_are_explained_as_their_pages_answer(app: Flask, twins: World) -> None:
    pages = {
        ("workspace", "read"): "/settings/workspace", ("role", "read"): "/settings/roles",
        ("job", "read"): "/jobs/",
        ("import", "write"): "/contacts/import",
        ("api_key", "read"): "/account/keys", ("audit", "read"): "/compliance/",
    }  # fmt: skip
    for who in twins.summit.people:
        browser = app.test_client()
        sign_in(browser, twins.summit.people[who])
        for (area, act), url in pages.items():
            answer = browser.get(url)
            if area == "job" and answer.status_code == 200 and who not in ("owner", "admin", "broker", "compliance"):
                continue  # everybody has a page for their own jobs; the right is about all of them
            assert explained(app, twins, who, area, act).allowed is (answer.status_code in (200, 303)), (who, url)


@pytest.mark.parametrize("entity", [s.entity for s in screens().values()])
@pytest.mark.parametrize("level", [schema.READ, schema.HIDDEN])
def test_fields_are_explained_as_rest_takes_them(app: Flask, twins: World, entity: str, level: str) -> None:
    spec, person = screens()[entity], twins.summit.broker
    with app.app_context(), twins.summit.inside():
        known = field_rights.limitable(spec.model)
        wanted = {n: level for i, (n, (_, levels)) in enumerate(known.items()) if level in levels and i % 2}
        field_rights.limit(person.role_id, entity, wanted, actor=SYSTEM)
        every = explain.fields(entity)
    key = program(app, twins.summit, "broker")
    shown = key.get(f"/api/v1/{entity}/{SUMMIT_ID}").get_json()
    for name in every:
        seen = explained(app, twins, "broker", entity, "see", field=name, record_id=SUMMIT_ID).allowed
        assert seen is (name in shown), name
        if name == "version":
            continue  # in REST it says which version one saw
        answer = key.patch(f"/api/v1/{entity}/{SUMMIT_ID}", json={name: {"no": "value"}})
        refused = answer.status_code == 403 or "not a field that can be set" in answer.text
        changes = explained(app, twins, "broker", entity, "change", field=name, record_id=SUMMIT_ID).allowed
        assert changes is not refused, (name, answer.text)


def test_a_key_is_explained_by_its_scopes(app: Flask, twins: World) -> None:
    held = program(app, twins.summit, "broker", ["contact:read", "task:write"])
    with app.app_context(), twins.summit.inside():
        (key,) = explain.keys(twins.summit.broker.membership_id, actor=twins.summit.actor("owner"))
        number = key.id
    for entity in ("contact", "task", "contact_email"):
        for act, real in (
            ("read", held.get(f"/api/v1/{entity}/").status_code == 200),
            ("add", held.post(f"/api/v1/{entity}/", json={}).status_code != 403),
            ("write", held.patch(f"/api/v1/{entity}/{SUMMIT_ID}", json={}).status_code == 200),
        ):
            assert explained(app, twins, "broker", entity, act, key_id=number).allowed is real, (entity, act)


def test_a_role_of_ones_own_is_explained_without_the_right_to_read(app: Flask, twins: World) -> None:
    with app.app_context(), twins.summit.inside():
        rights = {"contact": {"write": Reach.WORKSPACE, "export": Reach.WORKSPACE}}
        role = roles.create("Blind", rights, actor=SYSTEM)
        members.change(twins.summit.reader.membership_id, role_id=role.id, team_id=None, actor=SYSTEM)
    key = program(app, twins.summit, "reader")
    assert key.patch(f"/api/v1/contact/{SUMMIT_ID}", json={}).status_code == 403
    assert not explained(app, twins, "reader", "contact", "write", record_id=SUMMIT_ID).allowed


def test_nothing_of_the_other_brokerage_is_explained(app: Flask, twins: World) -> None:
    with app.app_context(), twins.summit.inside():
        owner = twins.summit.actor("owner")
        theirs = twins.harbour.agent.membership_id
        with pytest.raises(NotFound):
            explain.answer(explain.Question(theirs, "contact", "read", why._words), actor=owner)
        for entity in registry.entities():
            asked = explain.Question(owner.membership_id or 0, entity, "read", why._words, record_id=samples.HARBOUR_ID)
            with pytest.raises(NotFound):
                explain.answer(asked, actor=owner)
        with pytest.raises(Invalid):
            explain.answer(explain.Question(owner.membership_id or 0, "contact", "fly", why._words), actor=owner)

"""Changing fields in a list and changing many records at once are rights of their own: who lacks them works one record
at a time, in its form, and is told so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from app import permissions
from app.errors import Forbidden
from app.services import batches, cells, members, records, roles, verbs
from app.services.imports import batches as imports
from jobs import bulk, runner
from jobs.run import Run
from models.base import session
from models.contact import Contact
from models.job import Job
from models.scope import Actor, Reach, Rights
from models.workspace import Membership
from tests import rules_kit
from tests.contracts.conftest import program
from tests.factories import SYSTEM, Browser, World, browser
from tests.factories_batches import bring

ALL = Reach.WORKSPACE
WORKS = {
    **{name: {"read": ALL, "write": ALL, "delete": ALL} for name in ("contact", "deal")},
    **{name: {"read": ALL} for name in ("membership", "stage", "pipeline", "role", "team")},
}
MANY: Mapping[str, Mapping[str, Reach]] = {"bulk": {"write": ALL, "delete": ALL}}
IN_PLACE: Mapping[str, Mapping[str, Reach]] = {"inline": {"write": ALL}}
SET = {"confirmed": "1", "asked": ["field", "value"], "field": "next_step", "value": "Call"}


def in_role(app: Flask, world: World, rights: Rights) -> Browser:
    """The agent of Harbour, in a role with these rights."""
    with app.app_context(), world.harbour.inside():
        rules_kit.give(world.harbour, roles.create("Front desk", rights, actor=SYSTEM).id)
    return browser(app, world.harbour.agent)


def agent(world: World) -> Actor:
    """The agent with what the role gives now."""
    role = session.scalar(sa.select(Membership.role_id).where(Membership.id == world.harbour.agent.membership_id))
    assert role is not None
    return replace(world.harbour.actor("agent"), role_id=role, rights=permissions.read_rights(role))


def take_away(app: Flask, world: World) -> None:
    with app.app_context(), world.harbour.inside():
        role = next(one for one in roles.of_workspace() if one.label == "Front desk")
        roles.update(role.id, "Front desk", WORKS, actor=SYSTEM)


def everybody(world: World) -> list[str]:
    return [str(key) for key in world.harbour.contacts.values()]


def next_steps(world: World) -> set[str | None]:
    return {session.get(Contact, key).next_step for key in world.harbour.contacts.values()}


# Without the rights


def test_lists_offer_neither_and_every_door_says_what_is_missing(app: Flask, world: World) -> None:
    desk = in_role(app, world, WORKS)
    page = desk.get("/contacts/").text
    assert "name=ids" not in page and "Bulk actions" not in page and "cells.js" not in page and "data-e=" not in page
    board = desk.get("/deals/?display=board").text
    assert "c-board" in board and "draggable" not in board and "board.js" not in board
    key = world.harbour.contacts["Eli Moreno"]
    for verb in ("set", "assign", "delete"):
        for ids in (everybody(world), [str(key)]):
            refused = desk.submit(f"/contacts/bulk/{verb}", {"ids": ids, **SET})
            assert refused.status_code == 403 and "changing many records at once" in refused.text, (verb, ids)
    assert "/settings/roles/why?entity=bulk&amp;act=write" in desk.submit("/contacts/bulk/set", {"ids": key}).text
    cell = f"/contacts/{key}/cell/next_step"
    for refused in (desk.get(cell), desk.submit(cell, {"next_step": "Call", "version": "1"})):
        assert refused.status_code == 403 and "changing fields in a list" in refused.text
    with app.app_context(), world.harbour.inside():
        assert next_steps(world) == {None}
        with pytest.raises(Forbidden, match="in a list"):
            cells.change(Contact, key, "next_step", "Call", version=None, actor=agent(world))


def test_one_record_at_a_time_everything_else_goes_on(app: Flask, world: World) -> None:
    desk, key = in_role(app, world, WORKS), world.harbour.contacts["Eli Moreno"]
    typed = {"name": "Eli Moreno", "type": "buyer", "stage": "new", "lawful_basis": "consent", "version": "1"}
    assert desk.submit(f"/contacts/{key}/edit", {**typed, "next_step": "Call"}).status_code == 302
    member = str(world.harbour.colleague.membership_id)
    assert desk.submit(f"/contacts/{key}/do/assign", {"owner_id": member, "confirmed": "1"}).status_code == 302
    assert desk.submit(f"/contacts/{key}/do/delete", {"confirmed": "1"}).status_code == 302
    with app.app_context(), world.harbour.inside():
        assert key not in session.scalars(sa.select(Contact.id)).all()


def test_each_right_opens_its_own_door(app: Flask, world: World) -> None:
    desk = in_role(app, world, {**WORKS, **IN_PLACE})
    page = desk.get("/contacts/").text
    assert "cells.js" in page and "name=ids" not in page
    key = world.harbour.contacts["Eli Moreno"]
    assert desk.submit(f"/contacts/{key}/cell/next_step", {"next_step": "Ring", "version": "1"}).status_code == 303
    take_away(app, world)
    with app.app_context(), world.harbour.inside():
        role = next(one for one in roles.of_workspace() if one.label == "Front desk")
        roles.update(role.id, "Front desk", {**WORKS, "bulk": {"write": ALL}}, actor=SYSTEM)
    page = desk.get("/contacts/").text
    assert "cells.js" not in page and "/contacts/bulk/set" in page and "/contacts/bulk/delete" not in page
    assert desk.submit("/contacts/bulk/set", {"ids": everybody(world), **SET}).status_code == 302
    assert desk.submit("/contacts/bulk/delete", {"ids": everybody(world), "confirmed": "1"}).status_code == 403


def test_programs_need_it_in_the_role_and_in_the_scopes(app: Flask, world: World) -> None:
    in_role(app, world, WORKS)
    body, url = {"create": [{"name": "Nina Novak"}]}, "/api/v1/contact/_bulk"
    without = program(app, world.harbour, "agent")
    assert without.post("/api/v1/contact/", json=body["create"][0]).status_code == 201
    refused = without.post(url, json=body)
    assert refused.status_code == 403 and "changing many records at once" in refused.json["detail"]
    narrow = program(app, world.harbour, "owner", ["contact:write", "contact:delete", "bulk:write"])
    assert narrow.post(url, json=body).status_code == 200
    gone = narrow.post(url, json={"delete": [world.harbour.contacts["Eli Moreno"]]})
    assert gone.status_code == 403 and "delete" in gone.json["detail"]
    none = program(app, world.harbour, "owner", ["contact:write"])
    assert none.post(url, json=body).status_code == 403


# Losing the right


def test_a_job_ends_where_the_right_was_taken_away(app: Flask, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    in_role(app, world, {**WORKS, **MANY})
    with app.app_context(), world.harbour.inside():
        ids = [records.create(Contact, {"name": f"P {n}"}, actor=SYSTEM).id for n in range(6)]
        monkeypatch.setattr(verbs, "INLINE", 2)
        monkeypatch.setattr(bulk, "_CHUNK", 2)
        answers = {"field": "next_step", "value": "Call"}
        made = verbs.run(Contact, verbs.find("contact", "set"), ids, answers, actor=agent(world))
        whole = Run.progress

        def progress(self: Run, done: int, *more: Any) -> None:
            whole(self, done, *more)
            if done == 2:
                take_away(app, world)

        monkeypatch.setattr(Run, "progress", progress)
        runner.drain(app)
        session.expire_all()
        assert made.job is not None
        job = session.get(Job, made.job.id)
        assert job.state == "refused" and "changing many records at once" in job.error, (job.state, job.error)
        assert [session.get(Contact, key).next_step for key in ids] == ["Call"] * 2 + [None] * 4


def test_a_job_ends_where_its_person_leaves(app: Flask, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with app.app_context(), world.harbour.inside():
        ids = [records.create(Contact, {"name": f"P {n}"}, actor=SYSTEM).id for n in range(4)]
        monkeypatch.setattr(verbs, "INLINE", 2)
        monkeypatch.setattr(bulk, "_CHUNK", 2)
        made = verbs.run(Contact, verbs.find("contact", "delete"), ids, {}, actor=world.harbour.actor("broker"))
        whole = Run.progress

        def progress(self: Run, done: int, *more: Any) -> None:
            whole(self, done, *more)
            if done == 2:
                members.remove(world.harbour.broker.membership_id, actor=world.harbour.actor("owner"))

        monkeypatch.setattr(Run, "progress", progress)
        runner.drain(app)
        session.expire_all()
        assert made.job is not None
        assert session.get(Job, made.job.id).state == "refused"
        assert session.scalars(sa.select(Contact.id).where(Contact.id.in_(ids)).order_by(Contact.id)).all() == ids[2:]


def test_taking_an_import_back_takes_the_right_to_import_alone(
    app: Flask, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_role(app, world, {**WORKS, "import": {"write": ALL}})
    monkeypatch.setattr(verbs, "INLINE", 1)
    with app.app_context(), world.harbour.inside():
        actor = agent(world)
        done = bring("Name,Email\nAnn Lee,ann@example.com\nBen Lee,ben@example.com\n", actor)
        assert done.counts == (2, 0, 0, 0)
        assert imports.undo(imports.get(done.batch_id, actor=actor), actor=actor).job is not None
        runner.drain(app)
        assert not session.scalars(sa.select(Contact.id).where(Contact.source == "import")).all()


def test_ones_own_batch_is_taken_back_without_the_right_that_of_others_is_not(app: Flask, world: World) -> None:
    desk = in_role(app, world, {**WORKS, **MANY})
    desk.get("/contacts/")
    assert desk.submit("/contacts/bulk/set", {"ids": everybody(world), **SET}).status_code == 302
    mine = desk.get("/contacts/").text.split('formaction="/changes/batch/')[1].split('"')[0]
    take_away(app, world)
    owner = browser(app, world.harbour.owner)
    owner.get("/contacts/")
    assert desk.submit(f"/changes/batch/{mine}").status_code == 302
    with app.app_context(), world.harbour.inside():
        assert next_steps(world) == {None}
        actor = world.harbour.actor("owner")
        theirs = verbs.run(
            Contact, verbs.find("contact", "set"), list(world.harbour.contacts.values()),
            {"field": "next_step", "value": "Call"}, actor=actor,
        ).batch  # fmt: skip
        with pytest.raises(Forbidden):
            batches.undo(theirs, actor=agent(world))
        _, one = cells.change(
            Contact, world.harbour.contacts["Eli Moreno"], "next_step", "Ring", version=None, actor=actor
        )
        assert batches.undo(one, actor=agent(world)).done == 1, "a single change is no batch of many"

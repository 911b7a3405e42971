"""What could be left over: values of a field that is gone for good in history, a body that a program is answered again,
a type that changed half-way, a person whom nobody asked what the brokerage requires.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
import time_machine
from flask import Flask

from app.errors import Conflict
from app.services import (
    custom_fields,
    custom_rework,
    field_rights,
    housekeeping,
    jobs,
    layouts,
    members,
    queries,
    records,
    schema,
)
from app.services.queries import ListQuery
from jobs import runner
from models import scope
from models.audit import Change
from models.base import session
from models.contact import Contact
from models.custom import CustomField, CustomValue
from models.job import Job
from models.scope import Actor
from tests.attacks.test_added_fields import NICK, held, many, nicknamed
from tests.contracts.conftest import program
from tests.factories import SYSTEM, World
from tests.factories_batches import bring, contact
from tests.factories_fields import TAGS, define_all

__all__ = ["many"]


@pytest.fixture
def owner(app: Flask, world: World) -> Iterator[Actor]:
    with app.app_context(), world.harbour.inside():
        yield world.harbour.actor("owner")


def test_history_forgets_a_field_that_is_gone_for_good(owner: Actor) -> None:
    field, ids = nicknamed(owner, "Secret", "Other")
    records.update(Contact, ids[0], {NICK: "Changed"}, actor=owner)
    records.update(Contact, ids[1], {NICK: None, "company": "Farm"}, actor=owner)
    records.delete(CustomField, field, actor=owner)
    later = dt.datetime.now(dt.UTC) + dt.timedelta(days=housekeeping.BIN_DAYS + 1)
    with time_machine.travel(later, tick=False), scope.across_workspaces("the clock of a test"):
        housekeeping.purge_bin(actor=SYSTEM)
    session.expire_all()
    told = [(c.old, c.new) for c in session.scalars(sa.select(Change).where(Change.entity == "contact"))]
    assert not [one for one in told if NICK in one[0] or NICK in one[1]], told
    assert ({"company": None}, {"company": "Farm"}) in told
    assert ({}, {}) not in [one for c, one in zip(_verbs(), told, strict=True) if c == "update"]
    again = custom_fields.define("contact", {"label": "Nickname", "kind": "number", **TAGS}, actor=owner)
    assert schema.value(records.load(Contact, ids[0], actor=owner), again.key) is None


def _verbs() -> list[str]:
    return list(session.scalars(sa.select(Change.verb).where(Change.entity == "contact")))


def test_an_answer_given_again_holds_no_field_that_was_hidden_since(app: Flask, world: World) -> None:
    broker, url = program(app, world.harbour, "broker"), f"/api/v1/contact/{world.harbour.contacts['Eli Moreno']}"
    once = {"Idempotency-Key": "again"}
    first = broker.patch(url, json={"company": "Farm"}, headers=once)
    assert first.json["email"] and broker.patch(url, json={"company": "Farm"}, headers=once).data == first.data
    with app.app_context(), world.harbour.inside():
        hidden = {"email": schema.HIDDEN}
        field_rights.limit(world.harbour.broker.role_id, "contact", hidden, actor=SYSTEM)
    again = broker.patch(url, json={"company": "Farm"}, headers=once)
    assert again.status_code == 200 and again.headers["Idempotency-Replayed"] == "true"
    assert again.json == {n: v for n, v in first.json.items() if n != "email"} and "ETag" not in again.headers


def test_an_answer_is_not_given_again_to_who_may_not_read_the_record_any_more(app: Flask, world: World) -> None:
    office, once = world.harbour, {"Idempotency-Key": "again"}
    key = office.contacts["Dana Whitcombe"]
    agent = program(app, office, "agent")
    body = {"next_step": "Call"}
    assert agent.patch(f"/api/v1/contact/{key}", json=body, headers=once).status_code == 200
    with app.app_context(), office.inside():
        new = {"owner_id": office.stranger.membership_id}
        records.update(Contact, key, new, actor=office.actor("owner"))
    assert agent.patch(f"/api/v1/contact/{key}", json=body, headers=once).status_code == 404


@pytest.mark.usefixtures("many")
def test_a_change_of_type_ends_though_its_person_may_no_more(app: Flask, world: World, owner: Actor) -> None:
    admin = world.harbour.actor("admin")
    field, ids = nicknamed(owner, "1", "2", "3", "4")
    custom_fields.reshape(field, {"kind": "number"}, actor=admin)
    job = session.scalars(sa.select(Job).where(Job.name == custom_rework.JOB)).one()
    assert jobs.get(job.id, actor=admin).actor["label"] == "Adam Admin"
    members.change(admin.membership_id or 0, role_id=world.harbour.agent.role_id, team_id=None, actor=SYSTEM)
    runner.drain(app)
    assert held(owner, ids) == [1, 2, 3, 4]
    session.expire_all()
    assert session.scalars(sa.select(Job.state).where(Job.name == custom_rework.JOB)).all() == ["done"]


@pytest.mark.usefixtures("many")
def test_a_field_in_the_bin_comes_back_of_its_new_type(app: Flask, owner: Actor) -> None:
    field, ids = nicknamed(owner, "1", "2", "3", "4")
    custom_fields.reshape(field, {"kind": "number"}, actor=owner)
    records.delete(CustomField, field, actor=owner)
    runner.drain(app)
    records.restore(CustomField, field, actor=owner)
    assert held(owner, ids) == [1, 2, 3, 4]
    page = queries.page(ListQuery(Contact, ("name", NICK), sort=f"-{NICK}", limit=4), actor=owner)
    assert [row[2] for row in page.rows] == [4, 3, 2, 1], "and its index rows are of that type"
    assert session.scalars(sa.select(CustomValue.n).order_by(CustomValue.n)).all() == [1, 2, 3, 4]


@pytest.mark.usefixtures("many")
def test_nobody_stops_a_change_of_type_half_way_or_begins_another_on_it(owner: Actor) -> None:
    field, _ = nicknamed(owner, "1", "2", "3")
    custom_fields.reshape(field, {"kind": "number"}, actor=owner)
    job = session.scalars(sa.select(Job).where(Job.name == custom_rework.JOB)).one()
    assert not jobs.may_cancel(job, owner)
    with pytest.raises(Conflict, match="half-way"):
        jobs.cancel(job.id, actor=owner)


def require(owner: Actor, *labels: str) -> None:
    for one in define_all("contact", actor=owner, only=labels).values():
        records.update(CustomField, one.id, {"required": True}, actor=owner)


def test_a_new_contact_of_a_file_has_what_the_brokerage_requires(owner: Actor) -> None:
    require(owner, "Nickname", "School area")
    layouts.save("contact", 0, {"required": ["company"]}, actor=owner)
    head = "Name,Email,Company,Nickname,School area\n"
    rows = (
        "Ann Lee,ann@example.com,Farm,,south\n"  # lacks a nickname
        "Ben Lee,ben@example.com,Farm,Benny,south\n"
        "Ann Lee,ann@example.com,Farm,Annie,south\n"  # the same person, whole
        "Cy Lee,cy@example.com,,Cy,north\n"
        "Dana Whitcombe,dana@harbour-clients.example.com,,,\n"  # known: filled in, nothing is asked
    )
    done = bring(head + rows, owner)
    assert done.counts == (2, 1, 0, 2)
    assert "Nickname is needed." in done.problems and "Company is needed." in done.problems
    assert schema.value(contact(name="Ann Lee"), NICK) == "Annie"


def test_what_no_column_fills_is_said_to_be_so(owner: Actor) -> None:
    require(owner, "Referred by")
    done = bring("Name,Email\nAnn Lee,ann@example.com\n", owner)
    assert done.counts == (0, 0, 0, 1) and "no column of a file fills it" in done.problems


def test_a_visitor_is_not_asked_what_the_brokerage_asks_of_its_people(app: Flask, owner: Actor, world: World) -> None:
    require(owner, "Nickname")
    session.remove()
    made: Any = program(app, world.harbour, scopes=["*:read", "*:write"])
    assert made.post("/api/v1/contact/", json={"name": "By program"}).status_code == 422
    event = {"id": "e1", "message": "Hello", "person": {"name": "Vera Visitor", "email": "vera@example.com"}}
    answer = made.post("/v1/events", json=event)
    assert answer.status_code in (200, 201, 202), answer.text

"""A selection gets a field set at once; the count comes first, and all of it is taken back as one."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from app.services import batches, custom_fields, exports, queries, records, values, verbs
from app.services.queries import ListQuery
from jobs import runner
from models.audit import Change
from models.base import session
from models.contact import Contact
from models.job import Job
from tests.factories import Browser, World, sign_in
from tests.factories_fields import TAGS


@pytest.fixture
def owner(world: World, client: Browser) -> Browser:
    sign_in(client, world.harbour.owner)
    client.get("/")
    return client


def everybody(world: World) -> list[str]:
    return [str(key) for key in world.harbour.contacts.values()]


def test_the_field_is_chosen_then_its_value_then_it_is_set_and_undone(app: Flask, world: World, owner: Browser) -> None:
    ids = everybody(world)
    first = owner.submit("/contacts/bulk/set", {"ids": ids}).text
    assert "4 contacts" in first and '<option value="next_step"' in first and 'value="email"' not in first
    second = owner.submit("/contacts/bulk/set", {"ids": ids, "confirmed": "1", "asked": "field", "field": "next_step"})
    assert second.status_code == 200 and 'name="value"' in second.text and "clear the field" in second.text
    answers = {"ids": ids, "confirmed": "1", "asked": ["field", "value"], "field": "next_step", "value": "Call KANARI"}
    assert owner.submit("/contacts/bulk/set", answers).status_code == 302
    page = owner.get("/contacts/").text
    assert page.count("Call KANARI") == 4 and "4 contacts changed" in page
    undo = page.split('formaction="/changes/batch/')[1].split('"')[0]
    assert owner.submit(f"/changes/batch/{undo}").status_code == 302
    page = owner.get("/contacts/").text
    assert "Call KANARI" not in page and "4 changes undone" in page


def test_a_wrong_value_is_told_and_nothing_is_set(world: World, owner: Browser) -> None:
    ids = everybody(world)
    answers = {"ids": ids, "confirmed": "1", "asked": ["field", "value"], "field": "budget_max", "value": "lots"}
    answer = owner.submit("/contacts/bulk/set", answers)
    assert answer.status_code == 422 and 'value="lots"' in answer.text
    answers |= {"field": "name", "value": ""}
    assert "Name is needed" in owner.submit("/contacts/bulk/set", answers).text


def test_nobody_sets_what_they_may_not_write_nor_undoes_it(app: Flask, world: World, owner: Browser) -> None:
    ids = everybody(world)
    answers = {"ids": ids, "confirmed": "1", "field": "next_step", "value": "Call KANARI"}
    agent = app.test_client()
    sign_in(agent, world.harbour.agent)
    assert agent.submit("/contacts/bulk/set", answers).status_code == 302
    assert owner.get("/contacts/").text.count("Call KANARI") == 1, "an agent's own"
    reader = app.test_client()
    sign_in(reader, world.harbour.reader)
    assert reader.submit("/contacts/bulk/set", answers).status_code == 403
    owner.submit("/contacts/bulk/set", answers)
    with app.app_context(), world.harbour.inside():
        batch = session.scalar(sa.select(Change.batch).order_by(Change.id.desc()).limit(1))
    for who, status in ((world.harbour.reader, 403), (world.summit.owner, 404)):
        other = app.test_client()
        sign_in(other, who)
        assert other.submit(f"/changes/batch/{batch}/undo").status_code == status
    assert owner.get("/contacts/").text.count("Call KANARI") == 4
    assert owner.submit("/changes/batch/None/undo").status_code == 404


def test_a_large_selection_runs_as_a_job_and_comes_back_byte_for_byte_but_for_what_changed_since(
    app: Flask, world: World
) -> None:
    with app.app_context(), world.harbour.inside():
        actor = world.harbour.actor("owner")
        custom_fields.define(
            "contact", {"label": "Area", "kind": "choice", "options": ["North", "South"], **TAGS}, actor=actor
        )
        ids = [
            records.create(Contact, {"name": f"P {n:03d}", "x_area": "north" if n % 3 else None}, actor=actor).id
            for n in range(verbs.INLINE + 20)
        ]
        before = exported(actor)
        outcome = verbs.run(
            Contact, verbs.find("contact", "set"), ids, {"field": "x_area", "value": "south"}, actor=actor
        )
        assert outcome.job is not None and outcome.done == 0
        runner.drain(app)
        assert exported(actor).count(b",South") == len(ids)
        records.update(Contact, ids[7], {"x_area": "north"}, actor=actor)
        undone = batches.undo(outcome.batch, actor=actor)
        assert undone.job is not None
        runner.drain(app)
        client = app.test_client()
        sign_in(client, world.harbour.owner)
        page = client.get(f"/jobs/{undone.job.id}").text
        assert "P 007: Area was changed again since" in page and f"/changes/batch/{undone.batch}/undo" in page
        job = session.scalars(sa.select(Job).where(Job.id == undone.job.id)).one()
        session.refresh(job)
        assert (job.state, list(job.result["left"].values())) == ("done", [1])
        assert "P 007" in next(iter(job.result["left"]))
        assert exported(actor) == before, "the one that changed since was north before as well"


def exported(actor: Any) -> bytes:
    query = ListQuery(Contact, ("name", "next_step", "x_area"), sort="name")
    assert queries.page(query, actor=actor).rows
    return b"".join(exports.export(query, "csv", locale=values.Locale(), actor=actor))

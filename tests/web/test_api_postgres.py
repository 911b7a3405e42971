"""Requests that come twice, bulk and expansion on PostgreSQL, as the role that does not own its tables."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask

from app.services import idempotency
from models.base import db
from tests.contracts.conftest import program
from tests.factories import World
from tests.postgres_world import served
from tests.web.test_api_once import LIST, NINA, ONCE, kept, many_at_once, same, twice_at_once

pytestmark = [pytest.mark.needs("postgres"), pytest.mark.xdist_group("api-postgres")]


@pytest.fixture
def built(tmp_path: Path) -> Iterator[tuple[Flask, World]]:
    with served(tmp_path) as found:
        yield found


def test_two_and_many_at_once_make_one_record(built: tuple[Flask, World]) -> None:
    app, world = built
    key = program(app, world.harbour)
    first, second = twice_at_once(app, key)
    assert (first.status_code, second.status_code) == (201, 409)
    again = many_at_once(key)
    assert {a.headers["Idempotency-Replayed"] for a in again} == {"true"} and {a.data for a in again} == {first.data}
    fresh = many_at_once(program(app, world.summit))
    assert sum("Idempotency-Replayed" not in a.headers for a in fresh) == 1 and len({a.data for a in fresh}) == 1
    with app.app_context(), world.summit.inside():
        assert len(kept(app, world.summit)) == 1


def test_a_key_that_another_machine_works_on_is_waited_for(
    built: tuple[Flask, World], monkeypatch: pytest.MonkeyPatch
) -> None:
    app, world = built
    key = program(app, world.harbour)
    monkeypatch.setattr(idempotency.Asked, "number", property(lambda _asked: 4711))
    with app.app_context(), db.engine.begin() as elsewhere:
        assert elsewhere.scalar(sa.text("select pg_try_advisory_xact_lock(4711)"))
        assert key.post(LIST, json=NINA, headers=ONCE).status_code == 409
    assert key.post(LIST, json=NINA, headers=ONCE).status_code == 201


def test_row_security_hides_the_answers_of_others(built: tuple[Flask, World]) -> None:
    app, world = built
    key = program(app, world.harbour)
    first = key.post(LIST, json=NINA, headers=ONCE)
    same(first, key.post(LIST, json=NINA, headers=ONCE))
    assert key.post(LIST, json={**NINA, "company": "Other"}, headers=ONCE).status_code == 422
    with app.app_context(), db.engine.begin() as connection:
        seen = {}
        for told in (str(world.harbour.id), str(world.summit.id), "-1"):
            connection.execute(sa.text("select set_config('app.workspace_id', :told, true)"), {"told": told})
            seen[told] = connection.scalar(sa.text("select count(*) from idempotency"))
    assert list(seen.values()) == [1, 0, 0]


def test_tags_bulk_and_expansion(built: tuple[Flask, World]) -> None:
    app, world = built
    key, office = program(app, world.harbour), world.harbour
    made = key.post(LIST, json=NINA)
    read = key.get(made.headers["Location"])
    assert read.headers["ETag"] == made.headers["ETag"] and read.json == made.json
    dana, elsewhere = office.contacts["Dana Whitcombe"], world.summit.contacts["Dana Whitcombe"]
    many = {
        "create": [{"name": ""}, {"name": "Otto Oak"}],
        "update": [{"id": dana, "next_step": "Call"}, {"id": elsewhere, "next_step": "Call"}, {"id": made.json["id"]}],
        "delete": [office.contacts["Faye Okafor"]],
        "atomic": False,
    }
    results = key.post(f"{LIST}_bulk", json=many).json["results"]
    assert [r["status"] for r in results] == [422, 201, 200, 404, 200, 204]
    refused = key.post(f"{LIST}_bulk", json={**many, "atomic": True})
    assert refused.status_code == 422 and "update.1" in refused.json["errors"]
    tasks = [{"title": "Call", "contact_id": dana}, {"title": "Write"}]
    assert key.post("/api/v1/task/_bulk", json={"create": tasks}).status_code == 200
    listed = key.get("/api/v1/task/?expand=contact_id,owner_id&sort=title&count=exact").json
    contacts = [(r["_expanded"]["contact_id"] or {}).get("title") for r in listed["data"]]
    assert (contacts, listed["count"]) == (["Dana Whitcombe", None], 2)

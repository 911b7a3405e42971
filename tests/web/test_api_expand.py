"""`expand`: related records beside those that name them, as far as the key may read; one statement for each kind."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from app.services import custom_fields, records
from models.base import session
from models.contact import Contact
from models.custom import CustomField
from models.deal import Deal, Stage
from models.work import Task
from tests.contracts.conftest import program
from tests.contracts.test_statements import _counted
from tests.factories import SYSTEM, Office, World
from tests.factories_fields import TAGS

TASKS = "/api/v1/task/"


def task(app: Flask, office: Office, contact: str | None, owner: str = "agent", **more: Any) -> int:
    """A task of `owner` about a contact, whoever's that is."""
    with app.app_context(), office.inside():
        given = {"title": "Call back", "contact_id": office.contacts[contact] if contact else None}
        person = office.people[owner]
        return int(records.create(Task, {**given, "owner_id": person.membership_id, **more}, actor=SYSTEM).id)


def test_related_records_come_along(app: Flask, world: World) -> None:
    office = world.harbour
    made = task(app, office, "Dana Whitcombe")
    key = program(app, office)
    one = key.get(f"{TASKS}{made}?expand=contact_id,owner_id").json
    dana = key.get(f"/api/v1/contact/{office.contacts['Dana Whitcombe']}").json
    assert one["contact_id"] == dana["id"]
    assert one["_expanded"]["contact_id"] == {"title": "Dana Whitcombe", **dana}
    owner = one["_expanded"]["owner_id"]
    assert (owner["id"], owner["title"], owner["email"]) == (
        office.agent.membership_id,
        "Ada Agent",
        office.agent.email,
    )
    (listed,) = key.get(f"{TASKS}?expand=contact_id,owner_id").json["data"]
    assert listed == one
    assert "_expanded" not in key.get(f"{TASKS}{made}").json


def test_a_link_that_is_expanded_need_not_be_shown(app: Flask, world: World) -> None:
    made = task(app, world.harbour, "Dana Whitcombe")
    key = program(app, world.harbour)
    (listed,) = key.get(f"{TASKS}?fields=title&expand=contact_id").json["data"]
    assert set(listed) == {"id", "title", "_expanded"} and listed["_expanded"]["contact_id"]["title"]
    assert key.get(f"{TASKS}{made}?fields=title&expand=contact_id").json == listed


def test_what_is_out_of_reach_deleted_or_empty_is_null(app: Flask, world: World) -> None:
    office = world.harbour
    hers, others, none = (task(app, office, n) for n in ("Dana Whitcombe", "Faye Okafor", None))
    agent = program(app, office, "agent")
    rows = {r["id"]: r["_expanded"]["contact_id"] for r in agent.get(f"{TASKS}?expand=contact_id").json["data"]}
    assert rows[hers]["title"] == "Dana Whitcombe" and rows[others] is None and rows[none] is None
    assert agent.get(f"{TASKS}{others}?expand=contact_id").json["_expanded"] == {"contact_id": None}
    assert "Okafor" not in agent.get(f"{TASKS}?expand=contact_id").text
    owner = program(app, office)
    assert "Okafor" in owner.get(f"{TASKS}?expand=contact_id").text
    with app.app_context(), office.inside():
        records.delete(Contact, office.contacts["Faye Okafor"], actor=SYSTEM)
    assert "Okafor" not in owner.get(f"{TASKS}?expand=contact_id").text


def test_another_brokerage_sees_nothing_of_it(app: Flask, world: World) -> None:
    made = task(app, world.harbour, "Dana Whitcombe")
    task(app, world.summit, "Dana Whitcombe")
    outsider = program(app, world.summit)
    assert outsider.get(f"{TASKS}{made}?expand=contact_id").status_code == 404
    text = outsider.get(f"{TASKS}?expand=contact_id,owner_id").text
    assert "summit" in text and "harbour" not in text


@pytest.mark.parametrize("names", ["shoe_size", "title", "", "contact_id,", "contact_id,nobody", "__class__", "id"])
def test_names_that_are_no_links_are_refused(app: Flask, world: World, names: str) -> None:
    made = task(app, world.harbour, None)
    key = program(app, world.harbour)
    for url in (TASKS, f"{TASKS}{made}"):
        answer = key.get(url, query_string={"expand": names})
        assert answer.status_code == 422 and "expand" in answer.json["errors"], url
    assert key.get(f"{TASKS}?expand=contact_id&expand=owner_id").status_code == 422


def test_a_key_expands_only_what_its_scopes_read(app: Flask, world: World) -> None:
    task(app, world.harbour, "Dana Whitcombe")
    narrow = program(app, world.harbour, scopes=["task:read", "membership:read"])
    assert narrow.get(f"{TASKS}?expand=owner_id").json["data"][0]["_expanded"]["owner_id"]["title"] == "Ada Agent"
    refused = narrow.get(f"{TASKS}?expand=owner_id,contact_id")
    assert refused.status_code == 422 and "contact_id" in refused.json["errors"]["expand"]
    assert program(app, world.harbour, scopes=["contact:read"]).get(f"{TASKS}?expand=owner_id").status_code == 403


def test_links_of_the_workspaces_own_are_expanded_too(app: Flask, world: World) -> None:
    office = world.harbour
    with app.app_context(), office.inside():
        for more in (
            {"label": "Referred by", "kind": "relation", "target": "contact"},
            {"label": "Pet", "kind": "text"},
        ):
            custom_fields.define("contact", {**more, **TAGS}, actor=SYSTEM)
        dana, eli, faye = (office.contacts[n] for n in ("Dana Whitcombe", "Eli Moreno", "Faye Okafor"))
        records.update(Contact, dana, {"x_referred_by": eli}, actor=SYSTEM)
        records.update(Contact, eli, {"x_referred_by": faye, "x_pet": "Rex"}, actor=SYSTEM)
    key = program(app, office)
    one = key.get(f"/api/v1/contact/{dana}?expand=x_referred_by").json
    related = one["_expanded"]["x_referred_by"]
    assert (related["title"], related["x_pet"], related["x_referred_by"]) == ("Eli Moreno", "Rex", faye)
    listed = key.get("/api/v1/contact/?expand=x_referred_by&fields=name").json["data"]
    assert {r["name"]: (r["_expanded"]["x_referred_by"] or {}).get("title") for r in listed} == {
        "Dana Whitcombe": "Eli Moreno",
        "Eli Moreno": "Faye Okafor",
        "Faye Okafor": None,
        "Gus Lindqvist": None,
    }
    agent = program(app, office, "agent")
    assert agent.get(f"/api/v1/contact/{dana}?expand=x_referred_by").json["_expanded"] == {"x_referred_by": None}
    assert program(app, world.summit).get("/api/v1/contact/?expand=x_referred_by").status_code == 422
    with app.app_context(), office.inside():
        assert session.query(CustomField).count() == 2


def test_the_tag_follows_the_related_record(app: Flask, world: World) -> None:
    office = world.harbour
    url = f"{TASKS}{task(app, office, 'Dana Whitcombe')}"
    key = program(app, office)
    plain, wide = key.get(url).headers["ETag"], key.get(f"{url}?expand=contact_id").headers["ETag"]
    assert plain != wide
    key.patch(f"/api/v1/contact/{office.contacts['Dana Whitcombe']}", json={"company": "Whitcombe & Co"})
    known = key.get(f"{url}?expand=contact_id", headers={"If-None-Match": wide})
    assert known.status_code == 200 and known.json["_expanded"]["contact_id"]["company"] == "Whitcombe & Co"
    assert key.get(url, headers={"If-None-Match": plain}).status_code == 304
    assert key.patch(url, json={"title": "Write"}, headers={"If-Match": wide}).status_code == 200, "same state"


def test_as_many_statements_as_kinds_and_no_more_than_six(app: Flask, world: World) -> None:
    office = world.harbour
    with app.app_context(), office.inside():
        stage = session.scalars(sa.select(Stage).order_by(Stage.position)).first()
        assert stage is not None
        place = {"stage_id": stage.id}
        for number in range(30):
            name = list(office.contacts)[number % 4]
            given = {**place, "title": f"House {number}", "contact_id": office.contacts[name]}
            owner = list(office.people.values())[number % 6].membership_id
            records.create(Deal, {**given, "owner_id": owner}, actor=SYSTEM)
    key = program(app, office)
    wanted = {
        "": 3,
        "?expand=contact_id": 4,
        "?expand=contact_id,owner_id": 5,
        "?expand=contact_id,owner_id,team_id": 6,
        "?q=house&count=exact&expand=contact_id,owner_id": 6,
    }
    for query, most in wanted.items():
        assert key.get(f"/api/v1/deal/{query}").status_code == 200
        with app.app_context(), _counted() as seen:
            assert len(key.get(f"/api/v1/deal/{query}").json["data"]) == 30
        assert len(seen) <= most, (query, seen)
    four, three = "expand=contact_id,owner_id,team_id,stage_id", "expand=contact_id,owner_id,team_id"
    for query, most in ((four, 3), (f"q=house&{three}", 2), (f"sort=x_fee&{three}", 2)):
        refused = key.get(f"/api/v1/deal/?{query}")
        assert refused.status_code == 422 and f"at most {most}" in refused.json["errors"]["expand"]

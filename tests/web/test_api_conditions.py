"""Conditional requests: a tag for each state and view of a record; changes are refused when it has moved on."""

from __future__ import annotations

import pytest
from flask import Flask

from app.services import custom_fields, records
from models.contact import Contact
from tests.contracts.conftest import program
from tests.factories import SYSTEM, World
from tests.factories_fields import TAGS


@pytest.fixture
def dana(world: World) -> str:
    return f"/api/v1/contact/{world.harbour.contacts['Dana Whitcombe']}"


def test_what_is_known_already_is_not_sent_again(app: Flask, world: World, dana: str) -> None:
    key = program(app, world.harbour)
    first = key.get(dana)
    tag = first.headers["ETag"]
    assert tag.startswith('"')
    for known in (tag, f'"other", {tag}', f"W/{tag}", "*"):
        again = key.get(dana, headers={"If-None-Match": known})
        assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", tag)
    assert key.get(dana, headers={"If-None-Match": '"other"'}).json == first.json
    head = key.head(dana)
    assert (head.status_code, head.data, head.headers["ETag"]) == (200, b"", tag)


def test_each_view_and_each_state_has_a_tag_of_its_own(app: Flask, world: World, dana: str) -> None:
    key = program(app, world.harbour)
    tags = [key.get(f"{dana}{query}").headers["ETag"] for query in ("", "?fields=name", "?fields=name,email")]
    changed = key.patch(dana, json={"next_step": "Call"}).headers["ETag"]
    assert len({*tags, changed}) == 4
    assert key.get(dana).headers["ETag"] == changed
    assert key.get(f"{dana}?fields=name").headers["ETag"] != tags[1]
    assert key.get(f"{dana}?fields=name").json == {"id": int(dana.rsplit("/")[-1]), "name": "Dana Whitcombe"}
    assert key.get(f"{dana}?fields=shoe_size").json["errors"] == {"fields": "There is no field “shoe_size”."}
    with app.app_context(), world.harbour.inside():
        custom_fields.define("contact", {"label": "Heating", "kind": "text", **TAGS}, actor=SYSTEM)
    assert key.get(dana).headers["ETag"] != changed, "a new member is another representation of the same state"


def test_a_new_record_comes_with_the_tag_that_a_reading_gives(app: Flask, world: World) -> None:
    key = program(app, world.harbour)
    made = key.post("/api/v1/contact/", json={"name": "Nina Novak", "email": "nina@example.com"})
    assert made.status_code == 201
    assert key.get(made.headers["Location"]).headers["ETag"] == made.headers["ETag"]


def test_a_change_of_what_has_moved_on_is_refused(app: Flask, world: World, dana: str) -> None:
    mine, theirs = program(app, world.harbour), program(app, world.harbour, "agent")
    tag = mine.get(f"{dana}?fields=name").headers["ETag"]
    newer = theirs.patch(dana, json={"next_step": "Theirs"})
    assert newer.status_code == 200
    for answer in (
        mine.patch(dana, json={"next_step": "Mine"}, headers={"If-Match": tag}),
        mine.patch(dana, json={"shoe_size": 1}, headers={"If-Match": tag}),
        mine.delete(dana, headers={"If-Match": tag}),
    ):
        assert (answer.status_code, answer.mimetype) == (412, "application/problem+json")
        assert answer.json["version"] == newer.json["version"]
        assert "Nothing was done" in answer.json["detail"]
    assert mine.get(dana).json["next_step"] == "Theirs"
    fresh = mine.patch(dana, json={"next_step": "Mine"}, headers={"If-Match": newer.headers["ETag"]})
    assert (fresh.status_code, fresh.json["next_step"]) == (200, "Mine")
    assert mine.delete(dana, headers={"If-Match": f'"other", {fresh.headers["ETag"]}'}).status_code == 204


def test_tags_that_protect_nothing_are_no_match(app: Flask, world: World, dana: str) -> None:
    key = program(app, world.harbour)
    tag = key.get(dana).headers["ETag"]
    other = key.get(f"/api/v1/contact/{world.harbour.contacts['Eli Moreno']}").headers["ETag"]
    for wrong in (f"W/{tag}", other, '"other"', '"1"', "", ",", "x" * 500):
        assert key.patch(dana, json={}, headers={"If-Match": wrong}).status_code == 412, wrong
    assert key.patch(dana, json={}, headers={"If-Match": "*"}).status_code == 200
    assert key.delete(dana, headers={"If-Match": "*"}).status_code == 204
    assert key.delete(dana, headers={"If-Match": "*"}).status_code == 404


def test_version_still_merges_by_field(app: Flask, world: World, dana: str) -> None:
    key = program(app, world.harbour)
    seen = key.get(dana).json["version"]
    key.patch(dana, json={"next_step": "Theirs"})
    merged = key.patch(dana, json={"company": "Mine", "version": seen})
    assert (merged.status_code, merged.json["next_step"]) == (200, "Theirs")
    assert key.patch(dana, json={"next_step": "Mine", "version": seen}).status_code == 409


def test_rights_are_asked_before_conditions(app: Flask, world: World, dana: str) -> None:
    """Whoever may not see or change a record learns nothing of its state."""
    stale = {"If-Match": '"1-1-0"'}
    for who, wanted in (("reader", 403), ("stranger", 404)):
        key = program(app, world.harbour, who)
        assert key.patch(dana, json={}, headers=stale).status_code == wanted
        assert key.delete(dana, headers=stale).status_code == wanted
    outsider = program(app, world.summit)
    assert outsider.get(dana, headers={"If-None-Match": "*"}).status_code == 404
    assert outsider.patch(dana, json={}, headers=stale).status_code == 404
    narrow = program(app, world.harbour, scopes=["contact:read"])
    assert narrow.patch(dana, json={}, headers=stale).status_code == 403
    with app.app_context(), world.harbour.inside():
        assert records.load(Contact, int(dana.rsplit("/")[-1]), actor=SYSTEM).version == 1

"""A program reports an inquiry: once, with its rights, and with a clear word on each mistake."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
import sqlalchemy as sa
from flask import Flask

from app.services import api_keys
from models.base import session
from models.contact import Contact
from models.privacy import Consent
from models.work import Activity
from models.workspace import Membership
from tests.factories import Browser, Office, World, sign_in

EVENT: dict[str, Any] = {
    "id": "evt-1",
    "title": "14 Larch Street",
    "message": "Is it still free?",
    "utm": {"campaign": "spring"},
    "person": {"name": "Nina Novak", "email": "Nina@Example.com", "phone": "(415) 555-0134"},
}


def key_of(app: Flask, office: Office, who: str = "owner", scopes: tuple[str, ...] = ("*:read", "*:write")) -> str:
    with app.app_context(), office.inside():
        member = session.get_one(Membership, office.people[who].membership_id)
        return api_keys.create(member, "Website", scopes, 30, actor=office.actor(who))[1]


def post(client: Browser, key: str, event: Any = None, **headers: str) -> Any:
    body = orjson.dumps(EVENT if event is None else event)
    return client.post(
        "/v1/events", data=body, content_type="application/json", headers={"Authorization": f"Bearer {key}", **headers}
    )


def activities(app: Flask, office: Office) -> list[Activity]:
    with app.app_context(), office.inside():
        return list(session.scalars(sa.select(Activity).order_by(Activity.id)))


def test_an_event_becomes_an_inquiry_with_its_raw_content(app: Flask, client: Browser, world: World) -> None:
    answer = post(client, key_of(app, world.harbour))
    assert answer.status_code == 202 and "Set-Cookie" not in answer.headers
    (made,) = activities(app, world.harbour)
    assert answer.json == {"id": "evt-1", "activity_id": made.id, "status": "accepted"}
    assert (made.kind, made.title, made.source, made.source_ref, made.payload) == (
        "inquiry",
        "Inquiry: 14 Larch Street",
        "api",
        "evt-1",
        EVENT,
    )
    with app.app_context(), world.harbour.inside():
        nina = session.get_one(Contact, made.contact_id)
        assert (nina.name, nina.email, nina.phone, nina.source) == (
            "Nina Novak",
            "nina@example.com",
            "+14155550134",
            "api",
        )
        assert session.scalars(sa.select(Consent.id)).all() == []
    assert activities(app, world.summit) == []


def test_an_event_sent_again_is_the_same_event(app: Flask, client: Browser, world: World) -> None:
    key = key_of(app, world.harbour)
    first, again = post(client, key), post(client, key)
    assert (first.status_code, again.status_code, again.json["status"]) == (202, 200, "replayed")
    assert first.json["activity_id"] == again.json["activity_id"]
    other = post(client, key, EVENT | {"message": "Another question"})
    assert other.status_code == 422 and other.content_type == "application/problem+json"
    header = post(client, key, EVENT, **{"Idempotency-Key": "evt-2"})
    assert header.status_code == 202
    assert len(activities(app, world.harbour)) == 2
    assert post(client, key_of(app, world.summit)).status_code == 202


def test_consent_counts_with_its_words(app: Flask, client: Browser, world: World) -> None:
    key = key_of(app, world.harbour)
    assert "consent.wording" in post(client, key, EVENT | {"consent": {"marketing": True}}).json["errors"]
    assert post(client, key, EVENT | {"consent": {"marketing": True, "wording": "Send me news"}}).status_code == 202
    with app.app_context(), world.harbour.inside():
        assert [(c.topic, c.wording) for c in session.scalars(sa.select(Consent))] == [("marketing", "Send me news")]


@pytest.mark.parametrize(
    ("event", "where"),
    [
        ({"id": ""}, "id"),
        ({"id": 7}, "id"),
        ({"id": "x" * 201}, "id"),
        ({"type": "sale"}, "type"),
        ({"message": ["a"]}, "message"),
        ({"message": "x" * 5001}, "message"),
        ({"person": "Nina"}, "person"),
        ({"person": {"name": "Nina"}}, "reach"),
        ({"person": {"email": "nina@"}}, "person.email"),
        ({"person": {"phone": 4155550134}}, "person.phone"),
        ({"person": {"email": "n@example.com", "birthday": "yesterday"}}, "person.birthday"),
        ({"person": {"email": "n@example.com", "birthday": "2020-01-01"}}, "birthday"),
        ({"consent": "yes"}, "consent"),
    ],
)
def test_each_mistake_is_named_and_stores_nothing(
    app: Flask, client: Browser, world: World, event: dict[str, Any], where: str
) -> None:
    answer = post(client, key_of(app, world.harbour), EVENT | event)
    assert answer.status_code == 422 and list(answer.json["errors"]) == [where]
    assert activities(app, world.harbour) == []


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b"[]", "application/json", 422),
        (b"\xff", "application/json", 400),
        (b"a=b", "application/x-www-form-urlencoded", 415),
        (b'"' + b"x" * 70_000 + b'"', "application/json", 422),
    ],
)
def test_what_is_no_event_is_refused(
    app: Flask, client: Browser, world: World, body: bytes, kind: str, status: int
) -> None:
    answer = client.post(
        "/v1/events", data=body, content_type=kind, headers={"Authorization": f"Bearer {key_of(app, world.harbour)}"}
    )
    assert (answer.status_code, answer.content_type) == (status, "application/problem+json")


def test_only_a_key_with_the_rights_is_heard(app: Flask, client: Browser, world: World) -> None:
    sign_in(client, world.harbour.owner)
    assert client.post("/v1/events", json=EVENT).status_code == 401
    assert post(client, "rec_wrong.key").status_code == 401
    assert post(client, key_of(app, world.harbour, scopes=("contact:write", "contact:read"))).status_code == 403
    assert client.get("/v1/events").status_code in (401, 405)
    assert activities(app, world.harbour) == []

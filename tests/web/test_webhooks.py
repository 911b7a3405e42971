"""Webhooks as stories: an owner has the events of the brokerage sent, and the receiver hears what it may, and only
that.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from app.services import members, records, roles, webhooks
from jobs import runner
from models.audit import Audit, Change
from models.base import db, session
from models.contact import Contact
from models.fields import now
from models.job import Job
from models.scope import Reach
from models.webhook import Webhook
from tests.contracts import source
from tests.contracts.conftest import program
from tests.factories import SYSTEM, Browser, Office, World, sign_in
from tests.hooks_kit import Receiver, add, change, deliveries, hook_row, is_signed


def shown_secret(client: Browser, key: int, **form: str) -> str:
    page = client.submit(f"/webhooks/{key}/secret", form, page=f"/webhooks/{key}/secret")
    found = re.search(r'value="(whsec_[^"]+)"', page.text)
    assert found is not None, page.text
    return found.group(1)


def test_an_owner_adds_a_webhook_and_hears_what_a_colleague_changes(
    app: Flask, client: Browser, world: World, receiver: Receiver
) -> None:
    sign_in(client, world.harbour.owner)
    form = {"name": "Website", "url": receiver.url, "events": ["contact.updated", "deal.created"]}
    made = client.submit("/webhooks/new", form, page="/webhooks/new")
    assert made.status_code == 302, made.text
    key = int(made.location.rsplit("/", 1)[1])
    assert "Show it once" in client.get(f"/webhooks/{key}").text
    secret = shown_secret(client, key)
    contact = change(app, world.harbour, "agent", "Dana Whitcombe", stage="active", next_step="Call her")
    assert runner.drain(app) == 1
    (sent,) = receiver.sent
    assert is_signed(sent, secret)
    assert not is_signed(sent, webhooks.new_secret())
    assert sent.path == "/crm" and sent.headers["content-type"] == "application/json"
    event = sent.event
    assert event["type"] == "contact.updated" and event["timestamp"].endswith("Z")
    assert {n: event["data"][n] for n in ("id", "entity", "changed")} == {
        "id": contact, "entity": "contact", "changed": ["next_step", "stage"],
    }  # fmt: skip
    over_rest = program(app, world.harbour).get(f"/api/v1/contact/{contact}").json
    assert event["data"]["record"] == over_rest
    assert event["data"]["version"] == over_rest["version"]


def test_the_secret_is_shown_once_and_stands_nowhere_else(
    app: Flask, client: Browser, world: World, receiver: Receiver
) -> None:
    key = add(app, world.harbour, receiver.url)
    sign_in(client, world.harbour.owner)
    secret = shown_secret(client, key)
    again = client.submit(f"/webhooks/{key}/secret", page=f"/webhooks/{key}/secret")
    assert again.status_code == 409 and secret not in again.text
    places = [f"/webhooks/{key}", f"/webhooks/{key}?tab=history", f"/webhooks/{key}?tab=deliveries", "/webhooks/"]
    assert not [url for url in places if secret in client.get(url).text]
    assert "/undo" not in client.get(f"/webhooks/{key}").text, "that it was shown cannot be taken back"
    assert "secret" not in program(app, world.harbour).get(f"/api/v1/webhook/{key}").json
    new = shown_secret(client, key, new="1")
    with app.app_context(), db.engine.connect() as live:
        kept = [repr(row) for table in (Change, Audit, Webhook, Job) for row in live.execute(sa.select(table.__table__))
                if table is not Webhook]  # fmt: skip
        raw = live.execute(sa.text("select secret from webhook")).scalar_one()
    assert not [row for row in kept if secret in row or new in row]
    assert new.encode() not in bytes(raw)


def test_a_new_secret_and_the_old_one_both_sign_for_a_day(
    app: Flask, client: Browser, world: World, receiver: Receiver
) -> None:
    key = add(app, world.harbour, receiver.url)
    sign_in(client, world.harbour.owner)
    old = shown_secret(client, key)
    new = shown_secret(client, key, new="1")
    change(app, world.harbour, "agent", "Dana Whitcombe", stage="active")
    runner.drain(app)
    assert is_signed(receiver.sent[0], old) and is_signed(receiver.sent[0], new)
    with app.app_context(), db.engine.begin() as live:
        live.execute(sa.update(Webhook.__table__).values(old_secret_until=now()))
    change(app, world.harbour, "agent", "Dana Whitcombe", stage="won")
    runner.drain(app)
    assert is_signed(receiver.sent[1], new) and not is_signed(receiver.sent[1], old)


def test_each_act_is_an_event_and_a_deletion_carries_ids_alone(app: Flask, world: World, receiver: Receiver) -> None:
    add(app, world.harbour, receiver.url)
    office = world.harbour
    with app.app_context(), office.inside():
        made = records.create(Contact, {"name": "Nina Novak", "email": "nina@example.com"}, actor=office.actor()).id
        records.delete(Contact, made, actor=office.actor())
        records.restore(Contact, made, actor=office.actor())
    runner.drain(app)
    assert sorted(receiver.types()) == ["contact.created", "contact.deleted", "contact.restored"]
    gone = next(one for one in receiver.sent if one.event["type"] == "contact.deleted")
    assert set(gone.event["data"]) == {"id", "entity", "version", "changed"} and b"Nina" not in gone.body
    assert len({one.id for one in receiver.sent}) == 3


def test_the_events_of_another_brokerage_never_come(app: Flask, world: World, receiver: Receiver) -> None:
    add(app, world.harbour, receiver.url)
    change(app, world.summit, "agent", "Dana Whitcombe", stage="active")
    assert runner.drain(app) == 0
    assert receiver.sent == [] and deliveries(app) == []
    outsider = app.test_client()
    assert isinstance(outsider, Browser)
    sign_in(outsider, world.summit.owner)
    change(app, world.harbour, "agent", "Dana Whitcombe", stage="active")
    runner.drain(app)
    row = deliveries(app)[0]
    for url in (f"/webhooks/{row.webhook_id}?tab=deliveries", f"/webhooks/{row.webhook_id}/secret"):
        assert outsider.get(url).status_code == 404
    assert outsider.submit(f"/webhooks/deliveries/{row.id}/again", page="/account/").status_code == 404


def allow(app: Flask, office: Office, who: str) -> None:
    """Give an agent a role with webhooks, and one's own records as before."""
    with app.app_context(), office.inside():
        every = dict.fromkeys(("read", "write", "delete"), Reach.WORKSPACE)
        mine = {"contact": dict.fromkeys(every, Reach.OWN), "webhook": every}
        role = roles.create("Agent with webhooks", mine, actor=SYSTEM)
        members.change(office.people[who].membership_id, role_id=role.id, team_id=office.teams["east"], actor=SYSTEM)
        person = office.people[who]
        office.people[who] = type(person)(**{n: getattr(person, n) for n in person.__slots__} | {"role_id": role.id})


def test_an_agents_webhook_tells_what_the_agent_may_read(
    app: Flask, client: Browser, world: World, receiver: Receiver
) -> None:
    kept = dict(world.harbour.people)
    try:
        allow(app, world.harbour, "agent")
        add(app, world.harbour, receiver.url, "agent")
        change(app, world.harbour, "owner", "Eli Moreno", stage="active")
        change(app, world.harbour, "owner", "Dana Whitcombe", stage="active")
        with app.app_context(), world.harbour.inside():
            records.delete(Contact, world.harbour.contacts["Eli Moreno"], actor=world.harbour.actor())
            records.delete(Contact, world.harbour.contacts["Dana Whitcombe"], actor=world.harbour.actor())
        runner.drain(app)
        mine = world.harbour.contacts["Dana Whitcombe"]
        assert {one.event["data"]["id"] for one in receiver.sent} == {mine}
        assert sorted(receiver.types()) == ["contact.deleted", "contact.updated"]
        assert {row.record_id for row in deliveries(app)} == {mine}, "not even the log tells of others"
    finally:
        world.harbour.people.update(kept)


def test_who_redirects_a_webhook_gets_what_they_may_read_themselves(
    app: Flask, world: World, receiver: Receiver
) -> None:
    kept = dict(world.harbour.people)
    try:
        key = add(app, world.harbour, "https://hooks.example.com/crm")
        allow(app, world.harbour, "agent")
        with app.app_context(), world.harbour.inside():
            records.update(Webhook, key, {"url": receiver.url}, actor=world.harbour.actor("agent"))
        change(app, world.harbour, "owner", "Eli Moreno", stage="active")
        runner.drain(app)
        assert receiver.sent == []
        assert hook_row(app, key).membership_id == world.harbour.agent.membership_id
    finally:
        world.harbour.people.update(kept)


def test_a_narrow_key_cannot_have_itself_told_of_everything(app: Flask, world: World) -> None:
    key = program(app, world.harbour, scopes=["webhook:write", "webhook:read", "contact:read"])
    body = {"name": "Exfil", "url": "https://hooks.example.com/"}
    for events, status in ((["*"], 422), (["deal.created"], 422), (["contact.created"], 201)):
        assert key.post("/api/v1/webhook/", json=body | {"events": events}).status_code == status, events


def test_others_have_no_webhooks(app: Flask, client: Browser, world: World) -> None:
    sign_in(client, world.harbour.broker)
    assert client.get("/webhooks/").status_code == 403
    assert "/webhooks/" not in client.get("/").text


def test_a_test_event_is_sent_from_the_page(app: Flask, client: Browser, world: World, receiver: Receiver) -> None:
    key = add(app, world.harbour, receiver.url, events=("deal.created",))
    sign_in(client, world.harbour.owner)
    assert "Send a test event" in client.get(f"/webhooks/{key}").text
    assert client.submit(f"/webhooks/{key}/do/test").status_code == 302
    runner.drain(app)
    assert receiver.types() == ["webhook.test"]


def test_an_import_tells_of_every_new_contact(app: Flask, world: World, receiver: Receiver, tmp_path: Path) -> None:
    add(app, world.harbour, receiver.url, events=("contact.created", "contact.updated"))
    file = source.ROOT / "tests/fixtures/imports/google.csv"
    args = ["contacts", "import", str(file), "--workspace", "harbour", "--basis", "consent", "--problems",
            str(tmp_path / "problems.csv"), "--json"]  # fmt: skip
    done = app.test_cli_runner().invoke(args=args)
    runner.drain(app)
    with app.app_context(), world.harbour.inside():
        came = session.scalars(sa.select(Contact.id).where(Contact.source == "import")).all()
    assert came, done.output
    assert sorted(one.event["data"]["id"] for one in receiver.sent) == sorted(came)
    assert {one.event["data"]["record"]["source"] for one in receiver.sent} == {"import"}


def test_without_webhooks_an_operation_asks_no_more_than_before(app: Flask, world: World) -> None:
    with app.app_context(), world.harbour.inside():
        actor = world.harbour.actor("agent")
        key = world.harbour.contacts["Dana Whitcombe"]
        seen: list[str] = []

        def note(_c: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
            seen.append(statement)

        sa.event.listen(db.engine, "before_cursor_execute", note)
        try:
            records.update(Contact, key, {"stage": "active"}, actor=actor)
        finally:
            sa.event.remove(db.engine, "before_cursor_execute", note)
    assert not [s for s in seen if "webhook" in s]
    assert len([s for s in seen if "schema_mark" in s]) == 1


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://hooks.example.com/", "must begin with https"),
        ("https://127.0.0.1/", "this machine or a private network"),
        ("https://169.254.169.254/latest", "this machine or a private network"),
        ("https://user:pass@hooks.example.com/", "user name and password"),
        ("https://hooks.example.com:22/", "ports 443 and 8443"),
    ],
)
def test_a_wrong_address_comes_back_with_its_reason(client: Browser, world: World, url: str, words: str) -> None:
    sign_in(client, world.harbour.owner)
    form = {"name": "Website", "url": url, "events": ["contact.updated"]}
    answer = client.submit("/webhooks/new", form, page="/webhooks/new")
    assert answer.status_code == 422 and words in answer.text
    assert re.search(r'value="contact.updated"[^>]* checked', answer.text), "what was ticked stays ticked"

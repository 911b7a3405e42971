"""Deliveries as stories: receivers that fail, members who leave, workers that die; and what becomes of each event."""

from __future__ import annotations

import datetime as dt
import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask

from app.services import field_rights, members, records, roles, schema, webhooks
from app.services.operation import operation
from jobs import runner, store
from models.audit import Audit
from models.base import db, session
from models.contact import Contact
from models.fields import now
from models.scope import Reach
from models.user import User
from models.webhook import Webhook
from models.workspace import Membership
from tests.contracts import source
from tests.factories import SYSTEM, Browser, World, sign_in
from tests.hooks_kit import Receiver, add, change, deliveries, hook_row, hurry, verb


def test_a_failing_receiver_is_tried_again_with_the_same_id_until_it_takes_the_event(
    app: Flask, world: World, receiver: Receiver
) -> None:
    key = add(app, world.harbour, receiver.url)
    receiver.statuses = [500, 302, 200]
    change(app, world.harbour, "agent", "Dana Whitcombe", stage="active")
    waits = []
    for _ in range(2):
        before = now()
        runner.drain(app)
        row = deliveries(app)[0]
        assert row.state == "waiting"
        waits.append(round((row.next_at.replace(tzinfo=dt.UTC) - before).total_seconds()))
        hurry(app)
    assert waits == [5, 300]
    assert hook_row(app, key).failures == 2
    runner.drain(app)
    row = deliveries(app)[0]
    assert (row.state, row.status, row.attempts, row.excerpt) == ("done", 200, 3, '{"ok": true}')
    assert len({one.id for one in receiver.sent}) == 1
    assert (hook_row(app, key).failures, hook_row(app, key).failing_since) == (0, None)


def test_while_a_receiver_fails_other_events_wait_without_being_tried(
    app: Flask, world: World, receiver: Receiver
) -> None:
    add(app, world.harbour, receiver.url)
    receiver.statuses = [503]
    for stage in ("active", "won", "lost"):
        change(app, world.harbour, "agent", "Dana Whitcombe", stage=stage)
    runner.drain(app)
    assert len(receiver.sent) == 1
    assert sorted(row.attempts for row in deliveries(app)) == [0, 0, 1]
    hurry(app)
    runner.drain(app)
    assert {row.state for row in deliveries(app)} == {"done"}


def test_after_the_last_attempt_the_event_has_failed_and_can_be_sent_again(
    app: Flask, client: Browser, world: World, receiver: Receiver
) -> None:
    key = add(app, world.harbour, receiver.url)
    receiver.statuses = [500] * 10
    change(app, world.harbour, "agent", "Dana Whitcombe", stage="active")
    for _ in range(10):
        runner.drain(app)
        hurry(app)
    row = deliveries(app)[0]
    assert (row.state, row.attempts, row.error) == ("failed", 10, "The receiver answered 500.")
    assert runner.drain(app) == 0
    sign_in(client, world.harbour.owner)
    page = client.get(f"/webhooks/{key}?tab=deliveries")
    for words in ("Failed", "contact.updated", row.event_id, "10 attempts, 500", "Send again"):
        assert words in page.text, words
    assert "Dana" not in page.text
    assert client.submit(f"/webhooks/deliveries/{row.id}/again").status_code == 303
    runner.drain(app)
    assert [one.id for one in receiver.sent] == [row.event_id] * 11
    assert deliveries(app)[0].state == "done"


def test_three_days_of_failures_pause_the_webhook_and_tell_its_owner(
    app: Flask, client: Browser, world: World, receiver: Receiver
) -> None:
    key = add(app, world.harbour, receiver.url)
    receiver.statuses = [500, 500]
    change(app, world.harbour, "agent", "Dana Whitcombe", stage="active")
    runner.drain(app)
    with app.app_context(), db.engine.begin() as live:
        ago = now() - dt.timedelta(days=3, hours=1)
        live.execute(sa.update(Webhook.__table__).values(failing_since=ago))
    hurry(app)
    runner.drain(app)
    runner.drain(app)
    assert hook_row(app, key).state == "paused"
    assert deliveries(app)[0].state == "failed"
    (letter,) = (Path(app.config["DATA_DIR"]) / "outbox").glob("*.eml")
    assert f"To: {world.harbour.owner.email}" in letter.read_text() and "Webhook paused" in letter.read_text()
    with app.app_context(), world.harbour.inside():
        assert session.scalar(sa.select(Audit.id).where(Audit.action == "webhook.paused")) is not None
    change(app, world.harbour, "agent", "Dana Whitcombe", stage="won")
    change(app, world.harbour, "owner", "Eli Moreno", stage="lost")
    runner.drain(app)
    assert [one.state for one in deliveries(app)] == ["failed", "held", "held"] and len(receiver.sent) == 2
    sign_in(client, world.harbour.owner)
    page = client.get(f"/webhooks/{key}?tab=deliveries").text
    assert "Every attempt has failed since" in page and page.count("do/release") == 1, "in the menu alone"
    assert [one.event_id in page for one in deliveries(app)] == [True, False, False], "nobody has checked these yet"
    assert client.submit(f"/webhooks/{key}/do/release").status_code == 302
    assert "Resume it, then send what was held" in client.get(f"/webhooks/{key}").text
    assert client.submit(f"/webhooks/{key}/do/resume").status_code == 302
    assert client.get(f"/webhooks/{key}").text.count("do/release") == 2
    assert client.submit(f"/webhooks/{key}/do/release").status_code == 302
    assert client.submit(f"/webhooks/{key}/do/release").status_code == 302, "pressed twice"
    runner.drain(app)
    assert [one.state for one in deliveries(app)] == ["failed", "done", "done"]
    assert [one.event["data"]["record"]["stage"] for one in receiver.sent[2:]] == ["won", "lost"]
    assert client.get(f"/webhooks/{key}").text.count("do/release") == 1
    jobs_page = client.get("/jobs/").text
    assert "Webhook contact.updated" not in jobs_page, "deliveries have a log of their own"
    change(app, world.harbour, "agent", "Dana Whitcombe", stage="lost")
    runner.drain(app)
    assert receiver.sent[-1].event["data"]["record"]["stage"] == "lost"


def test_gone_is_taken_at_its_word(app: Flask, world: World, receiver: Receiver) -> None:
    key = add(app, world.harbour, receiver.url)
    receiver.statuses = [410]
    change(app, world.harbour, "agent", "Dana Whitcombe", stage="active")
    runner.drain(app)
    assert "410" in hook_row(app, key).paused_reason
    assert deliveries(app)[0].state == "failed"


def test_a_member_who_leaves_takes_their_webhooks_reach_along(app: Flask, world: World, receiver: Receiver) -> None:
    key = add(app, world.harbour, receiver.url, "admin")
    change(app, world.harbour, "agent", "Dana Whitcombe", stage="active")
    with app.app_context(), world.harbour.inside():
        members.remove(world.harbour.admin.membership_id, actor=world.harbour.actor())
    runner.drain(app)
    assert receiver.sent == []
    assert hook_row(app, key).paused_reason == "Adam Admin, for whom it acted, is no longer a member"
    verb(app, world.harbour, key, webhooks.resume)
    change(app, world.harbour, "agent", "Dana Whitcombe", stage="won")
    runner.drain(app)
    assert receiver.types() == ["contact.updated"]
    assert hook_row(app, key).membership_id == world.harbour.owner.membership_id


def test_a_member_who_loses_the_right_has_their_webhook_paused(app: Flask, world: World, receiver: Receiver) -> None:
    key = add(app, world.harbour, receiver.url, "admin")
    with app.app_context(), world.harbour.inside():
        member = session.get_one(Membership, world.harbour.admin.membership_id)
        reader = world.harbour.reader.role_id
        members.change(member.id, role_id=reader, team_id=None, actor=SYSTEM)
    change(app, world.harbour, "agent", "Dana Whitcombe", stage="active")
    runner.drain(app)
    assert receiver.sent == []
    assert "may no longer have webhooks" in hook_row(app, key).paused_reason


def test_what_is_rolled_back_is_told_to_nobody(app: Flask, world: World, receiver: Receiver) -> None:
    add(app, world.harbour, receiver.url)
    office = world.harbour
    with pytest.raises(RuntimeError), app.app_context(), office.inside(), operation("x", actor=office.actor()):
        records.update(Contact, office.contacts["Dana Whitcombe"], {"stage": "active"}, actor=office.actor())
        session.flush()
        raise RuntimeError("changed my mind")
    assert runner.drain(app) == 0
    assert receiver.sent == [] and deliveries(app) == []


def test_an_erased_person_is_not_sent_later(app: Flask, world: World, receiver: Receiver) -> None:
    add(app, world.harbour, receiver.url)
    receiver.statuses = [500]
    key = change(app, world.harbour, "agent", "Dana Whitcombe", stage="active")
    runner.drain(app)
    with app.app_context(), db.engine.begin() as live:
        live.execute(
            sa.update(Contact.__table__).where(Contact.__table__.c.id == key).values(name="Erased", email=None)
        )
    hurry(app)
    runner.drain(app)
    assert b"Dana" in receiver.sent[0].body and b"Dana" not in receiver.sent[1].body
    assert "Dana" not in str(deliveries(app)[0].body)


def test_a_worker_killed_before_it_recorded_sends_the_event_once_more_with_the_same_id(
    app: Flask, world: World, receiver: Receiver
) -> None:
    add(app, world.harbour, receiver.url)
    change(app, world.harbour, "agent", "Dana Whitcombe", stage="active")
    environ = os.environ | {
        "APP_ENV": "test", "DATABASE_URL": app.config["SQLALCHEMY_DATABASE_URI"], "DATA_DIR": app.config["DATA_DIR"],
        "WEBHOOKS_ALLOW_LOCAL": "on", "REDIS_URL": "", "LOG_LEVEL": "error",
    }  # fmt: skip
    worker = subprocess.Popen([sys.executable, "-m", "jobs.runner"], cwd=source.ROOT, env=environ)
    receiver.before = lambda: os.kill(worker.pid, signal.SIGKILL)
    assert worker.wait(timeout=60) == -signal.SIGKILL
    receiver.before = lambda: None
    assert (deliveries(app)[0].state, deliveries(app)[0].attempts) == ("waiting", 1)
    with app.app_context(), store.connection() as live:
        live.execute(sa.update(store.table).values(lease_until=now() - dt.timedelta(minutes=5)))
    assert runner.drain(app) == 1
    assert len(receiver.sent) == 2 and receiver.sent[0].id == receiver.sent[1].id
    assert deliveries(app)[0].state == "done"


def test_what_the_member_of_a_webhook_is_kept_from_is_neither_sent_nor_named(
    app: Flask, world: World, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    office, everywhere = world.harbour, Reach.WORKSPACE
    rights = {"contact": {"read": everywhere}, "webhook": {"read": everywhere, "write": everywhere}}
    with app.app_context(), office.inside():
        role = roles.create("Integrator", rights, actor=SYSTEM).id
        members.change(office.broker.membership_id, role_id=role, team_id=None, actor=SYSTEM)
        field_rights.limit(role, "contact", {"phone": schema.HIDDEN}, actor=SYSTEM)
    monkeypatch.setitem(office.people, "broker", replace(office.broker, role_id=role))
    add(app, office, receiver.url, "broker", ("contact.updated",))
    change(app, office, "owner", "Dana Whitcombe", phone="+15035550188", stage="won")
    change(app, office, "owner", "Dana Whitcombe", phone="+15035550199")
    runner.drain(app)
    (sent,) = receiver.sent
    data = json.loads(sent.body)["data"]
    assert data["changed"] == ["stage"] and data["record"]["stage"] == "won"
    assert "phone" not in sent.body.decode() and "15035550" not in sent.body.decode()
    assert len(deliveries(app)) == 1, "nor does the log say that anything else changed"


def test_a_webhook_of_a_closed_account_pauses_and_sends_nothing(app: Flask, world: World, receiver: Receiver) -> None:
    key = add(app, world.harbour, receiver.url)
    with app.app_context(), db.engine.begin() as live:
        live.execute(sa.update(User.__table__).where(User.id == world.harbour.owner.user_id).values(active=False))
    change(app, world.harbour, "agent", "Dana Whitcombe", stage="won")
    runner.drain(app)
    assert receiver.sent == [] and hook_row(app, key).state == "paused"

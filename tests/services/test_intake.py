"""An inquiry finds its person or makes one, and never overwrites what the office knows."""

from __future__ import annotations

import contextlib
import datetime as dt
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.errors import Forbidden, Gone, Invalid, NotFound
from app.services import intake, policy_texts, records
from app.services.intake import Inquiry
from app.services.operation import operation
from models import scope, tenancy
from models.audit import Audit
from models.base import db, session
from models.contact import Contact
from models.fields import now
from models.privacy import Consent, PolicyVersion
from models.scope import Actor, ActorKind
from models.work import Activity, Task
from models.workspace import Workspace
from tests import database_kit
from tests.factories import SYSTEM, World

VISITOR = Actor(ActorKind.PUBLIC, "Website visitor", ip="192.0.2.7")


def send(key: str = "one", /, *, actor: Actor = VISITOR, source: str = "lead form", **facts: Any) -> intake.Received:
    inquiry = Inquiry(**({"name": "Nina Novak", "email": "nina@example.com", "payload": {"msg": "Hello"}} | facts))
    return intake.receive(inquiry, source=source, key=key, actor=actor)


def count(model: Any) -> int:
    with scope.across_workspaces("a test counts"):
        table = model.__table__
        statement = sa.select(sa.func.count()).select_from(table)
        return session.scalar(statement, execution_options=tenancy.reason("a test counts")) or 0


def person(email: str) -> Contact:
    return session.scalars(sa.select(Contact).where(Contact.email == email)).one()


def test_a_new_person_comes_in_with_all_that_belongs_to_it(app: Flask, world: World) -> None:
    with app.app_context(), world.harbour.inside():
        done = send(message="Is it free?", notice="As our notice says.", agreed={"marketing": "E-mail me news"})
        nina = person("nina@example.com")
        assert (nina.type, nina.source, nina.created_by, nina.lawful_basis) == (
            "lead",
            "lead form",
            "Website visitor",
            "contract",
        )
        activity = session.get_one(Activity, done.activity_id)
        assert (activity.kind, activity.contact_id, activity.payload, activity.source) == (
            "inquiry",
            nina.id,
            {"msg": "Hello"},
            "lead form",
        )
        assert "Is it free?" in (activity.details or "")
        task = session.scalars(sa.select(Task).where(Task.contact_id == nina.id)).one()
        assert (task.owner_id, task.state, task.priority) == (world.harbour.broker.membership_id, "open", "high")
        digest = policy_texts.in_force().digest
        ledger = session.scalars(sa.select(Consent).where(Consent.contact_id == nina.id).order_by(Consent.id)).all()
        assert [(c.topic, c.given, c.wording, c.policy_digest, c.ip) for c in ledger] == [
            ("notice", True, "As our notice says.", digest, "192.0.2.7"),
            ("marketing", True, "E-mail me news", digest, "192.0.2.7"),
        ]
        assert session.scalars(sa.select(PolicyVersion.digest)).all() == [digest]
        actions = set(session.scalars(sa.select(Audit.action).where(Audit.subject_id == nina.id)))
        assert {"contact.create", "task.create", "activity.create", "intake.received"} <= actions


def test_a_known_person_keeps_what_is_known_and_their_agent_gets_the_task(app: Flask, world: World) -> None:
    office = world.harbour
    with app.app_context(), office.inside():
        before = count(Contact)
        send(name="D. W.", email="dana@harbour-clients.example.com", phone="+14155550134")
        dana = person("dana@harbour-clients.example.com")
        assert (dana.name, dana.phone, count(Contact)) == ("Dana Whitcombe", "+14155550134", before)
        send("two", name="Somebody", email="dana@harbour-clients.example.com", phone="+14155550199")
        session.expire_all()
        assert person("dana@harbour-clients.example.com").phone == "+14155550134"
        owners = session.scalars(sa.select(Task.owner_id).where(Task.contact_id == dana.id)).all()
        assert owners == [office.agent.membership_id] * 2


def test_a_phone_alone_joins_nobody_and_with_the_name_it_does(app: Flask, world: World) -> None:
    with app.app_context(), world.harbour.inside():
        send("1", name="Ann Lee", email=None, phone="+14155550134")
        send("2", name="Bob Lee", email=None, phone="+14155550134")
        send("3", name="Lee, Ann", email=None, phone="+14155550134")
        names = session.scalars(
            sa.select(Contact.name).where(Contact.phone == "+14155550134").order_by(Contact.id)
        ).all()
        assert names == ["Ann Lee", "Bob Lee"]


def test_the_same_event_twice_is_one_and_other_content_under_its_key_is_refused(app: Flask, world: World) -> None:
    with app.app_context(), world.harbour.inside():
        first, again = send("k"), send("k")
        assert (first.replay, again.replay, again.activity_id) == (False, True, first.activity_id)
        assert count(Activity) == 1
        with pytest.raises(Invalid, match="other content"):
            send("k", payload={"msg": "Other"})
        assert not send("k", source="api", actor=SYSTEM).replay


def test_two_brokerages_share_neither_people_nor_keys(app: Flask, world: World) -> None:
    with app.app_context():
        with world.harbour.inside():
            send("k", email="dana@summit-clients.example.com")
        with world.summit.inside():
            assert not send("k", email="dana@summit-clients.example.com").replay
            assert [t.owner_id for t in session.scalars(sa.select(Task))] == [world.summit.agent.membership_id]
        with world.harbour.inside():
            assert person("dana@summit-clients.example.com").name == "Nina Novak"


def test_a_child_is_refused_and_nothing_is_stored(app: Flask, world: World) -> None:
    with app.app_context(), world.harbour.inside():
        before = [count(m) for m in (Contact, Activity, Task, Consent)]
        with pytest.raises(Invalid, match="13 or over"):
            send(birthday=now().date() - dt.timedelta(days=12 * 365))
        assert [count(m) for m in (Contact, Activity, Task, Consent)] == before


def test_a_minor_who_is_known_gives_no_consent_to_marketing(app: Flask, world: World) -> None:
    with app.app_context(), world.harbour.inside():
        key = world.harbour.contacts["Dana Whitcombe"]
        records.update(
            Contact, key, {"minor": True, "minor_authority": "Her mother"}, actor=world.harbour.actor("owner")
        )
        send(email="dana@harbour-clients.example.com", notice="Notice", agreed={"marketing": "News"})
        assert session.scalars(sa.select(Consent.topic).where(Consent.contact_id == key)).all() == ["notice"]


def test_a_program_needs_the_right_to_write_people(app: Flask, world: World) -> None:
    with app.app_context(), world.harbour.inside():
        with pytest.raises(Forbidden):
            send(actor=world.harbour.actor("reader"))
        # One's own reach is enough, and the colleague's client is still found.
        send(actor=world.harbour.actor("agent"), email="eli@harbour-clients.example.com")
        assert session.scalars(sa.select(Activity.contact_id)).all() == [world.harbour.contacts["Eli Moreno"]]


def test_nothing_stays_when_a_part_fails(app: Flask, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_args: object) -> None:
        raise RuntimeError("the disk is full")

    with app.app_context(), world.harbour.inside():
        before = [count(m) for m in (Contact, Activity, Audit)]
        monkeypatch.setattr(intake, "_task", broken)
        with pytest.raises(RuntimeError):
            send()
        assert [count(m) for m in (Contact, Activity, Audit)] == before


def test_only_active_workspaces_are_hosted(app: Flask, world: World) -> None:
    with app.app_context():
        assert intake.hosted("harbour").id == world.harbour.id
        with pytest.raises(NotFound):
            intake.hosted("nobody")
        with scope.across_workspaces("a test suspends"), operation("workspace.suspend", actor=SYSTEM):
            session.get_one(Workspace, world.harbour.id).status = "suspended"
        with pytest.raises(Gone):
            intake.hosted("harbour")


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.text(min_size=1, max_size=60).filter(lambda t: t.strip() and "\x00" not in t),
    message=st.text(max_size=200).filter(lambda t: "\x00" not in t),
)
def test_any_text_is_kept_as_it_came(app: Flask, world: World, name: str, message: str) -> None:
    with app.app_context(), world.harbour.inside():
        key = f"{name}/{message}"
        done = send(
            key, name=name, email=None, phone="+14155550111", message=message, payload={"name": name, "msg": message}
        )
        session.expire_all()
        assert session.get_one(Activity, done.activity_id).payload == {"name": name, "msg": message}
        assert send(
            key, name=name, email=None, phone="+14155550111", message=message, payload={"name": name, "msg": message}
        ).replay
        session.remove()


def test_a_nul_in_a_text_is_left_out(app: Flask, world: World) -> None:
    with app.app_context(), world.harbour.inside():
        done = send(name="Ni\x00na", message="a\x00b", payload={"m\x00": ["x\x00", {"y": "\x00"}]})
        activity = session.get_one(Activity, done.activity_id)
        assert activity.payload == {"m": ["x", {"y": ""}]} and "\x00" not in (activity.details or "")


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.needs("postgres"))])
def small(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Flask]:
    """An application on a migrated database; on PostgreSQL it connects as the role that row security binds."""
    with contextlib.ExitStack() as stack:
        url = (
            database_kit.sqlite(tmp_path)
            if request.param == "sqlite"
            else stack.enter_context(database_kit.postgres())[1]
        )
        app = database_kit.make_app(tmp_path, url)
        yield app
        with app.app_context():
            db.engine.dispose()


@pytest.mark.parametrize("same", [True, False])
def test_twins_at_the_same_moment_leave_one_person_and_one_inquiry_per_event(small: Flask, same: bool) -> None:
    with small.app_context():
        office = database_kit.found_workspace("harbor")
    start = threading.Barrier(4)

    def one(number: int) -> intake.Received:
        start.wait()
        with small.app_context(), scope.inside(office):
            return send("k" if same else f"k{number}", notice="As our notice says.")

    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(one, range(4)))
    assert sorted(d.replay for d in done) == ([False, True, True, True] if same else [False] * 4)
    with small.app_context():
        assert (count(Contact), count(Activity), count(PolicyVersion)) == (1, 1 if same else 4, 1)

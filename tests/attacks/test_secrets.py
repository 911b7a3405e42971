"""What one brokerage's admins, the log and the jobs page must not show."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
import sqlalchemy as sa
import time_machine
from flask import Flask

from app.services import accounts, housekeeping, messages, records
from app.services.operation import operation
from jobs import registry, runner
from models import scope
from models.base import session
from models.contact import Contact
from models.fields import now
from models.job import Job
from models.policy import Purpose
from models.work import Note
from tests.factories import SYSTEM, Browser, World, sign_in


@pytest.fixture
def outbox(app: Flask, tmp_path: Path) -> Path:
    app.config["SMTP_URL"] = f"sink://{tmp_path}"
    return tmp_path


def test_the_development_inbox_keeps_to_the_workspace(app: Flask, client: Browser, world: World, outbox: Path) -> None:
    """Both brokerages try the product on one machine: an admin of one must not read the other's mail, least of all a
    link that signs its people in.
    """
    with app.app_context(), world.harbour.inside():
        dana = session.get_one(Contact, world.harbour.contacts["Dana Whitcombe"])
        messages.write(dana, "Your offer", "Private words", actor=world.harbour.actor("agent"))
    with app.app_context():
        accounts.send_mail(world.harbour.owner.email, "Choose a new password", "secret link", actor=SYSTEM)
        accounts.send_mail("new@example.com", "Make the workspace", "sign-up link", actor=SYSTEM)
    runner.drain(app)
    letters = {path.name: path.read_text() for path in outbox.glob("*.eml")}
    assert len(letters) == 3
    sign_in(client, world.harbour.admin)
    mine = client.get("/dev/inbox").text
    assert "Your offer" in mine and "Choose a new password" in mine and "Make the workspace" in mine
    outsider = app.test_client()
    sign_in(outsider, world.summit.owner)
    theirs = outsider.get("/dev/inbox").text
    assert "Your offer" not in theirs and "Choose a new password" not in theirs and "Make the workspace" in theirs
    for name, text in letters.items():
        expected = 200 if "Make the workspace" in text else 404
        assert [outsider.get(f"/dev/inbox/{name}{tail}").status_code for tail in ("", "/raw")] == [expected] * 2
        assert client.get(f"/dev/inbox/{name}").status_code == 200


def trips(_run: object) -> None:
    """Breaks a rule of the database over somebody's data."""
    session.add(Note(body="Dana Whitcombe owes 12 000", contact_id=10**9, source="test"))
    session.flush()


def test_a_fault_of_the_database_quotes_nobody(
    app: Flask, world: World, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = registry.Spec("test.trips", trips, Purpose.RELIABILITY, "default", False, None, False)  # type: ignore[arg-type]
    monkeypatch.setitem(registry._specs, "test.trips", spec)
    with app.app_context(), world.harbour.inside(), operation("test.promise", actor=SYSTEM) as op:
        op.promise("test.trips", {}, purpose=Purpose.RELIABILITY)
    runner.drain(app)
    with app.app_context(), world.harbour.inside():
        error = session.scalars(sa.select(Job.error).where(Job.name == "test.trips")).one()
    assert error is not None and "The database refused a step" in error and "Dana" not in error
    assert "Dana Whitcombe owes" not in capfd.readouterr().err


def test_the_next_contact_does_not_inherit_the_log_of_a_purged_one(app: Flask, world: World) -> None:
    """SQLite gives a deleted newest id again: the audit log would then hold two people under one number."""
    with app.app_context(), world.harbour.inside():
        gone = records.create(Contact, {"name": "Passing By"}, actor=SYSTEM).id
        records.delete(Contact, gone, actor=SYSTEM)
    with time_machine.travel(now() + dt.timedelta(days=31)):
        with app.app_context(), scope.across_workspaces("the nightly rule"):
            housekeeping.purge_bin(actor=SYSTEM)
        with app.app_context(), world.harbour.inside():
            assert records.create(Contact, {"name": "Newly Met"}, actor=SYSTEM).id > gone

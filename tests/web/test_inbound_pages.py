"""Incoming mail in the console, as its people see it; as operators do; what goes with an erased person; and all of it
on PostgreSQL, behind its wall."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from app.services import erasure, messages, return_paths
from app.services.inbound import receiving
from app.services.operation import operation
from jobs import runner
from models import scope, tenancy
from models.base import session
from models.contact import Contact
from models.inbound import InboundMail, ReceivedMail
from models.message import Message, Suppression
from models.work import Task
from models.workspace import Workspace
from tests import postgres_world
from tests.factories import SYSTEM, Browser, Office, World, browser, sign_in
from tests.inbound_kit import DOMAIN, answer, arf, bounce


@pytest.fixture(autouse=True)
def _domain(app: Flask, tmp_path: Path) -> None:
    app.config.update(INBOUND_DOMAIN=DOMAIN, SMTP_URL=f"sink://{tmp_path / 'outbox'}")


def _sent(app: Flask, office: Office, name: str = "Dana Whitcombe") -> int:
    """A message of the agent to their contact that has left."""
    with app.app_context(), office.inside():
        contact = session.get(Contact, office.contacts[name])
        message = messages.write(contact, "Two homes", "Hi", actor=office.actor("agent"), kind="marketing")
        key = message.id
    runner.drain(app)
    return key


def _came(app: Flask, raw: bytes, to: str, sender: str | None = "sam@x.com") -> None:
    with app.app_context():
        receiving.take_in(raw, recipient=to, sender=sender, via="smtp", domain=DOMAIN)
        session.remove()
    runner.drain(app)


def _reply_to(app: Flask, office: Office, message: int, kind: str = "reply") -> str:
    with app.app_context():
        return return_paths.address(kind, office.id, message, domain=DOMAIN)


def test_who_may_file_any_mail_is_told_on_the_first_page_and_files_it(
    app: Flask, client: Browser, world: World
) -> None:
    _came(app, answer("May I see it?", Subject="Elm Street"), f"harbour@{DOMAIN}", "nia@x.com")
    sign_in(client, world.harbour.owner)
    first = client.get("/").get_data(as_text=True)
    assert "1 incoming mail waits to be filed." in first
    assert "waits to be filed" not in client.get("/contacts/").get_data(as_text=True), "and not on every page"
    listed = client.get("/incoming-mail/?f=state:is:waiting").get_data(as_text=True)
    assert "Elm Street" in listed and "nia@x.com" not in first
    with app.app_context(), world.harbour.inside():
        key = session.scalar(sa.select(InboundMail.id))
    shown = client.get(f"/incoming-mail/{key}").get_data(as_text=True)
    assert "May I see it?" in shown and "File under a contact" in shown
    contact = world.harbour.contacts["Dana Whitcombe"]
    answered = client.submit(
        "/incoming-mail/bulk/file", {"ids": str(key), "confirmed": "1", "contact_id": str(contact)}
    )
    assert answered.status_code == 302
    assert "waits to be filed" not in client.get("/").get_data(as_text=True)
    timeline = client.get(f"/contacts/{contact}").get_data(as_text=True)
    assert "Elm Street" in timeline


def test_an_agent_sees_the_answers_to_their_own_mail_and_no_others(app: Flask, world: World) -> None:
    message = _sent(app, world.harbour)
    _came(app, answer("Gladly", Subject="Re: Two homes"), _reply_to(app, world.harbour, message))
    _came(app, answer("Unknown", Subject="Elm Street"), f"harbour@{DOMAIN}", "nia@x.com")
    agent, stranger = browser(app, world.harbour.agent), browser(app, world.harbour.stranger)
    outsider = browser(app, world.summit.owner)
    seen = agent.get("/incoming-mail/").get_data(as_text=True)
    assert "Re: Two homes" in seen and "Elm Street" not in seen
    assert "waits to be filed" not in agent.get("/").get_data(as_text=True)
    for nobody in (stranger, outsider):
        text = nobody.get("/incoming-mail/").get_data(as_text=True)
        assert "Re: Two homes" not in text and "Elm Street" not in text
    with app.app_context(), world.harbour.inside():
        for key in session.scalars(sa.select(InboundMail.id)):
            assert outsider.get(f"/incoming-mail/{key}").status_code == 404


def test_the_text_of_a_mail_is_shown_as_text(app: Flask, client: Browser, world: World) -> None:
    hostile = "<script>alert(1)</script>"
    _came(app, answer(hostile, Subject=f"Hi {hostile}", From=f'"{hostile}" <a@x.com>'), f"harbour@{DOMAIN}")
    sign_in(client, world.harbour.owner)
    with app.app_context(), world.harbour.inside():
        key = session.scalar(sa.select(InboundMail.id))
    for url in ("/incoming-mail/", f"/incoming-mail/{key}"):
        text = client.get(url).get_data(as_text=True)
        assert hostile not in text and "&lt;script&gt;alert" in text


def test_an_erased_person_leaves_no_mail(app: Flask, world: World) -> None:
    message = _sent(app, world.harbour)
    _came(app, answer("Privately: quillfeather"), _reply_to(app, world.harbour, message))
    _came(
        app, bounce("4.2.2", "452 4.2.2 full"), _reply_to(app, world.harbour, message).replace("reply+", "reply+"), ""
    )
    # One that nobody has filed yet, from the person's own address; and one of somebody else.
    own = "dana@harbour-clients.example.com"
    _came(app, answer("Unfiled", Subject="Unfiled", From=f"Dana <{own}>"), f"harbour@{DOMAIN}", own)
    _came(app, answer("Apart", Subject="Apart", From="nia@x.com"), f"harbour@{DOMAIN}", "nia@x.com")
    with app.app_context(), world.harbour.inside():
        assert session.scalar(sa.select(sa.func.count()).select_from(ReceivedMail)) == 4
        erasure.person(world.harbour.contacts["Dana Whitcombe"], actor=SYSTEM)
        assert session.scalars(sa.select(Message), execution_options=tenancy.with_deleted()).all() == []
        for model in (InboundMail, ReceivedMail):
            [left] = session.scalars(sa.select(model), execution_options=tenancy.with_deleted()).all()
            assert left.sender == "nia@x.com", "what another person wrote stays"


def test_the_message_itself_is_downloaded_by_who_reads_the_mail(app: Flask, client: Browser, world: World) -> None:
    raw = answer("<b>Signed page attached</b>", Subject="Page", **{"Content-Type": "text/html"})
    _came(app, raw, f"harbour@{DOMAIN}")
    with app.app_context(), world.harbour.inside():
        key = session.scalar(sa.select(InboundMail.id))
    sign_in(client, world.harbour.owner)
    page = client.get(f"/incoming-mail/{key}").get_data(as_text=True)
    assert f"/incoming-mail/{key}/message" in page and f"/incoming-mail/{key}/do/file" in page
    answered = client.get(f"/incoming-mail/{key}/message")
    assert answered.data == raw and answered.mimetype == "message/rfc822"
    assert answered.headers["Content-Disposition"].startswith("attachment")
    for nobody in (world.harbour.agent, world.summit.owner):
        assert browser(app, nobody).get(f"/incoming-mail/{key}/message").status_code == 404


# Operators


def _run(app: Flask, *arguments: str) -> dict[str, Any]:
    result = app.test_cli_runner().invoke(args=["inbound", *arguments, "--json"])
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_operators_place_what_belongs_to_nobody(app: Flask, world: World) -> None:
    _came(app, answer("For Summit, I think", Subject="Lost"), f"postmaster@{DOMAIN}")
    _came(app, answer("Spam", Subject="Watches"), f"abuse@{DOMAIN}")
    listed = _run(app, "list")
    assert (listed["unplaced"], listed["waiting"], listed["unread"]) == (2, 0, 0)
    spam, lost = (one["id"] for one in listed["mails"])
    assert _run(app, "show", str(lost))["read"]["subject"] == "Lost"
    assert "I think" in _run(app, "show", str(lost), "--raw")["raw"]
    _run(app, "discard", str(spam), "--reason", "Spam")
    _run(app, "assign", str(lost), "--workspace", "summit")
    runner.drain(app)
    listed = _run(app, "list")
    assert (listed["unplaced"], listed["waiting"]) == (0, 1)
    [waits] = listed["mails"]
    assert (waits["workspace_id"], waits["state"]) == (world.summit.id, "waiting")
    with app.app_context(), world.harbour.inside():
        assert session.scalars(sa.select(ReceivedMail)).all() == []
    contact = world.summit.contacts["Eli Moreno"]
    _run(app, "assign", str(waits["id"]), "--workspace", "summit", "--contact", str(contact))
    assert _run(app, "list")["mails"] == []
    assert {one["state"] for one in _run(app, "list", "--all")["mails"]} == {"done", "discarded"}


def test_mail_that_came_while_its_workspace_was_suspended_is_read_later(app: Flask, world: World) -> None:
    message = _sent(app, world.harbour)
    _suspend(app, world.harbour, "suspended")
    _came(app, answer("Yes"), _reply_to(app, world.harbour, message))
    assert _run(app, "list")["unread"] == 1
    _suspend(app, world.harbour, "active")
    assert _run(app, "read") == {"read": 1}
    assert _run(app, "read") == {"read": 0}
    assert _run(app, "list")["unread"] == 0
    with app.app_context(), world.harbour.inside():
        assert len(session.scalars(sa.select(Task)).all()) == 1


def _suspend(app: Flask, office: Office, status: str) -> None:
    with app.app_context(), scope.across_workspaces("a test"), operation("test.suspend", actor=SYSTEM):
        session.get(Workspace, office.id).status = status


@pytest.mark.parametrize(
    "arguments",
    [
        ("show", "999"),
        ("assign", "999", "--workspace", "harbour"),
        ("assign", "1", "--workspace", "nowhere"),
        ("assign", "1", "--workspace", "harbour", "--contact", "1"),
        ("assign", "2", "--workspace", "summit", "--contact", "1"),
        ("discard", "1", "--reason", " "),
    ],
)
def test_operators_are_told_what_is_wrong(app: Flask, world: World, arguments: tuple[str, ...]) -> None:
    _came(app, answer("Lost"), f"postmaster@{DOMAIN}")
    _came(app, answer("Waits"), f"harbour@{DOMAIN}")
    result = app.test_cli_runner().invoke(args=["inbound", *arguments])
    assert result.exit_code == 1 and result.output.strip()
    assert _run(app, "list")["unplaced"] == 1


def test_metrics_count_what_asks_for_somebody(app: Flask, client: Browser, world: World) -> None:
    _came(app, answer("Waits"), f"harbour@{DOMAIN}")
    text = client.get("/metrics").get_data(as_text=True)
    assert 'crm_inbound_mail{state="waiting"} 1' in text and 'crm_inbound_mail{state="unplaced"} 0' in text


# PostgreSQL


@pytest.mark.needs("postgres")
def test_the_same_on_postgresql_behind_its_wall(tmp_path: Path) -> None:
    with postgres_world.served(tmp_path) as (app, world):
        app.config.update(INBOUND_DOMAIN=DOMAIN, SMTP_URL=f"sink://{tmp_path / 'outbox'}")
        message = _sent(app, world.harbour)
        reply = _reply_to(app, world.harbour, message)
        raw = answer("Yes, and a NUL \x00 too")
        _came(app, raw, reply)
        _came(app, raw, reply)
        _came(app, bounce("5.1.1", "550 5.1.1 User unknown"), _reply_to(app, world.harbour, message, "bounce"), "")
        _came(app, answer("Who?", Subject="Elm Street"), f"harbour@{DOMAIN}", "nia@x.com")
        _came(app, answer("Nobody's"), f"postmaster@{DOMAIN}")
        with app.app_context(), world.harbour.inside():
            sent = session.get(Message, message)
            _came(app, arf(sent.message_id or ""), f"abuse@{DOMAIN}")
            kinds = sorted(session.scalars(sa.select(InboundMail.kind)))
            assert kinds == ["bounce", "complaint", "reply", "reply"]
            assert session.get(Workspace, world.harbour.id).mail_waiting == 1
            assert len(session.scalars(sa.select(Task)).all()) == 1
            stops = {(one.reason, one.scope) for one in session.scalars(sa.select(Suppression))}
            assert stops == {("hard_bounce", "all"), ("complaint", "marketing")}
        with app.app_context(), world.summit.inside():
            assert session.scalars(sa.select(ReceivedMail)).all() == []
            why = tenancy.reason("the second wall is asked directly")
            seen = session.scalar(sa.text("select count(*) from received_mail"), execution_options=why)
            assert seen == 0, "neither another's mail nor what belongs to nobody"


@pytest.mark.needs("postgres")
def test_two_mails_filed_at_once_are_counted_both(tmp_path: Path) -> None:
    import threading

    with postgres_world.served(tmp_path) as (app, world):
        app.config.update(INBOUND_DOMAIN=DOMAIN)
        with app.app_context():
            for number in range(6):
                raw = answer("Hello", Subject=f"Mail {number}")
                receiving.take_in(raw, recipient=f"harbour@{DOMAIN}", sender="a@x.com", via="smtp", domain=DOMAIN)
            session.remove()
        workers = [threading.Thread(target=runner.drain, args=(app,), kwargs={"most": 3}) for _ in range(2)]
        for one in workers:
            one.start()
        for one in workers:
            one.join()
        with app.app_context(), world.harbour.inside():
            assert session.get(Workspace, world.harbour.id).mail_waiting == 6

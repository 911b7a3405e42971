"""Writing e-mail and approving drafts in the console, and the development inbox."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask

from app.services.operation import operation
from jobs import runner
from models.base import session
from models.message import Message
from models.workspace import Workspace
from tests.factories import SYSTEM, Browser, Office, World, sign_in


@pytest.fixture
def outbox(app: Flask, tmp_path: Path) -> Path:
    app.config["SMTP_URL"] = f"sink://{tmp_path / 'outbox'}"
    return tmp_path / "outbox"


def _contact(office: Office, mail: str = "dana@example.com") -> int:
    """The agent's own contact, with an address and AI switched on."""
    from models.contact import Contact

    with office.inside(), operation("test.prepare", actor=SYSTEM):
        key = office.contacts["Dana Whitcombe"]
        session.get(Contact, key).email = mail
        session.get(Workspace, office.id).ai_enabled = True
    return key


def _states(office: Office) -> list[str]:
    with office.inside():
        return list(session.scalars(sa.select(Message.state).order_by(Message.id)))


def test_an_agent_writes_an_e_mail_and_pressing_twice_sends_once(
    app: Flask, client: Browser, world: World, outbox: Path
) -> None:
    with app.app_context():
        key = _contact(world.harbour)
    sign_in(client, world.harbour.agent)
    url = f"/contacts/{key}/email"
    assert "E-mail to Dana Whitcombe" in client.get(url).text
    typed = {
        "subject": "Two homes",
        "body": "Hi {{ contact.goes_by }}",
        "kind": "transactional",
        "occasion": "one-form",
    }
    for _ in range(2):
        assert client.submit(url, typed, page=url).status_code == 303
    runner.drain(app)
    with app.app_context():
        assert _states(world.harbour) == ["sent"]
    assert len(list(outbox.glob("*.eml"))) == 1


def test_what_was_typed_comes_back_with_the_problem(app: Flask, client: Browser, world: World) -> None:
    with app.app_context():
        key = _contact(world.harbour)
    sign_in(client, world.harbour.agent)
    url = f"/contacts/{key}/email"
    answer = client.submit(
        url,
        {"subject": "Kept subject", "body": "Kept {{ nonsense }} text", "kind": "marketing", "occasion": "x"},
        page=url,
    )
    assert answer.status_code == 422
    for kept in ("Kept subject", "Kept {{ nonsense }} text", "is not a field", 'value="x"'):
        assert kept in answer.text
    with app.app_context():
        assert _states(world.harbour) == []


def test_a_draft_appears_by_polling_and_is_sent_by_a_person(
    app: Flask, client: Browser, world: World, outbox: Path
) -> None:
    with app.app_context():
        key = _contact(world.harbour)
    sign_in(client, world.harbour.agent)
    answer = client.submit(f"/contacts/{key}/draft", page=f"/contacts/{key}")
    assert answer.status_code == 303
    page = client.get(answer.location)
    assert "hx-get" in page.text and "Waiting for its turn" in page.text
    job = answer.location.split("draft=")[1].split("#")[0]
    assert client.get(f"/drafts/{job}", headers={"Accept": "application/json"}).get_json()["state"] == "waiting"
    runner.drain(app)
    card = client.get(f"/drafts/{job}").text
    assert "Built-in template, no AI provider" in card and "Approve and send" in card and "hx-get" not in card
    assert not outbox.exists()
    with app.app_context(), world.harbour.inside():
        message = session.scalars(sa.select(Message.id)).one()
    sent = client.submit(
        f"/messages/{message}/send", {"subject": "Hello Dana", "body": "My own words."}, page=f"/contacts/{key}"
    )
    assert sent.status_code == 303
    runner.drain(app)
    [letter] = outbox.glob("*.eml")
    assert b"My own words." in letter.read_bytes()


def test_an_outsider_reaches_neither_page_nor_draft(app: Flask, world: World) -> None:
    with app.app_context():
        key = _contact(world.harbour)
    outsider = app.test_client()
    assert isinstance(outsider, Browser)
    sign_in(outsider, world.summit.owner)
    assert outsider.get(f"/contacts/{key}/email").status_code == 404
    assert outsider.submit(f"/contacts/{key}/draft", page="/jobs/").status_code in (403, 404)
    assert outsider.get("/drafts/1").status_code == 404
    assert outsider.submit("/messages/1/send", page="/jobs/").status_code == 404


def test_the_development_inbox_shows_mail_to_admins_only_and_never_in_production(
    app: Flask, client: Browser, world: World, outbox: Path
) -> None:
    with app.app_context():
        key = _contact(world.harbour)
    sign_in(client, world.harbour.agent)
    url = f"/contacts/{key}/email"
    client.submit(url, {"subject": "Zwölf Häuser", "body": "<b>Hi</b>", "occasion": "o"}, page=url)
    runner.drain(app)
    [letter] = outbox.glob("*.eml")
    assert client.get("/dev/inbox").status_code == 404
    admin = app.test_client()
    assert isinstance(admin, Browser)
    sign_in(admin, world.harbour.admin)
    assert "Zwölf Häuser" in admin.get("/dev/inbox").text
    assert "&lt;b&gt;Hi&lt;/b&gt;" in admin.get(f"/dev/inbox/{letter.name}").text
    html = admin.get(f"/dev/inbox/{letter.name}/html")
    assert "&lt;b&gt;Hi&lt;/b&gt;" in html.text and "frame-ancestors 'self'" in html.headers["Content-Security-Policy"]
    assert admin.get(f"/dev/inbox/{letter.name}/raw").headers["Content-Disposition"].startswith("attachment")
    assert admin.get("/dev/inbox/..%2f..%2fx.eml").status_code == 404
    app.config["APP_ENV"] = "production"
    assert admin.get("/dev/inbox").status_code == 404


def test_the_card_of_a_draft_leads_to_its_own_entry_of_the_ledger(
    app: Flask, client: Browser, world: World, outbox: Path
) -> None:
    with app.app_context():
        key = _contact(world.harbour)
    sign_in(client, world.harbour.owner)
    cards = []
    for _ in range(2):
        answer = client.submit(f"/contacts/{key}/draft", page=f"/contacts/{key}")
        runner.drain(app)
        cards.append(client.get("/drafts/" + answer.location.split("draft=")[1].split("#")[0]).text)
    assert 'href="/compliance/ai/?id=1">Ledger AI-1</a>' in cards[0]
    entry = client.get("/compliance/ai/?id=2").text
    assert entry.count("<tr role=row>") == 1 and ">Dana Whitcombe</a>" in entry and "name, type" in entry

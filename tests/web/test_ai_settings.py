"""The settings of AI, drafts on pages, and the ledger, as an admin, an agent and outsiders meet them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask

from app.services import ai_providers
from app.services.operation import operation
from jobs import runner
from models.ai import AiProvider
from models.base import session
from models.contact import Contact
from models.message import Message, Template
from models.work import Note, Task
from models.workspace import Workspace
from tests.ai_kit import KEY, Provider, providing
from tests.factories import SYSTEM, Browser, Office, World, sign_in


@pytest.fixture
def provider(app: Flask) -> Iterator[Provider]:
    with providing() as found:
        yield found


@pytest.fixture(autouse=True)
def _outbox(app: Flask, tmp_path: Path) -> None:
    app.config["SMTP_URL"] = f"sink://{tmp_path / 'outbox'}"


def _form(provider: Provider, **more: str) -> dict[str, str]:
    return {
        "name": "House model", "kind": "openai", "base_url": f"http://{provider.address}/v1", "model": "m-1",
        "key": KEY, "price_in": "3", "price_out": "15", "terms_url": "https://ai.example.com/t",
        "terms_version": "2026-01", "accept": "1", **more,
    }  # fmt: skip


def _ready(app: Flask, office: Office) -> int:
    with app.app_context(), office.inside(), operation("test.prepare", actor=SYSTEM):
        key = office.contacts["Dana Whitcombe"]
        session.get(Contact, key).email = "dana@example.com"
        session.get(Workspace, office.id).ai_enabled = True
    return key


def _job(location: str) -> str:
    return location.split("draft=")[1].split("#")[0]


def test_an_admin_switches_on_adds_a_provider_tests_it_and_chooses_it(
    app: Flask, client: Browser, world: World, provider: Provider
) -> None:
    sign_in(client, world.harbour.admin)
    assert "AI drafting is off" in client.get("/settings/ai").text
    client.submit("/settings/ai/switch", {"on": "1"}, page="/settings/ai")
    assert "AI drafting is on" in client.get("/settings/ai").text
    new = "/settings/ai/providers/new"
    refused = client.submit(new, _form(provider, accept=""), page=new)
    assert refused.status_code == 422 and "accept them" in refused.text and KEY not in refused.text
    assert client.submit(new, _form(provider), page=new).status_code == 303
    shown = client.get("/settings/ai").text
    assert "House model" in shown and "Not tested yet" in shown and "accepted by" in shown and KEY not in shown
    assert KEY not in client.get("/settings/ai/providers/1").text
    client.submit("/settings/ai/providers/1/test", page="/settings/ai")
    assert "Being tested" in client.get("/settings/ai/providers/1/state").text
    runner.drain(app)
    assert "Answered, " in client.get("/settings/ai/providers/1/state").text
    limits = {"version": "0", "budget": "5.00", "calls_per_minute": "9", "choice_email": "1", "choice_plan": "-1"}
    assert client.submit("/settings/ai", limits, page="/settings/ai").status_code == 303
    with app.app_context(), world.harbour.inside():
        kept = ai_providers.settings()
        assert (kept.budget_cents, kept.calls_per_minute, kept.choices) == (500, 9, {"email": 1, "plan": -1})
    stale = client.submit("/settings/ai", limits, page="/settings/ai")
    assert stale.status_code == 422 and "Somebody else saved" in stale.text
    wrong = client.submit("/settings/ai", limits | {"version": "1", "budget": "x"}, page="/settings/ai")
    assert wrong.status_code == 422
    assert client.submit("/settings/ai/providers/1/remove", page="/settings/ai").status_code == 303
    assert "House model" not in client.get("/settings/ai").text


def test_an_agent_and_an_outsider_change_nothing(app: Flask, client: Browser, world: World, provider: Provider) -> None:
    sign_in(client, world.harbour.admin)
    client.submit("/settings/ai/providers/new", _form(provider), page="/settings/ai/providers/new")
    for who, status in ((world.harbour.agent, 403), (world.summit.owner, 404)):
        other = app.test_client()
        assert isinstance(other, Browser)
        sign_in(other, who)
        for url in ("", "/test", "/remove"):
            answer = other.submit(f"/settings/ai/providers/1{url}", _form(provider), page="/jobs/")
            assert answer.status_code in (status, 403), url
    outsider = app.test_client()
    assert isinstance(outsider, Browser)
    sign_in(outsider, world.harbour.agent)
    assert outsider.submit("/settings/ai/switch", {"on": "1"}, page="/jobs/").status_code == 403
    with app.app_context(), world.harbour.inside():
        assert session.get(Workspace, world.harbour.id).ai_enabled is False
        assert session.scalars(sa.select(AiProvider.name)).all() == ["House model"]


def test_what_was_typed_stays_while_a_draft_is_taken_into_the_editor(app: Flask, client: Browser, world: World) -> None:
    key = _ready(app, world.harbour)
    sign_in(client, world.harbour.agent)
    url = f"/contacts/{key}/email"
    typed = {"subject": "", "body": "Offer Friday at ten.", "kind": "transactional", "occasion": "form-1"}
    asked = client.submit(url, typed | {"ai": "email"}, page=url)
    assert asked.status_code == 200 and "Offer Friday at ten." in asked.text and 'hx-get="/drafts/' in asked.text
    job = asked.text.split('hx-get="/drafts/')[1].split("?")[0]
    runner.drain(app)
    card = client.get(f"/drafts/{job}?as=editor").text
    assert "Put into the e-mail" in card and "Built-in template, no AI provider" in card
    taken = client.submit(url, typed | {"take": job}, page=url)
    assert (
        "Begun with a draft by Built-in template" in taken.text
        and "Hi Dana" in taken.text
        and taken.text.count("Offer Friday at ten.") >= 1
    )
    sent = client.submit(url, typed | {"subject": "Friday", "body": "Mine now.", "drafted": job}, page=url)
    assert sent.status_code == 303
    runner.drain(app)
    with app.app_context(), world.harbour.inside():
        rows = session.execute(sa.select(Message.state, Message.body, Message.drafted_by).order_by(Message.id)).all()
        assert [tuple(row)[::2] for row in rows] == [
            ("cancelled", "Built-in template, no AI provider"), ("sent", "Built-in template, no AI provider"),
        ]  # fmt: skip
        assert rows[1].body == "Mine now."


def test_subject_lines_are_offered_for_what_was_typed(app: Flask, client: Browser, world: World) -> None:
    key = _ready(app, world.harbour)
    sign_in(client, world.harbour.agent)
    url = f"/contacts/{key}/email"
    empty = client.submit(url, {"body": "", "ai": "subjects"}, page=url)
    assert empty.status_code == 422 and "nothing to go by" in empty.text
    typed = {"body": "The inspection is on Monday at nine.", "occasion": "x"}
    job = client.submit(url, typed | {"ai": "subjects"}, page=url).text.split('hx-get="/drafts/')[1].split("?")[0]
    runner.drain(app)
    assert 'name="take_line" value="The inspection is on Monday at nine"' in client.get(f"/drafts/{job}?as=editor").text
    line = client.submit(url, typed | {"take_line": "The inspection is on Monday"}, page=url).text
    assert 'value="The inspection is on Monday"' in line and "at nine." in line


def test_a_summary_becomes_a_note_and_a_plan_becomes_tasks_when_a_person_says_so(
    app: Flask, client: Browser, world: World
) -> None:
    key = _ready(app, world.harbour)
    sign_in(client, world.harbour.agent)
    page = f"/contacts/{key}"
    for feature, text in (("lead_summary", "My summary"), ("plan", "2: Call Dana\n- 9: Write to her\nAsk the lender")):
        answer = client.submit(f"{page}/draft", {"feature": feature}, page=page)
        runner.drain(app)
        shown = client.get(answer.location).text
        assert ">Draft, needs approval" in shown.replace("</svg>", ">")
        job = _job(answer.location)
        with app.app_context(), world.harbour.inside():
            before = (
                session.scalar(sa.select(sa.func.count()).select_from(Note)),
                session.scalar(
                    sa.select(sa.func.count()).select_from(Task).where(Task.title.in_(["Call Dana", "Write to her"]))
                ),
            )
        assert before[1] == 0
        assert client.submit(f"/drafts/{job}/use", {"body": text}, page=page).status_code == 303
        assert client.submit(f"/drafts/{job}/use", {"body": text}, page=page).status_code == 409
    with app.app_context(), world.harbour.inside():
        assert "My summary" in session.scalars(sa.select(Note.body)).all()
        tasks = {t.title: t for t in session.scalars(sa.select(Task).where(Task.contact_id == key))}
        assert {"Call Dana", "Write to her", "Ask the lender"} <= tasks.keys()
        assert tasks["Call Dana"].due_at is not None and tasks["Ask the lender"].due_at is None


def test_a_template_gets_its_text_and_a_cancelled_draft_is_none(app: Flask, client: Browser, world: World) -> None:
    key = _ready(app, world.harbour)
    with app.app_context(), world.harbour.inside():
        template = session.scalars(sa.select(Template.id)).first()
    sign_in(client, world.harbour.owner)
    page = f"/templates/{template}"
    assert "Draft the text" in client.get(page).text
    job = _job(client.submit(f"{page}/draft", {"wish": "Open house on Sunday"}, page=page).location)
    runner.drain(app)
    card = client.get(f"/drafts/{job}").text
    assert "Open house on Sunday" in card and "{{ contact.goes_by }}" in card
    client.submit(f"/drafts/{job}/use", {"body": "Hello {{ contact.goes_by }}"}, page=page)
    with app.app_context(), world.harbour.inside():
        assert session.get(Template, template).body == "Hello {{ contact.goes_by }}"
    page = f"/contacts/{key}"
    job = _job(client.submit(f"{page}/draft", {"feature": "email"}, page=page).location)
    assert "Cancel" in client.get(f"/drafts/{job}").text
    client.submit(f"/drafts/{job}/cancel", page=page)
    runner.drain(app)
    assert "Cancelled" in client.get(f"/drafts/{job}").text
    for url in ("use", "discard", "cancel"):
        other = app.test_client()
        assert isinstance(other, Browser)
        sign_in(other, world.harbour.agent)
        assert other.submit(f"/drafts/{job}/{url}", {"body": "x"}, page="/jobs/").status_code == 404


def test_compliance_opens_the_copy_of_a_call_and_that_is_noted(app: Flask, client: Browser, world: World) -> None:
    key = _ready(app, world.harbour)
    sign_in(client, world.harbour.owner)
    client.submit(f"/contacts/{key}/draft", page=f"/contacts/{key}")
    runner.drain(app)
    rows = client.get("/compliance/ai/?feature=email&outcome=answered").text
    assert "Follow-up e-mail" in rows and "$0.0000" in rows
    assert "Nothing fits" in client.get("/compliance/ai/?provider=Nobody").text
    page = client.get("/compliance/ai/1").text
    assert "SHA-256 of what was received" in page and "Dana Whitcombe" in page
    assert "contact.goes_by" not in page
    copy = client.submit("/compliance/ai/1/copy", page="/compliance/ai/1").text
    assert "contact.name" in copy and "dana@example.com" not in copy
    assert "copy of an AI call opened" in client.get("/compliance/").text
    other = app.test_client()
    assert isinstance(other, Browser)
    sign_in(other, world.summit.owner)
    assert other.get("/compliance/ai/1").status_code == 404
    agent = app.test_client()
    assert isinstance(agent, Browser)
    sign_in(agent, world.harbour.agent)
    assert agent.get("/compliance/ai/1").status_code == 403

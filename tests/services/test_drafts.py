"""Drafts as stories: asked for, read only what the asker may see, kept on a ledger, refused after opt-out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from app.adapters import ai
from app.errors import Forbidden, NotFound
from app.services import drafts, messages, records, subject_keys
from app.services.ai_providers import Chosen
from app.services.operation import operation
from jobs import runner
from models import scope
from models.ai import AiCall
from models.base import session
from models.contact import Contact
from models.deal import Deal, Pipeline, Stage
from models.job import Job
from models.message import Message
from models.scope import Actor
from models.work import Note
from models.workspace import Workspace
from tests import jobs_kit


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    made = jobs_kit.make_app(tmp_path, SMTP_URL=f"sink://{tmp_path / 'outbox'}")
    with made.app_context():
        yield made


@pytest.fixture
def sent_out(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Every payload that reaches the writer, which still does its work."""
    captured: list[bytes] = []
    real = ai.send

    def watch(chosen: Chosen, payload: bytes, **facts: Any) -> ai.Answer:
        captured.append(payload)
        return real(chosen, payload, **facts)

    monkeypatch.setattr(ai, "send", watch)
    return captured


@pytest.fixture
def office(app: Flask) -> tuple[int, Actor]:
    workspace = jobs_kit.found_workspace(ai_enabled=True)
    return workspace, jobs_kit.join(workspace, "Dana", "agent")


def _contact(office: tuple[int, Actor], **facts: Any) -> int:
    with scope.inside(office[0]):
        given = {
            "name": "Sam Rivers",
            "goes_by": "Sam",
            "email": "sam@example.com",
            "next_step": "Send two listings",
        } | facts
        return records.create(Contact, given, actor=office[1]).id


def _switch_off(workspace: int) -> None:
    with scope.inside(workspace), operation("workspace.update", actor=jobs_kit.SYSTEM):
        session.get(Workspace, workspace).ai_enabled = False


def test_a_draft_is_written_and_only_a_person_sends_it(
    app: Flask, office: tuple[int, Actor], sent_out: list[bytes]
) -> None:
    contact = _contact(office)
    with scope.inside(office[0]):
        job_id = drafts.ask("email", contact, actor=office[1]).id
        assert drafts.card(job_id, actor=office[1]).state == "waiting"
    runner.drain(app)
    runner.drain(app)
    with scope.inside(office[0]):
        session.expire_all()
        card = drafts.card(job_id, actor=office[1])
        assert card.state == "ready" and card.message is not None and card.call is not None
        assert card.message.drafted_by == "Built-in template, no AI provider"
        assert card.message.body.startswith("Hi Sam,") and "Send two listings" in card.message.body
        assert not Path(app.config["SMTP_URL"].removeprefix("sink://")).exists(), "nothing was sent"
        messages.send(card.message.id, actor=office[1])
    runner.drain(app)
    with scope.inside(office[0]):
        session.expire_all()
        assert session.scalars(sa.select(Message.state)).all() == ["sent"]


def test_the_ledger_holds_what_was_handed_over_hash_for_hash(
    app: Flask, office: tuple[int, Actor], sent_out: list[bytes]
) -> None:
    contact = _contact(office, next_step="Call back on (415) 555-0134 or sam@example.com")
    with scope.inside(office[0]):
        drafts.ask("email", contact, actor=office[1])
    runner.drain(app)
    with scope.inside(office[0]):
        [call] = session.scalars(sa.select(AiCall)).all()
        assert [call.payload_hash] == [hashlib.sha256(p).hexdigest() for p in sent_out]
        assert (call.outcome, call.payload_bytes, call.asked_by) == ("answered", len(sent_out[0]), "Dana")
        assert call.fields == [
            "contact.goes_by",
            "contact.name",
            "contact.next_step",
            "contact.type",
            "sender.name",
            "workspace.language",
            "workspace.name",
        ]
        where = (office[0], contact)
        copy = (
            subject_keys.for_subjects({where})[where]
            .open(call.sealed, aad=f"ai_call:{office[0]}:{contact}".encode())
            .decode()
        )
        assert "Sam Rivers" in copy and "555-0134" not in copy and "@example.com" not in copy


def test_what_the_asker_may_not_see_is_never_handed_over(
    app: Flask, office: tuple[int, Actor], sent_out: list[bytes]
) -> None:
    contact = _contact(office, about="canary-about", birthday=None)
    colleague = jobs_kit.join(office[0], "Ray", "broker")
    with scope.inside(office[0]):
        pipeline = records.create(Pipeline, {"name": "Sales"}, actor=jobs_kit.SYSTEM)
        stage = records.create(Stage, {"name": "New", "pipeline_id": pipeline.id}, actor=jobs_kit.SYSTEM)
        records.create(Deal, {"title": "canary-deal", "contact_id": contact, "stage_id": stage.id}, actor=colleague)
        records.create(Note, {"body": "canary-note", "contact_id": contact}, actor=colleague)
        drafts.ask("email", contact, actor=office[1])
    runner.drain(app)
    assert len(sent_out) == 1 and b"canary" not in sent_out[0]
    with scope.inside(office[0]):
        drafts.ask("email", contact, actor=colleague)
    runner.drain(app)
    assert b"canary-deal" in sent_out[1] and b"canary-note" not in sent_out[1]


def test_a_queued_draft_is_refused_after_opt_out(app: Flask, office: tuple[int, Actor], sent_out: list[bytes]) -> None:
    contact = _contact(office)
    with scope.inside(office[0]):
        drafts.ask("email", contact, actor=office[1])
    _switch_off(office[0])
    runner.drain(app)
    with scope.inside(office[0]):
        assert session.scalars(sa.select(Job.state)).all() == ["refused"]
        assert session.scalars(sa.select(AiCall)).all() == []
        with pytest.raises(Forbidden, match="switched off"):
            drafts.ask("email", contact, actor=office[1])
    assert sent_out == []


def test_nothing_is_drafted_about_a_minor(app: Flask, office: tuple[int, Actor], sent_out: list[bytes]) -> None:
    contact = _contact(office, minor=True, minor_authority="Mother signed")
    with scope.inside(office[0]), pytest.raises(Forbidden, match="under age"):
        drafts.ask("email", contact, actor=office[1])
    assert sent_out == []


def test_a_colleague_and_an_outsider_do_not_find_the_draft(app: Flask, office: tuple[int, Actor]) -> None:
    contact = _contact(office)
    with scope.inside(office[0]):
        job_id = drafts.ask("email", contact, actor=office[1]).id
        with pytest.raises(NotFound):
            drafts.card(job_id, actor=jobs_kit.join(office[0], "Ray", "broker"))
    other = jobs_kit.found_workspace("saltmarsh", ai_enabled=True)
    outsider = jobs_kit.join(other, "Olga", "broker")
    with scope.inside(other):
        with pytest.raises(NotFound):
            drafts.card(job_id, actor=outsider)
        with pytest.raises(NotFound):
            drafts.ask("email", contact, actor=outsider)


def test_braces_in_a_name_are_text(app: Flask, office: tuple[int, Actor]) -> None:
    contact = _contact(office, goes_by="{{ sender.phone }}")
    with scope.inside(office[0]):
        drafts.ask("email", contact, actor=office[1])
    runner.drain(app)
    with scope.inside(office[0]):
        assert "{ { sender.phone }}" in session.scalars(sa.select(Message.body)).one()

"""Whatever asks for an e-mail, a suppressed address gets none, and the same occasion is one e-mail. Walks the list of
causes, so that a later one is covered without a line here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from app.services import messages, records
from jobs import runner
from models import scope
from models.base import session
from models.contact import Contact
from models.message import CAUSES, KINDS, REASONS, Message, Suppression
from tests import jobs_kit


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    made = jobs_kit.make_app(tmp_path, SMTP_URL=f"sink://{tmp_path / 'outbox'}", MAIL_FROM="crm@example.com")
    with made.app_context():
        yield made


def _kept(tmp_path: Path) -> list[str]:
    return [one.read_text() for one in sorted((tmp_path / "outbox").glob("*.eml"))]


@pytest.mark.parametrize("cause", [key for key, _label in CAUSES])
def test_a_suppressed_address_gets_nothing_whatever_asks(app: Flask, tmp_path: Path, cause: str) -> None:
    workspace = jobs_kit.found_workspace()
    dana = jobs_kit.join(workspace, "Dana", "admin")
    with scope.inside(workspace):
        sam = records.create(Contact, {"name": "Sam", "email": "sam@example.net"}, actor=dana)
        bo = records.create(Contact, {"name": "Bo", "email": "bo@example.net"}, actor=dana)
        waiting = [
            messages.write(one, "News", "Hi", kind=kind, cause=cause, cause_id="c1", occasion=kind, actor=dana).id
            for one in (sam, bo)
            for kind, _label in KINDS
        ]
        # The promise is older than the wish: only a look right before the hand-over sees it.
        wish = {"address": "sam@example.net", "reason": "complaint", "scope": "all"}
        records.create(Suppression, wish, actor=dana)
    runner.drain(app)
    kept = _kept(tmp_path)
    assert len(kept) == len(KINDS) and not any("sam@example.net" in one for one in kept)
    with scope.inside(workspace):
        states = [session.get_one(Message, key).state for key in waiting]
        why = session.get_one(Message, waiting[0]).answer or ""
    assert states == ["suppressed"] * len(KINDS) + ["sent"] * len(KINDS)
    assert "complained" in why


@pytest.mark.parametrize("reason", [key for key, _label in REASONS])
@pytest.mark.parametrize("cause", [key for key, _label in CAUSES])
def test_marketing_stops_and_business_goes_on_for_each_reason(
    app: Flask, tmp_path: Path, cause: str, reason: str
) -> None:
    workspace = jobs_kit.found_workspace()
    dana = jobs_kit.join(workspace, "Dana", "admin")
    with scope.inside(workspace):
        sam = records.create(Contact, {"name": "Sam", "email": "sam@example.net"}, actor=dana)
        wish = {"address": "sam@example.net", "reason": reason, "scope": "marketing"}
        records.create(Suppression, wish, actor=dana)
        for kind, _label in KINDS:
            messages.write(sam, f"About {kind}", "Hi", kind=kind, cause=cause, cause_id="c1", occasion=kind, actor=dana)
    runner.drain(app)
    (kept,) = _kept(tmp_path)
    assert "About transactional" in kept


@pytest.mark.parametrize("cause", [key for key, _label in CAUSES])
def test_the_same_occasion_is_one_e_mail_and_a_second_occasion_a_second(app: Flask, tmp_path: Path, cause: str) -> None:
    workspace = jobs_kit.found_workspace()
    dana = jobs_kit.join(workspace, "Dana", "admin")
    with scope.inside(workspace):
        sam = records.create(Contact, {"name": "Sam", "email": "sam@example.net"}, actor=dana)
        for occasion in ("first", "first", "second"):
            messages.write(sam, "Reminder", "Hi", cause=cause, cause_id="c1", occasion=occasion, actor=dana)
    runner.drain(app)
    assert len(_kept(tmp_path)) == 2


def test_what_is_no_cause_is_refused(app: Flask) -> None:
    workspace = jobs_kit.found_workspace()
    dana = jobs_kit.join(workspace, "Dana", "admin")
    with scope.inside(workspace):
        sam = records.create(Contact, {"name": "Sam", "email": "sam@example.net"}, actor=dana)
        with pytest.raises(ValueError, match="no cause"):
            messages.write(sam, "News", "Hi", cause="whim", actor=dana)

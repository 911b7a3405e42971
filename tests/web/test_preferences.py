"""The recipient's page: opening changes nothing, one press stops marketing, another takes it back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from flask_wtf import CSRFProtect

from app.services import messages, preferences, records, tracking
from models import scope, tenancy
from models.audit import Audit
from models.base import session
from models.contact import Contact
from models.message import Suppression
from models.privacy import Consent
from public_site import preferences as page
from tests import jobs_kit
from views import headers, translated


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    made = jobs_kit.make_app(tmp_path, WTF_CSRF_ENABLED=True)
    made.static_folder = str(Path(page.__file__).parent.parent / "app" / "static")
    translated.use(made)
    headers.init(made)
    translated.init(made)
    csrf = CSRFProtect(made)
    page.register(made, csrf)
    yield made


@pytest.fixture
def token(app: Flask) -> str:
    with app.app_context():
        workspace = jobs_kit.found_workspace("harbor", color="#b4451f", phone="+18434550166", address="7 Harbor Lane")
        agent = jobs_kit.join(workspace, "Dana", "agent")
        with scope.inside(workspace):
            contact = records.create(Contact, {"name": "Sam Rivers", "email": "sam@example.com"}, actor=agent)
            message = messages.write(contact, "Homes", "Hi", kind="marketing", actor=agent)
            return preferences.link(workspace, message.id)


def _counts(app: Flask) -> tuple[int, ...]:
    with app.app_context(), scope.across_workspaces("a test counts"):
        why = tenancy.reason("a test counts")
        return tuple(
            session.scalar(sa.select(sa.func.count()).select_from(m.__table__), execution_options=why) or 0
            for m in (Suppression, Consent, Audit)
        )


def test_opening_the_link_changes_nothing(app: Flask, token: str) -> None:
    client, before = app.test_client(), _counts(app)
    for _ in range(3):
        answer = client.get(f"/p/{token}")
        assert answer.status_code == 200
    client.head(f"/p/{token}")
    assert _counts(app) == before
    assert (
        "Unsubscribe from everything" in answer.text and "s•••@example.com" in answer.text and "sam@" not in answer.text
    )


def test_the_page_wears_the_brokerages_brand_and_sets_no_cookie(app: Flask, token: str) -> None:
    answer = app.test_client().get(f"/p/{token}")
    assert "--brand:#b4451f" in answer.text and "Harbor Realty" in answer.text and "7 Harbor Lane" in answer.text
    assert "Set-Cookie" not in answer.headers
    assert (answer.headers["Referrer-Policy"], answer.headers["X-Robots-Tag"], answer.headers["Cache-Control"]) == (
        "no-referrer",
        "noindex",
        "no-store",
    )
    assert len(answer.data) < 20_000


def _press(client: FlaskClient, token: str, decision: str) -> str:
    answer = client.post(f"/p/{token}", data={"decision": decision})
    assert answer.status_code == 200
    return answer.text


def test_one_press_stops_marketing_and_undo_brings_it_back(app: Flask, token: str) -> None:
    client = app.test_client()
    assert "We won’t send marketing to s•••@example.com again" in _press(client, token, "stop")
    assert "You are unsubscribed" in client.get(f"/p/{token}").text
    assert "You get marketing e-mail from Harbor Realty again" in _press(client, token, "undo")
    assert "Unsubscribe from everything" in client.get(f"/p/{token}").text


def test_a_mail_program_unsubscribes_with_one_click_and_no_session(app: Flask, token: str) -> None:
    answer = app.test_client().post(f"/p/{token}", data={"List-Unsubscribe": "One-Click"})
    assert (answer.status_code, answer.text) == (200, "Unsubscribed.\n")
    with app.app_context(), scope.across_workspaces("a test reads"):
        consent = session.scalars(sa.select(Consent)).one()
        assert (consent.given, consent.source, consent.ip) == (False, "one-click", "127.0.0.1")
        assert session.scalars(sa.select(Suppression.scope)).all() == ["marketing"]


@pytest.mark.parametrize("bad", ["x", "a.b", "WzEsMV0.AAAAAAAAAAAAAAAAAAAAAA"])
def test_a_bad_link_says_so_and_names_nobody(app: Flask, token: str, bad: str) -> None:
    client = app.test_client()
    for answer in (client.get(f"/p/{bad}"), client.post(f"/p/{bad}", data={"decision": "stop"})):
        assert answer.status_code == 410
        assert "This link no longer works" in answer.text and "Harbor" not in answer.text
    assert _counts(app)[0] == 0


def test_a_reader_says_whether_their_reading_is_noted(app: Flask, token: str) -> None:
    client = app.test_client()
    assert "What we note" not in client.get(f"/p/{token}").text, "where nothing is noted there is no question"
    with app.app_context(), scope.across_workspaces("a test reads"):
        workspace = session.scalars(sa.select(Contact.workspace_id)).one()
    with app.app_context(), scope.inside(workspace):
        tracking.save({"opens": 1, "everywhere": 1}, version=0, actor=jobs_kit.join(workspace, "Olive", "owner"))
    before = _counts(app)
    page_ = client.get(f"/p/{token}").text
    assert "does not note when you open" in page_ and _counts(app) == before
    for decision, words in (("follow", "notes when you open"), ("unfollow", "does not note")):
        for _again in range(2):
            shown = _press(client, token, decision)
            assert words in shown and "Unsubscribe from everything" in shown
    with app.app_context(), scope.inside(workspace):
        said = session.scalars(sa.select(Consent).order_by(Consent.id)).all()
        assert [(one.topic, one.given, one.source) for one in said] == [
            ("tracking", True, "preferences page"), ("tracking", False, "preferences page"),
        ]  # fmt: skip
        assert said[1].wording.startswith("Do not note")

"""E-mail as stories: an agent writes, the job sends once, and suppressed people are left in peace."""

from __future__ import annotations

import email
from collections.abc import Iterator
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from app.errors import Conflict, Forbidden, Gone, Invalid, NotFound
from app.services import jobs as job_service
from app.services import merge, messages, preferences, records
from app.services.operation import operation
from jobs import runner, store
from models import scope
from models.base import session
from models.contact import Contact
from models.fields import now
from models.message import Message, Suppression
from models.policy import Purpose
from models.privacy import Consent
from models.scope import Actor, ActorKind
from models.work import Activity
from models.workspace import Membership
from tests import jobs_kit

RECIPIENT = Actor(ActorKind.PUBLIC, "E-mail recipient", ip="127.0.0.1")


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    made = jobs_kit.make_app(tmp_path, SMTP_URL=f"sink://{tmp_path / 'outbox'}", MAIL_FROM="crm@example.com")
    with made.app_context():
        yield made


class Office:
    """A brokerage with an agent and one contact."""

    def __init__(self, app: Flask, slug: str = "harbor") -> None:
        self.app = app
        self.id = jobs_kit.found_workspace(slug, address="7 Harbor Lane, Charleston")
        self.agent = jobs_kit.join(self.id, "Dana", "agent")
        with self.inside():
            self.contact_id = records.create(
                Contact, {"name": "Sam Rivers", "email": "sam@example.com"}, actor=self.agent
            ).id

    def inside(self) -> Any:
        return scope.inside(self.id)

    def contact(self) -> Contact:
        return session.get(Contact, self.contact_id)

    def write(self, **facts: Any) -> int:
        with self.inside():
            given = {"subject": "Hello", "body": "Hi {{ contact.goes_by }}", "actor": self.agent} | facts
            return messages.write(self.contact(), **given).id

    def message(self, message_id: int) -> Message:
        with self.inside():
            session.expire_all()
            return session.get(Message, message_id)

    def outbox(self) -> list[EmailMessage]:
        folder = Path(self.app.config["SMTP_URL"].removeprefix("sink://"))
        files = sorted(folder.glob("*.eml")) if folder.exists() else []
        return [email.message_from_bytes(f.read_bytes(), policy=default) for f in files]  # type: ignore[misc]


@pytest.fixture
def office(app: Flask) -> Office:
    return Office(app)


def _suppress(office: Office, scope_: str) -> None:
    with office.inside():
        records.create(
            Suppression, {"address": "sam@example.com", "scope": scope_, "reason": "manual"}, actor=jobs_kit.SYSTEM
        )


def test_an_agent_writes_and_the_contact_gets_it_once(app: Flask, office: Office) -> None:
    message_id = office.write(subject="Two homes by the water")
    assert office.message(message_id).state == "queued"
    runner.drain(app)
    runner.drain(app)
    sent = office.message(message_id)
    assert (sent.state, sent.body) == ("sent", "Hi Sam Rivers")
    assert sent.sent_at is not None and sent.answer is not None and sent.answer.startswith("250")
    [letter] = office.outbox()
    assert (letter["To"].addresses[0].addr_spec, letter["Subject"]) == ("sam@example.com", "Two homes by the water")
    assert letter["Message-ID"] == sent.message_id
    assert letter["Reply-To"].addresses[0].addr_spec == office.agent.label.lower() + f"@{office.id}.example.com"


def test_the_same_cause_and_occasion_is_one_e_mail(app: Flask, office: Office) -> None:
    first = office.write(occasion="form-1")
    assert office.write(occasion="form-1") == first
    assert office.write(occasion="form-2") != first
    runner.drain(app)
    assert len(office.outbox()) == 2


def test_a_draft_waits_for_a_person(app: Flask, office: Office) -> None:
    message_id = office.write(send=False)
    runner.drain(app)
    assert office.outbox() == []
    with office.inside():
        messages.send(message_id, actor=office.agent, body="Hi Sam, changed.")
        messages.send(message_id, actor=office.agent)
    runner.drain(app)
    assert [m.get_body(("plain",)).get_content().strip() for m in office.outbox()] == ["Hi Sam, changed."]


@pytest.mark.parametrize(
    ("scope_", "kind", "state"),
    [
        ("marketing", "marketing", "suppressed"),
        ("marketing", "transactional", "sent"),
        ("all", "marketing", "suppressed"),
        ("all", "transactional", "suppressed"),
    ],
)
def test_a_suppression_is_asked_at_the_wire(app: Flask, office: Office, scope_: str, kind: str, state: str) -> None:
    message_id = office.write(kind=kind)
    _suppress(office, scope_)
    runner.drain(app)
    assert office.message(message_id).state == state
    assert len(office.outbox()) == (state == "sent")
    if state == "suppressed":
        assert "suppressed" in str(office.message(message_id).answer)


def test_account_mail_passes_every_suppression_and_its_secret_is_forgotten(app: Flask, office: Office) -> None:
    _suppress(office, "all")
    with office.inside(), operation("password.reset", actor=jobs_kit.SYSTEM) as op:
        args = {"to": "sam@example.com", "subject": "Choose a new password", "text": "Open http://localhost/r/secret"}
        job = op.promise("mail.account", args, purpose=Purpose.SECURE_ACCOUNTS, queue="mail")
        session.flush()
        job_id = job.id
    runner.drain(app)
    [letter] = office.outbox()
    assert "secret" in letter.get_body(("plain",)).get_content()
    with store.connection() as live:
        row = live.execute(sa.select(store.table.c.state, store.table.c.args).where(store.table.c.id == job_id)).one()
    assert tuple(row) == ("done", {})


def test_marketing_to_a_minor_is_blocked(app: Flask, office: Office) -> None:
    with office.inside():
        records.update(
            Contact, office.contact_id, {"minor": True, "minor_authority": "Mother signed"}, actor=office.agent
        )
    message_id = office.write(kind="marketing")
    runner.drain(app)
    assert (office.message(message_id).state, office.outbox()) == ("suppressed", [])


def test_a_worker_that_died_during_the_hand_over_leaves_a_question_not_a_second_e_mail(
    app: Flask, office: Office
) -> None:
    message_id = office.write()
    [claimed] = store.claim(1)
    with office.inside(), operation("message.hand_over", actor=office.agent):
        assert messages.hand_over(message_id, actor=office.agent, domain="example.com") is not None
    with store.connection() as live:
        live.execute(
            sa.update(store.table).where(store.table.c.id == claimed.id).values(lease_until=now().replace(year=2020))
        )
    runner.drain(app)
    assert (office.message(message_id).state, office.outbox()) == ("unknown", [])
    with office.inside():
        messages.send_again(message_id, actor=office.agent)
    runner.drain(app)
    assert (office.message(message_id).state, len(office.outbox())) == ("sent", 1)


def test_a_server_that_is_away_is_tried_again_and_then_given_up(app: Flask, office: Office) -> None:
    app.config["SMTP_URL"] = "smtp://127.0.0.1:9"
    message_id = office.write()
    for _ in range(7):
        runner.drain(app)
        assert office.message(message_id).state == "queued"
        with store.connection() as live:
            live.execute(sa.update(store.table).values(run_at=now()))
    runner.drain(app)
    failed = office.message(message_id)
    assert failed.state == "failed" and "cannot be reached" in str(failed.answer)


def test_a_removed_agents_e_mail_is_not_sent(app: Flask, office: Office) -> None:
    message_id = office.write()
    with office.inside(), operation("member.remove", actor=jobs_kit.SYSTEM):
        session.scalars(sa.select(Membership)).one().active = False
    runner.drain(app)
    stopped = office.message(message_id)
    assert (stopped.state, office.outbox()) == ("cancelled", [])
    assert "no longer a member" in str(stopped.answer)


def test_a_queued_e_mail_can_be_called_back_and_a_sent_one_not(app: Flask, office: Office) -> None:
    called_back, sent = office.write(), office.write()
    with office.inside():
        messages.discard(called_back, actor=office.agent)
    runner.drain(app)
    assert len(office.outbox()) == 1
    with office.inside(), pytest.raises(Conflict):
        messages.discard(sent, actor=office.agent)
    with office.inside(), pytest.raises(Invalid):
        records.update(Message, sent, {"body": "something else"}, actor=office.agent)


def test_an_unknown_merge_field_is_named_and_nothing_is_kept(office: Office) -> None:
    with pytest.raises(Invalid) as told:
        office.write(body="Hi {{ contact.__class__ }}")
    assert "contact.__class__" in told.value.fields["body"]
    with office.inside():
        assert session.scalar(sa.select(sa.func.count()).select_from(Message)) == 0


@given(
    st.dictionaries(st.sampled_from(sorted(merge.FIELDS)), st.text(max_size=30)), st.text(alphabet="ab{} ", max_size=30)
)
def test_filled_values_are_never_filled_again(values: dict[str, str], around: str) -> None:
    evil = dict.fromkeys(values, "{{ contact.name }}")
    text = " ".join(f"{{{{ {name} }}}}" for name in values)
    assert merge.fill(text, evil) == " ".join("{{ contact.name }}" for _ in values)
    plain = around.replace("{{", "")
    assert merge.fill(plain, values) == plain


def test_an_agent_of_another_brokerage_finds_neither_contact_nor_message(app: Flask, office: Office) -> None:
    message_id = office.write(send=False)
    other = Office(app, "saltmarsh")
    with other.inside(), pytest.raises(NotFound):
        messages.send(message_id, actor=other.agent)
    with other.inside(), pytest.raises(NotFound):
        messages.write(office.contact() or Contact(id=office.contact_id), "x", "y", actor=other.agent)


def test_a_reader_may_not_write(office: Office) -> None:
    reader = jobs_kit.join(office.id, "Ray", "read_only")
    with pytest.raises(Forbidden):
        office.write(actor=reader)


def test_the_recipient_stops_marketing_and_every_step_is_on_record(app: Flask, office: Office) -> None:
    message_id = office.write(kind="marketing")
    runner.drain(app)
    [letter] = office.outbox()
    url = str(letter["List-Unsubscribe"]).strip(" <>")
    assert url in letter.get_body(("plain",)).get_content()
    token = url.rsplit("/p/", 1)[1]
    assert preferences.read(token).stopped is False
    for _ in range(2):
        after = preferences.unsubscribe(
            token, actor=RECIPIENT, source="one-click", wording="Unsubscribe from everything"
        )
    assert (after.stopped, after.address) == (True, "s•••@example.com")
    with office.inside():
        [consent] = session.scalars(sa.select(Consent)).all()
        assert (consent.given, consent.contact_id, consent.source, consent.ip) == (
            False,
            office.contact_id,
            "one-click",
            "127.0.0.1",
        )
        assert session.scalars(sa.select(Activity.title)).all() == ["Unsubscribed from marketing e-mail"]
    again = office.write(kind="marketing")
    runner.drain(app)
    assert (office.message(again).state, len(office.outbox())) == ("suppressed", 1)
    preferences.resubscribe(token, actor=RECIPIENT, source="page", wording="Undo")
    assert preferences.read(token).stopped is False
    assert office.message(message_id).state == "sent"


def test_a_link_of_another_purpose_opens_nothing(office: Office) -> None:
    token = preferences.sign_link("booking", [office.id, office.write()], preferences.GOOD_FOR)
    for bad in (token, "", "a.b", preferences.link(office.id, 999_999)):
        with pytest.raises(Gone):
            preferences.read(bad)


def test_what_the_office_blocked_a_recipient_cannot_unblock(office: Office) -> None:
    message_id = office.write(kind="marketing")
    _suppress(office, "marketing")
    token = preferences.link(office.id, message_id)
    assert preferences.resubscribe(token, actor=RECIPIENT, source="page", wording="Undo").stopped is True


def test_an_agent_cancels_the_job_of_an_e_mail(app: Flask, office: Office) -> None:
    message_id = office.write()
    with office.inside():
        [job] = job_service.page(actor=office.agent).jobs
        job_service.cancel(job.id, actor=office.agent)
    runner.drain(app)
    assert (office.message(message_id).state, office.outbox()) == ("cancelled", [])

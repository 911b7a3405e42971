"""Mail that comes in, as stories: kept before it is read, matched with what was sent, acted upon once; and the walls
between brokerages."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from app.errors import Conflict, Forbidden, NotFound
from app.services import intake, messages, records, return_paths, suppressions, verbs
from app.services.inbound import filing, receiving, replies, waiting  # noqa: F401  its verbs
from app.services.operation import operation
from jobs import runner
from models import scope
from models.base import session
from models.contact import Contact
from models.inbound import InboundMail, ReceivedMail
from models.job import Job
from models.message import Message, Suppression
from models.privacy import Consent
from models.work import Activity, Task
from models.workspace import Workspace
from tests import jobs_kit
from tests.inbound_kit import DOMAIN, answer, arf, bounce


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    made = jobs_kit.make_app(
        tmp_path, SMTP_URL=f"sink://{tmp_path / 'outbox'}", MAIL_FROM="crm@example.com", INBOUND_DOMAIN=DOMAIN
    )
    with made.app_context():
        yield made


class Office:
    """A brokerage whose agent has written to one contact."""

    def __init__(self, app: Flask, slug: str) -> None:
        self.app, self.slug = app, slug
        self.id = jobs_kit.found_workspace(slug)
        self.boss = jobs_kit.join(self.id, f"Olive {slug}", "owner")
        self.agent = jobs_kit.join(self.id, f"Dana {slug}", "agent")
        with self.inside():
            self.contact_id = records.create(
                Contact, {"name": "Sam Rivers", "email": f"sam@{slug}.example.org"}, actor=self.agent
            ).id
        self.message_id = self.write(kind="marketing")
        runner.drain(app)

    def inside(self) -> Any:
        return scope.inside(self.id)

    def write(self, **facts: Any) -> int:
        with self.inside():
            given = {"subject": "Two homes", "body": "Hi", "actor": self.agent} | facts
            return messages.write(session.get(Contact, self.contact_id), **given).id

    def address(self, kind: str, message_id: int | None = None) -> str:
        return return_paths.address(kind, self.id, message_id or self.message_id, domain=DOMAIN)

    def take(self, raw: bytes, to: str, sender: str | None = "sam@x.com") -> receiving.Taken:
        return receiving.take_in(raw, recipient=to, sender=sender, via="smtp", domain=DOMAIN)

    def came(self, raw: bytes, to: str, sender: str | None = "sam@x.com") -> InboundMail | None:
        """Take a mail in and have it read; what was made of it."""
        taken = self.take(raw, to, sender)
        runner.drain(self.app)
        with self.inside():
            session.expire_all()
            received = session.get(ReceivedMail, taken.id)
            return session.get(InboundMail, received.mail_id) if received and received.mail_id else None

    def every(self, model: Any, *where: Any) -> list[Any]:
        with self.inside():
            session.expire_all()
            return list(session.scalars(sa.select(model).where(*where).order_by(model.id)))

    def message(self, message_id: int | None = None) -> Message:
        with self.inside():
            session.expire_all()
            return session.get(Message, message_id or self.message_id)

    def waits(self) -> int:
        with self.inside():
            session.expire_all()
            return session.get(Workspace, self.id).mail_waiting


@pytest.fixture
def office(app: Flask) -> Office:
    return Office(app, "harbor")


@pytest.fixture
def other(app: Flask) -> Office:
    return Office(app, "summit")


def test_an_answer_is_on_the_timeline_and_a_task_for_who_wrote(office: Office) -> None:
    mail = office.came(
        answer("Yes, Saturday at ten.\n\nOn Monday Dana wrote:\n> Hi"), office.address("reply"), "sam@x.com"
    )
    assert mail is not None
    assert (mail.kind, mail.state, mail.contact_id, mail.message_id) == (
        "reply", "done", office.contact_id, office.message_id,
    )  # fmt: skip
    [noted] = office.every(Activity)
    assert (noted.kind, noted.contact_id, noted.details) == ("email", office.contact_id, "Yes, Saturday at ten.")
    [task] = office.every(Task)
    assert (task.title, task.owner_id, task.state) == ("Answer Sam Rivers", office.agent.membership_id, "open")
    assert mail.owner_id == office.agent.membership_id, "the agent sees their own mail, no colleague does"
    assert office.every(Suppression) == []


def test_who_writes_three_times_is_one_task_until_it_is_done(office: Office) -> None:
    for number in range(3):
        office.came(answer(f"And another thing, {number}"), office.address("reply"))
    [task] = office.every(Task)
    assert len(office.every(Activity)) == 3, "the timeline has them all"
    with office.inside():
        records.update(Task, task.id, {"state": "done"}, actor=office.agent)
    office.came(answer("One more"), office.address("reply"))
    assert [one.state for one in office.every(Task)] == ["done", "open"]


def test_the_raw_message_is_kept_sealed_and_whole(app: Flask, office: Office) -> None:
    raw = answer("Privately: yes")
    taken = office.take(raw, office.address("reply"))
    with office.inside():
        assert session.get(ReceivedMail, taken.id).raw == raw
        stored = session.scalar(
            sa.text("select raw from received_mail"), execution_options={"walled_reason": "a test reads what is stored"}
        )
    assert b"Privately" not in bytes(stored)


def test_the_same_delivery_twice_is_one_mail_with_one_effect(office: Office) -> None:
    raw = answer("Yes")
    first, second = (office.take(raw, office.address("reply")) for _ in range(2))
    assert (first.id, first.replay, second.replay) == (second.id, False, True)
    runner.drain(office.app)
    # A server that lost our answer comes again with another line at the top.
    office.came(b"Received: by mx2.example.net; once more\r\n" + raw, office.address("reply"))
    assert len(office.every(Task)) == 1
    assert len(office.every(InboundMail)) == 1
    assert len(office.every(ReceivedMail)) == 2


def test_an_id_that_is_used_twice_loses_no_answer(office: Office) -> None:
    same = {"Message-ID": "<again@x.com>"}
    for text in ("Yes", "No, rather not"):
        office.came(answer(text, **same), office.address("reply"))
    assert [one.body for one in office.every(InboundMail)] == ["Yes", "No, rather not"]


def test_reading_a_mail_again_does_nothing(office: Office) -> None:
    office.came(answer("Yes"), office.address("reply"))
    [job] = office.every(Job, Job.name == receiving.JOB)
    with office.inside(), operation("test.again", actor=jobs_kit.SYSTEM):
        session.get(Job, job.id).state = "waiting"
    runner.drain(office.app)
    assert len(office.every(Task)) == len(office.every(Activity)) == 1


def test_an_answer_by_message_id_finds_its_message_at_the_offices_address(office: Office) -> None:
    sent = office.message().message_id or ""
    by_reply = office.came(answer("One", **{"In-Reply-To": sent}), f"harbor@{DOMAIN}", "sam@x.com")
    by_references = office.came(
        answer("Two", References=f"<other@x.com>\r\n {sent}"), f"harbor+desk@{DOMAIN}", "sam@x.com"
    )
    assert by_reply is not None and by_reply.message_id == office.message_id
    assert by_references is not None and by_references.message_id == office.message_id


def test_a_lasting_bounce_stops_all_mail_to_the_address(office: Office) -> None:
    mail = office.came(bounce("5.1.1", "550 5.1.1 User unknown"), office.address("bounce"))
    assert mail is not None and (mail.kind, mail.status_code, mail.state) == ("bounce", "5.1.1", "done")
    sent = office.message()
    assert (sent.state, sent.status_code) == ("bounced", "5.1.1")
    [stop] = office.every(Suppression)
    assert (stop.address, stop.reason, stop.scope) == ("sam@harbor.example.org", "hard_bounce", "all")
    with office.inside():
        assert suppressions.stops("sam@harbor.example.org", "transactional") is not None


def test_five_passing_bounces_within_a_month_stop_marketing_and_nothing_else(office: Office) -> None:
    for number in range(5):
        assert office.every(Suppression) == []
        message = office.write(occasion=f"o{number}")
        runner.drain(office.app)
        office.came(bounce("4.2.2", f"452 4.2.2 Mailbox full ({number})"), office.address("bounce", message))
    [stop] = office.every(Suppression)
    assert (stop.reason, stop.scope) == ("bounce", "marketing")


def test_passing_bounces_of_long_ago_do_not_count(office: Office) -> None:
    for number in range(5):
        mail = office.came(bounce("4.2.2", f"452 4.2.2 Mailbox full ({number})"), office.address("bounce"))
        assert mail is not None
        if number < 3:
            with office.inside(), operation("test.age", actor=jobs_kit.SYSTEM):
                session.get(InboundMail, mail.id).received_at -= dt.timedelta(days=40)
    assert office.every(Suppression) == []


def test_a_delayed_mail_stops_nothing(office: Office) -> None:
    mail = office.came(bounce("4.4.1", "Connection timed out", action="delayed"), office.address("bounce"))
    assert mail is not None and (mail.kind, mail.state) == ("delayed", "done")
    assert office.message().state == "sent"
    assert office.every(Suppression) == []


def test_a_complaint_stops_marketing_and_is_stronger_than_an_unsubscription(office: Office) -> None:
    office.came(answer("", Subject="unsubscribe"), office.address("unsubscribe"), "sam@x.com")
    [stop] = office.every(Suppression)
    assert (stop.reason, stop.scope) == ("unsubscribe", "marketing")
    [consent] = office.every(Consent)
    assert (consent.given, consent.source, consent.topic) == (False, "mailto", "marketing")
    sent = office.message()
    office.came(arf(sent.message_id or ""), f"abuse@{DOMAIN}", "fbl@provider.example.net")
    [stop] = office.every(Suppression)
    assert stop.reason == "complaint", "the page of the link takes back one's own unsubscription, no complaint"


def test_an_answer_that_only_asks_to_stop_is_heard(office: Office) -> None:
    office.came(answer("Please remove me.\n"), office.address("reply"), "sam@x.com")
    [stop] = office.every(Suppression)
    assert (stop.reason, stop.scope) == ("unsubscribe", "marketing")
    assert len(office.every(Task)) == 1, "and a person looks at it"


def test_somebody_away_raises_no_task_and_stops_nothing(office: Office) -> None:
    replies.chained("form")
    later = _planned(office)
    away = answer("I am away.", Subject="Automatic reply: Two homes", **{"Auto-Submitted": "auto-replied"})
    mail = office.came(away, office.address("reply"), "")
    assert mail is not None and (mail.kind, mail.state, mail.contact_id) == ("auto_reply", "done", office.contact_id)
    assert office.every(Task) == []
    assert office.message(later).state == "draft"


def _planned(office: Office) -> int:
    """A later message of the same plan as the one that was sent."""
    with office.inside(), operation("test.plan", actor=jobs_kit.SYSTEM):
        first = session.get(Message, office.message_id)
        first.cause, first.cause_id = "form", "7"
    return office.write(cause="form", cause_id="7", occasion="step-2", send=False)


def test_an_answer_stops_what_waits_for_it_and_nothing_else(office: Office) -> None:
    replies.chained("form")
    heard: list[int] = []
    stop = replies.on_reply(lambda message, _op: heard.append(message.id))
    try:
        later, apart = _planned(office), office.write(occasion="another", send=False)
        mail = office.came(answer("Yes"), office.address("reply"))
    finally:
        replies._stops.remove(stop)
        replies._chained.discard("form")
    assert mail is not None and "not sent" in (mail.reason or "")
    assert office.message(later).state == "cancelled"
    assert office.message(apart).state == "draft"
    assert heard == [office.message_id]


# What nobody can place


def test_a_stranger_waits_until_somebody_files_them(office: Office) -> None:
    mail = office.came(answer("May I see the house?", Subject="House"), f"harbor@{DOMAIN}", "new@x.com")
    assert mail is not None and (mail.state, mail.owner_id, office.waits()) == ("waiting", None, 1)
    file = verbs.find("inbound_mail", "file")
    with office.inside():
        with pytest.raises(NotFound):
            file.run(InboundMail, mail.id, {"contact_id": office.contact_id}, office.agent)
        file.run(InboundMail, mail.id, {"contact_id": office.contact_id}, office.boss)
    assert office.waits() == 0
    [task] = office.every(Task)
    assert task.owner_id == office.agent.membership_id
    [noted] = office.every(Activity)
    assert (noted.contact_id, noted.details) == (office.contact_id, "May I see the house?")
    [kept] = office.every(ReceivedMail)
    assert kept.contact_id == office.contact_id, "the raw message goes with the person"
    with office.inside(), pytest.raises(Conflict):
        file.run(InboundMail, mail.id, {"contact_id": office.contact_id}, office.boss)


def test_a_person_says_what_a_bounce_without_a_trace_is_about(office: Office) -> None:
    mail = office.came(bounce("5.1.1", "550 5.1.1 User unknown"), f"harbor@{DOMAIN}")
    assert mail is not None and (mail.kind, mail.state) == ("bounce", "waiting")
    assert office.every(Suppression) == []
    with office.inside():
        verbs.find("inbound_mail", "answers").run(InboundMail, mail.id, {"message_id": office.message_id}, office.boss)
    [stop] = office.every(Suppression)
    assert stop.reason == "hard_bounce"
    assert office.message().state == "bounced"


def test_what_is_discarded_keeps_its_reason(office: Office) -> None:
    mail = office.came(answer("Buy watches", Subject="Watches"), f"harbor@{DOMAIN}", "spam@x.com")
    assert mail is not None
    with office.inside():
        verbs.find("inbound_mail", "discard").run(InboundMail, mail.id, {"reason": "Spam"}, office.boss)
    [kept] = office.every(InboundMail)
    assert (kept.state, kept.reason, office.waits()) == ("discarded", "Spam", 0)
    assert len(office.every(ReceivedMail)) == 1


def test_the_count_follows_deletion_and_return(office: Office) -> None:
    mail = office.came(answer("Hello", Subject="Hello"), f"harbor@{DOMAIN}", "a@x.com")
    assert mail is not None
    with office.inside():
        records.delete(InboundMail, mail.id, actor=office.boss)
    assert office.waits() == 0
    with office.inside():
        records.restore(InboundMail, mail.id, actor=office.boss)
    assert office.waits() == 1


def test_a_mail_whose_reading_fails_for_good_waits_for_a_person(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise Forbidden("write", "task", "as broken as can be")

    monkeypatch.setattr(intake, "fallback", broken)
    monkeypatch.setattr(intake, "is_active", broken)
    taken = office.take(answer("Yes"), office.address("reply"))
    with office.inside(), operation("test.dead", actor=jobs_kit.SYSTEM):
        filing.give_up({"received_id": taken.id}, "dead", "as broken as can be")
    [mail] = office.every(InboundMail)
    assert (mail.kind, mail.state, office.waits()) == ("unclear", "waiting", 1)
    assert "as broken as can be" in (mail.reason or "")


# Walls


def test_an_address_of_one_brokerage_never_touches_another(office: Office, other: Office) -> None:
    """Mail to Harbor that quotes all of Summit's ids and addresses."""
    foreign = other.message().message_id or ""
    quoted = f"{other.address('bounce')} {other.address('reply')}"
    office.came(bounce("5.1.1", "550 5.1.1 User unknown", original=foreign, text=quoted), f"harbor@{DOMAIN}")
    office.came(answer(f"Yes {quoted}", **{"In-Reply-To": foreign}), f"harbor@{DOMAIN}", "a@x.com")
    office.came(answer("stop", References=foreign), office.address("unsubscribe"), "a@x.com")
    assert other.message().state == "sent"
    for model in (Suppression, InboundMail, ReceivedMail, Task, Activity, Consent):
        assert other.every(model) == [], model
    assert office.waits() == 2 and other.waits() == 0


def test_a_forged_tag_is_no_mailbox(office: Office, other: Office) -> None:
    tag = office.address("bounce").rpartition("@")[0].rpartition("-")[2]
    for local in (
        f"bounce+{other.id}-{other.message_id}-{tag}",
        f"unsubscribe+{office.id}-{office.message_id}-{tag}",
        f"bounce+{office.id}-{office.message_id}-{'a' * 16}",
        "bounce", "reply+1", "nobody", "", "harbor'--",
    ):  # fmt: skip
        with pytest.raises(NotFound):
            office.take(answer("x"), f"{local}@{DOMAIN}")
    for address in (f"harbor@elsewhere.{DOMAIN}", "harbor", f"harbor@{DOMAIN}@{DOMAIN}x"):
        assert receiving.place(address, domain=DOMAIN) is None


def test_a_complaint_to_the_whole_installation_finds_its_brokerage(office: Office, other: Office) -> None:
    sent = other.message()
    office.take(arf(sent.message_id or ""), f"fbl@{DOMAIN}", "fbl@provider.example.net")
    runner.drain(office.app)
    assert office.every(Suppression) == [] and office.every(ReceivedMail) == []
    [stop] = other.every(Suppression)
    assert (stop.address, stop.reason) == ("sam@summit.example.org", "complaint")
    with scope.across_workspaces("a test counts"):
        assert [one.workspace_id for one in session.scalars(sa.select(ReceivedMail))] == [other.id]


def test_what_names_nobody_is_kept_for_operators_and_no_brokerage_sees_it(office: Office) -> None:
    office.take(answer("Your server is on fire"), f"postmaster@{DOMAIN}", "noc@x.com")
    runner.drain(office.app)
    assert office.every(ReceivedMail) == [] and office.every(InboundMail) == []
    with scope.across_workspaces("a test looks"):
        [kept] = session.scalars(sa.select(ReceivedMail)).all()
        assert (kept.workspace_id, kept.mail_id) == (None, None)
        assert kept.raw is not None and b"on fire" in kept.raw

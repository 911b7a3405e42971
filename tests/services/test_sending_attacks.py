"""Nobody sends in another's name: not by handing a draft on, not over a server that several share, not from a domain
that is no longer theirs; and no server holds up a worker."""

from __future__ import annotations

import datetime as dt
import email
import socket
import threading
import time
from collections.abc import Iterator
from email.policy import default
from pathlib import Path

import pytest
import sqlalchemy as sa
import time_machine
from flask import Flask

from app.adapters import mail
from app.errors import Invalid
from app.services import domain_rechecks, messages, records, sending
from app.services.operation import operation
from jobs import runner
from models import scope
from models.base import session
from models.contact import Contact
from models.fields import now
from models.message import Message
from models.policy import Purpose
from models.scope import Actor
from models.sending import SendingDomain
from tests import jobs_kit
from tests.services.test_sending import Zone, zone  # noqa: F401

SHARED = "127.0.0.1:2525"


@pytest.fixture
def app(tmp_path: Path, zone: Zone) -> Iterator[Flask]:  # noqa: F811
    made = jobs_kit.make_app(
        tmp_path, SMTP_URL=f"sink://{tmp_path / 'outbox'}", MAIL_FROM="crm@operator.example",
        DNS_SERVER=f"127.0.0.1:{zone.server_address[1]}",
    )  # fmt: skip
    sending.allow_servers([SHARED], "crm@operator.example")
    with made.app_context():
        yield made
    sending.allow_servers([])


@pytest.fixture
def office(app: Flask) -> tuple[int, Actor, Actor]:
    workspace = jobs_kit.found_workspace()
    return workspace, jobs_kit.join(workspace, "Ada", "owner"), jobs_kit.join(workspace, "Bo", "broker")


def proved(name: str, actor: Actor) -> SendingDomain:
    found = sending.add_domain(name, actor=actor)
    with operation("test.prove", actor=actor):
        sending.note_check(found.id, [found.record])
    return found


def server(sender: str, actor: Actor, **more: str) -> None:
    given = {"host": "127.0.0.1", "port": "2525", "security": "none", "username": "", "password": "", "sender": sender}
    found = sending.server(actor=actor)
    sending.save_server(given | more, version=found.version if found else 0, actor=actor)


def test_a_draft_handed_to_a_colleague_does_not_leave_in_their_name(
    app: Flask, office: tuple[int, Actor, Actor], tmp_path: Path
) -> None:
    workspace, ada, bo = office
    with scope.inside(workspace):
        proved(f"{workspace}.example.com", ada)
        contact = records.create(Contact, {"name": "Sam", "email": "sam@example.net"}, actor=bo)
        draft = messages.write(contact, "Wire the money", "Here", actor=bo, send=False)
        records.update(Message, draft.id, {"owner_id": ada.membership_id}, actor=ada)
        messages.send(draft.id, actor=ada)
        assert draft.sender_id == ada.membership_id, "who approves it sends it"
        second = messages.write(contact, "Wire it now", "Here", actor=bo, send=False)
        records.update(Message, second.id, {"owner_id": ada.membership_id}, actor=bo)
        messages.send(second.id, actor=bo)
        with pytest.raises(Invalid):
            records.update(Message, second.id, {"sender_id": ada.membership_id}, actor=ada)
    runner.drain(app)
    kept = [email.message_from_bytes(one.read_bytes(), policy=default) for one in (tmp_path / "outbox").glob("*.eml")]
    told = {one["Subject"]: (one["From"], one["Reply-To"]) for one in kept}
    assert "ada@" in told["Wire the money"][0] and "ada@" in told["Wire the money"][1]
    assert "bo@" in told["Wire it now"][0] and "ada@" not in told["Wire it now"][1]


def test_a_server_that_several_share_takes_no_sender_that_is_not_proved(office: tuple[int, Actor, Actor]) -> None:
    workspace, ada, _bo = office
    with scope.inside(workspace):
        for wrong in ("office@harbor.example", "crm@operator.example.evil.example"):
            with pytest.raises(Invalid) as refused:
                server(wrong, ada)
            assert "sender" in refused.value.fields
        server("crm@operator.example", ada)
        domain = proved("harbor.example", ada)
        server("office@harbor.example", ada)
        assert sending.way(None).sender == "office@harbor.example"
        with operation("test.lose", actor=ada):
            domain.verified_at = None
        assert sending.way(None).sender is None, "it leaves as the operator's again"


def test_a_kept_password_does_not_follow_to_a_weaker_line(office: tuple[int, Actor, Actor]) -> None:
    workspace, ada, _bo = office
    with scope.inside(workspace):
        server("crm@operator.example", ada, security="starttls", username="ada", password="a secret of ours")
        with pytest.raises(Invalid) as refused:
            server("crm@operator.example", ada, security="none", username="ada")
        assert "password" in refused.value.fields


def test_a_domain_whose_record_is_gone_signs_no_more_after_two_days_and_the_owner_is_told(
    app: Flask,
    office: tuple[int, Actor, Actor],
    zone: Zone,  # noqa: F811
) -> None:
    workspace, ada, _bo = office
    with scope.inside(workspace):
        domain = proved("harbor.example", ada)
        key, name, record = domain.id, domain.record_name, domain.record

    begin = now()

    def look(day: int) -> SendingDomain:
        with time_machine.travel(begin + dt.timedelta(days=day)):
            domain_rechecks.recheck()
            runner.drain(app)
        with scope.inside(workspace):
            session.expire_all()
            return sending.domain(key, actor=ada)

    zone.texts[name] = [record]
    assert look(1).problem is None
    zone.silent = True
    assert look(2).verified_at is not None
    zone.silent = False
    zone.texts.pop(name)
    assert look(4).verified_at is not None
    zone.texts[name] = [record]
    assert look(5).problem is None, "it was there again"
    zone.texts.pop(name)
    assert look(6).verified_at is not None
    assert look(7).verified_at is None
    with scope.inside(workspace):
        told = session.scalars(sa.select(Message).where(Message.cause == "system")).all()
        assert [(one.recipient, one.state) for one in told] == [(f"ada@{workspace}.example.com", "sent")]
    assert domain_rechecks.recheck() == 0


def test_a_server_that_drips_its_answer_is_left_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail, "_TIMEOUT", 0.5)
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def drip() -> None:
            live, _address = listening.accept()
            with live:
                while not over.wait(0.05):
                    try:
                        live.sendall(b"2")
                    except OSError:
                        return

        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        port = listening.getsockname()[1]
        letter = mail.Letter(
            message_id="<1@example.com>", sender="a@example.com", sender_name="A", to="b@example.net", subject="Hi",
            text="Hi",
        )  # fmt: skip
        begin = time.monotonic()
        with pytest.raises(mail.NotSent) as refused:
            mail.send(
                letter, url=f"smtp://127.0.0.1:{port}", purpose=Purpose.SEND_REQUESTED, servers=[f"127.0.0.1:{port}"]
            )
        over.set()
        thread.join(5)
    mail.hang_up()
    assert time.monotonic() - begin < 5
    assert not refused.value.lasting and not refused.value.reached

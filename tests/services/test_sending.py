"""A brokerage sends over its own mail server, as people of domains that it has proved to hold, and nobody else's."""

from __future__ import annotations

import email
import re
import socketserver
import threading
from collections.abc import Iterator
from email.policy import default
from pathlib import Path
from typing import Any

import dkim
import dns.message
import dns.rcode
import dns.rrset
import pytest
import sqlalchemy as sa
from aiosmtpd.smtp import Envelope
from flask import Flask

from app.adapters import mail
from app.errors import Conflict, Forbidden, Invalid, NotFound
from app.services import messages, records, sending
from jobs import runner
from models import scope, tenancy
from models.audit import Audit
from models.base import session
from models.contact import Contact
from models.message import Message
from models.sending import MailServer, SendingDomain
from models.workspace import Membership
from tests import jobs_kit
from tests.services.test_mail_adapter import Server, _started

PASSWORD = "correct horse battery"


class Zone(socketserver.ThreadingUDPServer):
    """A name server on this machine: what is in `texts` exists, `silent` answers nothing but an error."""

    texts: dict[str, list[str]]
    silent = False


class _Asked(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        raw, back = self.request
        question = dns.message.from_wire(raw)
        answer = dns.message.make_response(question)
        name = question.question[0].name
        zone: Any = self.server
        found = zone.texts.get(name.to_text(omit_final_dot=True))
        if zone.silent:
            answer.set_rcode(dns.rcode.SERVFAIL)
        elif found is None:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        else:
            # A text of a record has at most 255 bytes: longer ones come in parts (RFC 1035, 3.3.14).
            parts = [" ".join(f'"{one[at : at + 200]}"' for at in range(0, len(one), 200)) for one in found]
            answer.answer.append(dns.rrset.from_text(name, 60, "IN", "TXT", *parts))
        back.sendto(answer.to_wire(), self.client_address)


@pytest.fixture
def zone() -> Iterator[Zone]:
    with Zone(("127.0.0.1", 0), _Asked) as server:
        server.texts = {}
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def app(tmp_path: Path, zone: Zone) -> Iterator[Flask]:
    made = jobs_kit.make_app(
        tmp_path,
        SMTP_URL=f"sink://{tmp_path / 'outbox'}",
        MAIL_FROM="crm@operator.example",
        DNS_SERVER=f"127.0.0.1:{zone.server_address[1]}",
    )
    with made.app_context():
        yield made


@pytest.fixture
def smtp(app: Flask) -> Iterator[tuple[Server, str]]:
    handler = Server()
    controller = _started(handler)
    sending.allow_servers([f"127.0.0.1:{controller.port}"], "crm@operator.example")
    yield handler, str(controller.port)
    sending.allow_servers([])
    mail.hang_up()
    controller.stop()


class Office:
    def __init__(self, slug: str) -> None:
        self.id = jobs_kit.found_workspace(slug)
        self.admin = jobs_kit.join(self.id, "Ada", "admin")
        self.agent = jobs_kit.join(self.id, "Dana", "agent")

    def inside(self) -> Any:
        return scope.inside(self.id)

    def server(self, port: str, **more: str) -> None:
        given = {"host": "127.0.0.1", "port": port, "security": "none", "username": "", "password": ""}
        version = session.scalar(sa.select(MailServer.version)) or 0
        sending.save_server(given | {"sender": "crm@operator.example"} | more, version=version, actor=self.admin)

    def verified(self, name: str, zone: Zone, app: Flask) -> SendingDomain:
        with self.inside():
            found = sending.add_domain(name, actor=self.admin)
            zone.texts[found.record_name] = ["v=spf1 -all", found.record]
            sending.ask_check(found.id, actor=self.admin)
        runner.drain(app)
        with self.inside():
            session.refresh(found := sending.domain(found.id, actor=self.admin))
            return found

    def send(self, app: Flask, subject: str = "Keys") -> Message:
        with self.inside():
            contact = records.create(
                Contact, {"name": "Sam Buyer", "email": f"sam@{subject.lower()}.example.net"}, actor=self.agent
            )
            key = messages.write(contact, subject, "Monday?", kind="marketing", actor=self.agent).id
        runner.drain(app)
        with self.inside():
            found = session.get(Message, key)
            assert found is not None
            return found


@pytest.fixture
def office(app: Flask) -> Office:
    return Office("harbor")


def test_e_mail_leaves_over_the_brokerages_own_server(
    app: Flask, office: Office, smtp: tuple[Server, str], tmp_path: Path
) -> None:
    server, port = smtp
    with office.inside():
        office.server(port)
    assert office.send(app).state == "sent"
    (letter,) = server.letters
    assert letter.mail_from == "crm@operator.example"
    assert _parsed(letter)["From"].addresses[0].addr_spec == "crm@operator.example"
    assert not list((tmp_path / "outbox").glob("*.eml"))


@pytest.mark.parametrize(
    ("said", "state", "code"),
    [
        ("554 5.7.1 Not from here", "failed", "5.7.1"),
        ("554 No", "failed", None),
        ("451 4.3.0 Later", "queued", "4.3.0"),
    ],
)
def test_the_status_code_of_the_server_is_kept(
    app: Flask, office: Office, smtp: tuple[Server, str], said: str, state: str, code: str | None
) -> None:
    server, port = smtp
    with office.inside():
        office.server(port)
    server.answers = [said]
    found = office.send(app)
    assert (found.state, found.status_code, found.answer) == (state, code, said)


def test_another_brokerage_goes_on_over_the_operators(
    app: Flask, office: Office, smtp: tuple[Server, str], tmp_path: Path
) -> None:
    server, port = smtp
    with office.inside():
        office.server(port)
    other = Office("summit")
    assert other.send(app).state == "sent"
    assert not server.letters
    (kept,) = (tmp_path / "outbox").glob("*.eml")
    assert (
        email.message_from_bytes(kept.read_bytes(), policy=default)["From"]
        .addresses[0]
        .addr_spec.endswith("@operator.example")
    )


def test_a_test_goes_to_the_one_who_asks_and_its_outcome_is_shown(
    app: Flask, office: Office, smtp: tuple[Server, str]
) -> None:
    server, port = smtp
    with office.inside():
        office.server(port)
        sending.ask_test(actor=office.admin)
    runner.drain(app)
    assert [one.rcpt_tos for one in server.letters] == [[_address_of(office)]]
    with office.inside():
        assert _note(office).tested_ok is True
        office.server(port, username="ada", password=PASSWORD)
        assert _note(office).tested_ok is None, "another setting is not tested yet"
        office.server(port)
        sending.ask_test(actor=office.admin)
    server.answers = ["554 5.7.1 Not from here"]
    runner.drain(app)
    with office.inside():
        assert _note(office).tested_ok is False
        assert _note(office).tested_note == "554 5.7.1 Not from here"


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ({"host": "10.0.0.5", "port": "25"}, "host"),
        ({"host": "localhost", "port": "25"}, "host"),
        ({"host": "169.254.169.254", "port": "587"}, "host"),
        ({"host": "mail.example.com", "port": "6379"}, "port"),
        ({"host": "mail.example.com:443", "port": "587"}, "host"),
        ({"host": "mail.example.com/x", "port": "587"}, "host"),
        ({"host": "mail.example.com", "port": "587", "username": "ada", "password": "pässword"}, "username"),
        ({"host": "mail.example.com", "port": "587", "security": "none"}, "security"),
        ({"host": "mail.example.com", "port": "587", "security": "tls", "username": "ada"}, "password"),
        ({"host": "mail.example.com", "port": "587", "security": "tls", "sender": "a\r\nb@example.com"}, "sender"),
    ],
)
def test_a_server_that_must_not_be_called_is_refused(office: Office, given: dict[str, str], wrong: str) -> None:
    with office.inside(), pytest.raises(Invalid) as refused:
        office.server(given.pop("port"), **given)
    assert wrong in refused.value.fields


def test_a_name_that_leads_into_the_house_is_not_called(
    app: Flask, office: Office, smtp: tuple[Server, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, _port = smtp
    with office.inside():
        office.server("587", host="mail.example.com", security="starttls")
    monkeypatch.setattr("app.adapters.outbound.look_up", lambda host, port: ["127.0.0.1"])
    found = office.send(app)
    assert found.state == "queued" and "private network" in (found.answer or "")
    assert not server.letters


def test_a_password_is_sealed_never_shown_and_never_follows_to_another_server(
    office: Office, smtp: tuple[Server, str]
) -> None:
    _server, port = smtp
    with office.inside():
        office.server("587", host="mail.example.com", security="tls", username="ada", password=PASSWORD)
        stored = tenancy.reason("the test looks at what is stored")
        raw = session.scalar(sa.text("select password from mail_server"), execution_options=stored)
        assert PASSWORD.encode() not in bytes(raw)
        office.server("587", host="mail.example.com", security="tls", username="ada")
        assert _note(office).password == PASSWORD
        with pytest.raises(Invalid):
            office.server("465", host="mail.evil.example", security="tls", username="bo")
        office.server(port, username="")
        assert _note(office).password is None
        assert PASSWORD not in repr(session.scalars(sa.select(Audit.facts)).all())


def test_two_who_save_at_once_do_not_overwrite_each_other(office: Office, smtp: tuple[Server, str]) -> None:
    with office.inside():
        office.server(smtp[1])
        given = {"host": "127.0.0.1", "port": smtp[1], "security": "none", "username": "", "password": ""}
        with pytest.raises(Conflict):
            sending.save_server(given | {"host": "mail.example.com"}, version=0, actor=office.admin)
        assert _note(office).host == "127.0.0.1"


def test_a_domain_is_proved_by_its_record_and_then_signs(
    app: Flask, office: Office, smtp: tuple[Server, str], zone: Zone
) -> None:
    server, port = smtp
    writer = _address_of(office, "agent")
    name = writer.rpartition("@")[2]
    with office.inside():
        office.server(port)
    domain = office.verified(name, zone, app)
    assert domain.verified_at is not None and domain.problem is None
    office.send(app)
    (letter,) = server.letters
    assert _parsed(letter)["From"].addresses[0].addr_spec == writer
    raw = letter.original_content
    assert isinstance(raw, bytes)
    assert dkim.verify(raw, dnsfunc=lambda asked, timeout=5: zone.texts[asked.decode().rstrip(".")][1].encode())
    covered = re.search(rb"h=([^;]*);", raw)
    assert covered and b"List-Unsubscribe-Post" in covered[1]


def test_without_its_record_a_domain_does_not_sign(
    app: Flask, office: Office, smtp: tuple[Server, str], zone: Zone
) -> None:
    server, port = smtp
    name = _address_of(office, "agent").rpartition("@")[2]
    with office.inside():
        office.server(port)
        found = sending.add_domain(name, actor=office.admin)
        sending.ask_check(found.id, actor=office.admin)
    runner.drain(app)
    office.send(app)
    with office.inside():
        assert "no record" in (sending.domain(found.id, actor=office.admin).problem or "")
    assert b"DKIM-Signature" not in (server.letters[0].original_content or b"")


def test_a_record_with_another_key_takes_the_proof_back_and_a_silent_server_does_not(
    app: Flask, office: Office, zone: Zone
) -> None:
    domain = office.verified("harbor.example", zone, app)
    zone.silent = True
    for wanted in (True, False):
        with office.inside():
            sending.ask_check(domain.id, actor=office.admin)
        runner.drain(app)
        with office.inside():
            session.expire_all()
            found = sending.domain(domain.id, actor=office.admin)
            assert (found.verified_at is not None) == wanted
            assert found.problem
        zone.silent = False
        zone.texts[domain.record_name] = ["v=DKIM1; k=rsa; p=AAAA"]


def test_a_domain_of_one_brokerage_is_none_of_another(app: Flask, office: Office, zone: Zone) -> None:
    domain = office.verified("harbor.example", zone, app)
    other = Office("summit")
    with other.inside():
        assert sending.way("ada@harbor.example").key is None
        for act in (sending.domain, sending.ask_check, sending.remove_domain):
            with pytest.raises(NotFound):
                act(domain.id, actor=other.admin)
        mine = sending.add_domain("harbor.example", actor=other.admin)
        assert (mine.selector, mine.record) != (domain.selector, domain.record)


def test_only_who_sets_up_the_workspace_changes_how_it_sends(office: Office) -> None:
    with office.inside():
        for act in (
            lambda: sending.add_domain("harbor.example", actor=office.agent),
            lambda: sending.ask_test(actor=office.agent),
            lambda: sending.remove_server(actor=office.agent),
        ):
            with pytest.raises(Forbidden):
                act()


@pytest.mark.parametrize("text", ["", "localhost", "com", "a b.com", "-x.example.com", "1.2.3.4", "x" * 300 + ".com"])
def test_nonsense_is_no_domain(office: Office, text: str) -> None:
    with office.inside(), pytest.raises(Invalid):
        sending.add_domain(text, actor=office.admin)


def _parsed(letter: Envelope) -> Any:
    assert isinstance(letter.original_content, bytes)
    return email.message_from_bytes(letter.original_content, policy=default)


def _note(office: Office) -> MailServer:
    session.expire_all()
    found = sending.server(actor=office.admin)
    assert found is not None
    return found


def _address_of(office: Office, who: str = "admin") -> str:
    with office.inside():
        member = session.get(Membership, getattr(office, who).membership_id)
        assert member is not None
        return str(member.email)

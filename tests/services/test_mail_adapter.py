"""The mail adapter against a real SMTP server on this machine, and what its letters look like."""

from __future__ import annotations

import asyncio
import contextlib
import email
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from hypothesis import given
from hypothesis import strategies as st

from app import adapters
from app.adapters import mail
from models.policy import Purpose


class Server:
    """Keeps what it is given; `answers` are said to the next DATA commands, "drop" closes the connection instead."""

    def __init__(self) -> None:
        self.letters: list[Envelope] = []
        self.sessions: set[int] = set()
        self.answers: list[str] = []

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.sessions.add(id(session))
        answer = self.answers.pop(0) if self.answers else "250 OK kept"
        if answer == "drop":
            assert server.transport is not None
            server.transport.abort()
            await asyncio.sleep(0)
            return "250 never heard"
        if answer.startswith("250"):
            self.letters.append(envelope)
        return answer

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address.startswith("nobody@"):
            return "550 5.1.1 No such mailbox"
        if address.startswith("full@"):
            return "452 4.2.2 Mailbox full"
        envelope.rcpt_tos.append(address)
        return "250 OK"


@pytest.fixture
def server() -> Iterator[tuple[Server, str]]:
    handler = Server()
    controller = _started(handler)
    yield handler, f"smtp://127.0.0.1:{controller.port}"
    controller.stop()


def _started(handler: Server, **facts: Any) -> Controller:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    controller = Controller(handler, hostname="127.0.0.1", port=port, **facts)
    controller.start()
    return controller


def _letter(**facts: Any) -> mail.Letter:
    given = {
        "message_id": "<1@example.com>",
        "sender": "crm@example.com",
        "sender_name": "Dana, Harbor Realty",
        "to": "sam@example.com",
        "subject": "Two homes by the water",
        "text": "Hi Sam,\n\nsee https://example.com/a?b=1&c=2.",
    }
    return mail.Letter(**(given | facts))


def _send(url: str, **facts: Any) -> str:
    return mail.send(_letter(**facts), url=url, purpose=Purpose.SEND_REQUESTED)


def _parsed(raw: bytes | str | None) -> EmailMessage:
    assert isinstance(raw, bytes)
    found = email.message_from_bytes(raw, policy=default)
    assert isinstance(found, EmailMessage)
    return found


def test_a_letter_arrives_whole_over_one_kept_connection(server: tuple[Server, str]) -> None:
    handler, url = server
    assert _send(url).startswith("250 OK kept")
    _send(url, subject="Grüße aus München 🏡", to_name="Sam Müller")
    assert len(handler.sessions) == 1
    second = _parsed(handler.letters[1].content)
    assert second["Subject"] == "Grüße aus München 🏡"
    assert second["To"].addresses[0].display_name == "Sam Müller"
    text = second.get_body(("plain",))
    html = second.get_body(("html",))
    assert text is not None and text.get_content().startswith("Hi Sam,")
    assert html is not None and '<a href="https://example.com/a?b=1&amp;c=2">' in html.get_content()
    assert second["Date"].datetime.tzinfo is not None


def test_headers_are_ascii_on_the_wire_and_lines_are_short() -> None:
    raw = mail.build(_letter(subject="é" * 200, to_name="ü" * 60))
    head = raw.split(b"\r\n\r\n", 1)[0]
    head.decode("ascii")
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    assert all(len(line) <= 78 for line in head.split(b"\r\n"))


def test_long_links_stay_whole() -> None:
    url = f"https://crm.a-long-brokerage-name.example.com/p/{'a1-_' * 60}.{'b' * 22}"
    raw = mail.build(_letter(unsubscribe_url=url, message_id=f"<{'c' * 90}@example.com>"))
    assert f"List-Unsubscribe: <{url}>\r\n".encode() in raw
    assert f"Message-ID: <{'c' * 90}@example.com>\r\n".encode() in raw


def test_marketing_carries_one_click_unsubscribe() -> None:
    found = _parsed(
        mail.build(_letter(unsubscribe_url="https://crm.example.com/p/abc.def", unsubscribe_mailto="stop@example.com"))
    )
    assert (
        found["List-Unsubscribe"]
        == "<https://crm.example.com/p/abc.def>, <mailto:stop@example.com?subject=unsubscribe>"
    )
    assert found["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert "List-Unsubscribe" not in _parsed(mail.build(_letter()))


@given(
    st.sampled_from(["\r\n", "\n", "\r", "\x00", "\x7f"]),
    st.sampled_from(["subject", "to", "to_name", "sender_name", "reply_to"]),
)
def test_no_header_can_be_smuggled_in(smuggled: str, where: str) -> None:
    with pytest.raises(mail.Unfit):
        mail.build(_letter(**{where: f"a{smuggled}Bcc: all@example.com"}))


@given(st.text(max_size=300))
def test_html_never_lets_markup_of_the_text_through(text: str) -> None:
    body = mail.to_html(text).split("<body>")[1].split("</body>")[0]
    bare = body.replace("<p>", "").replace("</p>", "").replace("<br>", "").replace("</a>", "")
    assert all(part.startswith(('a href="http://', 'a href="https://')) for part in bare.split("<")[1:])


@pytest.mark.parametrize(
    ("to", "lasting", "code"), [("nobody@example.com", True, "550"), ("full@example.com", False, "452")]
)
def test_a_refused_recipient_is_lasting_or_passing(
    server: tuple[Server, str], to: str, lasting: bool, code: str
) -> None:
    with pytest.raises(mail.NotSent) as told:
        _send(server[1], to=to)
    assert (told.value.lasting, told.value.answer[:3]) == (lasting, code)
    assert _send(server[1]).startswith("250"), "the connection is still good"


@pytest.mark.parametrize(("answer", "lasting"), [("554 5.7.1 Spam", True), ("451 4.3.0 Try later", False)])
def test_a_refused_text_is_lasting_or_passing(server: tuple[Server, str], answer: str, lasting: bool) -> None:
    server[0].answers = [answer]
    with pytest.raises(mail.NotSent) as told:
        _send(server[1])
    assert (told.value.lasting, told.value.answer) == (lasting, answer)


def test_a_connection_that_breaks_during_the_hand_over_is_unclear(server: tuple[Server, str]) -> None:
    server[0].answers = ["drop"]
    with pytest.raises(mail.Unclear):
        _send(server[1])
    assert _send(server[1]).startswith("250"), "the next letter dials anew"


def test_no_server_is_a_passing_problem() -> None:
    with pytest.raises(mail.NotSent) as told:
        _send("smtp://127.0.0.1:9")
    assert not told.value.lasting


def test_starttls_insists_on_a_certificate_it_can_trust(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=localhost",
            "-keyout",
            str(key),
            "-out",
            str(certificate),
        ],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    handler = Server()
    controller = _started(handler, tls_context=context)
    try:
        with pytest.raises(mail.NotSent) as told:
            _send(f"smtp+starttls://127.0.0.1:{controller.port}")
    finally:
        controller.stop()
    assert "certificate" in told.value.answer.lower()
    assert handler.letters == []


def test_the_sink_keeps_whole_private_files(tmp_path: Path) -> None:
    folder = tmp_path / "outbox"
    for _ in range(3):
        _send(f"sink://{folder}")
    files = sorted(folder.iterdir())
    assert [f.suffix for f in files] == [".eml"] * 3
    assert all(f.stat().st_mode & 0o077 == 0 for f in files)
    assert _parsed(files[0].read_bytes())["Message-ID"] == "<1@example.com>"


def test_a_call_without_a_purpose_is_not_made(tmp_path: Path) -> None:
    wrong: Any = "because"
    with pytest.raises(adapters.NoPurpose):
        mail.send(_letter(), url=f"sink://{tmp_path}", purpose=wrong)
    assert list(tmp_path.iterdir()) == []


def _rude(says: bytes) -> tuple[socket.socket, str]:
    """A server that says this to whoever calls, and then hangs up."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        caller, _ = listening.accept()
        with caller, contextlib.suppress(OSError):
            caller.sendall(says)
            heard, part = b"", b"."
            while part and b"\r\n.\r\n" not in heard:
                part = caller.recv(65_536)
                heard += part

    threading.Thread(target=serve, daemon=True).start()
    return listening, f"smtp://127.0.0.1:{listening.getsockname()[1]}"


def test_an_answer_without_end_is_not_read_for_ever() -> None:
    listening, url = _rude(b"220-and more\r\n" * 100_000)
    with listening, pytest.raises(mail.NotSent, match="no end"):
        mail.send(_letter(), url=url, purpose=Purpose.SEND_REQUESTED, servers=[url.removeprefix("smtp://")])


def test_a_refusal_counts_also_of_a_server_that_then_hangs_up() -> None:
    said = b"220 hi\r\n250 hi\r\n250 ok\r\n250 ok\r\n354 go\r\n554 5.7.1 Not from here\r\n"
    listening, url = _rude(said)
    with listening, pytest.raises(mail.NotSent) as refused:
        mail.send(_letter(), url=url, purpose=Purpose.SEND_REQUESTED)
    assert (refused.value.answer, refused.value.lasting) == ("554 5.7.1 Not from here", True)


def test_a_sign_in_that_cannot_be_said_is_refused_without_saying_it() -> None:
    listening, url = _rude(b"220 hi\r\n250-hi\r\n250 AUTH PLAIN LOGIN\r\n")
    with listening, pytest.raises(mail.NotSent) as refused:
        mail.send(_letter(), url=url.replace("//", "//ada:p%C3%A4ss@"), purpose=Purpose.SEND_REQUESTED)
    assert refused.value.lasting and "ss" not in refused.value.answer.replace("address", "")
    assert refused.value.__cause__ is None

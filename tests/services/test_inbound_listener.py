"""The listener as a process of its own: real SMTP and LMTP, and a SIGKILL that loses nothing it said "kept" to."""

from __future__ import annotations

import contextlib
import os
import signal
import smtplib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask

from app.services import return_paths
from jobs import runner
from models import scope
from models.base import session
from models.inbound import InboundMail, ReceivedMail
from tests import jobs_kit
from tests.inbound_kit import DOMAIN, answer

ROOT = Path(__file__).resolve().parents[2]
MOST = 128 * 1024


@dataclass
class Listener:
    """A listener on a database of its own."""

    app: Flask
    folder: Path
    url: str
    port: int
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        environ = {
            "PATH": os.environ["PATH"], "APP_ENV": "test", "DATA_DIR": str(self.folder), "LOG_LEVEL": "error",
            "DATABASE_URL": f"sqlite:///{self.folder / 'crm.sqlite3'}", "INBOUND_DOMAIN": DOMAIN,
            "INBOUND_LISTEN": self.url, "INBOUND_CONNECTIONS": "3", "INBOUND_MAX_BYTES": str(MOST),
        }  # fmt: skip
        self.process = subprocess.Popen([sys.executable, "-m", "jobs.listener"], cwd=ROOT, env=environ)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            assert self.process.poll() is None, "the listener ended"
            with contextlib.suppress(OSError), self.connect() as live:
                live.settimeout(5)
                if live.recv(3) == b"220":
                    return
            time.sleep(0.05)
        raise AssertionError("the listener never listened")

    def connect(self) -> socket.socket:
        if self.url.startswith("lmtp+unix:"):
            live = socket.socket(socket.AF_UNIX)
            live.connect(self.url.removeprefix("lmtp+unix://"))
            return live
        return socket.create_connection(("127.0.0.1", self.port), timeout=5)

    def end(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)
        self.process.wait(20)

    def smtp(self) -> smtplib.SMTP:
        return smtplib.SMTP("127.0.0.1", self.port, timeout=20)

    def kept(self) -> int:
        with scope.across_workspaces("a test counts"):
            session.rollback()
            return session.scalar(sa.select(sa.func.count()).select_from(ReceivedMail)) or 0


def _listener(tmp_path: Path, scheme: str) -> Iterator[Listener]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"{scheme}://{tmp_path}/mail.sock" if scheme == "lmtp+unix" else f"{scheme}://127.0.0.1:{port}"
    app = jobs_kit.make_app(tmp_path, INBOUND_DOMAIN=DOMAIN)
    with app.app_context():
        jobs_kit.join(jobs_kit.found_workspace("harbor"), "Olive", "owner")
        found = Listener(app, tmp_path, url, port)
        found.start()
        yield found
        if found.process is not None and found.process.poll() is None:
            found.end(signal.SIGKILL)


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[Listener]:
    yield from _listener(tmp_path, "smtp")


def _refused(live: smtplib.SMTP, address: str) -> tuple[int, bytes]:
    live.ehlo_or_helo_if_needed()
    live.mail("sam@x.com")
    answered = live.rcpt(address)
    live.rset()
    return answered


def test_what_was_taken_survives_a_kill_and_is_read_once(listener: Listener) -> None:
    for number in range(3):
        with listener.smtp() as live:
            live.sendmail("sam@x.com", [f"harbor@{DOMAIN}"], answer(f"Letter {number}", Subject=f"Letter {number}"))
    assert listener.process is not None
    listener.process.send_signal(signal.SIGKILL)
    listener.process.wait(20)
    assert listener.kept() == 3
    listener.start()
    runner.drain(listener.app)
    runner.drain(listener.app)
    with scope.inside(1):
        subjects = sorted(session.scalars(sa.select(InboundMail.subject)))
    assert subjects == ["Letter 0", "Letter 1", "Letter 2"]


def test_a_kill_in_the_middle_leaves_what_was_not_taken_with_the_sender(listener: Listener) -> None:
    """The server dies before its answer: the sender tries again, and whatever was kept is known."""
    raw = answer("Once, please", Subject="Once")
    live = listener.smtp()
    live.ehlo()
    live.mail("sam@x.com")
    live.rcpt(f"harbor@{DOMAIN}")
    live.docmd("DATA")
    live.send(raw + b"\r\n.\r\n")
    assert listener.process is not None
    listener.process.send_signal(signal.SIGKILL)
    listener.process.wait(20)
    live.close()
    assert listener.kept() in (0, 1)
    listener.start()
    with listener.smtp() as again:
        again.sendmail("sam@x.com", [f"harbor@{DOMAIN}"], raw)
    assert listener.kept() == 1


def test_only_our_own_addresses_are_taken(listener: Listener) -> None:
    good = return_paths.address("bounce", 1, 77, domain=DOMAIN)
    with listener.smtp() as live:
        for wrong in (f"nobody@{DOMAIN}", "harbor@elsewhere.example.com", good.replace("bounce+1-", "bounce+2-")):
            code, words = _refused(live, wrong)
            assert (code, words[:5]) == (550, b"5.1.1"), wrong
        for right in (good, good.upper(), f"harbor@{DOMAIN}", f"postmaster@{DOMAIN}"):
            assert _refused(live, right)[0] == 250, right
    assert listener.kept() == 0


def test_a_bounce_with_the_empty_sender_and_very_long_lines_is_taken(listener: Listener) -> None:
    with listener.smtp() as live:
        live.sendmail("", [f"harbor@{DOMAIN}"], answer("x" * 20_000, Subject="Long"))
    assert listener.kept() == 1


def test_what_is_too_large_or_for_too_many_is_refused(listener: Listener) -> None:
    with listener.smtp() as live:
        with pytest.raises(smtplib.SMTPResponseException) as told:
            live.sendmail("sam@x.com", [f"harbor@{DOMAIN}"], answer("x\n" * MOST))
        assert told.value.smtp_code == 552
    with listener.smtp() as live:
        live.ehlo()
        live.mail("sam@x.com")
        codes = [live.rcpt(f"harbor+{number}@{DOMAIN}")[0] for number in range(101)]
        assert codes == [250] * 100 + [452]
    assert listener.kept() == 0


def test_one_connection_too_many_is_told_to_come_again(listener: Listener) -> None:
    open_now = [listener.smtp() for _ in range(3)]
    with pytest.raises(smtplib.SMTPConnectError) as told:
        listener.smtp()
    assert told.value.smtp_code == 421
    for live in open_now:
        live.quit()
    deadline = time.monotonic() + 20
    while True:
        try:
            listener.smtp().quit()
            break
        except smtplib.SMTPConnectError:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_it_ends_when_it_is_told_to(listener: Listener) -> None:
    listener.end(signal.SIGTERM)
    assert listener.process is not None and listener.process.returncode == 0


class _Line:
    """A plain talk line by line, for LMTP over a socket of the file system."""

    def __init__(self, live: socket.socket) -> None:
        self.live, self.file = live, live.makefile("rb")

    def hear(self) -> str:
        while True:
            line = self.file.readline().decode()
            if line[3:4] != "-":
                return line.strip()

    def say(self, text: str) -> str:
        self.live.sendall(f"{text}\r\n".encode())
        return self.hear()


def test_lmtp_answers_for_each_recipient(tmp_path: Path) -> None:
    for listener in _listener(tmp_path, "lmtp+unix"):
        with listener.connect() as live:
            line = _Line(live)
            assert line.hear().startswith("220")
            assert line.say("EHLO x").startswith("500"), "LMTP has its own greeting"
            assert line.say("LHLO x").startswith("250")
            assert line.say("MAIL FROM:<sam@x.com>").startswith("250")
            assert line.say(f"RCPT TO:<harbor@{DOMAIN}>").startswith("250")
            assert line.say(f"RCPT TO:<harbor+two@{DOMAIN}>").startswith("250")
            assert line.say("DATA").startswith("354")
            live.sendall(answer("Both") + b"\r\n.\r\n")
            assert [line.hear()[:3] for _ in range(2)] == ["250", "250"]
        assert listener.kept() == 2
        assert Path(tmp_path, "mail.sock").stat().st_mode & 0o007 == 0

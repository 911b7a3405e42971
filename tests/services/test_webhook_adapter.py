"""The call to a receiver against real servers of this machine, with a resolver that says what each test needs."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from app import adapters
from app.adapters import webhooks
from models.policy import Purpose
from tests.contracts import source
from tests.hooks_kit import Receiver, listening

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
LOCAL = ["127.0.0.1"]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with listening() as found:
        yield found


def post(url: str, *, local: bool = True, **more: Any) -> webhooks.Answer:
    given = {"event_id": "msg_1", "secrets": (SECRET,), "purpose": Purpose.INTEGRATE, "local": local}
    return webhooks.post(url, b'{"type":"contact.created"}', **given | more)


def test_the_receiver_gets_the_event_with_its_signature(receiver: Receiver) -> None:
    answer = post(receiver.url + "?from=crm")
    assert (answer.taken, answer.status, answer.excerpt) == (True, 200, '{"ok": true}')
    (sent,) = receiver.sent
    assert sent.path == "/crm?from=crm" and sent.body == b'{"type":"contact.created"}'
    assert sent.headers["host"] == f"127.0.0.1:{receiver.port}"
    at = sent.headers["webhook-timestamp"]
    assert abs(time.time() - int(at)) < 60
    right = hmac.new(bytes(range(32)), f"msg_1.{at}.".encode() + sent.body, hashlib.sha256).digest()
    assert sent.headers["webhook-signature"] == "v1," + base64.b64encode(right).decode()


def test_the_signature_is_that_of_the_standards_own_example() -> None:
    """The vector of the reference libraries of Standard Webhooks."""
    secret, event, at = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330
    assert (
        webhooks.sign(secret, event, at, b'{"test": 2432232314}') == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    )


def test_a_call_names_its_purpose(receiver: Receiver) -> None:
    with pytest.raises(adapters.NoPurpose):
        post(receiver.url, purpose="because")
    assert receiver.sent == []


def test_a_redirect_is_not_followed(receiver: Receiver) -> None:
    receiver.statuses, receiver.headers = [302], {"Location": receiver.url + "/elsewhere"}
    answer = post(receiver.url)
    assert (answer.taken, answer.status, len(receiver.sent)) == (False, 302, 1)


@pytest.mark.parametrize(
    "found",
    [
        ["127.0.0.1"],
        ["10.0.0.5"],
        ["169.254.169.254"],
        ["::1"],
        ["::ffff:127.0.0.1"],
        ["64:ff9b::7f00:1"],
        ["2002:7f00:1::"],
        ["93.184.216.34", "127.0.0.1"],
        ["2606:4700:4700::1111", "fd00::1"],
    ],
)
def test_a_name_that_leads_inside_is_not_called(found: list[str]) -> None:
    for local in (False, True):
        answer = post("https://hooks.example.com/", local=local, resolve=lambda _host, _port: found)
        assert answer.status is None and "was not called" in answer.error
        assert not [one for one in found if one in answer.error], "the answer maps no network"


def test_a_public_name_that_leads_to_this_machine_is_not_called(receiver: Receiver) -> None:
    answer = post(f"https://hooks.example.com:{8443}/", resolve=lambda _host, _port: LOCAL)
    assert answer.status is None and receiver.sent == []


def test_the_name_is_looked_up_once_and_the_answer_is_where_the_connection_goes(receiver: Receiver) -> None:
    """DNS rebinding: the second look-up would lead elsewhere, so there is none."""
    asked: list[str] = []

    def resolve(host: str, _port: int) -> list[str]:
        asked.append(host)
        return LOCAL if len(asked) == 1 else ["10.0.0.1"]

    answer = post(f"http://localhost:{receiver.port}/crm", resolve=resolve)
    assert answer.taken and asked == ["localhost"]
    assert receiver.sent[0].headers["host"] == f"localhost:{receiver.port}"


def test_an_unknown_name_and_a_closed_port_say_so() -> None:
    def unknown(_host: str, _port: int) -> list[str]:
        raise socket.gaierror("no such name")

    assert post("https://hooks.example.com/", resolve=unknown).error == "The name hooks.example.com is not known."
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert post(f"http://127.0.0.1:{port}/").error == "The connection failed: connection refused."


@contextmanager
def raw_server(talk: Callable[[socket.socket], None], trust: ssl.SSLContext | None = None) -> Iterator[int]:
    """A server that says whatever `talk` says."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            try:
                live, _ = server.accept()
                with live if trust is None else trust.wrap_socket(live, server_side=True) as open_:
                    talk(open_)
            except OSError:
                return  # the other side went away, which is what some tests want

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        thread.join(timeout=10)


def test_one_that_drips_is_given_up_when_the_time_is_over() -> None:
    over = threading.Event()

    def drip(live: socket.socket) -> None:
        live.recv(65536)
        live.sendall(b"HTTP/1.1 200 OK\r\n")
        while not over.wait(0.05):
            live.sendall(b"x")

    with raw_server(drip) as port:
        began = time.monotonic()
        answer = post(f"http://127.0.0.1:{port}/", timeout=0.5)
        took = time.monotonic() - began
        over.set()
    assert answer.status is None and answer.error == "No answer within 0.5 seconds." and took < 3


def test_one_that_never_ends_is_read_no_further() -> None:
    counted = [0]

    def flood(live: socket.socket) -> None:
        live.recv(65536)
        live.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        for _ in range(2000):
            live.sendall(b"y" * 65536)
            counted[0] += 65536

    with raw_server(flood) as port:
        answer = post(f"http://127.0.0.1:{port}/")
    assert answer.taken and answer.excerpt == "y" * 500
    assert counted[0] < 100_000_000


@pytest.mark.parametrize("said", [b"", b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 abc\r\n\r\n", b"\x00\xff" * 500])
def test_what_is_no_http_is_a_failure_in_words(said: bytes) -> None:
    def talk(live: socket.socket) -> None:
        live.recv(65536)
        live.sendall(said)

    with raw_server(talk) as port:
        answer = post(f"http://127.0.0.1:{port}/")
    assert answer.status is None and answer.error.startswith("The connection failed: ")


def test_secrets_are_not_kept_from_an_answer(receiver: Receiver) -> None:
    receiver.answer = f"you sent {SECRET} v1,{'A' * 43}= \x00\x1b[31m and more".encode()
    assert post(receiver.url).excerpt == "you sent … …   [31m and more"


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    key, cert = folder / "key.pem", folder / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-days", "2",
         "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}"],
        check=True, capture_output=True,
    )  # fmt: skip
    return key, cert


@pytest.mark.parametrize(("name", "trusted", "taken"), [("localhost", True, True), ("other.example.com", True, False),
                                                        ("localhost", False, False)])  # fmt: skip
def test_the_certificate_must_be_valid_for_the_name(tmp_path: Path, name: str, trusted: bool, taken: bool) -> None:
    key, cert = certificate(tmp_path, name)
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(cert, key)
    trust = ssl.create_default_context(cafile=str(cert)) if trusted else None

    def talk(live: socket.socket) -> None:
        live.recv(65536)
        live.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

    with raw_server(talk, serving) as port:
        answer = post(f"https://localhost:{port}/", resolve=lambda _host, _port: LOCAL, trust=trust)
    assert answer.taken is taken
    assert taken or answer.error.startswith("The certificate is not valid for this address")


def test_the_receiver_of_the_document_works(tmp_path: Path) -> None:
    """The code of docs/webhooks.md, as it stands there: it takes what is genuine, and nothing else."""
    (code,) = re.findall(r"```python\n(.*?)```", (source.ROOT / "docs/webhooks.md").read_text(), re.DOTALL)
    assert len(code.splitlines()) <= 26
    (tmp_path / "receiver.py").write_text(code)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environ = os.environ | {"WEBHOOK_SECRET": SECRET, "PORT": str(port)}
    program = subprocess.Popen(
        [sys.executable, "receiver.py"], cwd=tmp_path, env=environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    try:
        url = f"http://127.0.0.1:{port}/"
        _wait_for(port)
        other = "whsec_" + base64.b64encode(b"x" * 32).decode()
        assert post(url, event_id="msg_a").status == 204
        assert post(url, event_id="msg_a").status == 204
        assert post(url, event_id="msg_b", secrets=(other, SECRET)).status == 204
        assert post(url, event_id="msg_c", secrets=(other,)).status == 401
    finally:
        program.terminate()
        told, _ = program.communicate(timeout=20)
    assert told.decode().split() == ["contact.created"] * 2


def _wait_for(port: int) -> None:
    until = time.monotonic() + 20
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except ConnectionRefusedError:
            continue
    raise AssertionError("the receiver did not start")

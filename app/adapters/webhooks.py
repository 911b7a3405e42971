"""Hands an event to the address of a webhook: one POST over a connection to an address that was looked up once.

Belongs here: the look-up, the connection, the signature and the reading of the answer. Does not belong here: which
addresses are allowed (`app.services.hook_address`), and when to try again (`app.services.hook_deliveries`). Sources:
RFC 9110 and 9112 (HTTP), Standard Webhooks 1.0.0 (signature).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import io
import re
import socket
import ssl
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from app import adapters
from app.services import hook_address
from app.services.hook_address import Target
from models.policy import Purpose
from models.words import _

TIMEOUT = 10.0
MOST_READ = 64 * 1024
EXCERPT = 500
Resolve = Callable[[str, int], Iterable[str]]
_SECRET = re.compile(r"whsec_[A-Za-z0-9+/=_-]+|v1,[A-Za-z0-9+/=]{20,}")
_UNSHOWN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of an attempt. `status` is None where nobody answered, and `error` then says why, in a sentence."""

    status: int | None
    error: str = ""
    excerpt: str = ""

    @property
    def taken(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


class NotCalled(Exception):
    """The address must not be called, or its name leads nowhere; the message is a sentence for people."""


def post(
    url: str,
    body: bytes,
    *,
    event_id: str,
    secrets: Iterable[str],
    purpose: Purpose,
    local: bool = False,
    resolve: Resolve | None = None,
    trust: ssl.SSLContext | None = None,
    timeout: float = TIMEOUT,
) -> Answer:
    """One attempt within `timeout` seconds in all. `resolve` gives the network addresses of a host, `trust` says which
    certificates count; `local` lets this machine be called. Raises `app.adapters.NoPurpose`.
    """
    adapters.call(purpose, "webhooks")
    until = time.monotonic() + timeout
    try:
        target = hook_address.read(url, local=local)
    except ValueError as error:
        return Answer(None, str(error))
    try:
        with _connected(target, _addresses(target, local, resolve or look_up), until, trust) as live:
            live.settimeout(_left(until))
            live.sendall(_request(target, body, event_id, secrets))
            return _read(live, until)
    except NotCalled as error:
        return Answer(None, str(error))
    except TimeoutError:
        return Answer(None, _("No answer within {timeout:g} seconds.", timeout=timeout))
    except ssl.SSLCertVerificationError as error:
        return Answer(
            None,
            _("The certificate is not valid for this address: {verify_message}.", verify_message=error.verify_message)[
                :300
            ],
        )
    except (OSError, http.client.HTTPException) as error:
        return Answer(None, _("The connection failed: {reason}.", reason=_reason(error))[:300])


def sign(secret: str, event_id: str, at: int, body: bytes) -> str:
    """The signature "v1,…" of one secret "whsec_…" over id, time and body."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = b".".join((event_id.encode(), str(at).encode(), body))
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


def look_up(host: str, port: int) -> list[str]:
    """Every network address of a host, as the machine's resolver says."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(row[4][0]) for row in found))


def _addresses(target: Target, local: bool, resolve: Resolve) -> list[str]:
    """The addresses to connect to. One that must not be called spoils all: a name with both is a trap."""
    try:
        found = list(resolve(target.host, target.port))
    except (OSError, UnicodeError):
        found = []
    if not found:
        raise NotCalled(_("The name {host} is not known.", host=target.host))
    here = local and hook_address.is_local_name(target.host)
    if not all(hook_address.may_connect(one, local=here) for one in found):
        raise NotCalled(_("The address leads to this machine or a private network and was not called."))
    return found


def _connected(target: Target, addresses: list[str], until: float, trust: ssl.SSLContext | None) -> socket.socket:
    """A connection to the first address that takes it; names play no part any more but for the certificate."""
    failed: OSError = OSError("no address")
    for address in addresses[:4]:
        try:
            plain = socket.create_connection((address, target.port), timeout=_left(until))
            break
        except TimeoutError:
            raise
        except OSError as error:
            failed = error
    else:
        raise failed
    if not target.secure:
        return plain
    try:
        plain.settimeout(_left(until))
        return (trust or ssl.create_default_context()).wrap_socket(plain, server_hostname=target.host)
    except BaseException:
        plain.close()
        raise


def _request(target: Target, body: bytes, event_id: str, secrets: Iterable[str]) -> bytes:
    at = int(time.time())
    head = (
        f"POST {target.path} HTTP/1.1",
        f"Host: {target.authority}",
        "User-Agent: RealEstateCRMPro-Webhooks/1",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        f"webhook-id: {event_id}",
        f"webhook-timestamp: {at}",
        f"webhook-signature: {' '.join(sign(secret, event_id, at, body) for secret in secrets)}",
        "Connection: close",
    )
    return "\r\n".join((*head, "", "")).encode("ascii") + body


def _read(live: socket.socket, until: float) -> Answer:
    answer = http.client.HTTPResponse(_Within(live, until), method="POST")  # type: ignore[arg-type]
    try:
        answer.begin()
        try:
            raw = answer.read(MOST_READ)
        except (OSError, http.client.HTTPException):
            raw = b""  # the status is what counts
        return Answer(answer.status, "", _excerpt(raw))
    finally:
        answer.close()


def _excerpt(raw: bytes) -> str:
    """The start of an answer for the log, without what could be a secret."""
    text = _SECRET.sub("…", raw[: 4 * EXCERPT].decode("utf-8", "replace"))
    return _UNSHOWN.sub(" ", text)[:EXCERPT]


def _left(until: float) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _reason(error: Exception) -> str:
    if isinstance(error, http.client.HTTPException):
        return "the answer is no HTTP"
    words: Any = getattr(error, "reason", None) or getattr(error, "strerror", None) or type(error).__name__
    return str(words).rstrip(".").lower()


class _Within:
    """What `http.client` reads an answer from: a socket that gives up at a moment, however slowly the other side
    drips, and gives no more than headers and body may have.
    """

    def __init__(self, live: socket.socket, until: float) -> None:
        self._raw = _Timed(live, until)

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(self._raw)


class _Timed(io.RawIOBase):
    def __init__(self, live: socket.socket, until: float) -> None:
        self._live, self._until, self._left = live, until, 2 * MOST_READ

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self._left <= 0:
            return 0
        self._live.settimeout(_left(self._until))
        count = self._live.recv_into(memoryview(buffer)[: self._left])
        self._left -= count
        return count

"""One guarded call to somebody else's server: the name is looked up once, every address it leads to must be allowed,
and the connection goes to that very address.

Belongs here: look-up, connection, deadline and reading, for every caller whose address a user typed. Does not belong
here: which addresses are allowed (`app.services.outbound_address`) and what is said over the connection (each caller).
Sources: RFC 9110 and 9112 (HTTP).
"""

from __future__ import annotations

import http.client
import io
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.services import outbound_address
from app.services.outbound_address import Target
from models.words import _

Resolve = Callable[[str, int], Iterable[str]]
Beat = Callable[[], None]
_BEAT = 1.0
_HEADERS = 64 * 1024


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server answered: `raw` is the body as far as it came, `whole` whether that is all of it."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes = b""
    whole: bool = True


class NotCalled(Exception):
    """The address must not be called, or its name leads nowhere; the message is a sentence for people."""


class Broken(Exception):
    """The server was called and gave no answer that can be read; the message is a sentence. `slow` where it ran out of
    time."""

    def __init__(self, message: str, *, slow: bool = False) -> None:
        super().__init__(message)
        self.slow = slow


def post(
    target: Target,
    headers: Sequence[tuple[str, str]],
    body: bytes,
    *,
    timeout: float,
    most: int,
    local: bool = False,
    resolve: Resolve | None = None,
    trust: ssl.SSLContext | None = None,
    beat: Beat | None = None,
) -> Reply:
    """One POST within `timeout` seconds in all, at most `most` bytes of its answer. No redirect is followed.

    `resolve` gives the network addresses of a host, `trust` says which certificates count; `local` lets this machine be
    called. `beat` is called about each second while the answer is awaited: what it raises ends the call. Raises
    `NotCalled`, `Broken`.
    """
    until = time.monotonic() + timeout
    try:
        with _connected(target, addresses(target, local, resolve or look_up), until, trust) as live:
            live.settimeout(_left(until))
            live.sendall(_head(target, headers, body) + body)
            return _read(live, until, most, beat)
    except TimeoutError as error:
        raise Broken(_("No answer within {timeout:g} seconds.", timeout=timeout), slow=True) from error
    except ssl.SSLCertVerificationError as error:
        words = _(
            "The certificate is not valid for this address: {verify_message}.", verify_message=error.verify_message
        )
        raise Broken(words[:300]) from error
    except (OSError, http.client.HTTPException) as error:
        raise Broken(_("The connection failed: {reason}.", reason=_reason(error))[:300]) from error


def look_up(host: str, port: int) -> list[str]:
    """Every network address of a host, as the machine's resolver says."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(row[4][0]) for row in found))


def addresses(target: Target, local: bool, resolve: Resolve) -> list[str]:
    """The addresses to connect to. One that must not be called spoils all: a name with both is a trap."""
    try:
        found = list(resolve(target.host, target.port))
    except (OSError, UnicodeError):
        found = []
    if not found:
        raise NotCalled(_("The name {host} is not known.", host=target.host))
    here = local and outbound_address.is_local_name(target.host)
    if not target.trusted and not all(outbound_address.may_connect(one, local=here) for one in found):
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


def _head(target: Target, headers: Sequence[tuple[str, str]], body: bytes) -> bytes:
    told = (("Host", target.authority), *headers, ("Content-Length", str(len(body))), ("Connection", "close"))
    lines = [f"POST {target.path} HTTP/1.1", *(f"{name}: {value}" for name, value in told), "", ""]
    text = "\r\n".join(lines)
    if any(c in value for _name, value in told for c in "\r\n\0"):
        raise NotCalled(_("A header of this call holds a character that has no place in it."))
    try:
        return text.encode("ascii")
    except UnicodeEncodeError:
        raise NotCalled(_("A header of this call holds a character that has no place in it.")) from None


def _read(live: socket.socket, until: float, most: int, beat: Beat | None) -> Reply:
    answer = http.client.HTTPResponse(_Within(live, until, most + _HEADERS, beat), method="POST")  # type: ignore[arg-type]
    try:
        answer.begin()
        raw, whole = _body(answer, most)
        return Reply(answer.status, {name.lower(): value for name, value in answer.getheaders()}, raw, whole)
    finally:
        answer.close()


def _body(answer: http.client.HTTPResponse, most: int) -> tuple[bytes, bool]:
    """The body as far as it came, and whether that is all of it."""
    try:
        raw = answer.read(most)
        more = answer.read(1)
        return raw, not more and not answer.length  # what of Content-Length did not come is left in `length`
    except http.client.IncompleteRead as error:
        return error.partial, False
    except (OSError, http.client.HTTPException):
        return b"", False


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

    def __init__(self, live: socket.socket, until: float, most: int, beat: Beat | None) -> None:
        self._raw = _Timed(live, until, most, beat)

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(self._raw)


class _Timed(io.RawIOBase):
    def __init__(self, live: socket.socket, until: float, most: int, beat: Beat | None) -> None:
        self._live, self._until, self._left, self._beat = live, until, most, beat

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self._left <= 0:
            return 0
        while True:
            left = _left(self._until)
            self._live.settimeout(left if self._beat is None else min(left, _BEAT))
            try:
                count = self._live.recv_into(memoryview(buffer)[: self._left])
            except TimeoutError:
                if self._beat is None:
                    raise
                self._beat()
                continue
            self._left -= count
            return count

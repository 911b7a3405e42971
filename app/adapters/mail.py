"""Hands e-mail to the outside: over SMTP with a kept connection, or into a folder of .eml files (the sink).

Belongs here: the SMTP talk (RFC 5321). Does not belong here: the bytes of an e-mail (`app.adapters.letters`), who is
written to and why (`app.services.messages`).
"""

from __future__ import annotations

import datetime as dt
import os
import smtplib
import socket
import ssl
import threading
import time
import uuid
from collections.abc import Collection
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from app import adapters
from app.adapters import outbound
from app.adapters.dkim_signer import Key as Key
from app.adapters.letters import Letter as Letter
from app.adapters.letters import Unfit as Unfit
from app.adapters.letters import build as build
from app.adapters.letters import to_html as to_html
from app.services import outbound_address
from models.policy import Purpose
from models.words import _

_IDLE_SECONDS = 60.0
_TIMEOUT = 30.0
_MOST_OPEN = 8
_MOST_LINES = 100


class NotSent(Exception):
    """The server did not take the message. `lasting` is True for 5xx (do not try again), False for 4xx and no
    connection. `reached` is False when no answer was about this message: the next one would fare no better."""

    def __init__(self, answer: str, lasting: bool, *, reached: bool = True) -> None:
        super().__init__(answer)
        self.answer, self.lasting = answer, lasting
        # RFC 5321, 3.8: with 421 the server closes the connection, whatever was asked.
        self.reached = reached and not answer.startswith("421")


class Unclear(Exception):
    """The connection broke after the text was handed over and before the server answered: it may have arrived."""


def send(letter: Letter, *, url: str, purpose: Purpose, servers: Collection[str] | None = None) -> str:
    """Hand over one letter; returns the server's answer. `url` is smtp://, smtp+starttls://, smtps:// or sink://.

    With `servers` the address is a workspace's word: it must be on the internet, or one of these ("host:port") of the
    operator's own. Raises `NotSent`, `Unclear`, `Unfit`, `app.adapters.NoPurpose`.
    """
    adapters.call(purpose, "mail")
    raw = build(letter)
    if url.startswith("sink://"):
        return _into_folder(raw, Path(url.removeprefix("sink://")))
    live = connection(url, None if servers is None else frozenset(servers))
    return live.send(letter.return_path or letter.sender, letter.to, raw)


def _into_folder(raw: bytes, folder: Path) -> str:
    """One file per letter; the name sorts by time. It appears only whole."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    name = f"{dt.datetime.now(dt.UTC):%Y%m%dT%H%M%S%f}-{uuid.uuid4().hex[:8]}.eml"
    part = folder / f".{name}.part"
    part.write_bytes(raw)
    part.chmod(0o600)
    os.replace(part, folder / name)
    return f"250 kept as {name}"


class _Connection:
    """One SMTP connection of one thread, kept between letters and renewed when it was idle for a minute."""

    def __init__(self, url: str, servers: frozenset[str] | None) -> None:
        self.url, self.servers = url, servers
        self.live: smtplib.SMTP | None = None
        self.used = 0.0

    def send(self, sender: str, to: str, raw: bytes) -> str:
        live = self._open()
        try:
            for code, words in (live.mail(sender), live.rcpt(to)):
                if code not in (250, 251):
                    self._start_over(live)
                    raise NotSent(_words(code, words), lasting=code >= 500)
        except (smtplib.SMTPServerDisconnected, OSError) as error:
            self.close()
            raise NotSent(
                _("The mail server closed the connection: {error}", error=error), lasting=False, reached=False
            ) from error
        try:
            code, answer = live.data(raw)
        except smtplib.SMTPDataError as error:
            self._start_over(live)
            raise NotSent(_words(error.smtp_code, error.smtp_error), lasting=error.smtp_code >= 500) from error
        except (smtplib.SMTPServerDisconnected, OSError) as error:
            self.close()
            raise Unclear(_("The connection broke during the hand-over: {error}", error=error)) from error
        self.used = time.monotonic()
        if code != 250:
            self._start_over(live)
            raise NotSent(_words(code, answer), lasting=code >= 500)
        return _words(code, answer)

    def _open(self) -> smtplib.SMTP:
        if self.live is not None and (time.monotonic() - self.used > _IDLE_SECONDS or not self._alive(self.live)):
            self.close()
        if self.live is None:
            try:
                self.live = _dial(self.url, self.servers)
            except smtplib.SMTPAuthenticationError as error:
                raise NotSent(
                    _("The mail server refused the sign-in: {words}", words=_words(error.smtp_code, error.smtp_error)),
                    lasting=False,
                    reached=False,
                ) from error
            except (smtplib.SMTPException, OSError) as error:
                raise NotSent(
                    _("The mail server cannot be reached: {error}", error=error), lasting=False, reached=False
                ) from error
            except ValueError:
                # What the error says would hold the password.
                raise NotSent(
                    _("The mail server's address or sign-in cannot be used."), lasting=True, reached=False
                ) from None
            self.used = time.monotonic()
        return self.live

    def _start_over(self, live: smtplib.SMTP) -> None:
        """After a refusal; a server that hangs up now has answered all the same."""
        if not self._alive(live):
            self.close()

    def _alive(self, live: smtplib.SMTP) -> bool:
        try:
            return live.rset()[0] == 250
        except (smtplib.SMTPException, OSError):
            return False

    def close(self) -> None:
        if self.live is not None:
            self.live.close()
            self.live = None


class _Ending:
    """Reads the lines of one answer: at most so many, and within one time for all of them, however few bytes come at
    once."""

    def __init__(self, live: socket.socket) -> None:
        self.live, self.lines, self.until, self.rest = live, 0, 0.0, b""

    def begin(self) -> None:
        self.lines, self.until = 0, time.monotonic() + _TIMEOUT

    def readline(self, most: int) -> bytes:
        self.lines += 1
        while b"\n" not in self.rest and len(self.rest) < most:
            left = self.until - time.monotonic()
            if self.lines > _MOST_LINES or left <= 0:
                raise OSError(_("its answer has no end"))
            self.live.settimeout(left)
            more = self.live.recv(4096)
            self.live.settimeout(_TIMEOUT)
            if not more:
                break
            self.rest += more
        end = self.rest.find(b"\n") + 1 or most
        line, self.rest = self.rest[: min(end, most)], self.rest[min(end, most) :]
        return line

    def close(self) -> None:
        """The socket is closed by who opened it."""


class _Vetted(smtplib.SMTP):
    """Connects only to addresses on the internet, or to a server that the operator named; certificates are checked
    against the name."""

    servers: frozenset[str] = frozenset()

    def getreply(self) -> tuple[int, bytes]:
        """An answer has an end, in lines and in time, whatever the server wants."""
        if self.file is None and self.sock is not None:
            self.file = _Ending(self.sock)
        if isinstance(self.file, _Ending):
            self.file.begin()
        return super().getreply()

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        target = outbound_address.Target(True, host, port, "/", trusted=f"{host}:{port}" in self.servers)
        try:
            found = outbound.addresses(target, False, outbound.look_up)
        except outbound.NotCalled as error:
            raise OSError(str(error)) from error
        return super()._get_socket(found[0], port, timeout)  # type: ignore[misc]


class _VettedTLS(smtplib.SMTP_SSL, _Vetted):
    """The same, encrypted from the start."""


def _dial(url: str, servers: frozenset[str] | None) -> smtplib.SMTP:
    parts = urlsplit(url)
    host, port = parts.hostname or "localhost", parts.port
    safe = ssl.create_default_context()
    kind: type[Any] = smtplib.SMTP if servers is None else _vetted(_Vetted, servers)
    tls: type[Any] = smtplib.SMTP_SSL if servers is None else _vetted(_VettedTLS, servers)
    if parts.scheme == "smtps":
        live: smtplib.SMTP = tls(host, port or 465, timeout=_TIMEOUT, context=safe)
    else:
        live = kind(host, port or (587 if parts.scheme == "smtp+starttls" else 25), timeout=_TIMEOUT)
    live.ehlo_or_helo_if_needed()
    if parts.scheme == "smtp+starttls":
        live.starttls(context=safe)
        live.ehlo()
    if parts.username:
        live.login(unquote(parts.username), unquote(parts.password or ""))
    return live


def _vetted(kind: type[Any], servers: frozenset[str]) -> type[Any]:
    return type(kind.__name__, (kind,), {"servers": servers})


def _words(code: int, answer: bytes | str) -> str:
    text = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer
    return f"{code} {' '.join(text.split())}"[:500]


_kept = threading.local()


def hang_up() -> None:
    """Close the connections of this thread."""
    kept: dict[tuple[str, bool], _Connection] = _kept.__dict__.setdefault("connections", {})
    while kept:
        kept.popitem()[1].close()


def connection(url: str, servers: frozenset[str] | None = None) -> _Connection:
    """The connection of this thread to a server; of several, those used last are kept open."""
    kept: dict[tuple[str, bool], _Connection] = _kept.__dict__.setdefault("connections", {})
    key = (url, servers is None)
    found = kept.pop(key, None)
    if found is None or found.servers != servers:
        found = _Connection(url, servers)
    kept[key] = found
    while len(kept) > _MOST_OPEN:
        kept.pop(next(iter(kept))).close()
    return found

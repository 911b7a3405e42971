"""Hands e-mail to the outside: over SMTP with a kept connection, or into a folder of .eml files (the sink).

Belongs here: MIME, headers, the SMTP talk. Does not belong here: who is written to and why (`app.services.messages`).
Sources: RFC 5321 (SMTP), 5322 (format), 2047 (words in headers), 2369 and 8058 (List-Unsubscribe), 3834
(Auto-Submitted).
"""

from __future__ import annotations

import datetime as dt
import html
import os
import re
import smtplib
import ssl
import threading
import time
import uuid
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit

from app import adapters
from models.policy import Purpose
from models.words import _

_LINK = re.compile(r"https?://[^\s<>\"']+[^\s<>\"'.,;:!?)\]]")
_IDLE_SECONDS = 60.0
_TIMEOUT = 30.0


class NotSent(Exception):
    """The server did not take the message. `lasting` is True for 5xx (do not try again), False for 4xx and no
    connection."""

    def __init__(self, answer: str, lasting: bool) -> None:
        super().__init__(answer)
        self.answer, self.lasting = answer, lasting


class Unclear(Exception):
    """The connection broke after the text was handed over and before the server answered: it may have arrived."""


class Unfit(ValueError):
    """A header holds a line break or another character that could start a new header."""


@dataclass(frozen=True, slots=True)
class Letter:
    """One e-mail. `unsubscribe_url` marks marketing: it gets the List-Unsubscribe headers. `return_path` is the
    envelope's sender, to whom bounces go, where it is another than `sender`; `reply_to` may name several, with commas.
    """

    message_id: str
    sender: str
    sender_name: str
    to: str
    subject: str
    text: str
    to_name: str = ""
    reply_to: str | None = None
    unsubscribe_url: str | None = None
    unsubscribe_mailto: str | None = None
    automatic: bool = False
    return_path: str | None = None


def send(letter: Letter, *, url: str, purpose: Purpose) -> str:
    """Hand over one letter; returns the server's answer. `url` is smtp://, smtp+starttls://, smtps:// or sink://.

    Raises `NotSent`, `Unclear`, `Unfit`, `app.adapters.NoPurpose`.
    """
    adapters.call(purpose, "mail")
    raw = build(letter)
    if url.startswith("sink://"):
        return _into_folder(raw, Path(url.removeprefix("sink://")))
    return _connection(url).send(letter.return_path or letter.sender, letter.to, raw)


def build(letter: Letter, at: dt.datetime | None = None) -> bytes:
    """The letter in the form of RFC 5322: text, and HTML made from it with its links clickable."""
    headers = (
        letter.message_id,
        letter.sender,
        letter.sender_name,
        letter.to,
        letter.to_name,
        letter.subject,
        letter.reply_to or "",
        letter.unsubscribe_url or "",
        letter.unsubscribe_mailto or "",
        letter.return_path or "",
    )
    if any(ord(c) < 32 or ord(c) == 127 for value in headers for c in value):
        raise Unfit(_("A header of this e-mail holds a line break. Remove it and send again."))
    if not all(address.isascii() for address in (letter.to, letter.sender, letter.reply_to or "")):
        raise Unfit(
            _("This e-mail address has letters outside ASCII, which mail servers may not take. Use another address.")
        )
    mail = EmailMessage(policy=SMTP)
    mail["From"] = _mailbox(letter.sender_name, letter.sender)
    mail["To"] = _mailbox(letter.to_name, letter.to)
    mail["Subject"] = letter.subject
    mail["Date"] = format_datetime(at or dt.datetime.now(dt.UTC))
    mail.set_content(letter.text)
    mail.add_alternative(to_html(letter.text), subtype="html")
    return _bare_headers(letter) + mail.as_bytes()


def _bare_headers(letter: Letter) -> bytes:
    """Headers with ids and addresses, written as they are: the library would encode long ones as words, and break
    them."""
    lines = [f"Message-ID: {letter.message_id}"]
    if letter.reply_to:
        lines.append("Reply-To: " + ",\r\n ".join(one.strip() for one in letter.reply_to.split(",")))
    if letter.automatic:
        lines.append("Auto-Submitted: auto-generated")
    if letter.unsubscribe_url:
        lines.append(f"List-Unsubscribe: <{letter.unsubscribe_url}>")
        if letter.unsubscribe_mailto:
            lines[-1] += f",\r\n <mailto:{letter.unsubscribe_mailto}?subject=unsubscribe>"
        lines.append("List-Unsubscribe-Post: List-Unsubscribe=One-Click")
    return "".join(f"{line}\r\n" for line in lines).encode("ascii")


def to_html(text: str) -> str:
    """A plain text as simple HTML: everything escaped, paragraphs kept, web addresses as links."""
    parts, last = [], 0
    for match in _LINK.finditer(text):
        parts.append(html.escape(text[last : match.start()]))
        address = html.escape(match.group())
        parts.append(f'<a href="{address}">{address}</a>')
        last = match.end()
    parts.append(html.escape(text[last:]))
    paragraphs = re.split(r"\n{2,}", "".join(parts).strip())
    body = "".join(f"<p>{p.replace(chr(10), '<br>')}</p>" for p in paragraphs)
    return f'<!doctype html><html><head><meta charset="utf-8"></head><body>{body}</body></html>'


def _mailbox(name: str, address: str) -> Address:
    user, _, domain = address.rpartition("@")
    return Address(display_name=name, username=user, domain=domain)


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

    def __init__(self, url: str) -> None:
        self.url = url
        self.live: smtplib.SMTP | None = None
        self.used = 0.0

    def send(self, sender: str, to: str, raw: bytes) -> str:
        live = self._open()
        try:
            _expect(live.mail(sender), live)
            _expect(live.rcpt(to), live)
        except (smtplib.SMTPServerDisconnected, OSError) as error:
            self.close()
            raise NotSent(_("The mail server closed the connection: {error}", error=error), lasting=False) from error
        try:
            code, answer = live.data(raw)
        except smtplib.SMTPDataError as error:
            live.rset()
            raise NotSent(_words(error.smtp_code, error.smtp_error), lasting=error.smtp_code >= 500) from error
        except (smtplib.SMTPServerDisconnected, OSError) as error:
            self.close()
            raise Unclear(_("The connection broke during the hand-over: {error}", error=error)) from error
        self.used = time.monotonic()
        if code != 250:
            live.rset()
            raise NotSent(_words(code, answer), lasting=code >= 500)
        return _words(code, answer)

    def _open(self) -> smtplib.SMTP:
        if self.live is not None and (time.monotonic() - self.used > _IDLE_SECONDS or not self._alive(self.live)):
            self.close()
        if self.live is None:
            try:
                self.live = _dial(self.url)
            except smtplib.SMTPAuthenticationError as error:
                raise NotSent(
                    _("The mail server refused the sign-in: {words}", words=_words(error.smtp_code, error.smtp_error)),
                    lasting=False,
                ) from error
            except (smtplib.SMTPException, OSError) as error:
                raise NotSent(_("The mail server cannot be reached: {error}", error=error), lasting=False) from error
            self.used = time.monotonic()
        return self.live

    def _alive(self, live: smtplib.SMTP) -> bool:
        try:
            return live.rset()[0] == 250
        except (smtplib.SMTPException, OSError):
            return False

    def close(self) -> None:
        if self.live is not None:
            self.live.close()
            self.live = None


def _expect(answer: tuple[int, bytes], live: smtplib.SMTP) -> None:
    code, words = answer
    if code not in (250, 251):
        live.rset()
        raise NotSent(_words(code, words), lasting=code >= 500)


def _dial(url: str) -> smtplib.SMTP:
    parts = urlsplit(url)
    host, port = parts.hostname or "localhost", parts.port
    safe = ssl.create_default_context()
    if parts.scheme == "smtps":
        live: smtplib.SMTP = smtplib.SMTP_SSL(host, port or 465, timeout=_TIMEOUT, context=safe)
    else:
        live = smtplib.SMTP(host, port or (587 if parts.scheme == "smtp+starttls" else 25), timeout=_TIMEOUT)
    live.ehlo_or_helo_if_needed()
    if parts.scheme == "smtp+starttls":
        live.starttls(context=safe)
        live.ehlo()
    if parts.username:
        live.login(unquote(parts.username), unquote(parts.password or ""))
    return live


def _words(code: int, answer: bytes | str) -> str:
    text = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer
    return f"{code} {' '.join(text.split())}"[:500]


_kept = threading.local()


def _connection(url: str) -> _Connection:
    found: _Connection | None = getattr(_kept, "connection", None)
    if found is None or found.url != url:
        if found is not None:
            found.close()
        found = _kept.connection = _Connection(url)
    return found

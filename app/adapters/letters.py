"""One e-mail as bytes: headers, quoted-printable text and HTML made from it, and the signature of a domain.

Put together by hand, as `EmailMessage` takes ten times as long; the standard library still encodes the words of headers
and the bytes of texts. Does not belong here: the talk with a server (`app.adapters.mail`) and the signing itself
(`app.adapters.dkim_signer`). Sources: RFC 5322 (format), 2045 (quoted-printable), 2046 (multipart), 2047 (words in
headers), 2369 and 8058 (List-Unsubscribe), 3834 (Auto-Submitted), 6047 (calendar objects).
"""

from __future__ import annotations

import binascii
import datetime as dt
import html
import re
import secrets
from dataclasses import dataclass
from email.header import Header
from email.utils import format_datetime

from app.adapters import dkim_signer
from models.words import _

_LINK = re.compile(r"https?://[^\s<>\"']+[^\s<>\"'.,;:!?)\]]")
_LINE = re.compile(r"\r\n|\r|\n")
# RFC 5322, 3.2.3: what may stand in a name without quotes.
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]*")
_LONGEST = 76
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class Unfit(ValueError):
    """A header holds a line break or another character that could start a new header."""


@dataclass(frozen=True, slots=True)
class Letter:
    """One e-mail. `unsubscribe_url` marks marketing: it gets the List-Unsubscribe headers. `return_path` is the
    envelope's sender, to whom bounces go, where it is another than `sender`; `reply_to` may name several, with commas.
    `key` signs for the domain of `sender`. `html` is made of the text where none is given. `calendar` is a calendar
    object with its iTIP `method` (RFC 6047).
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
    key: dkim_signer.Key | None = None
    html: str = ""
    calendar: str = ""
    method: str = ""


def build(letter: Letter, at: dt.datetime | None = None) -> bytes:
    """The letter in the form of RFC 5322: text, and HTML made from it with its links clickable. Raises `Unfit`."""
    _refuse_unfit(letter)
    boundary = f"=_{secrets.token_hex(12)}"
    head = _headers(letter, at or dt.datetime.now(dt.UTC), boundary)
    body = (
        _part(boundary, "plain", letter.text)
        + _part(boundary, "html", letter.html or to_html(letter.text))
        + (_part(boundary, "calendar", letter.calendar, f"; method={letter.method}") if letter.calendar else "")
        + f"--{boundary}--\r\n"
    ).encode("ascii")
    if letter.key is not None:
        head.insert(0, ("DKIM-Signature", dkim_signer.sign(head, body, letter.key)))
    return "".join(f"{name}: {value}\r\n" for name, value in head).encode("ascii") + b"\r\n" + body


def _refuse_unfit(letter: Letter) -> None:
    optional = (letter.reply_to, letter.unsubscribe_url, letter.unsubscribe_mailto, letter.return_path)
    names = (letter.message_id, letter.sender, letter.sender_name, letter.to, letter.to_name, letter.subject)
    if any(_CONTROL.search(value) for value in names + optional if value):
        raise Unfit(_("A header of this e-mail holds a line break. Remove it and send again."))
    addresses = (letter.to, letter.sender, letter.reply_to, letter.return_path)
    if not all(address.isascii() for address in addresses if address):
        raise Unfit(
            _("This e-mail address has letters outside ASCII, which mail servers may not take. Use another address.")
        )


def _headers(letter: Letter, at: dt.datetime, boundary: str) -> list[tuple[str, str]]:
    """Ids and addresses are written as they are: encoded as words or broken, they would no longer work."""
    head = [
        ("Message-ID", letter.message_id),
        ("From", _mailbox("From", letter.sender_name, letter.sender)),
        ("To", _mailbox("To", letter.to_name, letter.to)),
        ("Subject", _words("Subject", letter.subject)),
        ("Date", format_datetime(at)),
    ]
    if letter.reply_to:
        head.append(("Reply-To", ",\r\n ".join(one.strip() for one in letter.reply_to.split(","))))
    if letter.automatic:
        head.append(("Auto-Submitted", "auto-generated"))
    if letter.unsubscribe_url:
        where = f"<{letter.unsubscribe_url}>"
        if letter.unsubscribe_mailto:
            where += f",\r\n <mailto:{letter.unsubscribe_mailto}?subject=unsubscribe>"
        head += [("List-Unsubscribe", where), ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")]
    return [*head, ("MIME-Version", "1.0"), ("Content-Type", f'multipart/alternative;\r\n boundary="{boundary}"')]


def _words(name: str, text: str) -> str:
    """Words of a header: as they are when short and plain, else folded and encoded."""
    if text.isascii() and len(name) + 2 + len(text) <= _LONGEST and "=?" not in text:
        return text
    charset = "us-ascii" if text.isascii() and "=?" not in text and _foldable(text) else "utf-8"
    return Header(text, charset, maxlinelen=_LONGEST, header_name=name).encode(linesep="\r\n")


def _foldable(text: str) -> bool:
    """Whether a line can end before each word. A run of spaces would be lost to readers that unfold to one."""
    return "  " not in text and text == text.strip() and all(len(word) < 60 for word in text.split(" "))


def _mailbox(header: str, name: str, address: str) -> str:
    if not name:
        return address
    if not name.isascii() or "=?" in name or len(name) > 60:
        return f"{Header(name, 'utf-8', maxlinelen=_LONGEST, header_name=header).encode(linesep=_FOLD)}\r\n <{address}>"
    if not _ATOMS.fullmatch(name) or name != name.strip():
        escaped = name.replace("\\", "\\\\").replace('"', '\\"')
        name = f'"{escaped}"'
    return f"{name}\r\n <{address}>" if len(name) + len(address) > 60 else f"{name} <{address}>"


_FOLD = "\r\n"


def _part(boundary: str, kind: str, text: str, more: str = "") -> str:
    lines = _LINE.sub("\r\n", text).rstrip("\r\n") + "\r\n"
    encoded = binascii.b2a_qp(lines.encode("utf-8", "replace")).decode("ascii")
    return (
        f'--{boundary}\r\nContent-Type: text/{kind}; charset="utf-8"{more}\r\n'
        f"Content-Transfer-Encoding: quoted-printable\r\n\r\n{encoded}"
    )


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

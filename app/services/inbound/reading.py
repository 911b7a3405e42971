"""Reads a raw message as far as the product needs it: headers in words, texts, reports, the original it sends back.

Whatever is malformed is read as far as it goes; nothing here trusts a length or a charset that the mail claims.
Sources: RFC 5322 (format), 2045 to 2047 (MIME), 3462 and 6522 (multipart/report). Does not belong here: what the mail
means (`app.services.inbound.verdict`).
"""

from __future__ import annotations

import base64
import binascii
import email
import email.header
import email.utils
import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.errors import HeaderParseError
from email.message import Message

# More parts than any mail program makes; more text than anybody reads of an answer or a report.
_MOST_PARTS = 200
_MOST_FIELDS = 200
_MOST_TEXT = 64 * 1024
_MOST_HEADER = 4000
_LINE_BREAK = re.compile(r"\r\n?|\n")
_BLANK_LINES = re.compile(r"\n{3,}")
_ID = re.compile(r"<[^<>\s]{1,250}@[^<>\s]{1,250}>")
_ORIGINALS = frozenset({"message/rfc822", "text/rfc822-headers", "message/rfc822-headers", "message/global"})
_REPORTS = frozenset({"message/delivery-status", "message/global-delivery-status", "message/feedback-report"})
_BLOCKS = frozenset({"p", "div", "br", "tr", "li", "/p", "/div", "/tr", "table", "blockquote", "h1", "h2", "h3"})
_UNREAD = ("style", "script", "head", "title")

Fields = dict[str, str]


@dataclass(frozen=True, slots=True)
class Mail:
    """A message as read. `reports` are the field groups of its reports, by type; `originals` the headers of messages
    that it sends back or forwards."""

    top: Message
    kind: str
    report_type: str
    text: str
    reports: dict[str, list[Fields]]
    originals: list[Message]

    def header(self, name: str) -> str:
        return header(self.top, name)

    def has(self, name: str) -> bool:
        return name in self.top


def read(raw: bytes) -> Mail:
    """The message, whatever its state."""
    top = email.message_from_bytes(raw)
    texts: dict[str, str] = {}
    reports: dict[str, list[Fields]] = {}
    originals: list[Message] = []
    for part in _parts(top):
        kind = part.get_content_type()
        if kind in _REPORTS and part is not top:
            reports.setdefault(kind, []).extend(_groups(part))
        elif kind in _ORIGINALS and part is not top:
            originals.append(_original(part))
        elif kind in ("text/plain", "text/html") and part.get_content_disposition() != "attachment":
            texts[kind] = f"{texts.get(kind, '')}\n{text_of(part)}"[:_MOST_TEXT]
    text = texts.get("text/plain", "").strip() or _from_html(texts.get("text/html", ""))
    report = _parameter(top, "report-type")
    return Mail(top, top.get_content_type(), report, text.strip(), reports, originals)


def header(message: Message, name: str) -> str:
    """A header's value in words on one line; "" where there is none."""
    try:
        value = message.get(name, "")
    except (ValueError, IndexError, LookupError):
        return ""
    text = _whole(str(value))[:_MOST_HEADER]
    try:
        decoded = "".join(
            part if isinstance(part, str) else part.decode(charset or "ascii", "replace")
            for part, charset in email.header.decode_header(text)
        )
    except (HeaderParseError, LookupError, ValueError, binascii.Error):
        decoded = text
    return " ".join(_whole(decoded).split())


def addresses(message: Message, *names: str) -> list[tuple[str, str]]:
    """Name and address, in lower case, of everybody that these headers name."""
    values = [_whole(str(value))[:_MOST_HEADER] for name in names for value in message.get_all(name, [])]
    found = []
    for name, address in email.utils.getaddresses(values):
        if "@" in address and len(address) <= 320:
            found.append((" ".join(name.split())[:200], "".join(address.split()).lower()))
    return found


def ids(text: str) -> list[str]:
    """The message ids in a text, without repetition."""
    return list(dict.fromkeys(_ID.findall(text)))


def text_of(part: Message) -> str:
    """The text of a part, decoded with the charset that it names or, where that is none, as Latin-1."""
    try:
        raw = part.get_payload(decode=True)
    except (ValueError, LookupError, binascii.Error):
        raw = str(part.get_payload()).encode("utf-8", "replace")
    if not isinstance(raw, bytes):
        return ""
    raw = raw[: 4 * _MOST_TEXT]
    try:
        charset = str(part.get_content_charset() or "utf-8")
        text = raw.decode(charset, "replace")
    except (LookupError, ValueError):
        text = raw.decode("latin-1")
    return _LINE_BREAK.sub("\n", _whole(text))[:_MOST_TEXT]


def _parts(top: Message) -> Iterator[Message]:
    """The parts in order, not those of messages within; without recursion, as a mail may nest without end."""
    waiting, seen = [top], 0
    while waiting and seen < _MOST_PARTS:
        part = waiting.pop()
        seen += 1
        yield part
        payload = part.get_payload()
        if isinstance(payload, list) and part.get_content_maintype() == "multipart":
            waiting += [one for one in reversed(payload) if isinstance(one, Message)]


def _groups(part: Message) -> list[Fields]:
    """The field groups of a report: of the message first, then of each recipient (RFC 3464, 2.1)."""
    payload = part.get_payload()
    blocks = [one for one in payload if isinstance(one, Message)] if isinstance(payload, list) else []
    found = [group for one in blocks if (group := _fields(one))]
    # The newer report is parsed as a message, whose text is what follows its first group (RFC 6533, 3).
    found += [group for one in blocks if found and isinstance(one.get_payload(), str) for group in _split(one)]
    if found:
        return found
    # Some servers encode the report, which the standard forbids, or forget its empty line.
    text = "\n\n".join(str(one.get_payload()) for one in blocks) or str(payload or "")
    if header(part, "content-transfer-encoding").lower() == "base64":
        try:
            text = base64.b64decode("".join(text.split()) + "==").decode("utf-8", "replace")
        except (binascii.Error, ValueError):
            return []
    return _groups_of(text)


def _split(block: Message) -> list[Fields]:
    return _groups_of(str(block.get_payload()))


def _groups_of(text: str) -> list[Fields]:
    parsed = (email.message_from_string(part) for part in _LINE_BREAK.sub("\n", text).split("\n\n")[:_MOST_PARTS])
    return [group for one in parsed if (group := _fields(one))]


def _fields(message: Message) -> Fields:
    # Each look goes through all fields: their number is somebody else's, so there is an end to it.
    names = dict.fromkeys(name.lower() for name in message.keys()[:_MOST_FIELDS])
    return {name: header(message, name) for name in names}


def _original(part: Message) -> Message:
    """The message within; of a part with headers alone, these."""
    payload = part.get_payload()
    if isinstance(payload, list) and payload and isinstance(payload[0], Message):
        return payload[0]
    return email.message_from_string(text_of(part).lstrip())


def _parameter(message: Message, name: str) -> str:
    try:
        found = message.get_param(name)
    except (ValueError, IndexError, LookupError):
        return ""
    return str(found[2] if isinstance(found, tuple) else found or "").lower()


def _from_html(text: str) -> str:
    """HTML as plain text, in one pass, as nobody is to see its form."""
    first, *pieces = text.split("<")
    found, skip = [first], ""
    for piece in pieces:
        tag, closed, rest = piece.partition(">")
        name = (tag.split() or [""])[0].lower().rstrip("/")
        if skip:
            skip = "" if name == f"/{skip}" else skip
        elif name in _UNREAD:
            skip = name
        if closed and not skip:
            found.append(("\n" if name in _BLOCKS else "") + rest.replace("\n", " "))
    lines = (" ".join(line.split()) for line in html.unescape("".join(found)).split("\n"))
    return _BLANK_LINES.sub("\n\n", "\n".join(lines))[:_MOST_TEXT]


def _whole(text: str) -> str:
    """A text without bytes in disguise and without NUL, which no database keeps."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace").replace("\x00", "")

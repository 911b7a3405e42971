"""The text of a file of unknown origin, as a stream: encoding found, no byte lost, never the whole file in memory.

Belongs here: which bytes are text, and in which encoding. Does not belong here: tables and cards.
"""

from __future__ import annotations

import codecs
import io
import re
from typing import BinaryIO

from models.words import N_, _

HEAD = 65_536

_BOMS = (
    (codecs.BOM_UTF8, "utf-8", "UTF-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le", "UTF-32"),
    (codecs.BOM_UTF32_BE, "utf-32-be", "UTF-32"),
    (codecs.BOM_UTF16_LE, "utf-16-le", "UTF-16"),
    (codecs.BOM_UTF16_BE, "utf-16-be", "UTF-16"),
)
_KINDS = (
    (b"PK\x03\x04", N_("an Excel workbook or a zip archive")),
    (b"\xd0\xcf\x11\xe0", N_("an old Excel workbook")),
    (b"\x89PNG", N_("a picture")),
    (b"\xff\xd8\xff", N_("a picture")),
    (b"GIF8", N_("a picture")),
    (b"%PDF", N_("a PDF document")),
    (b"\x1f\x8b", N_("a compressed file")),
    (b"7z\xbc\xaf", N_("a compressed file")),
    (b"Rar!", N_("a compressed file")),
    (b"SQLite format 3", N_("a database")),
    (b"{\\rtf", N_("a text document")),
)
_MARKUP = re.compile(rb"\s*(?:<!doctype|<html|<\?xml|\{\s*\"|\[\s*[\[{])", re.IGNORECASE)
_CONTROL = re.compile(r"[\x01-\x08\x0e-\x1a\x1c-\x1f]")
_ADVICE = N_("Export the contacts as CSV or vCard, then choose that file. Nothing was imported.")


class UnreadableFile(ValueError):
    """The file is no table and holds no cards; the message says what it is and what to do."""


def open_text(stream: BinaryIO) -> tuple[io.TextIOWrapper, str]:
    """The stream as text from its start, and the name of its encoding for people. Line ends stay as they are.

    The stream must be seekable; it is left open when the text is closed. Raises UnreadableFile.
    """
    stream.seek(0)
    head = stream.read(HEAD)
    if not head.strip(b"\x00 \t\r\n\xef\xbb\xbf\xff\xfe"):
        raise UnreadableFile(_("This file is empty. {advice}", advice=_ADVICE))
    for start, what in _KINDS:
        if head.startswith(start):
            raise UnreadableFile(_("This file is {what}, whatever its name says. {advice}", what=what, advice=_ADVICE))
    if _MARKUP.match(head.removeprefix(codecs.BOM_UTF8)):
        raise UnreadableFile(_("This file is a web page or a data file of a program. {advice}", advice=_ADVICE))
    codec, name, skip = _encoding(head)
    _refuse_binary(head[skip:].decode(codec, "replace"))
    stream.seek(skip)
    errors = "cp1252_rest" if codec == "utf-8" else "replace"
    return io.TextIOWrapper(_KeptOpen(stream), codec, errors, newline=""), name


class _KeptOpen(io.RawIOBase):
    """The caller's stream for a text wrapper that closes what it wraps."""

    def __init__(self, stream: BinaryIO) -> None:
        self.stream = stream

    name = "upload"

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        return self.stream.read(size)

    read1 = read


def _encoding(head: bytes) -> tuple[str, str, int]:
    """Codec, its name for people, and how many bytes its mark takes."""
    for mark, codec, name in _BOMS:
        if head.startswith(mark):
            return codec, name, len(mark)
    pairs = max(len(head) // 2, 1)
    if head[1::2].count(0) > 0.4 * pairs and head[0::2].count(0) < 0.1 * pairs:
        return "utf-16-le", "UTF-16", 0
    if head[0::2].count(0) > 0.4 * pairs and head[1::2].count(0) < 0.1 * pairs:
        return "utf-16-be", "UTF-16", 0
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return "utf-8", "Windows-1252", 0
    return "utf-8", "UTF-8", 0


def _refuse_binary(text: str) -> None:
    odd = len(_CONTROL.findall(text)) + text.count("\ufffd")
    if odd > 0.05 * len(text) + 5 or text.count("\0") > 0.3 * len(text):
        raise UnreadableFile(_("This file holds no text we can read. {advice}", advice=_ADVICE))


def _cp1252_rest(error: UnicodeError) -> tuple[str, int]:
    """Bytes that are not UTF-8 as Windows-1252: whole files of old programs, single cells pasted into newer ones."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("cp1252", "replace"), error.end


codecs.register_error("cp1252_rest", _cp1252_rest)

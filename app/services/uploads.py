"""Which files are taken from outside, decided by their content; name and declared type only have to agree with it.

Belongs here: kinds, limits, the checks of each kind. Does not belong here: keeping the bytes, the `stored_file` row and
serving (always as attachment with nosniff). P56; ASVS 5.2, 5.3, 5.4. A virus scanner is a job.
"""

from __future__ import annotations

import codecs
import hashlib
import io
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import BinaryIO

import puremagic

from app.services import upload_archives, upload_images
from app.services.file_names import content_disposition, safe_name
from app.services.upload_archives import EICAR
from app.services.upload_errors import UploadRefused
from models.words import _

__all__ = [
    "ALL",
    "IMAGES",
    "KINDS",
    "Kind",
    "Upload",
    "UploadRefused",
    "content_disposition",
    "inspect",
    "safe_name",
]

MB = 1024 * 1024
_HEAD = 4096
_CHUNK = 256 * 1024
_OOXML = "application/vnd.openxmlformats-officedocument."


@dataclass(frozen=True, slots=True)
class Kind:
    """A type of file that is taken: `suffixes` it may be named by, the first one preferred; `cap` in bytes."""

    name: str
    words: str
    mime: str
    suffixes: tuple[str, ...]
    cap: int


KINDS = {
    kind.name: kind
    for kind in (
        Kind("pdf", "PDF", "application/pdf", (".pdf",), 50 * MB),
        Kind("png", "PNG", "image/png", (".png",), 25 * MB),
        Kind("jpeg", "JPEG", "image/jpeg", (".jpg", ".jpeg", ".jpe", ".jfif"), 25 * MB),
        Kind("webp", "WebP", "image/webp", (".webp",), 25 * MB),
        Kind("gif", "GIF", "image/gif", (".gif",), 15 * MB),
        Kind(
            "docx",
            "Word",
            _OOXML + "wordprocessingml.document",
            (".docx",),
            25 * MB,
        ),
        Kind(
            "xlsx",
            "Excel",
            _OOXML + "spreadsheetml.sheet",
            (".xlsx",),
            25 * MB,
        ),
        Kind(
            "pptx",
            "PowerPoint",
            _OOXML + "presentationml.presentation",
            (".pptx",),
            50 * MB,
        ),
        Kind("csv", "CSV", "text/csv", (".csv", ".tsv"), 25 * MB),
        Kind("txt", "text", "text/plain", (".txt", ".text", ".md", ".log"), 10 * MB),
        Kind("vcf", "vCard", "text/vcard", (".vcf", ".vcard"), 25 * MB),
        Kind("ics", "calendar", "text/calendar", (".ics", ".ical"), 10 * MB),
        Kind("eml", "e-mail", "message/rfc822", (".eml",), 25 * MB),
    )
}
IMAGES = frozenset({"png", "jpeg", "webp", "gif"})
ALL = frozenset(KINDS)

_OFFICE = frozenset({"docx", "xlsx", "pptx"})
_TEXTS = frozenset({"csv", "txt", "vcf", "ics", "eml"})
# Free decoders of HEIC come bundled with a GPL encoder; its photos are told apart only to say what to do.
_HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1", b"hevc", b"hevx"})
# What browsers take for a page (WHATWG MIME Sniffing, section 7.1), and the starts of scripts.
_PAGE = re.compile(
    rb"(?i)<(!doctype|html|head|script|iframe|h1|div|font|table|a|style|title|b|body|br|p|svg|math|object|embed|img|\?xml|\?php"
    rb"|!--|%)(?=[\s>/?!\[-]|$)|#!\s*/|<\?php|MIME-Version:.*multipart/related"
)
_HIDDEN_PAGE = re.compile(rb"(?i)<(!doctype\s+html|html|script|svg|iframe|\?php)[\s>]")
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_PDF_SCRIPT = re.compile(rb"/(JavaScript|JS|Launch|EmbeddedFile|RichMedia)\b")


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that may be kept. `content` has the bytes to keep where they were made anew, else None: keep the stream.

    `size` in bytes and `sha256` in hex are those of what is kept. `flags` name what a person should know: "macros",
    "embedded objects", "active content".
    """

    kind: str
    mime: str
    safe_name: str
    size: int
    sha256: str
    content: bytes | None = None
    flags: tuple[str, ...] = ()

    def source(self, stream: BinaryIO) -> BinaryIO:
        """What to hand to the storage, from its start."""
        if self.content is not None:
            return io.BytesIO(self.content)
        stream.seek(0)
        return stream


def inspect(stream: BinaryIO, name: str, *, allow: Iterable[str] = ALL) -> Upload:
    """Look at an uploaded file; `stream` can be rewound. Raises `UploadRefused` with a sentence to show."""
    allowed = frozenset(allow)
    size = stream.seek(0, io.SEEK_END)
    if not size:
        raise UploadRefused(_("The file is empty. Check that it opens on your computer, then add it again."))
    if size > max(KINDS[kind].cap for kind in allowed):
        raise _too_large(max(KINDS[kind].cap for kind in allowed))
    stream.seek(0)
    kind, flags = _kind_of(stream, stream.read(_HEAD), _suffix(name), allowed)
    if size > kind.cap:
        raise _too_large(kind.cap)
    _agree(kind, _suffix(name))
    digest, more = _scan(stream, kind)
    if kind.name not in IMAGES:
        return Upload(kind.name, kind.mime, safe_name(name, _ending(kind, name)), size, digest, None, flags + more)
    fresh = upload_images.remake(stream, kind.name)
    kept = safe_name(name, _ending(kind, name))
    return Upload(kind.name, kind.mime, kept, len(fresh), hashlib.sha256(fresh).hexdigest(), fresh, flags)


def _kind_of(stream: BinaryIO, head: bytes, suffix: str, allowed: frozenset[str]) -> tuple[Kind, tuple[str, ...]]:
    _refuse_pages(head)
    if head[4:8] == b"ftyp" and head[8:12] in _HEIC_BRANDS:
        raise UploadRefused(_("HEIC photos are not taken yet. Share the photo as JPEG from your phone and add that."))
    flags: tuple[str, ...] = ()
    found = next((name for name, is_it in _SIGNS if is_it(head)), None)
    if found is None and head.startswith(b"PK"):
        found, flags = upload_archives.office_kind(stream)
    if found is None:
        found = _text_kind(stream, head, suffix)
    if found not in allowed:
        raise UploadRefused(
            _("{kind} files are not taken here. {offer}", kind=KINDS[found].words, offer=_offer(allowed))
        )
    return KINDS[found], flags


_SIGNS: tuple[tuple[str, Callable[[bytes], bool]], ...] = (
    ("pdf", lambda head: head.startswith(b"%PDF-")),
    ("png", lambda head: head.startswith(b"\x89PNG\r\n\x1a\n")),
    ("jpeg", lambda head: head.startswith(b"\xff\xd8\xff")),
    ("gif", lambda head: head.startswith((b"GIF87a", b"GIF89a"))),
    ("webp", lambda head: head[:4] == b"RIFF" and head[8:12] == b"WEBP"),
)


def _refuse_pages(head: bytes) -> None:
    start = _as_ascii(head).lstrip(b" \t\r\n\x0c")
    if re.match(rb"(?i)(<\?xml.*?\?>\s*|<!--.*?-->\s*|<!doctype[^>]*>\s*)*<svg", start, re.DOTALL):
        raise UploadRefused(_("SVG files can hold programs and are not taken. Save the picture as PNG and add that."))
    if _PAGE.match(start):
        raise UploadRefused(_("Web pages and scripts are not taken. Save the page as PDF and add that."))


def _text_kind(stream: BinaryIO, head: bytes, suffix: str) -> str:
    """Text has no sign of its own: it must be text to the end, and then look like what its name says."""
    text = _as_ascii(head)
    by_name = next((name for name in _TEXTS if suffix in KINDS[name].suffixes), None)
    # Binary kinds are known by their first bytes, so a name of theirs on anything else is a wrong one.
    if by_name is None or not _is_text(stream):
        raise UploadRefused(f"{_what_it_is(head)} {_offer(ALL)}")
    starts = text.lstrip().upper()
    fits = {
        "vcf": starts.startswith(b"BEGIN:VCARD"),
        "ics": starts.startswith(b"BEGIN:VCALENDAR"),
        "eml": bool(re.match(rb"(From |[!-9;-~]+:[ \t])", text.lstrip()))
        and bool(re.search(rb"(?im)^(from|date|received|subject):", text)),
    }
    if not fits.get(by_name, True):
        raise UploadRefused(
            _(
                "The name says {kind}, the content does not. Export the file again and add that.",
                kind=KINDS[by_name].words,
            )
        )
    return by_name


def _is_text(stream: BinaryIO) -> bool:
    """UTF-8, UTF-16 with its mark, or a one-byte code; without control characters that no text has."""
    stream.seek(0)
    decoder = codecs.getincrementaldecoder("utf-16" if stream.read(2) in _UTF16_MARKS else "latin-1")()
    stream.seek(0)
    try:
        while part := stream.read(_CHUNK):
            if _CONTROL.search(decoder.decode(part)):
                return False
        return not decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False


def _as_ascii(head: bytes) -> bytes:
    """The text without its mark, which is enough to look for ASCII in it."""
    if head[:2] in _UTF16_MARKS:
        return head.decode("utf-16", "ignore").encode("ascii", "replace")
    return head.removeprefix(b"\xef\xbb\xbf")


def _what_it_is(head: bytes) -> str:
    try:
        found = puremagic.from_string(head)
    except (puremagic.PureError, ValueError):
        found = ""
    if found in {".doc", ".xls", ".ppt", ".msi"} or head.startswith(b"\xd0\xcf\x11\xe0"):
        return _("Old or password-protected office files are not taken. Save it as .docx, .xlsx or .pptx, unprotected.")
    return (
        _("Files of this type ({type}) are not taken.", type=found.lstrip("."))
        if found
        else _("This type of file is not known.")
    )


def _agree(kind: Kind, suffix: str) -> None:
    """A name without an ending gets one; a wrong one is a mistake or a trick, and the sender knows which."""
    if suffix and suffix not in kind.suffixes and not (kind.name in _TEXTS and suffix == ".txt"):
        wanted = kind.suffixes[0]
        raise UploadRefused(
            _(
                "The name ends in {suffix}, but the content is {kind}. Rename it to {wanted} or export it again.",
                suffix=suffix,
                kind=kind.words,
                wanted=wanted,
            )
        )


def _scan(stream: BinaryIO, kind: Kind) -> tuple[str, tuple[str, ...]]:
    """SHA-256 of the whole, with a look for the virus test file and for a second file inside the first."""
    digest, tail, active = hashlib.sha256(), b"", False
    stream.seek(0)
    while part := stream.read(_CHUNK):
        digest.update(part)
        window = tail + part
        if EICAR in window:
            raise UploadRefused(_("The file holds the virus test signature and was not kept."))
        active = active or (kind.name == "pdf" and bool(_PDF_SCRIPT.search(window)))
        tail = window[-_HEAD:]
    if kind.name == "pdf":
        _check_pdf(stream, tail)
    if kind.name in _OFFICE:
        _check_office_end(stream)
    return digest.hexdigest(), (_("active content"),) if active else ()


def _check_pdf(stream: BinaryIO, tail: bytes) -> None:
    stream.seek(0)
    head = stream.read(1024)
    if b"%%EOF" not in tail:
        raise UploadRefused(_("The PDF is cut off or damaged. Save it again and add the copy."))
    after = tail.rpartition(b"%%EOF")[2]
    if b"PK\x05\x06" in tail or _HIDDEN_PAGE.search(head) or len(after.strip(b"\r\n\t \x00")) > 0:
        raise UploadRefused(_("The PDF holds a second file of another type. Print it to a new PDF and add that."))


def _check_office_end(stream: BinaryIO) -> None:
    """An archive begins at the first byte and ends with its directory; anything around it is not for us."""
    size = stream.seek(0, io.SEEK_END)
    stream.seek(max(0, size - 22 - 65_535))
    tail = stream.read()
    end = tail.rfind(b"PK\x05\x06")
    comment = int.from_bytes(tail[end + 20 : end + 22], "little")
    stream.seek(0)
    if stream.read(4) != b"PK\x03\x04" or end + 22 + comment != len(tail) or _HIDDEN_PAGE.search(tail[end + 22 :]):
        raise UploadRefused(_("The file holds a second file of another type. Save it again in your office program."))


def _suffix(name: str) -> str:
    found = re.search(r"\.[A-Za-z0-9]{1,10}$", name.strip())
    return found[0].lower() if found else ""


def _ending(kind: Kind, name: str) -> str:
    suffix = _suffix(name)
    return suffix if suffix in kind.suffixes else kind.suffixes[0]


def _too_large(cap: int) -> UploadRefused:
    return UploadRefused(
        _("The file is larger than {cap} MB. Make it smaller or split it, then add it again.", cap=cap // MB)
    )


def _offer(allowed: frozenset[str]) -> str:
    words = sorted(KINDS[name].words for name in allowed)
    return _("Add one of these: {words}.", words=", ".join(map(str, words)))

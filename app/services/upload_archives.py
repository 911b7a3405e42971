"""Office files are zip archives: what is in them, and whether they are bombs.

Belongs here: looking at an archive without unpacking it to disk. Does not belong here: other types.
"""

from __future__ import annotations

import re
import zipfile
from typing import BinaryIO

from app.services.upload_errors import UploadRefused
from models.words import _

MAX_ENTRIES = 5_000
MAX_UNPACKED = 300 * 1024 * 1024
MAX_RATIO = 150
# Small XML packs far better than any ratio that is safe for large entries.
_RATIO_FROM = 1024 * 1024

# Split, so that virus scanners do not take this file for the test file of EICAR (eicar.org, 68 bytes).
EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$" + rb"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"

_MAIN_PART = {"docx": "word/document.xml", "xlsx": "xl/workbook.xml", "pptx": "ppt/presentation.xml"}
_CLIMBS = re.compile(r"(^|[/\\])\.\.([/\\]|$)|^[/\\]|^[A-Za-z]:|\x00")
_PROGRAM = re.compile(r"(?i)\.(exe|dll|com|scr|bat|cmd|vbs|js|jse|wsf|ps1|hta|jar|msi|lnk)$")


def office_kind(stream: BinaryIO) -> tuple[str, tuple[str, ...]]:
    """The kind (docx, xlsx, pptx) and flags ("macros", "embedded objects"); raises `UploadRefused`."""
    stream.seek(0)
    try:
        with zipfile.ZipFile(stream) as archive:
            _check(archive)
            names = {entry.filename for entry in archive.infolist()}
            kind = next((kind for kind, part in _MAIN_PART.items() if part in names), None)
            if kind is None or "[Content_Types].xml" not in names:
                raise UploadRefused(_("Zip archives are not taken. Unpack it and add the files one by one."))
            return kind, _flags(archive, names)
    except (zipfile.BadZipFile, NotImplementedError, EOFError, OSError, ValueError, RuntimeError) as error:
        if isinstance(error, UploadRefused):
            raise
        raise UploadRefused(
            _("The file is damaged. Open it on your computer, save it again, and add the copy.")
        ) from None


def _check(archive: zipfile.ZipFile) -> None:
    entries = archive.infolist()
    if len(entries) > MAX_ENTRIES or sum(entry.file_size for entry in entries) > MAX_UNPACKED:
        raise _bomb()
    if len({entry.filename for entry in entries}) != len(entries):
        raise UploadRefused(_("The file holds two parts of the same name. Save it again in your office program."))
    for entry in entries:
        if entry.file_size > _RATIO_FROM and entry.file_size > MAX_RATIO * max(entry.compress_size, 1):
            raise _bomb()
        if entry.flag_bits & 1:
            raise UploadRefused(_("The file is protected by a password. Take the password off and add it again."))
        if _CLIMBS.search(entry.orig_filename) or _PROGRAM.search(entry.filename):
            raise UploadRefused(
                _("The file holds parts that an office file must not have. Save it again in your office program.")
            )
        # The test file is at most 128 bytes long, so larger parts need no look.
        if entry.file_size <= 128 and EICAR in archive.read(entry):
            raise UploadRefused(_("The file holds the virus test signature and was not kept."))


def _flags(archive: zipfile.ZipFile, names: set[str]) -> tuple[str, ...]:
    types = archive.read("[Content_Types].xml")
    if len(types) > _RATIO_FROM:
        raise _bomb()
    macros = b"macroEnabled" in types or any(name.lower().endswith(("vbaproject.bin", "vbadata.xml")) for name in names)
    objects = any("/embeddings/" in name or "/activeX/" in name for name in names)
    return ((_("macros"),) if macros else ()) + ((_("embedded objects"),) if objects else ())


def _bomb() -> UploadRefused:
    return UploadRefused(_("Unpacked, the file would be far too large. Split it, or save it as PDF, and add it again."))

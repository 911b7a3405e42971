"""Names of files that people gave: shown and sent back, never used as a path.

Belongs here: cleaning a name and writing it into a header. Does not belong here: what is in the file.
Sources: RFC 6266 (Content-Disposition), RFC 8187 (its encoding), and the names Windows reserves.
"""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import quote

LONGEST = 150

# Signs that end a path, a header or a shell's patience; format and control characters can turn a name around.
_FORBIDDEN = re.compile(r'[/\\:*?"<>|]')
_RESERVED = re.compile(r"(?i)^(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)")
_ATTR_CHARS = "!#$&+-.^_`|~"


def safe_name(name: str, suffix: str = "") -> str:
    """The last part of the name as one clean line, at most 150 characters, ending in `suffix` (such as ".pdf")."""
    name = unicodedata.normalize("NFC", name.replace("\\", "/").rsplit("/", 1)[-1])
    name = "".join(sign for sign in name if unicodedata.category(sign) not in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
    name = " ".join(_FORBIDDEN.sub("_", name).split()).strip(". ")
    if suffix and not name.lower().endswith(suffix):
        name += suffix
    stem, dot, ending = name.rpartition(".")
    if not dot:
        stem, ending = name, ""
    stem = (stem.strip(". ") or "file")[: LONGEST - len(ending) - 1].rstrip(". ")
    if _RESERVED.match(stem):
        stem = f"_{stem}"
    return f"{stem}{dot}{ending}"[:LONGEST]


def content_disposition(name: str, *, inline: bool = False) -> str:
    """The header's value: a plain name for old clients, the true one in UTF-8 for all others."""
    name = safe_name(name)
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    # A percent sign in the quoted form is decoded by some browsers.
    plain = safe_name(re.sub(r'["\\%]', "_", plain))
    kind = "inline" if inline else "attachment"
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe=_ATTR_CHARS)}"

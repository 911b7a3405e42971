"""Where to go next without being led astray: only paths of our own pages (ASVS 3.7.2)."""

from __future__ import annotations

from urllib.parse import urlsplit


def back(wanted: str | None, otherwise: str) -> str:
    """`wanted` if it is a plain path on this site, else `otherwise`."""
    if (
        not wanted
        or not wanted.startswith("/")
        or wanted.startswith(("//", "/\\"))
        or any(ord(c) < 33 or c == "\\" for c in wanted)
    ):
        return otherwise
    parts = urlsplit(wanted)
    return otherwise if parts.scheme or parts.netloc else wanted

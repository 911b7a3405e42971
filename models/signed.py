"""Signed links: a payload and an end, tied to one purpose, in a short URL-safe token.

Belongs here: making and reading tokens. Does not belong here: what a link does; no secret in the payload, as whoever
holds the link can read it. One algorithm (HMAC-SHA256, cut to 128 bits as RFC 2104 section 5 allows), not named in the
token; the purpose is part of the key, so a token of one purpose is noise to another.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import hashlib
import hmac
import json
import time
from typing import Any

from models.crypto import keyring
from models.words import _

_MAC_BYTES = 16
_LONGEST = 4096


class BadLink(ValueError):
    """The link is wrong, changed, of another purpose or past its end; which of these is not told."""

    def __init__(self) -> None:
        super().__init__(_("This link does not work or has ended. Ask the sender for a new one."))


def sign_link(purpose: str, payload: Any, expires: dt.datetime | dt.timedelta) -> str:
    """A token for a JSON `payload`, good until `expires` (an aware moment, or a span from now)."""
    if isinstance(expires, dt.timedelta):
        expires = dt.datetime.now(dt.UTC) + expires
    if expires.tzinfo is None:
        raise ValueError("The end of a link needs its zone.")
    content = json.dumps([int(expires.timestamp()), payload], separators=(",", ":"), sort_keys=True, allow_nan=False)
    body = _encode(content.encode())
    token = f"{body}.{_mac(purpose, body)}"
    if len(token) > _LONGEST:
        raise ValueError("The payload is too long for a link. Store it and put its id in the link.")
    return token


def read_link(purpose: str, token: str) -> Any:
    """The payload; raises `BadLink` for every fault alike."""
    body, dot, mac = token.partition(".") if len(token) <= _LONGEST and token.isascii() else ("", "", "")
    # The text of the MAC is compared, not its bytes: base64 has several spellings of the same bytes.
    if not dot or not hmac.compare_digest(mac, _mac(purpose, body)):
        raise BadLink
    try:
        ends, payload = json.loads(_decode(body))
    except (binascii.Error, ValueError, TypeError):
        raise BadLink from None
    if time.time() >= ends:
        raise BadLink
    return payload


def _mac(purpose: str, body: str) -> str:
    return _encode(hmac.digest(keyring().derive(f"link:{purpose}"), body.encode(), hashlib.sha256)[:_MAC_BYTES])


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))

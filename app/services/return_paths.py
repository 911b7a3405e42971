"""Addresses of our own that say which message an e-mail answers: where bounces, replies and unsubscriptions come to.

`bounce+WORKSPACE-MESSAGE-TAG@INBOUND_DOMAIN`: a local part for each message (VERP), signed, so that nobody can bounce
or unsubscribe what was not sent to them. Mail servers may change the case of a local part and cut none of at most 64
characters (RFC 5321, 2.4 and 4.5.3.1.1): numbers are in base 36 and the tag is 80 bits of HMAC-SHA-256 in base 32,
which needs no padding. Such an address can do little and does not expire: a bounce may come after weeks, a reply after
years. Does not belong here: what comes of a mail (`app.services.inbound`).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass

from models.crypto import keyring

BOUNCE, REPLY, UNSUBSCRIBE = "bounce", "reply", "unsubscribe"
KINDS = (BOUNCE, REPLY, UNSUBSCRIBE)
_TAG_BYTES = 10
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_MOST = 2**63
# 13 digits of base 36 hold 63 bits.
_LOCAL = re.compile(r"(bounce|reply|unsubscribe)\+([0-9a-z]{1,13})-([0-9a-z]{1,13})-[a-z2-7]{16}")


@dataclass(frozen=True, slots=True)
class ReturnPath:
    """Which message of which workspace an address stands for, and what is said to it: bounce, reply or unsubscribe."""

    kind: str
    workspace_id: int
    message_id: int


def address(kind: str, workspace_id: int, message_id: int, *, domain: str) -> str:
    """The address for one message; raises ValueError for another kind or an id that is none."""
    if kind not in KINDS or not 0 < workspace_id < _MOST or not 0 < message_id < _MOST:
        raise ValueError(f"{kind}+{workspace_id}-{message_id} names no message.")
    return f"{_local(kind, workspace_id, message_id)}@{domain}"


def read(text: str, *, domain: str) -> ReturnPath | None:
    """What an address stands for; None for a foreign domain, another form or a tag that is not ours."""
    local, _, host = text.lower().rpartition("@")
    found = _LOCAL.fullmatch(local)
    if not domain or host != domain or found is None:
        return None
    kind, workspace, message = found.group(1), int(found.group(2), 36), int(found.group(3), 36)
    if not (0 < workspace < _MOST and 0 < message < _MOST):
        return None
    # Made again and compared as a whole: a number has spellings with leading zeros.
    same = hmac.compare_digest(local, _local(kind, workspace, message))
    return ReturnPath(kind, workspace, message) if same else None


def _local(kind: str, workspace_id: int, message_id: int) -> str:
    named = f"{kind}+{_base36(workspace_id)}-{_base36(message_id)}"
    mac = hmac.digest(keyring().derive("return path"), named.encode(), hashlib.sha256)
    return f"{named}-{base64.b32encode(mac[:_TAG_BYTES]).decode().lower()}"


def _base36(number: int) -> str:
    digits = ""
    while number:
        number, rest = divmod(number, 36)
        digits = _DIGITS[rest] + digits
    return digits

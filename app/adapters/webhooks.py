"""Hands an event to the address of a webhook: one signed POST, and what the log may keep of the answer.

Does not belong here: the connection (`app.adapters.outbound`), which addresses are allowed
(`app.services.outbound_address`), and when to try again (`app.services.hook_deliveries`). Source: Standard Webhooks
1.0.0 (signature).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import ssl
import time
from collections.abc import Iterable
from dataclasses import dataclass

from app import adapters
from app.adapters import outbound
from app.adapters.outbound import Resolve
from app.services import outbound_address
from models.policy import Purpose

TIMEOUT = 10.0
MOST_READ = 64 * 1024
EXCERPT = 500
_SECRET = re.compile(r"whsec_[A-Za-z0-9+/=_-]+|v1,[A-Za-z0-9+/=]{20,}")
_UNSHOWN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of an attempt. `status` is None where nobody answered, and `error` then says why, in a sentence."""

    status: int | None
    error: str = ""
    excerpt: str = ""

    @property
    def taken(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


def post(
    url: str,
    body: bytes,
    *,
    event_id: str,
    secrets: Iterable[str],
    purpose: Purpose,
    local: bool = False,
    resolve: Resolve | None = None,
    trust: ssl.SSLContext | None = None,
    timeout: float = TIMEOUT,
) -> Answer:
    """One attempt within `timeout` seconds in all. `resolve` gives the network addresses of a host, `trust` says which
    certificates count; `local` lets this machine be called. Raises `app.adapters.NoPurpose`.
    """
    adapters.call(purpose, "webhooks")
    try:
        target = outbound_address.read(url, local=local)
        got = outbound.post(
            target,
            _headers(body, event_id, secrets),
            body,
            timeout=timeout,
            most=MOST_READ,
            local=local,
            resolve=resolve,
            trust=trust,
        )
    except (ValueError, outbound.NotCalled, outbound.Broken) as error:
        return Answer(None, str(error))
    return Answer(got.status, "", _excerpt(got.raw))  # the status is what counts, also where the body broke off


def sign(secret: str, event_id: str, at: int, body: bytes) -> str:
    """The signature "v1,…" of one secret "whsec_…" over id, time and body."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = b".".join((event_id.encode(), str(at).encode(), body))
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


def _headers(body: bytes, event_id: str, secrets: Iterable[str]) -> tuple[tuple[str, str], ...]:
    at = int(time.time())
    return (
        ("User-Agent", "RealEstateCRMPro-Webhooks/1"),
        ("Content-Type", "application/json"),
        ("webhook-id", event_id),
        ("webhook-timestamp", str(at)),
        ("webhook-signature", " ".join(sign(secret, event_id, at, body) for secret in secrets)),
    )


def _excerpt(raw: bytes) -> str:
    """The start of an answer for the log, without what could be a secret."""
    text = _SECRET.sub("…", raw[: 4 * EXCERPT].decode("utf-8", "replace"))
    return _UNSHOWN.sub(" ", text)[:EXCERPT]

"""The privacy notice that is in force: the newest published version, else the text that ships with the product.

The shipped text becomes a version of its own when the first person acts after having been shown it, so that every
digest in the ledger of consent leads to a text. Does not belong here: publishing and the ledger
(`app.services.consent`).
"""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from app.services import consent
from models import scope
from models.scope import Actor

PRIVACY = "privacy"
_SHIPPED = Path(__file__).resolve().parents[1] / "data" / "policy"


@dataclass(frozen=True, slots=True)
class PolicyText:
    """A policy as people read it. `digest` is the SHA-256 of the text in hex; `published_at` is None until it is a
    version."""

    text: str
    digest: str
    published_at: dt.datetime | None


def in_force(kind: str = PRIVACY) -> PolicyText:
    row = consent.current(kind)
    if row is not None:
        return PolicyText(row.text, row.digest, row.published_at)
    text = _shipped(kind)
    return PolicyText(text, hashlib.sha256(text.encode()).hexdigest(), None)


def shown(kind: str = PRIVACY, *, actor: Actor) -> str:
    """The digest of the version that `actor` was shown; part of the operation that is open."""
    found = in_force(kind)
    if found.published_at is not None:
        return found.digest
    return consent.publish(kind, found.text, actor=scope.system("Privacy notice", request_id=actor.request_id)).digest


@cache
def _shipped(kind: str) -> str:
    return (_SHIPPED / f"{kind}.txt").read_text(encoding="utf-8")

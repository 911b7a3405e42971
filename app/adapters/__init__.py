"""The outside world: mail, AI, files. Only jobs call these, and each call names why (P9)."""

from __future__ import annotations

import structlog

from models.policy import Purpose

log = structlog.get_logger(__name__)


class NoPurpose(TypeError):
    """A call to the outside world did not say which purpose of the closed list it serves."""


def call(purpose: Purpose, adapter: str) -> None:
    """First line of every adapter's public function: refuses to go on without a purpose, and logs the call."""
    if not isinstance(purpose, Purpose):
        raise NoPurpose(f"The {adapter} adapter was called for {purpose!r}; name one of models.policy.Purpose.")
    log.info("outside call", adapter=adapter, purpose=purpose.value)

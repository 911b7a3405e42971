"""A request that comes twice under one `Idempotency-Key` is done once and answered the same both times.

What is replayed is what was answered, as far as the program may still see it (`views.api_once`); after the erasure of
the person it told of, nothing is left of it but that the request was done.

The answer is written in the transaction of its effect, so that neither can be there without the other. What was refused
changed nothing and is not kept: the same key may be used for the corrected request. While the first request is worked
on, a second one is refused; the database (PostgreSQL) or the file system (SQLite, thus one machine) frees the key when
a process dies. Source: draft-ietf-httpapi-idempotency-key-header-07. Does not belong here: headers (`views.api_once`).
"""

from __future__ import annotations

import datetime as dt
import fcntl
import hashlib
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache

import sqlalchemy as sa

from app.errors import Busy, Erased, Invalid
from app.services.operation import operation
from models import scope
from models.base import session
from models.fields import now
from models.intake import Idempotency
from models.scope import Actor

KEPT_FOR = dt.timedelta(hours=24)
_BUSY = "The same request is still being worked on. Send it again in a few seconds: it will not be done twice."
_ERASED = "This request was done before, and the person it was about has been erased since. Nothing was done again."
_OTHER = "This key came before with another request. Nothing was done: send a new request under a new key."
_running: set[int] = set()
_one_at_a_time = threading.Lock()


@dataclass(frozen=True, slots=True)
class Asked:
    """What identifies a request: the program's API key, its `Idempotency-Key`, and a digest of all that it asks."""

    key_id: int
    key: str
    digest: str

    @property
    def number(self) -> int:
        """A number of 62 bits for locks."""
        told = f"{scope.workspace_id()}:{self.key_id}:{self.key}"
        return int.from_bytes(hashlib.sha256(told.encode()).digest()[:8], "big") >> 2


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes
    etag: str | None = None
    location: str | None = None
    subject_id: int | None = None


def answered(asked: Asked, work: Callable[[], Answer], *, name: str, actor: Actor) -> tuple[Answer, bool]:
    """The answer of `work`, done in one operation, or the one kept of its first time; and whether it is that.

    Raises `Busy`, `Invalid`, and what `work` raises.
    """
    with _alone(asked.number), operation(name, actor=actor):
        if not _is_free(asked.number):
            raise Busy(_BUSY)
        known = _known(asked)
        if known is not None:
            return known, True
        answer = work()
        session.add(
            Idempotency(
                key_id=asked.key_id,
                key=asked.key,
                digest=asked.digest,
                subject_id=answer.subject_id,
                status=answer.status,
                etag=answer.etag,
                location=answer.location,
                body=answer.body or None,
            )
        )
        return answer, False


def _known(asked: Asked) -> Answer | None:
    mine = sa.select(Idempotency).where(Idempotency.key_id == asked.key_id, Idempotency.key == asked.key)
    row = session.scalars(mine).one_or_none()
    if row is None:
        return None
    if row.at <= now() - KEPT_FOR:
        session.delete(row)
        session.flush()
        return None
    if row.digest != asked.digest:
        raise Invalid({"Idempotency-Key": _OTHER})
    if row.status == Erased.status:
        raise Erased(_ERASED)
    return Answer(row.status, row.body or b"", row.etag, row.location)


def _is_free(number: int) -> bool:
    """Take the key until the transaction ends, on PostgreSQL; on SQLite `_alone` has done so."""
    if session.get_bind().dialect.name != "postgresql":
        return True
    return bool(session.scalar(sa.select(sa.func.pg_try_advisory_xact_lock(number))))


@contextmanager
def _alone(number: int) -> Iterator[None]:
    """Keep the key from other threads and, on SQLite, from other processes: a byte of a file beside the database, which
    the kernel frees with the process."""
    with _one_at_a_time:
        if number in _running:
            raise Busy(_BUSY)
        handle = _lock_file(session.get_bind().engine.url)
        if handle is not None and not _take(handle, number):
            raise Busy(_BUSY)
        _running.add(number)
    try:
        yield
    finally:
        with _one_at_a_time:
            if handle is not None:
                fcntl.lockf(handle, fcntl.LOCK_UN, 1, number)
            _running.discard(number)


def _take(handle: int, number: int) -> bool:
    try:
        fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, number)
    except OSError:
        return False
    return True


@cache
def _lock_file(url: sa.URL) -> int | None:
    """Open for as long as the process lives: closing any handle of the file would free every lock of the process."""
    if url.get_backend_name() != "sqlite" or not url.database:
        return None
    return os.open(f"{url.database}-once", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

"""What a job's function is given: its arguments, whom it acts for, progress, and its fenced transactions.

Belongs here: one run of one job. Does not belong here: claiming and retrying (`jobs.runner`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from app.services import schema
from app.services.operation import Operation, operation
from jobs import store
from jobs.registry import Spec
from models import tenancy
from models.base import session
from models.fields import now
from models.policy import Purpose
from models.scope import Actor

_WHY = tenancy.reason("a job's own row, fenced by its token, in the transaction of its effects")


class LostLease(Exception):
    """Another worker has this job now; nothing of this run may stay."""


class Cancelled(Exception):
    """Somebody asked to stop this job."""


class Refused(Exception):
    """The one who asked may no longer have this done; the message says why."""


class Retry(Exception):
    """Try again later, after `seconds` or the usual backoff; the message says what was in the way. Where nothing went
    wrong and its turn has not come yet, the attempt is not `counted`."""

    def __init__(self, message: str, seconds: float | None = None, *, counted: bool = True) -> None:
        super().__init__(message)
        self.seconds, self.counted = seconds, counted


@dataclass
class Run:
    """One attempt at a job. `last` tells a function that there is no further attempt."""

    claimed: store.Claimed
    spec: Spec
    actor: Actor
    attempt: int
    finished: bool = False

    @property
    def id(self) -> int:
        return self.claimed.id

    @property
    def args(self) -> dict[str, Any]:
        return self.claimed.args

    @property
    def purpose(self) -> Purpose:
        return self.spec.purpose

    @property
    def last(self) -> bool:
        return self.attempt >= self.claimed.max_attempts

    def progress(self, done: int, total: int | None = None, status: str = "") -> None:
        """Show how far the job is, and stop here (`Cancelled`) if that was asked."""
        if store.report(self.claimed, done, total, status):
            raise Cancelled

    @contextmanager
    def step(self, name: str = "", *, done: int | None = None) -> Iterator[Operation]:
        """One transaction of a job that has several; a worker that lost the job leaves nothing behind.

        `done` is kept in the same transaction, so that a later attempt goes on from `reached()`.
        """
        # A job may run for long: each step sees the fields and limits of its own time.
        schema.leave()
        with operation(name or self.spec.name, actor=self.actor) as op:
            yield op
            session.flush()
            fence(self.claimed, {"error": None} if done is None else {"error": None, "progress": done})

    def reached(self) -> int:
        """The `done` of the last step that was committed, by this attempt or an earlier one."""
        statement = sa.select(store.table.c.progress).where(store.table.c.id == self.id)
        return session.scalar(statement, execution_options=_WHY) or 0

    def note(self, found: dict[str, Any]) -> None:
        """Keep what a step found, in its transaction: a later attempt goes on from `noted()`."""
        fence(self.claimed, {"result": found})

    def noted(self) -> dict[str, Any]:
        """What the steps of this job have noted so far."""
        found = session.scalar(
            sa.select(store.table.c.result).where(store.table.c.id == self.id), execution_options=_WHY
        )
        return dict(found or {})

    @contextmanager
    def finish(self, name: str = "") -> Iterator[dict[str, Any]]:
        """The last transaction: its effects and `done` are one. What the block puts into the yielded dict is the job's
        result."""
        result: dict[str, Any] = {}
        with operation(name or self.spec.name, actor=self.actor):
            yield result
            session.flush()
            fence(self.claimed, ending(self.spec, "done", None, result))
        self.finished = True


def ending(spec: Spec | None, state: str, error: str | None, result: dict[str, Any] | None = None) -> dict[str, Any]:
    """The last values of a job row. Without a result, what its steps noted stays for a further attempt."""
    values: dict[str, Any] = {"state": state, "error": error, "token": None, "lease_until": None, "finished_at": now()}
    if result is not None:
        values["result"] = result or None
    return {**values, "args": {}} if spec is not None and spec.forget else values


def fence(claimed: store.Claimed, values: dict[str, Any]) -> None:
    """Write to the job row within the open operation; raises `LostLease` when it is no longer this worker's."""
    statement = sa.update(store.table).where(*store.held(claimed)).values(values)
    if session.execute(statement, execution_options=_WHY).rowcount != 1:
        raise LostLease

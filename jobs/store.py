"""The bookkeeping of job rows in short transactions of their own: claim, begin, renew, report, give back.

These touch nothing but the job row and see every workspace, as a worker serves all. Does not belong here: what a job
does, and the row's last word, which is part of the job's own transaction (`jobs.run`).
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from models.base import db
from models.fields import now
from models.job import Job
from models.words import _

LEASE_SECONDS = 60
table: sa.Table = Job.__table__
_COLUMNS = (
    table.c.id,
    table.c.workspace_id,
    table.c.name,
    table.c.args,
    table.c.actor,
    table.c.label,
    table.c.attempts,
    table.c.max_attempts,
    table.c.token,
)


@dataclass(frozen=True, slots=True)
class Claimed:
    """A job row in the hands of this worker, for as long as `token` is in force."""

    id: int
    workspace_id: int | None
    name: str
    args: dict[str, Any]
    actor: dict[str, Any]
    label: str
    attempts: int
    max_attempts: int
    token: str
    cancel_asked: bool = False


@contextmanager
def connection() -> Iterator[sa.Connection]:
    """A transaction of its own that sees every workspace's job rows."""
    with db.engine.begin() as live:
        if live.dialect.name == "postgresql":
            live.execute(
                sa.text(
                    "select set_config('app.workspace_id', '*', true), set_config('synchronous_commit', 'off', true)"
                )
            )
        yield live


def claim(most: int, lease: float = LEASE_SECONDS, queues: Sequence[str] = ()) -> list[Claimed]:
    """Take up to `most` due jobs, oldest first. Two workers never get the same one: PostgreSQL skips locked rows,
    SQLite's statement takes the write lock before it reads."""
    moment = now()
    due = sa.select(table.c.id).where(table.c.state == "waiting", table.c.run_at <= moment)
    if queues:
        due = due.where(table.c.queue.in_(queues))
    due_ids = due.order_by(table.c.run_at, table.c.id).limit(most).with_for_update(skip_locked=True).cte("due")
    taking = (
        sa.update(table)
        .where(table.c.id.in_(sa.select(due_ids.c.id)))
        .values(
            state="running",
            token=secrets.token_hex(16),
            lease_until=moment + dt.timedelta(seconds=lease),
            started_at=None,
        )
        .returning(*_COLUMNS)
    )
    with connection() as live:
        rows = [Claimed(*row) for row in live.execute(taking).all()]
    return sorted(rows, key=lambda row: row.id)


def begin(claimed: Claimed, lease: float = LEASE_SECONDS) -> Claimed | None:
    """Count an attempt and start the lease anew. None when the job is no longer this worker's."""
    moment = now()
    values = {
        "attempts": table.c.attempts + 1,
        "started_at": moment,
        "lease_until": moment + dt.timedelta(seconds=lease),
    }
    with connection() as live:
        row = live.execute(
            sa.update(table).where(*held(claimed)).values(values).returning(*_COLUMNS, table.c.cancel_asked)
        ).first()
    return None if row is None else Claimed(**{**row._mapping, "cancel_asked": row.cancel_asked is not None})


def held(claimed: Claimed) -> tuple[sa.ColumnElement[bool], ...]:
    """The fence: the row is still in the hands of the worker that claimed it."""
    return table.c.id == claimed.id, table.c.token == claimed.token, table.c.state == "running"


def renew(batch: Sequence[Claimed], lease: float = LEASE_SECONDS) -> None:
    """Keep a batch for another `lease` seconds."""
    until = now() + dt.timedelta(seconds=lease)
    mine = sa.and_(
        table.c.id.in_([c.id for c in batch]), table.c.token.in_({c.token for c in batch}), table.c.state == "running"
    )
    with connection() as live:
        live.execute(sa.update(table).where(mine).values(lease_until=until))


def give_back(batch: Sequence[Claimed]) -> None:
    """Return claimed jobs that were not begun, as when the worker is told to stop."""
    mine = sa.and_(
        table.c.id.in_([c.id for c in batch]), table.c.token.in_({c.token for c in batch}), table.c.started_at.is_(None)
    )
    with connection() as live:
        live.execute(
            sa.update(table)
            .where(mine, table.c.state == "running")
            .values(state="waiting", token=None, lease_until=None)
        )


def put_off(claimed: Claimed, run_at: dt.datetime, error: str, *, counted: bool = True) -> bool:
    """Back to waiting after a failed attempt, until `run_at`; one that is not `counted` was none."""
    values: dict[str, Any] = {
        "state": "waiting", "token": None, "lease_until": None, "run_at": run_at, "error": error,
    }  # fmt: skip
    if not counted:
        values["attempts"] = table.c.attempts - 1
    with connection() as live:
        return live.execute(sa.update(table).where(*held(claimed)).values(values)).rowcount == 1


def report(claimed: Claimed, done: int, total: int | None, status: str) -> bool:
    """Write progress where everybody can see it while the job runs; True when somebody asked to cancel.

    SQLite has one writer: while the job's own transaction writes, the figures are left as they were.
    """
    with connection() as live:
        asked = live.execute(sa.select(table.c.cancel_asked).where(*held(claimed))).scalar()
    with suppress(OperationalError), _impatient() as live:
        live.execute(sa.update(table).where(*held(claimed)).values(progress=done, total=total, status=status[:300]))
    return asked is not None


@contextmanager
def _impatient() -> Iterator[sa.Connection]:
    with connection() as live:
        if live.dialect.name != "sqlite":
            yield live
            return
        usual = live.exec_driver_sql("PRAGMA busy_timeout").scalar()
        live.exec_driver_sql("PRAGMA busy_timeout=50")
        try:
            yield live
        finally:
            live.exec_driver_sql(f"PRAGMA busy_timeout={usual}")


def expire(lease: float = LEASE_SECONDS) -> list[Claimed]:
    """Give back what a dead worker held. Returns, claimed anew, the jobs that have used up their attempts."""
    moment = now()
    over = sa.and_(table.c.state == "running", table.c.lease_until < moment)
    spent = sa.and_(over, table.c.attempts >= table.c.max_attempts)
    taken = {"token": secrets.token_hex(16), "lease_until": moment + dt.timedelta(seconds=lease)}
    with connection() as live:
        if live.execute(sa.select(table.c.id).where(over).limit(1)).first() is None:
            return []
    with connection() as live:
        buried = [
            Claimed(*row)
            for row in live.execute(sa.update(table).where(spent).values(taken).returning(*_COLUMNS)).all()
        ]
        lost = {
            "state": "waiting",
            "token": None,
            "lease_until": None,
            "run_at": moment,
            "error": _("The worker ended while doing this."),
        }
        live.execute(sa.update(table).where(over).values(lost))
    return buried


def is_due() -> bool:
    """Whether a job waits for a worker now, or a lease has run out."""
    moment = now()
    waiting = sa.select(table.c.id).where(table.c.state == "waiting", table.c.run_at <= moment).limit(1)
    over = sa.select(table.c.id).where(table.c.state == "running", table.c.lease_until < moment).limit(1)
    with connection() as live:
        return live.execute(waiting).first() is not None or live.execute(over).first() is not None

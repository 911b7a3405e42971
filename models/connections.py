"""Connections to PostgreSQL between requests, with four round trips for a page that would make seven.

A pooled connection is looked at before it is lent, not asked; a transaction is told its workspace along with BEGIN; and
a ROLLBACK, with which every reading request ends, does not cost the connection its prepared statements. Does not belong
here: what a transaction is told (`models.tenancy`). Measured in docs/decisions/004.
"""

from __future__ import annotations

import select
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import sqlalchemy as sa
from psycopg.pq import ExecStatus, TransactionStatus
from sqlalchemy import event

# A network may forget a connection that is silent for minutes, without a word to either end.
_QUIET_SECONDS = 30.0
_DONE = (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK, ExecStatus.EMPTY_QUERY)


class _Cursor(psycopg.Cursor[Any]):
    """psycopg's, but for statements that look for words: a plan kept for any word is bad for common ones, and the plans
    made for rare words, of which PostgreSQL judges, cost more.
    """

    def execute(
        self, query: Any, params: Any = None, *, prepare: bool | None = None, binary: bool | None = None
    ) -> Any:
        if prepare is None and "LIKE" in query:
            prepare = False
        return super().execute(query, params, prepare=prepare, binary=binary)


class Connection(psycopg.Connection[Any]):
    """psycopg's, but for its ROLLBACK: that forgets all prepared statements, in case the transaction changed a table
    that they read. This application changes none (migrations have a connection of their own). After an error they are
    forgotten still, as a kept plan may be what was wrong.
    """

    def rollback(self) -> None:
        if self.pgconn.transaction_status == TransactionStatus.INTRANS:
            run(self, b"ROLLBACK")
        else:
            super().rollback()


def keep(engine: sa.Engine) -> None:
    """Have the engine's pool work as said above."""
    event.listen(engine, "do_connect", _connect)
    event.listen(engine, "connect", _note_use)
    event.listen(engine, "checkin", _note_use)
    event.listen(engine, "checkout", _look)


def _connect(_dialect: Any, _record: Any, words: Any, facts: Any) -> Connection:
    return Connection.connect(*words, cursor_factory=_Cursor, **facts)


def run(driver: psycopg.Connection[Any], words: bytes) -> None:
    """Runs statements of ours without parameters, in one round trip; raises psycopg's errors."""
    result = driver.pgconn.exec_(words)
    if result.status not in _DONE:
        raise psycopg.errors.error_from_result(result)


def begin_with(connection: sa.Connection, words: str) -> None:
    """Runs statements that hold for a transaction; where it has not begun, the driver finds it begun afterwards. What
    fails is run again as SQLAlchemy does it, which knows what to do with a lost connection.
    """
    driver: Any = connection.connection.dbapi_connection
    idle = driver.pgconn.transaction_status == TransactionStatus.IDLE
    try:
        run(driver, f"BEGIN; {words}".encode() if idle else words.encode())
    except psycopg.Error:
        connection.exec_driver_sql(words)


def hasten(connection: sa.Connection) -> None:
    """The commit of this transaction does not wait for the disk: for what may be lost where the server crashes."""
    if connection.dialect.name == "postgresql":
        begin_with(connection, "SET LOCAL synchronous_commit = off")


@contextmanager
def at_once(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A connection for one statement that is a transaction of its own; on PostgreSQL without the round trips around."""
    if engine.dialect.name == "postgresql":
        with engine.connect() as connection:
            yield connection.execution_options(isolation_level="AUTOCOMMIT")
    else:
        with engine.begin() as connection:
            yield connection


def hastily(change: sa.Update) -> sa.Update:
    """The change as `hasten` has it, in one statement: the setting holds for its own transaction."""
    said = sa.select(sa.func.set_config("synchronous_commit", "off", True).label("said")).cte("hasty")
    return change.where(sa.select(said.c.said).scalar_subquery() == "off")


def _note_use(_driver: Any, record: Any) -> None:
    record.info["used"] = time.monotonic()


def _look(driver: Any, record: Any, _fairy: Any) -> None:
    """A server that ended a connection has said so, and the words wait to be read. Whatever waits is asked about."""
    try:
        if time.monotonic() - record.info["used"] > _QUIET_SECONDS or _speaks(driver.fileno()):
            run(driver, b"")
    except psycopg.Error as error:
        raise sa.exc.InvalidatePoolError from error


def _speaks(descriptor: int) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))

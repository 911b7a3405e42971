"""Counts failures per account and per address, and locks for a while: in the database, so that all web workers share
it.

Belongs here: counting and the limits. Does not belong here: what is said to the person (the sign-in forms) and limits
of ordinary requests. A key is a purpose with the keyed hash of what is counted, so that the table holds no address or
e-mail. Source: OWASP ASVS 5.0, 6.3.1.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from models import tenancy
from models.access import Throttle
from models.base import session
from models.crypto import keyring
from models.fields import now

_WHY = tenancy.reason("a counter of failures is no record")


@dataclass(frozen=True, slots=True)
class Limit:
    """`failures` within `window` lock the key for `lock`."""

    purpose: str
    failures: int
    window: dt.timedelta = dt.timedelta(minutes=15)
    lock: dt.timedelta = dt.timedelta(minutes=15)

    def key(self, what: str) -> str:
        return f"{self.purpose}:{keyring().token_hash('throttle', what.casefold()).hex()[:40]}"


ACCOUNT = Limit("account", 10)
ADDRESS = Limit("address", 50)
# Each of these asks for an e-mail or makes an account: counted per address, whether or not it succeeds.
MAIL = Limit("mail", 10, dt.timedelta(hours=1), dt.timedelta(hours=1))


def wait(limit: Limit, what: str) -> int:
    """Seconds until `what` may try again; 0 where it is not locked."""
    return left(session.scalar(_lock(), {"key": limit.key(what)}))


def left(until: dt.datetime | None) -> int:
    """Seconds until a lock ends; 0 where there is none."""
    return max(0, int((until - now()).total_seconds()) + 1) if until is not None and until > now() else 0


@cache
def _lock() -> Any:
    """Built once and over the plain table, as every request of a program asks."""
    table = Throttle.__table__
    return sa.select(table.c.locked_until).where(table.c.key == sa.bindparam("key"))


def count(limit: Limit, what: str) -> None:
    """Count one failure; part of the operation that is open. One statement, so that parallel failures all count."""
    moment = now()
    old = sa.func.coalesce(Throttle.window_ends, moment) <= moment
    failures = sa.case((old, 1), else_=Throttle.failures + 1)
    insert: Any = (postgresql if session.get_bind().dialect.name == "postgresql" else sqlite).insert(Throttle)
    session.execute(
        insert.values(key=limit.key(what), failures=1, window_ends=moment + limit.window).on_conflict_do_update(
            index_elements=["key"],
            set_={
                "failures": failures,
                "window_ends": sa.case((old, moment + limit.window), else_=Throttle.window_ends),
                "locked_until": sa.case((failures >= limit.failures, moment + limit.lock), else_=Throttle.locked_until),
            },
        ),
        execution_options=_WHY,
    )


def clear(limit: Limit, what: str) -> None:
    """Forget failures after a success; part of the operation that is open."""
    session.execute(sa.delete(Throttle).where(Throttle.key == limit.key(what)), execution_options=_WHY)

"""What the database holds, as one digest per table, so that a test can say that nothing changed, or exactly what
did."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import Flask

from models.base import Model, db

# What may change without anybody having done anything, with the reason.
BOOKKEEPING: dict[str, dict[str, str]] = {
    "user_session": {
        "*": "a visitor's first page begins a session, each page notes when it was seen, and a toast is shown once",
    },
    "api_key": {"last_used_at": "shows whether a key is still in use; noted once a minute"},
    "throttle": {"*": "counts tries with a wrong key or password per address"},
}


class Watch:
    """Looks at the database from a connection of its own."""

    def __init__(self, path: str) -> None:
        self._connection = sqlite3.connect(path)
        self._version = self._data_version()
        self._known = self._digests()

    def changed(self) -> list[str]:
        """Tables that changed since the last call. Without any commit in between this costs one pragma."""
        version = self._data_version()
        if version == self._version:
            return []
        before, self._known, self._version = self._known, self._digests(), version
        return sorted(name for name, digest in self._known.items() if digest != before.get(name))

    def close(self) -> None:
        self._connection.close()

    def _data_version(self) -> int:
        return int(self._connection.execute("PRAGMA data_version").fetchone()[0])

    def _digests(self) -> dict[str, str]:
        return {t.name: self._digest(t.name, [c.name for c in t.columns]) for t in Model.metadata.sorted_tables}

    def _digest(self, table: str, columns: list[str]) -> str:
        left_out = BOOKKEEPING.get(table, {})
        kept = [] if "*" in left_out else [f'"{name}"' for name in columns if name not in left_out]
        if not kept:
            return ""
        rows = self._connection.execute(
            f'SELECT {", ".join(kept)} FROM "{table}" ORDER BY 1, 2'
            if len(kept) > 1
            else f'SELECT {kept[0]} FROM "{table}" ORDER BY 1'
        )
        return hashlib.sha256(repr(rows.fetchall()).encode()).hexdigest()


@contextmanager
def watching(app: Flask) -> Iterator[Watch]:
    with app.app_context():
        watch = Watch(str(db.engine.url.database))
    try:
        yield watch
    finally:
        watch.close()


def rows(table: str, **where: Any) -> list[dict[str, Any]]:
    """Rows of a table across all brokerages, as they lie in the database; needs an application context."""
    import sqlalchemy as sa

    known = Model.metadata.tables[table]
    statement = (
        sa.select(known)
        .where(*(known.c[name] == value for name, value in where.items()))
        .order_by(*known.primary_key.columns)
    )
    with db.engine.connect() as connection:
        return [dict(row) for row in connection.execute(statement).mappings()]

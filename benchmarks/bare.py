"""The yardstick: the same rows by the best indexed query through the bare driver, and the least HTML or JSON that shows
them.
"""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections.abc import Callable, Sequence
from html import escape
from typing import Any

import orjson
import psycopg

from app.database_state import psycopg_url
from benchmarks.data import Database

_SHOWN = "c.id, c.name, c.type, c.stage, c.next_step, c.budget_max, c.phone, c.email, m.name, c.last_activity"
_FROM = "from contact c left join membership m on m.id = c.owner_id where c.workspace_id = ? and c.deleted_at is null"
_NEWEST = "order by c.last_activity desc, c.id desc limit 51"
_COLUMNS = ("name", "email", "phone", "company")
_CHILDREN = ("contact_email", "contact_phone", "contact_address", "contact_tag")


class Bare:
    """A connection with the queries of each case. Placeholders are written as `?`; `owner` narrows to one person's
    records.
    """

    def __init__(self, database: Database, workspace_id: int, owner_id: int | None) -> None:
        self.postgres = database.engine == "postgres"
        if self.postgres:
            self.connection: Any = psycopg.connect(psycopg_url(database.owner), autocommit=True)
            self.connection.execute("select set_config('app.workspace_id', %s, false)", (str(workspace_id),))
        else:
            self.connection = sqlite3.connect(database.url.removeprefix("sqlite:///"), isolation_level=None, timeout=15)
        self.workspace_id = workspace_id
        self.mine, self.owner = ("and c.owner_id = ?", (owner_id,)) if owner_id is not None else ("", ())

    def first(self) -> Callable[[], str]:
        return self._page(f"select {_SHOWN} {_FROM} {self.mine} {_NEWEST}", (self.workspace_id, *self.owner))

    def deep(self, skipped: int) -> Callable[[], str]:
        at, key = self.rows(
            f"select c.last_activity, c.id {_FROM} {self.mine} {_NEWEST} offset {skipped}",
            (self.workspace_id, *self.owner),
        )[0]
        return self._page(
            f"select {_SHOWN} {_FROM} {self.mine} and (c.last_activity, c.id) < (?, ?) {_NEWEST}",
            (self.workspace_id, *self.owner, at, key),
        )

    def sorted_filter(self) -> Callable[[], str]:
        query = f"select {_SHOWN} {_FROM} {self.mine} and c.stage = ? order by c.name, c.id limit 51"
        return self._page(query, (self.workspace_id, *self.owner, "active"))

    def common(self, word: str) -> Callable[[], str]:
        """A word that many have: walk the sorted index and filter."""
        return self._page(
            f"select {_SHOWN} {_FROM} {self.mine} and ({self._any()}) {_NEWEST}",
            (self.workspace_id, *self.owner, *[f"%{word}%"] * 4),
        )

    def rare(self, word: str) -> Callable[[], str]:
        """A word that few have: ids by the search index, then their rows."""
        if self.postgres:
            inner, values = "select search_ids('contact', ?, 1001)", (f"%{word}%",)
        else:
            held = " or ".join(f"{name} like ?" for name in _COLUMNS)
            inner = (
                "select id from contact indexed by ix_contact_search "
                f"where workspace_id = ? and deleted_at is null and ({held})"
            )
            values = (self.workspace_id, *[f"%{word}%"] * 4)
        return self._page(
            f"select {_SHOWN} {_FROM} {self.mine} and c.id in ({inner}) {_NEWEST}",
            (self.workspace_id, *self.owner, *values),
        )

    def form(self, key: int) -> Callable[[], str]:
        """What an edit form shows: the record, its further addresses and tags, the names of owner and team."""

        def run() -> str:
            record = self.rows(
                "select c.*, m.name, t.name from contact c "
                "left join membership m on m.id = c.owner_id left join team t on t.id = c.team_id "
                "where c.workspace_id = ? and c.id = ?",
                (self.workspace_id, key),
            )
            rest = [
                self.rows(f"select * from {table} where workspace_id = ? and contact_id = ?", (self.workspace_id, key))
                for table in _CHILDREN
            ]
            values = [value for rows in (record, *rest) for row in rows for value in row]
            return "".join([f"<input value='{escape(str(v))}'>" for v in values])

        return run

    def record(self, key: int) -> Callable[[], str]:
        """What a record page shows: the record, its children, and the newest of what happened around it."""
        form = self.form(key)
        parts = [(table, "contact_id") for table in ("note", "activity", "message", "task", "deal", "stored_file")] + [
            ("change", "subject_id")
        ]

        def run() -> str:
            found = [
                self.rows(
                    f"select * from {table} where workspace_id = ? and {link} = ? order by id desc limit 30",
                    (self.workspace_id, key),
                )
                for table, link in parts
            ]
            return form() + "".join([f"<p>{escape(str(value))}</p>" for rows in found for row in rows for value in row])

        return run

    def create(self) -> Callable[[], object]:
        """One contact and its row of history and of audit, in one transaction."""
        now = dt.datetime.now(dt.UTC)
        at: Any = now if self.postgres else now.replace(tzinfo=None).isoformat(" ")
        contact = self._insert(
            "contact",
            "name type stage lawful_basis minor last_activity name_key created_at updated_at created_by version source",
        )
        change = self._insert("change", "at operation verb entity record_id actor old new")
        audit = self._insert("audit", "at action actor_kind actor facts digest")

        def run() -> None:
            self._run("begin")
            self._run(
                contact,
                (
                    self.workspace_id,
                    "Bare Person",
                    "buyer",
                    "new",
                    "consent",
                    False,
                    at,
                    "bare person",
                    at,
                    at,
                    "Bare",
                    1,
                    "bench",
                ),
            )
            self._run(change, (self.workspace_id, at, "contact.create", "create", "contact", 1, "Bare", "{}", "{}"))
            self._run(audit, (self.workspace_id, at, "contact.create", "user", "Bare", "{}", b"0" * 32))
            self._run("commit")

        return run

    def json_page(self, columns: Sequence[str], limit: int) -> Callable[[], bytes]:
        """A page of records as JSON."""
        query = (
            f"select {', '.join(f'c.{n}' for n in columns)} from contact c "
            f"where c.workspace_id = ? and c.deleted_at is null {self.mine} "
            f"order by c.last_activity desc, c.id desc limit {limit}"
        )

        def run() -> bytes:
            return orjson.dumps(
                {
                    "data": [
                        dict(zip(columns, row, strict=True))
                        for row in self.rows(query, (self.workspace_id, *self.owner))
                    ]
                }
            )

        return run

    def close(self) -> None:
        self.connection.close()

    def _insert(self, table: str, columns: str) -> str:
        names = ["workspace_id", *columns.split()]
        return f"insert into {table} ({', '.join(names)}) values ({', '.join('?' * len(names))})"

    def _any(self) -> str:
        return " or ".join(f"c.{name} {'ilike' if self.postgres else 'like'} ?" for name in _COLUMNS)

    def _page(self, query: str, values: tuple[Any, ...]) -> Callable[[], str]:
        def run() -> str:
            rows = self.rows(query, values)
            cells = "".join
            return (
                "<table>"
                + cells([f"<tr><td>{cells([f'<td>{escape(str(v))}' for v in row])}" for row in rows])
                + "</table>"
            )

        return run

    def rows(self, query: str, values: tuple[Any, ...]) -> list[Any]:
        return list(self._run(query, values).fetchall())

    def _run(self, query: str, values: tuple[Any, ...] = ()) -> Any:
        if self.postgres:
            return self.connection.execute(query.replace("%", "%%").replace("?", "%s"), values or None)
        return self.connection.execute(query, values)

"""Whom a file has named so far, kept beside the memory of the process: a file of any size takes no more of it.

Belongs here: the store of the matcher, a private SQLite file that nobody else can open and that goes with the process.
Does not belong here: what the keys mean (`matching`). A chunk of rows is served from memory: `open` brings what is
known of its keys, `close` puts back what came to it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from operator import attrgetter

import orjson

_CACHE_KB = 4_000
_TABLES = """
    CREATE TABLE held (key TEXT, ref INTEGER, PRIMARY KEY (key, ref)) WITHOUT ROWID;
    CREATE TABLE person (ref INTEGER PRIMARY KEY, name TEXT, contact_id INTEGER, touched INTEGER, former TEXT);
"""

# The id of a contact, or the negative line of the row that brings a new one.
Ref = int


@dataclass(slots=True)
class Person:
    """Somebody the file or the workspace named. `name` is what they are called, `former` the name key they had before
    this import; `touched` the line of the first row that changes them.
    """

    ref: Ref
    name: str = ""
    contact_id: int | None = None
    touched: int | None = None
    former: str = ""


_values = attrgetter("ref", "name", "contact_id", "touched", "former")


class Seen:
    """`person` and `holders` answer for the keys and people of the open chunk only."""

    def __init__(self) -> None:
        # The empty name is a temporary file, deleted from its folder as soon as it is made.
        self._file = sqlite3.connect("", isolation_level=None)
        for pragma in (f"cache_size=-{_CACHE_KB}", "journal_mode=OFF", "synchronous=OFF"):
            self._file.execute(f"PRAGMA {pragma}")
        self._file.executescript(_TABLES)
        self._holders: dict[str, tuple[Ref, ...]] = {}
        self._people: dict[Ref, Person] = {}
        self._added: list[tuple[str, Ref]] = []

    def __del__(self) -> None:
        self._file.close()

    def open(self, keys: Iterable[str], refs: Iterable[Ref]) -> None:
        """Bring what is known of these keys, of whom they belong to, and of these people."""
        self._holders, self._people, self._added = {}, {}, []
        among = "SELECT value FROM json_each(?)"
        held = f"SELECT key, ref FROM held WHERE key IN ({among}) ORDER BY key, abs(ref), ref"  # noqa: S608
        for key, ref in self._file.execute(held, [orjson.dumps(list(keys)).decode()]):
            self._holders[key] = (*self._holders.get(key, ()), ref)
        wanted = {ref for found in self._holders.values() for ref in found}.union(refs)
        people = f"SELECT * FROM person WHERE ref IN ({among})"  # noqa: S608
        for row in self._file.execute(people, [orjson.dumps(list(wanted)).decode()]):
            self._people[row[0]] = Person(*row)

    def close(self) -> None:
        """Put back what the chunk brought."""
        self._file.execute("BEGIN")
        self._file.executemany("INSERT OR IGNORE INTO held VALUES (?, ?)", self._added)
        self._put(self._people.values())
        self._file.execute("COMMIT")

    def holders(self, key: str) -> tuple[Ref, ...]:
        return self._holders.get(key, ())

    def add(self, key: str, ref: Ref) -> None:
        """Holders stand in the order of the file, so that a question names them the same however rows are chunked."""
        held = self._holders.get(key, ())
        if ref not in held:
            self._holders[key] = tuple(sorted((*held, ref), key=lambda one: (abs(one), one))) if held else (ref,)
            self._added.append((key, ref))

    def person(self, ref: Ref) -> Person:
        found = self._people.get(ref)
        if found is None:
            found = self._people[ref] = Person(ref)
        return found

    def wrote(self, ids: Iterable[tuple[int, Ref]]) -> None:
        """Contact ids of people of an earlier chunk."""
        self._file.execute("BEGIN")
        self._file.executemany("UPDATE person SET contact_id = ? WHERE ref = ?", ids)
        self._file.execute("COMMIT")

    def were(self, former: Iterable[tuple[Ref, str]]) -> None:
        """Former name keys of people, before anything else is known of them."""
        self._file.execute("BEGIN")
        self._put(Person(ref, former=key) for ref, key in former)
        self._file.execute("COMMIT")

    def _put(self, people: Iterable[Person]) -> None:
        self._file.executemany("INSERT OR REPLACE INTO person VALUES (?, ?, ?, ?, ?)", map(_values, people))

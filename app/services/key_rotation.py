"""Moves everything that is sealed to the current key.

Belongs here: the walk over sealed columns. Does not belong here: making keys (`config`, `app.cli.keys`).
It works on bare connections: it touches every workspace, changes no meaning, and leaves no audit rows. What is done
is done: a run that was cut off goes on where it stopped, as it only reads rows that are not on the current key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from typing import Any

import sqlalchemy as sa

from models.crypto import CryptoError, Keyring
from models.encrypted import sealed_columns

Begin = Callable[[], AbstractContextManager[sa.Connection]]

CHUNK = 500


@dataclass(slots=True)
class Rotated:
    """What happened to one column. `failed` has the first keys of rows that do not open: tampered, or of a lost key."""

    column: str
    resealed: int = 0
    changed_meanwhile: int = 0
    failed: list[tuple[Any, ...]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Rotation:
    key: str
    columns: tuple[Rotated, ...]

    @property
    def clean(self) -> bool:
        """Whether every row is on the current key, so that older keys are needed for backups only."""
        return not any(column.failed or column.changed_meanwhile for column in self.columns)

    def as_dict(self) -> dict[str, Any]:
        return {
            "key": self.key,
            "resealed": sum(column.resealed for column in self.columns),
            "failed": sum(len(column.failed) for column in self.columns),
            "clean": self.clean,
            "columns": [asdict(column) for column in self.columns],
        }


def rotate(begin: Begin, metadata: sa.MetaData, ring: Keyring, *, chunk: int = CHUNK) -> Rotation:
    """Reseal all that is not on the ring's current key, `chunk` rows to a transaction.

    `begin` opens a transaction that sees all workspaces, such as `engine.begin` of the tables' owner.
    """
    return Rotation(
        ring.current,
        tuple(_rotate_column(begin, column, aad, ring, chunk) for column, aad in sealed_columns(metadata)),
    )


def waiting(begin: Begin, metadata: sa.MetaData, ring: Keyring) -> dict[str, int]:
    """How many rows of each sealed column are not on the current key."""
    found = {}
    with begin() as connection:
        for column, _aad in sealed_columns(metadata):
            query = sa.select(sa.func.count()).select_from(column.table).where(_is_old(column, ring))
            found[_name(column)] = connection.scalar(query) or 0
    return found


def _rotate_column(begin: Begin, column: sa.Column[Any], aad: bytes, ring: Keyring, chunk: int) -> Rotated:
    result = Rotated(_name(column))
    last: tuple[Any, ...] | None = None
    while True:
        with begin() as connection:
            rows = connection.execute(_next_rows(column, ring, last, chunk)).all()
            for *key, blob in rows:
                _reseal_row(connection, column, tuple(key), bytes(blob), aad, ring, result)
        if len(rows) < chunk:
            return result
        last = tuple(rows[-1])[:-1]


def _next_rows(column: sa.Column[Any], ring: Keyring, last: tuple[Any, ...] | None, chunk: int) -> sa.Select[Any]:
    keys = list(column.table.primary_key.columns)
    query = sa.select(*keys, _raw(column)).where(_is_old(column, ring)).order_by(*keys).limit(chunk)
    return query if last is None else query.where(sa.tuple_(*keys) > sa.tuple_(*_bound(keys, last)))


def _reseal_row(
    connection: sa.Connection,
    column: sa.Column[Any],
    key: tuple[Any, ...],
    blob: bytes,
    aad: bytes,
    ring: Keyring,
    result: Rotated,
) -> None:
    try:
        fresh = ring.reseal(blob, aad=aad)
    except CryptoError:
        result.failed.append(key)
        return
    # A value that someone saved meanwhile is not overwritten with the older one.
    same_row = [part == value for part, value in zip(column.table.primary_key.columns, key, strict=True)]
    statement = (
        sa.update(column.table)
        .where(*same_row, _raw(column) == sa.literal(blob, sa.LargeBinary))
        .values({column: sa.literal(fresh, sa.LargeBinary)})
    )
    if connection.execute(statement).rowcount:
        result.resealed += 1
    else:
        result.changed_meanwhile += 1


def _is_old(column: sa.Column[Any], ring: Keyring) -> sa.ColumnElement[bool]:
    start = sa.func.substr(_raw(column), 1, len(ring.prefix), type_=sa.LargeBinary)
    return _raw(column).is_not(None) & (start != sa.literal(ring.prefix, sa.LargeBinary))


def _raw(column: sa.Column[Any]) -> sa.ColumnElement[bytes]:
    """The column as the bytes that are stored, without opening them."""
    return sa.type_coerce(column, sa.LargeBinary)


def _bound(keys: list[sa.Column[Any]], values: tuple[Any, ...]) -> Iterator[sa.ColumnElement[Any]]:
    return (sa.literal(value, key.type) for key, value in zip(keys, values, strict=True))


def _name(column: sa.Column[Any]) -> str:
    return f"{column.table.name}.{column.name}"

"""Inserts many prepared rows: one statement, however many.

On PostgreSQL the rows travel as one JSON text and are laid out by the server: COPY is refused under row security, and
a statement per row costs more than the row. On SQLite they are one executemany. Does not belong here: which rows, and
what history tells of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from models.base import session

FEW = 20
Rows = Sequence[Mapping[str, Any]]


def insert(table: sa.Table, rows: Rows, same: Mapping[str, Any], *, why: Mapping[str, str], once: bool = False) -> None:
    """Insert `rows`, which all have the same columns, and `same`, which every row has. With `once`, rows that break a
    unique key are there already and left as they are.

    Nothing is read back: row security may let somebody write what they may not read.
    """
    if not rows:
        return
    if session.get_bind().dialect.name == "postgresql" and len(rows) >= FEW:
        shared = _shared(rows)
        names = [name for name in rows[0] if name not in shared]
        statement: Any = laid_out(table, names, {**same, **shared})
        statement = statement.on_conflict_do_nothing() if once else statement
        session.execute(statement, {"rows": text_of(table, names, rows)}, execution_options=why)
    else:
        # Bound to each row, what is always the same costs as much as all the rest.
        fixed = {name: _literal(value, table.c[name].type) for name, value in same.items()}
        statement = _plain(table, once).values(fixed).inline()
        session.execute(statement, rows, execution_options=why)


def _plain(table: sa.Table, once: bool) -> Any:
    if not once:
        return sa.insert(table)
    of = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    return of.insert(table).on_conflict_do_nothing()


def laid_out(table: sa.Table, names: Sequence[str], same: Mapping[str, Any]) -> postgresql.Insert:
    """The statement for rows of these columns, which are its parameter "rows"; to be extended, as by ON CONFLICT."""
    text = sa.cast(sa.bindparam("rows", type_=sa.Text()), postgresql.JSON())
    columns = [sa.column(name, table.c[name].type) for name in names]
    found = sa.func.json_to_recordset(text).table_valued(*columns).render_derived(name="found", with_types=True)
    fixed = [sa.cast(sa.literal(value, table.c[name].type), table.c[name].type) for name, value in same.items()]
    selected = sa.select(*(found.c[name] for name in names), *fixed)
    return postgresql.insert(table).from_select([*names, *same], selected)


def text_of(table: sa.Table, names: Sequence[str], rows: Rows) -> str:
    """These columns of the rows, as `laid_out` takes them. None is NULL, also in a column of JSON."""
    dialect = session.get_bind().dialect
    types = [(name, table.c[name].type) for name in names]
    own = [(name, type_) for name, type_ in types if isinstance(type_, sa.TypeDecorator)]
    texts = [{name: row[name] for name in names} for row in rows]
    for row in texts if own else ():
        for name, type_ in own:
            row[name] = type_.process_bind_param(row[name], dialect)
    return orjson.dumps(texts, default=_hex).decode()


def _shared(rows: Rows) -> dict[str, Any]:
    """What every row has: it is sent once, and taken apart once."""
    first, *others = rows
    shared = {name: value for name, value in first.items() if all(row[name] == value for row in others)}
    return shared if len(shared) < len(first) else {}


def _hex(value: object) -> str:
    if isinstance(value, bytes):
        return f"\\x{value.hex()}"
    raise TypeError(f"{type(value).__name__} is no value of a column.")


def _literal(value: Any, type_: Any) -> Any:
    if value is None:
        return sa.null()
    compiled = sa.literal(value, type_).compile(
        dialect=session.get_bind().dialect, compile_kwargs={"literal_binds": True}
    )
    return sa.literal_column(str(compiled))

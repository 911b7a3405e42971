"""Index rows of the fields that a workspace added: written with the record, read by filters, sorting and search.

Long texts and web addresses have no index row and are filtered in the record's own column. Does not belong here: what
the fields are (`app.services.schema`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm

from app.services import history, schema
from models import scope, tenancy
from models.base import Record, session
from models.custom import CustomValue
from models.fields import Field, Kind
from models.registry import CUSTOM_PREFIX

UNINDEXED = frozenset({Kind.LONG_TEXT, Kind.URL})
_TEXTS = frozenset({Kind.TEXT, Kind.EMAIL, Kind.PHONE, Kind.CHOICE, Kind.MULTI})
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)
_WHY = tenancy.reason("index rows of a record that was written in this very operation")
_CHUNK = 500
Row = dict[str, Any]


def write(changed: Iterable[tuple[Any, Iterable[str] | None]]) -> None:
    """Bring the index rows of records up to date. Each comes with the names of the fields that changed, or None for a
    new record; their rows must be in the database already.
    """
    stale: dict[tuple[int, int], list[int]] = {}
    fresh: list[Row] = []
    for record, names in changed:
        if not isinstance(record, Record) or (names is not None and not _concern(record, names)):
            continue
        with scope.inside(record.workspace_id):
            known = schema.every_added(type(record))
        # Index rows name the person whom their record is about: one that changes hands has all of them written anew.
        every = names is None or _subject(record) in names
        touched = {n: one for n, one in known.items() if every or n in (names or ())}
        if names is not None:
            for one in touched.values():
                stale.setdefault((record.workspace_id, one.custom or 0), []).append(record.id)
        if touched and record.custom:
            fresh += rows(touched, record.custom, record.workspace_id, record.id, history.subject_of(record))
    replace(stale, fresh)


def _concern(record: Record, names: Iterable[str]) -> bool:
    """Whether index rows depend on any of these fields."""
    return any(n.startswith(CUSTOM_PREFIX) or n == _subject(record) for n in names)


def _subject(record: Record) -> str:
    return type(record).policy.subject or ""


def rewrite(record: Any) -> None:
    """Write all index rows of a record anew, before its operation ends: a rule over them is about to be asked."""
    with scope.inside(record.workspace_id):
        known = schema.every_added(type(record))
    table, ids = CustomValue.__table__, [one.custom for one in known.values()]
    mine = (table.c.workspace_id == record.workspace_id, table.c.record_id == record.id, table.c.field_id.in_(ids))
    session.execute(sa.delete(table).where(*mine), execution_options=_WHY)
    found = rows(known, record.custom or {}, record.workspace_id, record.id, history.subject_of(record))
    replace({}, found)


def replace(stale: Mapping[tuple[int, int], Sequence[int]], fresh: Sequence[Row]) -> None:
    """Delete the rows of ((workspace, field) -> records) and insert new ones."""
    table = CustomValue.__table__
    for (workspace, field_id), records in stale.items():
        for start in range(0, len(records), _CHUNK):
            gone = sa.delete(table).where(
                table.c.workspace_id == workspace,
                table.c.field_id == field_id,
                table.c.record_id.in_(records[start : start + _CHUNK]),
            )
            session.execute(gone, execution_options=_WHY)
    if fresh:
        session.execute(sa.insert(table), list(fresh), execution_options=_WHY)


def rows(
    known: Mapping[str, Field], custom: Mapping[str, Any], workspace: int, record: int, subject: int | None
) -> list[Row]:
    """The index rows of one record's stored values."""
    found = []
    for name, one in known.items():
        if name not in custom or one.kind in UNINDEXED:
            continue
        for n, t in keys(one, schema.of_stored(one, custom[name])):
            found.append(
                {
                    "workspace_id": workspace,
                    "field_id": one.custom,
                    "record_id": record,
                    "subject_id": subject,
                    "n": n,
                    "t": t,
                }
            )
    return found


def keys(one: Field, value: Any) -> list[tuple[int | None, str | None]]:
    """What a value is indexed by: one pair of (n, t), or one for each of several choices."""
    if one.kind is Kind.MULTI:
        return [(None, key) for key in value]
    return [(None, value)] if one.kind in _TEXTS else [(number(one, value), None)]


def number(one: Field, value: Any) -> int:
    """A value with an order as a whole number, see `CustomValue`."""
    if isinstance(value, dt.datetime):
        return (value - _EPOCH) // _MICROSECOND
    if isinstance(value, dt.date):
        return value.toordinal()
    return int(Decimal(value).scaleb(one.places)) if one.kind is Kind.NUMBER else int(value)


def is_text(one: Field) -> bool:
    """Whether the field's values are indexed as texts."""
    return one.kind in _TEXTS


def column(one: Field, of: Any) -> Any:
    """The column of index rows that holds the values of a field."""
    return of.t if is_text(one) else of.n


def joined(model: type[Any], field_id: Any) -> tuple[Any, Any]:
    """An alias of the index rows of a field, and the condition that joins it to the record."""
    of = orm.aliased(CustomValue, flat=True)
    return of, sa.and_(of.workspace_id == model.workspace_id, of.field_id == field_id, of.record_id == model.id)


def having(model: type[Any], one: Field, field_id: Any, condition: Any = None, *, of: Any = None) -> Any:
    """Whether a record has an index row of the field, one that fits the condition on its column if there is one. `of`
    is an alias of the model or the columns of its table, to speak of instead.
    """
    if of is not None:
        return _having_of(of, one, field_id, condition)
    rows, same = joined(model, field_id)
    fits = same if condition is None else sa.and_(same, condition(column(one, rows)))
    return sa.exists(sa.select(sa.literal(1)).where(fits)).correlate(model)


def _having_of(row: Any, one: Field, field_id: Any, condition: Any) -> Any:
    """Over a plain table, behind the wall that the row stands behind."""
    rows = CustomValue.__table__.alias()
    c = rows.c
    same = (c.workspace_id == row.workspace_id, c.field_id == field_id, c.record_id == row.id)
    fits = () if condition is None else (condition(column(one, c)),)
    return sa.exists().where(*same, *fits).correlate_except(rows)


def text_of(model: Any, name: str) -> Any:
    """The text of an unindexed field, in the record's own column."""
    return model.custom[name].as_string()

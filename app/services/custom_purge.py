"""What goes with records and fields that are deleted for good: index rows, values, limits of roles.

Runs by the clock, across workspaces. Does not belong here: what is deleted, and when (`app.services.housekeeping`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa

from app.services import schema
from models import registry, tenancy
from models.audit import Change
from models.base import on_postgresql, session
from models.custom import CustomField, CustomValue, FieldRight
from models.star import Star

_CHUNK = 500
_WHY = tenancy.reason("what a record or field that is deleted for good leaves behind, in every workspace")


def of_records(table: sa.Table, ids: Sequence[int], *, but: Collection[int] = ()) -> None:
    """Delete the index rows of these records, `but` those of these fields, and the stars that people gave them."""
    values, fields = CustomValue.__table__, CustomField.__table__
    theirs = sa.select(fields.c.id).where(fields.c.entity == table.name, fields.c.id.not_in(list(but)))
    gone = sa.delete(values).where(values.c.record_id.in_(ids), values.c.field_id.in_(theirs))
    session.execute(gone, execution_options=_WHY)
    stars = Star.__table__
    given = sa.delete(stars).where(stars.c.entity == table.name, stars.c.record_id.in_(ids))
    session.execute(given, execution_options=_WHY)


def of_fields(before: dt.datetime) -> int:
    """Take the values of fields that have been in the bin since `before` out of their records. Returns how many fields
    there were.
    """
    fields = CustomField.__table__
    past = sa.select(fields.c.id, fields.c.workspace_id, fields.c.entity, fields.c.key)
    rows = session.execute(past.where(fields.c.deleted_at < before), execution_options=_WHY).all()
    for row in rows:
        model: Any = registry.entities().get(row.entity)
        if model is not None:
            _strip(model.__table__, row.workspace_id, row.key)
        _forget(row.workspace_id, row.entity, row.key)
        values, rights = CustomValue.__table__, FieldRight.__table__
        session.execute(sa.delete(values).where(values.c.field_id == row.id), execution_options=_WHY)
        theirs = (rights.c.workspace_id == row.workspace_id, rights.c.entity == row.entity, rights.c.field == row.key)
        session.execute(sa.delete(rights).where(*theirs), execution_options=_WHY)
        schema.renew_workspace(row.workspace_id)
    return len(rows)


def _strip(table: sa.Table, workspace: int, key: str) -> None:
    column: Any = table.c.custom
    mine = (table.c.workspace_id == workspace, column[key].as_string().is_not(None))
    session.execute(sa.update(table).where(*mine).values(custom=_without(column, key)), execution_options=_WHY)


def _forget(workspace: int, entity: str, key: str) -> None:
    """Take the values out of history: a change that told of nothing else goes whole. The next field of this name would
    be given them.
    """
    c = Change.__table__.c
    mine = (c.workspace_id == workspace, c.entity == entity, sa.or_(_holds(c.old, key), _holds(c.new, key)))
    rest = {"old": _without(c.old, key), "new": _without(c.new, key)}
    ids = list(session.scalars(sa.select(c.id).where(*mine), execution_options=_WHY))
    for start in range(0, len(ids), _CHUNK):
        some = c.id.in_(ids[start : start + _CHUNK])
        session.execute(sa.update(Change.__table__).where(some).values(rest), execution_options=_WHY)
        told = sa.and_(c.verb == "update", _is_bare(c.old), _is_bare(c.new))
        session.execute(sa.delete(Change.__table__).where(some, told), execution_options=_WHY)


def _without(column: Any, key: str) -> Any:
    if on_postgresql():
        return column.op("-")(sa.cast(key, sa.Text))
    return sa.func.json_remove(column, f'$."{key}"')


def _holds(column: Any, key: str) -> Any:
    """Also as empty."""
    if on_postgresql():
        return column.has_key(key)
    return sa.func.json_type(column, f'$."{key}"').is_not(None)


def _is_bare(column: Any) -> Any:
    return sa.cast(column, sa.Text) == "{}"

"""What goes with records and fields that are deleted for good: index rows, values, limits of roles.

Runs by the clock, across workspaces. Does not belong here: what is deleted, and when (`app.services.housekeeping`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from app.services import schema
from models import registry, tenancy
from models.base import session
from models.custom import CustomField, CustomValue, FieldRight

_WHY = tenancy.reason("what a record or field that is deleted for good leaves behind, in every workspace")


def of_records(table: sa.Table, ids: Sequence[int]) -> None:
    """Delete the index rows of these records."""
    values, fields = CustomValue.__table__, CustomField.__table__
    theirs = sa.select(fields.c.id).where(fields.c.entity == table.name)
    gone = sa.delete(values).where(values.c.record_id.in_(ids), values.c.field_id.in_(theirs))
    session.execute(gone, execution_options=_WHY)


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
        values, rights = CustomValue.__table__, FieldRight.__table__
        session.execute(sa.delete(values).where(values.c.field_id == row.id), execution_options=_WHY)
        theirs = (rights.c.workspace_id == row.workspace_id, rights.c.entity == row.entity, rights.c.field == row.key)
        session.execute(sa.delete(rights).where(*theirs), execution_options=_WHY)
        schema.renew_workspace(row.workspace_id)
    return len(rows)


def _strip(table: sa.Table, workspace: int, key: str) -> None:
    column: Any = table.c.custom
    if session.get_bind().dialect.name == "postgresql":
        rest = column.op("-")(sa.cast(key, sa.Text))
    else:
        rest = sa.func.json_remove(column, f'$."{key}"')
    mine = (table.c.workspace_id == workspace, column[key].as_string().is_not(None))
    session.execute(sa.update(table).where(*mine).values(custom=rest), execution_options=_WHY)

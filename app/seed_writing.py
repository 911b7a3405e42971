"""Writes demo rows in bulk, each with its change and audit row, as any other write has them."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from app import seed_fields
from app.services import custom_index, history, schema, subject_keys, values
from app.services.operation import Operation
from models import registry, tenancy
from models.base import session

WHY = tenancy.reason("demo rows are written in bulk, each with its history")
Row = dict[str, Any]


class Writer:
    """Inserts rows of one workspace as part of the operation `op`."""

    def __init__(self, op: Operation, workspace_id: int) -> None:
        self.op, self.workspace_id = op, workspace_id

    def insert(self, model: type[Any], rows: list[Row]) -> list[Row]:
        """Insert rows with their history; returns them with their ids."""
        if not rows:
            return []
        table, known = model.__table__, schema.added(model)
        if known:
            rows = [{**row, "custom": seed_fields.values(model, row)} for row in rows]
        statement = sa.insert(table).returning(table.c.id, sort_by_parameter_order=True)
        ids = session.scalars(statement, rows, execution_options=WHY).all()
        made = [{**row, "id": key} for row, key in zip(rows, ids, strict=True)]
        custom_index.replace({}, [one for row in made for one in self._index(model, row)] if known else [])
        self._remember(model, "create", [(row, {}, _filled(model, row)) for row in made])
        return made

    def _index(self, model: type[Any], row: Row) -> list[Row]:
        subject = _subject(model, row)
        return custom_index.rows(schema.added(model), row["custom"] or {}, self.workspace_id, row["id"], subject)

    def moved(self, model: type[Any], moves: list[tuple[Row, str, Any, Any]]) -> None:
        """History of records that went from one stage to the next, at the time that each row gives as `created_at`."""
        table = model.__table__
        if not moves:
            return
        self._remember(
            model,
            "update",
            [(row, {name: old}, {name: new}) for row, name, old, new in moves],
        )
        ids = [row["id"] for row, *_ in moves]
        session.execute(sa.update(table).where(table.c.id.in_(ids)).values(version=2), execution_options=WHY)

    def _remember(self, model: type[Any], verb: str, edits: list[tuple[Row, Row, Row]]) -> None:
        entity, known = model.__tablename__, schema.fields(model)
        changes, events = [], []
        for row, old, new in edits:
            subject = _subject(model, row)
            changes.append(
                {
                    "workspace_id": self.workspace_id,
                    "at": row["created_at"],
                    "operation": f"{entity}.{verb}",
                    "verb": verb,
                    "entity": entity,
                    "record_id": row["id"],
                    "subject_id": subject,
                    "actor": row["created_by"],
                    "membership_id": row.get("owner_id"),
                    "old": old,
                    "new": new if old else {},
                    "reason": None,
                    "request_id": None,
                    "undoes": None,
                }
            )
            edit = {name: [old.get(name), value] for name, value in new.items()}
            personal = {n: v for n, v in edit.items() if known[n].personal}
            facts = {"fields": sorted(edit), **{n: v for n, v in edit.items() if n not in personal}}
            events.append(
                history.Event(f"{entity}.{verb}", entity, row["id"], subject, facts, personal, self.workspace_id)
            )
        keys = subject_keys.for_subjects(
            {(self.workspace_id, e.subject_id) for e in events if e.subject_id and e.personal}
        )
        history.insert_rows(
            changes, [history.audit_row(self.op.actor, e, keys, at=self.op.at, reason=None) for e in events]
        )


def _subject(model: type[Any], row: Row) -> int | None:
    return row["id"] if model.policy.subject == "self" else row.get("contact_id")


def _filled(model: type[Any], row: Row) -> Row:
    plain = {n: values.stored(row[n]) for n in registry.writable(model) if row.get(n) not in (None, "", False)}
    return plain | (row.get("custom") or {})

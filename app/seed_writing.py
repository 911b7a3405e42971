"""Writes demo rows in bulk, each with its change and audit row, as any other write has them."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from app.services import history, subject_keys
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
        table = model.__table__
        statement = sa.insert(table).returning(table.c.id, sort_by_parameter_order=True)
        ids = session.scalars(statement, rows, execution_options=WHY).all()
        made = [{**row, "id": key} for row, key in zip(rows, ids, strict=True)]
        self._remember(model, "create", [(row, {}, _filled(model, row)) for row in made])
        return made

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
        entity, known, policy = model.__tablename__, registry.fields(model), model.policy
        changes, events = [], []
        for row, old, new in edits:
            subject = row["id"] if policy.subject == "self" else row.get("contact_id")
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
            values = {name: [old.get(name), value] for name, value in new.items()}
            personal = {n: v for n, v in values.items() if known[n].personal}
            facts = {"fields": sorted(values), **{n: v for n, v in values.items() if n not in personal}}
            events.append(
                history.Event(f"{entity}.{verb}", entity, row["id"], subject, facts, personal, self.workspace_id)
            )
        keys = subject_keys.for_subjects(
            {(self.workspace_id, e.subject_id) for e in events if e.subject_id and e.personal}
        )
        history.insert_rows(
            changes, [history.audit_row(self.op.actor, e, keys, at=self.op.at, reason=None) for e in events]
        )


def _filled(model: type[Any], row: Row) -> Row:
    return {n: history.plain(row[n]) for n in registry.writable(model) if row.get(n) not in (None, "", False)}

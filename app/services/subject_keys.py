"""The data key of each person: made on first need, kept wrapped, destroyed to shred what it sealed (P46)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from models import crypto, tenancy
from models.audit import SubjectKey
from models.base import session

_WHY = tenancy.reason("data keys are looked up by their own workspace and subject")


def for_subjects(wanted: Iterable[tuple[int, int]]) -> dict[tuple[int, int], crypto.DataKey]:
    """The data keys of (workspace, subject) pairs; missing ones are made in this transaction. Two statements per workspace."""
    found: dict[tuple[int, int], crypto.DataKey] = {}
    by_workspace: dict[int, set[int]] = {}
    for workspace, subject in wanted:
        by_workspace.setdefault(workspace, set()).add(subject)
    for workspace, subjects in by_workspace.items():
        for subject, wrapped in _stored(workspace, subjects).items():
            found[workspace, subject] = crypto.keyring().data_key(wrapped)
        new = _make(workspace, subjects - {s for w, s in found if w == workspace})
        found.update(new)
    return found


def _stored(workspace: int, subjects: set[int]) -> dict[int, bytes]:
    table = SubjectKey.__table__
    known: dict[int, bytes] = {}
    ids = sorted(subjects)
    for start in range(0, len(ids), 500):
        rows = session.execute(
            sa.select(table.c.subject_id, table.c.wrapped).where(
                table.c.workspace_id == workspace, table.c.subject_id.in_(ids[start : start + 500])
            ),
            execution_options=_WHY,
        )
        known.update((row.subject_id, row.wrapped) for row in rows)
    return known


def _make(workspace: int, subjects: set[int]) -> dict[tuple[int, int], crypto.DataKey]:
    if not subjects:
        return {}
    ring = crypto.keyring()
    rows: list[dict[str, Any]] = [{"workspace_id": workspace, "subject_id": s, "wrapped": ring.new_data_key()} for s in sorted(subjects)]
    session.execute(sa.insert(SubjectKey.__table__), rows, execution_options=_WHY)
    return {(workspace, row["subject_id"]): ring.data_key(row["wrapped"]) for row in rows}

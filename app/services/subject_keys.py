"""The data key of each person: made on first need, kept wrapped, destroyed to shred what it sealed (P46)."""

from __future__ import annotations

from collections.abc import Container, Iterable
from functools import cache
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from app import permissions
from app.services import inserting
from models import crypto, tenancy
from models.audit import Audit, SubjectKey
from models.base import session
from models.scope import Actor

_WHY = tenancy.reason("data keys are looked up by their own workspace and subject")
_KEYS = SubjectKey.__table__
CHUNK = 500


def for_subjects(
    wanted: Iterable[tuple[int, int]], *, new: Container[tuple[int, int]] = ()
) -> dict[tuple[int, int], crypto.DataKey]:
    """The data keys of (workspace, subject) pairs; missing ones are made in this transaction.

    Two transactions that need the same new key agree on the one that came first. Of `new`, people who came with this
    very transaction, no key is looked for before one is made.
    """
    found: dict[tuple[int, int], crypto.DataKey] = {}
    by_workspace: dict[int, set[int]] = {}
    for workspace, subject in wanted:
        by_workspace.setdefault(workspace, set()).add(subject)
    for workspace, subjects in by_workspace.items():
        known = _stored(workspace, {subject for subject in subjects if (workspace, subject) not in new})
        missing = subjects - set(known)
        known |= _make(workspace, missing)
        known |= _stored(workspace, missing - set(known))
        found.update(((workspace, subject), crypto.keyring().data_key(wrapped)) for subject, wrapped in known.items())
    return found


def shred(workspace: int, subject: int) -> bool:
    """Destroy a person's key, inside the caller's operation: what it sealed can't be read any more, by anybody. Says
    whether there was one. Backups made before keep a copy until they expire (P47)."""
    gone = session.execute(
        sa.delete(_KEYS).where(_KEYS.c.workspace_id == workspace, _KEYS.c.subject_id == subject),
        execution_options=_WHY,
    )
    return bool(gone.rowcount)


def opened(row: Audit, *, actor: Actor) -> dict[str, Any] | None:
    """The personal values of an audit row: {} where it has none, None where its key was destroyed.

    Raises `Forbidden` without the right to read the audit log. Viewing is itself to be audited by the caller.
    """
    permissions.require(actor, "read", "audit")
    if row.sealed is None:
        return {}
    if row.workspace_id is None or row.subject_id is None:
        return None
    aad = f"audit:{row.workspace_id}:{row.subject_id}".encode()
    plain = opened_with(row.workspace_id, row.subject_id, row.sealed, aad)
    return None if plain is None else dict(orjson.loads(plain))


def opened_with(workspace: int, subject: int, sealed: bytes, aad: bytes) -> str | None:
    """What was sealed under a person's key; None where it was destroyed. Who may look is for the caller to check."""
    wrapped = _stored(workspace, {subject}).get(subject)
    if wrapped is None:
        return None
    try:
        return crypto.keyring().data_key(wrapped).open(sealed, aad=aad).decode()
    except crypto.Tampered:
        # Sealed under a key that was destroyed; the person came back later and has a new one.
        return None


def _stored(workspace: int, subjects: set[int]) -> dict[int, bytes]:
    known: dict[int, bytes] = {}
    ids = sorted(subjects)
    for start in range(0, len(ids), CHUNK):
        rows = session.execute(
            sa.select(_KEYS.c.subject_id, _KEYS.c.wrapped).where(
                _KEYS.c.workspace_id == workspace, _KEYS.c.subject_id.in_(ids[start : start + CHUNK])
            ),
            execution_options=_WHY,
        )
        known.update((row.subject_id, row.wrapped) for row in rows)
    return known


def _make(workspace: int, subjects: set[int]) -> dict[int, bytes]:
    """Makes keys, and gives back those that nobody else made at the same time."""
    ring = crypto.keyring()
    made: dict[int, bytes] = {}
    rows = [{"workspace_id": workspace, "subject_id": s, "wrapped": ring.new_data_key()} for s in sorted(subjects)]
    dialect = session.get_bind().dialect.name
    if dialect == "postgresql" and len(rows) >= inserting.FEW:
        statement = _or_nothing(inserting.laid_out(_KEYS, ("subject_id", "wrapped"), {"workspace_id": workspace}))
        text = inserting.text_of(_KEYS, ("subject_id", "wrapped"), rows)
        made.update(session.execute(statement, {"rows": text}, execution_options=_WHY).all())
        return made
    statement = _new_keys(dialect)
    for start in range(0, len(rows), CHUNK):
        made.update(session.execute(statement, rows[start : start + CHUNK], execution_options=_WHY).all())
    return made


@cache
def _new_keys(dialect: str) -> Any:
    return _or_nothing((postgresql if dialect == "postgresql" else sqlite).insert(_KEYS))


def _or_nothing(statement: Any) -> Any:
    statement = statement.on_conflict_do_nothing(index_elements=["workspace_id", "subject_id"])
    return statement.returning(_KEYS.c.subject_id, _KEYS.c.wrapped)

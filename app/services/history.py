"""Writes both stores of history for an operation: `change` (full values, erasable) and `audit` (immutable, sealed
values).

Rows come from what the session really wrote, so that no code path can forget them. Does not belong here: reading
history
(`app.services.timeline`), sealing the chain (`app.services.chain`).
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson
import sqlalchemy as sa
from sqlalchemy import event, orm

from app.services import inserting, schema, subject_keys, values
from models import registry, scope, tenancy
from models.audit import Audit, Change
from models.base import Record, ScopedSession, session
from models.fields import Field, now
from models.scope import Actor
from models.workspace import Workspace

if TYPE_CHECKING:
    from app.services.operation import Operation

# The workspace's own profile is no `Record` (it is the wall itself), yet its changes are history like any other.
Tracked = (Record, Workspace)
_BOOKKEEPING = frozenset({"updated_at", "version"})
_QUIET = frozenset({"last_activity", "name_key"})
_WHY = tenancy.reason("history of the operation itself, stamped with its own workspace")
_CHANGES = sa.insert(Change.__table__)
# Inline, so without RETURNING: row security lets a sign-in write rows that it may not read.
_AUDITS = sa.insert(Audit.__table__).inline()


@dataclass(slots=True)
class Edit:
    """What happened to one record, before ids are known."""

    record: Any
    verb: str
    old: dict[str, Any]
    new: dict[str, Any]


@dataclass(slots=True)
class Event:
    """An audit row to be written."""

    action: str
    entity: str | None
    record_id: int | None
    subject_id: int | None
    facts: dict[str, Any]
    personal: dict[str, Any]
    workspace_id: int | None


Mark = tuple[list[tuple[Edit, dict[str, Any], dict[str, Any]]], int]


@dataclass(slots=True)
class Tracker:
    """Collects an operation's edits and events, and writes them at its end."""

    edits: list[Edit] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    def collect(self, live: orm.Session) -> None:
        """Note what a flush is about to write."""
        seen = {id(edit.record): edit for edit in self.edits}
        for record in live.new:
            if isinstance(record, Tracked):
                self.edits.append(Edit(record, "create", {}, {}))
        for record in live.dirty:
            if isinstance(record, Tracked) and live.is_modified(record):
                self._note(record, seen.get(id(record)))

    def _note(self, record: Any, known: Edit | None) -> None:
        old, new = _diff(record)
        if known is None:
            verb = "update"
            if "deleted_at" in new:
                verb = "delete" if new["deleted_at"] else "restore"
            if set(new) - _QUIET:
                self.edits.append(Edit(record, verb, old, new))
        elif known.verb != "create":
            known.old.update({k: v for k, v in old.items() if k not in known.old})
            known.new.update(new)

    def mark(self) -> Mark:
        """Where history stands, for `back_to`."""
        return [(edit, dict(edit.old), dict(edit.new)) for edit in self.edits], len(self.events)

    def back_to(self, mark: Mark) -> None:
        """Forget what was noted since: the database has taken it back."""
        edits, events = mark
        self.edits = [Edit(edit.record, edit.verb, old, new) for edit, old, new in edits]
        del self.events[events:]

    def write(self, op: Operation) -> None:
        """Insert the change and audit rows of this operation."""
        changes = [change_row(op, e) for e in self.edits]
        events = [*(_event_of(op, e) for e in self.edits), *self.events]
        created = [e.record for e in self.edits if e.verb == "create" and type(e.record).policy.subject == "self"]
        keys = subject_keys.for_subjects(
            {(e.workspace_id, e.subject_id) for e in events if e.workspace_id and e.subject_id and e.personal},
            new={(workspace_of(record), record.id) for record in created},
        )
        audits = [audit_row(op.actor, e, keys, at=op.at, reason=op.reason) for e in events]
        insert_rows(changes, audits)


def insert_rows(changes: list[dict[str, Any]], audits: list[dict[str, Any]]) -> None:
    """Insert prepared rows of both stores; bulk verbs call this in chunks."""
    for few, table, rows in ((_CHANGES, Change.__table__, changes), (_AUDITS, Audit.__table__, audits)):
        if len(rows) >= inserting.FEW:
            inserting.insert(table, rows, {}, why=_WHY)
        elif rows:
            session.execute(few, rows, execution_options=_WHY)


def change_row(op: Operation, edit: Edit) -> dict[str, Any]:
    record = edit.record
    return plain_change_row(
        op, workspace_of(record), edit.verb, record.__tablename__, record.id, subject_of(record), edit.old, edit.new
    ) | {"version": record.version}


def plain_change_row(op: Operation, workspace: int, verb: str, entity: str, record_id: int, subject_id: int | None,
                     old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:  # fmt: skip
    """A row ready to insert, for bulk verbs that hold no loaded record; `old` and `new` are plain values."""
    return {
        "workspace_id": workspace,
        "at": op.at,
        "operation": op.name,
        "verb": verb,
        "entity": entity,
        "record_id": record_id,
        "version": None,
        "subject_id": subject_id,
        "actor": op.actor.label,
        "membership_id": op.actor.doer_id,
        "on_behalf_of": op.actor.on_behalf_of,
        "old": old,
        "new": new,
        "reason": op.reason,
        "request_id": op.actor.request_id,
        "undoes": op.undoes,
        "batch": op.batch or None,
    }


def audit_row(
    actor: Actor, what: Event, keys: dict[Any, Any], *, at: dt.datetime, reason: str | None
) -> dict[str, Any]:
    """A row ready to insert, with its digest. Personal values are sealed under the subject's key, or left out where
    there is none."""
    key = keys.get((what.workspace_id, what.subject_id))
    aad = f"audit:{what.workspace_id}:{what.subject_id}".encode()
    row: dict[str, Any] = {
        "workspace_id": what.workspace_id,
        "at": at,
        "action": what.action,
        "entity": what.entity,
        "record_id": what.record_id,
        "subject_id": what.subject_id,
        "actor_kind": actor.kind.value,
        "actor_id": actor.doer_id or (actor.user_id if actor.grant_id is None else None),
        "actor": actor.label,
        "on_behalf_of": actor.on_behalf_of,
        "facts": what.facts,
        "sealed": key.seal(orjson.dumps(what.personal), aad=aad) if key and what.personal else None,
        "ip": actor.ip,
        "user_agent": (actor.user_agent or "")[:300] or None,
        "request_id": actor.request_id,
        "reason": reason,
    }
    row["digest"] = digest(row)
    return row


def digest(row: dict[str, Any]) -> bytes:
    """SHA-256 over the canonical JSON (sorted keys, UTC times to the microsecond, bytes in hex) of an audit row
    without id and digest."""
    plain = {k: v.hex() if isinstance(v, bytes) else v for k, v in row.items() if k not in {"id", "digest"}}
    return hashlib.sha256(orjson.dumps(plain, option=orjson.OPT_SORT_KEYS | orjson.OPT_UTC_Z)).digest()


def subject_of(record: Any) -> int | None:
    """The id of the person (contact) a record is about."""
    policy = type(record).policy
    if policy.subject == "self":
        return int(record.id)
    value = getattr(record, policy.subject, None) if policy.subject else None
    return (
        value if isinstance(value, int) and registry.fields(type(record))[policy.subject].target == "contact" else None
    )


plain = values.stored


def workspace_of(record: Any) -> int:
    return int(record.id if isinstance(record, Workspace) else record.workspace_id)


def _diff(record: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    old: dict[str, Any] = {}
    new: dict[str, Any] = {}
    state = sa.inspect(record)
    for name, one in registry.fields(type(record)).items():
        # A secret would lie open in the stores of history.
        if name in _BOOKKEEPING or one.secret:
            continue
        past = state.attrs[name].history
        if past.has_changes():
            before = values.stored(past.deleted[0]) if past.deleted else None
            after = values.stored(past.added[0]) if past.added else None
            if before != after:
                old[name], new[name] = before, after
    if isinstance(record, Record) and (past := state.attrs.custom.history).has_changes():
        before, after = ((part[0] or {}) if part else {} for part in (past.deleted, past.added))
        for name in sorted(before.keys() | after.keys()):
            if before.get(name) != after.get(name):
                old[name], new[name] = before.get(name), after.get(name)
    return old, new


def _event_of(op: Operation, edit: Edit) -> Event:
    record = edit.record
    known = _known(record)
    changed = {n: [edit.old.get(n), v] for n, v in edit.new.items() if n not in _QUIET}
    if edit.verb == "create":
        changed = {
            n: [None, values.stored(getattr(record, n))]
            for n in registry.writable(type(record))
            if getattr(record, n) not in (None, "", False)
        }
        changed |= {n: [None, v] for n, v in (getattr(record, "custom", None) or {}).items()}
    # What nobody can name any more is taken for personal.
    personal = {n: v for n, v in changed.items() if n not in known or known[n].personal}
    facts = {
        "fields": sorted(changed),
        **{n: v for n, v in changed.items() if n not in personal and not known[n].secret},
    }
    return Event(
        f"{record.__tablename__}.{edit.verb}",
        record.__tablename__,
        record.id,
        subject_of(record),
        facts,
        personal,
        workspace_of(record),
    )


def _known(record: Any) -> Mapping[str, Field]:
    """The fields of a record in its own workspace, which is not always the one in force at the end of an operation."""
    if not getattr(record, "custom", None):
        return registry.fields(type(record))
    with scope.inside(record.workspace_id):
        return schema.every_known(type(record))


@event.listens_for(ScopedSession, "before_flush")
def _collect(live: orm.Session, _context: Any, _instances: Any) -> None:
    opened: Operation | None = live.info.get("operation")
    for record in live.dirty:
        if isinstance(record, Record) and live.is_modified(record):
            record.updated_at = now()
    if opened is not None:
        opened.tracker.collect(live)
    elif any(isinstance(r, Tracked) for r in (*live.new, *live.dirty, *live.deleted)):
        raise RuntimeError("A record was written outside an operation; open one, so that it is audited.")

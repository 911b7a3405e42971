"""Deletes what is past its time: the bin after 30 days, logs and ended sessions after what their policy says.

Runs across workspaces, by the clock. Does not belong here: erasing a person (`app.services.privacy`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any

import sqlalchemy as sa

from app.services import custom_purge, files
from app.services.operation import Operation, operation
from models import registry, tenancy
from models.access import Invitation, SignInLink, Throttle, UserSession
from models.ai import AiDraft
from models.audit import Change
from models.base import Base, session
from models.fields import now
from models.inbound import ReceivedMail
from models.intake import Idempotency, ReceivedEvent
from models.job import Job, ScheduledRun
from models.scope import Actor
from models.setup import SetupFile
from models.tracking import TrackedEvent
from models.webhook import WebhookDelivery

BIN_DAYS = 30
# The column that says when a row was last needed; how long it stays then is its policy's `keep`.
LOGS: Mapping[type[Any], str] = {
    Job: "finished_at",
    ScheduledRun: "due_at",
    Invitation: "created_at",
    ReceivedEvent: "at",
    Idempotency: "at",
    WebhookDelivery: "created_at",
    ReceivedMail: "received_at",
    AiDraft: "created_at",
    SetupFile: "at",
    TrackedEvent: "at",
}
ACCESS: Mapping[type[Any], str] = {UserSession: "seen_at", SignInLink: "expires_at", Throttle: "window_ends"}
_WHY = tenancy.reason("rows past their time are deleted in every workspace")
_CHUNK = 500


def trim(what: Mapping[type[Any], str], *, actor: Actor) -> dict[str, int]:
    """Delete rows of logs whose time is over. Returns how many by table."""
    with operation("housekeeping.trim", actor=actor) as op:
        gone = {model.__tablename__: _trim(model, column) for model, column in what.items()}
        if any(gone.values()):
            op.audit("housekeeping.trim", facts=gone)
    return gone


def purge_bin(*, actor: Actor) -> dict[str, int]:
    """Delete for good what has been in the bin for 30 days, with its history of values; the audit log keeps that it
    existed.

    A record that others still refer to (a consent, a deal that is in use) stays in the bin until they are gone. So
    does, on SQLite, the newest of its kind: its id would go to the next one, and the log would take the two for one.
    """
    before = now() - dt.timedelta(days=BIN_DAYS)
    with operation("bin.purge", actor=actor) as op:
        gone: dict[str, int] = {}
        custom_purge.of_fields(before)
        for table in reversed(Base.metadata.sorted_tables):
            model = registry.entities().get(table.name)
            if model is not None and (count := _purge(table, before, op)):
                gone[f"{table.name}"] = count
        if gone:
            op.audit("bin.purge", facts=gone)
    return gone


def _trim(model: type[Any], column: str) -> int:
    keep = model.policy.keep.days
    table = model.__table__
    over = table.c[column] < now() - dt.timedelta(days=keep)
    return int(session.execute(sa.delete(table).where(over), execution_options=_WHY).rowcount)


def _purge(table: sa.Table, before: dt.datetime, op: Operation) -> int:
    past = sa.select(table.c.workspace_id, table.c.id).where(table.c.deleted_at < before, *unreferenced(table))
    if session.get_bind().dialect.name == "sqlite":
        past = past.where(table.c.id < sa.select(sa.func.max(table.alias().c.id)).scalar_subquery())
    rows = session.execute(past, execution_options=_WHY).all()
    changes = Change.__table__
    for start in range(0, len(rows), _CHUNK):
        ids = [row.id for row in rows[start : start + _CHUNK]]
        session.execute(
            sa.delete(changes).where(changes.c.entity == table.name, changes.c.record_id.in_(ids)),
            execution_options=_WHY,
        )
        files.forget(table, ids, op)
        custom_purge.of_records(table, ids)
        session.execute(sa.delete(table).where(table.c.id.in_(ids)), execution_options=_WHY)
    return len(rows)


def unreferenced(table: sa.Table) -> Iterator[sa.ColumnElement[bool]]:
    """No row of another table points here; asked beforehand, as a refused delete would undo the whole night's work."""
    for other in Base.metadata.sorted_tables:
        for constraint in other.foreign_key_constraints:
            if constraint.referred_table is not table:
                continue
            source = other.alias() if other is table else other
            pairs = [(source.c[e.parent.name], e.column) for e in constraint.elements]
            yield ~sa.exists(
                sa.select(sa.literal(1))
                .select_from(source)
                .where(*(near == far for near, far in pairs))
                .correlate(table)
            )

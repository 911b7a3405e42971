"""Reading the audit log: pages by filter, single entries, exports.

Every filter ends in an index, so that a page costs the same in a log of a million rows. Does not belong here: writing
(`app.services.history`), sealing (`app.services.chain`) and checking (`app.services.audit_checks`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy import orm

from app import permissions
from app.errors import NotFound
from app.services import safe_csv, schema, subject_keys, values
from app.services.operation import operation
from models import registry, scope, tenancy
from models.audit import Audit, AuditSeal
from models.base import session
from models.contact import Contact
from models.policy import Purpose
from models.scope import Actor

PAGE = 50
CHUNK = 2000
MOST_ACTIONS = 40
_WHY = tenancy.reason("the audit log of the workspace in force, which the statement names")
_SHOWN = (
    Audit.id, Audit.at, Audit.actor, Audit.action, Audit.entity, Audit.record_id, Audit.facts, Audit.reason, Audit.ip,
)  # fmt: skip
EXPORTED = (
    "sequence", "id", "at", "action", "entity", "record_id", "subject_id", "actor_kind", "actor_id", "actor",
    "on_behalf_of", "facts", "ip", "user_agent", "request_id", "reason", "digest", "hash",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which entries. `action` is part of an action's name; `person` a contact's id; days are aware moments, `until`
    exclusive."""

    action: str = ""
    actor_id: int | None = None
    entity: str = ""
    record_id: int | None = None
    person: int | None = None
    request_id: str = ""
    since: dt.datetime | None = None
    until: dt.datetime | None = None

    @property
    def narrow(self) -> bool:
        """Whether an index other than that of time leads to the entries."""
        return bool(self.action or self.actor_id or self.person or (self.entity and self.record_id))


@dataclass(frozen=True, slots=True)
class Page:
    """Entries, newest first; `older` and `newer` are the cursors of the neighbours."""

    rows: list[Any]
    older: int | None
    newer: int | None


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry with its place in the chain, where it has one yet: (sequence, hash), and the one before."""

    row: Audit
    place: tuple[int, bytes] | None
    before: tuple[int, bytes] | None


def page(wanted: Wanted, *, actor: Actor, after: int | None = None, before: int | None = None) -> Page:
    """A page of at most `PAGE` entries: those older than the entry `after`, or newer than `before`, else the newest."""
    permissions.require(actor, "read", "audit")
    backwards = before is not None
    cursor = before if backwards else after
    rows = list(session.execute(_statement(_SHOWN, wanted, cursor, backwards, PAGE + 1)).all())
    more = len(rows) > PAGE
    rows = rows[:PAGE]
    if backwards:
        rows.reverse()
    if not rows:
        return Page([], None, None)
    older = rows[-1].id if more or backwards else None
    newer = rows[0].id if (backwards and more) or (not backwards and cursor is not None) else None
    return Page(rows, older, newer)


def actions() -> list[str]:
    """The names of all actions in this log, by jumping from one to the next in the index."""
    table, here = Audit.__table__, scope.workspace_id()
    first = sa.select(sa.func.min(table.c.action).label("action")).where(table.c.workspace_id == here)
    walk = first.cte("walk", recursive=True)
    following = sa.select(sa.func.min(table.c.action)).where(
        table.c.workspace_id == here, table.c.action > walk.c.action
    )
    walk = walk.union_all(sa.select(following.scalar_subquery()).where(walk.c.action.is_not(None)))
    found = session.scalars(sa.select(walk.c.action).where(walk.c.action.is_not(None)), execution_options=_WHY)
    return sorted(found)


def person(text: str) -> int | None:
    """The contact that somebody typed: an id or an e-mail address; -1 where there is none."""
    text = text.strip()
    if not text:
        return None
    if (key := values.whole(text)) is not None:
        return key
    if not schema.sees(Contact, "email"):
        return -1
    statement = sa.select(Contact.id).where(Contact.email == text.lower()).order_by(Contact.id.desc()).limit(1)
    return session.scalar(statement, execution_options=tenancy.with_deleted()) or -1


def entry(key: int, *, actor: Actor) -> Entry:
    """One entry; raises `NotFound`."""
    permissions.require(actor, "read", "audit")
    mine, earlier = orm.aliased(AuditSeal), orm.aliased(AuditSeal)
    neighbour = sa.and_(earlier.chain == mine.chain, earlier.sequence == mine.sequence - 1)
    found = session.execute(
        sa.select(Audit, mine.sequence, mine.hash, earlier.sequence, earlier.hash)
        .outerjoin(mine, mine.audit_id == Audit.id)
        .outerjoin(earlier, neighbour)
        .where(Audit.id == key)
    ).one_or_none()
    if found is None:
        raise NotFound()
    row, *places = found
    return Entry(row, _pair(places[:2]), _pair(places[2:]))


def open_values(key: int, *, actor: Actor) -> dict[str, Any] | None:
    """The personal values of an entry, None where they were shredded. That somebody looked is an entry of its own."""
    with operation("audit.open", actor=actor) as op:
        row = entry(key, actor=actor).row
        found = subject_keys.opened(row, actor=actor)
        op.audit("audit.open", entity="audit", record_id=row.id, subject_id=row.subject_id)
    return found


def export(wanted: Wanted, kind: str, *, actor: Actor) -> Iterator[bytes]:
    """The entries as "csv" (formula-safe, RFC 4180) or "jsonl", in chunks; personal values stay sealed and are left
    out, and so is what the role in force does not see."""
    permissions.require(actor, "export", "audit")
    workspace, role = scope.workspace_id(), scope.role()
    filters = {name: str(value) for name in Wanted.__slots__ if (value := getattr(wanted, name)) and name != "person"}
    with operation("audit.export", actor=actor) as op:
        facts = {"format": kind, "filters": filters, "purpose": Purpose.COMPLY_WITH_LAW.value}
        op.audit("audit.export", entity="audit", subject_id=wanted.person, facts=facts)
    return _lines(wanted, kind, workspace, role)


def _statement(columns: Any, wanted: Wanted, cursor: int | None, backwards: bool, limit: int) -> sa.Select[Any]:
    if not wanted.action:
        return _ordered(sa.select(*columns).where(*_conditions(wanted)), wanted, cursor, backwards).limit(limit)
    names = [name for name in actions() if wanted.action.lower() in name][:MOST_ACTIONS]
    # Each action has its own stretch of the index: the newest of each, of which the newest of all are among them.
    rest = replace(wanted, action="x")
    parts = [
        _ordered(sa.select(Audit.id).where(Audit.action == name, *_conditions(rest)), rest, cursor, backwards).limit(
            limit
        )
        for name in names
    ]
    if not parts:
        return sa.select(*columns).where(sa.false())
    ids = parts[0] if len(parts) == 1 else sa.union_all(*(sa.select(part.subquery().c.id) for part in parts))
    order = Audit.id.asc() if backwards else Audit.id.desc()
    return sa.select(*columns).where(Audit.id.in_(ids)).order_by(order).limit(limit)


def _conditions(wanted: Wanted) -> list[Any]:
    exact = {
        Audit.actor_id: wanted.actor_id, Audit.subject_id: wanted.person, Audit.entity: wanted.entity,
        Audit.record_id: wanted.record_id, Audit.request_id: wanted.request_id,
    }  # fmt: skip
    found = [column == value for column, value in exact.items() if value]
    if wanted.since:
        found.append(Audit.at >= wanted.since)
    if wanted.until:
        found.append(Audit.at < wanted.until)
    return found


def _ordered(statement: sa.Select[Any], wanted: Wanted, cursor: int | None, backwards: bool) -> sa.Select[Any]:
    """Narrow views are in order of id, all others in order of time: each is the order of the index that leads there."""
    keys: tuple[Any, ...] = (Audit.id,) if wanted.narrow else (Audit.at, Audit.id)
    if cursor is not None:
        # Asked for inside the statement: a view of forty actions would else ask forty times where its page begins.
        edge = [sa.select(key).where(Audit.id == cursor).scalar_subquery() for key in keys]
        here, there = sa.tuple_(*keys), sa.tuple_(*edge)
        statement = statement.where(here > there if backwards else here < there)
    return statement.order_by(*(key.asc() if backwards else key.desc() for key in keys))


def _lines(wanted: Wanted, kind: str, workspace: int, role: int | None) -> Iterator[bytes]:
    columns = [getattr(Audit, name) for name in EXPORTED if name not in ("sequence", "hash")]
    cursor: int | None = None
    if kind == "csv":
        yield b"\xef\xbb\xbf" + safe_csv.lines([EXPORTED])
    while True:
        with scope.inside(workspace), scope.seen_as(role):
            found = session.execute(_statement(columns, wanted, cursor, False, CHUNK)).mappings()
            rows = [{**row, "facts": _seen(row["facts"], row["entity"])} for row in found]
            places = _places([row["id"] for row in rows])
        if not rows:
            return
        full = [{**row, **places.get(row["id"], {"sequence": None, "hash": None})} for row in rows]
        yield _text(full, kind)
        cursor = rows[-1]["id"]


def _seen(facts: dict[str, Any], entity: str | None) -> dict[str, Any]:
    model = registry.entities().get(entity or "")
    unseen = schema.unseen(model) if model is not None else set()
    if not unseen & {*facts, *facts.get("fields", ())}:
        return facts
    kept = {name: value for name, value in facts.items() if name not in unseen}
    return kept | {"fields": [name for name in facts.get("fields", ()) if name not in unseen]}


def _places(keys: list[int]) -> dict[int, dict[str, Any]]:
    if not keys:
        return {}
    found = session.execute(
        sa.select(AuditSeal.audit_id, AuditSeal.sequence, AuditSeal.hash).where(AuditSeal.audit_id.in_(keys))
    )
    return {key: {"sequence": sequence, "hash": hash_} for key, sequence, hash_ in found}


def _text(rows: list[dict[str, Any]], kind: str) -> bytes:
    for row in rows:
        row["digest"] = bytes(row["digest"]).hex()
        row["hash"] = bytes(row["hash"]).hex() if row["hash"] else None
    if kind == "csv":
        return safe_csv.lines(
            [orjson.dumps(row[name]).decode() if name == "facts" else row[name] for name in EXPORTED] for row in rows
        )
    return b"".join(orjson.dumps({name: row[name] for name in EXPORTED}) + b"\n" for row in rows)


def _pair(seal: list[Any]) -> tuple[int, bytes] | None:
    return None if seal[0] is None else (int(seal[0]), bytes(seal[1]))

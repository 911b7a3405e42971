"""What happened around a record, newest first, and what hangs on it; a few statements whatever the number of entities.

The parts of each union carry workspace, bin and reach conditions of their own, as one union cannot be filtered from
outside. Statements are kept: `record` and `workspace` are bound when they run.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from app import permissions
from app.errors import Conflict, NotFound
from app.services import filters, kept, records, schema
from app.services.operation import operation
from models import registry, scope, tenancy
from models.audit import Change
from models.base import Record, session
from models.message import Message
from models.scope import Actor
from models.work import Activity, Note

_WHY = tenancy.reason("each part of the union names its own workspace")
_NOISE = frozenset({"note", "activity", "message", "contact_tag"})


@dataclass(frozen=True, slots=True)
class Event:
    """One line of a timeline. `kind` is "change", "note", "activity" or "message"; `old`/`new` are set for changes."""

    kind: str
    id: int
    at: dt.datetime
    who: str
    title: str
    body: str | None = None
    entity: str = ""
    record_id: int = 0
    verb: str = ""
    old: dict[str, Any] = field(default_factory=dict)
    new: dict[str, Any] = field(default_factory=dict)
    undoes: int | None = None


@dataclass(frozen=True, slots=True)
class Related:
    """One record that hangs on another."""

    entity: str
    id: int
    title: str
    extra: Any
    at: Any


def events(
    record: Any,
    *,
    actor: Actor,
    limit: int = 30,
    before: dt.datetime | None = None,
    talk: bool = True,
    changes: bool = True,
) -> list[Event]:
    """The newest events of a record (for a contact: of everything about the person), in at most two statements."""
    found: list[Event] = []
    if changes:
        found += _changes(record, actor, limit, before)
    if talk and record.__tablename__ in ("contact", "deal"):
        found += _talk(record, actor, limit, before)
    return sorted(found, key=lambda e: (e.at, e.id), reverse=True)[:limit]


def related(record: Any, names: tuple[str, ...], *, actor: Actor, most: int = 5) -> dict[str, list[Related]]:
    """Records of the named entities that refer to this one, and its tags (under "tags"); one statement."""
    model = type(record)
    links = filters.links(model)
    shown = [registry.entity(name) for name in (*names, *(link.target for link in links.values()))]
    key = ("related", model, names, most, kept.sight(actor, shown), schema.sight())
    whole = kept.statement(key, lambda: _related(model, names, actor, most))
    found: dict[str, list[Related]] = {}
    if whole is not None:
        for row in session.execute(whole, _bound(record), execution_options=_WHY):
            found.setdefault(row.entity, []).append(
                Related(row.entity, row.id, str(row.title or ""), row.extra, row.at)
            )
    return found


def undo(change_id: int, *, actor: Actor) -> Any:
    """Take one change back, as a change of its own. Fields that were changed again since raise `Conflict` with both
    values."""
    change = session.scalars(sa.select(Change).where(Change.id == change_id)).one_or_none()
    if change is None or change.entity not in registry.entities():
        raise NotFound()
    model = registry.entity(change.entity)
    with operation(f"{change.entity}.undo", actor=actor, undoes=change.id):
        if change.verb == "create":
            return records.delete(model, change.record_id, actor=actor, as_part=bool(model.policy.parent))
        if change.verb == "delete":
            return records.restore(model, change.record_id, actor=actor)
        record = records.load(model, change.record_id, actor=actor, action="write")
        return records.update(
            model, record.id, _old_values(record, change), actor=actor, reason=f"Undo of change {change.id}"
        )


def name_of(change_id: int) -> str:
    """What the record of a change is called, as far as it still stands."""
    change = session.scalars(sa.select(Change).where(Change.id == change_id)).one_or_none()
    model = registry.entities().get(change.entity) if change is not None else None
    if change is None or model is None:
        return ""
    title = getattr(model, registry.title_of(model))
    return str(session.scalar(sa.select(title).where(model.id == change.record_id)) or f"#{change.record_id}")[:60]


def _old_values(record: Any, change: Change) -> dict[str, Any]:
    writable = schema.writable(type(record))
    clashes = [
        n for n in change.new if n in writable and schema.stored(writable[n], schema.value(record, n)) != change.new[n]
    ]
    if clashes:
        labels = ", ".join(writable[n].label for n in clashes)
        raise Conflict(
            f"{labels} was changed again since. Nothing was undone; open the record and set it by hand.",
            version=record.version,
        )
    return {n: schema.of_history(writable[n], v) for n, v in change.old.items() if n in writable}


def _changes(record: Any, actor: Actor, limit: int, before: dt.datetime | None) -> list[Event]:
    about = record.__tablename__ == "contact"
    readable = tuple(
        e
        for e, m in registry.entities().items()
        if e not in _NOISE and permissions.reach(actor, "read", registry.permission_entity(m)) == "workspace"
    )
    key = ("changes", about, readable if about else None, limit, before is None)
    statement = kept.statement(key, lambda: _changes_of(readable if about else None, limit, before is not None))
    bound = {"entity": record.__tablename__, "record": record.id} | ({} if before is None else {"before": before})
    return [
        Event("change", c.id, c.at, c.actor, "", None, c.entity, c.record_id, c.verb, c.old, c.new, c.undoes)
        for c in session.execute(statement, bound)
    ]


def _changes_of(readable: tuple[str, ...] | None, limit: int, earlier: bool) -> Any:
    """The changes of a record; for a contact also those of `readable` entities about the person."""
    key = sa.bindparam("record", type_=sa.BigInteger)
    wanted = sa.and_(Change.entity == sa.bindparam("entity"), Change.record_id == key)
    if readable is not None:
        wanted = sa.or_(wanted, sa.and_(Change.subject_id == key, Change.entity.in_(readable)))
    names = ("id", "at", "actor", "entity", "record_id", "verb", "old", "new", "undoes")
    statement = sa.select(*(getattr(Change, n) for n in names)).where(wanted).order_by(Change.id.desc()).limit(limit)
    return statement.where(Change.at < sa.bindparam("before")) if earlier else statement


def _talk(record: Any, actor: Actor, limit: int, before: dt.datetime | None) -> list[Event]:
    link = f"{record.__tablename__}_id"
    key = ("talk", link, limit, before is None, kept.sight(actor, (Note, Activity, Message)))
    whole = kept.statement(key, lambda: _talk_of(link, actor, limit, before is not None))
    if whole is None:
        return []
    bound = _bound(record) | ({} if before is None else {"before": before})
    return [
        Event(r.kind, r.id, r.at, r.who, *_seen(r), r.kind, r.id, r.verb)
        for r in session.execute(whole, bound, execution_options=_WHY)
    ]


# What the timeline shows of a note, an activity and an e-mail: its title and its text.
_WORDS = {"note": ("", "body"), "activity": ("title", "details"), "message": ("subject", "state")}


def _seen(row: Any) -> tuple[str, str | None]:
    """Title and text, as far as the role in force sees these fields."""
    model, (title, body) = registry.entity(row.kind), _WORDS[row.kind]
    return row.title if schema.sees(model, title) else "", row.body if schema.sees(model, body) else None


def _talk_of(link: str, actor: Actor, limit: int, earlier: bool) -> Any | None:
    shapes: tuple[tuple[type[Any], str, Any, Any, Any], ...] = (
        (Note, "note", Note.created_at, sa.literal(""), Note.body),
        (Activity, "activity", Activity.happened_at, Activity.title, Activity.details),
        (Message, "message", Message.created_at, Message.subject, Message.state),
    )
    parts = []
    for model, kind, at, title, body in shapes:
        if not hasattr(model, link) or permissions.reach(actor, "read", kind) is None:
            continue
        extra = model.kind if model is Activity else sa.literal("")
        part = sa.select(
            sa.literal(kind).label("kind"),
            model.id.label("id"),
            at.label("at"),
            model.created_by.label("who"),
            title.label("title"),
            body.label("body"),
            extra.label("verb"),
        ).where(getattr(model, link) == sa.bindparam("record"))
        if earlier:
            part = part.where(at < sa.bindparam("before"))
        parts.append(_walled(part, model, actor).order_by(model.id.desc()).limit(limit))
    return _union(parts)


def _related(model: type[Any], names: tuple[str, ...], actor: Actor, most: int) -> Any | None:
    parts = []
    for name in names:
        other = registry.entity(name)
        if permissions.reach(actor, "read", registry.permission_entity(other)) is not None:
            parts.append(_part(other, model.__tablename__, actor, most))
    for name, link in filters.links(model).items():
        target, through = registry.entity(link.target), registry.entity(link.through)
        if permissions.reach(actor, "read", registry.permission_entity(target)) is None:
            continue
        part = _walled(
            sa.select(*_columns(target, name)).join(through, getattr(through, link.far) == target.id), target, actor
        )
        parts.append(
            part.where(
                getattr(through, link.near) == sa.bindparam("record"),
                through.workspace_id == sa.bindparam("workspace"),
                through.deleted_at.is_(None),
            ).limit(12)
        )
    return _union(parts)


def _part(model: type[Any], entity: str, actor: Actor, most: int) -> Any:
    """The newest of `model`, or its own order where it has one; of what has a position, such as stages, more."""
    part = _walled(sa.select(*_columns(model, model.__tablename__)), model, actor)
    part = part.where(_belongs(model, filters.reference(model, entity) or ""))
    own = hasattr(model, "in_order") and not schema.is_limited(model)
    order = model.in_order() if own else (model.id.desc(),)
    return part.order_by(*order).limit(4 * most if "position" in registry.fields(model) else most)


def _belongs(model: type[Any], name: str) -> Any:
    """That a record of `model` belongs to the record in question, by a field or by a link to many."""
    link = filters.links(model).get(name)
    if link is None:
        return getattr(model, name) == sa.bindparam("record")
    through = registry.entity(link.through)
    ours = sa.and_(through.workspace_id == sa.bindparam("workspace"), through.deleted_at.is_(None))
    linked = sa.select(getattr(through, link.near)).where(getattr(through, link.far) == sa.bindparam("record"), ours)
    return model.id.in_(linked)


def _columns(model: type[Any], entity: str) -> list[Any]:
    extra = next(
        (getattr(model, n) for n in ("label", "state", "side", "kind", "mime") if schema.sees(model, n)),
        sa.literal(""),
    )
    at = getattr(model, "due_at", None) if schema.sees(model, "due_at") else None
    return [
        sa.literal(entity).label("entity"),
        model.id.label("id"),
        sa.func.substr(_title(model), 1, 200).label("title"),
        extra.label("extra"),
        (at if at is not None else model.created_at).label("at"),
    ]


def _title(model: type[Any]) -> Any:
    """What names a record: in words of its own, unless these hold what the role in force does not see."""
    own = hasattr(model, "in_words") and not schema.is_limited(model)
    return model.in_words() if own else getattr(model, registry.title_of(model))


def _walled(statement: Any, model: type[Record], actor: Actor) -> Any:
    statement = statement.where(model.workspace_id == sa.bindparam("workspace"), model.deleted_at.is_(None))
    return permissions.restrict(statement, model, actor)


def _union(parts: list[Any]) -> Any | None:
    return sa.union_all(*(sa.select(p.subquery()) for p in parts)) if parts else None


def _bound(record: Any) -> dict[str, Any]:
    return {"record": record.id, "workspace": scope.workspace_id()}

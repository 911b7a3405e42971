"""What happened around a record, newest first, and what hangs on it; a few statements whatever the number of entities.

The parts of each union carry workspace, bin and reach of their own (`parts`). Statements are kept: `record` and
`workspace` are bound when they run.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from app import permissions
from app.errors import Conflict, NotFound
from app.services import filters, kept, parts, records, schema
from app.services.operation import operation
from models import registry, tenancy
from models.audit import Change
from models.base import session
from models.message import Message
from models.scope import Actor
from models.tracking import TrackedEvent
from models.words import _
from models.work import Activity, Note

_NOISE = frozenset({"note", "activity", "message", "contact_tag"})


@dataclass(frozen=True, slots=True)
class Event:
    """One line of a timeline. `kind` is "change", "note", "activity", "message" or "seen" (what the person
    opened, clicked or visited, by `verb`); `old`/`new` are set for changes.
    """

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
        for entity, key, title, extra, at in session.execute(whole, _bound(record), execution_options=parts.WHY):
            found.setdefault(entity, []).append(Related(entity, key, str(title or ""), extra, at))
    return found


def undo(change_id: int, *, actor: Actor) -> Any:
    """Take one change back, as a change of its own. What was changed, deleted or brought back again since raises
    `Conflict`."""
    change = session.scalars(sa.select(Change).where(Change.id == change_id)).one_or_none()
    if change is None or change.entity not in registry.entities():
        raise NotFound()
    model = registry.entity(change.entity)
    with operation(f"{change.entity}.undo", actor=actor, undoes=change.id):
        if change.verb != "update":
            _untouched_since(change)
        if change.verb in ("create", "restore"):
            return records.delete(model, change.record_id, actor=actor, as_part=bool(model.policy.parent))
        if change.verb == "delete":
            return records.restore(model, change.record_id, actor=actor)
        record = records.load(model, change.record_id, actor=actor, action="write")
        return records.update(
            model, record.id, _old_values(record, change), actor=actor, reason=_("Undo of change {id}", id=change.id)
        )


def name_of(change_id: int, *, actor: Actor) -> str:
    """What the record of a change is called, be it in the bin, as far as it may be read."""
    change = session.scalars(sa.select(Change).where(Change.id == change_id)).one_or_none()
    model = registry.entities().get(change.entity) if change is not None else None
    if change is None or model is None:
        return ""
    if permissions.reach(actor, "read", registry.permission_entity(model)) is None:
        return f"#{change.record_id}"
    title = sa.select(getattr(model, registry.title_of(model))).where(model.id == change.record_id)
    named = session.scalar(permissions.restrict(title, model, actor), execution_options=tenancy.with_deleted())
    return str(named or f"#{change.record_id}")[:60]


def _untouched_since(change: Change) -> None:
    """To add, delete and bring back is taken back only where nobody has done anything to the record since: of two
    deletions the second is somebody's wish, and what was changed after it came is more than what came.
    """
    later = sa.select(Change.verb).where(
        Change.entity == change.entity, Change.record_id == change.record_id, Change.id > change.id
    )
    verbs = set(session.scalars(later.distinct()))
    if {"delete", "restore"} & verbs:
        raise Conflict(_("This record was deleted or brought back again since. Nothing was undone."))
    if verbs:
        raise Conflict(_("This record was changed since. Nothing was undone; delete it by hand if it is not needed."))


def _old_values(record: Any, change: Change) -> dict[str, Any]:
    writable = schema.writable(type(record))
    clashes = [
        n for n in change.new if n in writable and schema.stored(writable[n], schema.value(record, n)) != change.new[n]
    ]
    if clashes:
        labels = ", ".join(str(writable[n].label) for n in clashes)
        raise Conflict(
            _(
                "{labels} was changed again since. Nothing was undone; open the record and set it by hand.",
                labels=labels,
            ),
            version=record.version,
        )
    return {n: schema.of_history(writable[n], v) for n, v in change.old.items() if n in writable}


def _changes(record: Any, actor: Actor, limit: int, before: dt.datetime | None) -> list[Event]:
    about = record.__tablename__ == "contact"
    readable = tuple(
        e
        for e, m in registry.entities().items()
        if e not in _NOISE
        and permissions.reach(actor, "read", registry.permission_entity(m)) == "workspace"
        and (m.policy.subject in (None, "self") or schema.sees(m, m.policy.subject))
    )
    key = ("changes", about, readable if about else None, limit, before is None)
    statement = kept.statement(key, lambda: _changes_of(readable if about else None, limit, before is not None))
    bound = {"entity": record.__tablename__} | _bound(record) | ({} if before is None else {"before": before})
    return [
        Event(
            "change",
            key,
            at,
            _("{who}, for {owner}", who=who, owner=owner) if owner not in (None, who) else who,
            "",
            None,
            entity,
            record_id,
            verb,
            old,
            new,
            undoes,
        )
        for key, at, who, owner, entity, record_id, verb, old, new, undoes in session.execute(
            statement, bound, execution_options=parts.WHY
        )
    ]


def _changes_of(readable: tuple[str, ...] | None, limit: int, earlier: bool) -> Any:
    """The changes of a record; for a contact also those of `readable` entities about the person."""
    c, key = parts.columns(Change), sa.bindparam("record", type_=sa.BigInteger)
    wanted = sa.and_(c.entity == sa.bindparam("entity"), c.record_id == key)
    if readable is not None:
        known = [parts.constant(name) for name in readable]
        wanted = sa.or_(wanted, sa.and_(c.subject_id == key, c.entity.in_(known)))
    names = ("id", "at", "actor", "on_behalf_of", "entity", "record_id", "verb", "old", "new", "undoes")
    statement = sa.select(*(c[n] for n in names)).where(wanted, c.workspace_id == parts.WORKSPACE)
    statement = statement.order_by(c.id.desc()).limit(parts.number(limit))
    return statement.where(c.at < sa.bindparam("before")) if earlier else statement


def _talk(record: Any, actor: Actor, limit: int, before: dt.datetime | None) -> list[Event]:
    link = f"{record.__tablename__}_id"
    key = ("talk", link, limit, before is None, kept.sight(actor, (Note, Activity, Message)), schema.sight())
    whole = kept.statement(key, lambda: _talk_of(link, actor, limit, before is not None))
    if whole is None:
        return []
    bound = _bound(record) | ({} if before is None else {"before": before})
    return [
        Event(
            kind,
            key,
            at,
            _sight(kind, "created_by", who),
            *_seen(kind, title, body),
            kind,
            key,
            _sight(kind, "kind", verb),
        )
        for kind, key, at, who, title, body, verb in session.execute(whole, bound, execution_options=parts.WHY)
    ]


def _sight(kind: str, name: str, value: str) -> str:
    """A value that only some entities have, as far as the role in force sees it."""
    if kind == _SEEN:
        return value
    known = registry.fields(registry.entity(kind))
    return value if name not in known or schema.sees(registry.entity(kind), name) else ""


# What the timeline shows of a note, an activity and an e-mail: its title and its text.
_WORDS = {"note": ("", "body"), "activity": ("title", "details"), "message": ("subject", "state")}
_SEEN = "seen"


def _seen(kind: str, title: str, body: str | None) -> tuple[str, str | None]:
    """Title and text, as far as the role in force sees these fields."""
    if kind == _SEEN:
        return title if schema.sees(Message, "subject") else "", body
    model, (named, written) = registry.entity(kind), _WORDS[kind]
    return title if schema.sees(model, named) else "", body if schema.sees(model, written) else None


def _talk_of(link: str, actor: Actor, limit: int, earlier: bool) -> Any | None:
    note, activity, message, nothing = (*map(parts.columns, (Note, Activity, Message)), parts.constant(""))
    shapes: tuple[tuple[type[Any], str, Any, Any, Any, Any], ...] = (
        (Note, "note", note.created_at, nothing, note.body, nothing),
        (Activity, "activity", activity.happened_at, activity.title, activity.details, activity.kind),
        (Message, "message", message.created_at, message.subject, message.state, nothing),
    )
    each = []
    for model, kind, at, title, body, extra in shapes:
        c = parts.columns(model)
        # What has no time that the role sees has no place in a timeline; nor has what it doesn't see to belong here.
        needed = (link, "happened_at" if model is Activity else "created_at")
        seen = link in c and all(schema.sees(model, name) for name in needed)
        if not seen or permissions.reach(actor, "read", kind) is None:
            continue
        part = sa.select(
            parts.constant(kind).label("kind"),
            c.id,
            at.label("at"),
            c.created_by.label("who"),
            title.label("title"),
            body.label("body"),
            extra.label("verb"),
        ).where(c[link] == sa.bindparam("record"))
        if earlier:
            part = part.where(at < sa.bindparam("before"))
        each.append(parts.walled(part, model, actor).order_by(c.id.desc()).limit(parts.number(limit)))
    if link == "contact_id" and schema.sees(Message, link) and permissions.reach(actor, "read", "message") is not None:
        each.append(_seen_of(actor, limit, earlier))
    if link == "contact_id":
        each.append(_visits_of(limit, earlier))
    return parts.union(each)


def _seen_of(actor: Actor, limit: int, earlier: bool) -> Any:
    """What the person opened and clicked, each once, of e-mails that the viewer may read."""
    c, message = parts.columns(TrackedEvent), parts.columns(Message)
    first, nothing = sa.func.min(c.at), parts.constant("")
    part = sa.select(
        parts.constant(_SEEN).label("kind"), sa.func.min(c.id).label("id"), first.label("at"), nothing.label("who"),
        message.subject.label("title"), c.link.label("body"), c.kind.label("verb"),
    ).join(Message.__table__, sa.and_(message.workspace_id == c.workspace_id, message.id == c.message_id))  # fmt: skip
    part = part.where(c.workspace_id == parts.WORKSPACE, c.contact_id == sa.bindparam("record"), c.human.is_(True))
    if earlier:
        part = part.where(c.at < sa.bindparam("before"))
    part = parts.walled(part, Message, actor).group_by(c.message_id, c.kind, c.link, message.subject)
    return part.order_by(sa.func.min(c.id).desc()).limit(parts.number(limit))


def _visits_of(limit: int, earlier: bool) -> Any:
    """When the person came back to the website; whoever reads the person may know."""
    c, nothing = parts.columns(TrackedEvent), parts.constant("")
    part = sa.select(
        parts.constant(_SEEN).label("kind"), c.id, c.at.label("at"), nothing.label("who"), nothing.label("title"),
        nothing.label("body"), c.kind.label("verb"),
    )  # fmt: skip
    part = part.where(c.workspace_id == parts.WORKSPACE, c.contact_id == sa.bindparam("record"), c.human.is_(True))
    part = part.where(c.kind == parts.constant("return_visit"))
    part = part.where(c.at < sa.bindparam("before")) if earlier else part
    return part.order_by(c.id.desc()).limit(parts.number(limit))


def _related(model: type[Any], names: tuple[str, ...], actor: Actor, most: int) -> Any | None:
    each = []
    for name in names:
        other = registry.entity(name)
        linked = filters.reference(other, model.__tablename__) is not None
        if linked and permissions.reach(actor, "read", registry.permission_entity(other)) is not None:
            each.append(_part(other, model.__tablename__, actor, most))
    for name, link in filters.links(model).items():
        target, through = registry.entity(link.target), registry.entity(link.through)
        if permissions.reach(actor, "read", registry.permission_entity(target)) is None:
            continue
        tie = parts.columns(through)
        part = sa.select(*_columns(target, name)).join(through.__table__, tie[link.far] == parts.columns(target).id)
        part = parts.inside(parts.walled(part, target, actor), through)
        each.append(part.where(tie[link.near] == sa.bindparam("record")).limit(parts.number(12)))
    return parts.union(each)


def _part(model: type[Any], entity: str, actor: Actor, most: int) -> Any:
    """The newest of `model`, or its own order where it has one; of what has a position, such as stages, more."""
    c = parts.columns(model)
    part = parts.walled(sa.select(*_columns(model, model.__tablename__)), model, actor)
    part = part.where(_belongs(model, filters.reference(model, entity) or ""))
    own = hasattr(model, "in_order") and not schema.is_limited(model)
    order = model.in_order(c) if own else (c.id.desc(),)
    return part.order_by(*order).limit(parts.number(4 * most if "position" in registry.fields(model) else most))


def _belongs(model: type[Any], name: str) -> Any:
    """That a record of `model` belongs to the record in question, by a field or by a link to many."""
    c, link = parts.columns(model), filters.links(model).get(name)
    if link is None:
        return c[name] == sa.bindparam("record")
    through = registry.entity(link.through)
    t = parts.columns(through)
    return c.id.in_(parts.inside(sa.select(t[link.near]).where(t[link.far] == sa.bindparam("record")), through))


def _columns(model: type[Any], entity: str) -> list[Any]:
    c = parts.columns(model)
    extra = next(
        (c[n] for n in ("label", "state", "side", "kind", "mime") if schema.sees(model, n)), parts.constant("")
    )
    moment = "due_at" if "due_at" in registry.fields(model) else "created_at"
    return [
        parts.constant(entity).label("entity"),
        c.id,
        sa.func.substr(_title(model), parts.number(1), parts.number(200)).label("title"),
        extra.label("extra"),
        (c[moment] if schema.sees(model, moment) else sa.cast(sa.null(), c[moment].type)).label("at"),
    ]


def _title(model: type[Any]) -> Any:
    """What names a record: in words of its own, unless these hold what the role in force does not see."""
    c = parts.columns(model)
    own = hasattr(model, "in_words") and not schema.is_limited(model)
    return model.in_words(c) if own else c[registry.title_of(model)]


def _bound(record: Any) -> dict[str, Any]:
    return {"record": record.id} | parts.here()

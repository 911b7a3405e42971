"""The fields of an entity in the workspace in force: those of its model, and those that the workspace added; with the
limits of roles and the saved views, which are read along with them.

Everything that reads, writes, shows, filters, exports or describes records asks here and not the model, so that an
added field is one like any other. Does not belong here: defining fields (`app.services.custom_fields`) and the index
rows behind them (`app.services.custom_index`).
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import sqlalchemy as sa

from app.errors import Conflict
from app.services import values
from models import registry, scope, tenancy
from models.base import session
from models.custom import CustomField, EntityLayout, FieldRight
from models.fields import Field, Kind
from models.policy import Category, Purpose
from models.view import FirstView, SavedView, Whose
from models.webhook import Webhook
from models.words import _
from models.workspace import Workspace

_WHY = tenancy.reason("the workspace's own mark, by its own id")
_EMPTY: Mapping[str, Field] = {}
_NO_LIMITS: Mapping[str, Any] = {}
HIDDEN, READ = "hidden", "read"
# What each kind is stored as; all others as texts.
_HELD: Mapping[Kind, type[Any] | tuple[type[Any], ...]] = {
    Kind.MONEY: int,
    Kind.NUMBER: (int, str),
    Kind.RELATION: int,
    Kind.MULTI: list,
}
_BLANK = (None, "", False, ())
_INNER = frozenset({"deleted_at", "name_key"})
_MOST = 500
TOUCHED = "setup touched"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_COLUMNS = (
    "id", "entity", "key", "label", "kind", "hint", "section", "required", "searchable", "options", "target", "places",
    "result", "formula", "personal", "category", "purpose", "deleted_at",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class View:
    """A saved view, see `models.view`."""

    id: int
    name: str
    query: str
    audience: str
    membership_id: int
    team_id: int | None


@dataclass(slots=True)
class Schema:
    """What one workspace added and what its roles see. `added` and `retired`: entity -> key -> field, in order; retired
    fields are in the bin: their values are kept and named in history, and nothing else. `limits`: role -> entity ->
    field -> "hidden" or "read". `views`: entity -> saved views by name. `firsts`: entity -> ("member" or "role", id) ->
    the view that opens first, None for the plain list. `layouts`: entity -> role, or 0 for everybody -> facts of
    `EntityLayout`. `hooks`: webhooks (id, events, active), as every operation must know whether there are any.
    """

    mark: int
    added: Mapping[str, Mapping[str, Field]]
    retired: Mapping[str, Mapping[str, Field]]
    limits: Mapping[int, Mapping[str, Mapping[str, str]]]
    views: Mapping[str, list[View]]
    firsts: Mapping[str, Mapping[Whose, int | None]]
    layouts: Mapping[str, Mapping[int, Mapping[str, Any]]]
    hooks: tuple[tuple[int, frozenset[str], bool], ...]
    seen: dict[tuple[str, int | None], Mapping[str, Field]] = field(default_factory=dict)
    writable: dict[tuple[str, int | None], Mapping[str, Field]] = field(default_factory=dict)
    derived: dict[Hashable, Any] = field(default_factory=dict)  # See `app.services.kept.derived`.


_NOTHING = Schema(0, {}, {}, {}, {}, {}, {}, ())
_cache: dict[int, tuple[int, Schema]] = {}


def fields(model: type[Any]) -> Mapping[str, Field]:
    """Every field of the entity that the role in force sees, by name, the model's own first. What the role may only
    read is read-only.
    """
    here, name, role = current(), model.__tablename__, scope.role()
    limits = here.limits.get(role or 0, _NO_LIMITS).get(name, _NO_LIMITS)
    if name not in here.added and not limits and name not in here.layouts:
        return registry.fields(model)
    key = (name, role)
    if key not in here.seen:
        every = {**registry.fields(model), **here.added.get(name, _EMPTY)}
        told = _laid_out(every, here.layouts.get(name, {}), role)
        here.seen[key] = {
            n: replace(one, readonly=True) if n in limits else one for n, one in told.items() if limits.get(n) != HIDDEN
        }
    return here.seen[key]


def _laid_out(every: dict[str, Field], layouts: Mapping[int, Mapping[str, Any]], role: int | None) -> dict[str, Field]:
    """Fields with the labels, help texts and requirements that the workspace gave them."""
    for plan in (layouts.get(0), layouts.get(role) if role else None):
        for name, (label, hint) in (plan or {}).get("labels", {}).items():
            if name in every:
                every[name] = replace(every[name], label=label or every[name].label, hint=hint or every[name].hint)
        for name in (plan or {}).get("required", ()):
            if name in every:
                every[name] = replace(every[name], required=True)
    return every


def writable(model: type[Any]) -> Mapping[str, Field]:
    """The fields that the role in force may set."""
    here, key = current(), (model.__tablename__, scope.role())
    found = fields(model)
    if found is registry.fields(model):
        return registry.writable(model)
    if key not in here.writable:
        here.writable[key] = {name: one for name, one in found.items() if not one.readonly}
    return here.writable[key]


def added(model: type[Any]) -> Mapping[str, Field]:
    """The fields that the workspace added, as far as the role in force sees them."""
    here, name = current(), model.__tablename__
    if name not in here.added:
        return _EMPTY
    if not here.limits.get(scope.role() or 0):
        return here.added[name]
    return {key: one for key, one in fields(model).items() if one.custom}


def every(model: type[Any]) -> Mapping[str, Field]:
    """Every field whoever looks: for what the product itself keeps of a record, never for what it shows."""
    more = current().added.get(model.__tablename__)
    return {**registry.fields(model), **more} if more else registry.fields(model)


def every_added(model: type[Any]) -> Mapping[str, Field]:
    """Every field that the workspace added, whoever looks."""
    return current().added.get(model.__tablename__, _EMPTY)


def known(model: type[Any]) -> Mapping[str, Field]:
    """Every field that history may name to the role in force: also those in the bin."""
    here, name = current(), model.__tablename__
    retired = here.retired.get(name)
    if not retired:
        return fields(model)
    limits = here.limits.get(scope.role() or 0, _NO_LIMITS).get(name, _NO_LIMITS)
    return {**{key: one for key, one in retired.items() if limits.get(key) != HIDDEN}, **fields(model)}


def every_known(model: type[Any]) -> Mapping[str, Field]:
    """Every field that history may hold, whoever looks."""
    retired = current().retired.get(model.__tablename__)
    return {**retired, **every(model)} if retired else every(model)


def unseen(model: type[Any]) -> set[str]:
    """The fields that history may hold and that the role in force does not see."""
    return set(every_known(model)) - set(known(model))


def limits_of(role_id: int | None) -> Mapping[str, Mapping[str, str]]:
    """What a role is kept from: entity -> field -> level."""
    return current().limits.get(role_id or 0, _NO_LIMITS)


def sight() -> Hashable:
    """What the fields that are seen depend on, as a part of a kept statement's key."""
    here, role = current(), scope.role()
    return (here.mark, role) if here.limits.get(role or 0) else None


def is_limited(model: type[Any]) -> bool:
    """Whether the role in force is kept from any field of the entity."""
    return bool(limits_of(scope.role()).get(model.__tablename__))


def sees(model: type[Any], name: str) -> bool:
    """Whether the role in force sees a field."""
    return name in fields(model)


def readable(model: type[Any]) -> Mapping[str, Field]:
    """The members of an entity as programs see it: every typed field but secrets and plumbing."""
    return {n: f for n, f in fields(model).items() if not f.secret and n not in _INNER}


def whole(record: Any, names: Iterable[str] | None = None) -> dict[str, Any]:
    """A record as JSON for programs, with every member or those of `names`."""
    members = readable(type(record))
    wanted = members if names is None else names
    return {"id": record.id} | {n: values.to_json(members[n], value(record, n)) for n in wanted}


def is_required(model: type[Any], name: str) -> bool:
    """Whether a form must not leave the field empty; yes or no is never empty."""
    one = fields(model).get(name) or every(model)[name]
    if one.kind is Kind.BOOLEAN:
        return False
    return one.required or (not one.custom and not model.__table__.c[name].nullable)


def value(record: Any, name: str) -> Any:
    """The value of a field of a record, whoever looks: who shows it asks `fields` first."""
    if not name.startswith(registry.CUSTOM_PREFIX):
        return getattr(record, name)
    return of_stored(every(type(record))[name], (record.custom or {}).get(name))


def of_stored(one: Field, kept: Any) -> Any:
    """The value of what a record's `custom` holds; only yes is kept of yes and no. What another type of the field left
    behind is no value.
    """
    if one.kind is Kind.BOOLEAN:
        return kept is True
    if kept is None or not isinstance(kept, _HELD.get(one.kind, str)) or isinstance(kept, bool):
        return None
    try:
        return values.revived(one, kept)
    except (ArithmeticError, ValueError):
        return None


def of_history(one: Field, kept: Any) -> Any:
    """The value that history kept; raises `Conflict` for what the field was of another type for."""
    if not one.custom:
        return values.revived(one, kept)
    value = of_stored(one, kept)
    if value is None and kept is not None:
        raise Conflict(
            _("{label} is of another type now. Nothing was undone; set it by hand.", label=one.label), version=0
        )
    return value


def told(one: Field, kept: Any, locale: values.Locale) -> str:
    """What history holds, as text; also what the field held when it was of another type."""
    if not one.custom:
        return values.to_text(one, values.revived(one, kept), locale)
    value = of_stored(one, kept)
    if value is None and kept is not None:
        return ", ".join(map(str, kept)) if isinstance(kept, list) else str(kept)
    return values.to_text(one, value, locale)


def stored(one: Field, value: Any) -> Any:
    """A value as the record's `custom` and history keep it; what is empty is not kept in an added field."""
    return None if one.custom and value in _BLANK else values.stored(value)


def put(record: Any, wanted: Mapping[str, Any]) -> None:
    """Set fields of a record; what does not change is not touched."""
    custom = dict(record.custom or {})
    for name, new in wanted.items():
        if not name.startswith(registry.CUSTOM_PREFIX):
            if getattr(record, name) != new:
                setattr(record, name, new)
        elif new in _BLANK:
            custom.pop(name, None)
        else:
            custom[name] = values.stored(new)
    if custom != (record.custom or {}):
        record.custom = custom or None


def current() -> Schema:
    """The schema of the workspace in force; outside any workspace nothing is added."""
    where = scope.current()
    if not isinstance(where, int):
        return _NOTHING
    told = session().info.get("schema")
    if told is None or told[0] != where:
        with session.no_autoflush:
            mark = session.scalar(sa.select(Workspace.schema_mark).where(Workspace.id == where)) or 0
            enter(where, mark)
        told = session().info["schema"]
    found: Schema = told[1]
    return found


def enter(workspace: int, mark: int) -> None:
    """Take the schema of a workspace for this session. `mark` is the workspace's `schema_mark`, read with it."""
    session().info["schema"] = (workspace, _of(workspace, mark))


def renew(records: Iterable[Any]) -> None:
    """Where definitions or webhooks are among the records of an operation, have every session read the schema anew."""
    for workspace in {record.workspace_id for record in records if isinstance(record, CustomField | Webhook)}:
        renew_workspace(workspace)


def renew_workspace(workspace: int) -> None:
    """Have every session read the schema of a workspace anew; part of the operation that is open."""
    table = Workspace.__table__
    statement = sa.update(table).where(table.c.id == workspace).values(schema_mark=secrets.randbits(62) or 1)
    session.execute(statement, execution_options=_WHY)
    touch(workspace)
    leave()


def touch(workspace: int) -> None:
    """Have the open operation look, when it closes, whether the set-up changed (`app.services.setup.states`)."""
    session().info.setdefault(TOUCHED, set()).add(workspace)


def hold() -> None:
    """Keep others from changing the schema of the workspace until the open operation ends: of two who do the same at
    once, the second sees what the first did.
    """
    renew_workspace(scope.workspace_id())


def leave() -> None:
    """Forget the schema in this session, as its fields change in the open operation."""
    session().info.pop("schema", None)


def _of(workspace: int, mark: int) -> Schema:
    """From the cache or one statement. A mark is drawn at random for each change, so that one which was rolled back
    can't name another schema.
    """
    if not mark:
        return _NOTHING
    known_mark, found = _cache.get(workspace, (0, _NOTHING))
    if known_mark != mark:
        if len(_cache) >= _MOST:
            _cache.clear()
        found = _read(workspace, mark)
        _cache[workspace] = (mark, found)
    return found


def _read(workspace: int, mark: int) -> Schema:
    columns = (getattr(CustomField, name) for name in _COLUMNS)
    statement = sa.select(*columns).order_by(CustomField.position, CustomField.id)
    added: dict[str, dict[str, Field]] = {}
    retired: dict[str, dict[str, Field]] = {}
    with scope.inside(workspace), session.no_autoflush:
        for row in session.execute(statement, execution_options=tenancy.with_deleted()):
            (added if row.deleted_at is None else retired).setdefault(row.entity, {})[row.key] = made(row)
        limits: dict[int, dict[str, dict[str, str]]] = {}
        for right in session.scalars(sa.select(FieldRight)):
            limits.setdefault(right.role_id, {}).setdefault(right.entity, {})[right.field] = right.level
        for of_role in limits.values():
            for entity, levels in of_role.items():
                levels |= _told_by_formulas({**retired.get(entity, _EMPTY), **added.get(entity, _EMPTY)}, levels)
        views: dict[str, list[View]] = {}
        for one in session.scalars(sa.select(SavedView).order_by(SavedView.name, SavedView.id)):
            facts = (one.id, one.name, one.query, one.audience, one.membership_id, one.team_id)
            views.setdefault(one.entity, []).append(View(*facts))
        firsts: dict[str, dict[Whose, int | None]] = {}
        for first in session.scalars(sa.select(FirstView)):
            firsts.setdefault(first.entity, {})[first.whose] = first.view_id
        layouts: dict[str, dict[int, Mapping[str, Any]]] = {}
        for plan in session.scalars(sa.select(EntityLayout)):
            layouts.setdefault(plan.entity, {})[plan.role_id] = plan.facts
        told = session.execute(sa.select(Webhook.id, Webhook.events, Webhook.state)).all()
    hooks = tuple((key, frozenset(events), state == "active") for key, events, state in told)
    return Schema(mark, added, retired, limits, views, firsts, layouts, hooks)


def _told_by_formulas(added: Mapping[str, Field], levels: Mapping[str, str]) -> dict[str, str]:
    """Computed fields that name a hidden one: what is worked out of a value tells of it."""
    hidden = {name for name, level in levels.items() if level == HIDDEN}
    return {name: HIDDEN for name, one in added.items() if hidden & set(_NAME.findall(one.formula))}


def made(row: Any) -> Field:
    """The field that a definition describes; `row` has the columns of `CustomField`."""
    kind = row.result if row.kind == "computed" else {"file": "relation"}.get(row.kind, row.kind)
    options = [(o["key"], o["label"], bool(o.get("retired"))) for o in row.options or ()]
    return Field(
        Kind(kind),
        row.label,
        row.hint or "",
        personal=row.personal,
        readonly=row.kind == "computed",
        choices=tuple((key, label) for key, label, gone in options if not gone),
        retired=tuple((key, label) for key, label, gone in options if gone),
        target="stored_file" if row.kind == "file" else row.target,
        max_length={"text": 200, "textarea": 20_000, "email": 254, "phone": 40, "url": 2000}.get(kind),
        category=Category(row.category), purpose=Purpose(row.purpose), custom=row.id, required=row.required,
        searchable=row.searchable, places=row.places, formula=row.formula or "", section=row.section,
    )  # fmt: skip

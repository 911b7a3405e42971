"""The fields of an entity in the workspace in force: those of its model, and those that the workspace added.

Everything that reads, writes, shows, filters, exports or describes records asks here and not the model, so that an
added field is one like any other. Does not belong here: defining fields (`app.services.custom_fields`) and the index
rows behind them (`app.services.custom_index`).
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from app.services import values
from models import registry, scope, tenancy
from models.base import session
from models.custom import CustomField
from models.fields import Field, Kind
from models.policy import Category, Purpose
from models.webhook import Webhook
from models.workspace import Workspace

_WHY = tenancy.reason("the workspace's own mark, by its own id")
_EMPTY: Mapping[str, Field] = {}
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
_COLUMNS = (
    "id", "entity", "key", "label", "kind", "hint", "section", "required", "searchable", "options", "target", "places",
    "result", "formula", "personal", "category", "purpose", "deleted_at",
)  # fmt: skip


@dataclass(slots=True)
class Schema:
    """What one workspace added: entity -> key -> field, in order. `retired` are fields in the bin: their values are
    kept and named in history, and nothing else. `hooks` are its active webhooks (id, events), as every operation must
    know whether there are any.
    """

    added: Mapping[str, Mapping[str, Field]]
    retired: Mapping[str, Mapping[str, Field]]
    hooks: tuple[tuple[int, frozenset[str]], ...] = ()
    merged: dict[str, Mapping[str, Field]] = field(default_factory=dict)
    writable: dict[str, Mapping[str, Field]] = field(default_factory=dict)


_NOTHING = Schema({}, {})
_cache: dict[int, tuple[int, Schema]] = {}


def fields(model: type[Any]) -> Mapping[str, Field]:
    """Every field of the entity by name, the model's own first."""
    here, name = current(), model.__tablename__
    if name not in here.added:
        return registry.fields(model)
    if name not in here.merged:
        here.merged[name] = {**registry.fields(model), **here.added[name]}
    return here.merged[name]


def writable(model: type[Any]) -> Mapping[str, Field]:
    """The fields that a person may set."""
    here, name = current(), model.__tablename__
    if name not in here.added:
        return registry.writable(model)
    if name not in here.writable:
        more = {key: one for key, one in here.added[name].items() if not one.readonly}
        here.writable[name] = {**registry.writable(model), **more}
    return here.writable[name]


def added(model: type[Any]) -> Mapping[str, Field]:
    """The fields that the workspace added."""
    return current().added.get(model.__tablename__, _EMPTY)


def known(model: type[Any]) -> Mapping[str, Field]:
    """Every field that history may name: also those in the bin."""
    retired = current().retired.get(model.__tablename__)
    return {**retired, **fields(model)} if retired else fields(model)


def readable(model: type[Any]) -> Mapping[str, Field]:
    """The members of an entity as programs see it: every typed field but secrets and plumbing."""
    return {n: f for n, f in fields(model).items() if not f.secret and n not in _INNER}


def whole(record: Any) -> dict[str, Any]:
    """A record as JSON for programs."""
    return {"id": record.id} | {n: values.to_json(f, value(record, n)) for n, f in readable(type(record)).items()}


def is_required(model: type[Any], name: str) -> bool:
    """Whether a form must not leave the field empty; yes or no is never empty."""
    one = fields(model)[name]
    if one.kind is Kind.BOOLEAN:
        return False
    return one.required if one.custom else not model.__table__.c[name].nullable


def value(record: Any, name: str) -> Any:
    """The value of a field of a record."""
    if not name.startswith(registry.CUSTOM_PREFIX):
        return getattr(record, name)
    return of_stored(fields(type(record))[name], (record.custom or {}).get(name))


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
    table = Workspace.__table__
    for workspace in {record.workspace_id for record in records if isinstance(record, CustomField | Webhook)}:
        statement = sa.update(table).where(table.c.id == workspace).values(schema_mark=secrets.randbits(62) or 1)
        session.execute(statement, execution_options=_WHY)
        leave()


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
        found = _read(workspace)
        _cache[workspace] = (mark, found)
    return found


def _read(workspace: int) -> Schema:
    columns = (getattr(CustomField, name) for name in _COLUMNS)
    statement = sa.select(*columns).order_by(CustomField.position, CustomField.id)
    added: dict[str, dict[str, Field]] = {}
    retired: dict[str, dict[str, Field]] = {}
    with scope.inside(workspace), session.no_autoflush:
        for row in session.execute(statement, execution_options=tenancy.with_deleted()):
            (added if row.deleted_at is None else retired).setdefault(row.entity, {})[row.key] = made(row)
        active = session.execute(sa.select(Webhook.id, Webhook.events).where(Webhook.state == "active")).all()
    return Schema(added, retired, tuple((key, frozenset(events)) for key, events in active))


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
        category=Category(row.category),
        purpose=Purpose(row.purpose),
        custom=row.id,
        required=row.required,
        searchable=row.searchable,
        places=row.places,
        formula=row.formula or "",
        section=row.section,
    )

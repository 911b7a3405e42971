"""Valid records of any entity, made from the kinds of its fields, so that a new entity is covered without a line here.

Two ways: `values` for the write paths (service, form, REST), and `plant`, which puts one row with the same id into
every table of a
brokerage. Every text of a planted row holds the word `WORD` and the brokerage's slug: a leak shows as the other's slug.
"""

from __future__ import annotations

import datetime as dt
import re
import secrets
import zlib
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from app.services import records, schema, values, verbs
from app.services.expansion import MOST_KINDS
from models import normal, registry
from models.base import Model, db
from models.encrypted import Encrypted
from models.fields import Field, Kind, now
from models.scope import Actor
from tests.factories import SYSTEM, Office

WORD = "zanzibar"
HARBOUR_ID, SUMMIT_ID = 9_000_001, 8_000_001
LOCALE = values.Locale("America/New_York")
_PHONES = {"harbour": "+14155550187", "summit": "+14155550112"}
# Tables that get no planted row, with the reason.
_BARE = {
    "workspace": "the world founds the brokerages themselves",
    "ab_user_role": "rights come from memberships alone",
    "ab_user_group": "the library's groups are not used",
    "subject_key": "a key is made with its subject; a made-up one opens nothing",
    "mail_server": "with one, the e-mails of these tests would go to it",
    "audit_seal": "the sealer writes it; a made-up seal would be a broken chain",
    "audit_head": "the sealer writes it; a made-up head would be a broken chain",
}
# What a text cannot guess: columns that name something else in the database.
_NAMED: dict[str, dict[str, Any]] = {
    "change": {
        "entity": "contact",
        "verb": "update",
        "old": {"next_step": f"{WORD} {{mark}}"},
        "new": {"next_step": f"{WORD} {{mark}} next_step"},
    },
    "audit": {"entity": "contact"},
    # A field of the brokerage's own on contacts, with a value in the planted contact: it is walked like any other.
    "custom_field": {
        "entity": "contact",
        "key": "x_{mark}",
        "kind": "text",
        "searchable": True,
        "options": None,
        "target": None,
        "result": None,
        "formula": None,
    },
    "saved_view": {"entity": "contact", "audience": "workspace", "query": f"q={WORD}+{{mark}}"},
    "view_subscription": {"rhythm": "weekly"},
    "dashboard": {"audience": "workspace"},
    "dashboard_layer": {
        "role_id": 0,
        "membership_id": None,
        "facts": {
            "tiles": {"{key}": {"kind": "bar", "title": f"{WORD} {{mark}} tile", "entity": "contact", "by": "stage"}}
        },
    },
    "setup_state": {"document": zlib.compress(b"{}")},
    "setup_file": {"document": zlib.compress(b'{"items": {}, "names": {}}')},
    "custom_value": {"n": None, "t": f"{WORD} {{mark}} custom"},
    "contact": {"custom": {"x_{mark}": f"{WORD} {{mark}} custom"}},
    "import_batch": {"mapping": {"origin": "", "choices": []}},
    "job": {"name": "draft.make", "state": "dead"},
}


# Where fields owe something to each other, or a text has a form: the values that fit.
_FITTING: dict[str, dict[str, Any]] = {
    "booking": {"ends_at": dt.datetime(2026, 5, 14, 17, tzinfo=dt.UTC)},
    "booking_page": {"address": f"{WORD}-{{mark}}", "step": 30},
    "working_hours": {"day": None, "begins": "09:00", "ends": "17:00"},
}


def value(field: Field, name: str, mark: str, ids: Mapping[str, int]) -> Any:  # noqa: C901  one line per kind
    """A valid clean value of a field; `mark` makes it unique, `ids` has a record per related entity."""
    match field.kind:
        case Kind.EMAIL:
            return f"{WORD}.{name}@{mark}.example.com".lower()
        case Kind.PHONE:
            return _PHONES.get(mark, "+14155550134")
        case Kind.URL:
            return f"https://{mark}.example.com/{WORD}"
        case Kind.MONEY:
            return 4_200_00
        case Kind.NUMBER:
            return Decimal("7.5").quantize(Decimal(1).scaleb(-field.places)) if field.places else 7
        case Kind.DATE:
            return dt.date(1980, 5, 14)
        case Kind.MOMENT:
            return dt.datetime(2026, 5, 14, 16, 30, tzinfo=dt.UTC)
        case Kind.BOOLEAN:
            return False
        case Kind.CHOICE:
            return field.choices[0][0]
        case Kind.MULTI:
            return tuple(key for key, _ in field.choices[:2])
        case Kind.RELATION:
            return ids.get(field.target or "")
        case Kind.JSON:
            return {WORD: mark}
    return f"{WORD} {mark} {name}"[: field.max_length or 200]


def make(model: type[Any], mark: str, *, actor: Actor = SYSTEM, ids: dict[str, int] | None = None, **given: Any) -> Any:
    """A record through the service, with the records it needs made first; must run inside a workspace."""
    return records.create(model, {**needed(model, mark, actor=actor, ids=ids), **given}, actor=actor)


def needed(model: type[Any], mark: str, *, actor: Actor = SYSTEM, ids: dict[str, int] | None = None) -> dict[str, Any]:
    """Values for every writable field; records that required relations point to are made, optional relations stay
    empty."""
    ids = {} if ids is None else ids
    columns = model.__table__.columns
    for name, field in registry.writable(model).items():
        if field.kind is Kind.RELATION and not columns[name].nullable and field.target and field.target not in ids:
            ids[field.target] = make(registry.entity(field.target), mark, actor=actor, ids=ids).id
    return values_of(model, mark, ids)


def values_of(model: type[Any], mark: str, ids: Mapping[str, int] | None = None) -> dict[str, Any]:
    """Values for every writable field, with relations from `ids` alone."""
    fitting = {n: _marked(v, _slug(mark), "") for n, v in _FITTING.get(model.__tablename__, {}).items()}
    found = {n: fitting.get(n, value(f, n, mark, ids or {})) for n, f in registry.writable(model).items()}
    return {n: v for n, v in found.items() if v is not None and fitting.get(n, v) is not None}


def _slug(mark: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", mark.lower()).strip("-")


def fresh(model: type[Any], mark: str, ids: Mapping[str, int], which: int = 0) -> dict[str, Any]:
    """Values for a record beside the planted one. A link that must be unique starts at another record, the
    `which`-th."""
    found, known = values_of(model, mark, ids), registry.fields(model)
    for names in records.unique_sets(model):
        if all(known[n].kind is Kind.RELATION for n in names):
            others = {n: _others(known[n].target or "") for n in names}
            name = next(n for n in names if others[n])
            found[name] = others[name][which]
    return found


def changed(model: type[Any]) -> dict[str, Any]:
    """One field with another value."""
    for name, field in registry.writable(model).items():
        if field.kind in (Kind.TEXT, Kind.LONG_TEXT, Kind.EMAIL):
            return {name: value(field, name, "changed", {})}
    for name, field in registry.writable(model).items():
        if field.kind is Kind.RELATION and len(others := _others(field.target or "")) > 2:
            return {name: others[-1]}
    raise LookupError(f"{model.__tablename__} has no field that a sample could change.")


def makeable(model: type[Any]) -> bool:
    """Whether the generic service can add one: some, like a membership, need what only their own operation can give."""
    known, columns = registry.fields(model), model.__table__.columns
    own = {n: f for n, f in known.items() if n not in registry.PLUMBING}
    return not any(f.readonly and not columns[n].nullable and columns[n].default is None for n, f in own.items())


def _others(entity: str) -> list[int]:
    """Other records of Summit, which the world brings along."""
    table = Model.metadata.tables[entity]
    same = sa.select(table.c.workspace_id).where(table.c.id == SUMMIT_ID).scalar_subquery()
    with db.engine.connect() as connection:
        return list(
            connection.scalars(
                sa.select(table.c.id).where(table.c.workspace_id == same, table.c.id != SUMMIT_ID).order_by(table.c.id)
            )
        )


def typed_answers(asked: verbs.Verb, key: int, model: type[Any]) -> dict[str, Any]:
    """What a verb asks for, as a form sends it; relations get `key`. Of all fields the last text is set."""
    ids = dict.fromkeys(registry.entities(), key)
    sent: dict[str, Any] = {}
    if asked.asking is not None:
        texts = [n for n, f in verbs.settable(model).items() if f.kind in (Kind.TEXT, Kind.LONG_TEXT)]
        sent["field"] = (texts or list(verbs.settable(model)) or [""])[-1]
    for name, field in asked.questions(model, sent).items():
        sent.setdefault(name, values.to_input(field, value(field, name, "asked", ids), LOCALE))
    return sent | {"asked": list(sent)}


def typed(model: type[Any], clean: Mapping[str, Any]) -> dict[str, str]:
    """Clean values as a form sends them."""
    known = registry.fields(model)
    return {n: values.to_input(known[n], v, LOCALE) for n, v in clean.items()}


def as_json(model: type[Any], clean: Mapping[str, Any]) -> dict[str, Any]:
    """Clean values as REST takes them."""
    known = registry.fields(model)
    return {n: values.to_json(known[n], v) for n, v in clean.items()}


def expansion(spec: Any, most: int = MOST_KINDS) -> str:
    """The parameter of REST that expands the links of an entity, to at most so many kinds of records; or nothing."""
    kinds: dict[str, str] = {}
    for name, field in schema.readable(spec.model).items():
        if field.kind is Kind.RELATION and field.target and len(kinds) < most:
            kinds.setdefault(field.target, name)
    return f"expand={','.join(kinds.values())}" if kinds else ""


def plant(office: Office, key: int) -> None:
    """One row with id `key` in every table that belongs to a brokerage or to its people; needs an application
    context."""
    with db.engine.begin() as connection:
        for table in Model.metadata.sorted_tables:
            if table.name not in _BARE and _belongs(table):
                connection.execute(sa.insert(table), [_row(table, office, key)])
        workspace = Model.metadata.tables["workspace"]
        connection.execute(
            sa.update(workspace).where(workspace.c.id == office.id).values(schema_mark=secrets.randbits(62))
        )


def planted_tables() -> list[sa.Table]:
    return [t for t in Model.metadata.sorted_tables if t.name not in _BARE and _belongs(t)]


def _belongs(table: sa.Table) -> bool:
    return "workspace_id" in table.c or "user_id" in table.c or table.name == "ab_user"


def _row(table: sa.Table, office: Office, key: int) -> dict[str, Any]:
    ids = dict.fromkeys(registry.entities(), key)
    row = {}
    for column in table.columns:
        found = _cell(column, office, key, ids)
        if found is not None:
            row[column.name] = found
    if "name_key" in row:
        row["name_key"] = normal.name_key(row["name"])
    named = _FITTING.get(table.name, {}) | _NAMED.get(table.name, {})
    return row | {n: _marked(v, office.slug, str(key)) for n, v in named.items()}


def _marked(given: Any, mark: str, key: str) -> Any:
    if isinstance(given, dict):
        return {_marked(n, mark, key): _marked(v, mark, key) for n, v in given.items()}
    return given.replace("{mark}", mark).replace("{key}", key) if isinstance(given, str) else given


def _cell(column: sa.Column[Any], office: Office, key: int, ids: Mapping[str, int]) -> Any:
    field: Field | None = column.info.get("field")
    numeric = isinstance(column.type, sa.Integer | sa.BigInteger)
    if column.name == "workspace_id":
        return office.id
    if column.name == "version":
        return 1
    if column.name in ("deleted_at", "revoked_at", "used_at", "accepted_at"):
        return None
    if numeric and (column.name == "id" or column.name.endswith("_id") or column.foreign_keys):
        return None if column.table.name == "ab_user" and column.name != "id" else key
    if column.default is not None and not (
        field and field.kind in (Kind.TEXT, Kind.LONG_TEXT) and column.default.arg == ""
    ):
        return None
    if field is not None:
        return value(field, column.name, office.slug, ids)
    return _plain(column, office.slug)


def _plain(column: sa.Column[Any], mark: str) -> Any:
    kind = column.type
    if isinstance(kind, sa.String | sa.Text):
        text = f"{WORD} {mark} {column.table.name}.{column.name}"
        return text[: getattr(kind, "length", None) or 200]
    if column.nullable:
        return None
    if isinstance(kind, Encrypted) and kind.payload == "text":
        return f"{WORD} {mark}"
    if isinstance(kind, sa.LargeBinary):
        return f"{WORD} {mark}".encode()
    if isinstance(kind, sa.Boolean):
        return True
    if isinstance(kind, sa.Integer | sa.BigInteger | sa.Float):
        return 1
    if isinstance(kind, sa.JSON) or "Json" in repr(kind) or "JSON" in repr(kind):
        return {WORD: mark}
    return now()

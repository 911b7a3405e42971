"""Worlds that differ in nothing but what a role is kept from.

A world is a copy of one database in which the hidden fields of three records of every entity, their history and their
index rows hold the values of a variant. Does not belong here: asking them (`tests.contracts.hidden_surfaces`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from flask import Flask

from app.services import custom_index, field_rights, records, schema, values
from models import registry
from models.base import Model, db, session
from models.custom import CustomValue
from models.fields import Field, Kind
from models.view import SavedView
from tests.contracts.conftest import Program, program
from tests.contracts.samples import SUMMIT_ID
from tests.contracts.test_statements import _apart
from tests.factories import SYSTEM, Browser, Office, World, sign_in
from tests.factories_fields import define_all

VARIANTS = ("one", "other", "empty")
WHO = "broker"
RECORDS = (SUMMIT_ID, SUMMIT_ID + 1, SUMMIT_ID + 2)
EXTENDED = ("contact", "deal", "task")
# What a definition says is the interface itself: with another one, everybody is meant to see another page.
_MEANT = frozenset({"custom_field"})
_TOLD = frozenset({"membership.user_id", "membership.role_id", "membership.active", "deal.closed_on"})
MOMENT = dt.datetime(2026, 6, 1, 9, 30, tzinfo=dt.UTC)
Pick = Callable[[int], bool]


@dataclass
class Worlds:
    """`hidden` are the fields that the role is kept from, by entity, with all that is known of them."""

    app: Flask
    office: Office
    client: Browser
    key: Program
    hidden: dict[str, dict[str, Field]] = field(default_factory=dict)


def found(app: Flask, world: World, pick: Pick, *, limit: bool = True) -> Worlds:
    """The database that every world is a copy of: three records of each entity, added fields of every type, and a role
    that is kept from those fields of all that `pick` chooses by their number.
    """
    office = world.summit
    with app.app_context():
        with office.inside():
            for entity in EXTENDED:
                define_all(entity, actor=SYSTEM)
        _copy_records()
        with office.inside():
            hidden = _hide(office, pick, limit)
            for entity, names in hidden.items():
                _share_view(office, entity, list(names))
        session.remove()
    client = app.test_client()
    assert isinstance(client, Browser)
    sign_in(client, office.people[WHO])
    client.get("/")
    return Worlds(app, office, client, program(app, office, WHO), hidden)


def _hide(office: Office, pick: Pick, limit: bool) -> dict[str, dict[str, Field]]:
    hidden: dict[str, dict[str, Field]] = {}
    number = 0
    for entity in field_rights.entities():
        if entity in _MEANT:
            continue
        model = registry.entity(entity)
        for name, (one, levels) in field_rights.limitable(model).items():
            number += 1
            if schema.HIDDEN in levels and pick(number):
                hidden.setdefault(entity, {})[name] = one
    for entity, names in hidden.items() if limit else ():
        wanted = dict.fromkeys(names, schema.HIDDEN)
        field_rights.limit(office.people[WHO].role_id, entity, wanted, actor=SYSTEM)
    # What is worked out of a hidden field is hidden with it.
    for entity, names in hidden.items():
        for name, one in schema.every_added(registry.entity(entity)).items():
            if one.formula and any(other in one.formula for other in names):
                names[name] = one
    return hidden


def _copy_records() -> None:
    with db.engine.begin() as connection:
        for table in Model.metadata.sorted_tables:
            if table.name in registry.entities() or table.name == "ab_user":
                planted = connection.execute(sa.select(table).where(table.c.id == SUMMIT_ID)).mappings().one()
                rows = [
                    dict(planted) | _apart(table, planted, number) | {"id": SUMMIT_ID + number} for number in (1, 2)
                ]
                connection.execute(sa.insert(table), rows)
        connection.execute(sa.update(Model.metadata.tables["workspace"]).values(schema_mark=4711))
    schema.leave()


def _share_view(office: Office, entity: str, names: list[str]) -> None:
    """A view of a colleague that asks for all of it."""
    asked = "&".join(f"f={name}:filled" for name in names[:8])
    with db.engine.begin() as connection:
        connection.execute(
            sa.insert(SavedView.__table__),
            {
                "workspace_id": office.id, "entity": entity, "name": f"By {entity}", "audience": "workspace",
                "membership_id": office.owner.membership_id, "created_at": MOMENT,
                "query": f"{asked}&sort=-{names[0]}&group={names[0]}&cols={names[-1]}&totals=1",
            },
        )  # fmt: skip


def become(worlds: Worlds, variant: str) -> None:
    """Write the values of a variant over those of the base; needs an application context."""
    with db.engine.begin() as connection:
        for entity, names in worlds.hidden.items():
            model = registry.entity(entity)
            table = model.__table__
            unique = {name for names in records.unique_sets(model) for name in names if name != "email"}
            for place, key in enumerate(RECORDS):
                own, added = {}, {}
                for name, one in names.items():
                    if one.custom or not (name in unique or _is_meant(table.c[name])):
                        (added if one.custom else own)[name] = _value(model, name, one, variant, place)
                if added:
                    kept = connection.scalar(sa.select(table.c.custom).where(table.c.id == key)) or {}
                    stored = {n: schema.stored(names[n], v) for n, v in added.items()}
                    own["custom"] = {n: v for n, v in {**kept, **stored}.items() if v is not None} or None
                    _index(connection, worlds.office.id, key, names, own["custom"] or {})
                connection.execute(sa.update(table).where(table.c.id == key).values(own))
            _remember(connection, worlds.office.id, model, names, variant)


def _is_meant(column: Any) -> bool:
    """What is told by what everybody sees: who is a member with which role, and that a deal in an open stage is not
    closed.
    """
    return f"{column.table.name}.{column.name}" in _TOLD


def _index(connection: Any, workspace: int, key: int, names: Mapping[str, Field], custom: Mapping[str, Any]) -> None:
    table = CustomValue.__table__
    ids = [one.custom for one in names.values() if one.custom]
    connection.execute(sa.delete(table).where(table.c.record_id == key, table.c.field_id.in_(ids)))
    known = {n: one for n, one in names.items() if one.custom}
    rows = custom_index.rows(known, custom, workspace, key, None)
    if rows:
        connection.execute(sa.insert(table), rows)


def _remember(connection: Any, workspace: int, model: Any, names: Mapping[str, Field], variant: str) -> None:
    """History and log of changes to the hidden fields, and of one that everybody sees."""
    old = {n: values.stored(_value(model, n, one, variant, 0)) for n, one in names.items()}
    new = {n: values.stored(_value(model, n, one, variant, 1)) for n, one in names.items()}
    title, person = registry.title_of(model), model.policy.subject
    about = _value(model, person, names[person], variant, 0) if person and person in names else None
    change = {
        "workspace_id": workspace, "at": MOMENT, "operation": f"{model.__tablename__}.update", "verb": "update",
        "entity": model.__tablename__, "record_id": SUMMIT_ID, "version": 2, "actor": "Olive Owen",
        "subject_id": about,
        "old": {**old, title: "Before"}, "new": {**new, title: "After"},
    }  # fmt: skip
    connection.execute(sa.insert(Model.metadata.tables["change"]), change)
    facts = {"fields": sorted([*names, title]), **{n: [old[n], new[n]] for n in names}}
    audit = {
        "workspace_id": workspace, "at": MOMENT, "action": f"{model.__tablename__}.update", "digest": b"0" * 32,
        "entity": model.__tablename__, "record_id": SUMMIT_ID, "actor_kind": "user", "actor": "Olive Owen",
        "facts": facts,
    }  # fmt: skip
    connection.execute(sa.insert(Model.metadata.tables["audit"]), audit)


def _value(model: Any, name: str, one: Field, variant: str, place: int) -> Any:  # noqa: C901  one line per kind
    """The value of a hidden field: of the two filled variants the records stand in opposite orders."""
    column = model.__table__.c.get(name)
    needed = column is not None and not column.nullable
    if variant == "empty" and not needed:
        return False if one.kind is Kind.BOOLEAN else None
    turn = place if variant == "one" else 9 - place
    word = f"opaque{turn}"
    match one.kind:
        case Kind.EMAIL:
            return f"{word}.{name}@example.com"
        case Kind.PHONE:
            return f"+1415555018{turn}"
        case Kind.URL:
            return f"https://{word}.example.com/"
        case Kind.MONEY | Kind.NUMBER:
            number = 1000 + turn * 111
            return Decimal(number).quantize(Decimal("0.01")) if one.places else number
        case Kind.DATE:
            return dt.date(1980, 5, 1 + turn)
        case Kind.MOMENT:
            return dt.datetime(2026, 5, 1 + turn, 16, 30, tzinfo=dt.UTC)
        case Kind.BOOLEAN:
            return bool(turn % 2)
        case Kind.CHOICE:
            return one.choices[turn % len(one.choices)][0]
        case Kind.MULTI:
            return tuple(key for key, _ in one.choices[: 1 + turn % 2]) or None
        case Kind.RELATION:
            return RECORDS[turn % 3]
        case Kind.JSON:
            return {"held": word}
    return f"{word}{name}"[: one.max_length or 200]

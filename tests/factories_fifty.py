"""Fifty added fields of all types on an entity, values for them that nothing else holds, and a look at all that a
database keeps.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from app.services import custom_fields, custom_index, schema, values
from app.services.operation import operation
from models import registry
from models.base import Model, db, session
from models.custom import CustomField
from models.fields import Field, Kind
from models.scope import Actor
from tests.factories_fields import TAGS

FIFTY = 50
# type, more facts; in turn, until there are fifty.
_TYPES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("text", {"searchable": True}),
    ("textarea", {}),
    ("number", {"places": 2}),
    ("number", {}),
    ("money", {}),
    ("date", {}),
    ("datetime", {}),
    ("boolean", {}),
    ("choice", {"options": ["North", "South", "East"]}),
    ("multichoice", {"options": ["Garden", "Garage", "Sauna"]}),
    ("email", {"searchable": True}),
    ("phone", {}),
    ("url", {}),
    ("relation", {"target": "contact"}),
    ("file", {}),
    ("computed", {}),
)
# What each computed field is worked out of, and what it gives.
_FORMULAS = (
    ("text", '"of " & x_text_1'),
    ("money", "x_money_1 * 2"),
    ("number", "x_number_3 + 1"),
    ("date", "x_date_1"),
)


def define_fifty(entity: str, *, actor: Actor) -> Mapping[str, Field]:
    """Make the fields; gives them by key, as the schema knows them. The first of each type is made as a person makes
    it, the others are rows beside it.
    """
    more: list[CustomField] = []
    for number in range(FIFTY):
        kind, facts = _TYPES[number % len(_TYPES)]
        turn = number // len(_TYPES)
        if kind == "computed":
            result, formula = _FORMULAS[turn % len(_FORMULAS)]
            facts = {"result": result, "formula": formula}
        # Both kinds of numbers are named alike: x_number_1 with places, x_number_2 without, and so on.
        nth = turn + 1 if kind != "number" else turn * 2 + (1 if facts else 2)
        given = {"label": f"{kind.title()} {nth}", "kind": kind, **TAGS, **facts}
        if turn == 0:
            custom_fields.define(entity, given, actor=actor)
        else:
            key = f"x_{custom_fields.slug(given['label'])}"
            made = CustomField(entity=entity, key=key, position=1000 + number, **given)
            made.options = custom_fields._keyed(facts.get("options") or (), ()) or None
            more.append(made)
    with operation("custom_field.create", actor=actor):
        session.add_all(more)
    found = schema.added(registry.entity(entity))
    assert len(found) >= FIFTY
    return found


def filled(fields: Mapping[str, Field], mark: str, number: int, ids: Mapping[str, int]) -> dict[str, Any]:
    """A value for every field that can be set. Texts hold `mark`, numbers are near `number` times a million and differ
    from each other; `ids` has a record to link to by entity.
    """
    found: dict[str, Any] = {}
    for place, (name, one) in enumerate(fields.items()):
        value = None if one.readonly else _value(one, name, mark, number * 1_000_000 + place, place, ids)
        if value is not None:
            found[name] = value
    return found


def _value(one: Field, name: str, mark: str, large: int, place: int, ids: Mapping[str, int]) -> Any:  # noqa: C901
    match one.kind:
        case Kind.NUMBER:
            return (Decimal(large) / 100).quantize(Decimal("0.01")) if one.places else large
        case Kind.MONEY:
            return large * 100 + 37
        case Kind.DATE:
            return dt.date(1931, 1, 1) + dt.timedelta(days=large % 9000)
        case Kind.MOMENT:
            return dt.datetime(2031, 1, 1, 3, 4, tzinfo=dt.UTC) + dt.timedelta(minutes=large % 90_000)
        case Kind.BOOLEAN:
            return True
        case Kind.CHOICE:
            return one.choices[place % len(one.choices)][0]
        case Kind.MULTI:
            return tuple(key for key, _ in one.choices[:2])
        case Kind.EMAIL:
            return f"{mark}.{name}@example.com"
        case Kind.PHONE:
            return f"+1415555{1000 + large % 9000:04d}"
        case Kind.URL:
            return f"https://example.com/{mark}/{name}"
        case Kind.RELATION:
            return ids.get(one.target or "")
        case Kind.LONG_TEXT:
            return f"{mark} {name} begins\nand ends"
    return f"{mark} {name}"


def traces(fields: Mapping[str, Field], given: Mapping[str, Any]) -> set[str]:
    """How these values show in a database, in JSON, in columns and in index rows, as far as they tell themselves apart
    from the values of anybody else.
    """
    found: set[str] = set()
    for name, value in given.items():
        one = fields[name]
        if one.kind in (Kind.BOOLEAN, Kind.CHOICE, Kind.MULTI, Kind.RELATION):
            continue
        stored = values.stored(value)
        found.add(str(stored).partition("\n")[0])
        if one.kind not in custom_index.UNINDEXED:
            found.update(str(key) for pair in custom_index.keys(one, value) for key in pair if key is not None)
    # Shorter numbers turn up in digests by chance.
    return {text for text in found if len(text) >= (9 if text.isdigit() else 8)}


def everything() -> dict[str, str]:
    """All that each table holds, as text, with sealed columns opened; and the tables that no model names, such as those
    of a search index.
    """
    told: dict[str, str] = {}
    with db.engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(sa.text("set local app.workspace_id = '*'"))
        names = sa.inspect(connection).get_table_names()
        for name in names:
            known = Model.metadata.tables.get(name)
            statement: Any = sa.select(known) if known is not None else sa.text(f'select * from "{name}"')
            told[name] = "\n".join(_text(row) for row in connection.execute(statement))
    return told


def holding(told: Mapping[str, str], wanted: Iterable[str]) -> dict[str, list[str]]:
    """Which of the texts each table holds."""
    wanted = list(wanted)
    return {name: hits for name, text in told.items() if (hits := [one for one in wanted if one in text])}


def _text(row: Any) -> str:
    return " ".join(map(_cell, row))


def _cell(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if isinstance(value, dict | list | tuple):
        return json.dumps(value, ensure_ascii=False, default=str)
    if isinstance(value, dt.datetime):
        return value.isoformat()
    return str(value)

"""The schemas of the OpenAPI document: what records, changes, lists and bulk requests look like, for each entity."""

from __future__ import annotations

from typing import Any

from app.services import bulk_writes, schema
from models.fields import Field, Kind
from views.screen import Screen

ID = {"type": "integer", "minimum": 1, "maximum": 2**63 - 1}
_LISTS = {
    "create": "Records as they are added singly",
    "update": "Changes as they are made singly, each with the id of its record",
    "delete": "Ids of records that go to the bin",
}
_TYPES: dict[Kind, dict[str, Any]] = {
    Kind.EMAIL: {"type": "string"},
    Kind.PHONE: {"type": "string"},
    Kind.URL: {"type": "string"},
    Kind.MONEY: {"type": "integer"},
    Kind.NUMBER: {"type": "integer"},
    Kind.DATE: {"type": "string", "format": "date"},
    Kind.MOMENT: {"type": "string", "format": "date-time"},
    Kind.BOOLEAN: {"type": "boolean"},
    Kind.RELATION: {"type": "integer"},
    Kind.JSON: {},
}


def of_entity(spec: Screen) -> dict[str, Any]:
    columns = spec.model.__table__.c
    members = {n: _schema(f, nullable=_nullable(columns, n, f)) for n, f in schema.readable(spec.model).items()}
    writable = schema.writable(spec.model)
    set_ = {n: _schema(f, nullable=_nullable(columns, n, f)) for n, f in writable.items()}
    needed = [n for n in writable if n in columns and not columns[n].nullable and columns[n].default is None]
    needed += [n for n, f in schema.added(spec.model).items() if f.required and not f.readonly]
    name = spec.entity
    change = {**set_, "version": {"type": "integer", "minimum": 1, "maximum": 2**31 - 1}}
    whole = {"id": {"type": "integer"}, **members} | _expanded(spec)
    made: dict[str, Any] = {
        name: {"type": "object", "properties": whole, "required": ["id"]},
        f"{name}.list": _list(name),
        f"{name}.bulk": _bulk(spec),
    }
    closed = {"type": "object", "additionalProperties": False}
    if spec.adds:
        made[f"{name}.write"] = {**closed, "properties": set_, "required": needed}
    if spec.edits:
        made[f"{name}.change"] = {**closed, "properties": change}
        made[f"{name}.bulk_change"] = {**closed, "properties": {"id": ID, **change}, "required": ["id"]}
    return made


def _expanded(spec: Screen) -> dict[str, Any]:
    """The member that `expand` adds: each link's record with its title, or null."""
    related = {"type": ["object", "null"], "required": ["id", "title"], "properties": {"id": ID, "title": {}}}
    links = {n: related for n, f in schema.readable(spec.model).items() if f.kind is Kind.RELATION and f.target}
    return {"_expanded": {"type": "object", "properties": links, "description": "With expand"}} if links else {}


def _list(name: str) -> dict[str, Any]:
    page = {"type": ["string", "null"]}
    return {
        "type": "object",
        "required": ["data", "next", "previous"],
        "properties": {
            "data": {"type": "array", "items": {"$ref": f"#/components/schemas/{name}"}},
            "next": page,
            "previous": page,
            "count": {"type": "integer"},
            "count_is_exact": {"type": "boolean"},
        },
    }


def _bulk(spec: Screen) -> dict[str, Any]:
    """What a bulk request may hold: the lists that the screen of the entity allows."""
    refs = f"#/components/schemas/{spec.entity}"
    listed: dict[str, Any] = {}
    if spec.adds:
        listed["create"] = {"$ref": f"{refs}.write"}
    if spec.edits:
        listed["update"] = {"$ref": f"{refs}.bulk_change"}
    if spec.deletes:
        listed["delete"] = ID
    lists = {
        act: {"type": "array", "items": items, "maxItems": bulk_writes.MOST, "description": _LISTS[act]}
        for act, items in listed.items()
    }
    atomic = {"type": "boolean", "default": True, "description": "All or nothing"}
    return {"type": "object", "additionalProperties": False, "properties": {**lists, "atomic": atomic}}


def _nullable(columns: Any, name: str, field: Field) -> bool:
    return field.kind is not Kind.BOOLEAN if field.custom else bool(columns[name].nullable)


def _schema(field: Field, *, nullable: bool) -> dict[str, Any]:
    made: dict[str, Any] = {"type": "number"} if field.places else dict(_TYPES.get(field.kind, {"type": "string"}))
    if field.kind is Kind.MULTI:
        one = {"enum": [key for key, _ in (*field.choices, *field.retired)]}
        made = {"type": ["array", "null"] if nullable else "array", "items": one, "uniqueItems": True}
    elif field.kind is Kind.CHOICE:
        keys: list[str | None] = [key for key, _ in (*field.choices, *field.retired)]
        made = {"enum": keys + ([None] if nullable else [])}
    elif nullable and "type" in made:
        made["type"] = [made["type"], "null"]
    if field.max_length and field.kind is not Kind.CHOICE:
        made["maxLength"] = field.max_length
    described = ". ".join(
        filter(
            None,
            (
                field.label,
                field.hint,
                f"Id of a {field.target}" if field.target else "",
                "In cents" if field.kind is Kind.MONEY else "",
            ),
        )
    )
    return made | ({"description": described} if described else {})


def shared() -> dict[str, Any]:
    """The schemas that all entities use."""
    return {"Problem": _problem(), "BulkResults": _bulk_results()}


def _problem() -> dict[str, Any]:
    texts = {"type": "object", "additionalProperties": {"type": "string"}}
    return {
        "type": "object",
        "required": ["title", "status"],
        "properties": {
            "type": {"type": "string"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
            "errors": texts,
            "version": {"type": "integer", "description": "The record's present version (409, 412)"},
            "clashes": {"type": "array", "items": {"type": "string"}, "description": "Fields that both changed (409)"},
        },
    }


def _bulk_results() -> dict[str, Any]:
    result = {
        "type": "object",
        "required": ["id", "status"],
        "properties": {
            "id": {"type": ["integer", "null"]},
            "status": {"type": "integer", "description": "As a single request would be answered"},
            "version": {"type": "integer"},
            "errors": {"type": "object", "additionalProperties": {"type": "string"}},
        },
    }
    return {
        "type": "object",
        "required": ["results"],
        "properties": {"results": {"type": "array", "items": result}},
    }

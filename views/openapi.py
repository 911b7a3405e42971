"""The OpenAPI 3.1 document, made from the registry, and the same as a page for people."""

from __future__ import annotations

from typing import Any

from flask import current_app

from app.services import schema
from models import registry
from models.fields import Field, Kind
from views.api_members import readable
from views.screen import Screen, screens

VERSION = "1.0"
_ID = {"name": "id", "in": "path", "required": True, "schema": {"type": "integer", "minimum": 1, "maximum": 2**63 - 1}}
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
_ERRORS = {
    "400": "The request is not understood",
    "401": "No valid key",
    "403": "The key lacks the scope",
    "404": "No such record",
    "409": "Changed meanwhile by somebody else",
    "413": "Too large",
    "415": "Not JSON",
    "422": "A value does not fit",
    "429": "Too many requests",
}


def document() -> dict[str, Any]:
    """The whole document."""
    paths: dict[str, Any] = {}
    schemas: dict[str, Any] = {"Problem": _problem()}
    for spec in screens().values():
        paths |= _paths(spec)
        schemas |= _schemas(spec)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Real Estate CRM Pro",
            "version": VERSION,
            "description": "Records of one workspace, by API key. Times are RFC 3339 in UTC, money is in cents.",
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {"schemas": schemas, "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}}},
        "security": [{"key": []}],
    }


def _paths(spec: Screen) -> dict[str, Any]:
    name, scope = spec.entity, registry.permission_entity(spec.model)
    one, some = {"$ref": f"#/components/schemas/{name}"}, {"$ref": f"#/components/schemas/{name}.list"}

    def does(act: str, summary: str, right: str, good: dict[str, Any], bad: str, **more: Any) -> dict[str, Any]:
        return _operation(f"{act}_{name}", summary, [spec.label], f"{scope}:{right}", good, bad, **more)

    listing = does(
        "list", f"List {spec.label.lower()}", "read", {"200": some}, "401 403 422 429", parameters=_list_parameters()
    )
    collection, item = {"get": listing}, dict[str, Any](parameters=[_ID])
    item["get"] = does("get", f"Get one {spec.singular}", "read", {"200": one}, "401 403 404 422 429")
    if spec.adds:
        bad = "400 401 403 413 415 422 429"
        collection["post"] = does(
            "create", f"Add a {spec.singular}", "write", {"201": one}, bad, body=_body(name, "write")
        )
    if spec.edits:
        bad = "400 401 403 404 409 413 415 422 429"
        item["patch"] = does(
            "update", f"Change a {spec.singular}", "write", {"200": one}, bad, body=_body(name, "change")
        )
    if spec.deletes:
        words = f"Move a {spec.singular} to the bin"
        item["delete"] = does("delete", words, "delete", {"204": None}, "401 403 404 422 429")
    return {f"/api/v1/{name}/": collection, f"/api/v1/{name}/{{id}}": item}


def _body(name: str, what: str) -> dict[str, Any]:
    schema = {"$ref": f"#/components/schemas/{name}.{what}"}
    return {"required": True, "content": {"application/json": {"schema": schema}}}


def _operation(
    key: str,
    summary: str,
    tags: list[str],
    scope: str,
    good: dict[str, Any],
    bad: str,
    *,
    parameters: list[Any] | None = None,
    body: Any = None,
) -> dict[str, Any]:
    answers: dict[str, Any] = {}
    for code, content in good.items():
        answers[code] = {"description": "Done"} | (
            {"content": {"application/json": {"schema": content}}} if content else {}
        )
    for code in bad.split():
        answers[code] = {
            "description": _ERRORS[code],
            "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
    made: dict[str, Any] = {
        "operationId": key,
        "summary": summary,
        "tags": tags,
        "x-scope": scope,
        "responses": answers,
    }
    return made | ({"parameters": parameters} if parameters else {}) | ({"requestBody": body} if body else {})


def _list_parameters() -> list[dict[str, Any]]:
    text = {"type": "string", "maxLength": 200}
    return [
        {"name": "q", "in": "query", "schema": text, "description": "Words that must all occur in the searched fields"},
        {
            "name": "f",
            "in": "query",
            "schema": {"type": "array", "items": {"type": "string"}},
            "description": "A filter as field:operator:value, repeated for more; values of one filter are parted by |",
        },
        {
            "name": "sort",
            "in": "query",
            "schema": {"type": "string"},
            "description": "A field name, with - for descending",
        },
        {
            "name": "cursor",
            "in": "query",
            "schema": {"type": "string"},
            "description": "next or previous of an earlier answer",
        },
        {
            "name": "limit",
            "in": "query",
            "schema": {"type": "integer", "minimum": 1, "maximum": current_app.config.get("API_MAX_PAGE_SIZE", 200)},
        },
        {"name": "fields", "in": "query", "schema": {"type": "string"}, "description": "Field names, parted by commas"},
        {
            "name": "count",
            "in": "query",
            "schema": {"enum": ["capped", "exact"]},
            "description": "Also count the matches",
        },
    ]


def _schemas(spec: Screen) -> dict[str, Any]:
    columns = spec.model.__table__.c
    members = {n: _schema(f, nullable=_nullable(columns, n, f)) for n, f in readable(spec).items()}
    writable = schema.writable(spec.model)
    set_ = {n: _schema(f, nullable=_nullable(columns, n, f)) for n, f in writable.items()}
    needed = [n for n in writable if n in columns and not columns[n].nullable and columns[n].default is None]
    needed += [n for n, f in schema.added(spec.model).items() if f.required and not f.readonly]
    name = spec.entity
    page = {"type": ["string", "null"]}
    return {
        name: {"type": "object", "properties": {"id": {"type": "integer"}, **members}, "required": ["id"]},
        f"{name}.write": {"type": "object", "properties": set_, "required": needed, "additionalProperties": False},
        f"{name}.change": {
            "type": "object",
            "properties": {**set_, "version": {"type": "integer", "minimum": 1, "maximum": 2**31 - 1}},
            "additionalProperties": False,
        },
        f"{name}.list": {
            "type": "object",
            "required": ["data", "next", "previous"],
            "properties": {
                "data": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "properties": {"id": {"type": "integer"}, **members},
                        "required": ["id"],
                    },
                },
                "next": page,
                "previous": page,
                "count": {"type": "integer"},
                "count_is_exact": {"type": "boolean"},
            },
        },
    }


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


def _problem() -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["title", "status"],
        "properties": {
            "type": {"type": "string"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
            "errors": {"type": "object", "additionalProperties": {"type": "string"}},
        },
    }


def reading() -> dict[str, Any]:
    """What the page of the reference shows."""
    whole = document()
    groups: dict[str, dict[str, Any]] = {}
    for path, item in whole["paths"].items():
        shared = item.get("parameters", [])
        for method, op in item.items():
            if method == "parameters":
                continue
            group = groups.setdefault(
                op["tags"][0], {"id": op["operationId"].split("_", 1)[1], "label": op["tags"][0], "operations": []}
            )
            group["operations"].append(_reading(whole, path, method, op, shared))
    intro = [
        "Send an API key as “Authorization: Bearer …”. A key sees what its owner sees, cut down to its scopes.",
        "Lists come in pages: follow “next” until it is null. Errors are problem+json with one sentence per field.",
    ]
    return {
        "base_url": "/api/v1",
        "openapi_url": "/api/v1/_openapi",
        "version": VERSION,
        "intro": intro,
        "groups": list(groups.values()),
        "keys_url": "/account/keys",
    }


def _reading(whole: dict[str, Any], path: str, method: str, op: dict[str, Any], shared: list[Any]) -> dict[str, Any]:
    params = [
        {
            "name": p["name"],
            "where": p["in"],
            "type": _words(p["schema"]),
            "required": p.get("required", False),
            "text": p.get("description", ""),
        }
        for p in (*shared, *op.get("parameters", []))
    ]
    body = None
    if "requestBody" in op:
        ref = op["requestBody"]["content"]["application/json"]["schema"]["$ref"].rsplit("/", 1)[1]
        schema = whole["components"]["schemas"][ref]
        body = [
            {
                "name": n,
                "type": _words(s),
                "required": n in schema.get("required", ()),
                "text": s.get("description", ""),
            }
            for n, s in schema["properties"].items()
        ]
    return {
        "id": op["operationId"],
        "method": method.upper(),
        "path": path,
        "summary": op["summary"],
        "description": "",
        "params": params,
        "body": body,
        "body_example": None,
        "answers": [(code, a["description"]) for code, a in op["responses"].items()],
        "example": None,
        "scope": op["x-scope"],
    }


def _words(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return "one of " + ", ".join(str(v) for v in schema["enum"] if v is not None)
    kind = schema.get("type", "any")
    return " or ".join(kind) if isinstance(kind, list) else str(kind)

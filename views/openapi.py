"""The OpenAPI 3.1 document, made from the registry; its schemas are in `views.openapi_schemas`."""

from __future__ import annotations

from typing import Any

from flask import current_app

from app.services import bulk_writes, expansion, schema
from models import registry
from models.fields import Kind
from views import openapi_schemas
from views.screen import Screen, screens

VERSION = "1.0"
_ID = {"name": "id", "in": "path", "required": True, "schema": openapi_schemas.ID}
_FIELDS = {
    "name": "fields",
    "in": "query",
    "schema": {"type": "string"},
    "description": "The members to give, parted by commas",
}
_ABOUT = "Records of one workspace, by API key. Times are RFC 3339 in UTC, money is in cents."
_BULK = (
    f"At most {bulk_writes.MOST:,} records. With atomic (the default) all of it is done or nothing, and a refusal "
    "names each problem as “create.0.email”; else each record has its own status. Deleting needs the scopes for it."
)
_PARAMETERS: dict[str, Any] = {
    "If-Match": {
        "name": "If-Match",
        "in": "header",
        "schema": {"type": "string"},
        "description": "The ETag of the state that this is meant for, or *; another one is refused with 412",
    },
    "If-None-Match": {
        "name": "If-None-Match",
        "in": "header",
        "schema": {"type": "string"},
        "description": "The ETag of what you have; answered 304 while it is still the same",
    },
    "Idempotency-Key": {
        "name": "Idempotency-Key",
        "in": "header",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255},
        "description": "Your own text for this request, such as a UUID: sent again within 24 hours it is answered as "
        "before and not done twice",
    },
}
_HEADERS: dict[str, Any] = {
    "ETag": {"schema": {"type": "string"}, "description": "The state and view of the record (RFC 9110)"},
    "Location": {"schema": {"type": "string"}, "description": "The address of the new record"},
    "Idempotency-Replayed": {"schema": {"const": "true"}, "description": "The answer of the first time"},
    "RateLimit-Policy": {
        "schema": {"type": "string"},
        "description": 'q requests in w seconds, as in "key";q=600;w=60 (draft-ietf-httpapi-ratelimit-headers-10)',
    },
    "RateLimit": {
        "schema": {"type": "string"},
        "description": 'r requests are left, all of them again in t seconds, as in "key";r=599;t=1',
    },
    "WWW-Authenticate": {"schema": {"type": "string"}, "description": "How to send a key (RFC 6750)"},
    "Retry-After": {"schema": {"type": "integer", "minimum": 1}, "description": "Seconds until there is one again"},
}
# On every answer to a known key, while there is a limit.
_RATE = ("RateLimit", "RateLimit-Policy")
_ERRORS = {
    "400": "The request is not understood",
    "401": "No valid key",
    "403": "The key lacks the scope",
    "404": "No such record",
    "409": "Changed meanwhile by somebody else, or the same request is still being worked on",
    "412": "The record has moved on; version is the present one",
    "413": "Too large",
    "415": "Not JSON",
    "422": "A value does not fit; errors names it",
    "429": "The key has made too many requests; Retry-After says when there is one again",
}


def document() -> dict[str, Any]:
    """The whole document."""
    paths: dict[str, Any] = {}
    schemas: dict[str, Any] = openapi_schemas.shared()
    for spec in screens().values():
        paths |= _paths(spec)
        schemas |= openapi_schemas.of_entity(spec)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Real Estate CRM Pro", "version": VERSION, "description": _ABOUT},
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "parameters": _PARAMETERS,
            "headers": _HEADERS,
            "responses": {code: _problem(code) for code in _ERRORS},
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"key": []}],
    }


def _paths(spec: Screen) -> dict[str, Any]:
    collection, item = {"get": _list(spec)}, {"parameters": [_ID], "get": _get(spec)}
    if spec.adds:
        collection["post"] = _create(spec)
    if spec.edits:
        item["patch"] = _change(spec)
    if spec.deletes:
        item["delete"] = _delete(spec)
    base = f"/api/v1/{spec.entity}/"
    return {base: collection, f"{base}{{id}}": item, f"{base}_bulk": {"post": _bulk(spec)}}


def _list(spec: Screen) -> dict[str, Any]:
    made = _operation(spec, "list", f"List {spec.label.lower()}", "read", "400 401 403 422 429")
    made["parameters"] = [*_list_parameters(), *_expand(spec)]
    return _answers(made, "200", f"{spec.entity}.list")


def _get(spec: Screen) -> dict[str, Any]:
    made = _operation(spec, "get", f"Get one {spec.singular}", "read", "400 401 403 404 422 429")
    made["parameters"] = [_FIELDS, *_expand(spec), _parameter("If-None-Match")]
    made["responses"]["304"] = {"description": "It is as you know it", "headers": _headers("ETag", *_RATE)}
    return _answers(made, "200", spec.entity, "ETag")


def _create(spec: Screen) -> dict[str, Any]:
    made = _operation(spec, "create", f"Add a {spec.singular}", "write", "400 401 403 409 413 415 422 429")
    made |= {"parameters": [_parameter("Idempotency-Key")], "requestBody": _body(f"{spec.entity}.write")}
    return _answers(made, "201", spec.entity, "ETag", "Location", "Idempotency-Replayed")


def _change(spec: Screen) -> dict[str, Any]:
    bad = "400 401 403 404 409 412 413 415 422 429"
    made = _operation(spec, "update", f"Change a {spec.singular}", "write", bad)
    made["parameters"] = [_parameter("If-Match"), _parameter("Idempotency-Key")]
    made["requestBody"] = _body(f"{spec.entity}.change")
    return _answers(made, "200", spec.entity, "ETag", "Idempotency-Replayed")


def _delete(spec: Screen) -> dict[str, Any]:
    words, bad = f"Move a {spec.singular} to the bin", "401 403 404 409 412 422 429"
    made = _operation(spec, "delete", words, "delete", bad)
    made["parameters"] = [_parameter("If-Match"), _parameter("Idempotency-Key")]
    return _answers(made, "204", None, "Idempotency-Replayed")


def _bulk(spec: Screen) -> dict[str, Any]:
    words = f"Write many {spec.label.lower()} at once"
    right = "write" if spec.adds or spec.edits else "delete"
    made = _operation(spec, "bulk", words, right, "400 401 403 409 413 415 422 429")
    made["x-scope"] += f" bulk:{right}"
    made["description"] = _BULK
    made |= {"parameters": [_parameter("Idempotency-Key")], "requestBody": _body(f"{spec.entity}.bulk")}
    return _answers(made, "200", "BulkResults", "Idempotency-Replayed")


def _operation(spec: Screen, act: str, summary: str, right: str, bad: str) -> dict[str, Any]:
    return {
        "operationId": f"{act}_{spec.entity}",
        "summary": summary,
        "tags": [spec.label],
        "x-scope": f"{registry.permission_entity(spec.model)}:{right}",
        "responses": {code: {"$ref": f"#/components/responses/{code}"} for code in bad.split()},
    }


def _answers(made: dict[str, Any], code: str, schema: str | None, *headers: str) -> dict[str, Any]:
    """The operation with its good answer first."""
    good: dict[str, Any] = {"description": "Done", "headers": _headers(*headers, *_RATE)}
    if schema is not None:
        good["content"] = {"application/json": {"schema": _schema(schema)}}
    made["responses"] = {code: good, **dict(sorted(made["responses"].items()))}
    return made


def _problem(code: str) -> dict[str, Any]:
    names = {"401": ("WWW-Authenticate",), "429": ("Retry-After", *_RATE)}.get(code, _RATE)
    return {
        "description": _ERRORS[code],
        "headers": _headers(*names),
        "content": {"application/problem+json": {"schema": _schema("Problem")}},
    }


def _headers(*names: str) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _body(schema: str) -> dict[str, Any]:
    return {"required": True, "content": {"application/json": {"schema": _schema(schema)}}}


def _schema(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _parameter(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/parameters/{name}"}


def _expand(spec: Screen) -> list[dict[str, Any]]:
    links = [n for n, f in schema.readable(spec.model).items() if f.kind is Kind.RELATION and f.target]
    words = "Links whose records are given as well, in _expanded, parted by commas; of at most "
    text = f"{words}{expansion.MOST_KINDS} kinds (a search takes the place of one): {', '.join(links)}"
    return [{"name": "expand", "in": "query", "schema": {"type": "string"}, "description": text}] if links else []


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
        _FIELDS,
        {
            "name": "count",
            "in": "query",
            "schema": {"enum": ["capped", "exact"]},
            "description": "Also count the matches",
        },
    ]

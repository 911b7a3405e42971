"""The OpenAPI document as a page for people."""

from __future__ import annotations

from typing import Any

from views import openapi


def reading() -> dict[str, Any]:
    """What the page of the reference shows."""
    whole = openapi.document()
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
        "“expand” gives related records as well. An “ETag” stands for the state of a record: with “If-Match” a change "
        "is refused where somebody else was faster. With an “Idempotency-Key” a request may be sent again safely.",
        "Every answer tells in “RateLimit” how many requests the key has left. The guide shows all of it by example.",
    ]
    return {
        "base_url": "/api/v1",
        "openapi_url": "/api/v1/_openapi",
        "guide_url": "/api/docs/guide.txt",
        "version": openapi.VERSION,
        "intro": intro,
        "groups": list(groups.values()),
        "keys_url": "/account/keys",
    }


def _reading(whole: dict[str, Any], path: str, method: str, op: dict[str, Any], shared: list[Any]) -> dict[str, Any]:
    params = [_parameter(_meant(whole, p)) for p in (*shared, *op.get("parameters", []))]
    body = None
    if "requestBody" in op:
        body = _members(_meant(whole, op["requestBody"]["content"]["application/json"]["schema"]))
    return {
        "id": op["operationId"],
        "method": method.upper(),
        "path": path,
        "summary": op["summary"],
        "description": op.get("description", ""),
        "params": params,
        "body": body,
        "body_example": None,
        "answers": [(code, _meant(whole, a)["description"]) for code, a in op["responses"].items()],
        "example": None,
        "scope": op["x-scope"],
    }


def _meant(whole: dict[str, Any], thing: dict[str, Any]) -> dict[str, Any]:
    """What a reference leads to."""
    while "$ref" in thing:
        _, part, kind, name = thing["$ref"].split("/")
        thing = whole[part][kind][name]
    return thing


def _parameter(one: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": one["name"],
        "where": one["in"],
        "type": _words(one["schema"]),
        "required": one.get("required", False),
        "text": one.get("description", ""),
    }


def _members(schema: dict[str, Any]) -> list[dict[str, Any]]:
    needed = schema.get("required", ())
    return [
        {"name": n, "type": _words(s), "required": n in needed, "text": s.get("description", "")}
        for n, s in schema["properties"].items()
    ]


def _words(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return "one of " + ", ".join(str(v) for v in schema["enum"] if v is not None)
    if schema.get("type") == "array":
        return "list of " + ("objects" if "$ref" in schema["items"] else f"{schema['items'].get('type', 'text')}s")
    kind = schema.get("type", "any")
    return " or ".join(kind) if isinstance(kind, list) else str(kind)

"""The description of the API: open to read, whole, and with a guide."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from tests.contracts.conftest import program
from tests.factories import Browser, World, sign_in
from views import openapi
from views.api_parameters import _ONCE


@pytest.fixture
def described(app: Flask) -> dict[str, Any]:
    with app.app_context():
        return openapi.document()


def test_the_page_reads_for_everybody_and_leads_to_the_guide(app: Flask, world: World, client: Browser) -> None:
    page = client.get("/api/docs").text
    sign_in(client, world.harbour.owner)
    for text in (page, client.get("/api/docs").text):
        assert 'href="/api/docs/guide.txt"' in text and 'href="/api/v1/_openapi"' in text
        assert "/api/v1/contact/_bulk" in text and "Idempotency-Key" in text and "list of objects" in text
        assert "The record has moved on" in text and "{" not in text.split("<main")[1].split("/api/v1/")[0]
    guide = client.get("/api/docs/guide.txt")
    assert (guide.status_code, guide.content_type) == (200, "text/plain; charset=utf-8")
    for word in ("If-Match", "_bulk", "expand=", "RateLimit-Policy", "Idempotency-Replayed"):
        assert word in guide.text


def test_conditions_keys_and_limits_are_described(described: dict[str, Any]) -> None:
    paths, parts = described["paths"], described["components"]
    one, some = paths["/api/v1/contact/{id}"], paths["/api/v1/contact/"]
    told = {
        name: {p.get("name") or p["$ref"].rsplit("/")[-1] for p in op["parameters"]}
        for name, op in {**{f"one {m}": one[m] for m in ("get", "patch", "delete")}, "list": some["get"]}.items()
    }
    assert told["one get"] == {"fields", "expand", "If-None-Match"}
    assert told["one patch"] == told["one delete"] == {"If-Match", "Idempotency-Key"}
    assert told["list"] == {*_ONCE, "f"}
    assert {"412", "409", "429"} <= set(one["patch"]["responses"]) and "304" in one["get"]["responses"]
    assert {"ETag", "Location", "Idempotency-Replayed", "RateLimit"} <= set(some["post"]["responses"]["201"]["headers"])
    assert "Retry-After" in parts["responses"]["429"]["headers"]
    assert set(parts["schemas"]["contact.bulk"]["properties"]) == {"create", "update", "delete", "atomic"}
    assert set(parts["schemas"]["message.bulk"]["properties"]) == {"delete", "atomic"}
    assert paths["/api/v1/message/_bulk"]["post"]["x-scope"] == "message:delete bulk:delete"


def test_every_reference_leads_somewhere(described: dict[str, Any]) -> None:
    def references(thing: Any) -> Any:
        if isinstance(thing, dict):
            yield from ([thing["$ref"]] if "$ref" in thing else [])
            for inner in thing.values():
                yield from references(inner)
        elif isinstance(thing, list):
            for inner in thing:
                yield from references(inner)

    found = set(references(described))
    assert len(found) > 50
    for one in found:
        _, part, kind, name = one.split("/")
        assert name in described[part][kind], one


def test_answers_carry_what_is_described(app: Flask, world: World, described: dict[str, Any]) -> None:
    app.config["API_RATE_PER_MINUTE"] = 600
    key = program(app, world.harbour)
    made = key.post("/api/v1/contact/", json={"name": "Nina Novak"}, headers={"Idempotency-Key": "a"})
    again = key.post("/api/v1/contact/", json={"name": "Nina Novak"}, headers={"Idempotency-Key": "a"})
    wanted = set(described["paths"]["/api/v1/contact/"]["post"]["responses"]["201"]["headers"])
    assert wanted - {"Idempotency-Replayed"} <= set(made.headers.keys())
    assert wanted <= set(again.headers.keys())

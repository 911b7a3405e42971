"""The running API against its own description: generated requests, good and bad, with a scoped key, inside this
process."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from app.services import schema
from models import registry
from tests.contracts.conftest import program
from tests.factories import World
from views import openapi
from views.screen import screens

CHECKS = (not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance)
# What the URL map itself adds to every resource: a number too long for any id is no address.
_EXAMPLES = 6


def failures(app: Flask, key: str, paths: list[str], examples: int = _EXAMPLES, *, own: bool = False) -> list[str]:
    """What generated requests to these paths bring to light; `own` goes by the description of the key's workspace, with
    the fields that it added.
    """
    headers = {"Authorization": f"Bearer {key}"} if own else {}
    schema = schemathesis.openapi.from_wsgi("/api/v1/_openapi", app, headers=headers).include(path=paths)
    found: list[str] = []
    for result in schema.get_all_operations():
        operation = result.ok()

        @settings(
            max_examples=examples,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        def run(case: Any) -> None:
            answer = case.call(headers={"Authorization": f"Bearer {key}"})
            case.validate_response(answer, checks=list(CHECKS))

        try:
            operation.as_strategy()
            _given(operation, run)()
        except (Exception, BaseExceptionGroup) as error:  # every kind of failed check; the report names the request
            found.append(f"{operation.method.upper()} {operation.path}: {str(error)[:900]}")
    return found


def _given(operation: Any, run: Any) -> Any:
    from hypothesis import given

    return given(case=operation.as_strategy())(run)


@pytest.mark.parametrize("entity", list(registry.entities()))
def test_the_api_is_as_described(app: Flask, twins: World, entity: str) -> None:
    key = program(app, twins.summit, scopes=["*:read", "*:write", "*:delete"]).key
    found = failures(app, key, [f"/api/v1/{entity}/", f"/api/v1/{entity}/{{id}}", f"/api/v1/{entity}/_bulk"])
    assert not found, "\n\n".join(found)


def test_every_resource_of_the_url_map_is_described(app: Flask) -> None:
    with app.app_context():
        paths = openapi.document()["paths"]
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith("/api/v1/") and rule.endpoint != "openapi":
            assert rule.rule.replace("<int:key>", "{id}") in paths, rule.rule


def test_the_description_hides_what_is_secret_and_names_every_member(app: Flask) -> None:
    with app.app_context():
        schemas = openapi.document()["components"]["schemas"]
    for entity, spec in screens().items():
        assert set(schemas[entity]["properties"]) - {"_expanded"} == {"id", *schema.readable(spec.model)}
        assert not {n for n, f in registry.fields(spec.model).items() if f.secret} & set(schemas[entity]["properties"])
        for wanted, name in ((spec.adds, "write"), (spec.edits, "change"), (spec.edits, "bulk_change")):
            assert (f"{entity}.{name}" in schemas) is wanted
            if wanted:
                members = set(schemas[f"{entity}.{name}"]["properties"]) - {"id", "version"}
                assert members == set(registry.writable(spec.model))


def test_the_contract_sees_an_answer_that_is_not_as_described(
    app: Flask, twins: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = program(app, twins.summit).key
    monkeypatch.setattr(schema, "whole", lambda record, _names=None: {"id": str(record.id)})
    with app.app_context():
        found = failures(app, key, ["/api/v1/tag/"], 30)
    assert any("POST /api/v1/tag/" in fault for fault in found)

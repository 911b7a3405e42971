"""Where a record came from, who made it and when stand on every record, whichever way it came (P3)."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from app.services import records
from models import registry
from tests.contracts import samples, state
from tests.contracts.conftest import program
from tests.contracts.samples import SUMMIT_ID
from tests.factories import Browser, Office, World, sign_in
from views.screen import screens


def unproven(entity: str, *, source: str, by: str) -> list[str]:
    """What the newest record of an entity does not say of its origin."""
    row = max((r for r in state.rows(entity) if r["id"] != samples.HARBOUR_ID), key=lambda r: int(r["id"]))
    found = [
        f"{entity}.{name} is empty"
        for name in ("source", "created_by", "created_at", "updated_at", "version")
        if not row[name]
    ]
    if row["source"] != source or by not in (row["created_by"] or ""):
        found.append(f"{entity} says {row['source']!r} by {row['created_by']!r} in place of {source!r} by {by!r}")
    return found


@pytest.mark.parametrize("entity", [n for n, m in registry.entities().items() if samples.makeable(m)])
def test_services_note_the_origin(app: Flask, twins: World, entity: str) -> None:
    with app.app_context(), twins.summit.inside():
        clean = samples.fresh(registry.entity(entity), "origin", dict.fromkeys(registry.entities(), SUMMIT_ID))
        records.create(
            registry.entity(entity), clean, actor=twins.summit.actor("owner"), source="import", source_ref="batch 7"
        )
        assert unproven(entity, source="import", by=twins.summit.owner.name) == []


@pytest.mark.parametrize("entity", list(registry.entities()))
def test_forms_and_programs_note_the_origin(app: Flask, twins: World, client: Browser, entity: str) -> None:
    spec = screens()[entity]
    if not spec.adds:
        return _is_refused(app, twins.summit, client, spec)
    ids = dict.fromkeys(registry.entities(), SUMMIT_ID)
    with app.app_context():
        typed = samples.typed(spec.model, samples.fresh(spec.model, "form", ids))
        sent = samples.as_json(spec.model, samples.fresh(spec.model, "rest", ids, 1))
    sign_in(client, twins.summit.owner)
    client.get("/")
    assert client.submit(spec.url(page="new"), typed).status_code == 302
    with app.app_context():
        assert unproven(entity, source="form", by=twins.summit.owner.name) == []
    answer = program(app, twins.summit).post(f"/api/v1/{entity}/", json=sent)
    assert answer.status_code == 201
    assert answer.json["source"] == "api"
    with app.app_context():
        assert unproven(entity, source="api", by=twins.summit.owner.name) == []


def test_the_people_of_a_brokerage_and_its_first_records_have_an_origin(app: Flask, world: World) -> None:
    with app.app_context():
        for entity in registry.entities():
            for row in state.rows(entity):
                assert row["source"] and row["created_at"], (entity, row["id"])


def test_nobody_can_write_the_origin(app: Flask, twins: World) -> None:
    key = program(app, twins.summit)
    for entity, spec in screens().items():
        if spec.edits:
            for name in ("source", "created_by", "created_at", "workspace_id", "id"):
                answer = key.patch(f"/api/v1/{entity}/{SUMMIT_ID}", json={name: "forged"})
                assert answer.status_code == 422 and name in answer.json["errors"], (entity, name)


def test_the_contract_sees_a_record_without_an_origin(app: Flask, twins: World) -> None:
    with app.app_context():
        from models.base import Model, db

        table = Model.metadata.tables["tag"]
        with db.engine.begin() as connection:
            connection.execute(table.update().where(table.c.id == SUMMIT_ID).values(source="", created_by=""))
        assert len(unproven("tag", source="form", by="Olive")) == 3


def _is_refused(app: Flask, office: Office, client: Browser, spec: Any) -> None:
    """Entities that only their own operations add."""
    sign_in(client, office.owner)
    assert client.get(spec.url(page="new")).status_code == 403
    assert program(app, office).post(f"/api/v1/{spec.entity}/", json={}).status_code == 403

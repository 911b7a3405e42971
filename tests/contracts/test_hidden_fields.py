"""A field that a role does not see is nowhere for it: no page, list, filter, order, search, file, API answer, job or
history gives its value away, whichever entity and whichever field; and what it may only read it cannot set.

Each text of the world's planted records holds a mark of its own per column, so that a value that slips through any
surface is recognised without knowing the surface.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from app import permissions
from app.services import field_rights, filters, schema
from models import registry, scope
from models.base import Model, db, session
from models.custom import FieldRight
from models.fields import Kind
from tests.contracts import samples
from tests.contracts.conftest import Program, program
from tests.contracts.samples import SUMMIT_ID
from tests.factories import SYSTEM, Browser, World, sign_in
from views.screen import Screen, screens

SECRET = "opaque"
_, BROKER = permissions.builtin_roles()["broker"]
ENTITIES = [s.entity for s in screens().values() if registry.permission_entity(s.model) in BROKER]


def limited(app: Flask, world: World, entity: str, level: str, role: str = "broker") -> list[str]:
    """Keep a role from every field of an entity that it can be kept from; their names."""
    person = world.summit.people[role]
    with app.app_context(), world.summit.inside():
        known = field_rights.limitable(registry.entity(entity))
        wanted = {name: level for name, (_, levels) in known.items() if level in levels}
        field_rights.limit(person.role_id, entity, wanted, actor=SYSTEM)
    return list(wanted)


def mark(app: Flask, entity: str, names: list[str]) -> None:
    """Give these fields of the planted record values that nothing else holds."""
    table = Model.metadata.tables[entity]
    known = registry.fields(registry.entity(entity))
    words = (Kind.TEXT, Kind.LONG_TEXT, Kind.URL)
    texts = {n: f"{SECRET}{n}" for n in names if n in table.c and known[n].kind in words}
    texts = {n: text for n, text in texts.items() if len(text) <= (getattr(table.c[n].type, "length", None) or 200)}
    with app.app_context(), db.engine.begin() as connection:
        if texts:
            connection.execute(sa.update(table).where(table.c.id == SUMMIT_ID).values(**texts))
        if "x_summit" in names:
            custom = {"x_summit": f"{SECRET}x_summit"}
            connection.execute(sa.update(table).where(table.c.id == SUMMIT_ID).values(custom=custom))


def surfaces(spec: Screen, browser: Browser, key: Program) -> Iterator[tuple[str, str]]:
    """(name, text) of every surface that shows records of this entity."""
    for name, url in (
        ("list", spec.url()),
        ("list of all fields", spec.url(page="fields")),
        ("search in the list", f"{spec.url()}?q={SECRET[:4]}"),
        ("page", spec.url(SUMMIT_ID)),
        ("history", f"{spec.url(SUMMIT_ID)}?tab=history"),
        ("form", spec.url(SUMMIT_ID, "edit")),
        ("board", f"{spec.url()}?display=board"),
        ("calendar", f"{spec.url()}?display=calendar"),
        ("totals", f"{spec.url()}?totals=1"),
        ("layouts", spec.url(page="arrange")),
        ("picker", f"{spec.url(page='picker')}?q="),
        ("palette", f"/search/palette?q={samples.WORD}"),
        ("search", f"/search/?q={samples.WORD}"),
    ):
        yield name, browser.get(url).text
    yield "csv", browser.submit(spec.url(page="export.csv")).data.decode()
    yield "selection", browser.submit(spec.url(page="bulk/set"), {"ids": str(SUMMIT_ID)}).text
    yield "REST list", key.get(f"/api/v1/{spec.entity}/").text
    yield "REST record", key.get(f"/api/v1/{spec.entity}/{SUMMIT_ID}").text
    yield "description", key.get("/api/v1/_openapi").text.partition(f'"{spec.entity}"')[2][:4000]


@pytest.mark.parametrize("entity", ENTITIES)
def test_a_hidden_field_is_nowhere(app: Flask, twins: World, client: Browser, entity: str) -> None:
    spec = screens()[entity]
    hidden = limited(app, twins, entity, schema.HIDDEN)
    mark(app, entity, hidden)
    sign_in(client, twins.summit.broker)
    client.get("/")
    key = program(app, twins.summit, "broker")
    for name, text in surfaces(spec, client, key):
        assert SECRET not in text, f"{name} shows {text[max(text.index(SECRET) - 60, 0) :][:120]}"
        if name in ("REST list", "REST record"):
            assert not [n for n in hidden if f'"{n}"' in text], name


@pytest.mark.parametrize("entity", ENTITIES)
def test_a_hidden_field_can_be_asked_for_by_no_parameter(
    app: Flask, twins: World, client: Browser, entity: str
) -> None:
    spec = screens()[entity]
    hidden = limited(app, twins, entity, schema.HIDDEN)
    sign_in(client, twins.summit.broker)
    client.get("/")
    key = program(app, twins.summit, "broker")
    for name in hidden:
        base = f"/api/v1/{entity}/"
        for query in (f"f={name}:filled", f"sort={name}", f"sort=-{name}", f"fields={name}", f"f={name}:contains:a"):
            assert key.get(f"{base}?{query}").status_code == 422, (name, query)
        assert key.patch(f"{base}{SUMMIT_ID}", json={name: None}).status_code in (403, 422), name
        page = client.get(f"{spec.url()}?f={name}:filled&sort={name}&cols={name}").text
        assert "Left out of this view" in page, name
        for layout in (f"group={name}", f"display=board&by={name}", f"display=calendar&by={name}"):
            assert "Left out of this view" in client.get(f"{spec.url()}?{layout}").text, (name, layout)
        assert client.get(spec.url(SUMMIT_ID, f"cell/{name}")).status_code in (403, 404), name
        assert f'name="cols" value="{name}"' not in client.get(spec.url(page="fields")).text
    with app.app_context(), twins.summit.inside(), scope.seen_as(twins.summit.broker.role_id):
        assert not set(hidden) & set(filters.filterable(spec.model))


@pytest.mark.parametrize("entity", [s.entity for s in screens().values() if s.edits])
def test_what_a_role_only_reads_it_cannot_set(app: Flask, twins: World, client: Browser, entity: str) -> None:
    spec = screens()[entity]
    fixed = limited(app, twins, entity, schema.READ)
    key = program(app, twins.summit, "broker")
    before = key.get(f"/api/v1/{entity}/{SUMMIT_ID}").get_json()
    if before.get("status") == 403:
        return
    for name in fixed:
        value = samples.value(registry.fields(spec.model).get(name) or _added(app, twins, name), name, "changed", {})
        answer = key.patch(f"/api/v1/{entity}/{SUMMIT_ID}", json=_json(spec, name, value))
        assert answer.status_code in (403, 422), (name, answer.text)
    assert key.get(f"/api/v1/{entity}/{SUMMIT_ID}").get_json() == before


def _added(app: Flask, twins: World, name: str) -> Any:
    with app.app_context(), twins.summit.inside():
        return schema.every(registry.entity("contact"))[name]


def _json(spec: Screen, name: str, value: Any) -> dict[str, Any]:
    return samples.as_json(spec.model, {name: value}) if name in registry.fields(spec.model) else {name: value}


def test_the_contract_sees_a_field_that_slips_through(app: Flask, twins: World, client: Browser) -> None:
    """Without the limit the same walk finds the mark: it is no check that can't fail."""
    mark(app, "contact", ["next_step", "x_summit"])
    sign_in(client, twins.summit.broker)
    client.get("/")
    found = {
        name
        for name, text in surfaces(screens()["contact"], client, program(app, twins.summit, "broker"))
        if SECRET in text
    }
    assert {"list", "page", "form", "csv", "REST list", "REST record"} <= found


def test_limits_belong_to_one_brokerage_and_go_with_their_role(app: Flask, twins: World) -> None:
    limited(app, twins, "contact", schema.HIDDEN)
    with app.app_context(), twins.harbour.inside():
        theirs = set(session.scalars(sa.select(FieldRight.role_id)))
        assert twins.summit.broker.role_id not in theirs
        with scope.seen_as(twins.summit.broker.role_id):
            assert "email" in schema.fields(registry.entity("contact"))

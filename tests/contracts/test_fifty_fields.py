"""Fifty added fields of all types on contacts, deals and tasks go through the contracts: the wall between brokerages,
rights, files out and in again, REST as it is described, history. Their erasure is in `tests/services/test_erasure.py`.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import sqlalchemy as sa
from flask import Flask

from app.services import filters, queries, records, schema, timeline, values
from app.services.queries import ListQuery
from models import registry, scope
from models.audit import Change
from models.base import session
from models.contact import Contact
from models.custom import CustomField
from models.fields import Field, Kind
from tests.contracts import samples, walk
from tests.contracts.conftest import program, put_down, take_up
from tests.contracts.samples import HARBOUR_ID, SUMMIT_ID
from tests.contracts.test_hidden_fields import limited, surfaces
from tests.contracts.test_openapi_conformance import failures
from tests.contracts.test_permission_matrix import mismatches
from tests.contracts.test_tenant_twins import FOREIGN, leaks
from tests.factories import SYSTEM, Browser, Office, World, sign_in
from tests.factories_batches import bring
from tests.factories_fifty import define_fifty, filled
from views.screen import screens

ENTITIES = ("contact", "deal", "task")
Fifty = Mapping[str, Mapping[str, Field]]
MARKS = {"harbour": "harbourvalue", "summit": "summitvalue"}


@pytest.fixture
def fifty(app: Flask, twins: World, _built: tuple[Any, Path, Path, World]) -> Fifty:
    """The fields in both brokerages, and a value of each in the planted record of each kind; made once."""
    live, template = _built[1:3]
    made = template.with_name("fifty.sqlite3")
    if not made.exists():
        for office, key, number in ((twins.harbour, HARBOUR_ID, 1731), (twins.summit, SUMMIT_ID, 1844)):
            with app.app_context(), office.inside():
                for entity in ENTITIES:
                    known = define_fifty(entity, actor=SYSTEM)
                    given = filled(known, MARKS[office.slug], number, {"contact": key, "stored_file": key})
                    records.update(registry.entity(entity), key, given, actor=SYSTEM)
        put_down(app, live, made)
    take_up(app, made, live)
    with app.app_context(), twins.summit.inside():
        return {entity: dict(schema.added(registry.entity(entity))) for entity in ENTITIES}


def test_the_wall_stands_before_each_of_them(app: Flask, twins: World, fifty: Fifty) -> None:
    for api in (False, True):
        found = [fault for fault in leaks(app, twins, api=api) if " changed " not in fault]
        assert not found, walk.report(found, "routes cross the wall")


@pytest.mark.parametrize("entity", ENTITIES)
def test_no_list_by_any_of_them_shows_the_other_brokerage(
    app: Flask, twins: World, client: Browser, fifty: Fifty, entity: str
) -> None:
    spec, key = screens()[entity], program(app, twins.summit)
    sign_in(client, twins.summit.owner)
    client.get("/")
    names = list(fifty[entity])
    with app.app_context(), twins.summit.inside():
        sortable = [n for n in queries.sortable(spec.model) if n.startswith("x_")]
        asked = {n: one for n, one in filters.filterable(spec.model).items() if n.startswith("x_")}
    assert len(asked) >= 50 and len(sortable) >= 30
    urls = [f"{spec.url()}?{'&'.join(f'cols={n}' for n in names[at : at + 12])}" for at in range(0, len(names), 12)]
    urls += [f"{spec.url()}?sort=-{n}&cols={n}" for n in sortable]
    urls += [f"{spec.url()}?group={n}&totals=1" for n in names]
    urls += [spec.url(SUMMIT_ID), spec.url(SUMMIT_ID, "edit"), f"{spec.url(SUMMIT_ID)}?tab=history"]
    pages = [(url, client.get(url)) for url in urls]
    pages += [(f"f={n}", key.get(f"/api/v1/{entity}/?f={n}:{_filled(one)}&fields={n}")) for n, one in asked.items()]
    pages.append(("record", key.get(f"/api/v1/{entity}/{SUMMIT_ID}")))
    for where, answer in pages:
        assert answer.status_code == 200, where
        assert MARKS[FOREIGN] not in answer.text and f'"id":{HARBOUR_ID}' not in answer.text, where
    for n, one in asked.items():
        if n in _computed(fifty[entity]):
            continue  # a text that is put together is never empty
        page = key.get(f"/api/v1/{entity}/?f={n}:{_filled(one)}&limit=200").json["data"]
        assert [row["id"] for row in page] == [SUMMIT_ID], n


def _filled(one: Field) -> str:
    return "is:1" if one.kind is Kind.BOOLEAN else "filled"


@pytest.mark.parametrize("entity", ENTITIES)
def test_none_of_them_takes_a_record_of_the_other_brokerage(
    app: Flask, twins: World, client: Browser, fifty: Fifty, entity: str
) -> None:
    key = program(app, twins.summit)
    before = key.get(f"/api/v1/{entity}/{SUMMIT_ID}").json
    links = [n for n, one in fifty[entity].items() if one.kind is Kind.RELATION and not one.readonly]
    assert len(links) >= 6, "links and files"
    for name in links:
        answer = key.patch(f"/api/v1/{entity}/{SUMMIT_ID}", json={name: HARBOUR_ID})
        assert answer.status_code == 422 and "there is no such" in answer.text, name
        assert key.get(f"/api/v1/{entity}/?f={name}:is:{HARBOUR_ID}").json["data"] == [], name
    assert key.get(f"/api/v1/{entity}/{SUMMIT_ID}").json == before
    with app.app_context(), twins.harbour.inside():
        theirs = session.scalars(sa.select(CustomField.id).where(CustomField.entity == entity)).all()
    sign_in(client, twins.summit.owner)
    client.get("/")
    for one in theirs[:5]:
        for url in (f"/customise/{entity}/{one}", f"/customise/{entity}/{one}/edit"):
            assert client.get(url).status_code == 404, url
        assert key.get(f"/api/v1/custom_field/{one}").status_code == 404


@pytest.mark.parametrize(("who", "whose"), [("agent", "other"), ("agent", "mine"), ("assistant", "team")])
def test_rights_hold_with_all_of_them(app: Flask, twins: World, fifty: Fifty, who: str, whose: str) -> None:
    found = [fault for fault in mismatches(app, twins, who, whose) if any(f" {e} " in f"{fault} " for e in ENTITIES)]
    assert not found, walk.report(found, "surfaces disobey")


@pytest.mark.parametrize("entity", ENTITIES)
def test_hidden_from_a_role_each_of_them_is_nowhere(
    app: Flask, twins: World, client: Browser, fifty: Fifty, entity: str
) -> None:
    # The history of a contact tells of its deals and tasks too.
    hidden = {one: limited(app, twins, one, schema.HIDDEN) for one in ENTITIES}[entity]
    assert {n for n, one in fifty[entity].items()} <= {*hidden, *_computed(fifty[entity])}
    sign_in(client, twins.summit.broker)
    client.get("/")
    for name, text in surfaces(screens()[entity], client, program(app, twins.summit, "broker")):
        assert MARKS["summit"] not in text, name


def _computed(known: Mapping[str, Field]) -> list[str]:
    return [n for n, one in known.items() if one.formula]


@pytest.mark.parametrize("entity", ENTITIES)
def test_the_api_is_as_this_brokerage_describes_it(app: Flask, twins: World, fifty: Fifty, entity: str) -> None:
    key = program(app, twins.summit, scopes=["*:read", "*:write", "*:delete"])
    described = key.get("/api/v1/_openapi").json["components"]["schemas"]
    assert set(fifty[entity]) <= set(described[entity]["properties"])
    assert set(fifty[entity]) - set(_computed(fifty[entity])) <= set(described[f"{entity}.write"]["properties"])
    paths = [f"/api/v1/{entity}/", f"/api/v1/{entity}/{{id}}", f"/api/v1/{entity}/_bulk"]
    found = failures(app, key.key, paths, own=True)
    assert not found, "\n\n".join(found)


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_a_file_of_contacts_comes_in_with_the_values_it_went_out_with(
    app: Flask, twins: World, client: Browser, fifty: Fifty, kind: str
) -> None:
    """Out of one brokerage, into another that has the same fields; links and files are of one house alone."""
    sign_in(client, twins.summit.owner)
    client.get("/")
    with app.app_context(), twins.summit.inside():
        records.update(Contact, SUMMIT_ID, {"email": "traveller@example.com", "birthday": None}, actor=SYSTEM)
        before = own_values(SUMMIT_ID)
    answer = client.submit(f"/contacts/export.{kind}?all=1&q=traveller")
    assert answer.status_code == 200
    data = answer.data if kind == "csv" else _as_csv(answer.data)
    with app.app_context(), twins.harbour.inside():
        assert bring(data, twins.harbour.actor("owner")).counts[0] == 1
        found = session.scalars(sa.select(Contact.id).where(Contact.email == "traveller@example.com")).one()
        after = own_values(found)
        known = schema.added(Contact)
        travelling = {n for n in fifty["contact"] if n in known and known[n].kind is not Kind.RELATION}
        assert len(travelling) >= 40
        assert {n: after[n] for n in travelling} == {n: before[n] for n in travelling}
        assert all(value not in (None, False, ()) for n, value in before.items() if n in travelling)


def own_values(key: int) -> dict[str, Any]:
    session.expire_all()
    record = session.scalars(sa.select(Contact).where(Contact.id == key)).one()
    return {n: schema.value(record, n) for n in schema.added(Contact)}


def _as_csv(data: bytes) -> bytes:
    """The first sheet as a spreadsheet program saves it."""
    sheet = openpyxl.load_workbook(io.BytesIO(data), read_only=True).worksheets[0]
    out = io.StringIO()
    csv.writer(out).writerows([["" if c is None else c for c in row] for row in sheet.iter_rows(values_only=True)])
    return out.getvalue().encode()


@pytest.mark.parametrize("entity", ENTITIES)
def test_all_of_them_change_at_once_and_come_back_as_they_were(
    app: Flask, twins: World, fifty: Fifty, entity: str
) -> None:
    model = registry.entity(entity)
    with app.app_context(), twins.summit.inside():
        owner = twins.summit.actor("owner")
        before = _state(model, owner)
        other = filled(fifty[entity], "anothervalue", 1955, {"contact": SUMMIT_ID, "stored_file": SUMMIT_ID})
        records.update(model, SUMMIT_ID, other, actor=owner)
        change = session.scalars(sa.select(Change).order_by(Change.id.desc()).limit(1)).one()
        assert len(change.new) >= 30 and _state(model, owner) != before
        found = filters.parse(model, "x_text_1:contains:anothervalue", values.Locale())
        query = ListQuery(model, (registry.title_of(model),), filters=(found,))
        assert [row[0] for row in queries.page(query, actor=owner).rows] == [SUMMIT_ID]
        timeline.undo(change.id, actor=owner)
        assert _state(model, owner) == before
        assert queries.page(query, actor=owner).rows == []
        records.update(model, SUMMIT_ID, dict.fromkeys(other), actor=owner)
        assert records.load(model, SUMMIT_ID, actor=owner).custom == {"x_computed_1": "of "}, "what a formula gives"


def _state(model: Any, owner: Any) -> dict[str, Any]:
    session.expire_all()
    return dict(records.load(model, SUMMIT_ID, actor=owner).custom or {})


def test_another_brokerage_keeps_its_own_five_hundred(app: Flask, twins: World, fifty: Fifty) -> None:
    """What one adds is no field of the other, not even for a program that names it."""
    with app.app_context(), twins.summit.inside():
        one = session.scalars(sa.select(CustomField).where(CustomField.key == "x_text_1")).first()
        assert one is not None
        records.delete(CustomField, one.id, actor=SYSTEM)
        with scope.inside(twins.harbour.id):
            assert "x_text_1" in schema.added(registry.entity(one.entity))
        assert "x_text_1" not in schema.added(registry.entity(one.entity))
    assert isinstance(twins.summit, Office) and samples.WORD

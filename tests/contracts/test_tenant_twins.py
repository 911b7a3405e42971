"""Two brokerages with the same rows: whatever the owner of one asks for, nothing of the other is shown or changed."""

from __future__ import annotations

import io
import re
from typing import Any

import openpyxl
import pytest
from flask import Flask, Response

from app.services import filters, queries, schema
from models import registry
from models.fields import Kind
from tests.contracts import samples, state, walk
from tests.contracts.conftest import program
from tests.contracts.samples import HARBOUR_ID, SUMMIT_ID, WORD
from tests.factories import Browser, Office, World, sign_in
from views import list_state
from views.screen import Screen, screens

FOREIGN = "harbour"
# One body for every form there is: each view takes what it knows.
_TYPED = {
    "name": "Taken over",
    "title": "Taken over",
    "body": "Taken over",
    "subject": "Taken over",
    "role": "admin",
    "confirmed": "1",
    "label": "Taken over",
    "email": "taken@example.com",
    "ids": str(HARBOUR_ID),
    "stage": "lost",
    "owner_id": "",
}


def leaks(app: Flask, world: World, *, api: bool) -> list[str]:
    """What goes wrong when the owner of Summit sends Harbour's id to every route that takes one."""
    client: Any = app.test_client()
    if api:
        client = program(app, world.summit)
    found = []
    with state.watching(app) as watch:
        for call in walk.calls(app, HARBOUR_ID):
            if not call.numbered or call.api is not api:
                continue
            answer = _send(client, world.summit, call)
            if FOREIGN in _text(answer).lower():
                found.append(f"{call} shows {FOREIGN}")
            if answer.status_code != 404 and not _refused_whatever_the_id(app, client, world, call, answer.status_code):
                found.append(f"{call} answers {answer.status_code} in place of 404")
            changed = watch.changed()
            if changed:
                found.append(f"{call} changed {', '.join(changed)}")
    return found


def test_no_route_knows_the_id_of_another_brokerage(app: Flask, twins: World) -> None:
    found = leaks(app, twins, api=False)
    assert not found, walk.report(found, "routes cross the wall")


def test_no_resource_knows_the_id_of_another_brokerage(app: Flask, twins: World) -> None:
    found = leaks(app, twins, api=True)
    assert not found, walk.report(found, "resources cross the wall")


def test_the_contract_sees_a_route_that_crosses_the_wall(app: Flask, twins: World) -> None:
    with walk.extra_route(app, "/leak/<int:key>", _contact_name):
        found = leaks(app, twins, api=False)
    assert found == ["GET /leak/9000001 shows harbour", "GET /leak/9000001 answers 200 in place of 404"]


@pytest.mark.parametrize("entity", list(registry.entities()))
def test_nothing_that_lists_shows_the_other(app: Flask, twins: World, client: Browser, entity: str) -> None:
    """Lists, searches, sorts, pickers, files and REST show Summit's twin (so the test sees something) and never
    Harbour's."""
    spec = screens()[entity]
    sign_in(client, twins.summit.owner)
    client.get("/")
    key = program(app, twins.summit)
    found = []
    for where, text in _listings(spec, client, key):
        if FOREIGN in text.lower():
            found.append(f"{where} shows {FOREIGN}")
        if WORD not in text.lower() and str(SUMMIT_ID) not in text:
            found.append(f"{where} does not show Summit's own record either")
    assert not found, walk.report(found, "listings fail")


def test_search_over_all_finds_only_what_is_ours(app: Flask, twins: World, client: Browser) -> None:
    sign_in(client, twins.summit.owner)
    for url in (f"/search/?q={WORD}", f"/search/palette?q={WORD}"):
        text = client.get(url).get_data(as_text=True).lower()
        assert WORD in text and FOREIGN not in text, url


@pytest.mark.parametrize("entity", list(registry.entities()))
def test_a_selection_of_the_others_records_touches_nothing(
    app: Flask, twins: World, client: Browser, entity: str
) -> None:
    spec = screens()[entity]
    sign_in(client, twins.summit.owner)
    client.get("/")
    with state.watching(app) as watch:
        for name, asked in walk.verbs_of(spec).items():
            given = samples.typed_answers(asked, SUMMIT_ID, registry.entity(entity))
            answer = client.submit(spec.url(page=f"bulk/{name}"), {"ids": str(HARBOUR_ID), "confirmed": "1", **given})
            assert answer.status_code in (302, 422), (name, answer.status_code)
            assert FOREIGN not in answer.get_data(as_text=True).lower(), name
            assert watch.changed() == [], name


@pytest.mark.parametrize("entity", list(registry.entities()))
def test_a_record_cannot_refer_to_one_of_the_other(app: Flask, twins: World, client: Browser, entity: str) -> None:
    spec = screens()[entity]
    sign_in(client, twins.summit.owner)
    client.get("/")
    key = program(app, twins.summit)
    with state.watching(app) as watch:
        for name, field in registry.writable(spec.model).items():
            if field.kind is not Kind.RELATION:
                continue
            for answer in _refer(spec, name, client, key):
                assert answer.status_code == 422, (name, answer.get_data(as_text=True)[:300])
                assert "there is no such" in answer.get_data(as_text=True), name
                assert FOREIGN not in answer.get_data(as_text=True).lower(), name
        assert watch.changed() == []


@pytest.mark.parametrize("entity", list(registry.entities()))
def test_links_to_records_of_the_other_are_refused(app: Flask, twins: World, client: Browser, entity: str) -> None:
    spec = screens()[entity]
    sign_in(client, twins.summit.owner)
    with state.watching(app) as watch:
        for name in filters.links(spec.model):
            base = samples.typed(spec.model, samples.values_of(spec.model, "fresh"))
            answer = client.submit(spec.url(page="new"), {**base, name: str(HARBOUR_ID)})
            assert answer.status_code == 422, name
            assert FOREIGN not in answer.get_data(as_text=True).lower()
        assert watch.changed() == []


@pytest.mark.parametrize("entity", list(registry.entities()))
def test_a_filter_by_the_others_id_finds_nothing(app: Flask, twins: World, client: Browser, entity: str) -> None:
    spec = screens()[entity]
    sign_in(client, twins.summit.owner)
    key = program(app, twins.summit)
    for name, field in filters.filterable(spec.model).items():
        if field.kind is not Kind.RELATION:
            continue
        page = client.get(f"{spec.url()}?f={name}:is:{HARBOUR_ID}").get_data(as_text=True).lower()
        assert FOREIGN not in page and f'value="{SUMMIT_ID}"' not in page, name
        answer = key.get(f"/api/v1/{entity}/?f={name}:is:{HARBOUR_ID}")
        assert answer.json["data"] == [], name


def _send(client: Any, office: Office, call: walk.Call) -> Response:
    if call.api:
        body = {"json": {}} if call.method in ("POST", "PATCH") else {}
        return client.open(call.url, method=call.method, **body)
    if call.rule.startswith("/auth/") or not client.token:
        sign_in(client, office.owner)
        client.get("/contacts/new")
    data = {"data": {"csrf_token": client.token, **_TYPED}} if call.method == "POST" else {}
    return client.open(call.url, method=call.method, **data)


def _refused_whatever_the_id(app: Flask, client: Any, world: World, call: walk.Call, status: int) -> bool:
    """Whether the answer says nothing of the record: the same refusal comes for one's own."""
    own = call.url.replace(str(HARBOUR_ID), str(SUMMIT_ID))
    if status not in (403, 405) or own == call.url:
        return False
    twin = walk.Call(call.method, own, call.rule, call.endpoint, True, call.screen)
    return _send(client, world.summit, twin).status_code == status


def _text(answer: Response) -> str:
    if answer.mimetype.endswith("spreadsheetml.sheet"):
        book = openpyxl.load_workbook(io.BytesIO(answer.get_data()), read_only=True)
        return " ".join(str(cell) for sheet in book for row in sheet.iter_rows(values_only=True) for cell in row)
    return answer.get_data(as_text=True)


def _listings(spec: Screen, client: Browser, key: Any) -> list[tuple[str, str]]:
    columns = [n for n in list_state.columns_of(spec) if n != spec.title]
    every = "&".join(f"cols={n}" for n in columns[:12])
    urls = [
        spec.url(),
        f"{spec.url()}?{every}",
        *(f"{spec.url()}?sort=-{name}" for name in queries.sortable(spec.model)),
        *(f"{spec.url()}?totals=1&group={name}" for name in filters.filterable(spec.model)),
        *(f"{spec.url()}?display=board&by={name}" for name in ("stage", "state", "kind")),
    ]
    urls += [
        spec.url(page="picker"),
        spec.url(SUMMIT_ID),
        f"{spec.url(SUMMIT_ID)}?tab=history",
        f"{spec.url(SUMMIT_ID)}?show=changes",
    ]
    urls += [f"{spec.url(SUMMIT_ID)}?tab=related-{name}" for name in spec.related]
    pages = [(url, _text(client.get(url))) for url in urls]
    for kind in ("csv", "xlsx"):
        pages.append((kind, _text(client.submit(f"{spec.url(page=f'export.{kind}')}?{every}"))))
    fields = ",".join(schema.readable(spec.model))
    base = f"/api/v1/{spec.entity}/"
    found = [base, f"{base}?fields={fields}&count=exact", f"{base}{SUMMIT_ID}"]
    wide = samples.expansion(spec)
    found += [f"{base}?{wide}", f"{base}{SUMMIT_ID}?{wide}"] * bool(wide)
    return pages + [(url, _text(key.get(url))) for url in found]


def _refer(spec: Screen, name: str, client: Browser, key: Any) -> list[Response]:
    clean = samples.values_of(spec.model, "fresh", dict.fromkeys(registry.entities(), SUMMIT_ID)) | {name: HARBOUR_ID}
    made = []
    if spec.adds:
        made.append(key.post(f"/api/v1/{spec.entity}/", json=samples.as_json(spec.model, clean)))
        if name in spec.form_fields:
            made.append(client.submit(spec.url(page="new"), samples.typed(spec.model, clean)))
    if spec.edits:
        made.append(key.patch(f"/api/v1/{spec.entity}/{SUMMIT_ID}", json={name: HARBOUR_ID}))
        if name in spec.form_fields:
            made.append(
                client.submit(spec.url(SUMMIT_ID, "edit"), {**samples.typed(spec.model, clean), "version": "1"})
            )
    return made


def _contact_name(key: int) -> str:
    return str(state.rows("contact", id=key)[0]["name"])


def test_words_of_planted_rows_differ_in_the_slug_alone(app: Flask, twins: World) -> None:
    with app.app_context():
        for table in samples.planted_tables():
            ours, theirs = (repr(_row(table, key)).lower() for key in (SUMMIT_ID, HARBOUR_ID))
            assert WORD not in ours or ("summit" in ours and FOREIGN not in ours), table.name
            assert WORD not in theirs or FOREIGN in theirs, table.name


def _row(table: Any, key: int) -> Any:
    if "id" in table.c and not re.search("CHAR", str(table.c.id.type)):
        return state.rows(table.name, id=key)
    return []

"""An office manager adds a field without code, and finds it everywhere; colleagues and outsiders do not add any."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from flask import Flask

from app.services import schema
from models.contact import Contact
from tests.contracts.conftest import program
from tests.factories import Browser, World, sign_in

TAGS = {"category": "contacts", "purpose": "run transactions", "keep": "record", "personal": "1"}


@pytest.fixture
def owner(world: World, client: Browser) -> Browser:
    sign_in(client, world.harbour.owner)
    return client


def add(client: Browser, kind: str, label: str, *, entity: str = "contact", **more: Any) -> Any:
    data = {"kind": kind, "label": label, "section": "Wishes", **TAGS, **more}
    return client.submit(f"/customise/{entity}/new", data, page=f"/customise/{entity}/new?kind={kind}")


def added(app: Flask, world: World) -> dict[str, Any]:
    with app.app_context(), world.harbour.inside():
        return dict(schema.added(Contact))


def test_a_new_field_is_in_form_page_list_filter_and_api_description_at_once(
    app: Flask, world: World, owner: Browser
) -> None:
    page = owner.get("/customise/contact").text
    assert "No fields of your own yet" in page and "/customise/contact/new" in page
    assert "Several choices" in owner.get("/customise/contact/new").text
    options = {"options-count": "3", "options-0-label": "Gas", "options-1-label": "Heat pump", "options-2-label": ""}
    assert add(owner, "choice", "Heating", **options).status_code == 303
    key = world.harbour.contacts["Dana Whitcombe"]
    form = owner.get(f"/contacts/{key}/edit").text
    assert 'id="wishes"' in form and "Heat pump" in form
    version = re.search(r'name="version" value="(\d+)"', form)
    assert version
    saved = owner.submit(
        f"/contacts/{key}/edit",
        {"name": "Dana Whitcombe", "type": "buyer", "stage": "new", "lawful_basis": "consent",
         "version": version[1], "x_heating": "heat_pump"},
    )  # fmt: skip
    assert saved.status_code == 302
    page = owner.get(f"/contacts/{key}").text
    assert "Heating" in page and "Heat pump" in page and "changed" in page
    listed = owner.get("/contacts/?cols=x_heating&f=x_heating:is:heat_pump").text
    assert "Dana Whitcombe" in listed and "Heat pump" in listed and "Gus Lindqvist" not in listed
    keyed = program(app, world.harbour)
    assert '"x_heating"' in keyed.get("/api/v1/_openapi").text
    assert keyed.get(f"/api/v1/contact/{key}").get_json()["x_heating"] == "heat_pump"
    assert keyed.patch(f"/api/v1/contact/{key}", json={"x_heating": "coal"}).status_code == 422
    assert keyed.patch(f"/api/v1/contact/{key}", json={"x_heating": "gas"}).get_json()["x_heating"] == "gas"
    csv = owner.submit("/contacts/export.csv?cols=x_heating").data.decode("utf-8-sig")
    assert csv.splitlines()[0] == "Name,Heating" and "Dana Whitcombe,Gas" in csv


def test_the_other_brokerage_sees_no_trace_of_it(app: Flask, world: World, owner: Browser) -> None:
    add(owner, "text", "Zanzibar")
    key = next(one.custom for one in added(app, world).values())
    other = app.test_client()
    sign_in(other, world.summit.owner)
    for url in ("/contacts/", "/contacts/new", "/api/v1/_openapi", "/customise/contact", "/custom-fields/"):
        assert "anzibar" not in other.get(url).text, url
    assert other.get(f"/customise/contact/{key}").status_code == 404
    assert other.get(f"/custom-fields/{key}").status_code == 404
    assert "zanzibar" not in app.test_client().get("/api/v1/_openapi").text


def test_an_agent_reads_what_fields_there_are_and_changes_none(app: Flask, world: World, owner: Browser) -> None:
    add(owner, "text", "Nickname")
    key = added(app, world)["x_nickname"].custom
    agent = app.test_client()
    sign_in(agent, world.harbour.agent)
    page = agent.get(f"/customise/contact/{key}").text
    assert "Nickname" in page and "data-save" not in page and "New field" not in page
    assert "/customise/" not in agent.get("/").text
    assert agent.get("/customise/contact/new").status_code == 403
    assert add(agent, "text", "Mine").status_code == 403
    assert agent.submit(f"/customise/contact/{key}", {"label": "Mine", **TAGS}).status_code == 403
    assert agent.submit(f"/customise/contact/{key}/type", {"kind": "number"}).status_code == 403
    assert agent.submit(f"/custom-fields/{key}/delete").status_code == 403
    assert list(added(app, world)) == ["x_nickname"]


@pytest.mark.parametrize(
    ("kind", "given", "said"),
    [
        ("text", {"label": " "}, "Give the field a label"),
        ("text", {"label": "E-mail"}, "another field"),
        ("choice", {"label": "Area", "options-count": "1", "options-0-label": ""}, "at least one choice"),
        ("choice", {"label": "Area", "options-count": "2", "options-0-label": "A", "options-1-label": "a"}, "twice"),
        ("multichoice", {"label": "Area", "options-count": "1", "options-0-label": "A; B"}, "parts choices"),
        ("relation", {"label": "Area", "target": "user_session"}, "kind of record"),
        ("number", {"label": "Area", "places": "9"}, "from 0 to 6"),
        ("computed", {"label": "Area", "result": "money", "formula": "budget_max *"}, "ends too early"),
        ("computed", {"label": "Area", "result": "money", "formula": "wages * 2"}, "no field “wages”"),
        ("computed", {"label": "Area", "result": "money", "formula": "__import__('os')"}, "can&#39;t be read"),
        ("text", {"label": "Area", "keep": "for ever"}, "how long"),
        ("text", {"label": "Area", "category": "gossip"}, "data category"),
    ],
)
def test_a_wrong_definition_is_told_and_keeps_what_was_typed(
    app: Flask, world: World, owner: Browser, kind: str, given: dict[str, str], said: str
) -> None:
    answer = add(owner, kind, given.pop("label"), hint="Typed KANARI", **given)
    assert answer.status_code == 422 and said in answer.text and "Typed KANARI" in answer.text
    assert added(app, world) == {}


def test_choices_are_moved_renamed_and_taken_away_without_losing_any(app: Flask, world: World, owner: Browser) -> None:
    rows = {"options-count": "2", "options-0-label": "North", "options-1-label": "South"}
    add(owner, "choice", "Area", **rows)
    key = added(app, world)["x_area"].custom
    url = f"/customise/contact/{key}"
    form = {"label": "Area", "section": "Wishes", **TAGS, "options-count": "2", "options-0-key": "north",
            "options-0-label": "North", "options-1-key": "south", "options-1-label": "South"}  # fmt: skip
    moved = owner.submit(url, {**form, "up": "1"}).text
    assert moved.index('value="South"') < moved.index('value="North"')
    assert added(app, world)["x_area"].choices == (("north", "North"), ("south", "South")), "moving alone saves nothing"
    form |= {"options-0-key": "south", "options-0-label": "Southern", "options-1-key": "", "options-1-label": ""}
    assert owner.submit(url, form).status_code == 303
    one = added(app, world)["x_area"]
    assert (one.choices, one.retired) == ((("south", "Southern"),), (("north", "North"),))


def test_a_change_of_type_shows_what_is_lost_before_it_is_done(app: Flask, world: World, owner: Browser) -> None:
    add(owner, "text", "Rooms")
    key = added(app, world)["x_rooms"].custom
    contacts = list(world.harbour.contacts.values())
    for contact, rooms in zip(contacts, ("4", "many"), strict=False):
        page = owner.get(f"/contacts/{contact}/edit").text
        version = re.search(r'name="version" value="(\d+)"', page)
        name = re.search(r'name="name" value="([^"]+)"', page)
        assert version and name
        owner.submit(
            f"/contacts/{contact}/edit",
            {"name": name[1], "type": "buyer", "stage": "new", "lawful_basis": "consent", "version": version[1],
             "x_rooms": rooms},
        )  # fmt: skip
    url = f"/customise/contact/{key}/type"
    preview = owner.submit(url, {"kind": "number", "places": "0"}, page=f"{url}?kind=number").text
    assert "1 fit the type number" in preview and "such as many" in preview
    assert added(app, world)["x_rooms"].kind == "text"
    assert owner.submit(url, {"kind": "number", "places": "0", "confirmed": "1"}).status_code == 303
    assert added(app, world)["x_rooms"].kind == "number"
    assert "many" in owner.get(f"/contacts/{contacts[1]}").text, "the history keeps what it held"


def test_a_file_field_keeps_its_file_though_another_field_is_wrong(app: Flask, world: World, owner: Browser) -> None:
    add(owner, "file", "Passport")
    key = world.harbour.contacts["Dana Whitcombe"]
    page = owner.get(f"/contacts/{key}/edit").text
    assert 'enctype="multipart/form-data"' in page
    version = re.search(r'name="version" value="(\d+)"', page)
    assert version
    form = {"name": "", "type": "buyer", "stage": "new", "lawful_basis": "consent", "version": version[1]}
    wrong = owner.submit(
        f"/contacts/{key}/edit",
        {**form, "x_passport-file": (io.BytesIO(b"Scan of a passport\n"), "passport.txt")},
        content_type="multipart/form-data",
    )
    assert wrong.status_code == 422 and "passport.txt" in wrong.text
    kept = re.search(r'name="x_passport" value="(\d+)"', wrong.text)
    assert kept
    assert owner.submit(f"/contacts/{key}/edit", {**form, "name": "Dana", "x_passport": kept[1]}).status_code == 302
    assert "passport.txt" in owner.get(f"/contacts/{key}").text


def test_the_data_map_names_it_with_its_tags(app: Flask, world: World, owner: Browser) -> None:
    add(owner, "text", "Nickname", keep="2")
    officer = app.test_client()
    sign_in(officer, world.harbour.compliance)
    page = officer.get("/compliance/data-map/").text
    row = page[page.index("Nickname") :][:600]
    assert "added here" in row and "2 years after it was last changed" in row and "run transactions" in row
    other = app.test_client()
    sign_in(other, world.summit.compliance)
    assert "Nickname" not in other.get("/compliance/data-map/").text

"""The search page and the palette: what is found and offered is what this person may read and do, here and now."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from app.services import field_rights, records
from models.contact import Contact
from models.work import Note
from tests.factories import SYSTEM, Browser, World, browser, sign_in


def palette(client: Browser, q: str = "", recent: str = "") -> dict[str, list[dict[str, Any]]]:
    answer = client.get("/search/palette", query_string={"q": q, "recent": recent})
    assert answer.status_code == 200
    return {group["label"]: group["items"] for group in answer.get_json()["groups"]}


def titles(client: Browser, q: str = "", recent: str = "") -> list[str]:
    return [item["title"] for items in palette(client, q, recent).values() for item in items]


@pytest.fixture
def owner(app: Flask, world: World) -> Browser:
    return browser(app, world.harbour.owner)


def test_a_typing_error_is_forgiven_and_said(app: Flask, world: World, owner: Browser) -> None:
    assert "Dana Whitcombe" in owner.get("/search/?q=whitcombe").text
    page = owner.get("/search/?q=whitcmbe").text
    assert "Contacts close to “whitcmbe”" in page and "Dana Whitcombe" in page
    assert "close to" not in owner.get("/search/?q=whitcombe").text.replace("whitcmbe", "")
    found = palette(owner, "dana whitcmbe")
    assert [item["title"] for item in found["Contacts close to “dana whitcmbe”"]] == ["Dana Whitcombe"]
    assert "Dana Whitcombe" not in titles(browser(app, world.harbour.stranger), "whitcmbe")
    assert "Dana Whitcombe" in titles(browser(app, world.summit.owner), "whitcmbe"), "their own of the same name"


def test_every_kind_of_record_is_in_the_one_box(app: Flask, world: World, owner: Browser) -> None:
    with app.app_context(), world.harbour.inside():
        body = {
            "body": "Prefers to be called about the lighthouse",
            "contact_id": world.harbour.contacts["Dana Whitcombe"],
        }
        records.create(Note, body, actor=world.harbour.actor("agent"))
    assert palette(owner, "lighthouse")["Notes"][0]["title"].endswith("about the lighthouse")
    assert palette(owner, "East office")["Teams"][0]["title"] == "East office"
    assert palette(owner, "Ada Agent")["People"][0]["title"] == "Ada Agent"
    assert "Notes" not in palette(browser(app, world.harbour.stranger), "lighthouse")
    assert "Notes" not in palette(browser(app, world.summit.owner), "lighthouse")


def test_a_field_that_is_hidden_finds_nothing(app: Flask, world: World) -> None:
    broker = browser(app, world.harbour.broker)
    assert "Dana Whitcombe" in titles(broker, "dana@harbour-clients")
    with app.app_context(), world.harbour.inside():
        field_rights.limit(world.harbour.broker.role_id, "contact", {"email": "hidden"}, actor=SYSTEM)
    for q in ("harbour-clients", "harbor-clients", "dana@harbour-cliets.example.com"):
        page = broker.get(f"/search/?q={q}").text
        assert "Dana Whitcombe" not in titles(broker, q) and "Dana Whitcombe" not in page
    assert "harbour-clients" not in broker.get("/search/palette?q=dana").text


def test_actions_are_those_one_may_take(app: Flask, world: World, owner: Browser) -> None:
    every = [one["title"] for one in palette(owner, "contacts")["Actions"]]
    assert {"Import contacts", "Export contacts as CSV", "Customise contacts"} <= set(every)
    reader = browser(app, world.harbour.reader)
    offered = " ".join(titles(reader, "contacts") + titles(reader, "new contact") + titles(reader, "import"))
    assert "Import" not in offered and "New contact" not in offered and "Customise" not in offered
    assert "Audit log" in titles(owner, "audit") and "Audit log" not in titles(
        browser(app, world.harbour.agent), "audit"
    )


def test_actions_forgive_typing_errors_and_use_the_words(app: Flask, owner: Browser) -> None:
    assert titles(owner, "exprot contacts")[0].startswith("Export contacts")
    new = [one for one in palette(owner, "Nora Quill")["Actions"] if one["title"] == "New contact “Nora Quill”"]
    assert 'value="Nora Quill"' in owner.get(new[0]["url"]).text


def test_actions_do_what_they_say(app: Flask, world: World, owner: Browser) -> None:
    dark = next(one for one in palette(owner, "theme dark")["Actions"] if one["title"] == "Theme: Dark")
    assert owner.submit(dark["url"], dict(dark["fields"])).status_code == 303
    assert 'data-bs-theme="dark"' in owner.get("/contacts/").text
    keys = next(one for one in palette(owner, "shortcuts off")["Actions"] if "off" in one["title"])
    owner.submit(keys["url"], dict(keys["fields"]))
    assert 'data-keys="off"' in owner.get("/contacts/").text
    assert "Switch single-key shortcuts on" in titles(owner, "shortcuts")
    export = next(one for one in palette(owner, "export contacts")["Actions"] if "CSV" in one["title"])
    assert b"Dana Whitcombe" in owner.submit(export["url"], dict(export["fields"])).data
    out = next(one for one in palette(owner, "sign out")["Actions"] if one["title"] == "Sign out")
    owner.submit(out["url"], dict(out["fields"]))
    assert owner.get("/contacts/").status_code == 303


def test_recent_records_are_shown_as_far_as_they_are_within_reach(app: Flask, world: World, owner: Browser) -> None:
    dana, faye = (world.harbour.contacts[n] for n in ("Dana Whitcombe", "Faye Okafor"))
    theirs = world.summit.contacts["Dana Whitcombe"]
    asked = f"contact.{faye},contact.{dana},contact.{theirs},contact.999999,nothing.1,contact.x,user.1,contact.{faye}"
    assert [one["title"] for one in palette(owner, recent=asked)["Recent"]] == ["Faye Okafor", "Dana Whitcombe"]
    agent = browser(app, world.harbour.agent)
    assert [one["title"] for one in palette(agent, recent=asked)["Recent"]] == ["Dana Whitcombe"]
    with app.app_context(), world.harbour.inside():
        records.delete(Contact, dana, actor=SYSTEM)
    assert "Recent" not in palette(agent, recent=asked)


def test_views_are_those_one_has(app: Flask, world: World, owner: Browser) -> None:
    from tests.web.test_saved_views import keep

    keep(owner, "sort=name", "Board of the week", "workspace")
    keep(owner, "sort=-name", "Board of mine", "private")
    assert {"Board of the week", "Board of mine"} <= {one["title"] for one in palette(owner, "board")["Views"]}
    agent = {one["title"] for one in palette(browser(app, world.harbour.agent), "board")["Views"]}
    assert "Board of the week" in agent and "Board of mine" not in agent
    assert "Board of the week" not in titles(browser(app, world.summit.owner), "board of")


def test_the_page_offers_everything_without_script(app: Flask, world: World, client: Browser) -> None:
    sign_in(client, world.harbour.owner)
    page = client.get("/search/").text
    for offered in ("New contact", "Theme: Dark", "Sign out", "Export contacts as CSV", "Customise deals"):
        assert offered in page
    assert 'action="/auth/logout"' in page

"""An owner takes the set-up of one brokerage to another through the pages, and goes back; colleagues and outsiders
can't.
"""

from __future__ import annotations

import io
import re
from typing import Any

import orjson
import pytest
from flask import Flask

from app.services import custom_fields, schema
from app.services.setup import states
from models.contact import Contact
from tests.contracts import state
from tests.factories import Browser, Office, World, browser
from tests.factories_fields import TAGS
from tests.setup_kit import furnish

HOME = "/customise/setup"


def send(client: Browser, data: bytes, name: str = "set-up.json") -> Any:
    return client.submit(
        f"{HOME}/import", {"file": (io.BytesIO(data), name)}, page=HOME, content_type="multipart/form-data"
    )


def ticked(page: str) -> list[str]:
    return re.findall(r'name="take" value="([^"]+)" checked', page)


def export(client: Browser) -> bytes:
    answer = client.submit(f"{HOME}/export", page=HOME)
    assert answer.status_code == 200 and answer.mimetype == "application/json"
    assert "attachment" in answer.headers["Content-Disposition"]
    return bytes(answer.data)


def moments(app: Flask, office: Office) -> list[int]:
    with app.app_context(), office.inside():
        return [row.id for row in states.listed(None, 100)]


def test_an_owner_takes_a_set_up_to_another_brokerage_and_back(app: Flask, world: World) -> None:
    with app.app_context(), world.harbour.inside():
        furnish(world.harbour)
    data = export(browser(app, world.harbour.owner))
    there = browser(app, world.summit.owner)
    before = moments(app, world.summit)
    answer = send(there, data)
    assert answer.status_code == 303
    page = there.get(answer.location).text
    assert "Nothing is changed yet" in page and "School area (contacts)" in page and "Transaction desk" in page
    assert "There is no tag" not in page and "asks for the tag “vip”, which is missing here" in page
    assert moments(app, world.summit) == before, "looking changes nothing"
    assert there.submit(answer.location, {"take": ticked(page)}).status_code == 303
    home = there.get(HOME).text
    assert "Set-up imported from set-up.json" in home and "Role “Transaction desk” added" in home
    assert "and" in home and "more" in home
    again = there.get(send(there, data).location).text
    assert ticked(again) == [] and "are the same here" in again
    first = moments(app, world.summit)[-1]
    page = there.get(f"{HOME}/moments/{first}").text
    assert "goes to the bin with its values" in page and "Return to this set-up" in page
    assert there.submit(f"{HOME}/moments/{first}").status_code == 303
    assert "The set-up is now as it was then" in there.get(f"{HOME}/moments/{first}").text
    with app.app_context(), world.summit.inside():
        assert schema.added(Contact) == {}
    newest = moments(app, world.summit)[1]
    assert there.submit(f"{HOME}/moments/{newest}").status_code == 303
    with app.app_context(), world.summit.inside():
        assert "x_nickname" in schema.added(Contact)
    told = {row["action"] for row in state_rows(app, world.summit)}
    assert {"setup.receive", "setup.import", "setup.return"} <= told
    assert "setup.export" in {row["action"] for row in state_rows(app, world.harbour)}


def state_rows(app: Flask, office: Office) -> list[dict[str, Any]]:
    with app.app_context():
        return state.rows("audit", workspace_id=office.id)


def test_what_is_not_ticked_is_left(app: Flask, world: World) -> None:
    with app.app_context(), world.harbour.inside():
        furnish(world.harbour)
    data = export(browser(app, world.harbour.owner))
    there = browser(app, world.summit.owner)
    url = send(there, data).location
    page = there.get(url).text
    row = next(one for one in ticked(page) if one.startswith("field_rights:c"))
    refused = there.submit(url, {"take": [row]})
    assert refused.status_code == 422 and "Nothing was imported" in refused.text and "is missing here" in refused.text
    assert (
        there.submit(url, {"take": ["fields:contact/x_pets", "fields:contact/no_such", "made:up"]}).status_code == 303
    )
    with app.app_context(), world.summit.inside():
        assert list(schema.added(Contact)) == ["x_pets"]


@pytest.mark.parametrize("who", ["agent", "broker", "assistant", "compliance", "reader"])
def test_colleagues_without_the_right_open_none_of_it(app: Flask, world: World, who: str) -> None:
    key = moments(app, world.harbour)[0]
    client = browser(app, world.harbour.people[who])
    assert client.get(HOME).status_code == 403
    assert client.get(f"{HOME}/moments/{key}").status_code == 403
    assert client.submit(f"{HOME}/moments/{key}").status_code == 403
    assert client.submit(f"{HOME}/export").status_code == 403
    assert client.post(f"{HOME}/import", data={"csrf_token": client.token}).status_code == 403
    assert "/customise/setup" not in client.get("/").text


def test_an_outsider_finds_neither_moments_nor_files(app: Flask, world: World) -> None:
    ours = browser(app, world.harbour.owner)
    url = send(ours, export(ours)).location
    key = moments(app, world.harbour)[0]
    theirs = browser(app, world.summit.owner)
    for path in (url, f"{HOME}/moments/{key}"):
        assert theirs.get(path).status_code == 404
        assert theirs.submit(path, {"take": ["fields:contact/x_pets"]}, page=HOME).status_code == 404
    assert browser(app, world.harbour.admin).get(url).status_code == 404, "a file is its sender's alone"
    assert ours.get(url).status_code == 200


def test_rights_are_changed_only_by_who_has_lately_shown_who_they_are(app: Flask, world: World) -> None:
    from tests.factories import sign_in

    with app.app_context(), world.harbour.inside():
        furnish(world.harbour)
    data = export(browser(app, world.harbour.owner))
    client = app.test_client()
    assert isinstance(client, Browser)
    sign_in(client, world.summit.owner, paa=1.0)
    client.get("/")
    url = send(client, data).location
    assert client.get(url).location.startswith("/auth/verify")
    refused = client.submit(url, {"take": ["roles:x"]})
    assert refused.status_code == 303 and refused.location.startswith("/auth/verify")


HOSTILE: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "no JSON"),
    "text": (b"hello", "no JSON"),
    "a list": (b"[]", "no set-up"),
    "a number": (b"1e999", "no"),
    "other format": (b'{"format": "x"}', "no set-up"),
    "no version": (b'{"format": "real-estate-crm-pro/set-up"}', "which version"),
    "later version": (b'{"format": "real-estate-crm-pro/set-up", "version": 99}', "Update this product first"),
    "odd version": (b'{"format": "real-estate-crm-pro/set-up", "version": true}', "which version"),
    "deep": (b'{"a":' * 5000 + b"1" + b"}" * 5000, "no JSON"),
    "huge": (b" " * (2 * 1024 * 1024 + 1), "larger than 2 MB"),
    "broken text": (b'{"format": "\xff"}', "no JSON"),
    "half a sign": (b'{"format": "\\ud800"}', "no"),
}
WRONG_PARTS: dict[str, tuple[dict[str, Any], str]] = {
    "unknown part": ({"secrets": []}, "not known here"),
    "list for object": ({"fields": []}, "must be an object"),
    "object for list": ({"roles": {}}, "must be a list"),
    "null": ({"views": None, "templates": None}, "must be"),
    "prototype": ({"fields": {"__proto__": [], "constructor": [{"__proto__": 1}]}}, "is no name"),
    "key": ({"roles": [{"key": "__proto__", "label": "x", "rights": {}}]}, "is no name of a role"),
    "ids": ({"templates": [{"key": "a", "id": 7, "name": "a", "kind": "a", "subject": "a", "body": "a"}]}, "“id”"),
    "nul": ({"templates": [{"key": "a", "name": "a\0", "kind": "a", "subject": "a", "body": "a"}]}, "control"),
    "long": ({"pipelines": [{"key": "a", "name": "a" * 500, "stages": []}]}, "more than 120"),
    "number": ({"pipelines": [{"key": "a", "name": "a", "stages": [
        {"key": "a", "name": "a", "position": 10**12, "probability": 1, "outcome": "open"}]}]}, "whole number"),
    "twice": ({"pipelines": [{"key": "a", "name": "a", "stages": []}] * 2}, "there twice"),
    "many": ({"roles": [{}] * 30_000}, "of at most 1,000"),
    "very many": ({"field_rights": {f"r{n}": {key: {} for key in ("contact", "deal")} for n in range(9_000)}},
                  "more than 20,000"),
    "nested": ({"views": {"contact": [{"key": "a", "name": "a", "audience": "workspace", "asks": {"where":
        {"or": [{"and": [{"or": [{"and": [{"or": []}]}]}]}]}}}]}}, "deep"),
    "private": ({"views": {"contact": [{"key": "a", "name": "a", "audience": "workspace", "local": True, "asks": {}}]}},
                "“local”"),
    "local": ({"views": {"contact": [{"key": "a", "name": "a", "audience": "workspace", "asks": {"local": True}}]}},
              "“local”"),
    "names": ({"names": {"membership": {"a": "Olive"}}}, "must be one of"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_file_that_is_none_is_told(app: Flask, world: World, name: str) -> None:
    data, said = HOSTILE[name]
    client = browser(app, world.harbour.owner)
    answer = send(client, data)
    assert answer.status_code == 422 and said in answer.text
    with app.app_context():
        assert state.rows("setup_file") == []


@pytest.mark.parametrize("name", WRONG_PARTS)
def test_a_hostile_file_is_told_where_it_is_wrong(app: Flask, world: World, name: str) -> None:
    parts, said = WRONG_PARTS[name]
    client = browser(app, world.harbour.owner)
    answer = send(client, orjson.dumps({"format": "real-estate-crm-pro/set-up", "version": 1, **parts}))
    assert answer.status_code == 422 and said in answer.text, answer.text
    with app.app_context():
        assert state.rows("setup_file") == []


def test_well_formed_nonsense_becomes_problems_of_its_steps(app: Flask, world: World) -> None:
    parts = {
        "fields": {"moon": [{"key": "x_a", "label": "A", "kind": "text", **TAGS_OF_FILE}],
                   "contact": [{"key": "x_a", "label": "A", "kind": "relation", "target": "user_session",
                                **TAGS_OF_FILE},
                               {"key": "x_b", "label": "B", "kind": "choice", **TAGS_OF_FILE},
                               {"key": "x_c", "label": "E-mail", "kind": "text", **TAGS_OF_FILE},
                               {"key": "x_d", "label": "D", "kind": "computed", "result": "text",
                                "formula": "__import__('os')", **TAGS_OF_FILE}]},
        "field_rights": {"agent": {"moon": {"x": "hidden"}, "contact": {"name": "hidden", "phone": "mine"}},
                         "nobody": {"contact": {"phone": "hidden"}}},
        "layouts": {"moon": {"*": {"required": ["x"]}}, "contact": {"nobody": {"required": ["phone"]},
                    "*": {"when": {"phone": "moon:is:full"}}},
                    "deal": {"*": {"when": {"price": "owner_id:is:1"}}}},
        "pipelines": [{"key": "a", "name": "A", "stages": [
            {"key": "a", "name": "A", "position": 1, "probability": 1, "outcome": "drawn"}]}],
        "templates": [{"key": "a", "name": "A", "kind": "spam", "subject": "A", "body": "A"}],
        "views": {"contact": [{"key": "a", "name": "A", "audience": "workspace", "asks": {"filters": [
            {"field": "owner_id", "op": "is", "values": [str(world.harbour.agent.membership_id)]}]}}]},
    }  # fmt: skip
    client = browser(app, world.summit.owner)
    url = send(client, orjson.dumps({"format": "real-estate-crm-pro/set-up", "version": 1, **parts})).location
    page = client.get(url).text
    for said in ("no records “moon”", "no such records here", "offers no choice", "another field with the label",
                 "formula can", "cannot be limited so", "no limit of a field", "the role “nobody”, which is missing",
                 "names “moon”", "no outcome of a stage", "no kind of e-mail", "by their numbers",
                 "a record of the workspace that it comes from"):  # fmt: skip
        assert said in page, said
    assert ticked(page) == ["pipelines:a"]
    every = re.findall(r'name="take" value="([^"]+)"', page)
    answer = client.submit(url, {"take": every})
    assert answer.status_code == 422 and "Nothing was imported" in answer.text


TAGS_OF_FILE = {name: value for name, value in TAGS.items() if name != "keep"}


def test_a_change_by_hand_between_look_and_import_is_seen(app: Flask, world: World) -> None:
    with app.app_context(), world.harbour.inside():
        custom_fields.define("contact", {"kind": "text", "label": "Pets", **TAGS}, actor=world.harbour.actor())
    data = export(browser(app, world.harbour.owner))
    there = browser(app, world.summit.owner)
    url = send(there, data).location
    chosen = ticked(there.get(url).text)
    with app.app_context(), world.summit.inside():
        custom_fields.define("contact", {"kind": "number", "label": "Pets", **TAGS}, actor=world.summit.actor())
    answer = there.submit(url, {"take": chosen})
    assert answer.status_code == 422 and "Change its type under Customise" in answer.text

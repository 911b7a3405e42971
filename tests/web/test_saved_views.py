"""People keep views of a list, share them, have them sent, and build conditions in groups; nobody sees more by it."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlencode

import orjson
import pytest
from flask import Flask

from tests.factories import Browser, World, browser, sign_in


@pytest.fixture
def broker(world: World, client: Browser) -> Browser:
    sign_in(client, world.harbour.broker)
    client.get("/")
    return client


def keep(client: Browser, query: str, name: str, audience: str = "private", **more: str) -> Any:
    form = client.get(f"/contacts/views/save?{query}").text
    state = re.search(r'name="state" value="([^"]*)"', form)
    assert state, form
    text = state[1].replace("&amp;", "&")
    return client.submit("/contacts/views/save", {"state": text, "name": name, "audience": audience, **more})


def names(page: str) -> list[str]:
    return [n for n in ("Dana Whitcombe", "Eli Moreno", "Faye Okafor", "Gus Lindqvist") if f">{n}<" in page]


def test_a_view_is_kept_opened_changed_and_saved_again(broker: Browser) -> None:
    page = broker.get("/contacts/?q=Da&sort=name&cols=email").text
    assert "/contacts/views/save?" in page
    saved = keep(broker, "q=Da&sort=name&cols=email", "Das")
    assert saved.status_code == 303
    url = saved.location
    page = broker.get(url).text
    assert names(page) == ["Dana Whitcombe"] and ">Das</a>" in page and "edited" not in page
    changed = broker.get(f"{url}~&sort=-name&cols=phone").text
    assert "edited" in changed and names(changed) == ["Dana Whitcombe", "Eli Moreno", "Faye Okafor", "Gus Lindqvist"]
    again = keep(broker, f"{url.partition('?')[2]}~&sort=-name", "Das")
    assert again.location == url
    assert len(names(broker.get(url).text)) == 4
    beside = keep(broker, f"{url.partition('?')[2]}~&sort=name", "Das beside", as_new="1")
    assert beside.location != url


def test_who_has_a_shared_view_sees_their_own_records_in_it(app: Flask, world: World, broker: Browser) -> None:
    everybody = keep(broker, "sort=name", "All by name", "workspace").location
    agent = browser(app, world.harbour.agent)
    assert "All by name" in agent.get("/contacts/").text
    assert names(agent.get(everybody).text) == ["Dana Whitcombe"]
    key = re.search(r"view=(\d+)", everybody)
    assert key
    assert agent.submit(f"/contacts/views/{key[1]}/delete").status_code == 403
    assert keep(agent, f"view={key[1]}~&sort=-name", "Mine").status_code == 303, "saved beside it, as one's own"
    assert keep(agent, "sort=name", "For all", "workspace").status_code == 403
    outsider = browser(app, world.summit.owner)
    assert "All by name" not in outsider.get("/contacts/").text
    assert "is gone, or was not shared" in outsider.get(everybody).text
    assert outsider.submit(f"/contacts/views/{key[1]}/delete").status_code == 404


def test_a_team_shares_among_itself(app: Flask, world: World) -> None:
    agent = browser(app, world.harbour.agent)
    assert keep(agent, "sort=name", "East", "team").status_code == 303
    assert ">East</a>" in browser(app, world.harbour.colleague).get("/contacts/").text
    assert ">East</a>" not in browser(app, world.harbour.stranger).get("/contacts/").text
    assert ">East</a>" not in browser(app, world.harbour.owner).get("/contacts/").text


def test_a_name_that_is_missing_or_taken_is_told(broker: Browser) -> None:
    assert keep(broker, "sort=name", " ").status_code == 422
    keep(broker, "sort=name", "Twice")
    answer = keep(broker, "sort=-name", "twice")
    assert answer.status_code == 422 and "already" in answer.text


@pytest.mark.parametrize(
    ("tree", "found"),
    [
        ({"or": ["name:contains:dana", "name:contains:gus"]}, ["Dana Whitcombe", "Gus Lindqvist"]),
        ({"and": ["name:contains:a", {"or": ["name:contains:eli", "name:contains:faye"]}]}, ["Faye Okafor"]),
        (
            {"or": [{"and": ["name:starts:E", "stage:is:new"]}, {"and": ["name:starts:G", "stage:is:closed"]}]},
            ["Eli Moreno"],
        ),
    ],
)
def test_conditions_are_nested(broker: Browser, tree: dict[str, Any], found: list[str]) -> None:
    query = urlencode({"w": orjson.dumps(tree).decode()})
    assert names(broker.get(f"/contacts/?{query}").text) == found
    saved = keep(broker, query, "Nested").location
    assert names(broker.get(saved).text) == found
    csv = broker.submit(f"/contacts/export.csv?{query}").data.decode("utf-8-sig")
    assert names(">" + csv.replace(",", "<").replace("\r\n", "<>")) == found


@pytest.mark.parametrize(
    "text",
    ["{", "[]", "{}", '{"xor":["name:is:a"]}', '{"and":[]}', '{"and":["no_such:is:1"]}', '{"and":[1]}',
     '{"and":[{"and":[{"and":[{"and":[{"and":["name:is:a"]}]}]}]}]}', '{"and":["' + "a" * 5000 + '"]}'],
)  # fmt: skip
def test_conditions_that_make_no_sense_are_left_out_and_named(broker: Browser, text: str) -> None:
    page = broker.get(f"/contacts/?{urlencode({'w': text})}")
    assert page.status_code == 200 and "Left out of this view" in page.text and len(names(page.text)) == 4


def test_the_builder_works_without_script(broker: Browser) -> None:
    page = broker.get("/contacts/builder?f=name:contains:dana").text
    assert 'value="dana"' in page and "All of these" in page
    form = {"state": "", "0-join": "or", "0-count": "1", "0.0-field": "name", "0.0-op": "contains", "0.0-value": "dana"}
    grown = broker.submit("/contacts/builder", {**form, "group": "0"}).text
    assert "0.1-count" in grown and 'value="dana"' in grown
    form |= {"0-count": "2", "0.1-count": "2", "0.1-join": "and", "0.1.0-field": "name", "0.1.0-op": "starts",
             "0.1.0-value": "G", "0.1.1-field": "stage", "0.1.1-op": "is", "0.1.1-value": "new"}  # fmt: skip
    done = broker.submit("/contacts/builder", {**form, "show": "1"})
    assert done.status_code == 303
    assert names(broker.get(done.location).text) == ["Dana Whitcombe", "Gus Lindqvist"]
    again = broker.get(done.location.replace("/contacts/?", "/contacts/builder?")).text
    assert again.count("c-cond") == 3 and 'value="G"' in again
    less = broker.submit("/contacts/builder", {**form, "remove": "0.1.0"}).text
    assert less.count("c-cond") == 2 and 'value="G"' not in less
    form["0.1.0-field"], form["0.1.0-value"] = "budget_max", "lots"
    form["0.1.0-op"] = "after"
    wrong = broker.submit("/contacts/builder", {**form, "show": "1"})
    assert wrong.status_code == 422 and 'value="lots"' in wrong.text and "err" in wrong.text

"""A brokerage lays out its forms and lists, for everybody or for a role; what may be seen stays as the rights say."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask import Flask

from app.services import layouts, schema
from models import scope
from models.contact import Contact
from tests.factories import Browser, World, sign_in

URL = "/customise/contact/layout"


@pytest.fixture
def owner(world: World, client: Browser) -> Browser:
    sign_in(client, world.harbour.owner)
    client.get("/")
    return client


def as_sent(page: str) -> dict[str, str]:
    """The form of a layout page as a browser would send it."""
    sent = dict(re.findall(r'<input class="form-control[^"]*" name="([^"]+)" value="([^"]*)"', page))
    for name, options in re.findall(r'<select[^>]* name="(when-[^"]+)"[^>]*>(.*?)</select>', page):
        chosen = re.search(r'value="([^"]*)" selected', options)
        sent[name] = chosen[1] if chosen else ""
    return sent | dict.fromkeys(re.findall(r'name="(required-[^"]+)" value="1" checked', page), "1")


def save(client: Browser, url: str = URL, **changes: str) -> Any:
    page = client.get(url).text
    role = re.search(r'name="role" value="(\d+)"', page)
    assert role
    sent = as_sent(page) | {name.replace("__", "-"): value for name, value in changes.items()} | {"role": role[1]}
    return client.submit(URL, sent)


def sections(page: str) -> list[str]:
    return re.findall(r'<section id="([^"]+)"', page)


def test_saving_what_is_there_changes_nothing(app: Flask, world: World, owner: Browser) -> None:
    before = owner.get("/contacts/new").text
    assert save(owner).status_code == 303
    after = owner.get("/contacts/new").text
    assert sections(after) == sections(before)
    assert re.findall(r' name="([a-z_]+)"', after) == re.findall(r' name="([a-z_]+)"', before)


def test_labels_help_sections_required_and_columns(app: Flask, world: World, owner: Browser) -> None:
    changes = {
        "label__company": "Employer",
        "hint__company": "Who pays the rent",
        "section__company": "Money",
        "position__company": "1",
        "required__company": "1",
        "column__company": "1",
        "column__type": "",
    }
    assert save(owner, **changes).status_code == 303
    form = owner.get("/contacts/new").text
    assert sections(form)[0] == "money" and "Employer" in form and "Who pays the rent" in form
    wrong = owner.submit("/contacts/new", {"name": "Nina", "type": "buyer", "stage": "new", "lawful_basis": "consent"})
    assert wrong.status_code == 422 and "Employer is needed" in wrong.text
    heads = re.findall(r"<th role=columnheader scope=col[^>]*><a[^>]*>([^<]+)</a>", owner.get("/contacts/").text)
    assert heads[1].strip() == "Employer" and "Type" not in [h.strip() for h in heads]
    other = app.test_client()
    sign_in(other, world.summit.owner)
    assert "Employer" not in other.get("/contacts/new").text


def test_a_role_has_a_layout_of_its_own_and_sees_no_more_by_it(app: Flask, world: World, owner: Browser) -> None:
    role = world.harbour.agent.role_id
    url = f"{URL}?role={role}"
    assert save(owner, url, label__next_step="What now", column__next_step="1").status_code == 303
    agent = app.test_client()
    sign_in(agent, world.harbour.agent)
    assert "What now" in agent.get("/contacts/new").text and "What now" not in owner.get("/contacts/new").text
    preview = owner.get(f"/customise/contact/preview?role={role}").text
    assert "What now" in preview and "<fieldset disabled" in preview
    with app.app_context(), world.harbour.inside(), scope.seen_as(role):
        assert schema.fields(Contact)["next_step"].label == "What now"
    back = owner.submit(URL, {"role": str(role), "reset": "1"})
    assert back.status_code == 303 and "What now" not in agent.get("/contacts/new").text


def test_a_field_is_shown_where_its_condition_holds_and_keeps_its_value(
    app: Flask, world: World, owner: Browser
) -> None:
    assert save(owner, when__budget_max="type:is:buyer").status_code == 303
    key = world.harbour.contacts["Dana Whitcombe"]
    page = owner.get(f"/contacts/{key}/edit").text
    assert re.search(r'<div data-when="type:is:buyer">', page)
    version = re.search(r'name="version" value="(\d+)"', page)
    assert version
    form = {"name": "Dana Whitcombe", "type": "seller", "stage": "new", "lawful_basis": "consent",
            "version": version[1], "budget_max": "1200"}  # fmt: skip
    assert owner.submit(f"/contacts/{key}/edit", form).status_code == 302
    page = owner.get(f"/contacts/{key}/edit").text
    assert re.search(r'<div data-when="type:is:buyer" hidden>', page) and 'value="1200"' in page
    facts = owner.get(f"/contacts/{key}").text.partition('id="tlh"')[0]
    assert "<dt>Type</dt>" in facts and "<dt>Budget to</dt>" not in facts


def test_nonsense_is_told_and_only_who_configures_may_lay_out(app: Flask, world: World, owner: Browser) -> None:
    answer = save(owner, label__company="x" * 81)
    assert answer.status_code == 422 and "at most 80 characters" in answer.text
    answer = save(owner, when__company="no_such:is:1")
    assert answer.status_code == 422
    agent = app.test_client()
    sign_in(agent, world.harbour.agent)
    assert agent.get(URL).status_code == 403
    assert agent.submit(URL, {"role": "0", "reset": "1"}).status_code == 403
    with app.app_context(), world.harbour.inside():
        assert layouts.of("contact") == {}


def test_a_field_added_later_is_not_lost_behind_a_layout(app: Flask, world: World, owner: Browser) -> None:
    save(owner, section__company="Money")
    tags = {"category": "contacts", "purpose": "run transactions", "keep": "record"}
    owner.submit("/customise/contact/new", {"kind": "text", "label": "Nickname", "section": "Pets", **tags})
    assert "Nickname" in owner.get("/contacts/new").text

"""A cell of a table is changed in place: by the rights of the record's form, with its rules, conflicts and undo."""

from __future__ import annotations

import re
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from app.services import field_rights, records, schema
from models.audit import Audit, Change
from models.base import session
from models.contact import Contact
from tests.factories import SYSTEM, Browser, World, browser
from tests.factories_fields import define_all

HTMX = {"HX-Request": "true"}


@pytest.fixture
def owner(app: Flask, world: World) -> Browser:
    return browser(app, world.harbour.owner)


def save(client: Browser, key: int, field: str, value: Any, version: int = 1) -> Any:
    """What a cell sends when Enter is pressed in it."""
    form = {field: value, "version": str(version)}
    return client.submit(f"/contacts/{key}/cell/{field}", form, headers=HTMX)


def shown(answer: Any) -> str:
    found = re.search(r"<div data-saved>(.*?)</div>", answer.text, re.DOTALL)
    assert found, answer.text
    return found[1]


def test_the_form_of_one_field_comes_as_in_the_records_form(world: World, owner: Browser) -> None:
    key = world.harbour.contacts["Dana Whitcombe"]
    cell = owner.get(f"/contacts/{key}/cell/stage", headers=HTMX).text
    assert "<html" not in cell and '<option value="new" selected>New' in cell and 'name="version" value="1"' in cell
    assert 'data-combo="/people/picker"' in owner.get(f"/contacts/{key}/cell/owner_id", headers=HTMX).text
    page = owner.get("/contacts/").text
    assert "data-e=stage" in page and "data-e=last_activity" not in page, "what the product keeps is not edited"
    assert page.count("cells.js") == 1 and "/cell/" not in page, "nothing is added to a cell"


def test_a_cell_is_saved_shown_as_in_the_list_audited_and_taken_back(app: Flask, world: World, owner: Browser) -> None:
    key = world.harbour.contacts["Dana Whitcombe"]
    saved = save(owner, key, "budget_max", "1.25M")
    assert saved.status_code == 200 and shown(saved) == "$1,250,000"
    assert "Budget to is $1,250,000 now" in saved.text and 'hx-swap-oob="innerHTML"' in saved.text
    assert shown(save(owner, key, "stage", "active", 2)) == '<span class="c-b acc">Active</span>'
    member = world.harbour.colleague.membership_id
    assert shown(save(owner, key, "owner_id", str(member), 3)) == "Carl Colleague"
    with app.app_context(), world.harbour.inside():
        changes = session.scalars(sa.select(Change).where(Change.record_id == key).order_by(Change.id.desc())).all()
        assert changes[1].new == {"stage": "active"} and changes[2].new == {"budget_max": 1_250_000_00}
        assert (
            list(session.scalars(sa.select(Audit.action).order_by(Audit.id.desc()).limit(3))) == ["contact.update"] * 3
        )
    undo = re.search(r'formaction="(/changes/batch/[^"]+)"', saved.text)
    assert undo and owner.submit(undo[1]).status_code == 302
    assert "$1,250,000" not in owner.get("/contacts/").text


def test_what_is_refused_stays_as_it_was_typed(world: World, owner: Browser) -> None:
    key = world.harbour.contacts["Dana Whitcombe"]
    wrong = save(owner, key, "budget_max", "lots")
    assert wrong.status_code == 422 and 'value="lots"' in wrong.text and 'aria-invalid="true"' in wrong.text
    empty = save(owner, key, "name", " ")
    assert empty.status_code == 422 and "Name is needed" in empty.text
    taken = save(owner, key, "email", "eli@harbour-clients.example.com")
    assert taken.status_code == 422 and "another contact already has this" in taken.text
    same = save(owner, key, "name", "Dana Whitcombe")
    assert shown(same) == "Dana Whitcombe" and "toasts" not in same.text, "what changes nothing needs no undo"


def test_a_clash_tells_who_and_what_and_keeps_what_was_typed(app: Flask, world: World, owner: Browser) -> None:
    key = world.harbour.contacts["Dana Whitcombe"]
    agent = browser(app, world.harbour.agent)
    assert save(agent, key, "next_step", "Call the lender").status_code == 200
    assert save(owner, key, "budget_max", "900000").status_code == 200, "another field is no clash"
    clash = save(owner, key, "next_step", "Send the offer")
    assert clash.status_code == 409
    assert "Ada Agent set this to “Call the lender”" in clash.text and 'value="Send the offer"' in clash.text
    version = re.search(r'name="version" value="(\d+)"', clash.text)
    assert version
    assert shown(save(owner, key, "next_step", "Send the offer", int(version[1]))) == "Send the offer"


def test_rights_are_those_of_the_records_form(app: Flask, world: World) -> None:
    office = world.harbour
    mine, theirs = office.contacts["Dana Whitcombe"], office.contacts["Eli Moreno"]
    agent = browser(app, office.agent)
    assert save(agent, mine, "next_step", "Mine").status_code == 200
    assert save(agent, theirs, "next_step", "Theirs").status_code == 404
    assert agent.get(f"/contacts/{theirs}/cell/next_step").status_code == 404
    away = save(agent, mine, "owner_id", str(office.stranger.membership_id), 2)
    assert away.status_code == 422 and "within your own reach" in away.text
    reader = browser(app, office.reader)
    assert save(reader, mine, "next_step", "Read").status_code == 403
    assert "data-e=" not in reader.get("/contacts/").text
    outsider = browser(app, world.summit.owner)
    assert save(outsider, mine, "next_step", "Outside").status_code == 404
    for field in ("created_by", "version", "last_activity", "workspace_id", "no_such"):
        assert save(browser(app, office.owner), mine, field, "1").status_code in (403, 404), field


def test_the_limits_of_a_role_hold_in_a_cell(app: Flask, world: World) -> None:
    office = world.harbour
    key = office.contacts["Dana Whitcombe"]
    with app.app_context(), office.inside():
        limits = {"next_step": schema.HIDDEN, "budget_max": schema.READ}
        field_rights.limit(office.broker.role_id, "contact", limits, actor=SYSTEM)
        records.update(Contact, key, {"next_step": "Sealed"}, actor=office.actor("owner"))
    broker = browser(app, office.broker)
    assert broker.get(f"/contacts/{key}/cell/next_step", headers=HTMX).status_code == 404
    assert broker.get(f"/contacts/{key}/cell/budget_max", headers=HTMX).status_code == 403
    assert save(broker, key, "next_step", "x", 2).status_code == 404
    assert save(broker, key, "budget_max", "1", 2).status_code == 403
    page = broker.get("/contacts/").text
    assert "data-e=stage" in page and "data-e=budget_max" not in page and "Sealed" not in page


def test_fields_added_at_run_time_are_edited_as_any_other(app: Flask, world: World, owner: Browser) -> None:
    office, key = world.harbour, world.harbour.contacts["Dana Whitcombe"]
    with app.app_context(), office.inside():
        define_all("contact", actor=office.actor("owner"))
    version = 1
    for field, typed, cell in (
        ("x_school_area", "south", "South"), ("x_lot_size", "0.35", "0.35"), ("x_pets", "1", "Yes"), ("x_pets", "", ""),
        ("x_anniversary", "2001-06-09", "9 Jun 2001"), ("x_wishes", ["garden", "sauna"], "Garden; Sauna"),
        ("x_referred_by", str(office.contacts["Eli Moreno"]), "Eli Moreno"), ("x_pre_approval", "500k", "$500,000"),
        ("x_school_area", "", ""),
    ):  # fmt: skip
        assert shown(save(owner, key, field, typed, version)) == cell, field
        version += 1
    assert 'value="garden" checked' in owner.get(f"/contacts/{key}/cell/x_wishes", headers=HTMX).text
    for field in ("x_fee", "x_passport"):
        assert owner.get(f"/contacts/{key}/cell/{field}", headers=HTMX).status_code == 403, field
    heads = owner.get("/contacts/?cols=x_fee&cols=x_passport&cols=x_pets").text
    assert re.findall(r"data-e=(\w+)", heads) == ["x_pets"]


def test_without_script_the_field_has_a_page_of_its_own(world: World, owner: Browser) -> None:
    key = world.harbour.contacts["Dana Whitcombe"]
    page = owner.get(f"/contacts/{key}/cell/next_step").text
    assert "<h1" in page and "Next step of “Dana Whitcombe”" in page
    wrong = owner.submit(f"/contacts/{key}/cell/next_step", {"next_step": "x" * 300, "version": "1"})
    assert wrong.status_code == 422 and "at most 200 fit" in wrong.text and "<h1" in wrong.text
    answer = owner.submit(f"/contacts/{key}/cell/next_step", {"next_step": "Call", "version": "1"})
    assert answer.status_code == 303 and answer.location == f"/contacts/#r{key}"

"""A list as a board: columns by a choice or by related records, and cards that are moved; nobody sees or moves more
than in the list.
"""

from __future__ import annotations

import re
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from app.services import custom_fields, field_rights, records, schema
from models.audit import Audit, Change
from models.base import session
from models.contact import Contact
from tests.factories import SYSTEM, Browser, World, browser
from tests.factories_deals import deal, pipeline
from tests.factories_fields import TAGS


@pytest.fixture
def owner(app: Flask, world: World) -> Browser:
    return browser(app, world.harbour.owner)


def lanes(page: str) -> dict[str, tuple[str, list[str]]]:
    """Each column by its heading: count (and sum), and the titles of its cards."""
    found = {}
    for part in re.findall(r"<section.*?</section>", page, re.DOTALL):
        name = re.search(r"<h2[^>]*>([^<]*)</h2>", part)
        assert name
        head = part.partition("<ul>")[0]
        numbers = " ".join(re.findall(r'<span class="t[23][^>]*>([^<]*)</span>', head))
        found[name[1]] = (numbers, re.findall(r"<div><a href=\d+>([^<]*)</a>", part))
    return found


def move(client: Browser, slug: str, key: int, field: str, value: Any, version: int, **more: Any) -> Any:
    form = {field: str(value), "version": str(version), "next": f"/{slug}/?display=board", **more}
    return client.submit(f"/{slug}/{key}/cell/{field}", form)


def test_contacts_stand_in_their_stages_with_counts_and_sums(app: Flask, world: World, owner: Browser) -> None:
    office = world.harbour
    with app.app_context(), office.inside():
        for name, stage, budget in (("Eli Moreno", "active", 900_000_00), ("Faye Okafor", "active", 1_100_000_00)):
            values = {"stage": stage, "budget_max": budget}
            records.update(Contact, office.contacts[name], values, actor=office.actor("owner"))
    page = owner.get("/contacts/?display=board").text
    found = lanes(page)
    assert list(found)[:3] == ["New", "Qualified", "Active"]
    assert found["Active"][0] == "2 $2M" and set(found["Active"][1]) == {"Eli Moreno", "Faye Okafor"}
    assert found["Qualified"] == ("0", []) and "Nothing here" in page
    narrowed = lanes(owner.get("/contacts/?display=board&q=Faye").text)
    assert narrowed["Active"] == ("1 $1.1M", ["Faye Okafor"]) and narrowed["New"][1] == []


def test_deals_stand_in_the_stages_of_one_pipeline_in_order(app: Flask, world: World, owner: Browser) -> None:
    with app.app_context(), world.harbour.inside():
        present = list(lanes(owner.get("/deals/?display=board").text))
        stages = pipeline(world.harbour)
        deal(world.harbour, "18 Alder Ct", stages["Offer out"], price=500_000_00)
        deal(world.harbour, "2 Tannery Sq", stages["Won"])
    page = owner.get("/deals/?display=board").text
    assert 'aria-label="Pipelines"' in page and list(lanes(page)) == present, "the first pipeline is shown first"
    url = re.search(r'<a href="(/deals/\?[^"]*inside=\d+)">Resale</a>', page)
    assert url
    found = lanes(owner.get(url[1].replace("&amp;", "&")).text)
    assert list(found) == ["Enquiry", "Offer out", "Won"]
    assert found["Offer out"] == ("1 $500K", ["18 Alder Ct"]) and found["Won"] == ("1", ["2 Tannery Sq"])


def test_a_card_is_moved_audited_and_taken_back(app: Flask, world: World, owner: Browser) -> None:
    office = world.harbour
    key = office.contacts["Dana Whitcombe"]
    answer = move(owner, "contacts", key, "stage", "active", 1)
    assert answer.status_code == 303 and answer.location == f"/contacts/?display=board#r{key}"
    page = owner.get("/contacts/?display=board").text
    assert lanes(page)["Active"][1] == ["Dana Whitcombe"] and "Stage is Active now" in page
    with app.app_context(), office.inside():
        last = session.scalars(sa.select(Change).order_by(Change.id.desc()).limit(1)).one()
        assert (last.entity, last.record_id, last.old, last.new) == (
            "contact",
            key,
            {"stage": "new"},
            {"stage": "active"},
        )
        assert session.scalars(sa.select(Audit.action).order_by(Audit.id.desc()).limit(1)).one() == "contact.update"
    undo = re.search(r'formaction="(/changes/batch/[^"]+)"', page)
    assert undo
    assert owner.submit(undo[1]).status_code == 302
    assert lanes(owner.get("/contacts/?display=board").text)["Active"][1] == []


def test_a_card_is_moved_without_script_by_a_page_of_its_own(world: World, owner: Browser) -> None:
    key = world.harbour.contacts["Dana Whitcombe"]
    board = owner.get("/contacts/?display=board").text
    assert f"href={key}/cell/stage " in board
    came = {"Referer": "http://localhost/contacts/?display=board&lane=new"}
    form = owner.get(f"/contacts/{key}/cell/stage", headers=came).text
    assert (
        '<option value="new" selected>' in form and 'name="next" value="/contacts/?display=board&amp;lane=new"' in form
    )
    away = owner.submit(f"/contacts/{key}/cell/stage", {"stage": "lost", "version": "1", "next": "//evil.example.com"})
    assert away.location.startswith("/contacts/")


def test_who_moved_it_meanwhile_is_told_and_nothing_is_lost(app: Flask, world: World, owner: Browser) -> None:
    key = world.harbour.contacts["Dana Whitcombe"]
    agent = browser(app, world.harbour.agent)
    assert move(agent, "contacts", key, "stage", "qualified", 1).status_code == 303
    clash = move(owner, "contacts", key, "stage", "lost", 1)
    assert clash.status_code == 409
    assert "Ada Agent set this to “Qualified”" in clash.text and '<option value="lost" selected>' in clash.text
    version = re.search(r'name="version" value="(\d+)"', clash.text)
    assert version
    assert move(owner, "contacts", key, "stage", "lost", int(version[1])).status_code == 303
    assert lanes(owner.get("/contacts/?display=board").text)["Lost"][1] == ["Dana Whitcombe"]


def test_an_agent_sees_and_moves_what_is_within_reach(app: Flask, world: World, owner: Browser) -> None:
    agent = browser(app, world.harbour.agent)
    found = lanes(agent.get("/contacts/?display=board").text)
    assert found["New"] == ("1", ["Dana Whitcombe"])
    assert move(agent, "contacts", world.harbour.contacts["Eli Moreno"], "stage", "lost", 1).status_code == 404
    outsider = browser(app, world.summit.owner)
    key = world.harbour.contacts["Dana Whitcombe"]
    assert outsider.get(f"/contacts/{key}/cell/stage").status_code == 404
    assert move(outsider, "contacts", key, "stage", "lost", 1).status_code == 404
    reader = browser(app, world.harbour.reader)
    page = reader.get("/contacts/?display=board").text
    assert len(lanes(page)["New"][1]) == 4 and "c-mv" not in page and "board.js" not in page
    assert move(reader, "contacts", key, "stage", "lost", 1).status_code == 403
    assert lanes(owner.get("/contacts/?display=board").text)["Lost"][1] == []


@pytest.mark.parametrize("level", [schema.HIDDEN, schema.READ])
def test_a_role_kept_from_the_field_has_no_such_board_or_moves_nothing(
    app: Flask, world: World, level: str, owner: Browser
) -> None:
    office = world.harbour
    key = office.contacts["Dana Whitcombe"]
    with app.app_context(), office.inside():
        field_rights.limit(office.broker.role_id, "contact", {"stage": level, "budget_max": "hidden"}, actor=SYSTEM)
        records.update(Contact, key, {"budget_max": 777_000_00}, actor=office.actor("owner"))
    broker = browser(app, office.broker)
    page = broker.get("/contacts/?display=board&by=stage&cols=budget_max&cols=phone").text
    assert "777" not in page
    if level == schema.HIDDEN:
        assert "Left out of this view" in page and "Qualified" not in lanes(page)
        assert broker.get(f"/contacts/{key}/cell/stage").status_code == 404
    else:
        assert "Qualified" in lanes(page) and "c-mv" not in page
        assert broker.get(f"/contacts/{key}/cell/stage").status_code == 403
    refused = move(broker, "contacts", key, "stage", "lost", 2)
    assert refused.status_code == (404 if level == schema.HIDDEN else 403)


def test_a_field_added_at_run_time_makes_a_board(app: Flask, world: World, owner: Browser) -> None:
    office = world.harbour
    with app.app_context(), office.inside():
        facts = {"label": "Area", "kind": "choice", "options": ["North", "South"], **TAGS}
        custom_fields.define("contact", facts, actor=office.actor("owner"))
        records.update(Contact, office.contacts["Eli Moreno"], {"x_area": "north"}, actor=office.actor("owner"))
    found = lanes(owner.get("/contacts/?display=board&by=x_area").text)
    assert list(found) == ["North", "South", "No area"] and found["North"][1] == ["Eli Moreno"]
    assert found["No area"][0] == "3"
    assert move(owner, "contacts", office.contacts["Faye Okafor"], "x_area", "south", 1).status_code == 303
    assert move(owner, "contacts", office.contacts["Eli Moreno"], "x_area", "", 2).status_code == 303
    found = lanes(owner.get("/contacts/?display=board&by=x_area").text)
    assert found["South"][1] == ["Faye Okafor"] and found["North"][1] == []


def test_what_an_agent_may_not_read_is_no_column_of_their_board(app: Flask, world: World, owner: Browser) -> None:
    assert {"Ada Agent", "Stella West"} <= set(lanes(owner.get("/contacts/?display=board&by=owner_id").text))
    page = owner.get("/contacts/?display=board&by=deal_id").text
    assert "cannot be shown as a board" in page, "what there are many of makes no columns"


def test_a_full_column_shows_its_first_cards_and_leads_to_all(app: Flask, world: World, owner: Browser) -> None:
    with app.app_context(), world.harbour.inside():
        for number in range(25):
            records.create(Contact, {"name": f"P {number:02d}", "stage": "lost"}, actor=world.harbour.actor("owner"))
    page = owner.get("/contacts/?display=board&sort=name").text
    assert lanes(page)["Lost"][0] == "25" and lanes(page)["Lost"][1] == [f"P {n:02d}" for n in range(20)]
    url = re.search(r'href="([^"]*)">All 25 in a list</a>', page)
    assert url
    assert owner.get(url[1].replace("&amp;", "&")).text.count("<tr role=row>") == 25


def test_the_phone_has_a_column_at_a_time(owner: Browser) -> None:
    page = owner.get("/contacts/?display=board").text
    assert re.search(r'<a href="[^"]*lane=new" aria-current="page">New 4</a>', page)
    other = owner.get("/contacts/?display=board&lane=lost").text
    assert re.search(r'<section aria-labelledby="l7" class="now"', other)


def test_a_view_keeps_the_display_and_the_switch_leads_there(owner: Browser) -> None:
    table = owner.get("/contacts/").text
    assert re.search(r'href="\?display=board"[^>]*aria-label="Board"', table)
    form = owner.get("/contacts/views/save?display=board&by=type").text
    state = re.search(r'name="state" value="([^"]*)"', form)
    assert state
    kept = {"state": state[1].replace("&amp;", "&"), "name": "By type", "audience": "private"}
    saved = owner.submit("/contacts/views/save", kept).location
    page = owner.get(saved).text
    assert "Website lead" in lanes(page) and "edited" not in page
    assert "edited" in owner.get(f"{saved}~&display=board&by=stage").text


def test_the_layout_is_chosen_in_a_form(owner: Browser) -> None:
    form = owner.get("/contacts/arrange?f=stage:is:new").text
    assert '<option value="board">Board</option>' in form and 'value="f=stage' in form
    chosen = {"state": "f=stage:is:new", "display": "board", "board_by": "type", "group": "", "calendar_by": ""}
    answer = owner.submit("/contacts/arrange", chosen)
    assert answer.location == "/contacts/?f=stage%3Ais%3Anew&display=board&by=type"
    wrong = owner.submit("/contacts/arrange", {**chosen, "display": "piano", "group": "no_such"})
    assert wrong.location == "/contacts/?f=stage%3Ais%3Anew"


@pytest.mark.parametrize("query", ["display=piano", "display=board&by=no_such", "display=board&by=email",
                                   "display=calendar&month=2026-13", "group=no_such", "group=about"])  # fmt: skip
def test_a_layout_that_makes_no_sense_is_left_out_and_named(owner: Browser, query: str) -> None:
    page = owner.get(f"/contacts/?{query}")
    assert page.status_code == 200 and "Left out of this view" in page.text

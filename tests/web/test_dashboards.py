"""Dashboards: tiles over any list or view, counted within reach and field rights, each leading to what it counts."""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal

import pytest
import sqlalchemy as sa
from flask import Flask

from app.services import field_rights, records
from models.base import session
from models.contact import Contact
from models.deal import Pipeline
from models.work import Task
from tests.factories import SYSTEM, Browser, World, browser
from tests.factories_deals import deal, pipeline
from tests.factories_fields import define_all
from tests.web.dashboards_kit import add_tile, agree, count_of, drills, tiles_of, value, whole
from tests.web.test_saved_views import keep

CANARY = 8_123_00


@pytest.fixture
def owner(app: Flask, world: World) -> Browser:
    return browser(app, world.harbour.owner)


def test_tiles_of_everybody_count_what_each_may_read(app: Flask, world: World, owner: Browser) -> None:
    assert add_tile(owner, "contact", "number", title="People").status_code == 303
    assert add_tile(owner, "contact", "bar", title="By stage", by="stage").status_code == 303
    mine = whole(owner)
    assert value(mine["People"]) == ("4", "/contacts/")
    assert agree(owner, mine["By stage"]) == 1
    agent = browser(app, world.harbour.agent)
    theirs = whole(agent)
    assert value(theirs["People"])[0] == "1" and count_of(agent, "/contacts/") == 1
    assert [words for words, _ in drills(theirs["By stage"])] == ["New: 1"]
    outsider = browser(app, world.summit.owner)
    assert "People" not in whole(outsider)


def test_who_is_outside_finds_no_dashboard_and_no_tile(app: Flask, world: World, owner: Browser) -> None:
    made = owner.submit("/dashboards/new", {"name": "Campaign", "audience": "workspace"})
    board = int(re.findall(r"\d+", made.location)[0])
    add_tile(owner, "contact", "number", board, title="People")
    tile = re.findall(r'id="t(\d+)"', owner.get(f"/dashboards/{board}").text)[0]
    outsider = browser(app, world.summit.owner)
    for url in (f"/dashboards/{board}", f"/dashboards/{board}/arrange", f"/dashboards/{board}/history",
                f"/dashboards/{board}/tiles/{tile}", f"/dashboards/{board}/tiles/{tile}/edit",
                f"/dashboards/{board}/tiles/new", f"/dashboards/{board}/settings"):  # fmt: skip
        assert outsider.get(url).status_code == 404, url
    for url, form in ((f"/dashboards/{board}/tiles/{tile}/place", {"away": "1"}), (f"/dashboards/{board}/delete", {}),
                      (f"/dashboards/{board}/reset?for=all", {})):  # fmt: skip
        assert outsider.submit(url, form, page="/").status_code == 404, url
    role = world.harbour.agent.role_id
    assert outsider.get(f"/dashboards/0/arrange?for={role}").status_code == 404
    assert outsider.submit(f"/dashboards/0/tiles/1/place?for={role}", {"away": "1"}, page="/").status_code == 404
    assert "People" in tiles_of(owner.get(f"/dashboards/{board}").text)


def test_every_kind_leads_to_as_many_records_as_it_counts(app: Flask, world: World, owner: Browser) -> None:
    office = world.harbour
    with app.app_context(), office.inside():
        stages = pipeline(office)
        for number in range(3):
            deal(office, f"E {number}", stages["Enquiry"], price=100_000_00)
        deal(office, "Offer", stages["Offer out"], price=50_00, who="agent")
        actor = office.actor("owner")
        records.update(Contact, office.contacts["Eli Moreno"], {"stage": "active", "type": "buyer"}, actor=actor)
    add_tile(owner, "deal", "number", title="Worth", measure="sum:price")
    add_tile(owner, "deal", "number", title="Mean", measure="average:price")
    add_tile(owner, "deal", "bar", title="Stages", by="stage_id", measure="sum:price")
    with app.app_context(), office.inside():
        resale = session.scalars(sa.select(Pipeline.id).where(Pipeline.name == "Resale")).one()
    add_tile(owner, "deal", "funnel", title="Way", by=f"stage_id/{resale}")
    add_tile(owner, "contact", "funnel", title="Contacts on their way", by="stage")
    add_tile(owner, "contact", "line", title="Growth", date="created_at", steps="day:7", split="type")
    add_tile(owner, "contact", "bar", title="Weeks", by="@created_at", steps="week:8", split="source")
    add_tile(owner, "contact", "trend", title="New", date="created_at", every="week")
    add_tile(owner, "contact", "bar", title="Owners", by="owner_id")
    add_tile(owner, "contact", "table", title="First", rows="5", width="2")
    add_tile(owner, "contact", "number", title="Mine", mine="1")
    found = whole(owner)
    assert value(found["Worth"]) == ("$300.1K", "/deals/") and "of 4 deals" in found["Worth"]
    assert value(found["Mean"])[0] == "$75,012"
    assert [words for words, _ in drills(found["Stages"])] == ["Enquiry: $300K · 3", "Offer out: $50 · 1"]
    assert [words for words, _ in drills(found["Way"])] == ["Enquiry: 3", "Offer out: 1", "Won: 0"]
    assert "75%" in found["Way"]
    assert [words for words, _ in drills(found["Contacts on their way"])][:3] == ["New: 3", "Qualified: 0", "Active: 1"]
    for title in ("Stages", "Way", "Contacts on their way", "Growth", "Weeks", "Owners"):
        assert agree(owner, found[title]), title
    assert value(found["New"])[0] == "4" and count_of(owner, value(found["New"])[1]) == 4
    assert "4 more than by this day last week" in found["New"]
    assert found["First"].count("<tr>") == 5 and ">Dana Whitcombe</a>" in found["First"]
    assert value(found["Mine"])[0] == "0" and count_of(owner, value(found["Mine"])[1]) == 0


def test_fields_of_ones_own_part_and_add_up(app: Flask, world: World, owner: Browser) -> None:
    office = world.harbour
    with app.app_context(), office.inside():
        actor = office.actor("owner")
        define_all("contact", actor=actor)
        today = dt.datetime.now(dt.UTC)
        given = {"x_school_area": "south", "x_pets": True, "x_nickname": "Bean", "x_next_call": today,
                 "x_referred_by": office.contacts["Gus Lindqvist"], "x_lot_size": Decimal("0.35"),
                 "x_pre_approval": 500_000_00, "x_anniversary": today.date()}  # fmt: skip
        records.update(Contact, office.contacts["Dana Whitcombe"], given, actor=actor)
        more = {"x_lot_size": Decimal("1.15"), "x_school_area": "south"}
        records.update(Contact, office.contacts["Eli Moreno"], more, actor=actor)
    add_tile(owner, "contact", "bar", title="Area", by="x_school_area", measure="sum:x_lot_size")
    for name in ("x_pets", "x_nickname", "x_referred_by"):
        add_tile(owner, "contact", "bar", title=name, by=name)
    for name in ("x_next_call", "x_anniversary"):
        add_tile(owner, "contact", "line", title=name, date=name, steps="month:6", split="x_school_area")
    add_tile(owner, "contact", "funnel", title="Areas", by="x_school_area")
    add_tile(owner, "contact", "number", title="Approved", measure="sum:x_pre_approval")
    found = whole(owner)
    assert drills(found["Area"])[0][0] == "South: 1.50 · 2"
    assert value(found["Approved"])[0] == "$500K"
    for title in ("Area", "x_pets", "x_nickname", "x_referred_by", "x_next_call", "x_anniversary", "Areas"):
        assert agree(owner, found[title]), title


def test_a_tile_over_a_saved_view_follows_the_view(app: Flask, world: World, owner: Browser) -> None:
    view = re.findall(r"view=(\d+)", keep(owner, "f=name:contains:an", "With an", "workspace").location)[0]
    add_tile(owner, f"contact/{view}", "number", title="Some")
    add_tile(owner, f"contact/{view}", "bar", title="Some by owner", by="owner_id")
    found = whole(owner)
    assert value(found["Some"]) == ("1", f"/contacts/?f=name%3Acontains%3Aan&view={view}~")
    assert agree(owner, found["Some by owner"]) == 1
    keep(owner, f"view={view}~&f=name:contains:a", "With an", "workspace")
    assert value(whole(owner)["Some"])[0] == str(count_of(owner, f"/contacts/?view={view}")) == "2"
    agent = browser(app, world.harbour.agent)
    assert value(whole(agent)["Some"])[0] == "1"
    owner.submit(f"/contacts/views/{view}/delete", page="/")
    assert "is gone" in whole(owner)["Some"] and "Some" not in whole(agent)


def test_a_view_of_ones_own_makes_no_tile_for_others(app: Flask, world: World, owner: Browser) -> None:
    view = re.findall(r"view=(\d+)", keep(owner, "sort=name", "Secret plan").location)[0]
    refused = add_tile(owner, f"contact/{view}", "number", title="Plan")
    assert refused.status_code == 422 and "Others do not have the view Secret plan" in refused.text
    assert 'value="Plan"' in refused.text, "nothing typed is lost"
    assert add_tile(owner, f"contact/{view}", "number", title="Plan", whom="me").status_code == 303
    assert "Plan" in whole(owner)
    stranger = browser(app, world.harbour.admin)
    assert "Plan" not in whole(stranger)
    assert add_tile(stranger, f"contact/{view}", "number", whom="me").status_code == 422
    assert "Secret plan" not in stranger.get(f"/dashboards/0/tiles/new?source=contact/{view}&kind=number").text


def test_a_tile_over_a_hidden_field_is_neither_drawn_nor_counted(app: Flask, world: World, owner: Browser) -> None:
    office = world.harbour
    with app.app_context(), office.inside():
        records.update(Contact, office.contacts["Gus Lindqvist"], {"budget_max": CANARY, "type": "buyer"},
                       actor=office.actor("owner"))  # fmt: skip
    add_tile(owner, "contact", "number", title="Budgets", measure="sum:budget_max")
    add_tile(owner, "contact", "number", title="Rich", query="f=budget_max:after:8000")
    add_tile(owner, "contact", "number", title="Rich or so", query='w={"or":["budget_max:after:8000"]}')
    add_tile(owner, "contact", "bar", title="Types", by="type")
    add_tile(owner, "contact", "bar", title="Months", by="@created_at", steps="month:6")
    add_tile(owner, "contact", "line", title="Split", date="created_at", steps="month:6", split="type")
    add_tile(owner, "contact", "table", title="Rows", query="cols=budget_max&cols=type")
    kept = ("Budgets", "Rich", "Rich or so", "Types", "Months", "Split", "Rows")
    before = whole(browser(app, office.reader))
    assert set(kept) <= set(before) and "$8,123" in before["Budgets"] + before["Rows"]
    ids = {title: re.findall(r'id="t(\d+)"', part)[0] for title, part in before.items()}
    with app.app_context(), office.inside():
        hidden = dict.fromkeys(("budget_max", "type", "created_at"), "hidden")
        for role in (office.reader.role_id, office.broker.role_id):
            field_rights.limit(role, "contact", hidden, actor=SYSTEM)
    reader = browser(app, office.reader)
    found = whole(reader)
    assert set(found) & {*kept, "New contacts this week", "New contacts by week"} == {"Rows"}
    assert "8,123" not in "".join(found.values()) and "Buyer" not in "".join(found.values())
    for title in kept[:-1]:
        assert reader.get(f"/dashboards/0/tiles/{ids[title]}").status_code == 404, title
    told = whole(browser(app, office.broker))
    assert all("Not drawn" in told[title] and "8,123" not in told[title] for title in kept[:-1])
    refused = add_tile(browser(app, office.broker), "contact", "bar", whom="me", by="type")
    assert refused.status_code == 422 and "does not see" in refused.text
    form = browser(app, office.broker).get("/dashboards/0/tiles/new?source=contact&kind=bar").text
    assert 'value="type"' not in form and "budget_max" not in form and "created_at" not in form


def test_today_counts_no_contact_by_a_date_that_is_hidden(app: Flask, world: World) -> None:
    office = world.harbour
    with app.app_context(), office.inside():
        field_rights.limit(office.reader.role_id, "contact", {"created_at": "hidden"}, actor=SYSTEM)
        field_rights.limit(office.reader.role_id, "task", {"due_at": "hidden"}, actor=SYSTEM)
    assert not {"New contacts this week", "New contacts by week", "Needs you today"} & set(
        whole(browser(app, office.reader))
    )


def test_days_are_those_of_the_viewers_zone(app: Flask, world: World, owner: Browser) -> None:
    with app.app_context(), world.harbour.inside():
        now = dt.datetime.now(dt.UTC)
        for hours in range(-60, 60, 5):
            due = now + dt.timedelta(hours=hours)
            records.create(Task, {"title": f"{hours}", "due_at": due}, actor=world.harbour.actor("owner"))
    add_tile(owner, "task", "bar", title="Due", by="@due_at", steps="day:7")
    add_tile(owner, "task", "number", title="Due today", date="due_at", period="today")
    for zone in ("Pacific/Auckland", "America/New_York", "Asia/Kathmandu"):
        owner.submit("/account/look", {"zone": zone}, page="/")
        found = whole(owner)
        assert agree(owner, found["Due"]) >= 3
        number, url = value(found["Due today"])
        assert count_of(owner, url) == int(number) > 3


def test_a_tile_is_made_from_a_list(app: Flask, world: World, owner: Browser) -> None:
    page = owner.get("/contacts/?f=name:contains:an").text
    found = re.search(r'href="(/dashboards/0/tiles/new\?[^"]*)"', page)
    assert found
    form = owner.get(found[1].replace("&amp;", "&")).text
    assert "What it is about" in form or ">About<" in form
    assert 'name="query" value="f=name%3Acontains%3Aan"' in form
    add_tile(owner, "contact", "number", title="An", query="f=name%3Acontains%3Aan")
    assert value(whole(owner)["An"])[0] == "1"


@pytest.mark.parametrize(
    ("kind", "form", "words"),
    [
        ("number", {"title": " "}, "Give the tile a title"),
        ("number", {"measure": "sum:name"}, "is gone"),
        ("number", {"period": "last7"}, "Choose which date"),
        ("number", {"date": "created_at"}, "Choose the days"),
        ("trend", {}, "Choose the date"),
        ("bar", {}, "Choose what the bars"),
        ("bar", {"by": "no_such"}, "is gone"),
        ("bar", {"by": "@name"}, "is gone"),
        ("funnel", {"by": "company"}, "is gone"),
        ("line", {"date": "created_at", "split": "email"}, "is gone"),
        ("number", {"query": "f=no_such:is:1"}, "is gone"),
        ("number", {"query": "q=" + "x" * 5000}, "asks for too much"),
    ],
)
def test_what_makes_no_sense_is_told_and_kept_in_the_form(
    owner: Browser, kind: str, form: dict[str, str], words: str
) -> None:
    answer = add_tile(owner, "contact", kind, **form)
    assert answer.status_code == 422 and words in answer.text
    assert "Dashboard" not in answer.text[:0] and 'name="kind" value="' in answer.text

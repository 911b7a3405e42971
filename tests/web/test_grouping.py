"""The table in groups, and what a list adds up to: the numbers are those of the list that each heading leads to."""

from __future__ import annotations

import datetime as dt
import html
import re
from collections import Counter
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from flask import Flask

from app.services import field_rights, groups, records
from models.contact import Contact
from models.work import Task
from tests.factories import SYSTEM, Browser, World, browser
from tests.factories_deals import deal, pipeline
from tests.factories_fields import define_all


@pytest.fixture
def owner(app: Flask, world: World) -> Browser:
    return browser(app, world.harbour.owner)


def headings(page: str) -> dict[str, tuple[int, str]]:
    """Each group by its label: count, and the address it leads to."""
    found = {}
    for part in re.findall(r"<tr role=row class=g>.*?(?=<t(?:r|body|foot)|</table)", page, re.DOTALL):
        label = re.search(r"<th[^>]*>(?:<a href=\"([^\"]*)\">)?([^<]*)", part)
        count = re.search(r"<span class=t3>([\d,]+)</span>", part)
        assert label and count
        found[html.unescape(label[2]).strip()] = (int(count[1].replace(",", "")), html.unescape(label[1] or ""))
    return found


def rows(page: str) -> int:
    return page.count("<td role=cell class=k2>")


def agree(client: Browser, page: str) -> None:
    """Every heading that leads to a list leads to one with as many records."""
    for label, (count, url) in headings(page).items():
        if url:
            answer = client.get(url)
            assert "Left out of this view" not in answer.text, label
            assert rows(answer.text) == count, (label, url)


def test_contacts_are_grouped_by_a_choice_in_its_order(app: Flask, world: World, owner: Browser) -> None:
    office = world.harbour
    with app.app_context(), office.inside():
        records.update(Contact, office.contacts["Eli Moreno"], {"stage": "active"}, actor=office.actor("owner"))
    page = owner.get("/contacts/?group=stage&sort=name").text
    assert {n: c for n, (c, _) in headings(page).items()} == {"New": 3, "Active": 1}
    assert list(headings(page)) == ["New", "Active"] and rows(page) == 4
    agree(owner, page)
    assert headings(owner.get("/contacts/?group=stage&q=Eli").text).keys() == {"Active"}


def test_yes_and_no_related_records_and_what_has_none_are_groups(app: Flask, world: World, owner: Browser) -> None:
    office = world.harbour
    with app.app_context(), office.inside():
        actor = office.actor("owner")
        records.update(
            Contact, office.contacts["Eli Moreno"], {"minor": True, "minor_authority": "Mother"}, actor=actor
        )
        records.create(Task, {"title": "Call", "contact_id": office.contacts["Eli Moreno"]}, actor=actor)
        records.create(Task, {"title": "Sort papers"}, actor=actor)
    minors = owner.get("/contacts/?group=minor").text
    assert {n: c for n, (c, _) in headings(minors).items()} == {"Under 13: yes": 1, "Under 13: no": 3}
    agree(owner, minors)
    tasks = owner.get("/tasks/?group=contact_id").text
    assert {n: c for n, (c, _) in headings(tasks).items()} == {"Eli Moreno": 1, "No contact": 1}
    agree(owner, tasks)
    agree(owner, owner.get("/contacts/?group=owner_id").text)


@pytest.mark.parametrize("zone", ["America/New_York", "Pacific/Auckland", "Asia/Kathmandu", "UTC"])
def test_months_are_those_of_the_viewers_zone(app: Flask, world: World, owner: Browser, zone: str) -> None:
    edges = ["2026-10-31T23:30:00+00:00", "2026-11-01T03:30:00+00:00", "2026-11-01T04:00:00+00:00",
             "2026-11-30T10:59:59+00:00", "2026-11-30T11:00:00+00:00", "2026-12-01T04:59:59+00:00",
             "2026-12-01T05:00:00+00:00", "2024-02-29T12:00:00+00:00"]  # fmt: skip
    with app.app_context(), world.harbour.inside():
        for text in edges:
            due = dt.datetime.fromisoformat(text)
            records.create(Task, {"title": text, "due_at": due}, actor=world.harbour.actor("owner"))
        records.create(Task, {"title": "Some day"}, actor=world.harbour.actor("owner"))
    owner.submit("/account/look", {"zone": zone})
    page = owner.get("/tasks/?group=due_at").text
    local = [dt.datetime.fromisoformat(text).astimezone(ZoneInfo(zone)) for text in edges]
    wanted = Counter(f"{moment:%B %Y}" for moment in sorted(local, reverse=True))
    assert {n: c for n, (c, _) in headings(page).items()} == {**wanted, "No due": 1}
    assert list(headings(page)) == [*wanted, "No due"]
    agree(owner, page)


def test_every_added_field_groups_and_adds_up(app: Flask, world: World, owner: Browser) -> None:
    office = world.harbour
    with app.app_context(), office.inside():
        actor = office.actor("owner")
        define_all("contact", actor=actor)
        when = dt.datetime(2026, 12, 1, 3, 0, tzinfo=dt.UTC)
        given = {"x_school_area": "south", "x_pets": True, "x_anniversary": dt.date(2001, 6, 9), "x_next_call": when,
                 "x_referred_by": office.contacts["Gus Lindqvist"], "x_lot_size": Decimal("0.35"),
                 "x_pre_approval": 500_000_00}  # fmt: skip
        records.update(Contact, office.contacts["Dana Whitcombe"], given, actor=actor)
        more = {"x_lot_size": Decimal("1.15"), "x_pre_approval": 100_000_00, "x_school_area": "south"}
        records.update(Contact, office.contacts["Eli Moreno"], more, actor=actor)
    for name, label, count in (
        ("x_school_area", "South", 2), ("x_school_area", "No school area", 2), ("x_pets", "Pets: yes", 1),
        ("x_pets", "Pets: no", 3), ("x_anniversary", "June 2001", 1), ("x_next_call", "No next call", 3),
        ("x_referred_by", "Gus Lindqvist", 1),
    ):  # fmt: skip
        page = owner.get(f"/contacts/?group={name}").text
        assert headings(page)[label][0] == count, (name, headings(page))
        agree(owner, page)
    page = owner.get("/contacts/?totals=1&cols=x_lot_size&cols=x_pre_approval&group=x_school_area").text
    assert "Lot size 1.50" in page and "Pre-approval $600,000" in page
    foot = owner.get("/contacts/?totals=1&cols=x_lot_size&cols=x_pre_approval").text.partition("<tfoot")[2]
    assert "$600,000" in foot and "avg $300,000" in foot and ">1.50<" in foot and "avg 0.75" in foot


def test_totals_are_of_all_that_the_list_finds_not_of_its_page(app: Flask, world: World, owner: Browser) -> None:
    office = world.harbour
    with app.app_context(), office.inside():
        stages = pipeline(office)
        for number in range(60):
            deal(office, f"D {number:02d}", stages["Enquiry"], price=100_000_00)
        deal(office, "Elsewhere", stages["Won"], price=7_00)
        deal(office, "Without", stages["Won"])
    foot = owner.get("/deals/?totals=1").text.partition("<tfoot")[2]
    assert "$6,000,007" in foot and "avg $98,361" in foot
    narrowed = owner.get("/deals/?totals=1&q=Elsewhere").text.partition("<tfoot")[2]
    assert "$7<" in narrowed and "$6,0" not in narrowed
    assert "<tfoot" not in owner.get("/deals/").text


def test_a_sum_is_exact_however_large(app: Flask, world: World, owner: Browser) -> None:
    office = world.harbour
    with app.app_context(), office.inside():
        stages = pipeline(office)
        for price in (2**62 + 1, 2**62 + 2, -5):
            deal(office, f"P {price}", stages["Won"], price=price)
    foot = owner.get("/deals/?totals=1").text.partition("<tfoot")[2]
    whole, cents = divmod(2**63 - 2, 100)
    assert f"${whole:,}.{cents:02d}" in foot


def test_beyond_the_most_a_list_says_so(
    app: Flask, world: World, owner: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(groups, "MOST", 3)
    assert "Total of the first 3" in owner.get("/contacts/?totals=1").text
    page = owner.get("/contacts/?group=stage").text
    assert "Counts and sums are of the first 3 records" in page and headings(page)["New"][0] == 3
    monkeypatch.setattr(groups, "MOST", 1)
    board = owner.get("/contacts/?display=board&sort=-name").text
    assert ">Gus Lindqvist</a>" in board and "Dana" not in board, "the first in the order of the list"
    assert "of the first 1 records" in board
    monkeypatch.setattr(groups, "MOST", 3)
    monkeypatch.setattr(groups, "MOST_GROUPS", 2)
    assert "Only the 2 largest groups are shown" in owner.get("/contacts/?group=owner_id").text


def test_an_agent_groups_and_adds_up_what_is_within_reach(app: Flask, world: World) -> None:
    office = world.harbour
    with app.app_context(), office.inside():
        actor = office.actor("owner")
        records.update(Contact, office.contacts["Dana Whitcombe"], {"budget_max": 10_00}, actor=actor)
        records.update(Contact, office.contacts["Eli Moreno"], {"budget_max": 9_000_00}, actor=actor)
    agent = browser(app, office.agent)
    page = agent.get("/contacts/?group=stage&totals=1").text
    assert headings(page)["New"][0] == 1 and "$10<" in page and "9,0" not in page
    outsider = browser(app, world.summit.owner)
    assert headings(outsider.get("/contacts/?group=stage").text)["New"][0] == 4
    assert "$" not in outsider.get("/contacts/?group=stage&totals=1").text.partition("<tbody")[2]


def test_a_related_record_out_of_reach_is_no_group(app: Flask, world: World) -> None:
    office = world.harbour
    with app.app_context(), office.inside():
        agent = office.actor("agent")
        key = records.create(Task, {"title": "Look", "contact_id": office.contacts["Dana Whitcombe"]}, actor=agent).id
        owner = office.actor("owner")
        records.update(Task, key, {"contact_id": office.contacts["Gus Lindqvist"]}, actor=owner)
    page = browser(app, office.agent).get("/tasks/?group=contact_id").text
    assert headings(page) == {"Not yours to see": (1, "")} and "Gus" not in page


def test_a_role_kept_from_a_field_neither_groups_by_it_nor_adds_it_up(app: Flask, world: World) -> None:
    office = world.harbour
    with app.app_context(), office.inside():
        records.update(Contact, office.contacts["Gus Lindqvist"], {"budget_max": 8_123_00}, actor=office.actor("owner"))
        limits = {"stage": "hidden", "budget_max": "hidden"}
        field_rights.limit(office.broker.role_id, "contact", limits, actor=SYSTEM)
    broker = browser(app, office.broker)
    page = broker.get("/contacts/?group=stage&totals=1&cols=budget_max&cols=type").text
    assert "cannot be grouped" in page and "8,123" not in page and not headings(page)
    assert 'value="stage"' not in broker.get("/contacts/arrange").text
    assert "8,123" not in broker.get("/contacts/?group=type&totals=1&cols=budget_max").text


def test_many_groups_are_headings_alone(app: Flask, world: World, owner: Browser) -> None:
    with app.app_context(), world.harbour.inside():
        for number in range(30):
            day = dt.date(1970 + number, 5, 1)
            records.create(Contact, {"name": f"P {number}", "birthday": day}, actor=world.harbour.actor("owner"))
    page = owner.get("/contacts/?group=birthday").text
    assert len(headings(page)) == 31 and rows(page) == 0
    assert next(iter(headings(page))) == "May 1999" and list(headings(page))[-1] == "No birthday"
    agree(owner, page)

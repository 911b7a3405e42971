"""Boards, calendars and cells in a browser: cards by mouse, keyboard and menu, a cell by double click and Enter; at a
desk and on a phone.
"""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import OWNER, PHONE, Visit
from tests.browser.people import make_contact

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.xdist_group("browser")]


def lane(page: Page, name: str) -> Locator:
    return page.get_by_role("region", name=name, exact=True)


def board_of(page: Page, name: str) -> Locator:
    """The contacts' board narrowed to one person; their card."""
    page.goto(f"/contacts/?display=board&q={name.split()[0]}")
    return page.locator(".c-card").filter(has_text=name)


def cell(page: Page, name: str, column: str) -> Locator:
    """A cell of the contacts' table, by the head of its column."""
    page.goto(f"/contacts/?q={name.split()[0]}")
    place = page.locator("thead th").all_inner_texts().index(column)
    return page.locator("tbody tr").filter(has_text=name).locator("td").nth(place)


def test_a_card_is_dragged_to_another_stage_and_taken_back(owner: Page) -> None:
    make_contact(owner, "Dragomir Castellane")
    card = board_of(owner, "Dragomir Castellane")
    expect(lane(owner, "New").locator(".c-card")).to_have_count(1)
    card.drag_to(lane(owner, "Active"))
    expect(lane(owner, "Active").get_by_role("link", name="Dragomir Castellane", exact=True)).to_be_focused()
    expect(owner.get_by_role("status").get_by_text("Stage is Active now")).to_be_visible()
    owner.keyboard.press("z")
    expect(lane(owner, "New").locator(".c-card")).to_have_count(1)
    expect(lane(owner, "Active").locator(".c-card")).to_have_count(0)


def test_a_card_is_moved_by_keys_alone(owner: Page) -> None:
    make_contact(owner, "Keziah Montague")
    board_of(owner, "Keziah Montague").get_by_role("link").first.focus()
    owner.keyboard.press("m")
    menu = owner.locator("#move")
    expect(menu.get_by_role("button", name="Qualified")).to_be_focused()
    owner.keyboard.press("ArrowDown")
    owner.keyboard.press("Enter")
    moved = lane(owner, "Active").get_by_role("link", name="Keziah Montague", exact=True)
    expect(moved).to_be_focused()
    owner.keyboard.press("m")
    owner.keyboard.press("Escape")
    expect(menu).to_be_hidden()
    owner.goto("/contacts/?display=board")
    first = owner.locator("#board .c-card a").first
    first.focus()
    owner.keyboard.press("ArrowDown")
    expect(owner.locator("#board section").first.locator(".c-card").nth(1).get_by_role("link").first).to_be_focused()


def test_what_somebody_else_moved_meanwhile_is_told(owner: Page, visit: Visit) -> None:
    make_contact(owner, "Ottoline Verwey")
    card, other = board_of(owner, "Ottoline Verwey"), visit(OWNER)
    board_of(other, "Ottoline Verwey").drag_to(lane(other, "Qualified"))
    expect(lane(other, "Qualified").locator(".c-card")).to_have_count(1)
    card.drag_to(lane(owner, "Active"))
    expect(owner.get_by_role("alert")).to_contain_text("set this to “Qualified”")
    expect(owner.get_by_label("Stage")).to_have_value("active")
    owner.get_by_role("button", name="Save").click()
    expect(lane(owner, "Active").locator(".c-card")).to_have_count(1)


def test_a_cell_is_changed_by_double_click_and_by_keys(owner: Page) -> None:
    make_contact(owner, "Cosima Featherly")
    step = cell(owner, "Cosima Featherly", "Next step")
    step.dblclick()
    field = owner.locator("#cell").get_by_label("Next step")
    expect(field).to_be_focused()
    owner.keyboard.type("Send the listing agreement")
    owner.keyboard.press("Enter")
    expect(step).to_have_text("Send the listing agreement")
    expect(step).to_be_focused()
    owner.keyboard.press("ArrowLeft")
    owner.keyboard.press("Enter")
    expect(owner.locator("#cell select")).to_be_focused()
    owner.keyboard.press("ArrowDown")
    owner.keyboard.press("Enter")
    expect(owner.locator("tbody").get_by_text("Qualified")).to_be_visible()
    step.click()
    owner.keyboard.press("Enter")
    expect(field).to_be_focused()
    owner.keyboard.type("Not this")
    owner.keyboard.press("Escape")
    expect(owner.locator("#cell")).to_be_hidden()
    expect(step).to_have_text("Send the listing agreement")


def test_a_refused_cell_stays_open_and_leaving_it_keeps_what_is_right(owner: Page) -> None:
    make_contact(owner, "Lucasta Bellweather")
    budget = cell(owner, "Lucasta Bellweather", "Budget to")
    budget.dblclick()
    expect(owner.locator("#cell input[name=budget_max]")).to_be_focused()
    owner.keyboard.type("lots")
    owner.keyboard.press("Enter")
    expect(owner.locator("#cell")).to_contain_text("This amount is not clear")
    expect(owner.locator("#cell [aria-invalid=true]")).to_have_value("lots")
    expect(owner.locator("#cell [aria-invalid=true]")).to_be_focused()
    owner.keyboard.press("Control+a")
    owner.keyboard.type("850k")
    owner.get_by_role("searchbox").click()
    expect(budget).to_have_text("$850,000")


def test_a_related_record_is_chosen_in_its_cell(owner: Page) -> None:
    make_contact(owner, "Evander Thistlewood")
    held = cell(owner, "Evander Thistlewood", "Owner")
    held.dblclick()
    expect(owner.locator("#cell [role=combobox]")).to_be_focused()
    owner.keyboard.type("Kenji")
    expect(owner.get_by_role("option", name=re.compile("Kenji Morita"))).to_be_visible()
    owner.keyboard.press("Enter")
    owner.keyboard.press("Enter")
    expect(held).to_have_text("Kenji Morita")


def test_a_phone_shows_a_stage_at_a_time_and_moves_from_the_menu(owner: Page, visit: Visit) -> None:
    make_contact(owner, "Isolde Harkaway")
    page = visit(OWNER, **PHONE)
    card = board_of(page, "Isolde Harkaway")
    expect(page.locator("#board section:visible")).to_have_count(1)
    card.get_by_role("link", name="Move Isolde Harkaway").tap()
    page.locator("#move").get_by_role("button", name="Lost").tap()
    expect(page.get_by_role("status").get_by_text("Stage is Lost now")).to_be_visible()
    page.get_by_role("navigation", name="Stage").get_by_role("link", name="Lost 1").tap()
    expect(page.locator("#board section:visible .c-card")).to_contain_text("Isolde Harkaway")
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0


def test_a_phone_edits_a_cell_in_a_sheet_and_reads_a_calendar_as_a_list(owner: Page, visit: Visit) -> None:
    make_contact(owner, "Perpetua Langdale")
    page = visit(OWNER, **PHONE)
    page.goto("/contacts/?q=Perpetua")
    page.locator("tbody .k3").dblclick()
    page.locator("#cell select").select_option("active")
    page.locator("#cell").get_by_role("button", name="Save").tap()
    expect(page.locator("tbody .k3")).to_have_text("Active")
    page.get_by_role("link", name="Calendar", exact=True).tap()
    expect(page.get_by_role("columnheader")).to_have_count(0)
    page.goto("/tasks/?display=calendar")
    expect(page.locator("time[aria-current=date]")).to_be_visible()


def test_without_script_a_card_moves_by_its_page(owner: Page, visit: Visit) -> None:
    make_contact(owner, "Barnaby Oakhurst")
    page = visit(OWNER, java_script_enabled=False)
    card = board_of(page, "Barnaby Oakhurst")
    card.get_by_role("link", name="Move Barnaby Oakhurst").click()
    page.get_by_label("Stage").select_option("active")
    page.get_by_role("button", name="Save").click()
    expect(lane(page, "Active").locator(".c-card")).to_contain_text("Barnaby Oakhurst")

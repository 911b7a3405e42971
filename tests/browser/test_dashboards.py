"""A dashboard in a browser: a tile is added, dragged, moved by keys alone and taken away; at a desk, on a phone and
without script.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import AGENT, OWNER, PHONE, Visit
from tests.browser.dashboards import add_tile, boxes, make_dashboard, tidy, titles

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.xdist_group("browser")]


@pytest.fixture(autouse=True)
def _tidied(owner: Page) -> Iterator[None]:
    yield
    tidy(owner)


def three(page: Page, name: str) -> str:
    """A dashboard with the tiles First, Second and Third."""
    url = make_dashboard(page, name)
    for title in ("First", "Second", "Third"):
        add_tile(page, url, "contact", "number", title)
    return url


def test_a_tile_is_added_and_leads_to_what_it_counts(owner: Page) -> None:
    url = make_dashboard(owner, "Growth of the office")
    expect(owner.get_by_text("A tile shows a number, a chart")).to_be_visible()
    add_tile(owner, url, "deal", "bar", "Deals by side", by="side")
    expect(owner.get_by_role("status").get_by_text("“Deals by side” added")).to_be_visible()
    owner.get_by_role("link", name="Done").click()
    mark = owner.get_by_role("link", name=re.compile(r"^Buying: \d+$"))
    number = mark.inner_text()
    mark.click()
    expect(owner.locator("#count")).to_have_text(number)
    owner.goto("/deals/?f=side:is:sell")
    owner.get_by_role("link", name="Tile", exact=True).click()
    expect(owner.get_by_role("heading", level=1)).to_have_text("Add a tile")
    owner.locator("[name=kind][value=table]").check()
    owner.get_by_role("button", name="Next").click()
    expect(owner.get_by_role("heading", level=1)).to_have_text("Table: deals, filtered")


def test_tiles_are_dragged_and_taken_back(owner: Page) -> None:
    three(owner, "Dragged about")
    third, first = boxes(owner).nth(2), boxes(owner).nth(0)
    third.drag_to(first)
    expect(owner.get_by_role("status").get_by_text("“Third” moved")).to_be_visible()
    expect(boxes(owner).first).to_contain_text("Third")
    assert titles(owner) == ["Third", "First", "Second"]
    boxes(owner).first.drag_to(boxes(owner).nth(1))
    expect(boxes(owner).first).to_contain_text("First")
    owner.reload()
    assert titles(owner) == ["First", "Third", "Second"]


def test_tiles_are_arranged_by_keys_alone(owner: Page) -> None:
    url = three(owner, "By keys")
    owner.get_by_role("button", name="Arrange Third").focus()
    owner.keyboard.press("Enter")
    expect(
        owner.locator("#" + str(owner.locator("[data-tile] .c-menu:popover-open").get_attribute("id")))
    ).to_be_visible()
    owner.keyboard.press("Tab")
    owner.keyboard.press("Enter")
    expect(boxes(owner).nth(1)).to_contain_text("Third")
    expect(owner.get_by_role("button", name="Arrange Third")).to_be_focused()
    assert titles(owner) == ["First", "Third", "Second"]
    owner.keyboard.press("Enter")
    for _ in range(6):
        owner.keyboard.press("Tab")
    owner.keyboard.press("Enter")
    expect(owner.locator("[data-tile].c-w2")).to_contain_text("Third")
    owner.keyboard.press("Enter")
    for _ in range(9):
        owner.keyboard.press("Tab")
    owner.keyboard.press("Enter")
    expect(boxes(owner)).to_have_count(2)
    expect(owner.get_by_role("status").get_by_text("“Third” taken away")).to_be_visible()
    owner.keyboard.press("z")
    expect(boxes(owner)).to_have_count(3)
    owner.goto(f"{url}/history")
    expect(owner.get_by_role("row").nth(1)).to_contain_text("Took a change back")


def test_a_phone_reads_charts_and_moves_tiles_from_the_menu(owner: Page, visit: Visit) -> None:
    url = make_dashboard(owner, "In the pocket")
    add_tile(owner, url, "contact", "line", "Over time", date="created_at", steps="week:13", split="type")
    add_tile(owner, url, "contact", "funnel", "On their way", by="stage")
    page = visit(OWNER, **PHONE)
    page.goto(url)
    plot = page.locator(".c-plot svg").bounding_box()
    assert plot and 240 < plot["width"] < 390
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
    sizes = page.locator(".c-x span:not(:empty), .c-y span").evaluate_all(
        "all => all.map(one => parseFloat(getComputedStyle(one).fontSize))"
    )
    assert min(sizes) >= 12
    page.get_by_text("As table").tap()
    expect(page.get_by_role("columnheader", name="Week from")).to_be_visible()
    page.goto(f"{url}/arrange")
    page.get_by_role("button", name="Arrange On their way").tap()
    page.get_by_role("button", name="Move up").locator("visible=true").tap()
    expect(boxes(page).first).to_contain_text("On their way")


def test_everybodys_tiles_reach_an_agent_who_arranges_their_own(owner: Page, visit: Visit) -> None:
    url = make_dashboard(owner, "For the office", "workspace")
    add_tile(owner, url, "contact", "number", "People here")
    add_tile(owner, url, "deal", "number", "Deals here")
    page = visit(AGENT)
    page.goto(url)
    expect(page.get_by_role("heading", name="People here")).to_be_visible()
    page.get_by_role("link", name="Edit tiles").click()
    boxes(page).nth(1).drag_to(boxes(page).nth(0))
    expect(boxes(page).first).to_contain_text("Deals here")
    owner.goto(f"{url}/arrange")
    assert titles(owner) == ["People here", "Deals here"]
    page.get_by_role("button", name="Back to the usual arrangement").click()
    expect(boxes(page).first).to_contain_text("People here")


def test_without_script_tiles_move_by_their_buttons_and_fetch_as_pages(visit: Visit) -> None:
    page = visit(OWNER, java_script_enabled=False)
    page.goto("/")
    page.get_by_role("link", name="Show Jobs").click()
    expect(page.get_by_role("heading", name="Jobs")).to_be_visible()
    page.goto("/dashboards/0/arrange")
    page.get_by_role("button", name="Arrange Jobs").click()
    page.get_by_role("button", name="Move left").locator("visible=true").click()
    expect(page.get_by_role("status").get_by_text("“Jobs” moved")).to_be_visible()
    page.get_by_role("button", name="Back to the usual arrangement").click()
    expect(page.get_by_role("status").get_by_text("Back to the usual arrangement")).to_be_visible()

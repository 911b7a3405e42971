"""The console without a mouse: palette, lists, records, and where the focus stands."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, Route, expect

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.xdist_group("browser")]


def test_the_palette_finds_a_record_and_opens_it(owner: Page) -> None:
    owner.goto("/")
    owner.keyboard.press("Control+k")
    dialog = owner.get_by_role("dialog")
    expect(dialog).to_be_visible()
    owner.keyboard.type("contacts")
    expect(dialog.get_by_role("option", name="Contacts").first).to_be_visible()
    owner.keyboard.press("Enter")
    expect(owner).to_have_url("/contacts/")


def test_escape_leaves_the_palette_at_once_though_something_was_typed(owner: Page) -> None:
    owner.goto("/contacts/")
    owner.keyboard.press("Control+k")
    owner.keyboard.type("okafor")
    owner.keyboard.press("Escape")
    expect(owner.locator("#palette")).to_be_hidden()
    owner.keyboard.press("g")
    owner.keyboard.press("d")
    owner.wait_for_url("**/deals/")


def test_what_is_pressed_in_the_palette_before_its_script_is_there_counts(owner: Page) -> None:
    held: list[Route] = []
    owner.route("**/palette.js", lambda route: held.append(route))
    owner.goto("/contacts/")
    with owner.expect_request("**/palette.js"):
        owner.keyboard.press("Control+k")
    owner.keyboard.type("dea")
    owner.keyboard.press("Escape")
    expect(owner.locator("#palette")).to_be_hidden()
    owner.keyboard.press("Control+k")
    owner.keyboard.type("deals")
    owner.keyboard.press("Enter")
    held[0].continue_()
    owner.wait_for_url("**/deals/")


def test_rows_are_walked_ticked_and_opened_by_single_keys(owner: Page) -> None:
    owner.goto("/contacts/")
    for key in ("j", "j", "k", "j"):
        owner.keyboard.press(key)
    marked = owner.locator("tr.c-at")
    expect(marked).to_have_count(1)
    assert owner.locator("tbody tr").nth(1).get_attribute("class") == marked.get_attribute("class")
    owner.keyboard.press("x")
    expect(owner.locator("[data-selected]")).to_have_text("1 selected")
    owner.keyboard.press("Escape")
    expect(owner.locator(".k1 input:checked")).to_have_count(0)
    path = marked.locator("a").first.get_attribute("href")
    owner.keyboard.press("Enter")
    owner.wait_for_url(f"**{path}")


def test_search_new_edit_and_the_list_of_keys(owner: Page) -> None:
    owner.goto("/contacts/")
    owner.keyboard.press("/")
    expect(owner.get_by_role("searchbox")).to_be_focused()
    owner.keyboard.type("nobody of this name")
    owner.keyboard.press("Enter")
    expect(owner.get_by_text("No contact fits")).to_be_visible()
    owner.keyboard.press("Tab")
    owner.keyboard.press("?")
    expect(owner.get_by_role("dialog")).to_contain_text("Next row or record")
    owner.keyboard.press("Escape")
    owner.keyboard.press("n")
    expect(owner).to_have_url("/contacts/new")
    owner.goto("/contacts/")
    owner.goto(owner.locator("tbody a").first.evaluate("link => link.href"))
    owner.keyboard.press("e")
    owner.wait_for_url("**/edit*")


def test_the_skip_link_comes_first_and_the_focus_shows(owner: Page) -> None:
    owner.goto("/contacts/")
    owner.keyboard.press("Tab")
    skip = owner.get_by_role("link", name="Skip to content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    owner.keyboard.press("Enter")
    assert owner.evaluate("document.activeElement.id") == "main"
    for _ in range(12):
        owner.keyboard.press("Tab")
        shown = owner.evaluate(
            """() => { const at = document.activeElement, style = getComputedStyle(at);
            const ring = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0;
            return [ring || style.boxShadow !== 'none', at.getBoundingClientRect().width > 0,
            at.outerHTML.slice(0, 120)] }"""
        )
        assert shown[:2] == [True, True], shown[2]

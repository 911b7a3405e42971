"""The palette by keyboard alone and on a phone, what it keeps of recent and starred records, and the sheet of keys."""

from __future__ import annotations

from urllib.parse import unquote_plus

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import AGENT, OWNER, PHONE, Visit
from tests.browser.people import make_contact
from tests.browser.test_accessibility import ALL, STILL, serious, told

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.xdist_group("browser")]


def ask(page: Page, q: str) -> None:
    """Opens the palette and types; waits until what is listed answers it."""
    page.wait_for_load_state()
    page.keyboard.press("Control+k")
    expect(page.locator("#palette input")).to_be_focused()
    with page.expect_response(lambda answer: unquote_plus(answer.url).endswith(f"q={q}")):
        page.keyboard.type(q)


def chosen(page: Page) -> str:
    return page.locator("#palette [aria-selected=true]").inner_text()


def test_a_day_without_a_mouse(owner: Page) -> None:
    path = make_contact(owner, "Clementine Quartermain")
    make_contact(owner, "Barnaby Wickersham")
    owner.goto("/")
    ask(owner, "clemntine quartermane")
    expect(owner.get_by_role("option", name="Clementine Quartermain")).to_be_visible()
    expect(owner.get_by_text("Contacts close to “clemntine quartermane”")).to_be_visible()
    owner.keyboard.press("Enter")
    owner.wait_for_url(f"**{path}")
    owner.wait_for_load_state()
    owner.keyboard.press("s")
    expect(owner.get_by_role("button", name="Star", exact=True)).to_have_attribute("aria-pressed", "true")
    owner.wait_for_load_state()
    owner.keyboard.press("Control+k")
    recent = owner.get_by_role("group", name="Recent").get_by_role("option")
    expect(recent.nth(0)).to_contain_text("Clementine Quartermain")
    expect(recent.nth(1)).to_contain_text("Barnaby Wickersham")
    expect(owner.get_by_role("group", name="Starred").get_by_role("option", name="Clementine")).to_be_visible()
    owner.keyboard.press("ArrowDown")
    assert "Barnaby" in chosen(owner)
    active = owner.locator("#palette input").get_attribute("aria-activedescendant")
    assert active and owner.locator(f"#{active}").get_attribute("aria-selected") == "true"
    owner.keyboard.press("Shift+Enter")
    expect(owner.locator("#palette-said")).to_have_text("Starred")
    owner.keyboard.press("ArrowUp")
    owner.keyboard.press("ArrowUp")
    assert "Clementine" not in chosen(owner), "from the first to the last"
    owner.keyboard.press("Escape")
    expect(owner.locator("#palette")).to_be_hidden()


def test_actions_by_keyboard(owner: Page) -> None:
    owner.goto("/contacts/")
    ask(owner, "theme dark")
    owner.keyboard.press("Enter")
    expect(owner.locator("html")).to_have_attribute("data-bs-theme", "dark")
    ask(owner, "theme as this")
    owner.keyboard.press("Enter")
    expect(owner.locator("html")).not_to_have_attribute("data-bs-theme", "dark")
    ask(owner, "new deal")
    owner.keyboard.press("Enter")
    owner.wait_for_url("**/deals/new")


def test_control_and_enter_open_another_tab(owner: Page) -> None:
    owner.goto("/")
    ask(owner, "deals")
    with owner.context.expect_page() as opened:
        owner.keyboard.press("Control+Enter")
    opened.value.wait_for_url("**/deals/**")
    assert owner.url.endswith("/")
    expect(owner.locator("#palette")).to_be_visible()


def test_the_sheet_lists_the_keys_and_single_keys_can_be_switched_off(visit: Visit) -> None:
    page = visit(AGENT)
    page.goto("/contacts/")
    page.keyboard.press("?")
    sheet = page.get_by_role("dialog")
    for line in ("Search, go anywhere, do anything", "Star the record or the row", "Go to Contacts", "Move the card"):
        expect(sheet).to_contain_text(line)
    page.keyboard.press("Escape")
    expect(sheet).to_be_hidden()
    ask(page, "shortcuts off")
    page.keyboard.press("Enter")
    expect(page.locator("body")).to_have_attribute("data-keys", "off")
    page.wait_for_load_state()
    page.keyboard.press("n")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert page.url.endswith("/contacts/")
    ask(page, "keyboard shortcuts")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_contain_text("Single keys are switched off")
    page.keyboard.press("Escape")
    ask(page, "shortcuts on")
    page.keyboard.press("Enter")
    expect(page.locator("body")).not_to_have_attribute("data-keys", "off")


def test_rows_of_a_list_are_starred(owner: Page) -> None:
    make_contact(owner, "Ottoline Marchbanks")
    owner.goto("/contacts/")
    first = owner.locator("tbody tr").nth(0).locator("[data-star]")
    expect(first).to_have_attribute("aria-pressed", "false")
    owner.keyboard.press("j")
    with owner.expect_response("**/star"):
        owner.keyboard.press("s")
    expect(first).to_have_attribute("aria-pressed", "true")
    owner.reload()
    expect(first).to_have_attribute("aria-pressed", "true")
    with owner.expect_response("**/star"):
        first.click()
    expect(first).to_have_attribute("aria-pressed", "false")


def test_what_was_opened_last_is_forgotten_at_sign_out(visit: Visit) -> None:
    page = visit(AGENT, fresh=True)
    page.goto("/contacts/")
    page.locator("tbody a").first.click()
    page.wait_for_url("**/contacts/*")
    assert page.evaluate("Object.keys(localStorage).filter(key => key.startsWith('recent.')).length") == 1
    assert not page.evaluate("JSON.stringify(localStorage)").count(page.locator("h1").inner_text().split("\n")[0])
    ask(page, "sign out")
    page.keyboard.press("Enter")
    page.wait_for_url("**/auth/**")
    assert page.evaluate("Object.keys(localStorage).filter(key => key.startsWith('recent.')).length") == 0


def test_a_view_of_ones_own_opens_from_the_menu(owner: Page) -> None:
    owner.goto("/templates/views")
    owner.get_by_label("For me").select_option("list")
    owner.get_by_role("button", name="Set").first.click()
    expect(owner.get_by_text("in the menu opens so from now on")).to_be_visible()
    expect(owner.get_by_label("For me")).to_have_value("list")


def test_on_a_phone(visit: Visit) -> None:
    page = visit(OWNER, **PHONE)
    page.goto("/")
    page.get_by_label("Quick").get_by_role("link", name="Search").tap()
    expect(page.locator("#palette")).to_be_visible()
    page.locator("#palette input").fill("contacts")
    page.get_by_role("group", name="Go to").get_by_role("option", name="Contacts").tap()
    page.wait_for_url("**/contacts/**")
    page.get_by_label("Quick").get_by_role("link", name="Search").tap()
    page.locator("#palette").get_by_role("button", name="Close").tap()
    expect(page.locator("#palette")).to_be_hidden()


def test_the_open_palette_and_the_sheet_are_accessible(visit: Visit) -> None:
    found = []
    for options in (STILL, {**STILL, "color_scheme": "dark"}, {**STILL, **PHONE}):
        page = visit(OWNER, **options)
        page.goto("/contacts/")
        page.evaluate("document.querySelector('[data-palette]').click()")
        page.locator("#palette-list [role=option]").first.wait_for()
        found += [told("palette", str(options), one) for one in serious(page, ALL)]
        page.locator("#palette input").fill("contac")
        page.get_by_role("option", name="Import contacts").wait_for()
        found += [told("palette with results", str(options), one) for one in serious(page, ALL)]
        page.keyboard.press("Escape")
        page.evaluate("document.querySelector('[data-keys-help]').click()")
        page.locator(".c-keys").wait_for()
        found += [told("keys", str(options), one) for one in serious(page, ALL)]
    assert not found, "\n".join(found)

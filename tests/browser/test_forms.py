"""Forms in a browser: nothing typed is ever lost, and everything works without script."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import AGENT, OWNER, Visit
from tests.browser.people import make_contact

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.xdist_group("browser")]
SAVE = re.compile("^Save( Ctrl S)?$")


def save(page: Page) -> None:
    page.get_by_role("button", name=SAVE).last.click()


def test_an_error_keeps_what_was_typed_and_leads_to_the_field(owner: Page) -> None:
    owner.goto("/contacts/new")
    owner.locator("[name=name]").fill("Cosima Typed")
    owner.locator("[name=email]").fill("cosima at example")
    owner.locator("[name=about]").fill("Two lines\nof text")
    save(owner)
    expect(owner.locator("#problems")).to_be_focused()
    expect(owner.locator("[name=email]")).to_have_attribute("aria-invalid", "true")
    owner.locator("#problems a").first.click()
    expect(owner.locator("[name=email]")).to_be_focused()
    for name, text in (("name", "Cosima Typed"), ("email", "cosima at example"), ("about", "Two lines\nof text")):
        expect(owner.locator(f"[name={name}]")).to_have_value(text)
    owner.locator("[name=email]").fill("cosima@example.net")
    save(owner)
    expect(owner.get_by_role("heading", level=1)).to_contain_text("Cosima Typed")
    owner.goto("/contacts/new")
    expect(owner.locator("[data-draft-box]")).to_be_hidden()


def test_two_people_edit_at_once_and_both_are_heard(owner: Page, visit: Visit) -> None:
    path = make_contact(owner, "Balthazar Twice", company="Old Company")
    other = visit(OWNER)
    for page in (owner, other):
        page.goto(f"{path}/edit")
    other.locator("[name=company]").fill("Their Company")
    other.locator("[name=website]").fill("https://theirs.example.com")
    save(other)
    expect(other.get_by_role("heading", level=1)).to_contain_text("Balthazar Twice")
    owner.locator("[name=company]").fill("My Company")
    owner.locator("[name=next_step]").fill("My step")
    save(owner)
    expect(owner.get_by_role("radio")).to_have_count(2)
    expect(owner.get_by_text("Their Company").first).to_be_visible()
    owner.locator("[name=conflict-company][value=mine]").check()
    save(owner)
    expect(owner.get_by_role("heading", level=1)).to_contain_text("Balthazar Twice")
    for text in ("My Company", "My step", "theirs.example.com"):
        expect(owner.get_by_text(text).first).to_be_visible()


def test_a_draft_outlives_the_end_of_the_session(visit: Visit) -> None:
    page = visit(AGENT, fresh=True)
    page.goto("/contacts/new")
    page.locator("[name=name]").fill("Theodora Interrupted")
    page.locator("[name=next_step]").fill("Do not lose me")
    expect(page.locator("[data-draft-note]")).to_contain_text("Draft kept")
    page.context.clear_cookies()
    save(page)
    page.get_by_role("link", name="Open the page again").click()
    expect(page).to_have_url("/auth/login?next=/contacts/new")
    state = page.context.storage_state()
    again = visit(AGENT, fresh=True, storage_state={"cookies": [], "origins": state["origins"]})
    again.goto("/contacts/new")
    again.get_by_role("button", name="Restore").click()
    expect(again.locator("[name=name]")).to_have_value("Theodora Interrupted")
    expect(again.locator("[name=next_step]")).to_have_value("Do not lose me")


def test_leaving_and_coming_back_offers_the_draft(owner: Page) -> None:
    owner.goto("/deals/new")
    owner.locator("[name=title]").fill("Half a deal")
    expect(owner.locator("[data-draft-note]")).to_contain_text("Draft kept")
    owner.goto("/deals/")
    owner.go_back()
    restore = owner.get_by_role("button", name="Restore")
    if restore.is_visible():
        restore.click()
    expect(owner.locator("[name=title]")).to_have_value("Half a deal")
    owner.get_by_role("link", name="Cancel").click()
    owner.goto("/deals/new")
    expect(owner.locator("[data-draft-box]")).to_be_hidden()


def test_an_e_mail_that_was_left_half_written_is_offered_again(owner: Page) -> None:
    path = make_contact(owner, "Philomena Half", "philomena@example.net")
    owner.goto(f"{path}/email")
    owner.get_by_label("Text", exact=True).fill("Half a letter")
    expect(owner.locator("[data-draft-note]")).to_contain_text("Draft kept")
    owner.goto(path)
    owner.goto(f"{path}/email")
    owner.get_by_role("button", name="Restore").click()
    expect(owner.get_by_label("Text", exact=True)).to_have_value("Half a letter")
    owner.get_by_role("link", name="Cancel").click()
    owner.goto(f"{path}/email")
    expect(owner.locator("[data-draft-box]")).to_be_hidden()


def test_pickers_and_child_rows_by_keyboard(owner: Page) -> None:
    owner.goto("/contacts/new")
    owner.locator("[name=name]").fill("Leocadia Rows")
    picker = owner.get_by_role("combobox", name=re.compile("^Owner"))
    picker.fill("")
    picker.press_sequentially("Kenji")
    picker.press("Enter")
    expect(picker).to_have_value("Kenji Morita")
    picker.press_sequentially("zzzz")
    picker.press("Tab")
    expect(picker).to_have_value("Kenji Morita")
    rows = owner.locator("[data-kids=contact_email]")
    for index in range(2):
        rows.get_by_role("button", name="Add e-mail address").click()
        expect(owner.locator(f"[name=contact_email-{index}-address]")).to_be_visible()
        owner.locator(f"[name=contact_email-{index}-address]").fill(f"leocadia{index}@example.net")
    save(owner)
    expect(owner.get_by_role("heading", level=1)).to_contain_text("Leocadia Rows")
    for text in ("Kenji Morita", "leocadia0@example.net", "leocadia1@example.net"):
        expect(owner.get_by_text(text).first).to_be_visible()


def test_create_pick_filter_and_bulk_without_script(owner: Page, visit: Visit) -> None:
    make_contact(owner, "Plain Helper")
    page = visit(OWNER, java_script_enabled=False)
    page.goto("/deals/new")
    page.locator("[name=title]").fill("Plain deal")
    page.get_by_role("button", name="Choose Contact").click()
    page.get_by_role("searchbox").fill("Plain Helper")
    page.get_by_role("searchbox").press("Enter")
    page.get_by_role("button", name="Plain Helper").click()
    expect(page.locator("[name=title]")).to_have_value("Plain deal")
    expect(page.locator("[name=contact_id-text]")).to_have_value("Plain Helper")
    if page.locator("[name=stage_id]").input_value() == "":
        page.get_by_role("button", name="Choose Stage").click()
        page.get_by_role("button", name="Qualified").first.click()
    save(page)
    expect(page.get_by_role("heading", level=1)).to_contain_text("Plain deal")
    page.goto("/contacts/?edit=name")
    page.get_by_label("Value", exact=True).fill("Plain Helper")
    page.get_by_role("button", name="Apply").click()
    expect(page.locator("#count")).to_have_text("1")
    page.locator(".k1 input").first.check()
    page.get_by_role("button", name="More actions").click()
    page.get_by_role("toolbar").get_by_role("button", name="Delete").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Delete: 1 contact")
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("No contact fits")).to_be_visible()

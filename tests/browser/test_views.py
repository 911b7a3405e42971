"""A view is built by conditions, shared, opened by a colleague and sent to them: at a desk and on a phone."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import AGENT, OWNER, PHONE, Visit
from tests.browser.test_accessibility import ALL, serious
from tests.browser.test_screenshots import shoot

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.xdist_group("browser")]


def test_a_view_is_built_shared_and_subscribed_to(owner: Page, visit: Visit) -> None:
    owner.goto("/contacts/")
    owner.get_by_role("button", name="Filter", exact=True).click()
    owner.get_by_role("link", name="Several at once").click()
    build(owner, first="Buyer", second="Active")
    shoot(owner, "builder")
    assert not serious(owner, ALL)
    owner.get_by_role("button", name="Show").last.click()
    wanted = rows(owner)
    assert 0 < wanted < 120
    owner.get_by_role("link", name="Save view").click()
    dialog = owner.get_by_role("dialog")
    dialog.get_by_label("Name").fill("Buyers, or whoever is active")
    dialog.get_by_label("Who has it").select_option(label="Everybody")
    shoot(owner, "save-view")
    dialog.get_by_role("button", name=re.compile("Save")).click()
    expect(owner.get_by_role("link", name="Buyers, or whoever is active")).to_have_attribute("aria-current", "page")

    agent = visit(AGENT)
    agent.goto("/contacts/")
    agent.get_by_role("link", name="Buyers, or whoever is active").click()
    assert 0 < rows(agent) < wanted, "the same question, asked of what an agent reaches"
    agent.goto("/contacts/views")
    line = agent.get_by_role("row", name=re.compile("Buyers, or whoever"))
    expect(line.get_by_role("link", name="Rename or share")).to_have_count(0)
    line.get_by_label("Send Buyers, or whoever is active").select_option(label="Every Monday")
    line.get_by_role("button", name="Set").click()
    expect(agent.get_by_label("Send Buyers, or whoever is active")).to_have_value("weekly")
    assert not serious(agent, ALL)


def test_the_same_on_a_phone(visit: Visit) -> None:
    phone = visit(OWNER, **PHONE)
    phone.goto("/tasks/")
    phone.get_by_role("button", name="Filter", exact=True).tap()
    phone.get_by_role("link", name="Several at once").tap()
    phone.locator("[name='0.0-field']").select_option(label="State")
    phone.get_by_role("button", name="Update").tap()
    phone.get_by_label("Open", exact=True).check()
    shoot(phone, "phone-builder")
    phone.get_by_role("button", name="Show").last.tap()
    phone.get_by_role("link", name="Save view").tap()
    phone.get_by_label("Name").fill("Still open")
    phone.get_by_role("button", name=re.compile("Save")).last.tap()
    expect(phone.get_by_role("link", name="Still open")).to_have_attribute("aria-current", "page")
    phone.goto("/tasks/views")
    phone.get_by_label("Send Still open").select_option(label="Every working day")
    phone.get_by_role("row", name=re.compile("Still open")).get_by_role("button", name="Set").tap()
    expect(phone.get_by_label("Send Still open")).to_have_value("daily")
    assert not serious(phone, ALL)


def build(page: Page, *, first: str, second: str) -> None:
    """Any of: a type, a stage."""
    page.get_by_label("How the conditions of this group are joined").first.select_option(label="Any of these")
    page.locator("[name='0.0-field']").select_option(label="Type")
    page.get_by_label(first, exact=True).check()
    page.get_by_role("button", name="Condition", exact=True).last.click()
    page.locator("[name='0.1-field']").select_option(label="Stage")
    page.get_by_label(second, exact=True).check()


def rows(page: Page) -> int:
    """How many records the list says it has."""
    return int(page.locator("#count").inner_text().replace(",", ""))

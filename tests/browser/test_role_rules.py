"""An office says by a rule how far a role goes, and sees what it does: at a desk, on a phone, and without script."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OWNER, PHONE, Visit
from tests.browser.people import make_contact
from tests.browser.test_accessibility import ALL, serious
from tests.browser.test_screenshots import shoot

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.xdist_group("browser")]


def test_a_rule_is_said_and_acts_at_once(owner: Page, visit: Visit) -> None:
    make_contact(owner, "Roswitha Buyer")
    seller = make_contact(owner, "Sigrun Seller")
    owner.goto(f"{seller}/edit")
    owner.get_by_label("Type", exact=True).select_option(label="Seller")
    owner.get_by_role("button", name=re.compile("^Save")).last.click()

    role = copied(owner, "Agent", "Buyer desk")
    owner.locator("[name=right-contact-read]").select_option(label="By rule…")
    owner.get_by_role("button", name="Save role").click()
    expect(owner.get_by_role("heading", level=1)).to_have_text("Rule on contacts")
    expect(owner.get_by_label("Read", exact=True)).to_be_checked()
    owner.locator("[name='0.0-field']").select_option(label="Type")
    owner.get_by_label("Buyer", exact=True).check()
    owner.get_by_role("button", name="Group", exact=True).first.click()
    owner.locator("[name='0.1.0-field']").select_option(label="Owner")
    owner.get_by_label("me", exact=True).check()
    owner.get_by_role("button", name="Update").click()
    expect(owner.get_by_text(re.compile(r"reaches \d+ of \d+ contacts"))).to_be_visible()
    shoot(owner, "role-rule")
    assert not serious(owner, ALL)
    owner.get_by_role("button", name="Save rule").last.click()
    expect(owner.get_by_text("Type is Buyer and Owner is me")).to_be_visible()
    assert not serious(owner, ALL)

    phone = visit(OWNER, **PHONE)
    phone.goto(role)
    expect(phone.get_by_text("Type is Buyer and Owner is me")).to_be_in_viewport()
    phone.get_by_role("link", name="Change the rule").click()
    phone.get_by_role("button", name="Remove this group").click()
    expect(phone.get_by_label("me", exact=True)).to_have_count(0)
    phone.get_by_role("button", name="Save rule").last.click()
    expect(phone.get_by_text("Type is Buyer", exact=True)).to_be_visible()
    assert not serious(phone, ALL)

    plain = visit(OWNER, java_script_enabled=False)
    plain.goto(f"{role}/rule/contact?for=read")
    plain.get_by_role("button", name="Condition").last.click()
    plain.locator("[name='0.1-field']").select_option(label="Stage")
    plain.get_by_role("button", name="Update").click()
    plain.get_by_label("Lost", exact=True).check()
    plain.get_by_role("button", name="Save rule").last.click()
    expect(plain.get_by_text("Type is Buyer and Stage is Lost")).to_be_visible()


def copied(page: Page, name: str, label: str) -> str:
    """A role of one's own like another; its address."""
    page.goto("/settings/roles")
    page.get_by_role("link", name=re.compile(f"^{name}")).first.click()
    page.goto(f"{page.url}/copy")
    page.get_by_label("Name of the new role").fill(label)
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("link", name=re.compile(f"^{label}"))).to_have_attribute("aria-current", "page")
    return page.url

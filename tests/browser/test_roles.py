"""A role is made like another, changed in bulk, compared, and its limits are explained: at a desk and on a phone."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OWNER, PHONE, Visit
from tests.browser.test_accessibility import ALL, serious
from tests.browser.test_role_rules import copied
from tests.browser.test_screenshots import shoot

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.xdist_group("browser")]


def test_a_role_is_copied_filled_compared_and_explained(owner: Page, visit: Visit) -> None:
    role = copied(owner, "Read only", "Front desk")
    shoot(owner, "role-matrix")
    assert not serious(owner, ALL)
    owner.locator("[name=right-task-write]").select_option(label="All")
    owner.get_by_role("button", name="Save role").click()
    expect(owner.locator("[name=right-task-write]")).to_have_value("workspace")
    owner.get_by_role("link", name="Compare").click()
    shoot(owner, "role-compare")
    assert not serious(owner, ALL)

    owner.goto("/settings/roles/why")
    explain(owner, "Kenji Morita", "Contacts", "Delete")
    expect(owner.get_by_text(re.compile("may delete|may not delete")).first).to_be_visible()
    shoot(owner, "explain")
    assert not serious(owner, ALL)

    phone = visit(OWNER, **PHONE)
    phone.goto(role)
    phone.locator("[name=right-note-write]").select_option(label="All")
    phone.get_by_role("button", name="Save role").tap()
    expect(phone.locator("[name=right-note-write]")).to_have_value("workspace")
    phone.goto("/settings/roles/why")
    explain(phone, "Kenji Morita", "Webhooks", "Read")
    expect(phone.get_by_text("may not read", exact=False).first).to_be_visible()
    assert not serious(phone, ALL)


def explain(page: Page, who: str, what: str, act: str) -> None:
    page.get_by_label("Person").select_option(label=who)
    page.get_by_label("What", exact=True).select_option(label=what)
    page.get_by_role("button", name="Next").click()
    page.get_by_label(re.compile("Do|Act|How|Right"), exact=False).first.select_option(label=act)
    page.get_by_role("button", name=re.compile("Explain|Next")).click()

"""On a phone what can be done stands where a thumb finds it."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OWNER, PHONE, Visit

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.xdist_group("browser")]


def test_a_member_can_be_changed_and_an_entry_read_without_scrolling_sideways(visit: Visit) -> None:
    page = visit(OWNER, **PHONE)
    page.goto("/settings/members")
    expect(page.locator(".c-setnav [aria-current]")).to_be_in_viewport(ratio=1)
    expect(page.get_by_role("link", name="Change").first).to_be_in_viewport(ratio=1)
    page.goto("/compliance/")
    page.locator("tbody .k2 a").first.click()
    expect(page.locator("#entry h2")).to_be_in_viewport()

"""On a phone the page itself never scrolls sideways, and what can be done stands where a thumb finds it."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OWNER, PHONE, Visit
from tests.browser.product import Product

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.xdist_group("browser")]
NO_PAGE = re.compile(
    r"^/(api/v1|healthz|readyz|metrics|static|assets|auth/|v1|hooks)|\.(svg|txt|json|xml|ico)$|/picker$|/palette$"
)
LAYOUTS = ("/contacts/?display=board", "/deals/?display=board", "/tasks/?display=calendar",
           "/contacts/?group=stage&totals=1")  # fmt: skip
RECORDS = ("/contacts/1", "/contacts/1/edit", "/deals/1", "/tags/1?tab=related-contact", "/teams/1", "/messages/1",
           "/compliance/?entry=30")  # fmt: skip


def test_no_page_is_wider_than_the_phone(product: Product, visit: Visit) -> None:
    rules = [rule for rule, methods in product.routes() if "GET" in methods and "<" not in rule]
    page, found = visit(OWNER, **PHONE), []
    for path in (*sorted(rule for rule in set(rules) if not NO_PAGE.search(rule)), *RECORDS, *LAYOUTS):
        page.goto(path)
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if wide > 0:
            found.append(f"{path} is {wide} pixels too wide")
    assert not found, "\n".join(found)


def test_a_member_can_be_changed_and_an_entry_read_without_scrolling_sideways(visit: Visit) -> None:
    page = visit(OWNER, **PHONE)
    page.goto("/settings/members")
    expect(page.locator(".c-setnav [aria-current]")).to_be_in_viewport(ratio=1)
    expect(page.get_by_role("link", name="Change").first).to_be_in_viewport(ratio=1)
    page.goto("/compliance/")
    page.locator("tbody .k2 a").first.click()
    expect(page.locator("#entry h2")).to_be_in_viewport()

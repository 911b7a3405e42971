"""The owner sets up how the brokerage sends e-mail, on the desk and on a phone."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import DESK, OWNER, PHONE, Visit


def test_a_server_and_a_domain_are_set_up(visit: Visit) -> None:
    page: Page = visit(OWNER, **DESK)
    page.goto("/settings/mail")
    page.get_by_label("Server", exact=True).fill("10.0.0.7")
    page.get_by_label("Sender", exact=True).fill("office@harborline.example")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Type the name of a mail server on the internet").first).to_be_visible()
    expect(page.get_by_label("Sender", exact=True)).to_have_value("office@harborline.example")
    page.get_by_label("Server", exact=True).fill("smtp.harborline.example")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Not tested yet")).to_be_visible()
    page.get_by_role("textbox", name=re.compile("^Domain")).fill("harborline.example")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Waiting for its DNS record")).to_be_visible()
    record = page.get_by_label("Value of the record of harborline.example")
    assert record.input_value().startswith("v=DKIM1; k=rsa; p=")
    page.get_by_role("link", name="Remove harborline.example").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(page.get_by_text("The domain was removed.")).to_be_visible()
    page.goto("/settings/mail/server/remove")
    page.get_by_role("button", name="Remove").click()
    expect(page.get_by_text("leave over the server of this installation")).to_be_visible()


def test_on_a_phone_nothing_runs_over_the_edge(visit: Visit) -> None:
    page: Page = visit(OWNER, **PHONE)
    page.goto("/settings/mail")
    page.get_by_role("textbox", name=re.compile("^Domain")).fill("a-rather-long-name-of-a-brokerage.example.com")
    page.get_by_role("button", name="Add a domain").click()
    expect(page.get_by_text("Waiting for its DNS record")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.get_by_role("link", name="Remove a-rather").press("Enter")
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(page.get_by_text("The domain was removed.")).to_be_visible()

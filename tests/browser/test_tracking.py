"""Reading is noted as the office chose: switched on, followed through a campaign's link, agreed to on the brokerage's
own website, and seen on the person's timeline.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import PHONE, Visit
from tests.browser.people import mail_to, make_contact, waited
from tests.browser.product import Product
from tests.browser.test_accessibility import ALL, serious
from tests.browser.test_campaigns import SAVED, keep_view, new_campaign
from tests.browser.test_screenshots import shoot

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.xdist_group("browser")]
READER = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"


@pytest.fixture
def website(product: Product) -> Iterator[str]:
    """The brokerage's own website, with the line that the settings show; its address."""
    script = f'<script src="{product.base}/p/harbour-pine/visits.js" defer></script>'
    head = '<meta name=viewport content="width=device-width"><title>Homes</title>'
    home = f"<!doctype html><html lang=en>{head}<h1>Homes by the water</h1>{script}</html>".encode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(home)

        def log_message(self, *_args: Any) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://homes.localhost:{server.server_port}"
        server.shutdown()


def test_a_reader_is_followed_home_and_back(
    product: Product, owner: Page, visit: Visit, browser: Browser, website: str
) -> None:
    switch(owner, website, on=True)
    shoot(owner, "tracking")
    assert not serious(owner, ALL)
    contact = make_contact(
        owner, "Roderick Tidewell", "rod@tidewell.example.net", company="Tidewell", phone="4155550142"
    )
    keep_view(owner, "Tidewell")
    path = new_campaign(owner, "Tide lofts", "Lofts at the tide")
    owner.get_by_role("link", name="Write", exact=True).click()
    owner.get_by_role("group", name="Add a block").get_by_role("button", name="Button").click()
    owner.get_by_label("Label", exact=True).fill("See them")
    owner.get_by_label("Leads to").fill(f"{website}/lofts")
    expect(owner.locator("#d-state")).to_have_text(SAVED)
    owner.get_by_role("link", name="Audience and sending").click()
    owner.get_by_label("View of contacts").select_option(label="People of Tidewell")
    owner.locator("#audience").get_by_role("button", name="Choose").click()
    owner.get_by_role("link", name="Send to 1 people").click()
    owner.get_by_role("dialog").get_by_role("button", name="Send to 1 people").click()
    mail = mail_to(product, "rod@tidewell.example.net", "Lofts at the tide")
    page = str(mail.get_body(("html",)).get_content())  # type: ignore[union-attr]
    link, pixel = (re.search(rf'"([^"]+/p/mail/{kind}/[^"]+)"', page) for kind in ("go", "seen"))
    assert link is not None and pixel is not None

    reader = browser.new_context(user_agent=READER, **PHONE).new_page()
    reader.goto(link[1])
    bar = reader.get_by_role("region", name=re.compile("^May Harbour"))
    expect(bar).to_be_visible()
    assert reader.url == f"{website}/lofts", "the mark stays out of the address bar"
    assert not serious(reader, ALL)
    assert reader.evaluate("document.documentElement.scrollWidth <= innerWidth")
    shoot(reader, "phone-visits", words=False)
    bar.get_by_role("button", name="Yes").tap()
    expect(bar).to_have_count(0)
    reader.reload()
    expect(reader.get_by_role("heading", name="Homes by the water")).to_be_visible()
    expect(bar).to_have_count(0)
    assert reader.context.cookies() == []

    waited(owner, contact, "came back to your website")
    waited(owner, f"{path}/report", "Clicked")
    expect(owner.get_by_role("row", name=re.compile("^Clicked")).get_by_role("cell").last).to_have_text("1")
    shoot(owner, "campaign-reading")
    assert not serious(owner, ALL)
    switch(owner, website, on=False)


def test_who_says_no_is_not_asked_again(product: Product, browser: Browser, website: str) -> None:
    """Also where the mark is none: nothing is kept, and the browser is told nothing."""
    reader = browser.new_context(user_agent=READER).new_page()
    reader.goto(f"{website}/#crm=abc.def")
    reader.get_by_role("button", name="No").click()
    reader.goto(f"{website}/#crm=abc.def")
    reader.reload()
    expect(reader.get_by_role("button", name="No")).to_have_count(0)
    assert reader.evaluate("localStorage.length") == 1
    private = browser.new_context(user_agent=READER)
    private.add_init_script("Object.defineProperty(navigator, 'globalPrivacyControl', { value: true })")
    page = private.new_page()
    page.goto(f"{website}/#crm=abc.def")
    expect(page.get_by_role("heading", name="Homes by the water")).to_be_visible()
    expect(page.get_by_role("button", name="No")).to_have_count(0)
    assert page.evaluate("localStorage.length") == 0
    for one in (reader.context, private):
        one.close()


def switch(page: Page, website: str, *, on: bool) -> None:
    page.goto("/settings/workspace")
    page.get_by_label("Website").fill(website if on else "https://harbourpine.example.com")
    page.get_by_role("button", name="Save").last.click()
    page.goto("/settings/tracking")
    for name in ("Opens of campaigns", "Clicks on links of campaigns", "Return visits to your website"):
        page.get_by_label(name).set_checked(on)
    page.get_by_label("Everybody").set_checked(not on)
    page.get_by_role("button", name="Save").last.click()
    expect(page.get_by_text("Saved. E-mails that leave")).to_be_visible()

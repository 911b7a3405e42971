"""A stranger's mail comes in over SMTP while the product runs; the owner files it in a browser, at a desk and on a
phone."""

from __future__ import annotations

import smtplib
import time

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OWNER, PHONE, Visit
from tests.browser.people import make_contact
from tests.browser.product import INBOUND, Product
from tests.inbound_kit import answer

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.xdist_group("browser")]


def _deliver(product: Product, subject: str, text: str) -> None:
    """To the first brokerage, as a mail server does it; the listener starts last."""
    raw = answer(text, Subject=subject, From="Nia Brandt <nia@example.net>")
    deadline = time.monotonic() + 60
    while True:
        try:
            with smtplib.SMTP("127.0.0.1", product.mail_port, timeout=10) as live:
                live.sendmail("nia@example.net", [f"harbour-pine@{INBOUND}"], raw)
            return
        except OSError:
            assert time.monotonic() < deadline, "nobody listens for mail"
            time.sleep(0.1)


def _waits(page: Page, words: str) -> None:
    """The alert is there as soon as the job has read the mail."""
    deadline = time.monotonic() + 60
    while True:
        page.goto("/")
        if page.get_by_text(words).count():
            return
        assert time.monotonic() < deadline, "the mail was not read"
        time.sleep(0.2)


def test_a_mail_that_waits_is_told_of_and_filed(product: Product, owner: Page, visit: Visit) -> None:
    path = make_contact(owner, "Nia Brandt")
    _deliver(product, "The house on Elm Street", "May I see it on Saturday?")
    _waits(owner, "1 incoming mail waits to be filed.")
    phone = visit(OWNER, **PHONE)
    phone.goto("/")
    expect(phone.get_by_role("status").get_by_role("link", name="Look")).to_be_visible()

    owner.get_by_role("link", name="Look").click()
    owner.get_by_role("link", name="The house on Elm Street").click()
    expect(owner.get_by_text("May I see it on Saturday?")).to_be_visible()
    with owner.expect_download() as kept:
        owner.get_by_role("link", name="Download").click()
    assert b"The house on Elm Street" in kept.value.path().read_bytes()

    owner.get_by_role("link", name="File under a contact").click()
    owner.get_by_role("combobox", name="Contact").fill("Nia Bra")
    owner.get_by_role("option", name="Nia Brandt").first.click()
    owner.locator("main form").get_by_role("button", name="File under a contact").click()
    expect(owner.get_by_role("link", name="File under a contact")).to_have_count(0)
    owner.goto(path)
    expect(owner.get_by_text("Wrote: The house on Elm Street")).to_be_visible()
    owner.goto("/")
    expect(owner.get_by_text("waits to be filed")).to_have_count(0)

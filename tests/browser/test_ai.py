"""AI drafting in a browser: a draft is asked for, edited, approved and sent; opting out is seen to stop what waits."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.ai_kit import Provider, providing
from tests.browser.conftest import Visit
from tests.browser.people import mail_to, make_contact
from tests.browser.product import Product
from tests.browser.test_campaigns import new_campaign

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.xdist_group("browser")]
HOME = "/settings/ai"


@pytest.fixture(scope="module")
def provider(product: Product) -> Iterator[Provider]:
    """The server of the operator's own that the running product was told of."""
    with providing(int(product.ai_server.rpartition(":")[2])) as found:
        yield found


def switch(page: Page, on: bool) -> None:
    page.goto(HOME)
    button = page.get_by_role("button", name="Switch on" if on else "Switch off")
    if button.is_visible():
        button.click()
    expect(page.get_by_role("heading", name=f"AI drafting is {'on' if on else 'off'}")).to_be_visible()


def add_provider(page: Page, provider: Provider, feature: str = "Follow-up e-mail") -> None:
    page.goto(HOME)
    page.get_by_role("link", name="Add a provider").click()
    page.get_by_label("Name", exact=True).fill("House model")
    page.get_by_label("Address", exact=True).fill(f"http://{provider.address}/v1")
    page.get_by_label("Model", exact=True).fill("m-1")
    page.get_by_label("Version of the terms").fill("2026-01")
    page.get_by_label("I have read these terms").check()
    page.get_by_role("button", name="Save").click()
    page.get_by_role("button", name="Test House model").click()
    expect(page.get_by_text("Answered, ")).to_be_visible(timeout=30_000)
    page.get_by_label(feature, exact=True).select_option(label="House model, m-1")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.")).to_be_visible()


def leave_as_it_was(page: Page) -> None:
    """Other stories of the same product have the built-in writer."""
    page.goto(HOME)
    page.goto(str(page.get_by_role("link", name="Remove House model").get_attribute("href")))
    page.get_by_role("button", name="Remove").click()
    expect(page.get_by_text("The provider was removed.")).to_be_visible()


def test_a_draft_is_asked_for_edited_approved_and_sent(product: Product, owner: Page, provider: Provider) -> None:
    switch(owner, on=True)
    add_provider(owner, provider)
    path = make_contact(owner, "Ingrid Alderwood", "ingrid@example.net", next_step="Show the loft on Quay Street")
    provider.say = lambda told: "Subject: The loft\n\nHello Ingrid, shall we see the loft?"
    owner.get_by_label("What should it say?").fill("Keep it short")
    owner.get_by_role("button", name="Draft a follow-up").click()
    expect(owner.get_by_text("AI draft, needs approval")).to_be_visible(timeout=30_000)
    expect(owner.get_by_label("Draft text")).to_have_value("Hello Ingrid, shall we see the loft?")
    expect(owner.get_by_text("Written by House model, m-1")).to_be_visible()
    sent = provider.calls[-1].json["messages"][1]["content"]
    assert "Quay Street" in sent and "Keep it short" in sent and "ingrid@example.net" not in sent
    owner.get_by_label("Draft text").fill("Hello Ingrid, shall we see the loft on Friday?")
    owner.get_by_role("button", name="Approve and send").click()
    mail = mail_to(product, "ingrid@example.net", "The loft")
    assert "on Friday?" in str(mail.get_body(("plain",)).get_content())  # type: ignore[union-attr]

    owner.goto(f"{path}/email")
    owner.get_by_label("Text", exact=True).fill("Thank her for the coffee.")
    owner.get_by_role("button", name="Draft a follow-up").click()
    owner.get_by_role("button", name="Put into the e-mail").click(timeout=30_000)
    expect(owner.get_by_label("Text", exact=True)).to_have_value(
        "Hello Ingrid, shall we see the loft?\n\nThank her for the coffee."
    )
    expect(owner.get_by_text("Begun with a draft by House model")).to_be_visible()
    leave_as_it_was(owner)


def test_a_campaign_is_begun_with_a_draft_among_its_blocks(owner: Page, provider: Provider) -> None:
    switch(owner, on=True)
    add_provider(owner, provider, "E-mail of a campaign")
    path = new_campaign(owner, "Quay lofts", "Lofts")
    owner.goto(f"{path}/design")
    provider.say = lambda told: "Lofts on the quay\n\nHello {{ contact.goes_by }},\n\nthree are free. {{ evil }}"
    owner.get_by_label("What should it say?").fill("Three are free")
    owner.get_by_role("button", name="Draft the e-mail").focus()
    owner.keyboard.press("Enter")
    expect(owner.get_by_text("AI draft, needs approval")).to_be_visible(timeout=30_000)
    sent = provider.calls[-1].json["messages"][1]["content"]
    assert "Three are free" in sent and "Quay lofts" in sent
    owner.get_by_role("button", name="Put into the e-mail").focus()
    owner.keyboard.press("Enter")
    expect(owner.get_by_label("Text", exact=True).first).to_be_focused()
    expect(owner.get_by_label("Text", exact=True).first).to_have_value("Lofts on the quay")
    expect(owner.frame_locator("#d-frame").get_by_text("Hello Sam,")).to_be_visible()
    expect(owner.get_by_text("Begun with a draft by House model")).to_be_visible()
    assert [one["id"] for one in Axe().run(owner, options={"iframes": False}).response["violations"]] == [], (
        "axe finds nothing"
    )
    leave_as_it_was(owner)


def test_opting_out_stops_a_draft_that_is_being_written(
    product: Product, owner: Page, visit: Visit, provider: Provider
) -> None:
    switch(owner, on=True)
    add_provider(owner, provider)
    path = make_contact(owner, "Bertil Quarrie", "bertil@example.net")
    asked, over = threading.Event(), threading.Event()

    def silent() -> None:
        asked.set()
        over.wait(60)

    provider.before = silent
    try:
        owner.get_by_role("button", name="Draft a follow-up").click()
        expect(owner.get_by_role("button", name="Cancel")).to_be_visible()
        assert asked.wait(30), "the provider was called"
        switch(visit("maren.solheim@example.com"), on=False)
        expect(owner.get_by_text("switched off meanwhile")).to_be_visible(timeout=20_000)
        assert not over.is_set(), "nobody waited for the answer"
    finally:
        over.set()
        provider.before = lambda: None
    calls = len(provider.calls)
    owner.goto(path)
    expect(owner.get_by_text("AI drafting is switched off for your workspace.")).to_be_visible()
    expect(owner.get_by_role("button", name="Draft a follow-up")).to_have_count(0)
    owner.goto("/compliance/ai/")
    expect(owner.locator("tbody tr").first).to_contain_text("Cancelled")
    assert len(provider.calls) == calls
    leave_as_it_was(owner)

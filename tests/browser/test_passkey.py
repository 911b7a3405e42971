"""Signing in with a passkey in a real browser, with Chromium's own virtual authenticator."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visit
from tests.browser.product import Product

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.xdist_group("browser")]

PERSON = "passkey.person@example.com"


def with_authenticator(page: Page) -> None:
    """Gives the browser a fingerprint reader that always recognises its owner."""
    tools = page.context.new_cdp_session(page)
    tools.send("WebAuthn.enable")
    traits = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True}
    options = {**traits, "isUserVerified": True, "automaticPresenceSimulation": True}
    tools.send("WebAuthn.addVirtualAuthenticator", {"options": options})


def test_a_passkey_is_added_and_signs_in(product: Product, visit: Visit) -> None:
    product.command(
        "workspace", "create", "--name", "Passkey Homes", "--owner-email", PERSON, "--owner-name", "Pat Passkey"
    )
    page = visit(PERSON, fresh=True)
    with_authenticator(page)
    page.goto("/account/security")
    page.get_by_role("link", name="Add a passkey").click()
    page.get_by_label("Name of the passkey").fill("Work laptop")
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url("**/account/security")
    expect(page.get_by_role("button", name="Remove Work laptop")).to_be_visible()
    page.get_by_role("button", name="Account: Pat Passkey").click()
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/auth/login**")
    page.get_by_role("button", name="Continue with a passkey").click()
    page.wait_for_url("**/account/security")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign-in")


def test_without_a_passkey_the_page_says_what_to_do(visit: Visit) -> None:
    page = visit()
    with_authenticator(page)
    page.goto("/auth/login")
    page.get_by_role("button", name="Continue with a passkey").click()
    expect(page.get_by_text("No passkey was used. Nothing has changed")).to_be_visible(timeout=15_000)
    page.get_by_role("link", name="Use a password").click()
    expect(page.get_by_label("E-mail")).to_be_visible()

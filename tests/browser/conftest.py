"""One running product and one Chromium for all browser tests; each test has contexts of its own and is watched.

`product` is the product, `visit(...)` opens a page for a person (signed in once per run through a one-time link, then
by the kept cookies), `owner` is the owner's desk. A test fails on whatever its pages complained about
(`tests.browser.watch`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Playwright, StorageState, sync_playwright

from tests.browser.product import Product
from tests.browser.watch import Watch
from tests.services_present import chromium

DESK = {"viewport": {"width": 1440, "height": 900}}
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
OWNER, AGENT = "maren.solheim@example.com", "kenji.morita@example.com"
OUTSIDER = "calvin.brightwater@example.com"
SWITCHES = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
            "--disable-component-update", "--disable-sync")  # fmt: skip
Visit = Callable[..., Page]


@pytest.fixture(scope="session")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """The product with its demo data, as `make run` starts it."""
    made = Product(tmp_path_factory.mktemp("product"))
    yield made
    made.stop()


@pytest.fixture(scope="session")
def playwright_() -> Iterator[Playwright]:
    with sync_playwright() as made:
        yield made


@pytest.fixture(scope="session")
def browser(playwright_: Playwright) -> Iterator[Browser]:
    made = playwright_.chromium.launch(executable_path=chromium(), args=list(SWITCHES))
    yield made
    made.close()


@pytest.fixture(scope="session")
def cookies() -> dict[str, StorageState]:
    """The kept session of each person, by address."""
    return {}


@pytest.fixture
def visit(product: Product, browser: Browser, cookies: dict[str, StorageState]) -> Iterator[Visit]:
    """`visit(email)` opens a page for a person, `visit()` one for a stranger; further options go to the context."""
    watches: list[Watch] = []

    def open_page(email: str | None = None, *, fresh: bool = False, **options: Any) -> Page:
        state = {"storage_state": cookies[email]} if email in cookies and not fresh else {}
        context = browser.new_context(base_url=product.base, accept_downloads=True, **(DESK | state | options))
        context.set_default_timeout(10_000)
        watches.append(Watch(context, product.base))
        page = context.new_page()
        if email and not state:
            page.goto(product.link if email == OWNER and not cookies else product.sign_in_link(email))
            page.get_by_role("button", name="Sign in").click()
            page.wait_for_url(f"{product.base}/")
            if not fresh:
                cookies[email] = context.storage_state()
        return page

    yield open_page
    complaints = [line for watch in watches for line in watch.complaints]
    for context in browser.contexts:
        context.close()
    assert not complaints, "\n".join(complaints)


@pytest.fixture
def owner(visit: Visit) -> Page:
    """The owner's page at a desk."""
    return visit(OWNER)

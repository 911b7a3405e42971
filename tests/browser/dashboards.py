"""Making dashboards and tiles in a browser, for several stories."""

from __future__ import annotations

from playwright.sync_api import Locator, Page, expect


def make_dashboard(page: Page, name: str, audience: str = "private") -> str:
    """A new dashboard; its address."""
    page.goto("/dashboards/")
    page.get_by_role("link", name="New dashboard").click()
    page.locator("#f-name").fill(name)
    page.locator("[name=audience]").select_option(audience)
    page.get_by_role("button", name="Make it").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(name)
    return page.url


def add_tile(page: Page, url: str, source: str, kind: str, title: str, **fields: str) -> None:
    """Through both steps of its form."""
    page.goto(f"{url}/arrange")
    page.get_by_role("link", name="Add a tile").first.click()
    page.get_by_label("About").select_option(source)
    page.locator(f"[name=kind][value={kind}]").check()
    page.get_by_role("button", name="Next").click()
    page.get_by_label("Title").fill(title)
    for name, value in fields.items():
        page.locator(f"main [name={name}]").select_option(value)
    page.get_by_role("button", name="Add tile").click()
    expect(boxes(page).filter(has_text=title)).to_be_visible()


def boxes(page: Page) -> Locator:
    return page.locator("[data-tile]")


def titles(page: Page) -> list[str]:
    return [text.strip() for text in page.locator("[data-tile] b").all_inner_texts()]


def every_kind(page: Page, name: str) -> str:
    """A dashboard with a tile of every kind; its address."""
    url = make_dashboard(page, name)
    add_tile(page, url, "deal", "number", "Open pipeline", measure="sum:price")
    add_tile(page, url, "contact", "trend", "New contacts", date="created_at", every="week")
    add_tile(page, url, "deal", "number", "Average price", measure="average:price")
    add_tile(
        page, url, "contact", "line", "Contacts by type", date="created_at", steps="week:13", split="type", width="2"
    )
    add_tile(page, url, "contact", "funnel", "On their way", by="stage")
    add_tile(page, url, "deal", "table", "Newest deals", width="2")
    add_tile(page, url, "deal", "bar", "Deals by side", by="side", measure="sum:price")
    add_tile(page, url, "contact", "bar", "Contacts by owner", by="@created_at", steps="month:6", split="owner_id",
             width="3")  # fmt: skip
    return url


def tidy(page: Page) -> None:
    """Deletes every dashboard, so that other stories find the first page alone."""
    page.goto("/dashboards/")
    buttons = page.get_by_role("button", name="Delete ")
    for left in range(buttons.count(), 0, -1):
        buttons.first.click()
        expect(buttons).to_have_count(left - 1)

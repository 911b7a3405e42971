"""The main screens as people see them; with MAKE_SCREENSHOTS=1 they are kept in docs/screenshots.

Each screen is also checked for what makes a page look broken: it must not scroll sideways, and say no word of the
machine.
"""

from __future__ import annotations

import io
import os
import re
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.browser.conftest import AGENT, OWNER, PHONE, Visit
from tests.browser.dashboards import every_kind, tidy
from tests.browser.people import make_contact
from tests.browser.test_forms import save
from tests.browser.test_import import FILES, choose_file

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.xdist_group("browser")]
# What the machine calls things, and nobody else.
MACHINE_WORDS = re.compile(r"\b(None(?! yet)|null|undefined|NaN|[a-z]+_id|Traceback|\{\{|\}\})\b")
FOLDER = Path(__file__).resolve().parents[2] / "docs" / "screenshots"
LARGEST = 150_000
DESK_PAGES = {
    "today": "/", "contacts": "/contacts/", "filter": "/contacts/?f=stage:is:active&edit=type", "deals": "/deals/",
    "roles": "/settings/roles", "members": "/settings/members", "settings": "/settings/workspace",
    "audit": "/compliance/", "data-map": "/compliance/data-map/", "api": "/api/docs", "import": "/contacts/import",
    "customise": "/customise/contact", "layout": "/customise/contact/layout",
    "new-field": "/customise/contact/new?kind=choice", "board": "/deals/?display=board",
    "calendar": "/tasks/?display=calendar", "groups": "/contacts/?group=stage&totals=1",
}  # fmt: skip


def test_screens_at_a_desk(owner: Page) -> None:
    for name, path in DESK_PAGES.items():
        owner.goto(path)
        shoot(owner, name, words=name not in ("data-map", "api"))
    owner.goto("/contacts/")
    owner.locator("tbody a").first.click()
    shoot(owner, "contact")


def test_screens_of_a_dashboard(owner: Page, visit: Visit) -> None:
    url = every_kind(owner, "Month's end")
    for name, page in (("dashboard", owner), ("phone-dashboard", visit(OWNER, **PHONE))):
        page.goto(url)
        # What fetches itself does so when it comes into view.
        page.locator(".c-tiles").evaluate("one => one.scrollIntoView(false)")
        expect(page.locator(".c-wait")).to_have_count(0)
        page.locator(".c-tiles").evaluate("one => one.scrollIntoView(true)")
        shoot(page, name)
    owner.goto(f"{url}/arrange")
    shoot(owner, "arrange")
    tidy(owner)


def test_screens_of_the_palette(owner: Page, visit: Visit) -> None:
    dark, phone = visit(OWNER, color_scheme="dark"), visit(OWNER, **PHONE)
    for page, name in ((owner, "palette"), (dark, "dark-palette"), (phone, "phone-palette")):
        page.goto("/contacts/")
        word = page.locator("tbody a").nth(1).inner_text().split()[-1]
        page.locator("[data-palette]:visible").first.click()
        page.locator("#palette input").fill(word[:2] + word[3:])
        page.get_by_text("close to").first.wait_for()
        shoot(page, name)
    owner.goto("/contacts/")
    owner.keyboard.press("?")
    owner.locator(".c-keys").wait_for()
    shoot(owner, "keys")
    owner.goto("/tasks/views")
    shoot(owner, "first-view")


def test_screens_of_an_import(owner: Page) -> None:
    choose_file(owner, FILES / "google_2024.csv")
    shoot(owner, "import-columns")
    owner.get_by_role("button", name="Show preview").click()
    shoot(owner, "import-preview")
    owner.locator(".c-foot button").click()
    owner.get_by_role("link", name="See the contacts").wait_for(timeout=30_000)
    shoot(owner, "import-done")
    owner.goto("/jobs/")
    shoot(owner, "jobs")


def test_screen_of_a_conflict(owner: Page, visit: Visit) -> None:
    path = make_contact(owner, "Clementine Ashdown", company="Ashdown Homes")
    other = visit(OWNER)
    for page, company in ((owner, "Ashdown & Daughters"), (other, "Ashdown Estates")):
        page.goto(f"{path}/edit")
        page.locator("[name=company]").fill(company)
    save(other)
    other.wait_for_url(f"**{path}")
    save(owner)
    owner.locator("[name=conflict-company]").first.wait_for()
    shoot(owner, "conflict")


def test_screens_on_a_phone_and_in_the_dark(visit: Visit) -> None:
    phone = visit(OWNER, **PHONE)
    for name, path in (("phone-today", "/"), ("phone-contacts", "/contacts/"), ("phone-audit", "/compliance/")):
        phone.goto(path)
        shoot(phone, name)
    phone.goto("/contacts/")
    phone.locator("tbody a").first.click()
    shoot(phone, "phone-contact")
    dark = visit(OWNER, color_scheme="dark")
    for name, path in (("dark-today", "/"), ("dark-contacts", "/contacts/")):
        dark.goto(path)
        shoot(dark, name)


def test_screens_in_spanish(visit: Visit) -> None:
    agent = visit(AGENT)
    speak(agent, "es")
    for name, path in (("spanish-contacts", "/contacts/"), ("spanish-today", "/")):
        agent.goto(path)
        shoot(agent, name)
    speak(agent, "en")


def speak(page: Page, language: str) -> None:
    page.goto("/account/")
    page.locator("[name=language]").select_option(language)
    page.locator("#form button, form:has([name=language]) button").last.click()
    expect(page.locator("html")).to_have_attribute("lang", re.compile(f"^{language}"))


def test_screens_of_strangers(visit: Visit) -> None:
    desk, phone = visit(), visit(**PHONE)
    for page, prefix in ((desk, ""), (phone, "phone-")):
        for name, path in (
            ("sign-in", "/auth/login"),
            ("lead-form", "/p/harbour-pine/contact"),
            ("privacy", "/privacy"),
        ):
            page.goto(path)
            shoot(page, prefix + name)


def shoot(page: Page, name: str, *, words: bool = True) -> None:
    page.wait_for_load_state("networkidle")
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), (
        f"{name} is too wide"
    )
    if words:
        text = page.locator("body").inner_text()
        assert not MACHINE_WORDS.search(text), f"{name}: {MACHINE_WORDS.search(text)}"
    if os.environ.get("MAKE_SCREENSHOTS") == "1":
        keep(page.screenshot(animations="disabled"), FOLDER / f"{name}.png")


def keep(picture: bytes, path: Path) -> None:
    """As a PNG of 256 colours, which a flat interface does not show."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.open(io.BytesIO(picture)).convert("RGB").quantize(256, dither=Image.Dither.NONE)
    image.save(path, optimize=True)
    assert path.stat().st_size < LARGEST, f"{path.name} has {path.stat().st_size:,} bytes"

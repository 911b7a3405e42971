"""axe on every page: the whole URL map as far as an address needs no id, and one record of each list; and no page that
scrolls sideways on a phone.

Serious and critical findings fail; light and dark, desk and phone.
"""

from __future__ import annotations

import re
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.browser.conftest import DESK, OWNER, PHONE, Visit
from tests.browser.dashboards import every_kind, tidy
from tests.browser.product import Product

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.xdist_group("browser")]
# Answers for programs and files, and pages that lead away at once.
NO_PAGE = re.compile(
    r"^/(api/v1|healthz|readyz|metrics|static|assets|auth/logout|v1|hooks)|\.(svg|txt|json|xml|ico)$|/picker$|/palette$"
)
# Without transitions, so that a colour is never seen half way between the themes.
STILL: dict[str, Any] = {"reduced_motion": "reduce"}
ALL: dict[str, Any] = {}
_COLOUR_RULES = ["color-contrast", "link-in-text-block"]
COLOURS = {"runOnly": {"type": "rule", "values": _COLOUR_RULES}}
SHAPE: dict[str, Any] = {"rules": {name: {"enabled": False} for name in _COLOUR_RULES}}
# Takes away what is drawn like something that this tab has shown before: by tags, classes and marks of all that is
# around and inside, not by words.
THIN = """() => {
  const known = new Set(JSON.parse(sessionStorage.seen ?? "[]"));
  const drawn = one => [one.tagName, one.getAttribute("class"), one.ariaCurrent, one.ariaSelected, one.disabled].join();
  const around = one => one === document.body ? "" : around(one.parentElement) + drawn(one.parentElement);
  for (const part of document.querySelectorAll("body *")) {
    if (!part.isConnected) continue;
    const shape = around(part) + [part, ...part.querySelectorAll("*")].map(drawn).join(" ");
    const key = [...shape].reduce((sum, sign) => (Math.imul(sum, 31) + sign.charCodeAt(0)) | 0, shape.length);
    known.has(key) ? part.remove() : known.add(key);
  }
  sessionStorage.seen = JSON.stringify([...known]);
}"""
AXE = Axe().axe_script
SERIOUS = """async options => (await axe.run(document, options)).violations
  .filter(({ impact }) => impact === "serious" || impact === "critical")
  .map(({ id, help, nodes }) => ({ id, help, times: nodes.length, at: nodes[0].target, html: nodes[0].html }))"""
RECORD = re.compile(r"/\d+$")
# Pages whose address names a kind of record.
CUSTOMISE = [
    f"/customise/contact{rest}"
    for rest in ("", "/new", "/new?kind=choice", "/new?kind=computed", "/layout", "/preview")
]
# Layouts of lists, which an address of the URL map alone does not show.
LAYOUTS = ("/contacts/?display=board", "/deals/?display=board", "/contacts/?display=board&by=owner_id",
           "/tasks/?display=calendar", "/contacts/?group=stage&totals=1", "/contacts/1/cell/stage")  # fmt: skip
# Records with much on them, and a column beside a list.
RICH = ("/contacts/1", "/tags/1?tab=related-contact", "/teams/1", "/messages/1", "/compliance/?entry=30")
# Dashboards with a tile of every kind, and the pages that make and arrange them.
DASHBOARDS = ("/dashboards/0/arrange", "/dashboards/0/tiles/new", "/dashboards/0/history",
              *(f"/dashboards/0/tiles/new?source=deal&kind={kind}" for kind in ("bar", "funnel", "table")))  # fmt: skip
PHONE_PAGES = re.compile(r"^/($|contacts/|deals/|jobs/|settings/|compliance/$|account/|search/)")


@pytest.fixture(scope="module")
def addresses(product: Product) -> list[str]:
    """Every address of the URL map that answers GET and needs no value."""
    listed = product.routes()
    return sorted(
        {rule for rule, methods in listed if "GET" in methods and "<" not in rule and not NO_PAGE.search(rule)}
    )


def test_the_check_finds_what_is_wrong(visit: Visit) -> None:
    page = visit()
    page.set_content("<html lang=en><title>x</title><main><h1>x</h1><input><p style='color:#ccc'>pale</p></main>")
    assert {one["id"] for one in serious(page, ALL)} == {"label", "color-contrast"}
    assert too_wide(page) == 0
    page.evaluate("document.querySelector('p').style.width = '500px'")
    assert too_wide(page) > 0
    for plant in ("", "const p = document.querySelector('main p'); p.className = 'new'; p.style.color = '#ccc'"):
        page.goto("/privacy")
        page.evaluate(plant)
        page.evaluate(THIN)
        assert [one["id"] for one in serious(page, COLOURS)] == (["color-contrast"] if plant else [])
    assert page.locator("p").count() == 1, "what was seen before is not looked at again"


def test_every_page_at_a_desk(addresses: list[str], visit: Visit) -> None:
    page = visit(OWNER, **STILL)
    found = problems(page, [*addresses, *CUSTOMISE, *LAYOUTS, *DASHBOARDS, *RICH, *records(page, addresses)])
    assert not found, "\n".join(found)


def test_the_pages_people_open_on_a_phone(addresses: list[str], visit: Visit) -> None:
    chosen = [path for path in addresses if PHONE_PAGES.search(path)]
    found = problems(
        visit(OWNER, **PHONE, **STILL),
        [*chosen, *CUSTOMISE, *LAYOUTS, *DASHBOARDS, *RICH, *records(visit(OWNER), ["/contacts/new", "/deals/new"])],
    )
    assert not found, "\n".join(found)


@pytest.mark.parametrize("options", [{}, PHONE], ids=["desk", "phone"])
def test_a_dashboard_with_every_kind_of_tile(owner: Page, visit: Visit, options: dict[str, Any]) -> None:
    url = every_kind(owner, f"Every kind{' again' if options else ''}")
    found = problems(visit(OWNER, **options, **STILL), [url, f"{url}/arrange"])
    tidy(owner)
    assert not found, "\n".join(found)


def test_the_pages_of_strangers(addresses: list[str], visit: Visit) -> None:
    public = [path for path in addresses if path.startswith(("/auth/", "/privacy", "/api/docs"))]
    page = visit(**PHONE, **STILL)
    found = problems(page, [*public, "/p/no-such-link", "/no-such-page"])
    assert not found, "\n".join(found)


def records(page: Page, addresses: list[str]) -> list[str]:
    """The first record of every list, and a contact's edit form, which has all there is in the forms."""
    found: list[str] = []
    for path in addresses:
        if path.endswith("/new"):
            page.goto(path.removesuffix("new"))
            links = page.locator("tbody tr td a").all()[:1]
            for link in links:
                record = str(link.evaluate("link => link.pathname"))
                found += [record, f"{record}/edit"] if path == "/contacts/new" else [record]
    return found


def problems(page: Page, paths: list[str]) -> list[str]:
    """One line for each serious finding, one for each page that scrolls sideways on a phone, and one for each that did
    not come. Dark differs in colours alone, and these take most of the time: they are looked at once for what is drawn
    alike, as the rows of a table.
    """
    found = []
    for path in dict.fromkeys(paths):
        page.emulate_media(color_scheme="light")
        answer = page.goto(path)
        if answer is None or answer.status >= 500 or (answer.status >= 400 and RECORD.search(path)):
            found.append(f"{path}: no page")
        elif "text/html" in answer.headers.get("content-type", ""):
            if wide := too_wide(page):
                found.append(f"{path} is {wide} pixels too wide")
            found += [told(path, "light", one) for one in serious(page, SHAPE)]
            page.evaluate(THIN)
            for theme in ("light", "dark"):
                page.emulate_media(color_scheme=theme)
                found += [told(path, theme, one) for one in serious(page, COLOURS)]
    return found


def too_wide(page: Page) -> int:
    """By how many pixels the page scrolls sideways on a phone, wherever it is open now."""
    now = page.viewport_size
    page.set_viewport_size(PHONE["viewport"])
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    page.set_viewport_size(now or DESK["viewport"])
    return int(wide)


def serious(page: Page, options: dict[str, Any]) -> list[dict[str, Any]]:
    """What axe finds wrong. It is brought into the page once, and says only what is asked for."""
    if not page.evaluate("Boolean(window.axe)"):
        page.evaluate(AXE)
    return list(page.evaluate(SERIOUS, {"resultTypes": ["violations"], **options}))


def told(path: str, theme: str, finding: dict[str, Any]) -> str:
    at, html = finding["at"], finding["html"][:160]
    return f"{path}, {theme}: {finding['help']}: {finding['times']} times, as {at} {html}"

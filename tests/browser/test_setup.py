"""The set-up goes out as a file, comes in with a look first, and goes back to an earlier moment; at a desk and on a
phone.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import AGENT, OWNER, PHONE, Visit
from tests.browser.test_accessibility import ALL, COLOURS, STILL, serious, told
from tests.browser.test_own_fields import add_choice
from tests.browser.test_screenshots import shoot

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.xdist_group("browser")]
HOME = "/customise/setup"


def test_a_set_up_goes_out_comes_in_and_goes_back(owner: Page, visit: Visit, tmp_path: Path) -> None:
    owner.goto("/customise/contact")
    owner.get_by_role("link", name=re.compile("^History")).click()
    expect(owner.get_by_role("heading", level=1)).to_have_text("Set-up")
    before = exported(owner, tmp_path / "before.json")
    add_choice(owner, "Garden kind", "Lawn", "Meadow")
    owner.goto(HOME)
    expect(owner.get_by_text("Field “Garden kind” of contacts added")).to_be_visible()

    changed = json.loads(before.read_text())
    tags = {"category": "contacts", "purpose": "run transactions"}
    changed["fields"].setdefault("contact", []).append(
        {
            "key": "x_view_kind",
            "label": "View kind",
            "kind": "choice",
            "options": [{"key": "sea", "label": "Sea"}],
            **tags,
        }
    )
    changed["fields"]["contact"].append(
        {"key": "x_garden_kind", "label": "Garden kind", "kind": "number", **tags},
    )
    changed["templates"].append(
        {"key": "sea_views", "name": "Sea views", "kind": "marketing", "subject": "The sea", "body": "Hello"}
    )
    file = tmp_path / "changed.json"
    file.write_text(json.dumps(changed))
    owner.locator("input[type=file]").set_input_files(file)
    owner.get_by_role("button", name="See what it changes").click()
    expect(owner.get_by_text("Nothing is changed yet")).to_be_visible()
    expect(owner.get_by_role("checkbox", name="View kind (contacts)")).to_be_checked()
    conflict = owner.get_by_role("listitem").filter(has=owner.get_by_text("Garden kind (contacts)", exact=True))
    expect(conflict.get_by_role("checkbox")).to_be_disabled()
    expect(conflict).to_contain_text("Change its type under Customise")
    shoot(owner, "setup-import")
    no_serious_problem(owner)
    owner.get_by_role("checkbox", name="Sea views").uncheck()
    owner.get_by_role("button", name="Import what is ticked").click()
    expect(owner.get_by_text("Set-up imported: 1 change")).to_be_visible()
    expect(owner.get_by_text("Field “View kind” of contacts added")).to_be_visible()
    shoot(owner, "setup")
    owner.goto("/templates/?q=Sea+views")
    expect(owner.get_by_role("link", name="Sea views")).to_have_count(0)

    phone = visit(OWNER, **PHONE)
    phone.goto(HOME)
    phone.locator(".c-tl > li").nth(2).get_by_role("link").first.click()
    expect(phone.get_by_text("It goes to the bin with its values").first).to_be_visible()
    no_serious_problem(phone)
    phone.get_by_role("button", name="Return to this set-up").click()
    expect(phone.get_by_text("The set-up is back as it was")).to_be_visible()
    assert exported(owner, tmp_path / "after.json").read_bytes() == before.read_bytes()
    owner.goto("/contacts/new")
    expect(owner.get_by_label("Name", exact=True)).to_be_visible()
    expect(owner.get_by_label("View kind")).to_have_count(0)

    agent = visit(AGENT)
    agent.goto(HOME)
    expect(agent.get_by_role("heading", level=1)).to_contain_text("You may not do this")


def exported(page: Page, path: Path) -> Path:
    page.goto(HOME)
    with page.expect_download() as coming:
        page.get_by_role("button", name="Export the set-up").click()
    coming.value.save_as(path)
    return path


def no_serious_problem(page: Page) -> None:
    found = [told(page.url, "light", one) for one in serious(page, ALL)]
    page.emulate_media(color_scheme="dark", **STILL)
    found += [told(page.url, "dark", one) for one in serious(page, COLOURS)]
    page.emulate_media(color_scheme="light")
    assert not found, "\n".join(found)

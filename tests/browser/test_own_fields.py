"""An office makes the console its own in a browser: a field, a view of it, who sees it; at a desk and on a phone."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import AGENT, OWNER, PHONE, Visit
from tests.browser.people import make_contact
from tests.browser.test_forms import save

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.xdist_group("browser")]


def test_a_field_is_added_and_worked_with_at_once(owner: Page, visit: Visit) -> None:
    add_choice(owner, "Heating", "Gas", "Heat pump")
    owner.goto("/contacts/new")
    owner.get_by_label("Name", exact=True).fill("Ottilie Warmhouse")
    owner.get_by_label("Heating").select_option(label="Heat pump")
    save(owner)
    expect(owner.get_by_role("heading", level=1)).to_contain_text("Ottilie Warmhouse")
    expect(owner.get_by_text("Heat pump").first).to_be_visible()

    owner.goto("/contacts/?f=x_heating:is:heat_pump&cols=email&cols=x_heating")
    expect(owner.locator("tbody tr")).to_have_count(1)
    owner.get_by_role("link", name="Save view").click()
    owner.get_by_label("Name", exact=True).fill("Heat pumps")
    owner.get_by_role("button", name="Save view").click()
    expect(owner.get_by_role("link", name="Heat pumps")).to_have_attribute("aria-current", "page")
    expect(owner.locator("thead")).to_contain_text("Heating")

    phone = visit(OWNER, **PHONE)
    phone.goto("/contacts/")
    phone.get_by_role("link", name="Heat pumps").click()
    expect(phone.get_by_text("Ottilie Warmhouse").first).to_be_visible()
    phone.get_by_text("Ottilie Warmhouse").first.click()
    expect(phone.get_by_text("Heat pump").first).to_be_visible()


def test_a_role_is_kept_from_a_field_and_given_it_back(owner: Page, visit: Visit) -> None:
    add_choice(owner, "Walk score", "High", "Low")
    path = make_contact(owner, "Leopold Strider")
    owner.goto(f"{path}/edit")
    owner.get_by_label("Walk score").select_option(label="High")
    save(owner)
    expect(owner.get_by_text("Walk score").first).to_be_visible()
    limit(owner, "Walk score", "hidden")
    agent = visit(AGENT)
    agent.goto("/contacts/new")
    expect(agent.get_by_label("Name", exact=True)).to_be_visible()
    expect(agent.get_by_label("Walk score")).to_have_count(0)
    agent.goto("/contacts/?f=x_walk_score:is:high")
    expect(agent.get_by_text("Left out of this view")).to_be_visible()
    limit(owner, "Walk score", "")
    agent.goto("/contacts/new")
    expect(agent.get_by_label("Walk score")).to_be_visible()


def test_a_form_is_laid_out_anew(owner: Page) -> None:
    owner.goto("/customise/team/layout")
    expect(owner.get_by_role("heading", level=1)).to_contain_text("Layout")
    label = owner.locator("input[name^=label-]").first
    before = label.input_value() or label.get_attribute("placeholder") or ""
    label.fill("Desk or office")
    owner.get_by_role("button", name="Save layout").click()
    owner.goto("/teams/new")
    expect(owner.get_by_label("Desk or office")).to_be_visible()
    owner.goto("/customise/team/layout")
    owner.locator("input[name^=label-]").first.fill("")
    owner.get_by_role("button", name="Save layout").click()
    owner.goto("/teams/new")
    expect(owner.get_by_label(before, exact=True)).to_be_visible()


def add_choice(page: Page, label: str, *options: str) -> None:
    page.goto("/customise/contact")
    page.get_by_role("link", name="New field").first.click()
    page.get_by_role("link", name=re.compile("^Choice")).click()
    page.get_by_label("Label", exact=True).fill(label)
    for number, text in enumerate(options, start=1):
        page.get_by_label(f"Choice {number}", exact=True).fill(text)
    save(page)
    expect(page.get_by_role("navigation", name="Fields").get_by_text(label)).to_be_visible()


def limit(page: Page, label: str, level: str) -> None:
    """Through the page of the agents' role."""
    page.goto("/settings/roles")
    page.get_by_role("link", name=re.compile("^Agent")).first.click()
    page.get_by_role("link", name=re.compile("^Contacts ?: fields")).click()
    page.get_by_label(label, exact=True).select_option(value=level)
    save(page)
    expect(page.get_by_label(label, exact=True)).to_have_value(level)

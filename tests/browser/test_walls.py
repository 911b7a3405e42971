"""What an agent and another brokerage see of a record: own records, and nothing."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import AGENT, OUTSIDER, Visit
from tests.browser.people import make_contact

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.xdist_group("browser")]


def test_an_agent_works_on_own_records_and_is_told_what_is_missing(owner: Page, visit: Visit) -> None:
    foreign = make_contact(owner, "Wilhelmina Wall", "wilhelmina@example.net")
    agent = visit(AGENT)
    own = make_contact(agent, "Kenji's own buyer")
    agent.goto("/contacts/?q=Wilhelmina")
    expect(agent.get_by_text("No contact fits")).to_be_visible()
    agent.goto("/contacts/?q=own+buyer")
    expect(agent.get_by_role("link", name="Kenji's own buyer")).to_be_visible()
    for path in (foreign, f"{foreign}/edit", f"{foreign}/email"):
        answer = agent.goto(path)
        assert answer is not None and answer.status == 404, path
        expect(agent.get_by_text("Wilhelmina")).to_have_count(0)
    agent.goto("/")
    expect(agent.get_by_role("navigation", name="Main").get_by_role("link", name="Compliance")).to_have_count(0)
    answer = agent.goto("/compliance/")
    assert answer is not None and answer.status == 403
    expect(agent.get_by_role("main")).to_contain_text("audit")
    assert agent.goto(own) is not None
    expect(agent.get_by_role("heading", level=1)).to_contain_text("own buyer")


def test_another_brokerage_finds_nothing(owner: Page, visit: Visit) -> None:
    foreign = make_contact(owner, "Percival Hidden", "percival@example.net")
    outsider = visit(OUTSIDER)
    outsider.goto("/contacts/?q=Percival")
    expect(outsider.get_by_text("No contact fits")).to_be_visible()
    absent = outsider.goto("/contacts/99999999")
    assert absent is not None and absent.status == 404
    text = outsider.get_by_role("main").inner_text()
    answer = outsider.goto(foreign)
    assert answer is not None and answer.status == 404
    assert outsider.get_by_role("main").inner_text().splitlines()[:2] == text.splitlines()[:2]
    outsider.keyboard.press("Control+k")
    outsider.keyboard.type("Percival")
    expect(outsider.get_by_role("dialog")).to_contain_text("New contact “Percival”")
    expect(outsider.get_by_role("dialog")).not_to_contain_text("Percival Hidden")


def test_a_stranger_is_sent_to_sign_in_and_back(visit: Visit) -> None:
    stranger = visit()
    stranger.goto("/contacts/?q=Percival")
    expect(stranger).to_have_url("/auth/login?next=/contacts/%3Fq%3DPercival")
    stranger.get_by_label("E-mail").fill("nobody@example.com")
    stranger.get_by_label("Password").fill("not the password")
    stranger.get_by_role("button", name="Continue", exact=True).click()
    expect(stranger.get_by_role("alert")).to_be_visible()
    expect(stranger.get_by_label("E-mail")).to_have_value("nobody@example.com")

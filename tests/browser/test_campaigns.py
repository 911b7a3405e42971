"""A campaign in a browser: written in blocks by mouse and by keyboard alone, sent to a view, watched, and followed down
to one person's e-mail.
"""

from __future__ import annotations

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.conftest import OUTSIDER, OWNER, PHONE, Visit
from tests.browser.people import mail_to, make_contact
from tests.browser.product import Product

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.xdist_group("browser")]
SAVED = re.compile("^Saved$")


def new_campaign(page: Page, name: str, subject: str) -> str:
    """Through the form; returns its path."""
    page.goto("/campaigns/new")
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Subject", exact=True).fill(subject)
    page.get_by_role("button", name=re.compile("^Save( Ctrl S)?$")).last.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(name)
    return re.sub(r"^.*(/campaigns/\d+).*$", r"\1", page.url)


def keep_view(page: Page, company: str) -> None:
    page.goto(f"/contacts/?f=company%3Ais%3A{company}")
    page.get_by_role("link", name="Save view").click()
    page.get_by_label("Name", exact=True).fill(f"People of {company}")
    page.get_by_role("button", name="Save view").click()


def test_a_campaign_is_written_sent_to_a_view_and_followed_to_one_person(product: Product, owner: Page) -> None:
    make_contact(owner, "Wanda Quill", "wanda@quillmill.example.net", company="Quillmill")
    make_contact(owner, "Axel Quill", "axel@quillmill.example.net", company="Quillmill", goes_by="Ax")
    keep_view(owner, "Quillmill")
    path = new_campaign(owner, "Mill lofts", 'Lofts for {{ contact.first_name | default("you") }}')

    owner.get_by_role("link", name="Write", exact=True).click()
    add = owner.get_by_role("group", name="Add a block")
    add.get_by_role("button", name="Heading").click()
    expect(owner.get_by_label("Text", exact=True)).to_be_focused()
    owner.keyboard.press("ControlOrMeta+a")
    owner.keyboard.type("Three lofts")
    add.get_by_role("button", name="Text", exact=True).click()
    expect(owner.locator("textarea")).to_be_focused()
    owner.locator("textarea").fill("Hello ")
    owner.get_by_text("Fields that fill themselves in").click()
    owner.get_by_role("button", name="The contact's first name").click()
    owner.keyboard.type("neighbour")
    expect(owner.locator("textarea")).to_have_value('Hello {{ contact.first_name | default("neighbour") }}')
    add.get_by_role("button", name="Button").click()
    owner.get_by_label("Leads to").fill("nowhere")
    expect(owner.get_by_text("Type a whole address")).to_be_visible()
    owner.get_by_label("Leads to").fill("https://harbour.example/lofts")
    expect(owner.locator("#d-state")).to_have_text(SAVED)
    preview = owner.frame_locator("#d-frame")
    expect(preview.get_by_role("heading", name="Three lofts")).to_be_visible()
    expect(preview.get_by_text("Hello Sam")).to_be_visible()
    owner.get_by_role("button", name="Phone").click()
    owner.reload()
    expect(owner.get_by_label("Leads to")).to_have_value("https://harbour.example/lofts")

    owner.get_by_role("link", name="Audience and sending").click()
    owner.get_by_label("View of contacts").select_option(label="People of Quillmill")
    owner.locator("#audience").get_by_role("button", name="Choose").click()
    expect(owner.get_by_text("2 people get it")).to_be_visible()
    expect(owner.get_by_text("No field is empty for anybody.")).to_be_visible()
    owner.get_by_role("button", name="Send me a test").click()
    expect(owner.get_by_text("A test is on its way")).to_be_visible()
    owner.get_by_role("link", name="Send to 2 people").click()
    owner.get_by_role("dialog").get_by_role("button", name="Send to 2 people").click()

    expect(owner.get_by_text("2 of 2 e-mails are through")).to_be_visible(timeout=30_000)
    mail = mail_to(product, "axel@quillmill.example.net", "Lofts for Ax")
    assert "Hello Ax" in str(mail.get_body(("plain",)).get_content())  # type: ignore[union-attr]
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    mail_to(product, OWNER, "[Test] Lofts for you")
    owner.get_by_role("link", name="Sent: 2").click()
    owner.get_by_role("link", name="Lofts for Wanda").click()
    expect(owner.get_by_text("wanda@quillmill.example.net").first).to_be_visible()

    here = str(mail.get_body(("html",)).get_content())  # type: ignore[union-attr]
    archive = re.search(r'href="[^"]*(/p/mail/read/[^"]+)"', here)
    assert archive is not None
    owner.goto(archive[1])
    expect(owner.get_by_role("heading", name="Three lofts")).to_be_visible()
    expect(owner.get_by_text("Hello neighbour")).to_be_visible()
    assert "Ax" not in owner.content()
    owner.goto(f"{path}/design")
    expect(owner.get_by_text("its content changes no more")).to_be_visible()


def test_blocks_are_moved_copied_and_taken_back_by_keyboard_alone(owner: Page) -> None:
    path = new_campaign(owner, "Keys only", "Keys")
    owner.goto(f"{path}/design")
    for name in ("Heading", "Line", "Signature"):
        owner.get_by_role("group", name="Add a block").get_by_role("button", name=name).focus()
        owner.keyboard.press("Enter")
        expect(owner.get_by_role("group", name=name, exact=True)).to_have_count(1)
    owner.get_by_role("button", name="Move signature up").focus()
    owner.keyboard.press("Enter")
    expect(owner.locator(".c-block legend")).to_have_text(["Heading", "Signature", "Line"])
    expect(owner.get_by_role("button", name="Move signature up")).to_be_focused()
    owner.keyboard.press("Enter")
    expect(owner.locator(".c-block legend")).to_have_text(["Signature", "Heading", "Line"])
    owner.get_by_role("button", name="Copy line").focus()
    owner.keyboard.press("Enter")
    expect(owner.locator(".c-block legend")).to_have_text(["Signature", "Heading", "Line", "Line"])
    owner.get_by_role("button", name="Remove heading").focus()
    owner.keyboard.press("Enter")
    expect(owner.get_by_role("button", name="Undo")).to_be_focused()
    owner.keyboard.press("Enter")
    expect(owner.locator(".c-block legend")).to_have_text(["Signature", "Heading", "Line", "Line"])


def test_a_block_is_dragged_to_another_place(owner: Page) -> None:
    path = new_campaign(owner, "By hand", "By hand")
    owner.goto(f"{path}/design")
    for name in ("Line", "Signature"):
        owner.get_by_role("group", name="Add a block").get_by_role("button", name=name).click()
        expect(owner.get_by_role("group", name=name, exact=True)).to_have_count(1)
    grip, goal = owner.locator(".c-grip").last, owner.locator(".c-block").first
    box, to = grip.bounding_box(), goal.bounding_box()
    assert box is not None and to is not None
    owner.mouse.move(box["x"] + 5, box["y"] + 5)
    owner.mouse.down()
    owner.mouse.move(to["x"] + 60, to["y"] + 20, steps=5)
    owner.mouse.move(to["x"] + 60, to["y"] + 3, steps=5)
    owner.mouse.up()
    expect(owner.locator("#d-state")).to_have_text("Moved")
    owner.reload()
    expect(owner.locator(".c-block legend")).to_have_text(["Signature", "Line"])


def test_two_who_write_at_once_do_not_overwrite_each_other(owner: Page, visit: Visit) -> None:
    path = new_campaign(owner, "Two hands", "Two")
    owner.goto(f"{path}/design")
    owner.get_by_role("group", name="Add a block").get_by_role("button", name="Heading").click()
    expect(owner.get_by_label("Text", exact=True)).to_be_visible()
    other = visit(OWNER)
    other.goto(f"{path}/design")
    other.get_by_label("Text", exact=True).fill("Theirs")
    expect(other.locator("#d-state")).to_have_text(SAVED)
    owner.get_by_label("Text", exact=True).fill("Ours")
    expect(owner.get_by_text("Somebody else saved this meanwhile")).to_be_visible()
    expect(owner.get_by_label("Text", exact=True)).to_have_value("Ours")
    other.reload()
    expect(other.get_by_label("Text", exact=True)).to_have_value("Theirs")


def test_an_outsider_finds_no_campaign_of_another_brokerage(owner: Page, visit: Visit) -> None:
    path = new_campaign(owner, "Ours alone", "Ours")
    stranger = visit(OUTSIDER)
    for rest in ("", "/design", "/preview", "/send", "/report", "/progress", "/check"):
        answer = stranger.goto(f"{path}{rest}")
        assert answer is not None and answer.status == 404, rest


@pytest.mark.parametrize("options", [{}, PHONE, {"color_scheme": "dark"}], ids=["desk", "phone", "dark"])
def test_the_editor_and_the_report_are_open_to_everybody(visit: Visit, options: dict[str, object]) -> None:
    page = visit(OWNER, reduced_motion="reduce", **options)
    path = new_campaign(page, "Open to all", "Open")
    page.goto(f"{path}/design")
    add = page.get_by_role("group", name="Add a block")
    for name in ("Heading", "Text", "Picture", "Button", "Listing", "Columns", "Line", "Signature"):
        add.get_by_role("button", name=name, exact=True).click()
        expect(page.get_by_role("group", name=name, exact=True).first).to_be_attached()
    for rest in ("design", "send", "report"):
        page.goto(f"{path}/{rest}")
        found = [
            one
            for one in Axe().run(page, options={"iframes": False}).response["violations"]
            if one["impact"] in ("serious", "critical")
        ]
        assert not found, (rest, [(one["id"], [node["html"][:160] for node in one["nodes"]]) for one in found])
        if options is PHONE:
            wide = page.evaluate("document.documentElement.scrollWidth > innerWidth")
            assert not wide, f"{rest} is wider than a phone"

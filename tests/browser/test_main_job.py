"""The main job in a browser: contacts are worked, one is written to and unsubscribes, and compliance sees it all."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OWNER, Visit
from tests.browser.people import mail_to, make_contact, waited
from tests.browser.product import Product

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.xdist_group("browser")]
SAVE = re.compile("^Save( Ctrl S)?$")


def test_contacts_are_edited_filtered_tagged_and_exported(owner: Page) -> None:
    paths = [
        make_contact(owner, f"Tabitha Ferncroft {word}", company="Ferncroft Ltd") for word in ("One", "Two", "Three")
    ]
    owner.goto(f"{paths[0]}/edit")
    owner.locator("[name=next_step]").fill("Call about the garden")
    owner.get_by_role("button", name=SAVE).last.click()
    expect(owner.get_by_text("Call about the garden").first).to_be_visible()
    make_tag(owner, "Garden lovers")

    owner.goto("/contacts/")
    owner.get_by_role("button", name="Filter", exact=True).click()
    owner.get_by_role("button", name="Company", exact=True).click()
    owner.get_by_label("Value", exact=True).fill("Ferncroft Ltd")
    owner.get_by_role("button", name="Apply").click()
    expect(owner.locator("#count")).to_have_text("3")
    owner.get_by_label("Select all 3 on this page").check()
    expect(owner.locator("[data-selected]")).to_have_text("3 selected")
    owner.get_by_role("button", name="Tag", exact=True).click()
    expect(owner.get_by_role("heading", level=1)).to_have_text("Tag: 3 contacts")
    pick(owner, "Tag", "Garden lovers")
    owner.get_by_role("button", name="Tag", exact=True).click()
    expect(owner.get_by_role("status").filter(has_text="3 contacts")).to_be_visible()

    with owner.expect_download() as download:
        owner.get_by_role("button", name="CSV", exact=True).click()
    rows = list(csv.DictReader(io.StringIO(Path(download.value.path()).read_text("utf-8-sig"))))
    assert sorted(row["Name"] for row in rows) == sorted(
        f"Tabitha Ferncroft {word}" for word in ("One", "Two", "Three")
    )


def test_a_mail_a_draft_and_an_unsubscribe_leave_their_trace(product: Product, owner: Page, visit: Visit) -> None:
    path = make_contact(
        owner, "Ottoline Brightside", "ottoline@example.net", goes_by="Otti", next_step="Show the house on Elm Street"
    )
    write(owner, path, "Homes by the sea", "Hello {{ contact.goes_by }}, three homes you may like.", kind="marketing")
    mail = mail_to(product, "ottoline@example.net", "Homes by the sea")
    owner.goto("/dev/inbox")
    owner.get_by_role("link", name="Homes by the sea").first.click()
    owner.get_by_text("Plain text").click()
    expect(owner.get_by_text("Hello Otti, three homes you may like.").first).to_be_visible()

    allow_drafts(owner)
    owner.goto(path)
    owner.get_by_role("button", name="Draft a follow-up").click()
    expect(owner.get_by_text("Draft, needs approval")).to_be_visible(timeout=30_000)
    owner.get_by_label("Subject").fill("Elm Street on Friday")
    owner.get_by_label("Draft text").fill("Shall we see Elm Street on Friday?")
    owner.get_by_role("button", name="Approve and send").click()
    assert "Elm Street on Friday?" in body_of(mail_to(product, "ottoline@example.net", "Elm Street on Friday"))

    link = str(mail["List-Unsubscribe"]).split(",")[0].strip("<>")
    recipient = visit()
    for _ in range(2):
        recipient.goto(link)
        expect(recipient.get_by_role("button", name="Unsubscribe from everything")).to_be_visible()
    recipient.get_by_role("button", name="Unsubscribe from everything").click()
    expect(recipient.get_by_role("heading", level=1)).to_have_text("Done")

    waited(owner, path, "Homes by the sea")
    for text in ("Homes by the sea", "Elm Street on Friday", "unsubscribed"):
        expect(owner.get_by_text(text).first).to_be_visible()
    owner.goto(f"{path}/email")
    expect(owner.get_by_text("unsubscribed").first).to_be_visible()
    owner.goto("/compliance/?person=ottoline@example.net")
    rows = owner.locator("tbody").inner_text()
    assert "created\tcontact" in rows and "created\tmessage" in rows and "E-mail recipient" in rows, rows
    for ledger in ("ai", "consents"):
        owner.goto(f"/compliance/{ledger}/")
        expect(owner.locator("tbody tr").first).to_be_visible()


def test_the_same_through_rest_with_a_key(product: Product, visit: Visit) -> None:
    page = visit(OWNER, fresh=True)
    page.goto("/account/keys/new")
    page.get_by_label("Name").fill("Story of the tests")
    for box in page.locator("[name=scopes]").all():
        box.check()
    page.get_by_role("button", name="Make the key").click()
    key = page.get_by_label("Your new key").input_value()

    status, made = product.api(
        key, "POST", "/api/v1/contact/", {"name": "Rest Story", "email": "rest.story@example.net"}
    )
    assert status == 201
    where = f"/api/v1/contact/{made['id']}"
    status, changed = product.api(key, "PATCH", where, {"stage": "active", "version": made["version"]})
    assert (status, changed["stage"]) == (200, "active")
    status, found = product.api(key, "GET", "/api/v1/contact/?q=rest.story")
    assert status == 200
    assert [one["name"] for one in found["data"]] == ["Rest Story"]  # type: ignore[attr-defined]
    status, problem = product.api(key, "POST", "/api/v1/contact/", {"name": "", "email": "no address"})
    assert status == 422
    assert {"email"} <= set(problem["errors"])  # type: ignore[call-overload]
    status, again = product.api(key, "PATCH", where, {"stage": "nurture", "version": made["version"]})
    assert status == 409, again
    page.goto(f"/contacts/{made['id']}")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Rest Story")
    assert product.api(key, "DELETE", where)[0] in (200, 204)
    assert product.api(key, "GET", where)[0] == 404
    page.goto("/account/keys")
    page.get_by_role("button", name="Revoke").first.click()
    assert product.api(key, "GET", "/api/v1/contact/")[0] == 401


def make_tag(page: Page, name: str) -> None:
    page.goto("/tags/new")
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_role("button", name=SAVE).last.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(name)


def pick(page: Page, label: str, text: str) -> None:
    """In a picker, with the keyboard alone."""
    box = page.get_by_role("combobox", name=label)
    box.press_sequentially(text)
    box.press("Enter")
    expect(box).to_have_value(text)


def write(page: Page, path: str, subject: str, body: str, *, kind: str) -> None:
    page.goto(path)
    page.get_by_role("link", name="E-mail", exact=True).click()
    page.get_by_label("Subject").fill(subject)
    page.get_by_label("Text", exact=True).fill(body)
    page.locator(f"[name=kind][value={kind}]").check()
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("status").filter(has_text="on its way")).to_be_visible()


def allow_drafts(page: Page) -> None:
    page.goto("/settings/ai")
    page.get_by_role("button", name="Switch on").click()
    expect(page.get_by_text("AI drafting is on.")).to_be_visible()


def body_of(mail: object) -> str:
    return str(mail.get_body(("plain",)).get_content())  # type: ignore[attr-defined]

"""Small acts that several browser stories share: make a contact, tick rows, read the newest mail."""

from __future__ import annotations

import email
import re
import time
from email.message import EmailMessage
from email.policy import default

from playwright.sync_api import Page, expect

from tests.browser.product import Product


def make_contact(page: Page, name: str, email_: str = "", **fields: str) -> str:
    """Through the form; returns the path of the new record."""
    page.goto("/contacts/new")
    page.get_by_label("Name", exact=True).fill(name)
    if email_:
        page.locator("[name=email]").fill(email_)
    for field, value in fields.items():
        page.locator(f"[name={field}]").fill(value)
    page.get_by_role("button", name=re.compile("^Save( Ctrl S)?$")).last.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(name)
    return page.url.removeprefix(page.url.split("/contacts/")[0])


def mail_to(product: Product, address: str, subject: str) -> EmailMessage:
    """The newest mail of the sink to this address whose subject begins so, waited for."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        for path in reversed(product.mails()):
            mail = email.message_from_bytes(path.read_bytes(), policy=default)
            if address in mail["To"] and mail["Subject"].startswith(subject):
                assert isinstance(mail, EmailMessage)
                return mail
        time.sleep(0.1)
    raise AssertionError(f"No mail to {address} about {subject!r} in {[path.name for path in product.mails()]}")


def waited(page: Page, path: str, text: str) -> None:
    """Reloads a page until it says this, for what the worker does in its own time."""
    deadline = time.monotonic() + 30
    page.goto(path)
    while time.monotonic() < deadline and not page.get_by_text(text).first.is_visible():
        page.reload()
    expect(page.get_by_text(text).first).to_be_visible()

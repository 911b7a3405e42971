"""A record's page says what its people ask first, and leads to what it speaks of."""

from __future__ import annotations

import io

import pytest
from flask import Flask

from app.services import messages, records
from models.base import session
from models.contact import Contact, ContactAddress
from models.work import Note, Task
from tests.factories import Browser, World, sign_in


@pytest.fixture
def dana(app: Flask, client: Browser, world: World) -> int:
    """Dana, with an address, a note, a task and an e-mail; the owner is signed in."""
    key = world.harbour.contacts["Dana Whitcombe"]
    with app.app_context(), world.harbour.inside():
        actor = world.harbour.actor("owner")
        address = {"street": "9 Pier Lane", "city": "Portland", "state": "ME", "postal_code": "04101", "country": ""}
        records.create(ContactAddress, {**address, "contact_id": key}, actor=actor)
        records.create(Note, {"body": "Has a dog.", "contact_id": key}, actor=actor)
        records.create(Task, {"title": "Call Dana", "contact_id": key}, actor=actor)
        messages.write(session.get(Contact, key), "Two homes", "Hello", actor=actor, send=False)
        session.remove()
    sign_in(client, world.harbour.owner)
    return key


def test_an_address_stands_in_one_line(client: Browser, dana: int) -> None:
    page = client.get(f"/contacts/{dana}").get_data(as_text=True)
    assert "<dt>Address</dt>" in page and "9 Pier Lane, Portland, ME 04101" in page


def test_a_timeline_leads_to_what_was_added(client: Browser, dana: int) -> None:
    page = client.get(f"/contacts/{dana}").get_data(as_text=True)
    for link in ('href="/tasks/1">added task</a>', 'href="/notes/1">wrote a note</a>'):
        assert link in page, link
    assert ">added address</a>" not in page, "an address has no page of its own"


def test_a_message_says_to_whom_and_about_whom(client: Browser, dana: int) -> None:
    page = client.get("/messages/1").get_data(as_text=True)
    assert f'href="/contacts/{dana}">Dana Whitcombe</a>' in page
    assert "<dt>To</dt>" in page and "<dt>Kind</dt>" in page


def test_a_file_can_be_fetched_from_its_page(app: Flask, client: Browser, dana: int) -> None:

    data = {"file": (io.BytesIO(b"name\nDana\n"), "list.csv")}
    assert client.submit(f"/files/upload?contact_id={dana}", data, page=f"/contacts/{dana}").status_code in (302, 303)
    page = client.get("/files/1").get_data(as_text=True)
    assert 'href="/files/1/download"' in page and "<dt>Size in bytes</dt><dd>10</dd>" in page.replace("\n", "")


def test_a_form_names_all_that_is_wrong_at_once(client: Browser, dana: int) -> None:
    page = client.submit("/contacts/new", {"name": " ", "email": "nonsense"}).get_data(as_text=True)
    assert "2 things need a change" in page and "Name is needed." in page and "has no @" in page
    page = client.submit(f"/contacts/{dana}/email", {"subject": "", "body": ""}).get_data(as_text=True)
    assert "Subject is needed." in page and "Text is needed." in page


def test_a_search_that_finds_more_leads_to_all_of_it(app: Flask, client: Browser, world: World) -> None:
    with app.app_context(), world.harbour.inside():
        for number in range(21):
            records.create(Contact, {"name": f"Smith & Sons {number}"}, actor=world.harbour.actor("owner"))
        session.remove()
    sign_in(client, world.harbour.owner)
    page = client.get("/search/?q=Smith+%26").get_data(as_text=True)
    assert 'href="/contacts/?q=Smith+%26">All matching contacts</a>' in page


def test_a_refusal_names_the_right_and_the_thing_in_words(client: Browser, world: World) -> None:
    sign_in(client, world.harbour.agent)
    assert "does not include “read” for the audit log." in client.get("/compliance/").get_data(as_text=True)
    assert "There is no page at this address." in client.get("/no-such-page").get_data(as_text=True)


@pytest.mark.parametrize(("who", "steps"), [("stranger", 0), ("owner", 3)])
def test_first_steps_are_those_that_one_may_take(
    app: Flask, client: Browser, world: World, who: str, steps: int
) -> None:
    with app.app_context(), world.summit.inside():
        for contact in world.summit.contacts.values():
            records.delete(Contact, contact, actor=world.summit.actor("owner"))
        session.remove()
    sign_in(client, getattr(world.summit, who))
    assert client.get("/").get_data(as_text=True).count('aria-label="Open: ') == steps

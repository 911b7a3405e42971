"""What is drawn once around a list is seen only by those who see the same, and as it is now."""

from __future__ import annotations

import re

import pytest
from flask import Flask

from tests.factories import Browser, World, browser
from tests.web.test_saved_views import keep
from views import list_frame

_PAGES = (
    "/contacts/",
    "/contacts/?q=Da",
    "/contacts/?f=stage:is:new&sort=name",
    "/contacts/?cols=email&cols=phone",
    "/contacts/?group=stage&totals=1",
    "/deals/?display=board&by=stage_id",
    "/tasks/?display=calendar&by=due_at",
    "/contacts/?edit=stage",
    "/contacts/?sort=nonsense",
)
# Differs with each answer.
_FRESH = re.compile(r'nonce="[^"]*"|name="csrf_token" value="[^"]*"')


def drawn(client: Browser, url: str) -> str:
    answer = client.get(url)
    assert answer.status_code == 200, url
    return _FRESH.sub("", answer.text)


def frame_of(page: str) -> str:
    """Everything but the rows."""
    return re.sub(r"<tbody.*?</table>", "", page, flags=re.S)


@pytest.mark.parametrize("url", _PAGES)
def test_what_was_kept_is_what_would_be_drawn_now(app: Flask, world: World, url: str) -> None:
    people = [browser(app, p) for p in (world.harbour.owner, world.harbour.broker, world.harbour.agent)]
    people.append(browser(app, world.summit.owner))
    anew = []
    for person in people:
        list_frame.forget()
        anew.append(drawn(person, url))
    list_frame.forget()
    for _ in range(2):
        assert [drawn(person, url) for person in people] == anew


def test_roles_keep_their_own_buttons(app: Flask, world: World) -> None:
    owner, reader = browser(app, world.harbour.owner), browser(app, world.harbour.reader)
    for _ in range(2):
        assert ">New contact</a>" in owner.get("/contacts/").text
        page = reader.get("/contacts/").text
        assert ">New contact</a>" not in page and "export.csv" not in page and "Import" not in page


def test_a_private_view_is_in_nobody_elses_tabs(app: Flask, world: World) -> None:
    owner, admin = browser(app, world.harbour.owner), browser(app, world.harbour.admin)
    outsider = browser(app, world.summit.owner)
    for person in (owner, admin, outsider):
        person.get("/contacts/")
    assert keep(owner, "sort=name", "For my eyes").status_code == 303
    for _ in range(2):
        assert "For my eyes" in owner.get("/contacts/").text
        assert "For my eyes" not in frame_of(admin.get("/contacts/").text)
        assert "For my eyes" not in frame_of(outsider.get("/contacts/").text)


def test_dense_rows_are_one_persons_choice(app: Flask, world: World) -> None:
    owner, admin = browser(app, world.harbour.owner), browser(app, world.harbour.admin)
    owner.submit("/account/look", {"density": "compact"})
    assert "Roomy rows" in owner.get("/contacts/").text
    assert "Compact rows" in admin.get("/contacts/").text

"""Sent twice is once, and a second text under the first one's name is never dropped unseen."""

from __future__ import annotations

import re

import sqlalchemy as sa
from flask import Flask

from models.base import session
from models.message import Message
from tests.factories import Browser, World, sign_in


def subjects(app: Flask, world: World) -> list[str]:
    with app.app_context(), world.harbour.inside():
        return list(session.scalars(sa.select(Message.subject).order_by(Message.id)))


def test_back_and_another_text_is_a_second_e_mail_not_a_lost_one(app: Flask, client: Browser, world: World) -> None:
    """The browser's Back brings the sent form again with its hidden number; the agent writes something else there."""
    sign_in(client, world.harbour.agent)
    page = f"/contacts/{world.harbour.contacts['Dana Whitcombe']}/email"
    occasion = re.search(r'name="?occasion"? value="?([0-9a-f]{32})', client.get(page).text)
    assert occasion is not None
    form = {"kind": "transactional", "occasion": occasion.group(1)}
    first, second = ({"subject": s, "body": f"{s} text"} | form for s in ("One", "Two"))
    assert client.submit(page, first).status_code == 303
    assert client.submit(page, first).status_code == 303, "pressed twice"
    assert subjects(app, world) == ["One"]
    again = client.submit(page, second)
    assert again.status_code == 422 and "Two text" in again.text and "sent from this page before" in again.text
    fresh = re.search(r'name="?occasion"? value="?([0-9a-f]{32})', again.text)
    assert fresh is not None and fresh.group(1) != occasion.group(1)
    assert client.submit(page, second | {"occasion": fresh.group(1)}).status_code == 303
    assert subjects(app, world) == ["One", "Two"]

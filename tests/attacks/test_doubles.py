"""Sent twice is once, and a second text under the first one's name is never dropped unseen."""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from app.errors import Conflict
from app.services import merge, messages, saved_views
from models.base import session
from models.contact import Contact
from models.job import Job
from models.message import Message, Template
from tests import postgres_world
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


def at_once(app: Flask, world: World, work: Callable[[], Any], times: int = 6) -> list[Exception]:
    """Do the work in several threads that start together; the errors."""
    start, errors = threading.Barrier(times), list[Exception]()

    def run() -> None:
        start.wait()
        try:
            with app.app_context(), world.harbour.inside():
                work()
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=run) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors


def sends(app: Flask, world: World) -> int:
    with app.app_context(), world.harbour.inside():
        return session.scalar(sa.select(sa.func.count()).select_from(Job).where(Job.name == "mail.send")) or 0


def test_a_form_pressed_in_six_tabs_at_once_is_one_e_mail_and_no_error(app: Flask, world: World) -> None:
    """An error that says "nothing was saved" would have the person write it anew: the second e-mail."""

    def write() -> None:
        dana = session.get_one(Contact, world.harbour.contacts["Dana Whitcombe"])
        messages.write(dana, "One", "Text", actor=world.harbour.actor("agent"), occasion="same")

    assert at_once(app, world, write) == []
    assert subjects(app, world) == ["One"] and sends(app, world) == 1


@pytest.mark.parametrize("engine", ["sqlite", pytest.param("postgres", marks=pytest.mark.needs("postgres"))])
def test_a_view_saved_in_six_tabs_at_once_is_one_view(
    request: pytest.FixtureRequest, tmp_path: Path, engine: str
) -> None:
    with contextlib.ExitStack() as stack:
        if engine == "postgres":
            app, world = stack.enter_context(postgres_world.served(tmp_path))
        else:
            app, world = request.getfixturevalue("app"), request.getfixturevalue("world")

        def keep() -> None:
            actor = world.harbour.actor("agent")
            saved_views.save("contact", "Mine", "f=stage:is:new", "private", actor=actor)

        errors = at_once(app, world, keep)
        assert len(errors) == 5 and all("name already" in str(one.fields) for one in errors)  # type: ignore[attr-defined]
        with app.app_context(), world.harbour.inside():
            assert [one.name for one in saved_views.seen("contact", actor=world.harbour.actor("agent"))] == ["Mine"]


def draft(app: Flask, world: World) -> int:
    with app.app_context(), world.harbour.inside():
        dana = session.get_one(Contact, world.harbour.contacts["Dana Whitcombe"])
        return int(messages.write(dana, "One", "Text", actor=world.harbour.actor("agent"), send=False).id)


def test_a_draft_approved_in_six_tabs_at_once_is_sent_once(app: Flask, world: World) -> None:
    key = draft(app, world)
    assert at_once(app, world, lambda: messages.send(key, actor=world.harbour.actor("agent"))) == []
    assert sends(app, world) == 1


def test_a_second_tab_with_other_words_is_told_that_they_were_not_sent(app: Flask, world: World) -> None:
    key = draft(app, world)
    with app.app_context(), world.harbour.inside():
        agent = world.harbour.actor("agent")
        messages.send(key, actor=agent, subject="One", body="Text")
        messages.send(key, actor=agent, subject="One", body="Text")
        with pytest.raises(Conflict, match="yours was not sent"):
            messages.send(key, actor=agent, subject="One", body="Better text")
        assert session.get_one(Message, key).body == "Text"


def test_the_texts_that_a_workspace_starts_with_can_be_sent(app: Flask, world: World) -> None:
    with app.app_context(), world.harbour.inside():
        texts = session.execute(sa.select(Template.subject, Template.body)).all()
    assert texts
    for subject, body in texts:
        merge.check(subject)
        merge.check(body)

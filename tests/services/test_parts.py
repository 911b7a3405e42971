"""What hangs on a record is read over plain tables, past the wall of the session: each part keeps the walls itself."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from app.errors import Forbidden
from app.services import parts, records, relatives, timeline
from models.base import session
from models.contact import Contact, ContactEmail, ContactTag, Tag
from models.scope import Actor
from models.work import Note
from tests.factories import SYSTEM, Office, World

SHOWN = {"contact_email": ("address",)}


@pytest.fixture
def dana(app: Flask, world: World) -> int:
    """The agent's contact, with an address, a note and a tag."""
    key = world.harbour.contacts["Dana Whitcombe"]
    with app.app_context(), world.harbour.inside():
        records.create(ContactEmail, {"contact_id": key, "address": "dana@example.org"}, actor=SYSTEM)
        agent = world.harbour.agent.membership_id
        records.create(Note, {"contact_id": key, "body": "Likes gardens", "owner_id": agent}, actor=SYSTEM)
        tag = records.create(Tag, {"name": "Gardens"}, actor=SYSTEM).id
        records.create(ContactTag, {"contact_id": key, "tag_id": tag}, actor=SYSTEM)
    return key


def _around(record: Any, actor: Actor) -> tuple[Any, ...]:
    """Everything that is read around a record, whoever asks."""
    children = relatives.children(record, SHOWN, actor=actor, most=5)["contact_email"]
    related = timeline.related(record, ("contact_email", "note"), actor=actor)
    talk = [event.body for event in timeline.events(record, actor=actor, changes=False)]
    titles = relatives.titles({("contact", record.id)}, actor=actor, linked=record)
    return [row[1] for row in children], sorted(related), talk, sorted(titles.values())


def _load(key: int) -> Any:
    return session.scalars(sa.select(Contact).where(Contact.id == key)).one()


def test_the_owner_and_the_agent_see_what_hangs_on_a_contact(app: Flask, world: World, dana: int) -> None:
    with app.app_context(), world.harbour.inside():
        everything = (
            ["dana@example.org"],
            ["contact_email", "note", "tags"],
            ["Likes gardens"],
            ["Dana Whitcombe", "Gardens"],
        )
        assert _around(_load(dana), world.harbour.actor("owner")) == everything
        assert _around(_load(dana), world.harbour.actor("agent")) == everything


@pytest.mark.parametrize("who", ["colleague", "stranger"])
def test_somebody_elses_contact_gives_nothing_but_its_tags(app: Flask, world: World, dana: int, who: str) -> None:
    with app.app_context(), world.harbour.inside():
        assert _around(_load(dana), world.harbour.actor(who)) == ([], ["tags"], [], ["Gardens"])


@pytest.mark.parametrize("who", ["owner", "agent"])
def test_another_brokerage_gives_nothing(app: Flask, world: World, dana: int, who: str) -> None:
    with app.app_context():
        with world.harbour.inside():
            record = _load(dana)
        with world.summit.inside():
            assert _around(record, world.summit.actor(who)) == ([], [], [], [])


def test_what_is_in_the_bin_is_not_seen(app: Flask, world: World, dana: int) -> None:
    with app.app_context(), world.harbour.inside():
        record, agent = _load(dana), world.harbour.actor("agent")
        for model in (ContactEmail, Note, ContactTag):
            key = session.scalars(sa.select(model.id)).one()
            records.delete(model, key, actor=SYSTEM)
        assert _around(record, agent) == ([], [], [], ["Dana Whitcombe"])


def test_children_of_a_contact_in_the_bin_are_out_of_an_agents_reach(app: Flask, world: World, dana: int) -> None:
    with app.app_context(), world.harbour.inside():
        record, agent = _load(dana), world.harbour.actor("agent")
        records.delete(Contact, dana, actor=SYSTEM)
        assert relatives.children(record, SHOWN, actor=agent, most=5) == {"contact_email": []}


def test_without_the_right_to_read_nothing_is_asked(app: Flask, world: World, dana: int) -> None:
    with app.app_context(), world.harbour.inside():
        nobody = Actor(world.harbour.actor().kind, "Nobody", membership_id=world.harbour.agent.membership_id)
        with pytest.raises(Forbidden):
            relatives.children(_load(dana), SHOWN, actor=nobody, most=5)
        assert timeline.related(_load(dana), ("contact_email", "note"), actor=nobody) == {}


def test_only_plain_words_become_text_of_a_statement() -> None:
    with pytest.raises(ValueError, match="no plain word"):
        parts.constant("contact' or 1=1")


def test_a_plain_statement_without_a_reason_is_refused(app: Flask, world: World) -> None:
    office: Office = world.harbour
    with app.app_context(), office.inside(), pytest.raises(RuntimeError, match="needs a written reason"):
        session.execute(sa.select(parts.columns(Contact).id))

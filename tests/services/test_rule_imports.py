"""An import by somebody whose role works by a rule: who would not meet it is not written, and named with the reason."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask

from app.services import records
from app.services.imports import within
from models.audit import Audit, Change
from models.base import session
from models.contact import Contact, ContactTag, Tag
from models.scope import Actor
from tests import postgres_world, rules_kit
from tests.factories import SYSTEM, Office, World
from tests.factories_batches import bring, contact, count
from tests.factories_fields import define_all

FILE = (
    b"Name,Email,Type,Rooms,Labels\n"
    b"Berta Buyer,berta@example.com,Buyer,4,Hot\n"
    b"Selma Seller,selma@example.com,Seller,4,Cold\n"
    b"Bodo Buyer,bodo@example.com,Buyer,2,\n"
    b"Selma Seller,selma@example.com,Seller,5,\n"
    b"Dana Whitcombe,dana@harbour-clients.example.com,Buyer,5,\n"
)


@pytest.fixture
def office(app: Flask, world: World) -> Iterator[Office]:
    """Inside the first brokerage, where contacts have rooms."""
    with app.app_context(), world.harbour.inside():
        define_all("contact", actor=SYSTEM, only=("Rooms",))
        yield world.harbour


def ruled(office: Office, text: str, who: str = "broker") -> Actor:
    return rules_kit.with_rights(office.actor(who), rules_kit.ruled(text, "contact"))


def test_who_meets_the_rule_comes_in_and_the_others_are_named(office: Office) -> None:
    _bought(office)


@pytest.mark.needs("postgres")
def test_the_same_on_postgresql(tmp_path: Path) -> None:
    with postgres_world.served(tmp_path) as (app, world), app.app_context(), world.harbour.inside():
        define_all("contact", actor=SYSTEM, only=("Rooms",))
        _bought(world.harbour)


def _bought(office: Office) -> None:
    actor = ruled(office, '{"and":["type:is:buyer","x_rooms:after:3"]}')
    dana = office.contacts["Dana Whitcombe"]
    before, told = count(), session.scalar(sa.select(sa.func.count()).select_from(Audit)) or 0
    done = bring(FILE, actor)
    created, updated, skipped, errors = done.counts
    assert (created, updated, skipped) == (1, 0, 0) and errors == 4, "Dana has no rooms yet and is out of reach"
    assert count() == before + 1
    berta = contact(name="Berta Buyer")
    assert berta.custom == {"x_rooms": 4} and count(ContactTag, contact_id=berta.id) == 1
    assert {tag.name for tag in session.scalars(sa.select(Tag))} == {"Hot"}, "what was taken back left no tag"
    assert session.get_one(Contact, dana).custom is None
    names = set(session.scalars(sa.select(Change.record_id).where(Change.entity == "contact")))
    assert berta.id in names
    assert (session.scalar(sa.select(sa.func.count()).select_from(Audit)) or 0) > told
    assert done.problems.count(within.UNMET) >= 2 and "Selma" in done.problems and "Berta" not in done.problems


def test_an_update_that_would_leave_the_rule_is_left_out(office: Office) -> None:
    actor = ruled(office, '{"and":["type:is:buyer","owner_id:is:@me"]}')
    mine = records.create(Contact, {"name": "Mia", "email": "mia@example.com", "type": "buyer"}, actor=actor).id
    file = b"Name,Email,Type,Company\nMia,mia@example.com,Seller,Moved Ltd\n"
    assert bring(file, actor, on_match="overwrite").counts == (0, 0, 0, 1)
    session.expire_all()
    assert (session.get_one(Contact, mine).type, session.get_one(Contact, mine).company) == ("buyer", None)
    assert bring(file, actor, on_match="fill").counts == (0, 1, 0, 0)
    session.expire_all()
    assert (session.get_one(Contact, mine).type, session.get_one(Contact, mine).company) == ("buyer", "Moved Ltd")


def test_a_tag_that_the_rule_asks_for_comes_with_the_file(office: Office) -> None:
    hot = records.create(Tag, {"name": "Hot"}, actor=SYSTEM).id
    done = bring(FILE, ruled(office, f'{{"and":["tags:is:{hot}"]}}'))
    assert done.counts[0] == 1 and contact(name="Berta Buyer").type == "buyer"


def test_a_later_row_about_who_was_refused_is_refused_too(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where it is in another chunk, and where the import goes on after a break."""
    monkeypatch.setattr("app.services.imports.run.CHUNK", 1)
    done = bring(FILE, ruled(office, '{"and":["type:is:buyer"]}'))
    assert done.counts[:1] == (2,) and done.counts[3] == 2, done.counts
    assert sum(done.counts) == 5
    assert "line 3" in done.problems

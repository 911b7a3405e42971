"""Every record says how it came (P3)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask

from app.services import records
from models.base import session
from models.contact import Contact
from tests.contracts import provenance
from tests.factories import World


@pytest.fixture(autouse=True)
def _context(app: Flask) -> Iterator[None]:
    with app.app_context():
        yield


def test_a_form_and_a_program_leave_their_names(world: World) -> None:
    agent = world.harbour.actor("agent")
    with world.harbour.inside():
        typed = records.create(Contact, {"name": "Typed"}, actor=agent)
        provenance.check(typed, source="form", by=agent.label)
        sent = records.create(Contact, {"name": "Sent"}, actor=agent, source="api", source_ref="key 7")
        provenance.check(sent, source="api", by=agent.label, ref="key 7")


def test_nothing_in_the_world_is_without_provenance(world: World) -> None:
    with world.harbour.inside():
        assert provenance.without("contact", "deal", "task", "note", "activity", "message", "tag") == {}


def test_a_record_without_provenance_is_found(world: World) -> None:
    from app.services.operation import operation

    with world.harbour.inside():
        with operation("contact.create", actor=world.harbour.actor("owner")):
            planted = Contact(name="From nowhere")
            session.add(planted)
        assert provenance.without("contact") == {"contact": [planted.id]}
        with pytest.raises(AssertionError):
            provenance.check(planted, source="form", by="")

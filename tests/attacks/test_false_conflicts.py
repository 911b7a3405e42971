"""A colleague's note must not make an older change look like one that happened while the form was open."""

from __future__ import annotations

import pytest
from flask import Flask

from app.errors import Conflict
from app.services import records
from models.contact import Contact
from models.work import Note
from tests.factories import World


def test_an_older_change_and_a_quiet_touch_are_no_conflict(app: Flask, world: World) -> None:
    with app.app_context(), world.harbour.inside():
        owner = world.harbour.actor("owner")
        key = world.harbour.contacts["Dana Whitcombe"]
        opened = records.update(Contact, key, {"next_step": "Call back"}, actor=owner).version
        records.create(Note, {"body": "She is away until Friday.", "contact_id": key}, actor=owner)
        saved = records.update(Contact, key, {"next_step": "Second viewing"}, actor=owner, version=opened)
        assert saved.next_step == "Second viewing"


def test_a_change_made_meanwhile_still_is_one(app: Flask, world: World) -> None:
    with app.app_context(), world.harbour.inside():
        owner = world.harbour.actor("owner")
        key = world.harbour.contacts["Dana Whitcombe"]
        opened = records.update(Contact, key, {"next_step": "Call back"}, actor=owner).version
        records.update(Contact, key, {"next_step": "Send the contract"}, actor=owner)
        with pytest.raises(Conflict):
            records.update(Contact, key, {"next_step": "Second viewing"}, actor=owner, version=opened)

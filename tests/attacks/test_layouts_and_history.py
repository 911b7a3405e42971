"""Layouts that ask for too much lock nobody out, and history is read and taken back whatever became of a field."""

from __future__ import annotations

import pytest
from flask import Flask

from app.services import batches, custom_fields, layouts, records, verbs
from models.base import session
from models.contact import Contact
from tests.factories import Browser, World, sign_in
from tests.factories_fields import define_all


def test_a_required_field_is_asked_for_only_where_it_is_shown(app: Flask, client: Browser, world: World) -> None:
    facts = {"required": ["budget_max"], "when": {"budget_max": "type:is:buyer"}}
    with app.app_context(), world.harbour.inside():
        layouts.save("contact", 0, facts, actor=world.harbour.actor("owner"))
    sign_in(client, world.harbour.owner)
    new = "/contacts/new"
    assert client.submit(new, {"name": "Sel Ler", "type": "seller", "stage": "new"}, page=new).status_code == 302
    assert client.submit(new, {"name": "Buy Er", "type": "buyer", "stage": "new"}, page=new).status_code == 422


@pytest.mark.parametrize("when", ["tags:is:1", "created_at:after:2020-01-01", "name:contains:a"])
def test_a_field_depends_only_on_what_a_form_can_answer(client: Browser, world: World, when: str) -> None:
    sign_in(client, world.harbour.owner)
    sent = {"position-phone": "1", "section-phone": "Main", "when-phone": when}
    assert client.submit("/customise/contact/layout", sent, page="/customise/contact/layout").status_code == 422
    assert client.get(f"/contacts/{world.harbour.contacts['Dana Whitcombe']}").status_code == 200


def test_history_is_read_when_several_choices_became_a_link(app: Flask, client: Browser, world: World) -> None:
    with app.app_context(), world.harbour.inside():
        owner = world.harbour.actor("owner")
        made = define_all("contact", actor=owner, only=("Wishes",))["x_wishes"]
        key = records.create(Contact, {"name": "Bean"}, actor=owner).id
        records.update(Contact, key, {"x_wishes": ("garden", "sauna")}, actor=owner)
        custom_fields.reshape(made.id, {"kind": "relation", "target": "contact"}, actor=owner)
    sign_in(client, world.harbour.owner)
    page = client.get(f"/contacts/{key}?tab=history")
    assert page.status_code == 200 and "garden, sauna" in page.text


def test_a_deletion_that_was_taken_back_is_done_anew(app: Flask, world: World) -> None:
    with app.app_context(), world.harbour.inside():
        owner, ids = world.harbour.actor("owner"), sorted(world.harbour.contacts.values())[:2]
        deleted = verbs.run(Contact, verbs.find("contact", "delete"), ids, {}, actor=owner)
        undone = batches.undo(deleted.batch, actor=owner)
        again = batches.undo(undone.batch, actor=owner)
        assert (undone.done, again.done) == (2, 2)
        assert [session.get(Contact, key, populate_existing=True) for key in ids] == [None, None]

"""A form shows what a role only reads as it is, takes nothing for it, and saves the rest."""

from __future__ import annotations

from flask import Flask

from app.services import field_rights, records, schema
from models.base import session
from models.contact import Contact
from tests.factories import SYSTEM, Browser, World, sign_in
from tests.factories_fields import define_all


def test_what_is_only_read_is_shown_and_not_taken(app: Flask, client: Browser, world: World) -> None:
    dana, broker = world.harbour.contacts["Dana Whitcombe"], world.harbour.broker
    with app.app_context(), world.harbour.inside():
        owner = world.harbour.actor("owner")
        define_all("contact", actor=owner, only=("Nickname", "Passport"))
        records.update(Contact, dana, {"company": "Pine & Sons", "x_nickname": "Bean"}, actor=owner)
        fixed = dict.fromkeys(("company", "owner_id", "x_nickname", "x_passport"), schema.READ)
        field_rights.limit(broker.role_id, "contact", fixed, actor=SYSTEM)
    sign_in(client, broker)
    form = client.get(f"/contacts/{dana}/edit").text
    assert [text for text in ("Pine &amp; Sons", "Bean", "Ada Agent") if text not in form] == []
    assert 'name="company"' not in form and 'name="x_nickname"' not in form and 'name="owner_id"' not in form
    sent = {"name": "Dana New", "stage": "new", "type": "buyer", "lawful_basis": "unknown"}
    odd = {"company": "X", "x_nickname": "Y", "x_passport-clear": "1", "owner_id": str(broker.membership_id)}
    assert client.submit(f"/contacts/{dana}/edit", sent | odd).status_code == 302
    with app.app_context(), world.harbour.inside():
        found = session.get(Contact, dana)
        assert (found.name, found.company, found.custom) == ("Dana New", "Pine & Sons", {"x_nickname": "Bean"})
        assert found.owner_id == world.harbour.agent.membership_id

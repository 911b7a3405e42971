"""Rows inside a form: those of somebody else stay out of reach, and one that is gone loses nothing that was typed."""

from __future__ import annotations

import sqlalchemy as sa
from flask import Flask

from app.services import records
from models.base import session
from models.contact import Contact, ContactEmail
from tests.factories import Browser, Office, World, sign_in


def address(app: Flask, office: Office, contact: str, text: str) -> int:
    with app.app_context(), office.inside():
        values = {"contact_id": office.contacts[contact], "address": text}
        return int(records.create(ContactEmail, values, actor=office.actor("owner")).id)


def addresses(app: Flask, office: Office) -> list[str]:
    with app.app_context(), office.inside():
        return list(session.scalars(sa.select(ContactEmail.address).order_by(ContactEmail.address)))


def form(office: Office, row: int, **more: str) -> dict[str, str]:
    known = {"name": "Dana Typed", "type": "buyer", "stage": "new", "lawful_basis": "unknown"}
    rows = {"contact_email-count": "1", "contact_email-0-id": str(row), "contact_email-0-address": "new@example.com"}
    owner = {"owner_id": str(office.agent.membership_id), "contact_email-0-label": "work"}
    return known | rows | owner | {f"contact_email-0-{name}": value for name, value in more.items()}


def test_a_row_that_a_colleague_removed_meanwhile_loses_nothing(app: Flask, client: Browser, world: World) -> None:
    row = address(app, world.harbour, "Dana Whitcombe", "second@example.com")
    dana = world.harbour.contacts["Dana Whitcombe"]
    sign_in(client, world.harbour.agent)
    client.get(f"/contacts/{dana}/edit")
    with app.app_context(), world.harbour.inside():
        records.delete(ContactEmail, row, actor=world.harbour.actor("owner"))
    answer = client.submit(f"/contacts/{dana}/edit", form(world.harbour, row))
    assert answer.status_code == 422
    assert all(kept in answer.text for kept in ("Dana Typed", "new@example.com", "somebody removed it meanwhile"))
    assert client.submit(f"/contacts/{dana}/edit", form(world.harbour, row, DELETE="1")).status_code == 302
    with app.app_context(), world.harbour.inside():
        assert session.get_one(Contact, dana).name == "Dana Typed"


def test_rows_of_others_are_neither_taken_nor_removed(app: Flask, client: Browser, world: World) -> None:
    rows = [
        address(app, world.harbour, "Eli Moreno", "eli2@example.com"),
        address(app, world.summit, "Dana Whitcombe", "d2@example.com"),
    ]
    dana = world.harbour.contacts["Dana Whitcombe"]
    sign_in(client, world.harbour.agent)
    client.get(f"/contacts/{dana}/edit")
    for row in rows:
        assert client.submit(f"/contacts/{dana}/edit", form(world.harbour, row)).status_code == 422
        client.submit(f"/contacts/{dana}/edit", form(world.harbour, row, DELETE="1"))
    assert (addresses(app, world.harbour), addresses(app, world.summit)) == (["eli2@example.com"], ["d2@example.com"])

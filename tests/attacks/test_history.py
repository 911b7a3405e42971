"""History and audit say what happened, and only that: not what was tried and taken back."""

from __future__ import annotations

import sqlalchemy as sa
from flask import Flask

from app.errors import Invalid
from app.services import records
from app.services.operation import operation
from models.audit import Audit, Change
from models.base import session
from models.contact import Contact
from tests.factories import Browser, World, sign_in


def test_a_refused_record_of_a_selection_leaves_no_history(app: Flask, client: Browser, world: World) -> None:
    """An agent hands two contacts to a colleague; their role keeps what they write within their own reach."""
    sign_in(client, world.harbour.agent)
    dana = world.harbour.contacts["Dana Whitcombe"]
    given = {"ids": str(dana), "confirmed": "1", "owner_id": str(world.harbour.colleague.membership_id)}
    assert client.submit("/contacts/bulk/assign", given, page="/contacts/").status_code == 302
    assert "within your own reach" in client.get("/contacts/").text
    with app.app_context(), world.harbour.inside():
        assert session.get_one(Contact, dana).owner_id == world.harbour.agent.membership_id
        changed = sa.select(Change.id).where(Change.entity == "contact", Change.verb == "update")
        assert session.scalars(changed).all() == []
        assert session.scalars(sa.select(Audit.id).where(Audit.action == "contact.update")).all() == []


def test_the_others_of_the_selection_keep_theirs(app: Flask, client: Browser, world: World) -> None:
    """What was written before and after a refused record is noted whole, and the refused one not at all."""
    ids = [world.harbour.contacts[n] for n in ("Dana Whitcombe", "Eli Moreno", "Faye Okafor")]
    with app.app_context(), world.harbour.inside():
        owner = world.harbour.actor("owner")
        with operation("contact.round", actor=owner) as op:
            records.update(Contact, ids[0], {"company": "First"}, actor=owner)
            try:
                with op.attempt():
                    records.update(Contact, ids[0], {"company": "Undone", "about": "Undone"}, actor=owner)
                    records.update(Contact, ids[1], {"company": "Undone"}, actor=owner)
                    op.audit("contact.waved")
                    raise Invalid({"": "no"})
            except Invalid:
                records.update(Contact, ids[2], {"company": "Third"}, actor=owner)
        found = session.scalars(sa.select(Change).where(Change.verb == "update").order_by(Change.id)).all()
        assert [(c.record_id, c.new) for c in found] == [(ids[0], {"company": "First"}), (ids[2], {"company": "Third"})]
        assert session.get_one(Contact, ids[0]).company == "First"
        assert session.scalars(sa.select(Audit.id).where(Audit.action == "contact.waved")).all() == []

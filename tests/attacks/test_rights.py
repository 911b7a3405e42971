"""People of the same brokerage reach for more than their role gives: through doors beside the one that was locked."""

from __future__ import annotations

import re
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from app.errors import Forbidden, Invalid
from app.services import members, record_forms, records, roles, timeline
from app.services.operation import operation
from models.audit import Change
from models.base import session
from models.contact import Contact, ContactTag, Tag
from models.scope import Reach
from models.work import Task
from models.workspace import Membership, Workspace
from tests.factories import SYSTEM, Browser, Office, World, sign_in
from tests.web.dashboards_kit import whole

ALL, OWN = Reach.WORKSPACE, Reach.OWN


def give_role(office: Office, who: str, rights: Any) -> None:
    owner = office.actor("owner")
    role = roles.create("Odd", rights, actor=owner)
    members.change(office.people[who].membership_id, role_id=role.id, team_id=None, actor=owner)


@pytest.mark.parametrize("door", ["/people/bulk/delete", "/people/{}/do/delete", "/people/{}/delete"])
def test_an_admin_cannot_drop_the_owner_into_the_bin(app: Flask, client: Browser, world: World, door: str) -> None:
    owner = world.harbour.owner.membership_id
    sign_in(client, world.harbour.admin)
    client.submit(door.format(owner), {"ids": str(owner), "confirmed": "1"}, page="/people/")
    with app.app_context(), world.harbour.inside():
        assert session.get(Membership, owner) is not None
    sign_in(owners := app.test_client(), world.harbour.owner)
    assert owners.get("/contacts/").status_code == 200


def test_undoing_that_somebody_joined_does_not_remove_them(app: Flask, world: World) -> None:
    with app.app_context(), world.harbour.inside():
        joined = sa.select(Change.id).where(Change.entity == "membership", Change.verb == "create")
        change = session.scalars(joined.where(Change.record_id == world.harbour.owner.membership_id)).one()
        with pytest.raises(Forbidden):
            timeline.undo(change, actor=world.harbour.actor("admin"))


def test_the_first_page_names_no_contact_out_of_reach(app: Flask, client: Browser, world: World) -> None:
    about = {"title": "Call back", "contact_id": world.harbour.contacts["Faye Okafor"]}
    with app.app_context(), world.harbour.inside():
        mine = {**about, "owner_id": world.harbour.agent.membership_id}
        records.create(Task, mine, actor=world.harbour.actor("owner"))
    sign_in(client, world.harbour.agent)
    shown = whole(client)
    assert "Call back" in shown["Needs you today"] and "Faye Okafor" not in "".join(shown.values())


def test_an_export_holds_no_more_than_its_list(app: Flask, client: Browser, world: World) -> None:
    with app.app_context(), world.harbour.inside():
        give_role(world.harbour, "agent", {"contact": {"read": OWN, "export": ALL}, "membership": {"read": ALL}})
    sign_in(client, world.harbour.agent)
    rows = client.submit("/contacts/export.csv", page="/contacts/").text
    assert "Dana Whitcombe" in rows and "Faye Okafor" not in rows


def test_who_sees_no_tags_does_not_wipe_them_by_saving(app: Flask, client: Browser, world: World) -> None:
    dana = world.harbour.contacts["Dana Whitcombe"]
    with app.app_context(), world.harbour.inside():
        tag = records.create(Tag, {"name": "VIP"}, actor=world.harbour.actor("owner"))
        record_forms.add_link(dana, Contact.links["tags"], tag.id, actor=world.harbour.actor("owner"))
        mine = {"contact": dict.fromkeys(("read", "write", "delete"), OWN), "membership": {"read": ALL}}
        give_role(world.harbour, "agent", mine)
    sign_in(client, world.harbour.agent)
    assert client.get(f"/contacts/{dana}").status_code == 200
    form = {"name": "Dana W.", "type": "buyer", "stage": "new", "lawful_basis": "unknown"}
    owner = {"owner_id": str(world.harbour.agent.membership_id)}
    assert client.submit(f"/contacts/{dana}/edit", form | owner, page=f"/contacts/{dana}/edit").status_code == 302
    with app.app_context(), world.harbour.inside():
        assert session.get_one(Contact, dana).name == "Dana W."
        assert len(session.scalars(sa.select(ContactTag).where(ContactTag.contact_id == dana)).all()) == 1


def test_own_is_no_width_of_what_nobody_owns() -> None:
    for entity in ("membership", "template", "suppression", "role", "audit"):
        with pytest.raises(Invalid):
            roles.read_rights([(entity, "read", "own")])
    assert roles.read_rights([("deal", "read", "own"), ("template", "read", "workspace")])


def test_a_narrow_right_on_what_nobody_owns_opens_nothing(app: Flask, client: Browser, world: World) -> None:
    with app.app_context(), world.harbour.inside():
        give_role(world.harbour, "agent", {"template": {"read": OWN, "write": OWN}})
    sign_in(client, world.harbour.agent)
    assert "Market update" not in client.get("/templates/").text


def test_a_new_role_under_an_old_number_has_its_own_rights(app: Flask, world: World) -> None:
    with app.app_context(), world.harbour.inside():
        owner = world.harbour.actor("owner")
        small = roles.create("Small", {"tag": {"read": ALL}}, actor=owner)
        assert "contact" not in roles.current_rights(small)
        roles.delete(small.id, actor=owner)
        large = roles.create("Large", {"contact": {"read": ALL}}, actor=owner)
        assert "contact" in roles.current_rights(large)


def test_a_key_is_no_way_around_the_second_factor(app: Flask, client: Browser, world: World) -> None:
    with app.app_context(), world.harbour.inside(), operation("test.mfa", actor=SYSTEM):
        session.get_one(Workspace, world.harbour.id).require_mfa = True
    sign_in(client, world.harbour.owner)
    client.get("/account/security")
    wanted = {"name": "Quiet door", "days": "30", "scopes": ["*:read"]}
    made = client.submit("/account/keys/new", wanted)
    assert made.status_code == 303 and made.location == "/account/security?why=required"
    assert not re.search(r"rec_[0-9a-f]{12}\.", made.text)

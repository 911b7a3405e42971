"""What a role does not see is told by no detour: no file, no formula, no old number of a role, no job under way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from app.errors import Forbidden, Invalid
from app.services import (
    audit_log,
    batches,
    custom_fields,
    custom_rework,
    field_rights,
    layouts,
    queries,
    records,
    roles,
    schema,
    values,
    verbs,
)
from jobs import bulk, runner
from jobs.run import Run
from models import scope
from models.base import session
from models.contact import Contact
from models.custom import EntityLayout
from models.scope import Actor, Reach
from tests.factories import SYSTEM, Browser, World, sign_in
from tests.factories_fields import define_all
from tests.web.dashboards_kit import whole


@pytest.fixture
def owner(app: Flask, world: World) -> Iterator[Actor]:
    with app.app_context(), world.harbour.inside():
        yield world.harbour.actor("owner")


def hide(world: World, name: str, level: str = schema.HIDDEN) -> None:
    """Keep brokers from a field of contacts."""
    field_rights.limit(world.harbour.broker.role_id, "contact", {name: level}, actor=SYSTEM)


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_a_file_is_searched_as_its_list_is(app: Flask, client: Browser, world: World, kind: str) -> None:
    """The file is made after the request: without its role, a search would find what only hidden fields hold."""
    with app.app_context(), world.harbour.inside():
        hide(world, "email")
    sign_in(client, world.harbour.broker)
    client.get("/contacts/")
    found = client.submit(f"/contacts/export.{kind}?q=faye@harbour").data
    everybody = client.submit(f"/contacts/export.{kind}?q=faye").data
    assert len(found) < len(everybody)
    if kind == "csv":
        assert b"Faye" in everybody and b"Faye" not in found


def test_a_formula_tells_nothing_of_a_hidden_field(owner: Actor, world: World) -> None:
    define_all("contact", actor=owner, only=("Pre-approval", "Fee"))
    hide(world, "x_pre_approval")
    with scope.seen_as(world.harbour.broker.role_id):
        assert not {"x_fee", "x_pre_approval"} & set(schema.fields(Contact))
    hide(world, "x_pre_approval", schema.READ)
    with scope.seen_as(world.harbour.broker.role_id):
        assert {"x_fee", "x_pre_approval"} <= set(schema.fields(Contact))


def test_a_new_role_under_an_old_number_has_its_own_limits_and_layout(owner: Actor) -> None:
    old = roles.create("Summer help", {}, actor=owner).id
    field_rights.limit(old, "contact", {"email": schema.HIDDEN}, actor=SYSTEM)
    layouts.save("contact", old, {"columns": ["phone"]}, actor=owner)
    with scope.seen_as(old):
        assert "email" not in schema.fields(Contact) and layouts.in_force("contact")
    roles.delete(old, actor=owner)
    assert session.scalars(sa.select(EntityLayout)).all() == []
    with scope.seen_as(old):
        assert "email" in schema.fields(Contact) and not layouts.in_force("contact")


def test_a_job_under_way_heeds_the_limits_of_its_step(
    app: Flask, owner: Actor, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker = world.harbour.actor("broker")
    ids = sorted(world.harbour.contacts.values())
    monkeypatch.setattr(verbs, "INLINE", 1)
    monkeypatch.setattr(bulk, "_CHUNK", 1)
    given = {"field": "company", "value": "Changed"}
    verbs.run(Contact, verbs.find("contact", "set"), ids, given, actor=broker)

    def limited_meanwhile(_run: Run, done: int, *_told: Any) -> None:
        if done == 2:
            elsewhere(app, world)

    monkeypatch.setattr(Run, "progress", limited_meanwhile)
    runner.drain(app)
    session.expire_all()
    assert [records.load(Contact, key, actor=owner).company for key in ids] == ["Changed", "Changed", None, None]


def elsewhere(app: Flask, world: World) -> None:
    """An admin limits the field, in a session of their own."""
    with app.app_context(), world.harbour.inside():
        hide(world, "company")


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_the_exported_log_holds_no_hidden_field(app: Flask, client: Browser, world: World, kind: str) -> None:
    dana = world.harbour.contacts["Dana Whitcombe"]
    with app.app_context(), world.harbour.inside():
        records.update(Contact, dana, {"stage": "under_contract"}, actor=world.harbour.actor("owner"))
    sign_in(client, world.harbour.compliance)
    client.get("/compliance/")
    assert b"under_contract" in client.submit(f"/compliance/audit.{kind}").data
    with app.app_context(), world.harbour.inside():
        limits = {"stage": schema.HIDDEN}
        field_rights.limit(world.harbour.compliance.role_id, "contact", limits, actor=SYSTEM)
    text = client.submit(f"/compliance/audit.{kind}").data
    assert b"contact.update" in text and b"under_contract" not in text


def test_an_undo_names_no_record_that_went_out_of_reach(app: Flask, owner: Actor, world: World) -> None:
    agent, dana = world.harbour.actor("agent"), world.harbour.contacts["Dana Whitcombe"]
    done = verbs.run(Contact, verbs.find("contact", "stage"), [dana], {"stage": "active"}, actor=agent)
    new = {"owner_id": world.harbour.stranger.membership_id, "name": "Secret Name"}
    records.update(Contact, dana, new, actor=owner)
    left = batches.undo(done.batch, actor=agent).left
    assert len(left) == 1 and "Secret" not in next(iter(left))


def keeper(owner: Actor, role: dict[str, Any]) -> Actor:
    """Somebody whose role has these rights alone, all over the workspace."""
    rights = {entity: dict.fromkeys(actions, Reach.WORKSPACE) for entity, actions in role.items()}
    made = roles.create("Keeper", rights, actor=owner)
    return replace(owner, role=made.key, role_id=made.id, rights=rights)


def test_nobody_limits_a_role_above_their_own_or_opens_what_they_only_see(owner: Actor, world: World) -> None:
    narrow = keeper(owner, {"role": ("read", "write"), "contact": ("read",)})
    with pytest.raises(Forbidden, match="more than your own"):
        field_rights.limit(world.harbour.admin.role_id, "contact", {"email": schema.HIDDEN}, actor=narrow)
    lesser = roles.create("Lesser", {"contact": {"read": Reach.WORKSPACE}}, actor=owner).id
    field_rights.limit(lesser, "contact", {"email": schema.READ, "phone": schema.READ}, actor=narrow)
    field_rights.limit(narrow.role_id or 0, "contact", {"email": schema.READ}, actor=owner)
    with scope.seen_as(narrow.role_id):
        field_rights.limit(lesser, "contact", {"phone": ""}, actor=narrow)
        with pytest.raises(Forbidden, match="does not change"):
            field_rights.limit(lesser, "contact", {"email": ""}, actor=narrow)


def test_a_preview_shows_values_only_to_who_may_read_them(owner: Actor, world: World) -> None:
    made = define_all("contact", actor=owner, only=("Nickname",))["x_nickname"]
    records.create(Contact, {"name": "Bean", "x_nickname": "Secret"}, actor=owner)
    before = schema.made(made)
    after = custom_fields.described({"kind": "number"}, made)
    shown = {
        who: custom_rework.preview(
            Contact, "x_nickname", before, after, values.Locale(), actor=world.harbour.actor(who)
        ).sample
        for who in ("owner", "agent")
    }
    assert shown == {"owner": ("Secret",), "agent": ()}


def test_the_first_page_counts_by_no_hidden_field(app: Flask, client: Browser, world: World) -> None:
    sign_in(client, world.harbour.broker)
    weeks, closings = "New contacts by week", "Closings in the next 30 days"
    before = whole(client)
    assert "Not drawn" not in before[weeks] + before[closings]
    with app.app_context(), world.harbour.inside():
        hide(world, "source")
        limits = {"expected_close": schema.HIDDEN}
        field_rights.limit(world.harbour.broker.role_id, "deal", limits, actor=SYSTEM)
    found = whole(client)
    assert "Not drawn" in found[weeks] and "Not drawn" in found[closings], "who may arrange it is told"
    assert "Not drawn" not in found["Open pipeline"]


def test_a_rule_over_two_fields_is_no_way_to_try_out_the_hidden_one(app: Flask, world: World) -> None:
    with app.app_context(), world.harbour.inside():
        owner = world.harbour.actor("owner")
        key = records.create(Contact, {"name": "Rich Quiet", "budget_min": 500_00}, actor=owner).id
        hide(world, "budget_min")
        with scope.seen_as(world.harbour.broker.role_id):
            records.update(Contact, key, {"budget_max": 400_00}, actor=world.harbour.actor("broker"))
        with pytest.raises(Invalid):
            records.update(Contact, key, {"budget_max": 300_00}, actor=owner)


def test_nobody_is_found_in_the_log_by_an_address_that_is_hidden(app: Flask, world: World) -> None:
    with app.app_context(), world.harbour.inside():
        address = session.scalars(sa.select(Contact.email).where(Contact.email.is_not(None))).first() or ""
        assert audit_log.person(address) not in (None, -1)
        hide(world, "email")
        with scope.seen_as(world.harbour.broker.role_id):
            assert audit_log.person(address) == -1


def test_a_picker_keeps_to_no_neighbours_by_a_hidden_field(app: Flask, world: World) -> None:
    with app.app_context(), world.harbour.inside():
        owner, broker = world.harbour.actor("owner"), world.harbour.actor("broker")
        key = records.create(Contact, {"name": "Of a Firm", "company": "Firm"}, actor=owner).id
        assert queries.alike(Contact, "company", key, actor=broker)
        hide(world, "company")
        with scope.seen_as(world.harbour.broker.role_id):
            assert queries.alike(Contact, "company", key, actor=broker) == ()

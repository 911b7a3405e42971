"""The history of the set-up: every change is a moment, and every moment can come back, byte for byte."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sqlalchemy as sa
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.errors import NotFound
from app.services import custom_fields, field_rights, members, records, roles, saved_views, schema
from app.services.setup import apply, capture, document, first_states, plan, states
from models.base import session
from models.contact import Contact
from models.custom import CustomField
from models.scope import Reach, Rule
from models.setup import SetupState
from tests.contracts import state
from tests.factories import SYSTEM, World
from tests.factories_fields import TAGS
from tests.setup_edits import EDITS, Edit, edit
from tests.setup_kit import brought, dry_run, exported, furnish

QUIET = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def moment() -> int:
    found = states.newest()
    assert found is not None
    assert found.document == states.packed(capture.take().items), "the newest state is the set-up as it is"
    return found.id


@QUIET
@given(edits=EDITS, back=st.integers(0, 20), there=st.integers(0, 20))
def test_any_moment_comes_back_byte_for_byte(
    app: Flask, world: World, start_over: Callable[[], None], edits: list[Edit], back: int, there: int
) -> None:
    with app.app_context(), world.harbour.inside():
        start_over()
        owner = world.harbour.actor()
        past = [(moment(), exported(owner))]
        for one in edits:
            edit(world.harbour, one)
            past.append((moment(), exported(owner)))
        for key, file in (past[back % len(past)], past[there % len(past)], past[-1]):
            apply.return_to(key, actor=owner)
            assert exported(owner) == file
            moment()


@QUIET
@given(edits=EDITS)
def test_a_file_makes_two_workspaces_the_same(
    app: Flask, world: World, start_over: Callable[[], None], edits: list[Edit]
) -> None:
    with app.app_context():
        start_over()
        with world.harbour.inside():
            for one in edits:
                edit(world.harbour, one)
            data = exported(world.harbour.actor())
        items, names = document.read(data)
        with world.summit.inside():
            owner = world.summit.actor()
            first = dry_run(data, owner)
            brought(data, owner)
            left = {step.id for step in first.steps if step.problem or step.verb == plan.REMOVE}
            again = plan.of_file(capture.take(), items, names, actor=owner)
            assert {step.id for step in again.steps} <= left, "what could be taken is taken, and stays so"
            if not left:
                assert exported(owner) == data


def test_every_change_of_the_set_up_is_a_moment_and_nothing_else_is(app: Flask, world: World) -> None:
    with app.app_context(), world.harbour.inside():
        owner, before = world.harbour.actor(), moment()
        records.create(Contact, {"name": "Zoe"}, actor=owner)
        saved_views.save("contact", "Mine", "f=stage:is:new", "private", actor=owner)
        assert moment() == before
        furnish(world.harbour)
        rows = state.rows("setup_state", workspace_id=world.harbour.id)
        told = {one[0] for row in rows for one in row["changes"]}
        assert told == set(capture.PARTS)
        assert {row["actor"] for row in rows[1:]} == {"Olive Owen", "Ada Agent"}
        number = len(rows)
        custom_fields.change(
            next(iter(schema.added(Contact).values())).custom, {"hint": None}, {}, version=None, actor=owner
        )
        assert len(state.rows("setup_state", workspace_id=world.harbour.id)) == number


def test_a_return_loses_no_value_and_can_be_returned_from(app: Flask, world: World) -> None:
    with app.app_context(), world.harbour.inside():
        owner, before = world.harbour.actor(), moment()
        area = custom_fields.define(
            "contact", {"kind": "choice", "label": "Area", "options": ["North"], **TAGS}, actor=owner
        )
        first = moment()
        key = world.harbour.contacts["Dana Whitcombe"]
        custom_fields.reshape(area.id, {"options": [("north", "North"), (None, "Harbour")]}, actor=owner)
        records.update(Contact, key, {"x_area": "harbour"}, actor=owner)
        after = moment()
        apply.return_to(first, actor=owner)
        field = schema.added(Contact)["x_area"]
        assert field.choices == (("north", "North"),)
        assert field.words(schema.value(session.get(Contact, key), "x_area")) == "Harbour", "it still has its name"
        apply.return_to(before, actor=owner)
        assert "x_area" not in schema.added(Contact)
        assert session.get(Contact, key).custom == {"x_area": "harbour"}
        apply.return_to(after, actor=owner)
        field = schema.added(Contact)["x_area"]
        assert field.custom == area.id and ("harbour", "Harbour") in field.choices
        assert schema.value(session.get(Contact, key), "x_area") == "harbour"
        kept = [row["operation"] for row in state.rows("setup_state", workspace_id=world.harbour.id)]
        assert kept[-3:] == ["setup.return"] * 3


def test_a_type_goes_back_and_history_keeps_what_did_not_fit(app: Flask, world: World) -> None:
    with app.app_context(), world.harbour.inside():
        owner = world.harbour.actor()
        rooms = custom_fields.define("contact", {"kind": "text", "label": "Rooms", **TAGS}, actor=owner)
        dana, eli = (world.harbour.contacts[name] for name in ("Dana Whitcombe", "Eli Moreno"))
        records.update(Contact, dana, {"x_rooms": "4"}, actor=owner)
        records.update(Contact, eli, {"x_rooms": "many"}, actor=owner)
        then = moment()
        custom_fields.reshape(rooms.id, {"kind": "number"}, actor=owner)
        found = plan.of_state(capture.take(), states.unpacked(states.get(then).document), actor=owner)
        apply.preview(found, None, actor=owner)
        assert [step.note for step in found.steps] == [
            "Its type changes. Values that do not fit become empty; the history of each record keeps them."
        ]
        apply.return_to(then, actor=owner)
        assert schema.value(session.get(Contact, dana), "x_rooms") == "4"
        changes = [row for row in state.rows("change", record_id=eli, entity="contact") if "x_rooms" in row["old"]]
        assert changes[-1]["old"]["x_rooms"] == "many"


def test_rights_return_exactly_and_act_at_once(app: Flask, world: World) -> None:
    with app.app_context(), world.harbour.inside():
        owner = world.harbour.actor()
        made = furnish(world.harbour)
        then, file = moment(), exported(owner)
        roles.update(made["role"], "Desk", {"contact": {"read": Reach.OWN}}, actor=owner)
        field_rights.limit(made["role"], "contact", {"x_nickname": "", "budget_max": "hidden"}, actor=owner)
        version, mark = keys(world)
        apply.return_to(then, actor=owner)
        assert exported(owner) == file
        assert keys(world)[0] > version and keys(world)[1] != mark
        told = {row["action"] for row in state.rows("audit", workspace_id=world.harbour.id)}
        assert {"setup.return", "role.changed", "role.fields_limited"} <= told
        roles.delete(made["role"], actor=owner)
        apply.return_to(then, actor=owner)
        assert exported(owner) == file, "a role that was deleted is made again, with all its rights and limits"


def test_a_rule_returns_and_an_older_state_knows_of_none(app: Flask, world: World) -> None:
    with app.app_context(), world.harbour.inside():
        owner = world.harbour.actor()
        made = furnish(world.harbour)
        role, then = roles.get(made["role"]), moment()
        rights = roles.current_rights(role)
        pets = session.scalars(sa.select(CustomField).where(CustomField.key == "x_pets")).one()
        bare = {"contact": {"read": Reach.TEAM}, "deal": {"read": Rule('{"and":["team_id:is:@team"]}')}}
        roles.update(role.id, role.label, bare, actor=owner)
        records.delete(CustomField, pets.id, actor=owner)
        after = moment()
        apply.return_to(then, actor=owner)
        told = roles.current_rights(role)
        assert told["contact"] == rights["contact"], "the rule came back with the field that it asks for"
        assert told["contact"]["export"] == Rule(f'{{"and":["owner_id:is:{world.harbour.agent.membership_id}"]}}')
        assert "export" not in told["deal"], "a rule with words about people stands in no state"
        apply.return_to(after, actor=owner)
        assert roles.current_rights(role) == bare and "x_pets" not in schema.added(Contact)
        known = states.get(then)
        known.document = states.packed({p: i for p, i in states.unpacked(known.document).items() if p != "rules"})
        session.commit()
        apply.return_to(then, actor=owner)
        assert roles.current_rights(role)["deal"]["read"] == bare["deal"]["read"], "what it does not know stays"


def keys(world: World) -> tuple[int, int]:
    row = state.rows("workspace", id=world.harbour.id)[0]
    return row["keys_version"], row["schema_mark"]


def test_what_cannot_come_back_is_told_before(app: Flask, world: World) -> None:
    with app.app_context(), world.harbour.inside():
        owner, before = world.harbour.actor(), moment()
        made = furnish(world.harbour)
        stranger = world.harbour.stranger
        members.change(stranger.membership_id, role_id=made["role"], team_id=stranger.team_id, actor=owner)
        bare = {"contact": {"read": Reach.TEAM}}
        roles.update(made["role"], "Transaction desk", bare, actor=owner)
        with_field = moment()
        one = session.scalars(sa.select(CustomField).where(CustomField.key == "x_pets")).one()
        key = one.id
        records.delete(CustomField, key, actor=owner)
        session.execute(
            sa.delete(CustomField.__table__).where(CustomField.__table__.c.id == key),
            execution_options={"walled_reason": "as if its days in the bin were over"},
        )
        session.commit()
        found = plan.of_state(capture.take(), states.unpacked(states.get(with_field).document), actor=owner)
        apply.preview(found, None, actor=owner)
        told = {step.id: step.note for step in found.steps}
        assert told["fields:contact/x_pets"].startswith("It was deleted for good")
        apply.return_to(with_field, actor=owner)
        assert "x_pets" in schema.added(Contact)
        found = plan.of_state(capture.take(), states.unpacked(states.get(before).document), actor=owner)
        apply.preview(found, None, actor=owner)
        told = {step.id: step.note for step in found.steps}
        assert told["fields:contact/x_pets"].startswith("It goes to the bin with its values")
        held = next(step for step in found.steps if step.part == "roles")
        assert held.problem.startswith("1 member has or had this role")
        apply.return_to(before, actor=owner)
        assert "Transaction desk" in [role.label for role in roles.of_workspace()], "the rest went back"
        assert "x_pets" not in schema.added(Contact)


def test_the_moments_of_another_brokerage_are_not_there(app: Flask, world: World) -> None:
    with app.app_context():
        with world.harbour.inside():
            furnish(world.harbour)
            key = moment()
        with world.summit.inside():
            before = exported(world.summit.actor())
            with pytest.raises(NotFound):
                apply.return_to(key, actor=world.summit.actor())
            with pytest.raises(NotFound):
                states.get(key)
            assert key not in [row.id for row in states.listed(None, 50)]
            assert exported(world.summit.actor()) == before


def test_a_workspace_without_a_history_begins_one(app: Flask, world: World) -> None:
    with app.app_context(), world.harbour.inside():
        session.execute(
            sa.delete(SetupState.__table__), execution_options={"walled_reason": "as before there was a history"}
        )
        session.commit()
        first_states.begin_all(actor=SYSTEM)
        assert [row["changes"] for row in state.rows("setup_state")] == [[], []]
        first_states.begin_all(actor=SYSTEM)
        assert len(state.rows("setup_state")) == 2

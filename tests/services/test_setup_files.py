"""The set-up of one brokerage, brought to another as a file: all of it, twice, by who may, and never more than that."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest
import sqlalchemy as sa
from flask import Flask

from app.errors import Forbidden, Invalid
from app.services import custom_fields, field_rights, layouts, records, roles, saved_views, schema
from app.services.setup import document, files, states
from app.services.setup.capture import PARTS
from models import registry
from models.base import session
from models.contact import Contact, Tag
from models.custom import CustomField
from models.deal import Pipeline, Stage
from models.message import Template
from models.scope import Reach, Rule
from models.workspace import Team
from tests.contracts import state
from tests.factories import World
from tests.factories_fields import TAGS, define_all
from tests.setup_kit import brought, dry_run, exported, furnish, with_part


def outline(found: Any) -> dict[str, list[str]]:
    told: dict[str, list[str]] = {}
    for step in found.steps:
        told.setdefault(step.verb, []).append(step.id)
    return told


def test_an_owner_copies_the_set_up_to_another_brokerage(app: Flask, world: World) -> None:
    with app.app_context():
        with world.harbour.inside():
            furnish(world.harbour)
            data = exported(world.harbour.actor())
        with world.summit.inside():
            owner = world.summit.actor()
            records.create(Tag, {"name": "VIP"}, actor=owner)
            found = dry_run(data, owner)
            assert not [step.problem for step in found.steps if step.problem]
            done = brought(data, owner)
            assert len(done.steps) > 30
            again = dry_run(data, owner)
            assert outline(again) == {}, "the second time nothing is left to do"
            fields = schema.added(Contact)
            assert fields["x_school_area"].choices == (("north", "North"), ("south", "South"), ("east", "East"))
            role = next(one for one in roles.of_workspace() if one.label == "Transaction desk")
            rights, vip = roles.current_rights(role), session.scalars(sa.select(Tag.id).where(Tag.name == "VIP")).one()
            careful = Rule(f'{{"and":["tags:is:{vip}","x_pets:is:1"]}}')
            assert rights["contact"] == {"read": Reach.TEAM, "write": Reach.OWN, "delete": careful}
            assert field_rights.of_role(role.id, "contact") == {"x_nickname": "hidden", "budget_max": "read"}
            assert field_rights.of_role(world.summit.agent.role_id, "contact") == {"x_school_area": "read"}
            assert layouts.of("contact", role.id) == {"columns": ["phone"]}
            assert layouts.of("contact")["when"] == {"budget_max": "type:is:buyer"}
            rentals = session.scalars(sa.select(Pipeline).where(Pipeline.name == "Rentals")).one()
            of_rentals = sa.select(Stage).where(Stage.pipeline_id == rentals.id).order_by(Stage.position)
            known = session.scalars(of_rentals).all()
            assert [(s.name, s.outcome) for s in known] == [("New", "open"), ("Signed", "won")]
            east = session.scalars(sa.select(Team.id).where(Team.name == "East office")).one()
            own = f'{{"or":["team_id:is:@team|{east}",{{"and":["stage_id:is:{known[1].id}"]}}]}}'
            assert rights["deal"] == {"read": Rule(own)}, "a rule asks for what is called so here"
            view = next(v for v in saved_views.seen("deal", actor=owner) if v.name == "Signed")
            assert f"stage_id%3Ais%3A{known[1].id}" in view.query and f"inside={rentals.id}" in view.query
            assert session.scalars(sa.select(Template).where(Template.name == "Welcome")).one().kind == "marketing"
            assert exported(owner) == data, "the same set-up gives the same bytes, wherever it is"


def test_the_file_tells_nothing_of_people_and_records(app: Flask, world: World) -> None:
    with app.app_context(), world.harbour.inside():
        furnish(world.harbour)
        text = exported(world.harbour.actor()).decode()
    said = orjson.loads(text)
    assert [view["name"] for view in said["views"]["contact"]] == ["Either", "Important", "Ours", "South"]
    for secret in ("Whitcombe", "dana@", "example.com", "Olive", "Ada", "owner_id", "Mine alone", "@example"):
        assert secret not in text, secret
    assert not {"id", "workspace_id", "membership_id", "team_id", "created_by"} & members(said)
    assert said["names"] == {"tag": {"vip": "VIP"}, "team": {"east_office": "East office"}}
    assert (said["format"], said["version"], said["product"]) == (document.FORMAT, document.VERSION, "0.1.0")


def members(given: Any) -> set[str]:
    if isinstance(given, dict):
        return set(given) | {name for value in given.values() for name in members(value)}
    return {name for value in given for name in members(value)} if isinstance(given, list) else set()


def test_what_only_the_other_has_stays_unless_it_is_ticked(app: Flask, world: World) -> None:
    with app.app_context():
        with world.harbour.inside():
            furnish(world.harbour)
            data = exported(world.harbour.actor())
        with world.summit.inside():
            owner = world.summit.actor()
            records.create(Tag, {"name": "VIP"}, actor=owner)
            define_all("contact", actor=owner, only=("Nickname",))
            own = custom_fields.define(
                "contact", {"kind": "choice", "label": "Own", "options": ["A", "B"], **TAGS}, actor=owner
            )
            template = records.create(
                Template, {"name": "Ours", "subject": "Ours", "body": "Ours", "kind": "marketing"}, actor=owner
            )
            found = dry_run(data, owner)
            assert outline(found)["remove"] == ["fields:contact/x_own", "templates:ours"]
            brought(data, owner)
            assert "x_own" in schema.added(Contact) and session.get(Template, template.id) is not None
            brought(data, owner, {"fields:contact/x_own"})
            assert "x_own" not in schema.added(Contact), "it went to the bin"
            records.restore(CustomField, own.id, actor=owner)
            assert "x_own" in schema.added(Contact)


def test_a_later_file_updates_and_doubles_nothing(app: Flask, world: World) -> None:
    with app.app_context():
        with world.harbour.inside():
            made = furnish(world.harbour)
            first = exported(world.harbour.actor())
        with world.summit.inside():
            records.create(Tag, {"name": "VIP"}, actor=world.summit.actor())
            brought(first, world.summit.actor())
            keys = {key: one.custom for key, one in schema.added(Contact).items()}
        with world.harbour.inside():
            owner = world.harbour.actor()
            field = session.scalars(sa.select(CustomField).where(CustomField.key == "x_nickname",
                                                                 CustomField.entity == "contact")).one()  # fmt: skip
            records.update(CustomField, field.id, {"label": "Called"}, actor=owner)
            records.update(Pipeline, made["pipeline"], {"name": "Leases"}, actor=owner)
            known = roles.current_rights(roles.get(made["role"]))
            rights = {**known, "contact": {"read": Reach.OWN, "delete": known["contact"]["delete"]}}
            roles.update(made["role"], "Desk", rights, actor=owner)
            area = next(o for o in session.scalars(sa.select(CustomField).where(CustomField.key == "x_school_area"))
                        if o.entity == "contact")  # fmt: skip
            custom_fields.reshape(area.id, {"options": [("south", "Southern"), (None, "West")]}, actor=owner)
            second = exported(owner)
        with world.summit.inside():
            owner = world.summit.actor()
            changed = outline(dry_run(second, owner))
            assert set(changed) == {"change"}
            brought(second, owner)
            assert outline(dry_run(second, owner)) == {}
            assert {key: one.custom for key, one in schema.added(Contact).items()} == keys
            area = schema.added(Contact)["x_school_area"]
            assert (area.choices, area.retired) == (
                (("south", "Southern"), ("west", "West")),
                (("north", "North"), ("east", "East")),
            )
            assert "Leases" in session.scalars(sa.select(Pipeline.name)).all()
            assert "Rentals" not in session.scalars(sa.select(Pipeline.name)).all()


@pytest.mark.parametrize(
    ("who", "parts"),
    [
        ("broker", None),
        ("agent", None),
        ("reader", None),
        ("compliance", None),
        ("admin", list(PARTS)),
    ],
)
def test_a_file_needs_the_right_to_customise(app: Flask, world: World, who: str, parts: list[str] | None) -> None:
    with app.app_context(), world.harbour.inside():
        data = exported(world.harbour.actor())
        if parts is None:
            with pytest.raises(Forbidden):
                exported(world.harbour.actor(who))
            with pytest.raises(Forbidden):
                brought(data, world.harbour.actor(who))
            with pytest.raises(Forbidden):
                from app.services.setup import apply

                apply.return_to(states.newest().id, actor=world.harbour.actor(who))  # type: ignore[union-attr]
        else:
            assert exported(world.harbour.actor(who)) == data


def test_who_lacks_a_right_leaves_that_part_out(app: Flask, world: World) -> None:
    with app.app_context():
        with world.harbour.inside():
            furnish(world.harbour)
            data = exported(world.harbour.actor())
        with world.summit.inside():
            rights = {"custom_field": {"read": Reach.WORKSPACE, "write": Reach.WORKSPACE}}
            role = roles.create("Form maker", rights, actor=world.summit.actor())
            maker = replace(world.summit.actor("agent"), role_id=role.id, role="", rights=roles.current_rights(role))
            said = orjson.loads(exported(maker))
            assert set(said) - {"format", "version", "product"} == {"fields", "layouts"}
            found = dry_run(data, maker)
            assert found.left == ["roles", "field_rights", "rules", "pipelines", "stages", "templates", "views"]
            assert {step.part for step in found.steps} == {"fields", "layouts"}
            blocked = [step for step in found.steps if step.problem]
            assert [step.name for step in blocked] and all("role" in step.problem for step in blocked)
            brought(data, maker)
            assert "x_nickname" in schema.added(Contact)
            assert "Transaction desk" not in [one.label for one in roles.of_workspace()]


def test_nobody_gets_more_rights_by_a_file_than_by_hand(app: Flask, world: World) -> None:
    with app.app_context():
        with world.harbour.inside():
            furnish(world.harbour)
            wide = {name: {"read": "workspace"} for name in registry.entities() if name != "webhook"}
            owner_like = {
                "key": "c0", "label": "Second owner", "rights": {"webhook": {"read": "workspace"}},
            }  # fmt: skip
            data = with_part(
                exported(world.harbour.actor()),
                roles=[owner_like, {"key": "c1", "label": "Agent", "rights": {}},
                       {"key": "agent", "label": "Agents", "rights": {}},
                       {"key": "c2", "label": "Odd", "rights": {"moon": {"read": "workspace"}}},
                       {"key": "c3", "label": "Fine", "rights": {"contact": {"read": "own"}}}],
                field_rights={"owner": {"contact": {"phone": "hidden"}}, "admin": {"contact": {"phone": "hidden"}}},
            )  # fmt: skip
            assert wide
        with world.summit.inside():
            admin = world.summit.actor("admin")
            narrowed = {name: actions for name, actions in admin.rights.items() if name != "webhook"}
            found = {step.id: step.problem for step in dry_run(data, replace(admin, rights=narrowed)).steps}
            assert "as widely" in found["roles:c0"]
            assert "every workspace has" in found["roles:c1"] and "every workspace has" in found["roles:agent"]
            assert "no right" in found["roles:c2"] and found["roles:c3"] == ""
            assert "Owners see" in found["field_rights:owner/contact/phone"]
            assert "own role" in found["field_rights:admin/contact/phone"]
            with pytest.raises(Invalid):
                brought(data, admin, {"roles:c1"})
            assert "Second owner" not in [one.label for one in roles.of_workspace()]


def test_a_rule_comes_by_a_file_only_as_it_could_be_made_by_hand(app: Flask, world: World) -> None:
    with app.app_context():
        with world.harbour.inside():
            furnish(world.harbour)
            left = files.look(actor=world.harbour.actor()).left
            assert [words for words in left if words.startswith("A rule of the role “Transaction desk”")] == [
                "A rule of the role “Transaction desk” (contact): it asks for people or records of this workspace.",
                "A rule of the role “Transaction desk” (deal): it holds words about people.",
            ]
            data = exported(world.harbour.actor())
            key = next(iter(orjson.loads(data)["rules"]))
        reads = {"and": [{"field": "type", "op": "is", "values": ["buyer"]}]}
        bad = {
            "of a role that all have": ({"agent": {"contact": {"read": reads}}}, "“agent”"),
            "where none can be": ({key: {"tag": {"read": reads}}}, "can't be said by a rule"),
            "of a field that is not here": (
                {key: {"contact": {"delete": {"and": [{"field": "x_no", "op": "filled", "values": []}]}}}}, "“x_no”",
            ),
            "of a record by its number": (
                {key: {"contact": {"delete": {"and": [{"field": "owner_id", "op": "is", "values": ["1"]}]}}}},
                "by their numbers",
            ),
        }  # fmt: skip
        with world.summit.inside():
            owner = world.summit.actor()
            for given, words in bad.values():
                steps = dry_run(with_part(data, rules=given), owner).steps
                assert words in next(step.problem for step in steps if step.part == "rules")
            records.create(Tag, {"name": "VIP"}, actor=owner)
            brought(data, owner)
            narrow = replace(owner, rights={**owner.rights, "contact": {"read": Reach.TEAM}})
            steps = dry_run(with_part(data, rules={key: {"contact": {"delete": reads}}}), narrow).steps
            assert "as widely" in next(step.problem for step in steps if step.part == "rules")
            twice = with_part(data, rules={key: {"contact": {"read": reads}}})
            with pytest.raises(Invalid, match="has this right already"):
                document.read(twice)


def test_conflicts_are_named_exactly(app: Flask, world: World) -> None:
    with app.app_context():
        with world.harbour.inside():
            furnish(world.harbour)
            data = exported(world.harbour.actor())
        with world.summit.inside():
            owner = world.summit.actor()
            custom_fields.define("contact", {"kind": "number", "label": "Nickname", **TAGS}, actor=owner)
            custom_fields.define("contact", {"kind": "text", "label": "Rooms", **TAGS}, actor=owner, key="x_other")
            found = {step.id: step.problem for step in dry_run(data, owner).steps if step.problem}
            assert "Change its type under Customise" in found["fields:contact/x_nickname"]
            assert "x_other" in found["fields:contact/x_rooms"] and "Rename" in found["fields:contact/x_rooms"]
            assert "tag “vip”" in found["views:contact/important"]
            with pytest.raises(Invalid) as refused:
                brought(data, owner, {"fields:contact/x_nickname", "fields:contact/x_pets"})
            assert list(refused.value.fields) == ["fields:contact/x_nickname"]
            assert "x_pets" not in schema.added(Contact), "all or nothing"


def test_a_view_and_a_formula_need_their_fields(app: Flask, world: World) -> None:
    with app.app_context():
        with world.harbour.inside():
            furnish(world.harbour)
            data = exported(world.harbour.actor())
            said = orjson.loads(data)
        formula = next(f for f in said["fields"]["contact"] if f["kind"] == "computed")
        with world.summit.inside():
            owner = world.summit.actor()
            lonely = with_part(data, fields={"contact": [formula | {"formula": "x_rooms * 2"}]})
            found = {step.id: step.problem for step in dry_run(lonely, owner).steps}
            assert "“x_rooms”" in found[f"fields:contact/{formula['key']}"]
            assert "“x_school_area”" in found["views:contact/south"]
            assert "x_nickname" in found["layouts:contact/*"]
            chosen = {"views:contact/south"}
            with pytest.raises(Invalid, match="Take that field along"):
                brought(data, owner, chosen)
            brought(data, owner, chosen | {"fields:contact/x_school_area"})
            assert [v.name for v in saved_views.seen("contact", actor=owner)] == ["South"]


def test_an_import_is_audited_row_by_row_and_acts_at_once(app: Flask, world: World) -> None:
    with app.app_context():
        with world.harbour.inside():
            furnish(world.harbour)
            data = exported(world.harbour.actor())
        with world.summit.inside():
            before = {row["id"] for row in state.rows("audit")}
            brought(data, world.summit.actor())
            rows = [row for row in state.rows("audit", workspace_id=world.summit.id) if row["id"] not in before]
    told = {row["action"] for row in rows}
    assert {"setup.import", "role.created", "role.fields_limited", "layout.saved", "custom_field.create",
            "view.saved", "pipeline.create", "stage.create", "template.create"} <= told  # fmt: skip
    assert {row["actor"] for row in rows} == {"Olive Owen"} and {row["reason"] for row in rows} == {
        "Set-up imported from set-up.json"
    }
    assert sum(row["action"] == "custom_field.create" for row in rows) == 18

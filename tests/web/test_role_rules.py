"""A role that goes as far as a rule says: said on a page, kept to by every write, explained, and audited."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask

from app import permissions
from app.errors import Forbidden, Invalid
from app.services import (
    access_grants,
    custom_fields,
    field_rights,
    records,
    role_differences,
    roles,
)
from models import scope
from models.audit import Audit
from models.base import session
from models.contact import Contact
from models.custom import CustomField
from models.role_rule import RoleRule
from models.scope import Reach, Rule
from tests import postgres_world, rules_kit
from tests.contracts.conftest import program
from tests.factories import SYSTEM, Browser, Office, World, browser, sign_in
from tests.factories_fields import define_all

BUYERS = '{"and":["type:is:buyer",{"or":["owner_id:is:@me","stage:is:active"]}]}'


# Said on a page


def test_an_admin_says_a_rule_and_sees_whom_it_reaches(app: Flask, client: Browser, world: World) -> None:
    office = world.harbour
    with app.app_context(), office.inside():
        role = roles.create("Buyer desk", {"contact": {"read": Reach.TEAM}}, actor=SYSTEM).id
        rules_kit.give(office, role)
        rules_kit.give(office, role, "stranger")
    sign_in(client, office.owner)
    url = f"/settings/roles/{role}"
    page = client.get(url).text
    assert 'value="rule">By rule' in re.search(r'name="right-contact-read".*?</select>', page, re.DOTALL)[0]
    assert "By rule" not in re.search(r'name="right-stage-read".*?</select>', page, re.DOTALL)[0], "nobody owns a stage"
    answer = client.submit(url, {"label": "Buyer desk", "right-contact-read": "rule", "right-contact-write": "rule"})
    assert answer.status_code == 303 and answer.location.endswith(f"{url}/rule/contact?for=read&for=write")
    form = client.get(answer.location).text
    assert 'name="for-read" value="1" checked' in form and 'name="for-delete" value="1" checked' not in form
    step = {"0-count": "1", "0-join": "and", "0.0-field": "type", "for-read": "1", "for-write": "1", "refresh": "1"}
    form = client.submit(answer.location, step).text
    assert 'value="buyer"' in form
    said = {**step, "0.0-op": "is", "0.0-value": "buyer", "add": "0"}
    form = client.submit(answer.location, said).text
    assert "This rule reaches 4 of 4 contacts. 2 people have this role." in form
    said |= {"0-count": "2", "0.1-field": "owner_id", "0.1-op": "is", "0.1-value": "@me"}
    form = client.submit(answer.location, {n: v for n, v in said.items() if n != "add"}).text
    assert "Ada Agent 1, Stella West 1" in form and 'value="@me" checked' in form
    saved = {n: v for n, v in said.items() if n not in ("add", "refresh")} | {"show": "1"}
    answer = client.submit(answer.location.replace("for=read&for=write", ""), saved)
    assert answer.status_code == 303 and answer.location.endswith(url)
    page = client.get(url).text
    assert "Type is Buyer and Owner is me" in page and "Read, write" in page
    with app.app_context(), office.inside():
        kept = dict(session.execute(sa.select(RoleRule.action, RoleRule.text)).all())
        assert kept == dict.fromkeys(("read", "write"), '{"and":["type:is:buyer","owner_id:is:@me"]}')


def test_the_rule_acts_on_the_next_request_and_the_matrix_keeps_it(app: Flask, world: World) -> None:
    office = world.harbour
    with app.app_context():
        role = rules_kit.a_role(office, '{"and":["owner_id:is:@me"]}')
        rules_kit.give(office, role)
    mine, boss = browser(app, office.agent), browser(app, office.owner)
    assert "Dana Whitcombe" in mine.get("/contacts/").text and "Eli Moreno" not in mine.get("/contacts/").text
    page = boss.get(f"/settings/roles/{role}").text
    sent = dict(re.findall(r'name="(right-[^"]+)".*?value="([^"]*)" selected', page))
    assert sent["right-contact-read"] == "rule"
    assert boss.submit(f"/settings/roles/{role}", {**sent, "label": "Buyer desk"}).location.endswith(f"roles/{role}")
    assert "Eli Moreno" not in mine.get("/contacts/").text
    url = f"/settings/roles/{role}/rule/contact"
    rule = {"0-count": "1", "0-join": "and", "0.0-field": "type", "0.0-op": "is", "0.0-value": "buyer", "for-read": "1"}
    assert boss.submit(url, {**rule, "show": "1"}).status_code == 303
    assert "Eli Moreno" in mine.get("/contacts/").text, "a list that was kept is of the earlier rule"
    eli = office.contacts["Eli Moreno"]
    assert mine.get(f"/contacts/{eli}").status_code == 200
    assert mine.get(f"/contacts/{eli}/edit").status_code == 403, "writing still goes by the other rule"


@pytest.mark.parametrize(
    ("form", "why"),
    [
        ({"0-count": "0"}, "at least one condition"),
        ({"0-count": "1", "0.0-field": "type", "0.0-op": "is", "0.0-value": "buyer"}, "Tick what the rule is for"),
        ({"0-count": "1", "0.0-field": "type", "0.0-op": "is", "for-read": "1"}, "give a value"),
        ({"0-count": "1", "0.0-field": "name", "0.0-op": "is", "0.0-value": "a|b", "for-read": "1"}, "the sign |"),
        (
            {"0-count": "1", "0.0-field": "owner_id", "0.0-op": "is", "0.0-value": "@team", "for-read": "1"},
            "from the list",
        ),
    ],
)
def test_a_rule_that_says_nothing_is_not_kept(
    app: Flask, client: Browser, world: World, form: dict[str, str], why: str
) -> None:
    with app.app_context():
        role = rules_kit.a_role(world.harbour, BUYERS)
    sign_in(client, world.harbour.owner)
    answer = client.submit(f"/settings/roles/{role}/rule/contact", {**form, "show": "1"})
    assert answer.status_code == 422 and why in answer.text
    with app.app_context(), world.harbour.inside():
        assert set(session.scalars(sa.select(RoleRule.text))) == {BUYERS}


def test_the_page_is_for_who_may_change_roles_here(app: Flask, world: World) -> None:
    with app.app_context():
        role = rules_kit.a_role(world.harbour, BUYERS)
    url = f"/settings/roles/{role}/rule/contact"
    assert browser(app, world.harbour.broker).get(url).status_code == 403
    assert browser(app, world.summit.owner).get(url).status_code == 404
    assert browser(app, world.summit.owner).submit(url, {"show": "1"}).status_code == 404
    owner = browser(app, world.harbour.owner)
    assert owner.get(url).status_code == 200
    for other in (f"{role}/rule/stage", f"{role}/rule/contact_email", f"{role}/rule/none"):
        assert owner.get(f"/settings/roles/{other}").status_code == 404
    assert owner.get(f"/settings/roles/{world.harbour.broker.role_id}/rule/contact").status_code == 404


def test_ids_of_another_brokerage_are_refused(app: Flask, client: Browser, world: World) -> None:
    theirs = {
        "owner_id": world.summit.agent.membership_id, "team_id": world.summit.teams["east"], "tags": 10**9,
    }  # fmt: skip
    with app.app_context():
        role = rules_kit.a_role(world.harbour, BUYERS)
        for name, key in theirs.items():
            for op in ("is", "not"):
                with world.harbour.inside(), pytest.raises(Invalid, match="that is not there"):
                    wrong = rules_kit.ruled(f'{{"and":["{name}:{op}:{key}"]}}', "contact")
                    roles.update(role, "Buyer desk", wrong, actor=SYSTEM)
    sign_in(client, world.harbour.owner)
    form = {"0-count": "1", "0.0-field": "owner_id", "0.0-op": "not", "0.0-value": str(theirs["owner_id"])}
    page = client.submit(f"/settings/roles/{role}/rule/contact", {**form, "for-read": "1", "show": "1"})
    assert page.status_code == 422 and world.summit.agent.name not in page.text


# Giving, lending, comparing


def test_a_rule_is_given_by_who_has_everything_or_the_same(app: Flask, world: World) -> None:
    office = world.harbour
    with app.app_context():
        role = rules_kit.a_role(office, BUYERS)
        with office.inside():
            owner, broker = office.actor("owner"), office.actor("broker")
            roles.may_give(roles.get(role), owner)
            boss = {
                "role": {"read": Reach.WORKSPACE, "write": Reach.WORKSPACE},
                "membership": {"read": Reach.WORKSPACE, "write": Reach.WORKSPACE},
            }
            same = rules_kit.with_rights(broker, {**rules_kit.ruled(BUYERS, "contact"), **boss})
            roles.may_give(roles.get(role), same)
            for rights in (
                {**broker.rights, **boss, "contact": dict.fromkeys(permissions.ACTIONS, Reach.TEAM)},
                {**rules_kit.ruled('{"and":["type:is:buyer"]}', "contact"), **boss},
            ):
                other = rules_kit.with_rights(broker, rights)
                with pytest.raises(Forbidden):
                    roles.may_give(roles.get(role), other)
                with pytest.raises(Forbidden):
                    roles.create("Mine", rules_kit.ruled(BUYERS, "contact"), actor=other)
                with pytest.raises(Forbidden):
                    roles.delete(role, actor=other)
            for wide in (Reach.OWN, Reach.TEAM, Reach.WORKSPACE):
                with pytest.raises(Forbidden):
                    roles.create("Wider", {"contact": {"read": wide}}, actor=same)


def test_lent_rights_and_keys_are_no_wider(app: Flask, world: World) -> None:
    office = world.harbour
    with rules_kit.working(app, office, BUYERS) as actor:
        rule = actor.rights["contact"]["read"]
        assert permissions.narrow(actor.rights, ["contact:read"]) == {"contact": {"read": rule}}
        lent = permissions.while_acting(actor.rights)["contact"]
        assert lent == dict.fromkeys(("read", "write", "delete"), rule)
        role = roles.get(session.scalars(sa.select(RoleRule.role_id)).first() or 0)
        made = access_grants.grant(
            member_id=office.colleague.membership_id, operator="", target=f"role:{role.id}", purpose="Help", minutes=15,
            actor=office.actor("owner"),
        )  # fmt: skip
        acting = access_grants.live(made.id, office.colleague.user_id)
    assert acting is not None
    with app.app_context():
        assert acting.rights["contact"]["read"] == rule


def test_roles_with_rules_are_compared_and_copied(app: Flask, client: Browser, world: World) -> None:
    office = world.harbour
    with app.app_context():
        one = rules_kit.a_role(office, BUYERS)
        other = rules_kit.a_role(office, '{"and":["type:is:seller"]}', label="Seller desk")
        with office.inside():
            found = role_differences.between(roles.get(one), roles.get(other)).rights
            assert {(d.entity, d.more) for d in found} == {("contact", None)}
            wide = role_differences.between(roles.get(one), roles.get(office.broker.role_id)).rights
            assert {(d.entity, d.more) for d in wide} == {("contact", True)}
    sign_in(client, office.owner)
    page = client.get(f"/settings/roles/compare?a={one}&b={other}").text
    assert "By rule: Type is Seller" in page and "neither more nor less" in page
    client.get(f"/settings/roles/{one}/copy")
    made = int(client.submit(f"/settings/roles/{one}/copy", {"label": "Copy"}).location.rpartition("/")[2])
    with app.app_context(), office.inside():
        assert roles.current_rights(roles.get(made))["contact"]["write"] == Rule(BUYERS)
        roles.delete(made, actor=SYSTEM)
        assert set(session.scalars(sa.select(RoleRule.role_id))) == {one, other}


def test_a_change_of_the_rule_is_audited_with_both(app: Flask, world: World) -> None:
    office = world.harbour
    with app.app_context():
        role = rules_kit.a_role(office, BUYERS)
        with office.inside():
            later = rules_kit.ruled('{"and":["name:contains:Whitcombe","type:is:seller"]}', "contact")
            roles.update(role, "Buyer desk", later, actor=office.actor("owner"))
            row = session.scalars(sa.select(Audit).where(Audit.action == "role.changed")).one()
            assert f"contact:read.rule {BUYERS}" in row.facts["old"]
            assert 'contact:read.rule {"and":["name:contains:…","type:is:seller"]}' in row.facts["new"]
            assert "Whitcombe" not in str(row.facts), "what nothing erases holds no name"


# What a rule rests on


def test_a_field_that_a_rule_asks_for_stays_as_it_is(app: Flask, client: Browser, world: World) -> None:
    office = world.harbour
    with app.app_context(), office.inside():
        made = define_all("contact", actor=SYSTEM, only=("Rooms", "School area"))
        rooms, area = made["x_rooms"].id, made["x_school_area"].id
        rules_kit.a_role(office, '{"and":["x_rooms:after:3","x_school_area:is:north"]}')
        with pytest.raises(Invalid, match="“Buyer desk” asks for “Rooms”"):
            custom_fields.reshape(rooms, {"kind": "text"}, actor=SYSTEM)
        with pytest.raises(Invalid, match="asks for “Rooms”"):
            records.delete(CustomField, rooms, actor=SYSTEM)
        custom_fields.reshape(area, {"options": [("south", "South")]}, actor=SYSTEM)
        records.update(CustomField, rooms, {"label": "Bedrooms"}, actor=SYSTEM)
        session.remove()
    sign_in(client, office.owner)
    spec = "/custom-fields" if client.get(f"/custom-fields/{rooms}").status_code == 200 else "/custom_field"
    client.get(f"{spec}/{rooms}")
    answer = client.submit(f"{spec}/{rooms}/delete")
    assert "Buyer desk" in (client.get(answer.location).text if answer.status_code == 303 else answer.text)
    with app.app_context(), office.inside():
        assert session.get(CustomField, rooms) is not None
        kept = {role.label for role in roles.of_workspace() if not role.builtin}
        assert kept == {"Buyer desk"}


def test_a_broken_rule_is_closed_and_said_loudly(app: Flask, world: World) -> None:
    office = world.harbour
    with app.app_context():
        role = rules_kit.a_role(office, BUYERS)
        rules_kit.give(office, role)
        with office.inside():
            session.execute(
                sa.update(RoleRule.__table__).values(text='{"and":["x_gone:filled"]}'),
                execution_options={"walled_reason": "a test breaks a rule"},
            )
            session.commit()
        permissions._cache.clear()
    mine, boss = browser(app, office.agent), browser(app, office.owner)
    page = mine.get("/contacts/")
    assert page.status_code == 200 and "Dana" not in page.text
    assert mine.get(f"/contacts/{office.contacts['Dana Whitcombe']}").status_code == 404
    shown = boss.get(f"/settings/roles/{role}").text
    assert "can’t be read any more" in shown and boss.get(f"/settings/roles/{role}/rule/contact").status_code == 200
    asked = f"/settings/roles/why?member={office.agent.membership_id}&entity=contact&act=read"
    told = boss.get(f"{asked}&record={office.contacts['Dana Whitcombe']}").text
    assert "reaches nothing" in told


# Why


def test_the_part_of_the_rule_that_fails_is_named(app: Flask, world: World) -> None:
    office = world.harbour
    with app.app_context():
        rules_kit.give(office, rules_kit.a_role(office, BUYERS))
    boss, eli = browser(app, office.owner), office.contacts["Eli Moreno"]
    asked = f"/settings/roles/why?member={office.agent.membership_id}&entity=contact&act=read&record="
    page = boss.get(f"{asked}{eli}").text
    assert "may not" in page and "Type is Buyer and (Owner is me or Stage is Active)" in page
    why = re.search(r"does not meet the rule of the role: ([^<]*)", page)
    assert why and "Owner is me; Stage is Active" in why[1] and "Type" not in why[1]
    page = boss.get(f"{asked}{office.contacts['Dana Whitcombe']}").text
    assert "meets the rule of the role: Type is Buyer; Owner is me." in page


def test_who_does_not_see_the_field_is_told_of_the_rule_alone(app: Flask, world: World) -> None:
    """The page is no way to ask for a hidden value; neither is the role's own page, nor saying rules over it."""
    office = world.harbour
    with app.app_context():
        role = rules_kit.a_role(office, '{"and":["next_step:contains:secret"]}')
        rules_kit.give(office, role)
        with office.inside():
            field_rights.limit(role, "contact", {"next_step": "hidden"}, actor=SYSTEM)
            field_rights.limit(office.admin.role_id, "contact", {"next_step": "hidden"}, actor=SYSTEM)
            dana, eli = office.contacts["Dana Whitcombe"], office.contacts["Eli Moreno"]
            records.update(Contact, eli, {"next_step": "the secret plan"}, actor=SYSTEM)
    mine, admin = browser(app, office.agent), browser(app, office.admin)
    assert "Eli Moreno" in mine.get("/contacts/").text and "Dana Whitcombe" not in mine.get("/contacts/").text
    for who in (mine, admin):
        page = who.get(
            f"/settings/roles/why?member={office.agent.membership_id}&entity=contact&act=read&record={eli}"
        ).text
        assert "meets the rule of the role." in page and "secret" not in page and "Next step" not in page
    assert admin.get(f"/contacts/{dana}").status_code == 200
    shown = admin.get(f"/settings/roles/{role}").text
    assert "a field that you do not see" in shown and "secret" not in shown
    url = f"/settings/roles/{role}/rule/contact"
    opened = admin.get(url).text
    assert "secret" not in opened and "Next step" not in opened
    rule = {
        "0-count": "1",
        "0.0-field": "next_step",
        "0.0-op": "starts",
        "0.0-value": "the",
        "for-read": "1",
        "refresh": "1",
    }
    assert "This rule reaches" not in admin.submit(url, rule).text
    wanted = rules_kit.ruled('{"and":["next_step:starts:the"]}', "contact")
    seen_as = scope.seen_as(office.admin.role_id)
    with app.app_context(), office.inside(), seen_as, pytest.raises(Invalid, match="does not see"):
        roles.create("Probe", wanted, actor=office.actor("admin"))


@pytest.mark.needs("postgres")
def test_the_whole_on_postgresql(tmp_path: Path) -> None:
    """Rules are read behind row security, before a request is inside its workspace."""
    with postgres_world.served(tmp_path) as (app, world):
        office = world.harbour
        with app.app_context(), office.inside():
            define_all("contact", actor=SYSTEM, only=("Rooms",))
            rules_kit.give(office, rules_kit.a_role(office, '{"and":["x_rooms:after:3"]}'))
            records.update(Contact, office.contacts["Eli Moreno"], {"x_rooms": 5}, actor=SYSTEM)
            session.remove()
        permissions._cache.clear()
        mine = browser(app, office.agent)
        page = mine.get("/contacts/").text
        assert "Eli Moreno" in page and "Dana Whitcombe" not in page
        eli = office.contacts["Eli Moreno"]
        mine.get(f"/contacts/{eli}/edit")
        assert mine.submit(f"/contacts/{eli}/cell/x_rooms", {"x_rooms": "2", "version": "2"}).status_code == 422
        key = program(app, office, "agent")
        assert [row["id"] for row in key.get("/api/v1/contact/?q=moreno").json["data"]] == [eli]
        assert key.patch(f"/api/v1/contact/{eli}", json={"x_rooms": 1}).status_code == 422
        assert key.get(f"/api/v1/contact/{office.contacts['Dana Whitcombe']}").status_code == 404
        role = browser(app, office.owner).get(f"/settings/roles/{_newest(app, office)}").text
        assert "Rooms more than 3" in role


def _newest(app: Flask, office: Office) -> int:
    with app.app_context(), office.inside():
        return next(role.id for role in roles.of_workspace() if not role.builtin)

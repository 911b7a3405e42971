"""Granted access: an owner lets somebody act as another for a while; what it opens, what stays closed, how it ends."""

from __future__ import annotations

import datetime as dt
import html
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import time_machine
from flask import Flask

from app import permissions
from app.errors import Forbidden, Invalid
from app.services import access_grants, accounts, members, records, roles
from app.services.operation import operation
from jobs import runner
from models import scope
from models.access import AccessGrant
from models.audit import Audit, Change
from models.base import session
from models.contact import Contact
from models.fields import now
from models.workspace import Workspace
from tests.contracts import walk
from tests.factories import SYSTEM, Browser, Office, Person, World, sign_in

WHY = "Contacts of Ada look wrong"
TYPED = {"type": "buyer", "stage": "new", "lawful_basis": "consent"}


def granted(app: Flask, office: Office, who: Person, target: str, by: str = "owner", minutes: int = 60) -> int:
    """Access for a member, or an operator where `who` is none of this office; the id of the grant."""
    member = who.membership_id if who.workspace_id == office.id else None
    with app.app_context(), office.inside():
        made = access_grants.grant(
            member_id=member, operator="" if member else who.email, target=target, purpose=WHY, minutes=minutes,
            actor=office.actor(by),
        )  # fmt: skip
        return int(made.id)


def operator_of(app: Flask) -> Person:
    """Somebody of the platform, a member nowhere."""
    with app.app_context():
        user = accounts.create_user(accounts.NewUser("Sam Support", "sam@platform.example.com"), actor=SYSTEM)
        accounts.set_operator(user, True, actor=SYSTEM)
        return Person("Sam Support", user.email, "", user.id, 0, 0, None, 0)


def begin(client: Browser, person: Person, key: int) -> Any:
    sign_in(client, person)
    assert WHY in client.get("/account/access").text
    answer = client.submit(f"/account/access/{key}/start")
    assert answer.status_code == 303, answer.text[-800:]
    client.token = ""
    client.get("/")
    return answer


def rows(app: Flask, office: Office, model: Any, *wanted: Any) -> list[Any]:
    with app.app_context(), office.inside():
        return list(session.scalars(sa.select(model).where(*wanted).order_by(model.id)))


def test_a_colleague_acts_as_an_agent_with_both_names_on_every_row(app: Flask, client: Browser, world: World) -> None:
    office = world.harbour
    sign_in(client, office.owner)
    wanted = {
        "member": str(office.broker.membership_id), "target": f"person:{office.agent.membership_id}", "minutes": "30",
        "purpose": WHY,
    }  # fmt: skip
    assert client.submit("/settings/access/new", wanted, page="/settings/access/new").status_code == 303
    (grant,) = rows(app, office, AccessGrant)
    broker = app.test_client()
    begin(broker, office.broker, grant.id)
    page = html.unescape(broker.get("/contacts/").text)
    assert "Bruno Brook, you act as Ada Agent" in page and WHY in page and "End now" in page
    assert "Dana Whitcombe" in page and "Gus Lindqvist" not in page, "what Ada sees, no more"
    dana = office.contacts["Dana Whitcombe"]
    form = f"/contacts/{dana}/edit"
    broker.get(form)
    mine = {"owner_id": str(office.agent.membership_id), "team_id": str(office.teams["east"]), "version": "1"}
    typed = {**TYPED, **mine, "name": "Dana Whitcombe", "next_step": "Call back"}
    answer = broker.submit(form, typed)
    assert answer.status_code == 302, answer.text[-800:]
    (change,) = rows(app, office, Change, Change.record_id == dana, Change.verb == "update")
    (audit,) = rows(app, office, Audit, Audit.record_id == dana, Audit.action == "contact.update")
    for row in (change, audit):
        assert (row.actor, row.on_behalf_of) == ("Bruno Brook", f"Ada Agent (access {grant.id})")
    assert change.membership_id == audit.actor_id == office.broker.membership_id
    assert "Bruno Brook, for Ada Agent" in html.unescape(broker.get(f"/contacts/{dana}").text)
    assert broker.submit("/account/access/end").status_code == 303
    assert "you act as" not in broker.get("/contacts/").text and "Gus Lindqvist" in broker.get("/contacts/").text
    steps = [r.action for r in rows(app, office, Audit, Audit.entity == "access_grant")]
    assert steps == ["access.granted", "access.started", "access.ended"]


def test_both_are_told_by_e_mail_and_a_missing_factor_is_asked_for_first(
    app: Flask, client: Browser, world: World
) -> None:
    office = world.harbour
    key = granted(app, office, office.broker, f"person:{office.agent.membership_id}")
    runner.drain(app)
    letters = {text.split("To: ")[1].split()[0]: text for one in (Path(app.config["DATA_DIR"]) / "outbox").glob("*.eml")
               if (text := one.read_text())}  # fmt: skip
    assert set(letters) == {office.broker.email, office.agent.email}
    assert "You may act as Ada Agent" in letters[office.broker.email] and WHY in letters[office.broker.email]
    assert "Bruno Brook may act as you" in letters[office.agent.email]
    with app.app_context(), office.inside(), operation("test.require", actor=SYSTEM):
        session.get_one(Workspace, office.id).require_mfa = True
    sign_in(client, office.broker)
    answer = client.submit(f"/account/access/{key}/start")
    assert answer.headers["Location"] == "/account/security?why=access"
    assert "Begin under" not in (page := client.get(answer.headers["Location"]).text) and "granted you access" in page
    assert not rows(app, office, Audit, Audit.action == "access.started")


def test_all_that_stays_closed(app: Flask, client: Browser, world: World) -> None:
    office = world.harbour
    key = granted(app, office, office.agent, f"role:{office.owner.role_id}")
    begin(client, office.agent, key)
    assert "Gus Lindqvist" in client.get("/contacts/").text
    closed = [
        ("/contacts/export.csv", {}), ("/compliance/audit.csv", {}), ("/contacts/import", {}),
        ("/account/keys/new", {"name": "x"}), ("/account/", {"name": "x"}), ("/auth/change", {}),
        ("/settings/members/invite", {"email": "x@example.com"}),
        (f"/settings/members/{office.reader.membership_id}", {"role_id": str(office.agent.role_id)}),
        (f"/settings/members/{office.reader.membership_id}/remove", {}),
        (f"/settings/roles/{office.agent.role_id}/copy", {"label": "Mine"}),
        (f"/settings/roles/{office.agent.role_id}/fields/contact", {"level-budget_max": "hidden"}),
        ("/settings/workspace", {"name": "Taken"}), ("/settings/access/new", {}),
        (f"/settings/access/{key}/revoke", {}), ("/customise/contact/new", {}), ("/teams/new", {"name": "x"}),
        (f"/people/{office.reader.membership_id}/edit", {"name": "x", "version": "1"}),
    ]  # fmt: skip
    for url, data in closed:
        answer = client.submit(url, data)
        assert answer.status_code == 403, (url, answer.status_code)
        assert "you act as the role Owner" in html.unescape(answer.text), url
    shown = html.unescape(client.get("/settings/roles/why?entity=contact&act=export").text)
    assert "The granted access in use leaves out “export” on contacts." in shown and "may not export" in shown


def test_every_right_under_access_is_one_of_the_roles_own(app: Flask, world: World) -> None:
    with app.app_context(), world.harbour.inside():
        for role in roles.of_workspace():
            whole = roles.current_rights(role)
            kept = permissions.while_acting(whole)
            for entity, actions in kept.items():
                assert actions.items() <= whole[entity].items()
                assert "export" not in actions
            assert not {"api_key", "import"} & set(kept)
            assert all(set(kept.get(e, {})) <= {"read"} for e in ("role", "membership", "workspace", "custom_field"))


def test_it_ends_with_its_time_and_at_once_when_revoked(app: Flask, client: Browser, world: World) -> None:
    office = world.harbour
    agent = app.test_client()
    first = granted(app, office, office.agent, f"person:{office.broker.membership_id}", minutes=15)
    begin(agent, office.agent, first)
    gus = f"/contacts/{office.contacts['Gus Lindqvist']}"
    assert agent.get(gus).status_code == 200
    with time_machine.travel(now() + dt.timedelta(minutes=16), tick=False):
        over = agent.get(gus)
        assert over.status_code == 403 and "is over" in over.text
        assert agent.get(gus).status_code == 404, "themselves again"
        assert agent.submit(f"/account/access/{first}/start", page="/account/access").status_code == 404
    second = granted(app, office, office.agent, f"person:{office.broker.membership_id}")
    begin(agent, office.agent, second)
    sign_in(client, office.admin)
    assert ", in use" in client.get("/settings/access").text
    assert client.submit(f"/settings/access/{second}/revoke").status_code == 303
    assert agent.get(gus).status_code == 403
    ended = [r.facts["how"] for r in rows(app, office, Audit, Audit.action == "access.ended")]
    assert ended == ["over", "revoked"]


def test_what_runs_out_unseen_is_noted_by_the_clock(app: Flask, client: Browser, world: World) -> None:
    office = world.harbour
    key = granted(app, office, office.agent, f"role:{office.broker.role_id}", minutes=15)
    begin(client, office.agent, key)
    with time_machine.travel(now() + dt.timedelta(hours=1), tick=False), app.app_context():
        assert access_grants.close_over(actor=SYSTEM) == 1
        assert access_grants.close_over(actor=SYSTEM) == 0
    (row,) = rows(app, office, Audit, Audit.action == "access.ended")
    assert (row.workspace_id, row.record_id, row.facts) == (office.id, key, {"how": "over"})


def test_signing_out_ends_it_and_signing_in_does_not_bring_it_back(app: Flask, client: Browser, world: World) -> None:
    office = world.harbour
    key = granted(app, office, office.agent, f"person:{office.broker.membership_id}")
    begin(client, office.agent, key)
    client.submit("/auth/logout")
    sign_in(client, office.agent, form=True)
    assert "you act as" not in client.get("/").text
    assert [r.facts["how"] for r in rows(app, office, Audit, Audit.action == "access.ended")] == ["signed out"]


def test_beginning_needs_a_fresh_sign_in(app: Flask, client: Browser, world: World) -> None:
    office = world.harbour
    key = granted(app, office, office.agent, f"person:{office.broker.membership_id}")
    sign_in(client, office.agent, paa=0)
    client.get("/account/access")
    answer = client.submit(f"/account/access/{key}/start")
    assert answer.status_code == 303 and "/auth/verify" in answer.location
    assert client.get(f"/contacts/{office.contacts['Gus Lindqvist']}").status_code == 404


def test_somebody_of_the_platform_has_no_other_way_in(app: Flask, client: Browser, world: World) -> None:
    office, sam = world.harbour, operator_of(app)
    sign_in(client, sam)
    for call in walk.calls(app, office.contacts["Dana Whitcombe"], "GET"):
        if not call.url.startswith(("/auth/", "/account/", "/assets/", "/static/", "/api/", "/v1/")) and call.screen:
            assert client.get(call.url).status_code == 403, call
    assert "Access that was granted to you" in client.get("/").text
    key = granted(app, office, sam, f"person:{office.agent.membership_id}")
    begin(client, sam, key)
    page = html.unescape(client.get("/contacts/").text)
    assert "Sam Support, you act as Ada Agent" in page and "Dana" in page and "Gus" not in page
    theirs = world.summit.contacts["Dana Whitcombe"]
    assert client.get(f"/contacts/{theirs}").status_code == 404, "one workspace, no other"
    answer = client.submit("/contacts/new", {**TYPED, "name": "Walter New"})
    assert answer.status_code == 302, answer.text[-800:]
    (made,) = rows(app, office, Contact, Contact.name == "Walter New")
    assert (made.created_by, made.owner_id) == ("Sam Support", office.agent.membership_id)
    (row,) = rows(app, office, Audit, Audit.record_id == made.id, Audit.action == "contact.create")
    assert (row.actor, row.on_behalf_of, row.actor_id) == ("Sam Support", f"Ada Agent (access {key})", None)
    with app.app_context():
        user = accounts.find(sam.email)
        assert user is not None
        accounts.set_operator(user, False, actor=SYSTEM)
    assert client.get("/contacts/").status_code == 403, "no longer of the platform"


def test_in_a_role_the_platform_owns_nothing(app: Flask, client: Browser, world: World) -> None:
    """Own records of somebody who is no member are none, and not those that nobody owns."""
    office, sam = world.harbour, operator_of(app)
    with app.app_context(), office.inside():
        gus = office.contacts["Gus Lindqvist"]
        records.update(Contact, gus, {"owner_id": None, "team_id": None}, actor=SYSTEM)
    key = granted(app, office, sam, f"role:{office.agent.role_id}")
    begin(client, sam, key)
    page = client.get("/contacts/")
    assert page.status_code == 200 and "Gus Lindqvist" not in page.text and "Dana Whitcombe" not in page.text
    planted = client.submit("/contacts/new", {**TYPED, "name": "Nobody's"})
    assert planted.status_code == 422 and "within your own reach" in planted.text


def test_a_job_asked_for_under_access_ends_with_it(app: Flask, world: World) -> None:
    from jobs import actors
    from jobs.run import Refused

    office = world.harbour
    key = granted(app, office, office.agent, f"role:{office.broker.role_id}")
    portrait = {
        "kind": "user", "label": "Ada Agent", "user_id": office.agent.user_id, "grant_id": key,
        "membership_id": office.agent.membership_id,
    }  # fmt: skip
    with app.app_context(), office.inside():
        found = actors.restore(portrait, 1)
        assert found.on_behalf_of == f"the role Broker (access {key})"
        assert permissions.reach(found, "write", "contact") == "workspace"
        assert permissions.reach(found, "export", "contact") is None
        access_grants.revoke(key, actor=office.actor("owner"))
        with pytest.raises(Refused, match="granted access"):
            actors.restore(portrait, 1)


def test_nobody_grants_what_they_could_not_give(app: Flask, world: World) -> None:
    office = world.harbour

    def give(by: str, who: str, target: str, **more: Any) -> None:
        access_grants.grant(
            **{
                "member_id": office.people[who].membership_id,
                "operator": "",
                "target": target,
                "purpose": WHY,
                "minutes": 60,
                "actor": office.actor(by),
                **more,
            }
        )

    with app.app_context(), office.inside():
        for by in ("broker", "agent", "compliance", "reader"):
            with pytest.raises(Forbidden):
                give(by, "colleague", f"role:{office.reader.role_id}")
        with pytest.raises(Forbidden, match="Only an owner"):
            give("admin", "agent", f"person:{office.owner.membership_id}")
        for wrong in (
            {"target": f"person:{office.agent.membership_id}", "who": "agent"},
            {"target": f"role:{world.summit.agent.role_id}"},
            {"target": f"person:{world.summit.agent.membership_id}"},
            {"target": "everything"}, {"who": "owner"}, {"minutes": 9999}, {"purpose": " "},
            {"member_id": world.summit.agent.membership_id}, {"operator": "sam@platform.example.com"},
            {"member_id": None, "operator": world.summit.owner.email}, {"member_id": None},
        ):  # fmt: skip
            asked = {"by": "owner", "who": "agent", "target": f"role:{office.broker.role_id}", **wrong}
            with pytest.raises(Invalid):
                give(**asked)
        assert session.scalars(sa.select(AccessGrant)).all() == []


def test_it_is_over_when_what_it_rests_on_changes(app: Flask, world: World) -> None:
    office = world.harbour
    key = granted(app, office, office.agent, f"person:{office.colleague.membership_id}")
    user = office.agent.user_id
    with app.app_context(), office.inside():
        assert access_grants.live(key, user) is not None
        assert access_grants.live(key, office.broker.user_id) is None, "somebody else's"
        members.change(office.colleague.membership_id, role_id=office.broker.role_id, team_id=None, actor=SYSTEM)
        assert access_grants.live(key, user) is None, "the person has more now than was granted"
        back = office.colleague
        members.change(back.membership_id, role_id=back.role_id, team_id=back.team_id, actor=SYSTEM)
        assert access_grants.live(key, user) is not None
        members.remove(office.agent.membership_id, actor=SYSTEM)
        assert access_grants.live(key, user) is None, "the one who was granted it has left"


def test_grants_stay_within_their_brokerage(app: Flask, client: Browser, world: World) -> None:
    key = granted(app, world.summit, world.summit.agent, f"role:{world.summit.broker.role_id}")
    sign_in(client, world.harbour.owner)
    page = client.get("/settings/access")
    assert page.status_code == 200 and WHY not in page.text
    assert client.submit(f"/settings/access/{key}/revoke").status_code == 404
    assert WHY not in client.get("/account/access").text
    assert client.submit(f"/account/access/{key}/start").status_code == 404
    sign_in(client, world.harbour.compliance)
    assert WHY not in client.get("/compliance/access/").text
    sign_in(client, world.summit.compliance)
    assert WHY in client.get("/compliance/access/").text
    with app.app_context(), world.harbour.inside():
        assert session.scalars(sa.select(AccessGrant)).all() == []
    assert scope.current() is None

"""Members of a brokerage: invited, given roles, removed; and what nobody may do to another brokerage."""

from __future__ import annotations

import datetime as dt

import pytest
import sqlalchemy as sa
import time_machine
from flask import Flask

from app.errors import Forbidden, Invalid
from app.services import invitations, members, roles, workspaces
from app.services.operation import operation
from models.base import session
from models.scope import Reach
from models.user import Role, User
from models.workspace import Membership, Workspace
from tests.factories import SYSTEM, Browser, Office, Person, World, sign_in
from tests.web.mailbox import link_in, mails
from tests.web.test_identity_sign_in import START, attempt, audited

PASSWORD = "a green door with seven locks"
NEWCOMER = "nina@newcomer.example.com"


def role_id(office: Office, key: str) -> int:
    found = session.scalar(sa.select(Role.id).where(Role.workspace_id == office.id, Role.key == key))
    assert found is not None
    return int(found)


def invite(
    app: Flask, client: Browser, office: Office, email: str = NEWCOMER, role: str = "agent", who: str = "owner"
) -> str:
    """Invite through the page; returns the path of the mailed link."""
    with app.app_context():
        wanted = {
            "email": email,
            "name": "Nina New",
            "role_id": str(role_id(office, role)),
            "team_id": str(office.teams["east"]),
        }
    sign_in(client, office.people[who])
    answer = client.submit("/settings/members/invite", wanted, page="/settings/members/invite")
    assert answer.status_code == 303, answer.text[-800:]
    with app.app_context():
        return link_in(mails(email)[-1])


def test_a_newcomer_joins_by_invitation(app: Flask, client: Browser, world: World) -> None:
    link = invite(app, client, world.harbour)
    assert NEWCOMER in client.get("/settings/members").text
    newcomer = app.test_client()
    assert "Join Harbour &amp; Pine Realty" in newcomer.get(link).text
    assert newcomer.submit(link, {"name": "Nina New", "password": "short"}).status_code == 422
    assert newcomer.submit(link, {"name": "Nina New", "password": PASSWORD}).headers["Location"] == "/"
    assert world.harbour.name.replace("&", "&amp;") in newcomer.get("/").text
    assert app.test_client().get(link).status_code == 410, "once"
    with app.app_context(), world.harbour.inside():
        member = members.by_email(NEWCOMER)
        assert (member.name, member.team_id, session.get_one(Role, member.role_id).key) == (
            "Nina New",
            world.harbour.teams["east"],
            "agent",
        )
        assert [row.workspace_id for row in audited("invitation.accepted")] == [world.harbour.id]


def test_somebody_with_an_account_joins_a_second_brokerage_and_switches(
    app: Flask, client: Browser, world: World
) -> None:
    person = world.summit.agent
    link = invite(app, client, world.harbour, email=person.email)
    visitor = app.test_client()
    assert "Sign in with it first" in visitor.get(link).text
    sign_in(visitor, person)
    visitor.get(link)
    assert visitor.submit(link).headers["Location"] == "/"
    assert world.harbour.name.replace("&", "&amp;") in visitor.get("/account/").text
    assert visitor.submit("/account/switch", {"slug": "summit"}).status_code == 303
    page = visitor.get("/account/").text
    assert f'<b class="text-truncate">{world.summit.name}</b>' in page
    assert "Harbour" in page, "offered in the switcher"
    again = app.test_client()
    attempt(again, person.email, person.password)
    assert f'<b class="text-truncate">{world.summit.name}</b>' in again.get("/account/").text, (
        "the last one is remembered"
    )


def test_the_invitation_of_another_person_is_of_no_use(app: Flask, client: Browser, world: World) -> None:
    link = invite(app, client, world.harbour, email=world.summit.agent.email)
    thief = app.test_client()
    sign_in(thief, world.summit.broker)
    thief.get(link)
    answer = thief.submit(link, {"name": "Thief", "password": PASSWORD}, page="/account/")
    assert "Sign in with it first" in answer.text
    with app.app_context(), world.harbour.inside():
        assert session.scalar(sa.select(Membership.id).where(Membership.user_id == world.summit.broker.user_id)) is None


def test_an_invitation_ends_after_a_week_and_when_taken_back(app: Flask, client: Browser, world: World) -> None:
    with time_machine.travel(START, tick=False) as clock:
        link = invite(app, client, world.harbour)
        newer = invite(app, client, world.harbour)
        assert app.test_client().get(link).status_code == 410, "a newer invitation replaces it"
        clock.shift(dt.timedelta(days=7, seconds=1))
        assert app.test_client().get(newer).status_code == 410
    third = invite(app, client, world.harbour)
    assert app.test_client().get(third).status_code == 200
    with app.app_context(), world.harbour.inside():
        (open_,) = invitations.pending()
        key = open_.id
    outsider = app.test_client()
    sign_in(outsider, world.summit.owner)
    assert outsider.submit(f"/settings/invitations/{key}/revoke", page="/account/").status_code == 404
    assert client.submit(f"/settings/invitations/{key}/revoke", page="/settings/members").status_code == 303
    assert app.test_client().get(third).status_code == 410


def test_an_agent_can_neither_invite_nor_change_nor_remove(client: Browser, world: World) -> None:
    sign_in(client, world.harbour.agent)
    assert client.get("/settings/members").status_code == 200, "colleagues can be seen"
    for page in (
        "/settings/members/invite",
        f"/settings/members/{world.harbour.reader.membership_id}",
        f"/settings/members/{world.harbour.reader.membership_id}/remove",
    ):
        assert client.get(page).status_code == 403, page
        assert client.submit(page, page="/account/").status_code == 403, page


def test_removal_acts_on_the_very_next_request(app: Flask, client: Browser, world: World) -> None:
    victim, gone = app.test_client(), world.harbour.agent
    sign_in(victim, gone)
    assert victim.get("/contacts/").status_code == 200
    sign_in(client, world.harbour.owner)
    assert (
        client.submit(
            f"/settings/members/{gone.membership_id}/remove", page=f"/settings/members/{gone.membership_id}/remove"
        ).status_code
        == 303
    )
    assert victim.get("/contacts/").status_code == 303
    answer = attempt(victim, gone.email, gone.password)
    assert answer.status_code == 302, "the account is the person's own"
    nowhere = victim.get("/contacts/")
    assert nowhere.status_code == 403
    assert "no member of a workspace" in nowhere.text
    assert victim.submit("/auth/logout").status_code == 302, "the page has a way out"
    with app.app_context():
        (row,) = audited("membership.removed")
        assert (row.workspace_id, row.record_id, row.facts["sessions"]) == (world.harbour.id, gone.membership_id, 1)


def test_a_new_role_acts_on_the_very_next_request(app: Flask, client: Browser, world: World) -> None:
    agent = app.test_client()
    sign_in(agent, world.harbour.agent)
    assert agent.get(f"/contacts/{world.harbour.contacts['Gus Lindqvist']}").status_code == 404
    with app.app_context():
        wanted = {"role_id": str(role_id(world.harbour, "broker")), "team_id": ""}
    sign_in(client, world.harbour.admin)
    page = f"/settings/members/{world.harbour.agent.membership_id}"
    asked = client.submit(page, wanted, page=page)
    assert asked.status_code == 200 and "Make Ada Agent Broker" in asked.text
    assert agent.get(f"/contacts/{world.harbour.contacts['Gus Lindqvist']}").status_code == 404, "it only asked"
    assert client.submit(page, {**wanted, "confirmed": "1"}).status_code == 303
    assert agent.get(f"/contacts/{world.harbour.contacts['Gus Lindqvist']}").status_code == 200


def test_the_last_owner_stays(app: Flask, world: World) -> None:
    with app.app_context(), world.harbour.inside():
        owner = world.harbour.owner
        for act in (
            lambda: members.remove(owner.membership_id, actor=world.harbour.actor("owner")),
            lambda: members.change(
                owner.membership_id,
                role_id=role_id(world.harbour, "agent"),
                team_id=None,
                actor=world.harbour.actor("owner"),
            ),
        ):
            with pytest.raises(Invalid, match="last owner"):
                act()
        members.change(
            world.harbour.admin.membership_id,
            role_id=role_id(world.harbour, "owner"),
            team_id=None,
            actor=world.harbour.actor("owner"),
        )
        members.remove(owner.membership_id, actor=SYSTEM)
        with pytest.raises(Invalid, match="last owner"):
            members.remove(world.harbour.admin.membership_id, actor=SYSTEM)


def test_an_admin_does_not_touch_owners(app: Flask, world: World) -> None:
    with app.app_context(), world.harbour.inside():
        admin, owner = world.harbour.actor("admin"), role_id(world.harbour, "owner")
        with pytest.raises(Forbidden, match="Only an owner"):
            members.remove(world.harbour.owner.membership_id, actor=admin)
        with pytest.raises(Forbidden, match="Only an owner"):
            members.change(world.harbour.admin.membership_id, role_id=owner, team_id=None, actor=admin)
        with pytest.raises(Forbidden, match="Only an owner"):
            invitations.invite("friend@example.com", "Friend", owner, None, actor=admin, url="http://localhost/")


def test_somebody_without_a_workspace_still_has_their_account(app: Flask, client: Browser, world: World) -> None:
    sign_in(client, world.harbour.agent)
    with app.app_context(), world.harbour.inside(), operation("test.leave", actor=SYSTEM):
        session.get_one(Membership, world.harbour.agent.membership_id).active = False
    for page in ("/account/", "/account/sessions", "/account/security", "/auth/change"):
        assert client.get(page).status_code == 200, page
    for page in ("/", "/contacts/", "/settings/members", "/search/"):
        assert client.get(page).status_code == 403, page
    assert client.get("/account/keys").status_code == 404
    assert client.get("/account/keys/new").status_code == 404
    assert client.submit("/account/", {"name": "New"}, page="/account/security").status_code == 404
    assert client.submit("/account/look", {"theme": "dark"}).status_code == 303


def test_another_brokerages_people_and_roles_are_not_found(app: Flask, client: Browser, world: World) -> None:
    sign_in(client, world.harbour.owner)
    with app.app_context():
        foreign = role_id(world.summit, "agent")
    for page in (
        f"/settings/members/{world.summit.agent.membership_id}",
        f"/settings/members/{world.summit.agent.membership_id}/remove",
        f"/settings/roles/{foreign}",
        f"/settings/roles/{foreign}/copy",
        f"/settings/roles/{foreign}/delete",
    ):
        assert client.get(page).status_code == 404, page
        assert client.submit(page, page="/account/").status_code == 404, page
    mine = f"/settings/members/{world.harbour.agent.membership_id}"
    assert client.submit(mine, {"role_id": str(foreign), "team_id": ""}, page=mine).status_code == 404
    team = client.submit(
        mine, {"role_id": str(world.harbour.agent.role_id), "team_id": str(world.summit.teams["west"])}, page=mine
    )
    assert team.status_code == 422


def test_the_switcher_reaches_no_foreign_workspace(app: Flask, client: Browser, world: World) -> None:
    sign_in(client, world.harbour.owner)
    assert client.submit("/account/switch", {"slug": "summit"}, page="/account/").status_code == 404
    assert world.summit.name not in client.get("/account/").text
    with app.app_context():
        from models.access import UserSession

        session.execute(
            sa.update(UserSession).values(workspace_id=world.summit.id),
            execution_options={"walled_reason": "a forged choice"},
        )
        session.commit()
    page = client.get("/contacts/")
    assert page.status_code == 200
    assert world.summit.name not in page.text, "even a session row that names it leads home"


def test_a_suspended_workspace_says_so_and_lets_one_leave(app: Flask, client: Browser, world: World) -> None:
    sign_in(client, world.harbour.agent)
    with app.app_context(), world.harbour.inside(), operation("test.suspend", actor=SYSTEM):
        session.get_one(Workspace, world.harbour.id).status = "suspended"
    page = client.get("/contacts/")
    assert page.status_code == 403
    assert "suspended" in page.text
    assert client.submit("/auth/logout").status_code == 302
    other = app.test_client()
    sign_in(other, world.summit.agent)
    assert other.get("/contacts/").status_code == 200


def test_a_role_of_ones_own_is_made_edited_and_deleted(app: Flask, client: Browser, world: World) -> None:
    with app.app_context():
        source = role_id(world.harbour, "read_only")
    sign_in(client, world.harbour.admin)
    made = client.submit(
        f"/settings/roles/{source}/copy", {"label": "Listings desk"}, page=f"/settings/roles/{source}/copy"
    ).headers["Location"]
    page = client.get(made)
    assert "Listings desk" in page.text
    assert client.submit(made, {"right-contact-read": "team", "right-contact-write": "own"}).status_code == 303
    with app.app_context(), world.harbour.inside():
        role = roles.get(int(made.rsplit("/", 1)[1]))
        assert roles.current_rights(role) == {"contact": {"read": Reach.TEAM, "write": Reach.OWN}}
    bad = client.submit(made, {"right-contact-fly": "team"})
    assert bad.status_code == 422
    assert client.submit(f"{made}/delete", page=f"{made}/delete").status_code == 303
    assert client.get(made).status_code == 404
    assert (
        client.submit(
            f"/settings/roles/{source}", {"right-contact-read": "own"}, page=f"/settings/roles/{source}"
        ).status_code
        == 422
    ), "built-in roles stay"


def limited(office: Office) -> Person:
    """Make the broker a keeper of roles and members with no other right; inside the office's scope."""
    rights = {
        "role": {"read": Reach.WORKSPACE, "write": Reach.WORKSPACE},
        "membership": {"read": Reach.WORKSPACE, "write": Reach.WORKSPACE},
        "contact": {"read": Reach.TEAM},
    }
    role = roles.create("People desk", rights, actor=office.actor("owner"))
    members.change(office.broker.membership_id, role_id=role.id, team_id=None, actor=office.actor("owner"))
    return Person(
        office.broker.name,
        office.broker.email,
        "custom",
        office.broker.user_id,
        office.broker.membership_id,
        role.id,
        None,
        office.id,
    )


def test_nobody_gives_more_than_they_have(app: Flask, world: World) -> None:
    with app.app_context(), world.harbour.inside():
        world.harbour.people["keeper"] = limited(world.harbour)
        keeper = world.harbour.actor("keeper")
        del world.harbour.people["keeper"]
        for rights in (
            {"contact": {"read": Reach.WORKSPACE}},
            {"contact": {"write": Reach.OWN}},
            {"audit": {"read": Reach.WORKSPACE}},
        ):
            with pytest.raises(Forbidden):
                roles.create("Wider", rights, actor=keeper)
        narrow = roles.create("Narrower", {"contact": {"read": Reach.OWN}}, actor=keeper)
        with pytest.raises(Forbidden):
            roles.update(narrow.id, "Narrower", {"contact": {"delete": Reach.OWN}}, actor=keeper)
        with pytest.raises(Forbidden):
            members.change(
                world.harbour.reader.membership_id, role_id=role_id(world.harbour, "admin"), team_id=None, actor=keeper
            )
        with pytest.raises(Forbidden):
            invitations.invite(
                "friend@example.com",
                "Friend",
                role_id(world.harbour, "owner"),
                None,
                actor=keeper,
                url="http://localhost/",
            )
        with pytest.raises(Forbidden):
            members.remove(world.harbour.owner.membership_id, actor=keeper)
        assert workspaces.current().name == world.harbour.name


def test_the_workspace_profile_is_saved_and_a_stale_form_is_told(app: Flask, client: Browser, world: World) -> None:
    form = {
        "name": "Harbour Realty",
        "color": "#123456",
        "region": "US",
        "zone": "America/Chicago",
        "currency": "USD",
        "version": "1",
    }
    sign_in(client, world.harbour.owner)
    bad = client.submit("/settings/workspace", form | {"zone": "Nowhere/Land"}, page="/settings/workspace")
    assert bad.status_code == 422
    assert 'value="Harbour Realty"' in bad.text, "what was typed stays"
    assert client.submit("/settings/workspace", form).status_code == 303
    assert "Harbour Realty" in client.get("/").text
    stale = client.submit("/settings/workspace", form | {"name": "Older"})
    assert stale.status_code == 422
    assert "Somebody else saved" in stale.text
    reader = app.test_client()
    sign_in(reader, world.harbour.compliance)
    assert reader.get("/settings/workspace").status_code == 200
    assert reader.submit("/settings/workspace", form | {"version": "2"}, page="/account/").status_code == 403


def test_ones_own_profile_and_look(app: Flask, client: Browser, world: World) -> None:
    sign_in(client, world.harbour.agent)
    assert (
        client.submit("/account/", {"name": "Ada A. Agent", "phone": "not a phone"}, page="/account/").status_code
        == 422
    )
    assert (
        client.submit(
            "/account/", {"name": "Ada A. Agent", "phone": "(415) 555-0134", "job_title": "Agent", "license": "01234"}
        ).status_code
        == 303
    )
    assert "Ada A. Agent" in client.get("/account/").text
    assert client.submit("/account/look", {"theme": "dark", "next": "/contacts/"}).headers["Location"] == "/contacts/"
    assert 'data-bs-theme="dark"' in client.get("/account/").text
    assert client.submit("/account/look", {"theme": "purple"}).status_code == 422
    with app.app_context():
        user = session.get_one(User, world.harbour.agent.user_id)
        assert (user.theme, user.shortcuts) == ("dark", True)

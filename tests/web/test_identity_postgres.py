"""The same doors on PostgreSQL, as the role that does not own its tables, with row security as the second wall."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
import time_machine
from flask import Flask

from app.services import access_grants
from models.base import db
from models.fields import now
from tests.factories import SYSTEM, World, sign_in
from tests.postgres_world import served
from tests.web.mailbox import link_in, mails
from tests.web.test_access_grants import begin, granted, operator_of
from tests.web.test_identity_keys import LIST, bearer, make, names
from tests.web.test_identity_members import invite, role_id
from tests.web.test_identity_sign_in import attempt, audited

pytestmark = [pytest.mark.needs("postgres"), pytest.mark.xdist_group("identity-postgres")]
NEW = "a green door with seven locks"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Flask, World]]:
    with served(tmp_path_factory.mktemp("identity")) as found:
        yield found


@pytest.fixture
def app(built: tuple[Flask, World]) -> Flask:
    return built[0]


@pytest.fixture
def world(built: tuple[Flask, World]) -> World:
    return built[1]


def test_the_application_does_not_own_its_tables(app: Flask) -> None:
    with app.app_context(), db.engine.connect() as connection:
        owner = connection.scalar(sa.text("select tableowner from pg_tables where tablename = 'membership'"))
        assert owner != connection.scalar(sa.text("select current_user"))


def test_people_sign_in_work_and_are_removed(app: Flask, world: World) -> None:
    owner, agent = app.test_client(), app.test_client()
    sign_in(owner, world.harbour.owner, form=True)
    sign_in(agent, world.harbour.stranger, form=True)
    assert names(agent.get("/contacts/")) == {"Faye Okafor"}
    assert owner.get("/settings/members").text.count("@harbour.example.com") >= 9
    remove = f"/settings/members/{world.harbour.stranger.membership_id}/remove"
    assert owner.submit(remove, page=remove).status_code == 303
    assert agent.get("/contacts/").status_code == 303


def test_failures_are_counted_and_lock(app: Flask, world: World) -> None:
    person = world.summit.colleague
    for _ in range(10):
        attempt(app.test_client(), person.email, "wrong wrong wrong")
    assert attempt(app.test_client(), person.email, person.password).status_code == 200
    with app.app_context():
        assert len(audited("sign_in.failed")) >= 10


def test_an_invitation_and_a_reset_arrive(app: Flask, world: World) -> None:
    inviter, newcomer = app.test_client(), app.test_client()
    link = invite(app, inviter, world.summit, email="nina@newcomer.example.com")
    newcomer.get(link)
    assert newcomer.submit(link, {"name": "Nina New", "password": "three quiet otters"}).headers["Location"] == "/"
    forgot = app.test_client()
    forgot.submit("/auth/reset", {"email": "nina@newcomer.example.com"}, page="/auth/reset")
    with app.app_context():
        reset = link_in(mails("nina@newcomer.example.com")[-1])
    forgot.get(reset)
    assert forgot.submit(reset, {"password": NEW, "password_confirm": NEW}).status_code == 302
    assert newcomer.get("/account/").status_code == 303
    assert attempt(app.test_client(), "nina@newcomer.example.com", NEW).status_code == 302


def test_a_brokerage_signs_itself_up(app: Flask) -> None:
    client = app.test_client()
    wanted = {"workspace": "Lakeside Realty", "name": "Lea Lake", "email": "lea@lakeside.example.com"}
    client.submit("/auth/sign-up", wanted, page="/auth/sign-up")
    with app.app_context():
        link = link_in(mails(wanted["email"])[-1])
    client.get(link)
    assert client.submit(link, {"password": NEW}).headers["Location"] == "/"
    assert "Lakeside Realty" in client.get("/").text


def test_keys_stay_in_their_workspace(app: Flask, world: World) -> None:
    key = make(app, world.harbour, "owner")
    answer = app.test_client().get(LIST, headers=bearer(key))
    assert answer.status_code == 200
    assert "summit" not in answer.text
    with app.app_context():
        assert role_id(world.harbour, "owner") != role_id(world.summit, "owner")


def test_somebody_of_another_brokerage_joins_and_switches(app: Flask, world: World) -> None:
    person = world.summit.broker
    link = invite(app, app.test_client(), world.harbour, email=person.email)
    client = app.test_client()
    sign_in(client, person)
    client.get(link)
    assert client.submit(link).headers["Location"] == "/"
    assert "Harbour" in client.get("/account/").text
    assert client.submit("/account/switch", {"slug": "summit"}).status_code == 303
    assert names(client.get("/contacts/")) == {"Dana Whitcombe", "Eli Moreno", "Faye Okafor", "Gus Lindqvist"}


def test_access_is_granted_used_and_revoked(app: Flask, world: World) -> None:
    office, client, owner = world.harbour, app.test_client(), app.test_client()
    sam = operator_of(app)
    key = granted(app, office, sam, f"person:{office.colleague.membership_id}")
    begin(client, sam, key)
    assert names(client.get("/contacts/")) == {"Eli Moreno"}
    sign_in(owner, office.owner)
    owner.get("/settings/access")
    assert owner.submit(f"/settings/access/{key}/revoke").status_code == 303
    assert client.get("/contacts/").status_code == 403
    theirs = granted(app, world.summit, world.summit.reader, f"role:{world.summit.agent.role_id}", minutes=15)
    begin(client, world.summit.reader, theirs)
    with time_machine.travel(now() + dt.timedelta(minutes=20), tick=False), app.app_context():
        assert access_grants.close_over(actor=SYSTEM) == 1
    with app.app_context():
        ended = {(row.workspace_id, row.facts["how"]) for row in audited("access.ended")}
    assert ended == {(office.id, "revoked"), (world.summit.id, "over")}


def test_the_command_line_works_under_row_security(app: Flask, world: World) -> None:
    run, email = app.test_cli_runner(), "max@harbour.example.com"
    in_harbour = ["--workspace", "harbour", "--email", email]
    for args in (
        ["user", "create", *in_harbour, "--name", "Max Mill"],
        ["user", "sign-in-link", "--email", email],
        ["api-key", "create", *in_harbour, "--scopes", "*:read"],
        ["user", "operator", "--email", "pat@platform.example.com", "--name", "Pat Platform"],
        ["workspace", "create", "--name", "Cliff Homes", "--owner-email", email, "--owner-name", "Max Mill"],
    ):
        done = run.invoke(args=[*args, "--json"])
        assert done.exit_code == 0, (args, done.output, done.exception)

"""A brokerage signs itself up: whole or not at all, and without telling strangers who has an account."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask_security.utils import hash_password

from app import permissions
from app.services import accounts, workspaces
from models import scope
from models.base import Model, db, session
from models.deal import Stage
from models.scope import across_workspaces
from models.user import Role
from models.workspace import Membership, Workspace
from tests.factories import SYSTEM, Browser, World
from tests.web.mailbox import link_in, mails
from tests.web.test_identity_sign_in import audited

PASSWORD = "a green door with seven locks"
WANTED = {"workspace": "Lakeside Realty", "name": "Lea Lake", "email": "lea@lakeside.example.com"}


def rows() -> dict[str, int]:
    """How many rows each table has."""
    with db.engine.connect() as connection:
        return {
            table.name: connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0
            for table in Model.metadata.sorted_tables
        }


def test_a_broker_makes_a_workspace_from_the_mailed_link(app: Flask, client: Browser) -> None:
    assert "Look into your mailbox" in client.submit("/auth/sign-up", WANTED, page="/auth/sign-up").text
    with app.app_context():
        (mail,) = mails("lea@lakeside.example.com")
        assert workspaces.by_slug("lakeside-realty") is None, "nothing is made before the address is shown to be theirs"
        link = link_in(mail)
    assert "Welcome to Lakeside Realty" in client.get(link).text
    assert client.submit(link, {"password": PASSWORD}).headers["Location"] == "/"
    page = client.get("/")
    assert page.status_code == 200
    assert "Lakeside Realty" in page.text
    with app.app_context():
        made = workspaces.by_slug("lakeside-realty")
        with scope.inside(made.id):
            member = session.scalars(sa.select(Membership)).one()
            assert (member.name, member.email) == ("Lea Lake", "lea@lakeside.example.com")
            assert session.scalars(sa.select(Stage.name).order_by(Stage.position)).all()[-2:] == ["Closed", "Lost"]
            assert sorted(session.scalars(sa.select(Role.key).where(Role.workspace_id == made.id))) == sorted(
                permissions.builtin_roles()
            )
            role = session.get_one(Role, member.role_id)
            assert permissions.rights_of_role(role.id, made.keys_version) == permissions.builtin_roles()["owner"][1]
        assert len(audited("workspace.provisioned")) == 3, "one for each workspace of the test world, and this one"


def test_the_link_of_a_sign_up_works_once(app: Flask, client: Browser) -> None:
    client.submit("/auth/sign-up", WANTED, page="/auth/sign-up")
    with app.app_context():
        link = link_in(mails(WANTED["email"])[0])
    client.get(link)
    client.submit(link, {"password": PASSWORD})
    assert app.test_client().get(link).status_code == 410
    assert app.test_client().get(link[:-3] + "abc").status_code == 410


def test_an_address_that_has_an_account_gets_the_same_page_and_another_mail(
    app: Flask, client: Browser, world: World
) -> None:
    known = WANTED | {"email": world.harbour.agent.email}
    answer = client.submit("/auth/sign-up", known, page="/auth/sign-up")
    assert answer.status_code == 200
    assert "Look into your mailbox" in answer.text
    with app.app_context():
        (mail,) = mails(world.harbour.agent.email)
        assert mail["subject"] == "You have an account"
        assert "/auth/sign-up/" not in mail["text"]


def test_what_was_typed_stays_when_something_is_wrong(client: Browser) -> None:
    answer = client.submit("/auth/sign-up", WANTED | {"email": "no address"}, page="/auth/sign-up")
    assert answer.status_code == 422
    assert 'value="Lakeside Realty"' in answer.text
    assert 'value="no address"' in answer.text


def test_sign_up_can_be_switched_off(app: Flask, client: Browser) -> None:
    assert "/auth/sign-up" in client.get("/auth/login").text
    app.config["SIGN_UP"] = False
    assert client.get("/auth/sign-up").status_code == 404
    assert client.submit("/auth/sign-up", WANTED, page="/auth/login").status_code == 404
    assert "/auth/sign-up" not in client.get("/auth/login").text


class Broken(Exception):
    """The fault that the test injects."""


def test_a_fault_at_any_statement_leaves_nothing_behind(app: Flask) -> None:
    with app.app_context():
        before, statements = rows(), provision_with_fault_at(None)
        assert statements > 30
        session.remove()
        made = rows()
        assert made["workspace"] == before["workspace"] + 1
        for number in range(statements - 1):  # the last one reads back what is committed by then
            with pytest.raises(Broken):
                provision_with_fault_at(number)
            session.remove()
            assert rows() == made, f"a fault at statement {number} left something behind"


def provision_with_fault_at(number: int | None) -> int:
    """Provision a workspace with a new owner, with a fault before the given statement; returns how many statements
    there were.
    """
    seen = 0

    def count(*_args: Any) -> None:
        nonlocal seen
        if seen == number:
            seen += 1
            raise Broken
        seen += 1

    owner = accounts.NewUser("Lea Lake", f"lea{number}@lakeside.example.com", hash_password(PASSWORD))
    sa.event.listen(db.engine, "before_cursor_execute", count)
    try:
        workspaces.provision_workspace(f"Lakeside {number}", owner=owner, actor=SYSTEM)
    finally:
        sa.event.remove(db.engine, "before_cursor_execute", count)
    return seen


def test_the_command_line_makes_a_workspace_and_people(app: Flask) -> None:
    import json

    run = app.test_cli_runner()
    made = run.invoke(
        args=[
            "workspace",
            "create",
            "--name",
            "Lakeside Realty",
            "--owner-email",
            WANTED["email"],
            "--owner-name",
            "Lea Lake",
            "--json",
        ]
    )
    assert made.exit_code == 0, made.output
    assert json.loads(made.output)["slug"] == "lakeside-realty"
    person = ["--email", "max@lakeside.example.com", "--name", "Max Mill", "--role", "agent", "--json"]
    added = run.invoke(args=["user", "create", "--workspace", "lakeside-realty", *person])
    assert added.exit_code == 0, added.output
    assert run.invoke(args=["user", "create", "--workspace", "lakeside-realty", *person]).exit_code == 1, (
        "the same person twice"
    )
    assert run.invoke(args=["user", "create", "--workspace", "nowhere", *person]).exit_code == 1
    weak = run.invoke(
        args=[
            "user",
            "create",
            "--workspace",
            "lakeside-realty",
            "--email",
            "eve@example.com",
            "--name",
            "Eve",
            "--password",
            "password1234",
        ]
    )
    assert weak.exit_code == 1
    with app.app_context(), across_workspaces("counting in a test"):
        lakeside = workspaces.by_slug("lakeside-realty")
        assert isinstance(lakeside, Workspace)
        assert (
            session.scalar(
                sa.select(sa.func.count()).select_from(Membership).where(Membership.workspace_id == lakeside.id)
            )
            == 2
        )

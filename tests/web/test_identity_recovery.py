"""Getting back in: reset of a forgotten password, and the one-time link."""

from __future__ import annotations

import datetime as dt

import time_machine
from flask import Flask

from app.services import accounts
from models import scope
from models.user import User
from tests.factories import Browser, World, sign_in
from tests.web.mailbox import link_in, mails
from tests.web.test_identity_sign_in import START, attempt, audited

NEW = "a green door with seven locks"
SAME_ANSWER = "If this address has an account"


def ask_for_reset(client: Browser, email: str) -> object:
    return client.submit("/auth/reset", {"email": email}, page="/auth/reset")


def link_for(user_email: str) -> str:
    token = accounts.make_sign_in_link(accounts.find(user_email), actor=scope.system("Test"))
    return f"/auth/link/{token}"


def test_a_forgotten_password_is_replaced_and_every_session_ends(app: Flask, client: Browser, world: World) -> None:
    person, elsewhere = world.harbour.agent, app.test_client()
    sign_in(elsewhere, person)
    assert elsewhere.get("/account/").status_code == 200
    assert SAME_ANSWER in ask_for_reset(client, person.email).text
    with app.app_context():
        (mail,) = mails()
        assert mail["to"] == person.email
        link = link_in(mail)
    assert client.get(link).status_code == 200
    done = client.submit(link, {"password": NEW, "password_confirm": NEW})
    assert done.headers["Location"] == "/auth/login", "a reset does not sign in"
    assert elsewhere.get("/account/").status_code == 303
    assert attempt(app.test_client(), person.email, person.password).status_code == 200
    assert attempt(app.test_client(), person.email, NEW).status_code == 302
    with app.app_context():
        assert len(audited("password.reset_asked")) == len(audited("password.reset")) == 1
        assert [m["subject"] for m in mails(person.email)][-1] == "Your password was reset"


def test_a_reset_link_works_once_and_for_an_hour(app: Flask, client: Browser, world: World) -> None:
    person = world.harbour.agent
    with time_machine.travel(START, tick=False) as clock:
        ask_for_reset(client, person.email)
        with app.app_context():
            link = link_in(mails()[0])
        clock.shift(dt.timedelta(minutes=61))
        assert client.get(link).status_code == 302
        ask_for_reset(client, person.email)
        with app.app_context():
            link = link_in(mails()[1])
        client.get(link)
        assert client.submit(link, {"password": NEW, "password_confirm": NEW}).status_code == 302
        again = client.get(link)
        assert again.headers["Location"] == "/auth/reset"


def test_a_weak_new_password_is_refused_and_the_old_one_stays(app: Flask, client: Browser, world: World) -> None:
    person = world.harbour.agent
    ask_for_reset(client, person.email)
    with app.app_context():
        link = link_in(mails()[0])
    client.get(link)
    short = client.submit(link, {"password": "short", "password_confirm": "short"})
    assert "at least 12 characters" in short.text
    named = client.submit(link, {"password": person.email, "password_confirm": person.email})
    assert "others can guess" in named.text
    assert attempt(app.test_client(), person.email, person.password).status_code == 302


def test_an_unknown_address_gets_the_same_page_and_no_mail(app: Flask, client: Browser, world: World) -> None:
    known = ask_for_reset(client, world.harbour.agent.email)
    unknown = ask_for_reset(app.test_client(), "nobody@example.com")
    assert known.status_code == unknown.status_code == 200
    assert SAME_ANSWER in unknown.text
    with app.app_context():
        assert len(mails()) == 1


def test_mail_cannot_be_asked_for_without_end(app: Flask, client: Browser, world: World) -> None:
    answers = [ask_for_reset(app.test_client(), world.harbour.agent.email).status_code for _ in range(12)]
    assert answers[:10] == [200] * 10
    assert answers[10:] == [429] * 2


def test_a_reset_does_not_skip_the_second_factor(app: Flask, client: Browser, world: World) -> None:
    person = world.harbour.agent
    with app.app_context():
        set_up_app(person.user_id)
    ask_for_reset(client, person.email)
    with app.app_context():
        link = link_in(mails()[0])
    client.get(link)
    client.submit(link, {"password": NEW, "password_confirm": NEW})
    answer = attempt(client, person.email, NEW)
    assert answer.headers["Location"].startswith("/auth/tf-validate")
    assert client.get("/account/").status_code == 303


def test_following_a_one_time_link_signs_in_once(app: Flask, client: Browser, world: World) -> None:
    with app.app_context():
        link = link_for(world.harbour.owner.email)
    assert client.get(link).status_code == 200
    assert client.get("/account/").status_code == 303, "opening the link alone does nothing"
    client.get(link)
    assert client.submit(link).headers["Location"] == "/"
    assert client.get("/account/").status_code == 200
    second = app.test_client()
    second.get(link)
    assert second.submit(link).status_code == 410
    assert second.get("/account/").status_code == 303


def test_a_one_time_link_ends_after_a_quarter_of_an_hour(app: Flask, client: Browser, world: World) -> None:
    with time_machine.travel(START, tick=False) as clock:
        with app.app_context():
            link = link_for(world.harbour.owner.email)
        clock.shift(dt.timedelta(minutes=15, seconds=1))
        client.get(link)
        assert client.submit(link).status_code == 410


def test_a_one_time_link_does_not_skip_the_second_factor(app: Flask, client: Browser, world: World) -> None:
    with app.app_context():
        set_up_app(world.harbour.owner.user_id)
        link = link_for(world.harbour.owner.email)
    client.get(link)
    assert client.submit(link).headers["Location"].startswith("/auth/tf-validate")
    assert client.get("/account/").status_code == 303


def test_the_command_line_makes_a_link(app: Flask, client: Browser, world: World) -> None:
    import json

    done = app.test_cli_runner().invoke(args=["user", "sign-in-link", "--email", world.harbour.owner.email, "--json"])
    assert done.exit_code == 0, done.output
    url = json.loads(done.output)["sign_in_link"]
    assert url.startswith(app.config["PUBLIC_URL"] + "/auth/link/")
    path = url.removeprefix(app.config["PUBLIC_URL"])
    client.get(path)
    assert client.submit(path).status_code == 303
    missing = app.test_cli_runner().invoke(args=["user", "sign-in-link", "--email", "nobody@example.com", "--json"])
    assert missing.exit_code == 1


def test_changing_the_password_keeps_this_session_and_ends_the_others(
    app: Flask, client: Browser, world: World
) -> None:
    person, elsewhere = world.harbour.agent, app.test_client()
    sign_in(client, person, form=True)
    sign_in(elsewhere, person)
    wrong = client.submit(
        "/auth/change",
        {"password": "not this one at all", "new_password": NEW, "new_password_confirm": NEW},
        page="/auth/change",
    )
    assert wrong.status_code == 200
    done = client.submit(
        "/auth/change", {"password": person.password, "new_password": NEW, "new_password_confirm": NEW}
    )
    assert done.headers["Location"] == "/account/security"
    assert client.get("/account/").status_code == 200
    assert elsewhere.get("/account/").status_code == 303
    with app.app_context():
        (row,) = audited("password.changed")
        assert (row.workspace_id, row.actor) == (world.harbour.id, person.name)


def set_up_app(user_id: int) -> str:
    """Give a user an authenticator app; returns its secret as stored. Needs an application context."""
    from flask import current_app

    from models.base import session

    user = session.get_one(User, user_id)
    user.tf_totp_secret = current_app.extensions["security"].totp_factory.generate_totp_secret()
    user.tf_primary_method = "authenticator"
    secret = str(user.tf_totp_secret)
    session.commit()
    return secret

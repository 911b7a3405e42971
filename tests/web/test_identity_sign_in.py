"""Signing in, and everything a stranger may try at the door."""

from __future__ import annotations

import datetime as dt

import pytest
import sqlalchemy as sa
import time_machine
from flask import Flask

from models.access import UserSession
from models.audit import Audit
from models.base import session
from models.scope import across_workspaces
from tests.factories import Browser, World, sign_in

START = dt.datetime(2026, 5, 14, 9, 0, tzinfo=dt.UTC)


def attempt(client: Browser, email: str, password: str, **kwargs: object) -> object:
    return client.submit("/auth/login", {"email": email, "password": password}, page="/auth/login", **kwargs)


def audited(action: str) -> list[Audit]:
    with across_workspaces("reading the log in a test"):
        return list(session.scalars(sa.select(Audit).where(Audit.action == action).order_by(Audit.id)))


def cookie(client: Browser) -> str:
    found = client.get_cookie("session")
    return found.value if found else ""


def test_an_owner_signs_in_and_sees_the_console(client: Browser, world: World, app: Flask) -> None:
    answer = sign_in(client, world.harbour.owner, form=True)
    assert answer.headers["Location"] == "/"
    page = client.get("/")
    assert page.status_code == 200
    assert world.harbour.name.replace("&", "&amp;") in page.text
    assert world.summit.name not in page.text
    with app.app_context():
        (row,) = audited("sign_in")
        assert (row.workspace_id, row.actor, row.facts) == (world.harbour.id, "Olive Owen", {"via": "password"})


def test_without_a_session_a_page_leads_to_the_sign_in_and_back(client: Browser, world: World) -> None:
    answer = client.get("/contacts/?q=dana")
    assert answer.status_code == 303
    assert answer.headers["Location"] == "/auth/login?next=/contacts/%3Fq%3Ddana"
    client.get(answer.headers["Location"])
    person = world.harbour.agent
    back = client.submit(
        "/auth/login", {"email": person.email, "password": person.password, "next": "/contacts/?q=dana"}
    )
    assert back.headers["Location"] == "/contacts/?q=dana"


def test_a_wrong_password_and_an_unknown_address_get_the_same_answer(client: Browser, world: World, app: Flask) -> None:
    wrong = attempt(client, world.harbour.owner.email, "not this one at all")
    unknown = attempt(client, "nobody@example.com", "not this one at all")
    assert wrong.status_code == unknown.status_code == 200
    for page in (wrong, unknown):
        assert page.text.count("This e-mail and password do not fit together") == 1
        assert "exist" not in page.text
    with app.app_context():
        rows = audited("sign_in.failed")
        assert [row.workspace_id for row in rows] == [None, None]
        assert world.harbour.owner.email not in str([row.facts for row in rows])


def test_an_unknown_address_costs_a_hash_like_a_known_one(
    client: Browser, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    import flask_security.forms as forms

    hashed: list[str] = []
    monkeypatch.setattr(forms, "hash_password", lambda password: hashed.append(password) or "")
    attempt(client, "nobody@example.com", "not this one at all")
    assert hashed == ["not this one at all"]


def test_ten_failures_lock_the_account_for_a_quarter_of_an_hour(app: Flask, world: World) -> None:
    person = world.harbour.agent
    with time_machine.travel(START, tick=False) as clock:
        for _ in range(10):
            attempt(app.test_client(), person.email, "wrong wrong wrong")
        locked = attempt(app.test_client(), person.email, person.password)
        assert locked.status_code == 200
        assert "do not fit together" in locked.text, "the right password gets the same answer while locked"
        clock.shift(dt.timedelta(minutes=16))
        assert attempt(app.test_client(), person.email, person.password).status_code == 302


def test_others_are_not_locked_with_one_account(app: Flask, world: World) -> None:
    for _ in range(10):
        attempt(app.test_client(), world.harbour.agent.email, "wrong wrong wrong")
    assert attempt(app.test_client(), world.harbour.broker.email, world.harbour.broker.password).status_code == 302


def test_an_address_that_tries_many_accounts_has_to_wait(app: Flask, world: World) -> None:
    client = app.test_client()
    client.get("/auth/login")
    with time_machine.travel(START, tick=False) as clock:
        for number in range(50):
            client.submit(
                "/auth/login",
                {"email": f"guess{number}@example.com", "password": "a guess a guess"},
                page="/auth/login",
            )
        answer = attempt(client, world.harbour.owner.email, world.harbour.owner.password)
        assert answer.status_code == 429
        assert 0 < int(answer.headers["Retry-After"]) <= 901
        clock.shift(dt.timedelta(minutes=16))
        assert attempt(client, world.harbour.owner.email, world.harbour.owner.password).status_code == 302


def test_the_token_changes_at_sign_in_and_an_old_one_is_worthless(app: Flask, world: World) -> None:
    victim, attacker = app.test_client(), app.test_client()
    attacker.get("/auth/login")
    planted = cookie(attacker)
    victim.set_cookie("session", planted, domain="localhost")
    sign_in(victim, world.harbour.owner, form=True)
    assert cookie(victim) != planted
    attacker.set_cookie("session", planted, domain="localhost")
    assert attacker.get("/").status_code == 303
    first = cookie(victim)
    victim.submit("/auth/logout", page="/account/")
    sign_in(victim, world.harbour.owner, form=True)
    assert cookie(victim) != first
    attacker.set_cookie("session", first, domain="localhost")
    assert attacker.get("/").status_code == 303


def test_signing_out_ends_the_session_on_the_server(app: Flask, client: Browser, world: World) -> None:
    sign_in(client, world.harbour.owner, form=True)
    stolen = cookie(client)
    assert client.submit("/auth/logout", page="/account/").status_code == 302
    thief = app.test_client()
    thief.set_cookie("session", stolen, domain="localhost")
    assert thief.get("/account/").status_code == 303
    with app.app_context():
        assert session.scalar(sa.select(sa.func.count()).select_from(UserSession)) == 0
        assert len(audited("sign_out")) == 1


def test_a_session_ends_after_twelve_idle_hours(client: Browser, world: World) -> None:
    with time_machine.travel(START, tick=False) as clock:
        sign_in(client, world.harbour.owner, form=True)
        for _ in range(3):
            clock.shift(dt.timedelta(hours=11, minutes=50))
            assert client.get("/account/").status_code == 200
        clock.shift(dt.timedelta(hours=12, minutes=1))
        assert client.get("/account/").status_code == 303


def test_a_session_ends_after_two_weeks_however_busy(client: Browser, world: World) -> None:
    with time_machine.travel(START, tick=False) as clock:
        sign_in(client, world.harbour.owner, form=True)
        for _ in range(33):
            clock.shift(dt.timedelta(hours=10))
            assert client.get("/account/").status_code == 200
        clock.shift(dt.timedelta(hours=10))
        assert client.get("/account/").status_code == 303


def test_being_seen_is_written_at_most_once_a_minute(app: Flask, client: Browser, world: World) -> None:
    def seen() -> dt.datetime:
        with app.app_context():
            return session.scalars(sa.select(UserSession.seen_at)).one()

    with time_machine.travel(START, tick=False) as clock:
        sign_in(client, world.harbour.owner)
        client.get("/account/")
        clock.shift(dt.timedelta(seconds=50))
        client.get("/account/")
        assert seen() == START
        clock.shift(dt.timedelta(seconds=20))
        client.get("/account/")
        assert seen() == START + dt.timedelta(seconds=70)


def test_a_visitor_costs_no_row_and_a_public_page_sets_no_cookie(app: Flask, client: Browser) -> None:
    assert "Set-Cookie" not in client.get("/healthz").headers
    assert "Set-Cookie" not in client.get("/privacy").headers
    client.get("/auth/login")
    with app.app_context():
        assert session.scalar(sa.select(sa.func.count()).select_from(UserSession)) == 0


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "http:evil.example",
        "https:/evil.example",
        "javascript:alert(1)",
        "%2F%2Fevil.example",
        "/%09/evil.example",
        " //evil.example",
        "\t//evil.example",
        "https://localhost@evil.example",
        "https://evil.example\\@localhost",
        "http://localhost.evil.example",
        "//evil.example/%2e%2e",
        "data:text/html,x",
        "https://evil.example#@localhost",
        "\u200a//evil.example",
        "/a\r\nLocation: https://evil.example",
    ],
)
def test_next_never_leads_to_another_site(client: Browser, world: World, target: str) -> None:
    person = world.harbour.agent
    client.get("/auth/login", query_string={"next": target})
    answer = client.submit("/auth/login", {"email": person.email, "password": person.password, "next": target})
    assert answer.status_code == 302
    where = answer.headers["Location"]
    assert where.startswith("/"), where
    assert not where.startswith(("//", "/\\")), where
    assert "\\" not in where
    assert not any(ord(sign) < 33 for sign in where)


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "evil.example:8000", "localhost@evil.example"]
)
def test_a_spoofed_host_is_refused(client: Browser, host: str) -> None:
    assert client.get("/auth/login", headers={"Host": host}).status_code == 400
    assert client.get("/", headers={"Host": host}).status_code == 400


def test_a_forwarded_host_changes_nothing(client: Browser) -> None:
    page = client.get("/", headers={"X-Forwarded-Host": "evil.example"})
    assert "evil.example" not in page.headers["Location"]


def test_there_is_exactly_one_sign_in_path(app: Flask) -> None:
    doors = [
        rule.rule
        for rule in app.url_map.iter_rules()
        if any(word in rule.rule for word in ("login", "signin", "sign-in", "security"))
    ]
    assert sorted(doors) == ["/account/security", "/auth/login", "/auth/wan-signin", "/auth/wan-signin/<token>"]
    client = app.test_client()
    for path in (
        "/login",
        "/login/",
        "/api/v1/security/login",
        "/lang/en",
        "/back",
        "/users/list/",
        "/roles/list/",
        "/register/form",
        "/api/v1/menu/",
    ):
        assert client.get(path).status_code in (401, 404), path


def test_flask_security_tokens_open_nothing(app: Flask, client: Browser, world: World) -> None:
    from app.services import accounts

    with app.test_request_context():
        token = accounts.find(world.harbour.owner.email).get_auth_token()
    for answer in (
        client.get("/account/", headers={"Authentication-Token": token}),
        client.get("/account/", query_string={"auth_token": token}),
        client.get("/auth/change", headers={"Authentication-Token": token}),
    ):
        assert answer.status_code in (302, 303)


def test_a_post_without_the_forms_token_is_refused(client: Browser, world: World) -> None:
    person = world.harbour.agent
    assert client.post("/auth/login", data={"email": person.email, "password": person.password}).status_code == 400
    sign_in(client, person)
    assert client.post("/account/look", data={"theme": "dark"}).status_code == 400


def test_a_signed_in_page_costs_one_statement_for_the_identity(app: Flask, client: Browser, world: World) -> None:
    sign_in(client, world.harbour.agent)
    client.get("/account/security")
    statements: list[str] = []
    with app.app_context():
        from models.base import db

        engine = db.engine
    sa.event.listen(engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    client.get("/account/security")
    assert len([s for s in statements if "FROM user_session" in s]) == 1
    assert len(statements) <= 4, statements


def test_a_user_who_is_switched_off_is_out_at_once(app: Flask, client: Browser, world: World) -> None:
    from models.user import User

    sign_in(client, world.harbour.agent)
    assert client.get("/account/").status_code == 200
    with app.app_context():
        session.get_one(User, world.harbour.agent.user_id).active = False
        session.commit()
    assert client.get("/account/").status_code == 303
    assert attempt(app.test_client(), world.harbour.agent.email, world.harbour.agent.password).status_code == 200


def test_a_session_from_an_earlier_password_is_dead(app: Flask, client: Browser, world: World) -> None:
    from models.user import User

    sign_in(client, world.harbour.agent)
    with app.app_context():
        session.get_one(User, world.harbour.agent.user_id).fs_uniquifier = "another mark"
        session.commit()
    assert client.get("/account/").status_code == 303


def test_no_cookie_outlives_the_session_on_the_server(client: Browser, world: World) -> None:
    person = world.harbour.agent
    answer = client.submit(
        "/auth/login", {"email": person.email, "password": person.password, "remember": "y"}, page="/auth/login"
    )
    assert answer.status_code == 302
    (line,) = answer.headers.getlist("Set-Cookie")
    assert line.startswith("session=s.")
    assert "HttpOnly" in line
    assert "SameSite=Lax" in line

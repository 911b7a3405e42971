"""Second factors: authenticator app, recovery codes, passkeys; and the freshness that changing them needs."""

from __future__ import annotations

import datetime as dt
import html
import json
import re
import time
from typing import Any

import time_machine
from flask import Flask
from passlib.totp import TOTP

from models.base import session
from models.user import User
from models.workspace import Workspace
from tests.factories import Browser, Person, World, sign_in
from tests.web.authenticator import Authenticator
from tests.web.mailbox import mails
from tests.web.test_identity_recovery import set_up_app
from tests.web.test_identity_sign_in import START, attempt, audited


def code_of(app: Flask, stored: str) -> str:
    """What the authenticator app shows now."""
    return str(app.extensions["security"].totp_factory.generate_totp_password(stored))


def test_an_authenticator_app_is_set_up_and_then_asked_for(app: Flask, client: Browser, world: World) -> None:
    person, elsewhere = world.harbour.agent, app.test_client()
    with time_machine.travel(START, tick=False) as clock:
        sign_in(client, person, form=True)
        sign_in(elsewhere, person)
        page = client.submit("/auth/tf-setup", {"setup": "authenticator"}, page="/auth/tf-setup")
        assert 'src="data:image/svg+xml;base64,' in page.text
        shown = re.search(r'class="font-monospace">([A-Z0-9 -]+)<', page.text).group(1)
        finish = re.search(r'action="(/auth/tf-setup/[^"]+)"', page.text).group(1)
        phone = TOTP(key=shown.replace("-", "").replace(" ", ""))
        mistyped = client.submit(finish, {"code": "000000"})
        assert mistyped.status_code == 422 and "This code is wrong" in mistyped.text
        assert shown in mistyped.text and finish in mistyped.text, "the app keeps what it scanned"
        assert client.submit(finish, {"code": phone.generate().token}).headers["Location"] == "/account/security"
        assert "Set up. You are asked" in client.get("/account/security").text
        assert elsewhere.get("/account/").status_code == 303, "a new factor ends the other sessions"
        clock.shift(30)
        asked = attempt(elsewhere, person.email, person.password)
        assert asked.headers["Location"].startswith("/auth/tf-validate")
        assert elsewhere.get("/account/").status_code == 303, "the password alone is not enough"
        elsewhere.get("/auth/tf-validate")
        assert elsewhere.submit("/auth/tf-validate", {"code": "123456"}).status_code == 200
        assert elsewhere.submit("/auth/tf-validate", {"code": phone.generate().token}).headers["Location"] == "/"
        assert elsewhere.get("/account/").status_code == 200
    with app.app_context():
        assert len(audited("second_factor.set_up")) == 1
        assert mails(person.email)[-1]["subject"] == "An authenticator app was set up for your account"


def test_a_code_counts_once(app: Flask, world: World) -> None:
    person = world.harbour.agent
    with time_machine.travel(START, tick=False) as clock:
        with app.app_context():
            stored = set_up_app(person.user_id)
            code = code_of(app, stored)
        first, second = app.test_client(), app.test_client()
        for client in (first, second):
            attempt(client, person.email, person.password)
            client.get("/auth/tf-validate")
        assert first.submit("/auth/tf-validate", {"code": code}).status_code == 302
        replay = second.submit("/auth/tf-validate", {"code": code})
        assert replay.status_code == 200
        assert "was used before" in replay.text
        clock.shift(30)
        assert second.submit("/auth/tf-validate", {"code": code_of(app, stored)}).status_code == 302


def test_an_old_code_and_a_guessed_one_are_refused_until_the_account_locks(
    app: Flask, client: Browser, world: World
) -> None:
    person = world.harbour.agent
    with time_machine.travel(START, tick=False) as clock:
        with app.app_context():
            stored = set_up_app(person.user_id)
            old = code_of(app, stored)
        clock.shift(90)
        attempt(client, person.email, person.password)
        client.get("/auth/tf-validate")
        assert client.submit("/auth/tf-validate", {"code": old}).status_code == 200
        for _ in range(9):
            client.submit("/auth/tf-validate", {"code": "000000"})
        assert client.submit("/auth/tf-validate", {"code": code_of(app, stored)}).status_code == 200, (
            "locked: the right code too"
        )
        assert client.get("/account/").status_code == 303


def test_a_recovery_code_signs_in_once(app: Flask, client: Browser, world: World) -> None:
    person = world.harbour.agent
    with app.app_context():
        set_up_app(person.user_id)
    sign_in(client, person)
    page = client.submit("/auth/mf-recovery-codes", {"generate_new_codes": "1"}, page="/auth/mf-recovery-codes")
    codes = re.findall(r"<li>([0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4})</li>", page.text)
    assert len(set(codes)) == 10
    with app.app_context():
        assert codes[0] not in str(session.get_one(User, person.user_id).mf_recovery_codes), "kept encrypted"
        assert len(audited("recovery_codes.made")) == 1
    for number, expected in ((0, 302), (0, 200), (1, 302)):
        fresh = app.test_client()
        attempt(fresh, person.email, person.password)
        fresh.get("/auth/mf-recovery")
        assert fresh.submit("/auth/mf-recovery", {"code": f" {codes[number].upper()} "}).status_code == expected
        assert fresh.get("/account/").status_code == (200 if expected == 302 else 303)


def options_in(page: Any) -> tuple[str, dict[str, Any]]:
    """Where the page sends the passkey's answer, and what it asks the browser for."""
    found = re.search(r'action="([^"]+)" data-passkey="\w+" data-options="([^"]+)"', page.text)
    return html.unescape(found.group(1)), json.loads(html.unescape(found.group(2)))


def add_passkey(client: Browser, device: Authenticator, name: str = "Work laptop") -> Any:
    url, options = options_in(client.submit("/auth/wan-register", {"name": name}, page="/auth/wan-register"))
    return client.submit(url, {"credential": device.create(options)})


def use_passkey(client: Browser, device: Authenticator) -> Any:
    url, options = options_in(client.submit("/auth/wan-signin", page="/auth/login"))
    return client.submit(url, {"credential": device.get(options)})


def test_a_passkey_is_added_and_signs_in_alone(app: Flask, client: Browser, world: World) -> None:
    person, device = world.harbour.agent, Authenticator()
    sign_in(client, person)
    assert add_passkey(client, device).headers["Location"] == "/account/security"
    page = client.get("/account/security")
    assert "Work laptop" in page.text
    visitor = app.test_client()
    assert use_passkey(visitor, device).headers["Location"] == "/"
    assert visitor.get("/account/").status_code == 200
    with app.app_context():
        assert audited("sign_in")[-1].facts == {"via": "webauthn"}
    client.get("/account/security")
    assert client.submit("/auth/wan-delete", {"name": "Work laptop"}).status_code == 302
    assert use_passkey(app.test_client(), device).headers["Location"] == "/auth/wan-signin"
    with app.app_context():
        assert len(audited("passkey.added")) == len(audited("passkey.removed")) == 1


def test_a_passkey_that_does_not_check_the_person_is_refused(client: Browser, world: World) -> None:
    sign_in(client, world.harbour.agent)
    assert add_passkey(client, Authenticator(verifies=False)).headers["Location"] == "/auth/wan-register"


def test_an_answer_for_another_site_or_another_browser_is_refused(app: Flask, client: Browser, world: World) -> None:
    device = Authenticator()
    sign_in(client, world.harbour.agent)
    add_passkey(client, device)
    visitor = app.test_client()
    url, options = options_in(visitor.submit("/auth/wan-signin", page="/auth/login"))
    answer = device.get(options)
    thief = app.test_client()
    thief.get("/auth/login")
    thief.submit(url, {"credential": answer})
    assert thief.get("/account/").status_code == 303, "the challenge belongs to the browser that asked for it"
    assert visitor.submit(url, {"credential": answer}).headers["Location"] == "/"
    device.origin = "https://evil.example"
    assert use_passkey(app.test_client(), device).headers["Location"] == "/auth/wan-signin", (
        "what another site obtained is worthless here"
    )


def test_an_inactive_account_cannot_come_in_by_passkey(app: Flask, client: Browser, world: World) -> None:
    device = Authenticator()
    sign_in(client, world.harbour.agent)
    add_passkey(client, device)
    with app.app_context():
        session.get_one(User, world.harbour.agent.user_id).active = False
        session.commit()
    visitor = app.test_client()
    assert use_passkey(visitor, device).headers["Location"] == "/auth/wan-signin"
    assert visitor.get("/account/").status_code == 303


def stale(client: Browser, person: Person) -> None:
    sign_in(client, person, paa=time.time() - 31 * 60)


def test_sensitive_pages_ask_again_after_half_an_hour(app: Flask, client: Browser, world: World) -> None:
    person = world.harbour.owner
    stale(client, person)
    for page in (
        "/account/keys/new",
        f"/settings/members/{world.harbour.agent.membership_id}/remove",
        "/auth/tf-setup",
        "/auth/mf-recovery-codes",
        "/auth/wan-register",
    ):
        answer = client.get(page)
        assert answer.status_code in (302, 303), page
        assert answer.headers["Location"].startswith("/auth/verify?next="), page
    refused = client.submit(f"/settings/members/{world.harbour.agent.membership_id}/remove", page="/account/")
    assert refused.headers["Location"].startswith("/auth/verify")
    assert "Confirm that it is you" in client.get("/auth/verify?next=/account/keys/new").text
    assert (
        client.submit("/auth/verify", {"password": "wrong wrong wrong", "next": "/account/keys/new"}).status_code == 200
    )
    assert (
        client.submit("/auth/verify", {"password": person.password, "next": "/account/keys/new"}).headers["Location"]
        == "/account/keys/new"
    )
    assert client.get("/account/keys/new").status_code == 200


def test_confirming_with_a_passkey_needs_the_same_person(app: Flask, client: Browser, world: World) -> None:
    mine, theirs = Authenticator(), Authenticator()
    other = app.test_client()
    sign_in(other, world.harbour.broker)
    add_passkey(other, theirs)
    sign_in(client, world.harbour.owner)
    add_passkey(client, mine)
    for device, expected in ((theirs, 303), (mine, 200)):
        stale(client, world.harbour.owner)
        url, options = options_in(client.submit("/auth/wan-verify", page="/auth/wan-verify"))
        client.submit(url, {"credential": device.get(options)})
        assert client.get("/account/keys/new").status_code == expected


def test_a_workspace_can_ask_everybody_for_a_second_factor(app: Flask, client: Browser, world: World) -> None:
    sign_in(client, world.harbour.agent)
    assert client.get("/contacts/").status_code == 200
    with app.app_context(), world.harbour.inside():
        from app.services.operation import operation
        from tests.factories import SYSTEM

        with operation("test.require", actor=SYSTEM):
            session.get_one(Workspace, world.harbour.id).require_mfa = True
    answer = client.get("/contacts/")
    assert answer.headers["Location"] == "/account/security?why=required"
    assert "asks everybody for a second factor" in client.get(answer.headers["Location"]).text
    add_passkey(client, Authenticator())
    assert client.get("/contacts/").status_code == 200
    outsider = app.test_client()
    sign_in(outsider, world.summit.agent)
    assert outsider.get("/contacts/").status_code == 200


def test_sessions_are_listed_and_ended(app: Flask, client: Browser, world: World) -> None:
    person, phone, stranger = world.harbour.agent, app.test_client(), app.test_client()
    sign_in(client, person)
    sign_in(phone, person)
    sign_in(stranger, world.harbour.broker)
    page = client.get("/account/sessions")
    ends = re.findall(r'formaction="(/account/sessions/[0-9a-f]{16}/end)"', page.text)
    assert len(ends) == 2
    assert stranger.submit(ends[0], page="/account/sessions").status_code == 404, "nobody ends a colleague's session"
    assert client.submit("/account/sessions/end").status_code == 303
    assert phone.get("/account/").status_code == 303
    assert client.get("/account/").status_code == 200
    assert stranger.get("/account/").status_code == 200
    with app.app_context():
        assert audited("session.ended")[0].facts == {"sessions": 1}
    assert dt.timedelta(hours=12) == app.config["SESSION_IDLE"]

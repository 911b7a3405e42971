"""Keys for programs: shown once, bounded by scopes and by their member, ended at once; and no cookie in their place."""

from __future__ import annotations

import base64
import datetime as dt
import json
import re

import pytest
import sqlalchemy as sa
import time_machine
from flask import Flask

from app.services import api_keys, members
from models.access import ApiKey
from models.base import session
from models.workspace import Membership
from tests.factories import SYSTEM, Browser, Office, World, sign_in
from tests.web.test_identity_sign_in import START, audited

LIST = "/api/v1/contact/"


def make(app: Flask, office: Office, who: str = "agent", scopes: tuple[str, ...] = ("*:read",), days: int = 30) -> str:
    with app.app_context(), office.inside():
        member = session.get_one(Membership, office.people[who].membership_id)
        return api_keys.create(member, "Importer", scopes, days, actor=SYSTEM)[1]


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def names(answer: object) -> set[str]:
    return set(re.findall(r"Dana Whitcombe|Eli Moreno|Faye Okafor|Gus Lindqvist", answer.get_data(as_text=True)))


def test_a_key_is_made_on_the_page_shown_once_and_works(app: Flask, client: Browser, world: World) -> None:
    sign_in(client, world.harbour.broker)
    page = client.submit(
        "/account/keys/new", {"name": "Website", "days": "90", "scopes": ["contact:read"]}, page="/account/keys/new"
    )
    key = re.search(r'value="(rec_[0-9a-f]{12}\.[\w-]{43})"', page.text).group(1)
    listed = client.get("/account/keys").text
    assert "Website" in listed
    assert key not in listed
    program = app.test_client()
    answer = program.get(LIST, headers=bearer(key))
    assert answer.status_code == 200
    assert len(names(answer)) == 4
    with app.app_context(), world.harbour.inside():
        row = session.scalars(sa.select(ApiKey)).one()
        assert key.split(".")[1].encode() not in row.digest
        assert row.last_used_at is not None
        assert audited("api_key.created")[0].facts == {"scopes": ["contact:read"], "days": 90}


def test_a_key_does_no_more_than_its_member_and_its_scopes(app: Flask, client: Browser, world: World) -> None:
    own = make(app, world.harbour, "agent", ("contact:read",))
    assert names(client.get(LIST, headers=bearer(own))) == {"Dana Whitcombe"}
    assert client.post(LIST, json={"name": "New Person"}, headers=bearer(own)).status_code == 403
    assert client.get("/api/v1/deal/", headers=bearer(own)).status_code == 403
    reader = make(app, world.harbour, "reader", ("contact:write", "contact:read"))
    assert client.post(LIST, json={"name": "New Person"}, headers=bearer(reader)).status_code == 403, (
        "scopes add nothing to a role"
    )
    writer = make(app, world.harbour, "agent", ("contact:write", "contact:read"))
    assert client.post(LIST, json={"name": "New Person"}, headers=bearer(writer)).status_code == 201


def test_a_key_never_leaves_its_workspace(app: Flask, client: Browser, world: World) -> None:
    key = make(app, world.harbour, "owner")
    foreign = world.summit.contacts["Dana Whitcombe"]
    assert client.get(f"{LIST}{foreign}", headers=bearer(key)).status_code == 404
    assert "summit" not in client.get(LIST, headers=bearer(key)).text


def test_basic_takes_the_key_as_password_or_as_name(app: Flask, client: Browser, world: World) -> None:
    key = make(app, world.harbour)
    for pair in (f"anything:{key}", f"{key}:"):
        header = "Basic " + base64.b64encode(pair.encode()).decode()
        assert client.get(LIST, headers={"Authorization": header}).status_code == 200


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        "Bearer rec_",
        "Bearer rec_abc",
        "Bearer rec_000000000000." + "a" * 43,
        "Bearer " + "x" * 5000,
        "Basic !!!",
        "Basic " + base64.b64encode(b"\xff").decode(),
        "Digest a=b",
        "Bearer rec_é.x",
    ],
)
def test_no_key_or_a_wrong_one_is_refused_in_the_same_words(client: Browser, world: World, header: str) -> None:
    answer = client.get(LIST, headers={"Authorization": header.encode().decode("latin-1")} if header else {})
    assert answer.status_code == 401
    assert answer.content_type == "application/problem+json"
    assert answer.headers["WWW-Authenticate"].lower().startswith("bearer")
    assert json.loads(answer.text)["status"] == 401


def test_the_api_ignores_cookies_and_gives_none(app: Flask, client: Browser, world: World) -> None:
    sign_in(client, world.harbour.owner)
    assert client.get("/contacts/").status_code == 200
    assert client.get(LIST).status_code == 401
    assert client.post(LIST, json={"name": "Forged"}).status_code == 401
    answer = client.get(LIST, headers=bearer(make(app, world.summit, "owner")))
    assert answer.status_code == 200
    assert "Set-Cookie" not in answer.headers
    assert "harbour" not in answer.text, "the key decides, not the cookie"


def test_a_revoked_an_expired_and_a_removed_members_key_end_at_once(app: Flask, client: Browser, world: World) -> None:
    with time_machine.travel(START, tick=False) as clock:
        key = make(app, world.harbour, days=10)
        assert client.get(LIST, headers=bearer(key)).status_code == 200
        clock.shift(dt.timedelta(days=10, seconds=1))
        assert client.get(LIST, headers=bearer(key)).status_code == 401
    key = make(app, world.harbour)
    assert client.get(LIST, headers=bearer(key)).status_code == 200
    with app.app_context(), world.harbour.inside():
        members.remove(world.harbour.agent.membership_id, actor=world.harbour.actor("owner"))
    assert client.get(LIST, headers=bearer(key)).status_code == 401
    mine = make(app, world.harbour, "colleague")
    owner = app.test_client()
    sign_in(owner, world.harbour.owner)
    url = re.search(r'formaction="(/account/keys/\d+/revoke)"', owner.get("/account/keys").text).group(1)
    assert owner.submit(url).status_code == 303
    assert client.get(LIST, headers=bearer(mine)).status_code == 401


def test_a_key_can_be_revoked_only_by_its_member_or_an_admin(app: Flask, world: World) -> None:
    make(app, world.harbour, "broker")
    with app.app_context(), world.harbour.inside():
        key_id = session.scalars(sa.select(ApiKey.id)).one()
    for person, expected in ((world.harbour.agent, 403), (world.summit.owner, 404), (world.harbour.broker, 303)):
        client = app.test_client()
        sign_in(client, person)
        assert client.submit(f"/account/keys/{key_id}/revoke", page="/account/").status_code == expected, person.name


def test_guessing_keys_locks_the_address(app: Flask, client: Browser, world: World) -> None:
    key = make(app, world.harbour)
    for number in range(50):
        client.get(LIST, headers=bearer(f"rec_{number:012d}.{'a' * 43}"))
    answer = client.get(LIST, headers=bearer(key))
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0


def test_the_command_line_makes_a_key(app: Flask, client: Browser, world: World) -> None:
    args = [
        "api-key",
        "create",
        "--workspace",
        "harbour",
        "--email",
        world.harbour.owner.email,
        "--scopes",
        "contact:read,deal:read",
        "--json",
    ]
    made = app.test_cli_runner().invoke(args=args)
    assert made.exit_code == 0, made.output
    assert client.get(LIST, headers=bearer(json.loads(made.output)["key"])).status_code == 200
    wrong = app.test_cli_runner().invoke(args=[*args[:-3], "--scopes", "contact:fly", "--json"])
    assert wrong.exit_code == 1

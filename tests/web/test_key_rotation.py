"""A key is replaced without a gap: the new one works at once, the old one for a while, and the page says which is
which.
"""

from __future__ import annotations

import datetime as dt
import json
import re

import pytest
import time_machine
from flask import Flask

from app.errors import NotFound
from app.services import api_keys
from models.access import ApiKey
from models.base import session
from tests.factories import Browser, Office, World, sign_in
from tests.web.test_identity_keys import LIST, bearer, make
from tests.web.test_identity_sign_in import START, audited


def only_key(app: Flask, office: Office) -> ApiKey:
    with app.app_context(), office.inside():
        return api_keys.listed(actor=office.actor("owner"))[0][0]


def rotate(client: Browser, key: int, overlap: str = "24") -> str:
    url = f"/account/keys/{key}/rotate"
    page = client.submit(url, {"overlap": overlap}, page=url)
    found = re.search(r'value="(rec_[0-9a-f]{12}\.[\w-]{43})"', page.text)
    assert found is not None, page.text
    return found.group(1)


def test_both_keys_work_until_the_old_one_ends(app: Flask, client: Browser, world: World) -> None:
    with time_machine.travel(START, tick=False) as clock:
        old = make(app, world.harbour, "broker", ("contact:read",), days=90)
        first = only_key(app, world.harbour)
        sign_in(client, world.harbour.broker)
        new = rotate(client, first.id)
        program = app.test_client()
        assert [program.get(LIST, headers=bearer(key)).status_code for key in (old, new)] == [200, 200]
        assert program.get("/api/v1/deal/", headers=bearer(new)).status_code == 403, "the scopes are the old one's"
        page = client.get("/account/keys").text
        assert f"Old, replaced by rec_{new[4:16]}…" in page
        assert f"New, replaces rec_{old[4:16]}…" in page
        assert new not in page and page.count(">Rotate<") == 1
        clock.shift(dt.timedelta(hours=24, seconds=1))
        assert [program.get(LIST, headers=bearer(key)).status_code for key in (old, new)] == [401, 200]
    with app.app_context(), world.harbour.inside():
        made = session.get_one(ApiKey, only_key(app, world.harbour).id)
        assert made.name == "Importer" and made.expires_at == START + dt.timedelta(days=90)
        assert audited("api_key.rotated")[0].facts["successor"] == made.id


def test_the_overlap_is_chosen_and_never_lengthens_a_life(app: Flask, client: Browser, world: World) -> None:
    with time_machine.travel(START, tick=False):
        make(app, world.harbour, "broker", days=3)
        first = only_key(app, world.harbour)
        sign_in(client, world.harbour.broker)
        url = f"/account/keys/{first.id}/rotate"
        for wrong in ("721", "-1", "soon", ""):
            assert client.submit(url, {"overlap": wrong}, page=url).status_code == 422, wrong
        rotate(client, first.id, "720")
        with app.app_context(), world.harbour.inside():
            assert session.get_one(ApiKey, first.id).expires_at == START + dt.timedelta(days=3)
        assert client.submit(url, {"overlap": "1"}, page="/account/keys").status_code == 409, "once is enough"


def test_only_its_member_gets_the_successor_of_a_key(app: Flask, world: World) -> None:
    make(app, world.harbour, "broker")
    key = only_key(app, world.harbour).id
    for office, who, expected in (("harbour", "owner", 404), ("harbour", "agent", 403), ("summit", "owner", 404)):
        visitor = app.test_client()
        assert isinstance(visitor, Browser)
        sign_in(visitor, getattr(world, office).people[who])
        answer = visitor.submit(f"/account/keys/{key}/rotate", {"overlap": "1"}, page="/account/")
        assert answer.status_code == expected, who
    with app.app_context(), world.summit.inside(), pytest.raises(NotFound):
        api_keys.rotate(key, actor=world.summit.actor("owner"))


def test_an_ended_key_is_not_brought_back(app: Flask, client: Browser, world: World) -> None:
    with time_machine.travel(START, tick=False) as clock:
        make(app, world.harbour, "broker", days=1)
        key = only_key(app, world.harbour).id
        clock.shift(dt.timedelta(days=2))
        sign_in(client, world.harbour.broker)
        page = client.get("/account/keys").text
        assert ">Rotate<" not in page and "ended" in page
        answer = client.submit(f"/account/keys/{key}/rotate", {"overlap": "1"}, page="/account/keys")
        assert answer.status_code == 409


def test_the_page_warns_in_the_last_two_weeks_until_the_key_is_rotated(
    app: Flask, client: Browser, world: World
) -> None:
    with time_machine.travel(START, tick=False) as clock:
        make(app, world.harbour, "broker", ("contact:read", "contact:write", "deal:read"), days=30)
        sign_in(client, world.harbour.broker)
        page = client.get("/account/keys").text
        assert "Rotate it in time" not in page and "in 30 days" in page
        assert "Contacts: read, write<br>Deals: read" in page and "never" in page
        clock.shift(dt.timedelta(days=17))
        sign_in(client, world.harbour.broker)
        assert "The key “Importer”" in client.get("/account/keys").text
        rotate(client, only_key(app, world.harbour).id)
        assert "Rotate it in time" not in client.get("/account/keys").text


def test_the_page_says_when_a_key_was_last_used(app: Flask, client: Browser, world: World) -> None:
    key = make(app, world.harbour, "broker")
    sign_in(client, world.harbour.broker)
    assert ">never<" in client.get("/account/keys").text
    app.test_client().get(LIST, headers=bearer(key))
    assert ">never<" not in client.get("/account/keys").text


def test_the_command_line_rotates_a_key(app: Flask, client: Browser, world: World) -> None:
    old = make(app, world.harbour, "owner", ("contact:read",))
    args = ["api-key", "rotate", "--workspace", "harbour", "--key", old[:16], "--overlap", "0", "--json"]
    done = app.test_cli_runner().invoke(args=args)
    assert done.exit_code == 0, done.output
    told = json.loads(done.output)
    assert told["scopes"] == ["contact:read"] and told["old_prefix"] == old[4:16]
    assert client.get(LIST, headers=bearer(told["key"])).status_code == 200
    assert client.get(LIST, headers=bearer(old)).status_code == 401
    other = app.test_cli_runner().invoke(args=[*args[:3], "summit", *args[4:]])
    assert other.exit_code == 1 and "There is no key" in other.output

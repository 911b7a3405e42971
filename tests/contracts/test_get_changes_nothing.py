"""Looking changes nothing: GET, HEAD and OPTIONS of every route leave every table as it was (ASVS 3.5.3)."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from models import scope
from tests.contracts import state, walk
from tests.contracts.conftest import program
from tests.contracts.samples import SUMMIT_ID
from tests.factories import SYSTEM, Browser, World, sign_in

CAST = (None, "owner", "agent")


def changes(app: Flask, world: World, who: str | None) -> list[str]:
    """What the safe methods changed, and what broke on the way, as this person (None: a visitor; "key": a program)."""
    client: Any = program(app, world.summit) if who == "key" else app.test_client()
    found = []
    with state.watching(app) as watch:
        for call in walk.calls(app, SUMMIT_ID, "GET"):
            if (who == "key") is not call.api:
                continue
            # One person shows for all that HEAD is GET and that OPTIONS runs no view.
            for method in ("GET", "HEAD", "OPTIONS") if who == "owner" else ("GET",):
                # Some pages of the sign-in end a half-done one; each call starts from a whole session.
                if who not in (None, "key") and call.rule.startswith("/auth/"):
                    sign_in(client, world.summit.people[who])
                answer = client.open(call.url, method=method, query_string=_search(call) if method == "GET" else None)
                answer.get_data()
                if answer.status_code >= 500:
                    found.append(f"{who}: {method} {call.url} answers {answer.status_code}")
                changed = watch.changed()
                if changed:
                    found.append(f"{who}: {method} {call.url} changed {', '.join(changed)}")
    return found


@pytest.mark.parametrize("who", [*CAST, "key"])
def test_looking_changes_nothing(app: Flask, twins: World, who: str | None) -> None:
    client = app.test_client()
    if who not in (None, "key"):
        assert isinstance(client, Browser)
        sign_in(client, twins.summit.people[who])
        assert client.get("/contacts/").status_code == 200
    found = changes(app, twins, who)
    assert not found, walk.report(found, "looks that change or break something")


def test_the_contract_sees_a_page_that_writes(app: Flask, twins: World) -> None:
    def counting() -> str:
        with scope.inside(twins.summit.id):
            from app.services import records
            from models.contact import Tag

            records.create(Tag, {"name": f"seen {len(state.rows('tag'))}"}, actor=SYSTEM)
        return "seen"

    counting.open_to_all = True  # type: ignore[attr-defined]
    with walk.extra_route(app, "/counts", counting):
        found = changes(app, twins, None)
    assert "None: GET /counts changed audit, change, tag" in found


def test_bookkeeping_is_about_tables_and_columns_that_exist(app: Flask) -> None:
    from models.base import Model

    for table, columns in state.BOOKKEEPING.items():
        for name, why in columns.items():
            assert why.strip() and (name == "*" or name in Model.metadata.tables[table].c), (table, name)


def test_signing_out_needs_more_than_a_look(app: Flask, world: World, client: Browser) -> None:
    """No address ends a session by being opened: an image on another site could do that."""
    for call in walk.calls(app, 1, "GET"):
        if call.api:
            continue
        sign_in(client, world.summit.owner)
        client.get(call.url).get_data()
        assert client.get("/contacts/").status_code == 200, f"{call} ended the session"


def _search(call: walk.Call) -> dict[str, str]:
    """Parameters that make list pages do all they can."""
    return (
        {"q": "zanzibar"}
        if call.screen is not None and not call.numbered and not call.api and call.url.endswith("/")
        else {}
    )

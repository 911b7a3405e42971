"""`count` in a list: as many as match, in the statement of the page itself."""

from __future__ import annotations

import pytest
from flask import Flask

from app.services import queries
from tests.contracts.conftest import program
from tests.contracts.test_statements import _counted
from tests.factories import World

LIST = "/api/v1/contact/"


@pytest.mark.parametrize(
    ("query", "wanted"), [("", 4), ("&limit=1", 4), ("&f=name:contains:o", 3), ("&q=okafor", 1), ("&q=nobody", 0)]
)
def test_a_count_costs_no_statement(app: Flask, world: World, query: str, wanted: int) -> None:
    key = program(app, world.harbour)
    for kind in ("capped", "exact"):
        asked = []
        for url in (f"{LIST}?fields=name{query}", f"{LIST}?fields=name{query}&count={kind}"):
            key.get(url)
            with app.app_context(), _counted() as seen:
                answer = key.get(url)
            asked.append(len(seen))
        assert (answer.json["count"], answer.json["count_is_exact"]) == (wanted, True)
        assert asked[0] == asked[1]


def test_the_count_is_of_all_pages_and_within_reach(app: Flask, world: World) -> None:
    key = program(app, world.harbour)
    first = key.get(f"{LIST}?limit=3&count=exact").json
    second = key.get(f"{LIST}?limit=3&count=exact&cursor={first['next']}").json
    assert (first["count"], second["count"], len(second["data"])) == (4, 4, 1)
    assert program(app, world.harbour, "agent").get(f"{LIST}?count=exact").json["count"] == 1
    assert "count" not in key.get(LIST).json


def test_beyond_the_cap_a_count_says_so(app: Flask, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "COUNT_CAP", 2)
    key = program(app, world.harbour)
    capped, exact = (key.get(f"{LIST}?f=name:filled&count={kind}").json for kind in ("capped", "exact"))
    assert (capped["count"], capped["count_is_exact"]) == (2, False)
    assert (exact["count"], exact["count_is_exact"]) == (4, True)

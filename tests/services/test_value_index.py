"""Looking a value up beforehand changes how a list is read, never what it shows or counts."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

from app.services import conditions, filters, queries, records, search_index, value_index, values
from app.services.queries import ListQuery
from app.services.search_index import Hits
from models.contact import Contact
from models.scope import Actor
from tests.factories import World
from tests.factories_fields import define_all

LOCALE = values.Locale("America/New_York")
_ASKED = (
    ("x_rooms:is:1",),
    ("x_rooms:after:1", "x_school_area:is:south"),
    ("x_rooms:is:77",),
    ("x_school_area:is:south|north",),
    ("x_school_area:not:south",),
    ("x_school_area:filled", "stage:is:new"),
    ("x_wishes:is:garden|sauna",),
    ("x_nickname:contains:ea",),
    ("x_pets:is:1",),
    ("x_pets:is:0",),
    ("x_story:contains:wind",),
)
_NESTED = (
    '{"and": ["x_rooms:is:1", {"or": ["x_pets:is:1", "x_school_area:is:south"]}]}',
    '{"or": ["x_rooms:is:1", "x_school_area:is:south"]}',
)


@pytest.fixture
def owner(app: Flask, world: World) -> Iterator[Actor]:
    with app.app_context(), world.harbour.inside():
        owner = world.harbour.actor("owner")
        define_all("contact", actor=owner)
        _fill(owner, world.harbour.actor("agent"))
        yield owner


def _fill(owner: Actor, agent: Actor) -> None:
    rng = random.Random(4)
    for number in range(36):
        given: dict[str, Any] = {
            "x_rooms": rng.choice((1, 2, 3, None)),
            "x_school_area": rng.choice(("south", "north", "east", None)),
            "x_wishes": rng.choice((("garden", "sauna"), ("garage",), ())),
            "x_nickname": rng.choice(("Bean", "Pea", "Corn", None)),
            "x_pets": rng.random() < 0.4,
            "x_story": rng.choice(("With the wind", "Stayed", None)),
        }
        by = agent if number % 3 == 0 else owner
        made = records.create(Contact, {"name": f"Person {number}", "stage": "new", **given}, actor=by)
        if number % 6 == 1:
            records.delete(Contact, made.id, actor=by)


def _all(wanted: tuple[str, ...], nested: str | None, actor: Actor) -> Any:
    """What the list shows page by page, counts both ways, and gives to bulk actions."""
    query = ListQuery(
        Contact,
        ("name",),
        filters=tuple(filters.parse(Contact, text, LOCALE) for text in wanted),
        where=conditions.parse(Contact, nested, LOCALE) if nested else None,
        sort="-x_rooms",
        limit=200,
    )
    page = queries.page(query, actor=actor, counted=True)
    streamed = [row for chunk in queries.stream(query, actor=actor, chunk=5) for row in chunk]
    return (
        page.rows,
        page.count,
        queries.count(query, actor=actor, exact=True),
        queries.ids(query, actor=actor),
        streamed,
    )


@pytest.mark.parametrize("cap", [3, 1000])
@pytest.mark.parametrize("asked", [(texts, None) for texts in _ASKED] + [((), nested) for nested in _NESTED])
def test_a_list_is_the_same_with_and_without_looking_up(
    owner: Actor,
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    cap: int,
    asked: tuple[tuple[str, ...], str | None],
) -> None:
    for module in (search_index, value_index):
        monkeypatch.setattr(module, "CAP", cap)
    monkeypatch.setattr(queries, "COUNT_CAP", cap)
    for actor in (owner, world.harbour.actor("agent"), world.harbour.actor("assistant")):
        found = _all(*asked, actor)
        with monkeypatch.context() as without:
            without.setattr(value_index, "look_up", lambda *_args, **_named: Hits(None))
            assert _all(*asked, actor) == found
    assert _all(*asked, owner)[3] or "77" in str(asked), "the question finds somebody"


def test_few_are_looked_up_and_many_are_not(owner: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    rare, common = (filters.parse(Contact, text, LOCALE) for text in ("x_rooms:is:1", "x_nickname:filled"))
    monkeypatch.setattr(value_index, "CAP", 15)
    few = value_index.look_up(Contact, (common, rare), None, actor=owner)
    assert few.of is rare and few.ids
    many = value_index.look_up(Contact, (common,), None, actor=owner)
    assert many.common and many.ids is None


def test_the_same_value_in_another_brokerage_is_not_found(app: Flask, owner: Actor, world: World) -> None:
    with world.summit.inside():
        there = world.summit.actor("owner")
        define_all("contact", actor=there)
        records.create(Contact, {"name": "Elsewhere", "x_rooms": 1}, actor=there)
        assert [row[1] for row in _all(("x_rooms:is:1",), None, there)[0]] == ["Elsewhere"]
    assert "Elsewhere" not in {row[1] for row in _all(("x_rooms:is:1",), None, owner)[0]}

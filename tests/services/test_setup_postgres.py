"""Files and history of the set-up on PostgreSQL, as the role that owns no table: walls, order, round trips."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.errors import NotFound
from app.services import records
from app.services.setup import apply, capture, states
from models.base import db, session
from models.contact import Tag
from models.message import Template
from models.setup import SetupState
from tests.factories import World
from tests.postgres_world import served
from tests.setup_edits import EDITS, Edit, edit
from tests.setup_kit import brought, dry_run, exported, furnish

pytestmark = [pytest.mark.needs("postgres"), pytest.mark.xdist_group("setup-postgres")]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Flask, World]]:
    with served(tmp_path_factory.mktemp("setup")) as found:
        yield found


def test_a_set_up_goes_to_another_brokerage_and_comes_back(built: tuple[Flask, World]) -> None:
    app, world = built
    with app.app_context():
        with world.harbour.inside():
            furnish(world.harbour)
            data, key = exported(world.harbour.actor()), states.listed(None, 1)[0].id
        with world.summit.inside():
            owner = world.summit.actor()
            records.create(Tag, {"name": "VIP"}, actor=owner)
            first, before = states.listed(None, 1)[0].id, exported(owner)
            brought(data, owner)
            assert dry_run(data, owner).steps == []
            assert exported(owner) == data
            apply.return_to(first, actor=owner)
            assert exported(owner) == before
            with pytest.raises(NotFound):
                states.get(key)
        with db.engine.connect() as bare:
            assert bare.execute(sa.text("SELECT count(*) FROM setup_state")).scalar() == 0, "the second wall"


@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(edits=EDITS, back=st.integers(0, 20))
def test_any_moment_comes_back_byte_for_byte(built: tuple[Flask, World], edits: list[Edit], back: int) -> None:
    app, world = built
    with app.app_context(), world.harbour.inside():
        owner = world.harbour.actor()
        past = []
        for one in edits:
            edit(world.harbour, one)
            past.append((states.listed(None, 1)[0].id, exported(owner)))
        key, file = past[back % len(past)]
        apply.return_to(key, actor=owner)
        assert exported(owner) == file
        newest = states.newest()
        assert newest is not None and newest.document == states.packed(capture.take().items)


def test_two_changes_at_once_are_two_moments_in_order(built: tuple[Flask, World]) -> None:
    """Neither state forgets what the other operation did: the second waits for the first."""
    app, world = built
    start = threading.Barrier(2)
    problems: list[BaseException] = []

    def add(name: str) -> None:
        try:
            with app.app_context(), world.summit.inside():
                owner = world.summit.actor()
                start.wait(10)
                records.create(
                    Template, {"name": name, "subject": name, "body": name, "kind": "marketing"}, actor=owner
                )
                session.remove()
        except BaseException as error:
            problems.append(error)

    for turn in range(4):
        some = [threading.Thread(target=add, args=(f"{side} {turn}",)) for side in ("Left", "Right")]
        for one in some:
            one.start()
        for one in some:
            one.join(30)
    assert not problems
    with app.app_context(), world.summit.inside():
        newest = session.scalar(sa.select(SetupState).order_by(SetupState.id.desc()).limit(1))
        assert newest is not None
        names = {item["name"] for item in states.unpacked(newest.document)["templates"].values()}
        assert {f"{side} {turn}" for side in ("Left", "Right") for turn in range(4)} <= names
        assert newest.document == states.packed(capture.take().items)

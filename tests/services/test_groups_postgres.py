"""Boards, calendars, groups and totals read the same on PostgreSQL, of columns and of added fields."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from app.services import group_keys, groups, records
from app.services.queries import ListQuery
from models import scope
from models.base import db, session
from models.contact import Contact
from models.deal import Pipeline, Stage
from models.scope import Actor
from models.work import Task
from tests import database_kit, jobs_kit
from tests.factories_fields import define_all

pytestmark = pytest.mark.needs("postgres")
ZONE = ZoneInfo("America/New_York")
PEOPLE = (
    ("Dana", {"stage": "active", "budget_max": 5_00, "x_school_area": "south", "x_pets": True, "x_rooms": 3,
              "x_lot_size": Decimal("0.35"), "x_anniversary": dt.date(2001, 6, 9),
              "x_next_call": dt.datetime(2026, 12, 1, 3, 0, tzinfo=dt.UTC)}),
    ("Eli", {"stage": "active", "budget_max": 2**62, "x_school_area": "south", "x_lot_size": Decimal("1.15")}),
    ("Faye", {"stage": "lost", "birthday": dt.date(1980, 2, 29)}),
)  # fmt: skip


def test_parts_and_sums_on_postgresql(tmp_path: Path) -> None:
    with database_kit.postgres() as (_owner, application):
        app = database_kit.make_app(tmp_path, application)
        with app.app_context():
            harbor = database_kit.found_workspace("harbor")
            actor = jobs_kit.join(harbor, "Dana", "owner")
            with scope.inside(harbor):
                define_all("contact", actor=actor)
                ids = [records.create(Contact, {"name": name, **more}, actor=actor).id for name, more in PEOPLE]
                records.update(Contact, ids[2], {"x_referred_by": ids[0]}, actor=actor)
                _by_value(actor, ids)
                _by_time(actor)
                _sums(actor)
            session.remove()
            db.engine.dispose()


def _counts(name: str, actor: Actor) -> dict[object, int]:
    query = ListQuery(Contact, ("name", "x_school_area"), sort="-x_rooms")
    key = group_keys.by_value(Contact, name, actor=actor)
    found = groups.read(query, key, per=20, sums=("budget_max", "x_lot_size"), actor=actor)
    assert found.count == 3 and not found.more
    return {group.key: group.count for group in found.groups}


def _by_value(actor: Actor, ids: list[int]) -> None:
    assert _counts("stage", actor) == {"active": 2, "lost": 1}
    assert _counts("minor", actor) == {False: 3}
    assert _counts("owner_id", actor) == {actor.membership_id: 3}
    assert _counts("x_school_area", actor) == {"south": 2, None: 1}
    assert _counts("x_pets", actor) == {True: 1, False: 2}
    assert _counts("x_referred_by", actor) == {ids[0]: 1, None: 2}


def _by_time(actor: Actor) -> None:
    for name, month, count in (
        ("birthday", (1980, 2), 1),
        ("x_anniversary", (2001, 6), 1),
        ("x_next_call", (2026, 11), 1),
    ):
        query = ListQuery(Contact, ("name", name))
        starts = groups.months(query, name, actor=actor)
        one = group_keys.timed(Contact)[name]
        key = group_keys.by_time(Contact, name, [group_keys.start_of(one, day, ZONE) for day in starts])
        found = {g.key: g for g in groups.read(query, key, per=3, actor=actor).groups}
        assert found[starts.index(dt.date(*month, 1))].count == count, name
        assert found[None].count == 2
    when = dt.datetime(2026, 11, 1, 3, 59, tzinfo=dt.UTC)
    records.create(Task, {"title": "Eve of November", "due_at": when}, actor=actor)
    query = ListQuery(Task, ("title",))
    starts = groups.months(query, "due_at", actor=actor)
    key = group_keys.by_time(Task, "due_at", [group_keys.midnight(day, ZONE) for day in starts])
    assert [starts[g.key] for g in groups.read(query, key, per=3, actor=actor).groups] == [dt.date(2026, 10, 1)]


def _sums(actor: Actor) -> None:
    sums, number, capped = groups.totals(ListQuery(Contact, ("name",)), ("budget_max", "x_lot_size"), actor=actor)
    assert (number, capped) == (3, False)
    assert (sums["budget_max"].total, sums["budget_max"].count) == (2**62 + 5_00, 2)
    assert (sums["x_lot_size"].total, sums["x_lot_size"].count) == (Decimal("1.50"), 2)
    pipeline = records.create(Pipeline, {"name": "Resale"}, actor=actor).id
    for name, place in (("Won", 2), ("Offer out", 1)):
        records.create(Stage, {"name": name, "pipeline_id": pipeline, "position": place}, actor=actor)
    lanes = [row[1:] for row in groups.setup(Stage, "pipeline_id", actor=actor)]
    assert lanes == [("Offer out", pipeline, "Resale"), ("Won", pipeline, "Resale")]

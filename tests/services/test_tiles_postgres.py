"""Days, weeks and months across a change of the clocks, sums and stages: the same on SQLite and PostgreSQL."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask import Flask

from app.services import custom_fields, group_keys, periods, records, tiles
from app.services.periods import Stretch
from app.services.queries import ListQuery
from models import scope
from models.base import db, session
from models.contact import Contact
from models.deal import Deal, Pipeline, Stage
from models.scope import Actor
from models.work import Task
from tests import database_kit, jobs_kit
from tests.factories import World
from tests.factories_fields import TAGS

# The clocks of New York went back on 1 November 2026 and forward on 8 March 2026.
ZONES = ("America/New_York", "Australia/Lord_Howe", "UTC")
MOMENTS = [dt.datetime(2026, 10, 31, 3, 30, tzinfo=dt.UTC) + dt.timedelta(minutes=30 * n) for n in range(150)] + [
    dt.datetime(2026, 3, 7, 4, 30, tzinfo=dt.UTC) + dt.timedelta(minutes=45 * n) for n in range(80)
]


def _read(name: str, days: list[Stretch], zone: ZoneInfo, actor: Actor) -> dict[dt.date, int]:
    one = group_keys.timed(Task)[name]
    key = group_keys.by_time(Task, name, [group_keys.start_of(one, step.start, zone) for step in days])
    within = group_keys.within(Task, name, days[0].start, days[-1].end, zone)
    query = ListQuery(Task, ("title",), filters=within)
    found = {days[p.keys[0]].start: p.count for p in tiles.read(query, (key,), "", actor=actor)}
    return {step.start: found.get(step.start, 0) for step in days}


def _told(actor: Actor) -> None:
    custom_fields.define("task", {"label": "Call back", "kind": "datetime", **TAGS}, actor=actor)
    for moment in MOMENTS:
        records.create(Task, {"title": str(moment), "due_at": moment, "x_call_back": moment}, actor=actor)
    for zone in map(ZoneInfo, ZONES):
        for every, span, today in (("day", 7, dt.date(2026, 11, 4)), ("week", 8, dt.date(2026, 11, 4)),
                                   ("month", 12, dt.date(2026, 11, 4)), ("day", 7, dt.date(2026, 3, 10))):  # fmt: skip
            steps = periods.steps(every, span, today, 6)
            wanted = Counter(
                step.start for step in steps for m in MOMENTS if step.start <= m.astimezone(zone).date() < step.end
            )
            for name in ("due_at", "x_call_back"):
                assert _read(name, steps, zone, actor) == {step.start: wanted[step.start] for step in steps}, (
                    zone,
                    name,
                )


def _sums(actor: Actor) -> None:
    pipeline = records.create(Pipeline, {"name": "Resale"}, actor=actor).id
    stages = [
        records.create(Stage, {"name": name, "pipeline_id": pipeline, "position": place}, actor=actor).id
        for name, place in (("Won", 3), ("Enquiry", 1), ("Offer", 2))
    ]
    other = records.create(Pipeline, {"name": "Rent"}, actor=actor).id
    records.create(Stage, {"name": "Viewing", "pipeline_id": other, "position": 1}, actor=actor)
    contact = records.create(Contact, {"name": "Dana", "company": "Pine", "type": "buyer"}, actor=actor).id
    for stage, price in ((stages[1], 2**62), (stages[1], 7), (stages[2], None)):
        given: dict[str, Any] = {"title": "D", "contact_id": contact, "stage_id": stage, "price": price}
        records.create(Deal, given, actor=actor)
    query = ListQuery(Deal, ("title",))
    found = tiles.read_steps(query, "stage_id", "price", pipeline, "pipeline_id", actor=actor)
    assert [(p.titles[0], p.count, p.sum.total if p.sum else None) for p in found] == [
        ("Enquiry", 2, 2**62 + 7), ("Offer", 1, 0), ("Won", 0, 0),
    ]  # fmt: skip
    whole = tiles.read(query, (), "price", actor=actor)[0]
    assert (whole.count, whole.sum) == (3, tiles.Sum(2**62 + 7, 2))
    by = (tiles.by_value(Contact, "company", actor=actor), tiles.by_value(Contact, "type", actor=actor))
    assert ("Pine", "buyer") in [p.keys for p in tiles.read(ListQuery(Contact, ("name",)), by, "", actor=actor)]


def test_on_sqlite(app: Flask, world: World) -> None:
    with app.app_context(), world.summit.inside():
        _told(world.summit.actor("owner"))
        _sums(world.summit.actor("owner"))


@pytest.mark.needs("postgres")
def test_on_postgresql(tmp_path: Path) -> None:
    with database_kit.postgres() as (_owner, application):
        app = database_kit.make_app(tmp_path, application)
        with app.app_context():
            harbor = database_kit.found_workspace("harbor")
            actor = jobs_kit.join(harbor, "Dana", "owner")
            with scope.inside(harbor):
                _told(actor)
                _sums(actor)
            session.remove()
            db.engine.dispose()

"""What is ordered by hand reads the same on PostgreSQL: tasks by urgency, addresses in one line, pages of the log."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path

import pytest

from app.services import audit_log, queries, records, timeline
from app.services.audit_log import Wanted
from models import scope
from models.base import db, session
from models.contact import Contact, ContactAddress
from models.deal import Pipeline, Stage
from models.fields import now
from models.work import Task
from tests import database_kit, jobs_kit

pytestmark = pytest.mark.needs("postgres")
TASKS = (("Some time", None, "open"), ("Was done", -9, "done"), ("Late", -2, "open"), ("Tomorrow", 1, "open"))


def test_orders_on_postgresql(tmp_path: Path) -> None:
    with database_kit.postgres() as (_owner, application):
        app = database_kit.make_app(tmp_path, application)
        with app.app_context():
            harbor = database_kit.found_workspace("harbor")
            actor = jobs_kit.join(harbor, "Dana", "owner")
            with scope.inside(harbor):
                dana = records.create(Contact, {"name": "Dana Whitcombe"}, actor=actor)
                address = {"contact_id": dana.id, "street": "9 Pier Lane", "city": "Portland", "postal_code": "04101"}
                records.create(ContactAddress, address, actor=actor)
                for title, days, state in TASKS:
                    due = None if days is None else now() + dt.timedelta(days=days)
                    records.create(
                        Task, {"title": title, "due_at": due, "state": state, "contact_id": dana.id}, actor=actor
                    )
                found = timeline.related(dana, ("contact_address", "task"), actor=actor)
                assert [one.title for one in found["task"]] == ["Late", "Tomorrow", "Some time", "Was done"]
                assert [one.title for one in found["contact_address"]] == ["9 Pier Lane, Portland 04101"]
                _dates(actor)
                _stages(actor)
                _log(actor)
            session.remove()
            db.engine.dispose()


def _dates(actor: scope.Actor) -> None:
    query = queries.ListQuery(Task, ("title",), sort="due_at", limit=3)
    first = queries.page(query, actor=actor)
    second = queries.page(replace(query, cursor=first.next or ""), actor=actor)
    assert [row[1] for row in (*first.rows, *second.rows)] == ["Was done", "Late", "Tomorrow", "Some time"]
    assert queries.page(replace(query, cursor=second.previous or ""), actor=actor).rows == first.rows


def _stages(actor: scope.Actor) -> None:
    pipeline = records.create(Pipeline, {"name": "Lettings"}, actor=actor)
    for name, position in (("Signed", 2), ("Inquiry", 1)):
        made = records.create(Stage, {"name": name, "position": position, "pipeline_id": pipeline.id}, actor=actor)
    among = queries.alike(Stage, "pipeline_id", made.id, actor=actor)
    rows, _more = queries.options(Stage, "", actor=actor, extra="pipeline_id", among=among)
    assert [tuple(row[1:3]) for row in rows] == [("Inquiry", "Lettings"), ("Signed", "Lettings")]


def _log(actor: scope.Actor) -> None:
    for wanted in (Wanted(), Wanted(action="create"), Wanted(entity="task")):
        whole = audit_log.page(wanted, actor=actor).rows
        assert len(whole) > 2
        after = audit_log.page(wanted, actor=actor, after=whole[1].id).rows
        assert [row.id for row in after] == [row.id for row in whole[2:]]
        before = audit_log.page(wanted, actor=actor, before=whole[2].id).rows
        assert [row.id for row in before] == [row.id for row in whole[:2]]
    assert audit_log.entry(whole[0].id, actor=actor).row.id == whole[0].id

"""Workers side by side on PostgreSQL, as the role that row security binds: each job once, whoever is faster."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask

from app.services.operation import operation
from jobs import registry, runner, store
from jobs.run import Run
from models import scope
from models.base import db, session
from models.contact import Tag
from models.policy import Purpose
from tests import database_kit, jobs_kit

JOBS = 120


@registry.job("test.count", purpose=Purpose.RELIABILITY)
def count(run: Run) -> None:
    session.add(Tag(name=f"{run.args['number']} by attempt {run.attempt}", source="test", created_by="Test"))


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    with database_kit.postgres() as (_owner, application):
        made = jobs_kit.make_app(tmp_path, application, create=False)
        yield made
        with made.app_context():
            db.session.remove()
            db.engine.dispose()


@pytest.mark.needs("postgres")
def test_workers_side_by_side_do_each_job_once(app: Flask) -> None:
    with app.app_context():
        workspace = jobs_kit.found_workspace()
        with scope.inside(workspace), operation("test.promise", actor=jobs_kit.SYSTEM) as op:
            for number in range(JOBS):
                op.promise("test.count", {"number": number}, purpose=Purpose.RELIABILITY)
    ran: list[int] = []
    workers = [threading.Thread(target=lambda: ran.append(runner.drain(app))) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert sum(ran) == JOBS
    with app.app_context(), scope.inside(workspace):
        assert sorted(session.scalars(sa.select(Tag.name))) == sorted(f"{n} by attempt 1" for n in range(JOBS))


@pytest.mark.needs("postgres")
def test_a_claim_takes_no_more_than_asked_and_skips_what_others_hold(app: Flask) -> None:
    with app.app_context():
        workspace = jobs_kit.found_workspace()
        with scope.inside(workspace), operation("test.promise", actor=jobs_kit.SYSTEM) as op:
            for number in range(9):
                op.promise("test.count", {"number": number}, purpose=Purpose.RELIABILITY)
        db.session.remove()
        with store.connection() as other:
            held = sa.select(store.table.c.id).order_by(store.table.c.id).limit(2).with_for_update()
            locked = set(other.scalars(held))
            taken = [claimed.id for claimed in store.claim(4)]
        assert len(taken) == 4 and not locked & set(taken)
        assert len(store.claim(20)) == 5

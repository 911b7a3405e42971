"""What people do with jobs: see, cancel, try again; each within their own reach."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask

from app.errors import Conflict, Forbidden, NotFound
from app.services import jobs
from app.services.operation import operation
from jobs import registry, runner
from jobs.run import Run
from models import scope, tenancy
from models.audit import Audit
from models.base import session
from models.policy import Purpose
from models.scope import Actor
from tests import jobs_kit

_broken = {"yes": True}


@registry.job("test.fragile", purpose=Purpose.RUN_TRANSACTIONS)
def fragile(run: Run) -> dict[str, bool]:
    if _broken["yes"]:
        raise RuntimeError("not yet")
    return {"ok": True}


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    made = jobs_kit.make_app(tmp_path)
    with made.app_context():
        yield made


def _promise(workspace: int, actor: Actor) -> int:
    with scope.inside(workspace), operation("test.promise", actor=actor) as op:
        job = op.promise("test.fragile", {}, purpose=Purpose.RUN_TRANSACTIONS, max_attempts=1)
        session.flush()
        return job.id


def test_owner_teammate_and_outsider_see_what_is_theirs(app: Flask) -> None:
    harbor, saltmarsh = jobs_kit.found_workspace("harbor"), jobs_kit.found_workspace("saltmarsh")
    owner, colleague, broker = (
        jobs_kit.join(harbor, n, r) for n, r in (("Dana", "agent"), ("Ray", "agent"), ("Bea", "broker"))
    )
    outsider = jobs_kit.join(saltmarsh, "Olga", "broker")
    job = _promise(harbor, owner)
    with scope.inside(harbor):
        assert jobs.get(job, actor=owner).id == job
        assert [j.id for j in jobs.page(actor=broker).jobs] == [job]
        assert jobs.page(actor=colleague).jobs == []
        with pytest.raises(NotFound):
            jobs.cancel(job, actor=colleague)
    with scope.inside(saltmarsh), pytest.raises(NotFound):
        jobs.retry(job, actor=outsider)


def test_a_dead_job_is_tried_again_and_the_log_says_by_whom(app: Flask) -> None:
    harbor = jobs_kit.found_workspace()
    agent = jobs_kit.join(harbor, "Dana", "agent")
    job = _promise(harbor, agent)
    _broken["yes"] = True
    runner.drain(app)
    with scope.inside(harbor):
        assert jobs.get(job, actor=agent).state == "dead"
        _broken["yes"] = False
        jobs.retry(job, actor=agent)
    runner.drain(app)
    with scope.inside(harbor):
        session.expire_all()
        assert jobs.get(job, actor=agent).state == "done"
        log = session.execute(
            sa.select(Audit.action, Audit.actor).where(Audit.entity == "job").order_by(Audit.id)
        ).all()
        assert [tuple(row) for row in log] == [("job.dead", "Jobs"), ("job.retry", "Dana")]
        with pytest.raises(Conflict):
            jobs.retry(job, actor=agent)


def test_a_reader_of_all_jobs_may_not_change_them(app: Flask) -> None:
    harbor = jobs_kit.found_workspace()
    agent, auditor = jobs_kit.join(harbor, "Dana", "agent"), jobs_kit.join(harbor, "Cleo", "compliance")
    job = _promise(harbor, agent)
    with scope.inside(harbor):
        assert jobs.get(job, actor=auditor).id == job
        with pytest.raises(Forbidden):
            jobs.cancel(job, actor=auditor)


def test_pages_of_jobs_go_back_and_forth(app: Flask) -> None:
    harbor = jobs_kit.found_workspace()
    agent = jobs_kit.join(harbor, "Dana", "agent")
    ids = [_promise(harbor, agent) for _ in range(7)]
    with scope.inside(harbor):
        first = jobs.page(actor=agent, limit=3)
        second = jobs.page(actor=agent, limit=3, before=first.older)
        last = jobs.page(actor=agent, limit=3, before=second.older)
        assert [j.id for p in (first, second, last) for j in p.jobs] == ids[::-1]
        assert (first.newer, last.older, first.counts["waiting"]) == (None, None, 7)
        back = jobs.page(actor=agent, limit=3, after=last.newer)
        assert [j.id for j in back.jobs] == [j.id for j in second.jobs]


def test_status_counts_every_brokerage(app: Flask) -> None:
    for slug in ("harbor", "saltmarsh"):
        workspace = jobs_kit.found_workspace(slug)
        _promise(workspace, jobs_kit.join(workspace, "Dana", "agent"))
    with scope.across_workspaces("a test counts"):
        assert jobs.status()["states"] == {"waiting": 2}
        assert (
            session.scalar(
                sa.select(sa.func.count()).select_from(Audit), execution_options=tenancy.reason("a test counts")
            )
            is not None
        )

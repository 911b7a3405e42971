"""Jobs as stories: promised with the work, done once, refused when rights are gone, given back when a worker dies."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from app.errors import Invalid
from app.services import records
from app.services.operation import operation
from jobs import registry, runner, store
from jobs.run import LostLease, Retry, Run
from models import scope
from models.base import session
from models.contact import Contact, Tag
from models.fields import now
from models.job import Job
from models.policy import Purpose
from models.scope import Actor
from models.workspace import Membership
from tests import jobs_kit

FUTURE = dt.timedelta(hours=3)


@registry.job("test.tag", purpose=Purpose.RUN_TRANSACTIONS)
def add_tag(run: Run) -> dict[str, Any]:
    records.create(Tag, {"name": run.args["name"]}, actor=run.actor, source="job")
    if run.args.get("then") == "invalid":
        raise Invalid({"name": "This name is not allowed."})
    if run.args.get("then") == "crash":
        raise RuntimeError("broken in the middle")
    if run.args.get("then") == "wait":
        raise Retry("The other side is busy.", seconds=60)
    return {"name": run.args["name"]}


@registry.job("test.long", purpose=Purpose.RUN_TRANSACTIONS, outside=True)
def long(run: Run) -> None:
    for part in range(3):
        run.progress(part, 3, f"part {part}")
        _seen.append(_row(run.id).progress)
        with run.step():
            records.create(Tag, {"name": f"part {part}"}, actor=run.actor, source="job")
        if run.args.get("cancel_after") == part:
            _force(run.id, cancel_asked=now())


_seen: list[int] = []


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    made = jobs_kit.make_app(tmp_path)
    with made.app_context():
        yield made


@pytest.fixture
def office(app: Flask) -> tuple[int, Actor]:
    workspace = jobs_kit.found_workspace()
    return workspace, jobs_kit.join(workspace, "Dana", "broker")


def _promise(office: tuple[int, Actor], name: str, /, **args: Any) -> int:
    with scope.inside(office[0]), operation("test.promise", actor=office[1]) as op:
        job = op.promise(name, args, purpose=Purpose.RUN_TRANSACTIONS, max_attempts=3)
        session.flush()
        return job.id


def _row(job_id: int) -> Any:
    with store.connection() as live:
        return live.execute(sa.select(store.table).where(store.table.c.id == job_id)).one()


def _force(job_id: int, **values: Any) -> None:
    with store.connection() as live:
        live.execute(sa.update(store.table).where(store.table.c.id == job_id).values(**values))


def _tags(office: tuple[int, Actor]) -> list[str]:
    with scope.inside(office[0]):
        return list(session.scalars(sa.select(Tag.name).order_by(Tag.id)))


def test_a_promised_job_is_done_once_by_the_one_who_asked(app: Flask, office: tuple[int, Actor]) -> None:
    job = _promise(office, "test.tag", name="waterfront")
    assert runner.drain(app) == 1
    assert runner.drain(app) == 0
    row = _row(job)
    assert (row.state, row.result, row.attempts) == ("done", {"name": "waterfront"}, 1)
    with scope.inside(office[0]):
        assert session.scalars(sa.select(Tag)).one().created_by == "Dana"


def test_nothing_is_promised_when_the_work_is_rolled_back(app: Flask, office: tuple[int, Actor]) -> None:
    with pytest.raises(RuntimeError), scope.inside(office[0]), operation("test.promise", actor=office[1]) as op:
        op.promise("test.tag", {"name": "x"}, purpose=Purpose.RUN_TRANSACTIONS)
        raise RuntimeError("changed my mind")
    assert runner.drain(app) == 0


def test_a_crash_leaves_no_effect_and_is_tried_again_until_it_is_dead(app: Flask, office: tuple[int, Actor]) -> None:
    job = _promise(office, "test.tag", name="x", then="crash")
    for attempt in (1, 2):
        assert runner.drain(app) == 1
        row = _row(job)
        assert (row.state, row.attempts, row.error) == ("waiting", attempt, "RuntimeError: broken in the middle")
        assert row.run_at.replace(tzinfo=dt.UTC) > now()
        _force(job, run_at=now())
    runner.drain(app)
    assert _row(job).state == "dead"
    assert _tags(office) == []


def test_a_rule_that_no_retry_can_mend_fails_at_once(app: Flask, office: tuple[int, Actor]) -> None:
    job = _promise(office, "test.tag", name="x", then="invalid")
    runner.drain(app)
    assert (_row(job).state, _row(job).error) == ("failed", "This name is not allowed.")
    assert _tags(office) == []


def test_a_job_can_name_its_own_wait(app: Flask, office: tuple[int, Actor]) -> None:
    job = _promise(office, "test.tag", name="x", then="wait")
    before = now()
    runner.drain(app)
    wait = _row(job).run_at.replace(tzinfo=dt.UTC) - before
    assert dt.timedelta(seconds=55) < wait < dt.timedelta(seconds=90)


def test_a_removed_members_job_is_refused(app: Flask, office: tuple[int, Actor]) -> None:
    job = _promise(office, "test.tag", name="x")
    with scope.inside(office[0]), operation("member.remove", actor=jobs_kit.SYSTEM):
        session.scalars(sa.select(Membership)).one().active = False
    runner.drain(app)
    assert _row(job).state == "refused"
    assert "no longer a member" in _row(job).error
    assert _tags(office) == []


def test_a_role_without_the_right_is_refused(app: Flask, office: tuple[int, Actor]) -> None:
    reader = (office[0], jobs_kit.join(office[0], "Ray", "read_only"))
    job = _promise(reader, "test.tag", name="x")
    runner.drain(app)
    assert _row(job).state == "refused"
    assert _tags(office) == []


def test_a_name_that_is_on_no_list_does_not_run(app: Flask, office: tuple[int, Actor]) -> None:
    job = _promise(office, "os.system", command="true")
    runner.drain(app)
    assert _row(job).state == "failed"
    assert "No job is named" in _row(job).error


def test_what_a_dead_worker_held_goes_back_without_an_effect(app: Flask, office: tuple[int, Actor]) -> None:
    job = _promise(office, "test.tag", name="x")
    held = store.claim(5)
    assert [c.id for c in held] == [job]
    assert store.claim(5) == []
    _force(job, lease_until=now() - FUTURE)
    assert runner.drain(app) == 1
    assert (_row(job).state, _row(job).attempts) == ("done", 1)


def test_a_worker_that_kills_each_time_is_given_up(app: Flask, office: tuple[int, Actor]) -> None:
    job = _promise(office, "test.tag", name="x")
    store.claim(5)
    _force(job, lease_until=now() - FUTURE, attempts=3)
    runner.drain(app)
    assert _row(job).state == "dead"
    assert "The worker ended" in _row(job).error


def test_a_worker_that_lost_its_lease_leaves_nothing_behind(app: Flask, office: tuple[int, Actor]) -> None:
    job = _promise(office, "test.tag", name="slow")
    slow = store.begin(store.claim(1)[0])
    assert slow is not None
    _force(job, lease_until=now() - FUTURE)
    assert runner.drain(app) == 1
    with scope.inside(office[0]), pytest.raises(LostLease):
        runner._perform(Run(replace(slow, args={"name": "ghost"}), registry.find("test.tag"), office[1], 1))
    assert _tags(office) == ["slow"]
    assert _row(job).state == "done"


def test_progress_shows_while_it_runs_and_each_step_is_kept(app: Flask, office: tuple[int, Actor]) -> None:
    _seen.clear()
    job = _promise(office, "test.long")
    runner.drain(app)
    assert _seen == [0, 1, 2]
    assert _row(job).state == "done"
    assert _tags(office) == ["part 0", "part 1", "part 2"]


def test_cancelling_stops_a_running_job_at_its_next_report(app: Flask, office: tuple[int, Actor]) -> None:
    job = _promise(office, "test.long", cancel_after=0)
    runner.drain(app)
    assert _row(job).state == "cancelled"
    assert _tags(office) == ["part 0"]


def test_a_job_of_one_brokerage_never_sees_another(app: Flask, office: tuple[int, Actor]) -> None:
    other = jobs_kit.found_workspace("saltmarsh")
    outsider = (other, jobs_kit.join(other, "Olga", "broker"))
    _promise(office, "test.tag", name="ours")
    _promise(outsider, "test.tag", name="theirs")
    assert runner.drain(app) == 2
    assert (_tags(office), _tags(outsider)) == (["ours"], ["theirs"])


def test_the_same_promise_twice_is_one(app: Flask, office: tuple[int, Actor]) -> None:
    for _ in range(2):
        with scope.inside(office[0]), operation("test.promise", actor=office[1]) as op:
            op.promise("test.tag", {"name": "once"}, purpose=Purpose.RUN_TRANSACTIONS, dedupe="once")
    assert runner.drain(app) == 1
    with scope.inside(office[0]):
        assert session.scalar(sa.select(sa.func.count()).select_from(Job)) == 1


def test_backoff_doubles_to_an_hour_with_a_quarter_of_jitter() -> None:
    for attempt, middle in ((1, 5), (2, 10), (5, 80), (30, 3600)):
        waits = [runner.backoff(attempt) for _ in range(50)]
        assert middle * 0.75 <= min(waits) <= max(waits) <= middle * 1.25
        assert len(set(waits)) > 1


def test_contacts_of_a_job_carry_their_source(app: Flask, office: tuple[int, Actor]) -> None:
    with scope.inside(office[0]):
        made = records.create(Contact, {"name": "Sam Rivers"}, actor=office[1], source="job")
        assert made.source == "job"

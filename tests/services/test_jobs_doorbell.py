"""The doorbell in a real Redis: it wakes a worker process, never fails a request, and losing it loses no work."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask
from redis import Redis
from rq import Queue
from rq.serializers import JSONSerializer

from app.services.operation import operation
from jobs import dispatch, registry, runner, store
from jobs.run import Run
from jobs.ticker import Ticker
from models import scope
from models.base import db, session
from models.policy import Purpose
from tests import jobs_kit
from tests.services_present import redis_url

ROOT = Path(__file__).resolve().parent.parent.parent


@registry.job("test.quiet", purpose=Purpose.RELIABILITY)
def quiet(run: Run) -> None:
    """Nothing but its own state."""


@pytest.fixture
def redis() -> Iterator[Redis]:
    found = dispatch.connect(str(redis_url()))
    found.delete("rq:queue:doorbell")
    yield found
    found.delete("rq:queue:doorbell")


@pytest.fixture
def app(tmp_path: Path, redis: Redis) -> Iterator[Flask]:
    made = jobs_kit.make_app(tmp_path, REDIS_URL=str(redis_url()))
    yield made
    with made.app_context():
        db.engine.dispose()


def _promise(app: Flask, name: str = "test.quiet") -> int:
    with app.app_context():
        workspace = jobs_kit.found_workspace()
        with scope.inside(workspace), operation("test.promise", actor=jobs_kit.SYSTEM) as op:
            job = op.promise(name, {}, purpose=Purpose.RELIABILITY)
            session.flush()
            return job.id


def _state(app: Flask, job_id: int) -> str:
    with app.app_context(), store.connection() as live:
        return str(live.scalar(sa.select(store.table.c.state).where(store.table.c.id == job_id)))


@pytest.mark.needs("redis")
def test_a_committed_promise_rings_and_the_bell_holds_json(app: Flask, redis: Redis) -> None:
    _promise(app)
    queue = Queue("doorbell", connection=redis, serializer=JSONSerializer)
    [bell] = queue.jobs
    assert (bell.func_name, bell.args) == ("jobs.dispatch.answer", [])


@pytest.mark.needs("redis")
def test_many_promises_do_not_pile_up_bells(app: Flask, redis: Redis) -> None:
    for _ in range(30):
        assert app.extensions["doorbell"].ring()
    assert redis.llen("rq:queue:doorbell") == dispatch.ENOUGH_BELLS


def test_a_silent_bell_never_fails_the_request_and_the_ticker_works_instead(tmp_path: Path) -> None:
    app = jobs_kit.make_app(tmp_path, REDIS_URL="redis://127.0.0.1:9/0")
    job = _promise(app)
    ticker = Ticker(app)
    ticker.ring()
    assert ticker.stand_in is not None
    ticker.stand_in.join(30)
    assert _state(app, job) == "done"


@pytest.mark.needs("redis")
def test_a_worker_process_answers_the_bell_and_stops_when_told(app: Flask, redis: Redis, tmp_path: Path) -> None:
    job = _promise(app, "access.clean")
    redis.delete("rq:queue:doorbell")
    worker = _worker(tmp_path)
    try:
        deadline = time.monotonic() + 40
        while _state(app, job) != "done" and time.monotonic() < deadline:
            Ticker(app).ring()
            assert worker.poll() is None
            time.sleep(0.1)  # lets the other process work; the deadline decides
        assert _state(app, job) == "done"
    finally:
        worker.terminate()
    assert worker.wait(20) == 0


def _worker(folder: Path) -> subprocess.Popen[bytes]:
    program = (
        "import sys; from pathlib import Path; from tests import jobs_kit; from jobs import dispatch;"
        "dispatch.serve(jobs_kit.make_app(Path(sys.argv[1]), create=False, REDIS_URL=sys.argv[2]))"
    )
    return subprocess.Popen(
        [sys.executable, "-c", program, str(folder), str(redis_url())],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )


def test_a_worker_that_is_told_to_stop_returns_what_it_has_not_begun(tmp_path: Path) -> None:
    app = jobs_kit.make_app(tmp_path)
    job = _promise(app)
    runner.stopping.set()
    try:
        with app.app_context():
            [claimed] = store.claim(1)
            assert runner._work_batch(app, [claimed], 60) == 0
    finally:
        runner.stopping.clear()
    assert _state(app, job) == "waiting"
    assert runner.drain(app) == 1

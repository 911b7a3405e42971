"""The doorbell: after a commit that promised work, a short message in RQ wakes a worker. The work itself is in the
database.

A lost, doubled or late bell changes nothing but the time until the ticker rings again, so a bell never fails a request.
Belongs here: ringing and answering. Does not belong here: what is worked off (`jobs.runner`).
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

import structlog
from flask import Flask
from redis import Redis
from redis.exceptions import RedisError
from rq import Queue, SimpleWorker
from rq.serializers import JSONSerializer

from app.services import operation
from jobs import runner, store

BELL = "doorbell"
# Each of these waiting bells will be answered after what was just committed, so one more would wake nobody.
ENOUGH_BELLS = 8
ANSWER_SECONDS = 10.0
POLL_SECONDS = 0.5
PAUSE_AFTER_FAILURE = 5.0
log = structlog.get_logger(__name__)


class Doorbell:
    """Rings through one Redis. `ring` answers whether somebody will come."""

    def __init__(self, url: str) -> None:
        self.redis = connect(url, timeout=0.5)
        self.queue = Queue(BELL, connection=self.redis, serializer=JSONSerializer)
        self.silent_until = 0.0

    def ring(self, queues: Iterable[str] = ()) -> bool:
        if time.monotonic() < self.silent_until:
            return False
        try:
            if self.queue.count < ENOUGH_BELLS:
                self.queue.enqueue_call(answer, timeout=-1, result_ttl=0, failure_ttl=60, ttl=60)
            return True
        except (RedisError, OSError) as error:
            self.silent_until = time.monotonic() + PAUSE_AFTER_FAILURE
            log.warning("doorbell silent, the ticker will see to it", error=type(error).__name__, queues=sorted(queues))
            return False


class BellWorker(SimpleWorker):
    """An RQ worker that keeps the application between bells instead of forking for each, and stops between two jobs."""

    def request_stop(self, signum: Any, frame: Any) -> None:
        runner.stopping.set()
        super().request_stop(signum, frame)


def init(app: Flask) -> None:
    """Have committed promises ring. Without Redis workers look for themselves."""
    url = app.config.get("REDIS_URL")
    if not url:
        operation.on_promise(lambda _queues: None)
        return
    bell = Doorbell(url)
    app.extensions["doorbell"] = bell

    def ring(queues: frozenset[str]) -> None:
        bell.ring(queues)

    operation.on_promise(ring)


def answer() -> int:
    """What a bell runs in the worker. Returns how many jobs ran; rings again if its time was too short for all."""
    app = _application()
    ran = runner.drain(app, seconds=ANSWER_SECONDS)
    with app.app_context():
        more = not runner.stopping.is_set() and store.is_due()
    if more and "doorbell" in app.extensions:
        app.extensions["doorbell"].ring()
    return ran


def serve(app: Flask) -> None:
    """Work until told to stop."""
    _held["app"] = app
    stop_on_signal()
    url = app.config.get("REDIS_URL")
    if not url:
        _look_by_itself(app)
        return
    while not runner.stopping.is_set():
        worker = BellWorker(
            [Queue(BELL, connection=connect(url), serializer=JSONSerializer)], serializer=JSONSerializer
        )
        try:
            worker.work(logging_level="WARNING", with_scheduler=False)
        except (RedisError, OSError) as error:
            log.warning("worker lost Redis, it tries again", error=type(error).__name__)
            runner.stopping.wait(1.0)


def connect(url: str, timeout: float | None = None) -> Redis:
    """A client of the Redis at `url`; `timeout` in seconds bounds each wait."""
    return Redis.from_url(url, socket_connect_timeout=timeout or 5.0, socket_timeout=timeout)


def _look_by_itself(app: Flask) -> None:
    while not runner.stopping.is_set():
        try:
            runner.drain(app)
        except Exception:  # a database that is away for a moment comes back
            log.exception("drain failed")
        runner.stopping.wait(POLL_SECONDS)


def stop_on_signal() -> None:
    import signal

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: runner.stopping.set())


_held: dict[str, Flask] = {}


def _application() -> Flask:
    """The application of this process, made on the first bell (as under `rq worker-pool`)."""
    if "app" not in _held:
        from wsgi import create_app

        _held["app"] = create_app()
    return _held["app"]

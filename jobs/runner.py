"""Works off promised jobs: claim a chunk, run each under its own actor and workspace, settle how it ended.

Start a worker with `python -m jobs.runner`: it listens for the doorbell in RQ where REDIS_URL is set, else it looks by
itself. Belongs here: the loop and the verdict on each run. Does not belong here: row bookkeeping (`jobs.store`), bells
(`jobs.dispatch`).
"""

from __future__ import annotations

import datetime as dt
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import structlog
from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from app.errors import DomainError, Forbidden
from app.services import addressing
from app.services.operation import operation
from jobs import registry, store
from jobs.actors import restore
from jobs.registry import Spec, UnknownJob
from jobs.run import Cancelled, LostLease, Refused, Retry, Run, ending, fence
from models import scope
from models.base import session
from models.fields import now
from models.words import _

CHUNK = 20
BACKOFF_SECONDS = 5.0
LONGEST_BACKOFF = 3600.0
log = structlog.get_logger(__name__)
stopping = threading.Event()


def drain(app: Flask, *, seconds: float | None = None, most: int | None = None, queues: Sequence[str] = ()) -> int:
    """Work off due jobs until none is left, `seconds` are over, `most` are done or the worker is told to stop. Returns
    how many ran."""
    deadline = None if seconds is None else time.monotonic() + seconds
    lease = float(app.config.get("JOB_LEASE_SECONDS", store.LEASE_SECONDS))
    ran = 0
    with app.app_context():
        for spent in store.expire(lease):
            _run_in_scope(spent, _bury)
    while not stopping.is_set() and (deadline is None or time.monotonic() < deadline) and (most is None or ran < most):
        with app.app_context():
            batch = store.claim(CHUNK if most is None else min(CHUNK, most - ran), lease, queues)
        if not batch:
            break
        ran += _work_batch(app, batch, lease)
    return ran


def backoff(attempt: int) -> float:
    """Seconds to wait after the `attempt`-th failure: doubling from 5 s to an hour, with up to a quarter of jitter
    either way."""
    steady = min(BACKOFF_SECONDS * 2.0 ** max(0, attempt - 1), LONGEST_BACKOFF)
    return steady * random.uniform(0.75, 1.25)  # noqa: S311 (spreads load, guards nothing)


def _work_batch(app: Flask, batch: list[store.Claimed], lease: float) -> int:
    ran = 0
    with _kept(app, batch, lease):
        for place, claimed in enumerate(batch):
            if stopping.is_set():
                with app.app_context():
                    store.give_back(batch[place:])
                break
            # A context of its own gives each job a session of its own.
            with app.app_context():
                begun = store.begin(claimed, lease)
                if begun is not None:
                    _run_in_scope(begun, _work)
                    ran += 1
    return ran


@contextmanager
def _kept(app: Flask, batch: list[store.Claimed], lease: float) -> Iterator[None]:
    """Renew the batch's leases from a thread while its jobs run; a killed worker renews nothing."""
    over = threading.Event()

    def renew() -> None:
        while not over.wait(lease / 3):
            try:
                with app.app_context():
                    store.renew(batch, lease)
            except Exception:  # the fence decides; a missed renewal is only a risk of doing the work again
                log.warning("lease not renewed", exc_info=True)

    keeper = threading.Thread(target=renew, name="lease-keeper", daemon=True)
    keeper.start()
    try:
        yield
    finally:
        over.set()
        keeper.join()


def _run_in_scope(claimed: store.Claimed, what: Callable[[store.Claimed], None]) -> None:
    where = (
        scope.inside(claimed.workspace_id)
        if claimed.workspace_id is not None
        else scope.across_workspaces(f"the job {claimed.name} belongs to no workspace")
    )
    with where, structlog.contextvars.bound_contextvars(job=claimed.id, job_name=claimed.name):
        what(claimed)


def _work(claimed: store.Claimed) -> None:
    """One attempt, and what becomes of it."""
    attempt = claimed.attempts
    spec: Spec | None = None
    try:
        spec = registry.find(claimed.name)
        if claimed.cancel_asked:
            raise Cancelled
        actor = restore(claimed.actor, claimed.id)
        with scope.seen_as(actor.role_id), addressing.to_user_of(actor.user_id):
            _perform(Run(claimed, spec, actor, attempt))
    except LostLease:
        log.info("lease lost, nothing of this run was kept")
    except Cancelled:
        _settle(claimed, spec, "cancelled", _("Cancelled while it ran; nothing of the last step was kept."))
    except (Refused, Forbidden) as error:
        _settle(claimed, spec, "refused", str(error))
    except Retry as error:
        if error.counted:
            _again(claimed, spec, attempt, str(error), error.seconds)
        else:
            store.put_off(claimed, now() + dt.timedelta(seconds=error.seconds or 0.0), str(error), counted=False)
    except (DomainError, UnknownJob) as error:
        _settle(claimed, spec, "failed", str(error))
    except Exception as error:  # whatever broke, the row must say so and the worker must go on
        log.error("job failed", exc_info=error, attempt=attempt)
        _again(claimed, spec, attempt, _words(error)[:500], None)


def _words(error: Exception) -> str:
    """What the jobs page says of a fault. A database quotes the row that it refused, which is people's data."""
    if isinstance(error, SQLAlchemyError):
        return _("The database refused a step ({fault}). The log says more.", fault=type(error).__name__)
    return f"{type(error).__name__}: {error}"


def _perform(run: Run) -> None:
    if run.spec.outside:
        result = run.spec.function(run)
        if not run.finished:
            with run.finish() as kept:
                kept.update(result or {})
        return
    with run.finish() as kept:
        kept.update(run.spec.function(run) or {})


def _again(claimed: store.Claimed, spec: Spec | None, attempt: int, error: str, seconds: float | None) -> None:
    if attempt >= claimed.max_attempts:
        _settle(claimed, spec, "dead", error)
        return
    wait = backoff(attempt) if seconds is None else seconds
    store.put_off(claimed, now() + dt.timedelta(seconds=wait), error)


def _bury(claimed: store.Claimed) -> None:
    spec = registry.load().get(claimed.name)
    _settle(claimed, spec, "dead", _("The worker ended while doing this, {attempts} times.", attempts=claimed.attempts))


def _settle(claimed: store.Claimed, spec: Spec | None, state: str, error: str) -> None:
    """Give a job up, and let its subject know in the same transaction."""
    session.rollback()
    try:
        with operation("job.settle", actor=scope.system("Jobs", request_id=f"job-{claimed.id}")) as op:
            if spec is not None and spec.ended is not None:
                spec.ended(claimed.args, state, error)
            op.audit(f"job.{state}", entity="job", record_id=claimed.id, facts={"name": claimed.name})
            session.flush()
            fence(claimed, ending(spec, state, error[:500]))
    except LostLease:
        log.info("lease lost before the job was settled")


def main() -> None:
    """The worker's program: serves until it is told to stop."""
    from jobs import dispatch
    from wsgi import create_app

    dispatch.serve(create_app())


if __name__ == "__main__":
    # Run from the imported module, so that there is one `stopping`.
    from jobs import runner

    runner.main()

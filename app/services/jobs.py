"""What people do with jobs: look, try again, cancel. The one who asked for a job always sees it; others need a right
on "job".

Does not belong here: running them (`jobs.runner`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from app import permissions
from app.errors import Conflict, Forbidden, NotFound
from app.services.operation import operation
from models.base import session
from models.fields import now
from models.job import Job
from models.scope import Actor
from models.words import N_, _

TABS: Mapping[str, tuple[str, ...]] = {
    "all": (),
    "waiting": ("waiting",),
    "running": ("running",),
    "failed": ("failed", "dead", "refused"),
    "done": ("done", "cancelled"),
}
OVER = frozenset({"failed", "dead", "refused", "cancelled"})
PAGE = 50
# In the result of a job: its arguments went with a person who was erased.
ERASED = "erased"
_must_end: dict[str, str] = {}
_parts: set[str] = set()
COUNT_CAP = 1000


def must_end(name: str, why: str) -> None:
    """Have the jobs of a name run to their end: what they began can't be left half done. `why` tells so."""
    _must_end[name] = why


def is_part(name: str) -> None:
    """Have the jobs of a name count as parts of something with a page of its own, of which there are many: they are
    listed among other jobs only where they were given up.
    """
    _parts.add(name)


@dataclass(frozen=True, slots=True)
class Page:
    """Jobs, newest first; `older` and `newer` are ids to page from, or None. `counts` by tab stop at 1,000."""

    jobs: list[Job]
    counts: dict[str, int]
    older: int | None
    newer: int | None


def page(
    *, actor: Actor, tab: str = "all", before: int | None = None, after: int | None = None, limit: int = PAGE
) -> Page:
    """One page of the jobs that `actor` may see in this workspace."""
    wanted = (*_visible(actor), sa.or_(Job.name.not_in(sorted(_parts)), Job.state.in_(TABS["failed"])))
    states = TABS.get(tab, ())
    statement = sa.select(Job).where(*wanted, *([Job.state.in_(states)] if states else []))
    if after is not None:
        rows = list(session.scalars(statement.where(Job.id > after).order_by(Job.id).limit(limit + 1)))
        newer, rows = len(rows) > limit, rows[:limit][::-1]
        return Page(rows, _counts(wanted), rows[-1].id if rows else None, rows[0].id if newer and rows else None)
    if before is not None:
        statement = statement.where(Job.id < before)
    rows = list(session.scalars(statement.order_by(Job.id.desc()).limit(limit + 1)))
    older, rows = len(rows) > limit, rows[:limit]
    return Page(
        rows, _counts(wanted), rows[-1].id if older else None, rows[0].id if before is not None and rows else None
    )


def get(job_id: int, *, actor: Actor) -> Job:
    """One job; raises `NotFound` where it is none of the actor's business."""
    found = session.scalars(sa.select(Job).where(Job.id == job_id, *_visible(actor))).one_or_none()
    if found is None:
        raise NotFound()
    return found


def running(*, actor: Actor, most: int = 3) -> list[Job]:
    """The actor's own jobs that have not ended, for the header."""
    if actor.membership_id is None:
        return []
    statement = sa.select(Job).where(
        _own(actor), Job.state.in_(("waiting", "running")), Job.queue != "mail", Job.name.not_in(sorted(_parts))
    )
    return list(session.scalars(statement.order_by(Job.id.desc()).limit(most)))


def may_change(job: Job, actor: Actor) -> bool:
    """Whether `actor` may cancel or retry this job: their own, or any with the right to write jobs. Under granted
    access only what was asked for under it: another job would act in the name of its own person alone."""
    if actor.grant_id is not None and job.actor.get("grant_id") != actor.grant_id:
        return False
    mine = actor.membership_id is not None and job.membership_id == actor.membership_id
    return mine or permissions.reach(actor, "write", "job") is not None


def may_cancel(job: Job, actor: Actor) -> bool:
    """Whether `actor` may stop this job."""
    return job.name not in _must_end and may_change(job, actor)


def retry(job_id: int, *, actor: Actor) -> Job:
    """Give a job that was given up a new set of attempts, starting now; it still acts for the one who asked first."""
    with operation("job.retry", actor=actor) as op:
        job = _changeable(job_id, actor)
        if job.state not in OVER:
            raise Conflict(
                _("This job is {state}; only a job that ended without success can be tried again.", state=N_(job.state))
            )
        if (job.result or {}).get(ERASED):
            raise Conflict(_("What this job was about has been erased. It can’t be tried again."))
        job.state, job.attempts, job.run_at, job.cancel_asked = "waiting", 0, now(), None
        job.error = job.finished_at = None
        # `progress` and what the steps noted stay: a job with several steps goes on where it was.
        job.status = ""
        op.queues.add(job.queue)
        op.audit("job.retry", entity="job", record_id=job.id, facts={"name": job.name})
    return job


def cancel(job_id: int, *, actor: Actor) -> Job:
    """Stop a job: one that waits does not start, one that runs ends at its next report; its finished steps stay."""
    with operation("job.cancel", actor=actor) as op:
        job = _changeable(job_id, actor)
        if job.state not in {"waiting", "running"}:
            raise Conflict(_("This job is {state}; there is nothing left to cancel.", state=N_(job.state)))
        if job.name in _must_end:
            raise Conflict(_must_end[job.name])
        # The worker settles it, also where it only waits: what the job was about hears of it in the same transaction.
        job.cancel_asked = op.at
        if job.state == "waiting":
            job.run_at = op.at
        op.queues.add(job.queue)
        op.audit("job.cancel", entity="job", record_id=job.id, facts={"name": job.name})
    return job


def status() -> dict[str, Any]:
    """Counts by state over all workspaces, and how long the oldest due job waits (seconds). For operators, unscoped."""
    counts = {row[0]: row[1] for row in session.execute(sa.select(Job.state, sa.func.count()).group_by(Job.state))}
    oldest = session.scalar(sa.select(sa.func.min(Job.run_at)).where(Job.state == "waiting", Job.run_at <= now()))
    return {"states": counts, "oldest_due_seconds": round((now() - oldest).total_seconds(), 1) if oldest else 0.0}


def dead(most: int = 10_000) -> list[int]:
    """Ids of the jobs that used up their attempts, in every workspace. For operators, unscoped."""
    return list(session.scalars(sa.select(Job.id).where(Job.state == "dead").order_by(Job.id).limit(most)))


def _visible(actor: Actor) -> tuple[sa.ColumnElement[bool], ...]:
    if permissions.reach(actor, "read", "job") is not None:
        return ()
    if actor.membership_id is None:
        raise Forbidden("read", "job")
    return (_own(actor),)


def _own(actor: Actor) -> sa.ColumnElement[bool]:
    return Job.membership_id == actor.membership_id


def _changeable(job_id: int, actor: Actor) -> Job:
    job = session.scalars(sa.select(Job).where(Job.id == job_id, *_visible(actor)).with_for_update()).one_or_none()
    if job is None:
        raise NotFound()
    if not may_change(job, actor):
        raise Forbidden("write", "job")
    return job


def _counts(wanted: tuple[sa.ColumnElement[bool], ...]) -> dict[str, int]:
    capped = sa.select(Job.state).where(*wanted).order_by(Job.id.desc()).limit(COUNT_CAP).subquery()
    by_state = {
        row[0]: row[1] for row in session.execute(sa.select(capped.c.state, sa.func.count()).group_by(capped.c.state))
    }
    return {tab: sum(n for s, n in by_state.items() if not states or s in states) for tab, states in TABS.items()}

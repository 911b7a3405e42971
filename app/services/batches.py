"""Taking back what a selection went through, as one: every change of its batch, the last first.

A record that somebody changed again since is left as it is, and named. What is taken back is a batch itself, so that it
can be done anew. Does not belong here: single changes (`app.services.timeline`).
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa

from app import permissions
from app.errors import DomainError, NotFound
from app.services import timeline
from app.services.operation import operation
from models.audit import Change
from models.base import session
from models.job import Job
from models.policy import Purpose
from models.scope import Actor
from models.words import _, grouped

UNDO = "batch.undo"
INLINE = 300
_NAMED = 500


@dataclass(slots=True)
class Undone:
    """What became of it: done, left (a sentence about each record that was left), or the job that does it."""

    done: int = 0
    left: dict[str, int] = field(default_factory=dict)
    job: Job | None = None
    batch: str = ""


def changes(batch: str) -> Sequence[int]:
    """The changes of a batch, the last first."""
    statement = sa.select(Change.id).where(Change.batch == batch).order_by(Change.id.desc())
    return list(session.scalars(statement)) if batch else []


def undo(batch: str, *, actor: Actor) -> Undone:
    """Take a batch back, at once or by a job when it is large. What others did to many records takes the right to
    change many; one's own mistake never does.
    """
    found = changes(batch)
    if not found:
        raise NotFound(_("There is nothing to take back."))
    if len(found) > 1 and not _is_own(batch, actor):
        permissions.require(actor, "write", "bulk")
    with operation("batch.undo", actor=actor) as op:
        op.batch = secrets.token_hex(8)
        if len(found) > INLINE:
            args, label = {"batch": batch, "as": op.batch}, _("Undo: {n} changes", n=grouped(len(found)))
            job = op.promise(UNDO, args, purpose=Purpose.RUN_TRANSACTIONS, label=label, queue="bulk", dedupe=batch)
            return Undone(job=job, batch=op.batch)
        left: dict[str, int] = {}
        undo_here(found, left, actor=actor)
        return Undone(len(found) - sum(left.values()), left, None, op.batch)


def _is_own(batch: str, actor: Actor) -> bool:
    doers = set(session.scalars(sa.select(Change.membership_id).where(Change.batch == batch).distinct()))
    return actor.everything or doers == {actor.membership_id}


def undo_here(some: Sequence[int], left: dict[str, int], *, actor: Actor) -> None:
    """Take these changes back in the open operation; what cannot be is counted in `left` by its reason, and named."""
    with operation("batch.undo", actor=actor) as op:
        for key in some:
            try:
                with op.attempt():
                    timeline.undo(key, actor=actor)
            except DomainError as error:
                name = timeline.name_of(key, actor=actor) if len(left) < _NAMED else ""
                reason = f"{name}: {error.message}" if name else error.message
                left[reason] = left.get(reason, 0) + 1

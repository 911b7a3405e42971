"""One business verb = one operation: one transaction with its changes, its audit rows and the jobs it promises.

Only this module commits. A commit that a library makes on its own (Flask-AppBuilder, Flask-Security, Flask-Admin) comes
here too: inside an operation it becomes a flush, outside it is a small operation of its own, so that nothing is written
without its audit row.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from app.services import custom_index, history, hook_events, schema
from app.services.setup import states
from models import scope
from models.base import ScopedSession, session
from models.fields import now
from models.job import Job
from models.policy import Purpose
from models.scope import Actor, Unscoped

_after_commit: list[Callable[[frozenset[str]], None]] = []


def on_promise(ring: Callable[[frozenset[str]], None]) -> None:
    """Have `ring` called with the names of the queues for which a committed operation promised work. One bell at a
    time."""
    _after_commit[:] = [ring]


class Operation:
    """An open operation. `actor` did it, `name` says what, as in "contact.update". What belongs together and can be
    taken back as one carries the same `batch`."""

    def __init__(self, name: str, actor: Actor, reason: str | None, undoes: int | None = None) -> None:
        self.name, self.actor, self.reason, self.undoes = name, actor, reason, undoes
        self.batch = ""
        self.at = now()
        self.tracker = history.Tracker()
        self.queues: set[str] = set()
        self.indexed: set[Any] = set()

    def index(self, record: Any) -> None:
        """Bring the index rows of a record's added fields up to date before the operation ends."""
        session.flush()
        custom_index.rewrite(record)
        self.indexed.add(record)

    def audit(
        self,
        action: str,
        *,
        entity: str | None = None,
        record_id: int | None = None,
        subject_id: int | None = None,
        facts: dict[str, Any] | None = None,
        personal: dict[str, Any] | None = None,
        workspace_id: int | None = None,
    ) -> None:
        """Add an audit row that no record change stands for: a sign-in, an export, a view. `facts` must hold no
        personal value."""
        self.tracker.events.append(
            history.Event(
                action, entity, record_id, subject_id, facts or {}, personal or {}, workspace_id or _workspace()
            )
        )

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """A part that may fail alone: an exception takes back what the block wrote, and what history noted of it."""
        mark = self.tracker.mark()
        try:
            with session.begin_nested():
                yield
        except BaseException:
            self.tracker.back_to(mark)
            raise

    def promise(
        self,
        name: str,
        args: dict[str, Any],
        *,
        purpose: Purpose,
        label: str = "",
        run_at: dt.datetime | None = None,
        dedupe: str | None = None,
        queue: str = "default",
        max_attempts: int = 8,
        acting: Actor | None = None,
    ) -> Job:
        """Promise a job: it exists if and only if this operation commits. A `dedupe` already promised gives back that
        job. It acts for whom this operation acts, or for `acting`."""
        if dedupe is not None:
            known = session.scalar(sa.select(Job).where(Job.dedupe == dedupe))
            if known is not None:
                return known
        job = Job(
            name=name,
            args=args,
            purpose=purpose.value,
            label=label,
            run_at=run_at or self.at,
            dedupe=dedupe,
            queue=queue,
            max_attempts=max_attempts,
            actor=_portrait(acting or self.actor),
            membership_id=(acting or self.actor).membership_id,
            workspace_id=_workspace(),
        )
        session.add(job)
        self.queues.add(queue)
        return job


def current() -> Operation | None:
    """The open operation of this session, if any."""
    return session().info.get("operation")


@contextmanager
def operation(name: str, *, actor: Actor, reason: str | None = None, undoes: int | None = None) -> Iterator[Operation]:
    """Open an operation, or join the one already open. Leaving the outermost block commits; an exception rolls back
    everything."""
    outer = current()
    if outer is not None:
        yield outer
        return
    opened = Operation(name, actor, reason, undoes)
    info = session().info
    info["operation"] = opened
    try:
        yield opened
        _close(opened)
    except BaseException:
        session.rollback()
        raise
    finally:
        info.pop("operation", None)
        states.forget()
    _ring(opened)


def _close(opened: Operation) -> None:
    session.flush()
    schema.renew(e.record for e in opened.tracker.edits)
    states.note(opened)
    edits, early = opened.tracker.edits, opened.indexed
    custom_index.write((e.record, None if e.verb == "create" else e.new) for e in edits if e.record not in early)
    for edit in edits:
        if edit.record in early:
            custom_index.rewrite(edit.record)
    hook_events.write(opened)
    opened.tracker.write(opened)
    session.flush()
    live = session()
    live.info["committing"] = True
    try:
        live.commit()
    finally:
        live.info.pop("committing", None)


def _ring(opened: Operation) -> None:
    for ring in _after_commit:
        if opened.queues:
            ring(frozenset(opened.queues))


def _gate(live: ScopedSession) -> bool:
    """True when the commit asked for was dealt with here. See `ScopedSession.commit`."""
    if live.info.get("committing"):
        return False
    if "operation" in live.info:
        live.flush()
        return True
    opened = Operation("identity.save", scope.system("Sign-in"), None)
    live.info["operation"] = opened
    try:
        live.flush()
        _close(opened)
    except BaseException:
        live.rollback()
        raise
    finally:
        live.info.pop("operation", None)
        states.forget()
    _ring(opened)
    return True


def _workspace() -> int | None:
    found = scope.current()
    return None if isinstance(found, Unscoped) else found


def _portrait(actor: Actor) -> dict[str, Any]:
    return {
        "kind": actor.kind.value, "label": actor.label, "user_id": actor.user_id, "membership_id": actor.membership_id,
        "key_id": actor.key_id, "request_id": actor.request_id, "everything": actor.everything,
        "grant_id": actor.grant_id,
    }  # fmt: skip


ScopedSession.commit_gate = _gate

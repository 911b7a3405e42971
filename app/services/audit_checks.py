"""Checks of the audit log as acts: somebody asks, the chain is checked, and what was found is itself an entry of the
log.

Does not belong here: how a chain is checked (`app.services.chain_check`).
"""

from __future__ import annotations

import time
from typing import Any

import sqlalchemy as sa

from app import permissions
from app.services import chain_check
from app.services.operation import operation
from models import scope
from models.audit import Audit, AuditHead
from models.base import session
from models.job import Job
from models.policy import Purpose
from models.scope import Actor
from models.words import _
from models.workspace import Workspace

JOB = "audit.verify"
CHECKED = "audit.verify"
# A check of more entries than this takes longer than a page may; it becomes a job.
AT_ONCE = 20_000


def check(*, actor: Actor) -> Job | chain_check.Report:
    """Check the chain of this workspace now, or promise it as a job where it is long."""
    permissions.require(actor, "read", "audit")
    length = session.scalar(sa.select(AuditHead.sequence).where(AuditHead.chain == scope.workspace_id())) or 0
    if length > AT_ONCE:
        with operation("audit.check", actor=actor) as op:
            return op.promise(JOB, {}, purpose=Purpose.COMPLY_WITH_LAW, label=_("Check of the audit log"))
    report, seconds = look(scope.workspace_id())
    note(report, seconds, actor=actor)
    return report


def look(only: int | None = None) -> tuple[chain_check.Report, float]:
    """Check one chain, or all, outside any transaction of ours; the report, and how many seconds it took."""
    began = time.monotonic()
    report = chain_check.verify(only)
    return report, round(time.monotonic() - began, 1)


def note(report: chain_check.Report, seconds: float, *, actor: Actor) -> None:
    """Write what was found into the log of each workspace that was checked; what is outside any is noted there too,
    as is a chain whose workspace was dropped from the database: its copies outside still name it."""
    present = _present(report)
    with operation(CHECKED, actor=actor) as op:
        for chain, result in sorted(report.results.items()):
            facts: dict[str, Any] = {
                "ok": result.problem is None, "entries": result.entries, "head": result.head, "seconds": seconds,
                "copies": report.copies, "waiting": report.waiting,
            }  # fmt: skip
            if result.problem is not None:
                found = result.problem
                facts |= {"problem": found.what, "sequence": found.sequence, "entry": found.audit_id}
            if chain and chain not in present:
                facts["chain"] = chain
            op.audit(CHECKED, entity="audit", facts=facts, workspace_id=chain if chain in present else None)


def _present(report: chain_check.Report) -> set[int]:
    return set(session.scalars(sa.select(Workspace.id).where(Workspace.id.in_(report.results))))


def last() -> Any | None:
    """The newest check of this workspace's chain as (id, at, actor, facts), or None."""
    statement = sa.select(Audit.id, Audit.at, Audit.actor, Audit.facts).where(Audit.action == CHECKED)
    return session.execute(statement.order_by(Audit.id.desc()).limit(1)).one_or_none()

"""Jobs on the audit log. Sealing is not among them: the ticker does it every two seconds."""

from __future__ import annotations

from app.services import audit_checks
from jobs.registry import job
from jobs.run import Run
from models import scope
from models.policy import Purpose


@job(audit_checks.JOB, purpose=Purpose.COMPLY_WITH_LAW, outside=True)
def verify(run: Run) -> None:
    """Check the chain of the job's workspace, or every chain where it has none."""
    where = scope.current()
    report, seconds = audit_checks.look(where if isinstance(where, int) else None)
    with run.finish(audit_checks.CHECKED) as result:
        audit_checks.note(report, seconds, actor=run.actor)
        result.update(ok=report.ok, entries=report.entries)

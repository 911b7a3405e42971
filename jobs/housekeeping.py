"""Jobs that keep the house in order: the bin, old logs, ended sessions. Each is one call of a service."""

from __future__ import annotations

from typing import Any

from app.services import access_grants, housekeeping
from app.services.imports import keeping
from jobs.registry import job
from jobs.run import Run
from models.policy import Purpose


@job("bin.purge", purpose=Purpose.COMPLY_WITH_LAW)
def purge_bin(run: Run) -> dict[str, Any]:
    return {"deleted": housekeeping.purge_bin(actor=run.actor)}


@job("logs.trim", purpose=Purpose.COMPLY_WITH_LAW)
def trim_logs(run: Run) -> dict[str, Any]:
    imports = keeping.forget_files(actor=run.actor)
    return {"deleted": housekeeping.trim(housekeeping.LOGS, actor=run.actor), "imports_without_files": imports}


@job("access.clean", purpose=Purpose.SECURE_ACCOUNTS)
def clean_access(run: Run) -> dict[str, Any]:
    ended = access_grants.close_over(actor=run.actor)
    return {"deleted": housekeeping.trim(housekeeping.ACCESS, actor=run.actor), "access_ended": ended}

"""`flask jobs`: how the jobs stand, work them off here, and give a job new attempts."""

from __future__ import annotations

from typing import Any

import click
from flask import current_app
from flask.cli import AppGroup

from app.cli.output import prints
from app.services import jobs
from models import scope

group = AppGroup("jobs", help="Promised work: state, drain, retry.")
_WHY = "an operator looks after the jobs of every workspace"


@group.command("status")
@prints
def status() -> dict[str, Any]:
    """Count jobs by state, and say how long the oldest due one waits."""
    with scope.across_workspaces(_WHY):
        return jobs.status()


@group.command("drain")
@click.option("--most", type=click.IntRange(1), default=None, help="Stop after this many jobs.")
@prints
def drain(most: int | None) -> dict[str, Any]:
    """Work off all due jobs in this process."""
    from jobs import runner

    ran = runner.drain(current_app._get_current_object(), most=most)  # type: ignore[attr-defined]
    with scope.across_workspaces(_WHY):
        return {"ran": ran, **jobs.status()}


@group.command("retry")
@click.argument("job_ids", type=int, nargs=-1)
@click.option("--dead", is_flag=True, help="All jobs that used up their attempts.")
@prints
def retry(job_ids: tuple[int, ...], dead: bool) -> dict[str, Any]:
    """Give jobs that were given up new attempts, by id or all dead ones."""
    with scope.across_workspaces(_WHY):
        wanted = jobs.dead() if dead else list(job_ids)
        if not wanted:
            raise click.UsageError("Name job ids, or use --dead.")
        for job_id in wanted:
            jobs.retry(job_id, actor=scope.system("Command line"))
    return {"retried": len(wanted)}

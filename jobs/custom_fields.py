"""The job that rewrites the values of a field that a workspace changed, step by step."""

from __future__ import annotations

from app.services import custom_rework
from jobs.registry import job
from jobs.run import Run
from models import registry
from models.policy import Purpose
from models.words import _, grouped


@job(custom_rework.JOB, purpose=Purpose.RUN_TRANSACTIONS, queue="bulk", outside=True)
def rework(run: Run) -> None:
    """Arguments: field (its id), before (what it was, or None for a new formula), since (the newest change then)."""
    before, reached = custom_rework.of_plain(run.args["before"]), run.reached()
    while True:
        with run.step():
            one = custom_rework.definition(run.args["field"])
            some = custom_rework.next_records(one, reached) if one is not None else ()
            if one is not None and some:
                stale = some if before is None else custom_rework.untouched(one, some, run.args["since"])
                custom_rework.rewrite(registry.entity(one.entity), one, before, stale, actor=run.actor)
                reached = some[-1].id
        if not some:
            break
        run.progress(reached, None, _("Record {reached}", reached=grouped(reached)))
    with run.finish():
        pass

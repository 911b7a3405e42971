"""The job that works off a large selection, chunk by chunk, so that no transaction keeps others waiting."""

from __future__ import annotations

from app import permissions
from app.services import batches, verbs
from jobs.actors import as_of_now
from jobs.registry import job
from jobs.run import Run
from models import registry
from models.policy import Purpose
from models.words import _, grouped

_CHUNK = 200


@job("records.bulk", purpose=Purpose.RUN_TRANSACTIONS, queue="bulk", outside=True)
def run_verb(run: Run) -> None:
    model, asked, ids = (
        registry.entity(run.args["entity"]),
        verbs.find(run.args["entity"], run.args["verb"]),
        run.args["ids"],
    )
    left: dict[str, int] = dict(run.noted().get("left", {}))
    for start in range(run.reached(), len(ids), _CHUNK):
        run.progress(start, len(ids), _("{n} of {all}", n=grouped(start), all=grouped(len(ids))))
        step, done = f"{run.args['entity']}.{asked.name}", min(start + _CHUNK, len(ids))
        with as_of_now(run) as actor, run.step(step, done=done) as op:
            op.batch = run.args.get("batch", "")
            some = ids[start : start + _CHUNK]
            permissions.require(actor, *verbs.right_to_many(asked, run.args.get("by", verbs.BULK)))
            allowed = verbs.allowed(model, asked, some, actor=actor)
            problems = dict(verbs.run_here(model, asked, allowed, run.args["given"], actor=actor).problems)
            if len(allowed) < len(some):
                problems[_("Deleted meanwhile, or out of your reach by now.")] = len(some) - len(allowed)
            for reason, number in problems.items():
                left[reason] = left.get(reason, 0) + number
            run.note({"left": left})
    with run.finish() as result:
        result |= {"records": len(ids) - sum(left.values()), "left": left}


@job(batches.UNDO, purpose=Purpose.RUN_TRANSACTIONS, queue="bulk", outside=True)
def undo_batch(run: Run) -> None:
    """Arguments: batch (what is taken back), as (the batch that this is itself)."""
    changes = batches.changes(run.args["batch"])
    left: dict[str, int] = dict(run.noted().get("left", {}))
    for start in range(run.reached(), len(changes), _CHUNK):
        run.progress(start, len(changes), _("{n} of {all}", n=grouped(start), all=grouped(len(changes))))
        with as_of_now(run) as actor, run.step("batch.undo", done=min(start + _CHUNK, len(changes))) as op:
            op.batch = run.args["as"]
            batches.undo_here(changes[start : start + _CHUNK], left, actor=actor)
            run.note({"left": left})
    with run.finish() as result:
        result |= {"records": len(changes) - sum(left.values()), "left": left}

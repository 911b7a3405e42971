"""The job that works off a large selection, chunk by chunk, so that no transaction keeps others waiting."""

from __future__ import annotations

from app.services import batches, verbs
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
    for start in range(run.reached(), len(ids), _CHUNK):
        run.progress(start, len(ids), _("{n} of {all}", n=grouped(start), all=grouped(len(ids))))
        with run.step(f"{run.args['entity']}.{asked.name}", done=min(start + _CHUNK, len(ids))) as op:
            op.batch = run.args.get("batch", "")
            allowed = verbs.allowed(model, asked, ids[start : start + _CHUNK], actor=run.actor)
            verbs.run_here(model, asked, allowed, run.args["given"], actor=run.actor)
    with run.finish() as result:
        result["records"] = len(ids)


@job(batches.UNDO, purpose=Purpose.RUN_TRANSACTIONS, queue="bulk", outside=True)
def undo_batch(run: Run) -> None:
    """Arguments: batch (what is taken back), as (the batch that this is itself)."""
    changes, left = batches.changes(run.args["batch"]), dict[str, int]()
    for start in range(run.reached(), len(changes), _CHUNK):
        run.progress(start, len(changes), _("{n} of {all}", n=grouped(start), all=grouped(len(changes))))
        with run.step("batch.undo", done=min(start + _CHUNK, len(changes))) as op:
            op.batch = run.args["as"]
            batches.undo_here(changes[start : start + _CHUNK], left, actor=run.actor)
    with run.finish() as result:
        result |= {"records": len(changes), "left": left}

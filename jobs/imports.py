"""The job that imports a file of contacts."""

from __future__ import annotations

from flask import current_app

from app.adapters import storage
from app.services.imports import batches, run
from jobs.registry import job
from jobs.run import Run
from models.policy import Purpose

_LARGEST = 64 * 1024 * 1024


@job(batches.JOB, purpose=Purpose.RUN_TRANSACTIONS, queue="bulk", outside=True, ended=batches.ended)
def import_contacts(job_run: Run) -> None:
    store = storage.connect(current_app.config["STORAGE_URL"], purpose=job_run.purpose)
    key = int(job_run.args["batch_id"])
    with store.open(batches.get(key, actor=job_run.actor).storage_key) as kept, batches.spooled(kept) as source:
        bad = run.work(key, source, actor=job_run.actor, step=job_run.step, progress=job_run.progress)
    kept_bad = store.put(bad.ready(), cap=_LARGEST).key if bad.count else None
    with job_run.finish("import.finish") as result:
        result.update(batches.finish(key, kept_bad, actor=job_run.actor))

"""The jobs that import a file of contacts, and that tell beforehand what would come of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from flask import current_app

from app.adapters import storage
from app.errors import NotFound
from app.services.imports import batches, previews, run
from app.services.operation import Operation
from jobs.actors import as_of_now
from jobs.registry import job
from jobs.run import Run
from models.policy import Purpose
from models.privacy import ImportBatch
from models.words import _

_LARGEST = 64 * 1024 * 1024


@job(batches.JOB, purpose=Purpose.RUN_TRANSACTIONS, queue="bulk", outside=True, ended=batches.ended)
def import_contacts(job_run: Run) -> None:
    store = storage.connect(current_app.config["STORAGE_URL"], purpose=job_run.purpose)
    key = int(job_run.args["batch_id"])

    @contextmanager
    def step(name: str) -> Iterator[Operation]:
        with as_of_now(job_run) as actor, job_run.step(name) as op:
            batches.permit(actor)
            yield op

    with _source(store, batches.get(key, actor=job_run.actor)) as source:
        bad = run.work(key, source, actor=job_run.actor, step=step, progress=job_run.progress)
    kept_bad = store.put(bad.ready(), cap=_LARGEST).key if bad.count else None
    with job_run.finish("import.finish") as result:
        result.update(batches.finish(key, kept_bad, actor=job_run.actor))


@job(previews.JOB, purpose=Purpose.RUN_TRANSACTIONS, queue="bulk", outside=True)
def preview_contacts(job_run: Run) -> None:
    store = storage.connect(current_app.config["STORAGE_URL"], purpose=job_run.purpose)
    batch = batches.get(int(job_run.args["batch_id"]), actor=job_run.actor)
    with _source(store, batch) as source:
        found = run.preview(batch, source, actor=job_run.actor, progress=job_run.progress)
    bad = store.put(found.problems.ready(), cap=_LARGEST).key if found.problems.count else None
    with job_run.finish("import.preview") as result:
        wanted = previews.keep(batch.id, job_run.id, found.counts, found.rows, bad, actor=job_run.actor)
        result.update(found.counts)
    if bad and not wanted:
        store.delete(bad)


def _source(store: storage.Storage, batch: ImportBatch) -> BinaryIO:
    try:
        with store.open(batch.storage_key) as kept:
            return batches.spooled(kept)
    except storage.NotStored:
        raise NotFound(_("The file of this import is no longer kept. Import it again from your computer.")) from None

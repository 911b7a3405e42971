"""The preview of a large file: made by a job, kept with the batch, shown to whoever comes back to it.

Belongs here: asking for it, keeping it, reading it. Does not belong here: deciding rows (`run.preview`). What is kept
are the counts and a sample of the rows, for as long as the import has not been started; the rows to mend are a file.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import sqlalchemy as sa

from app.errors import Conflict
from app.services.imports import batches
from app.services.imports.deciding import Outcome
from app.services.operation import operation
from models.base import session
from models.job import Job
from models.policy import Purpose
from models.privacy import ImportBatch
from models.scope import Actor
from models.words import _

JOB = "contacts.preview"
AT_ONCE = 5_000  # rows that are previewed while the page is being loaded


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the file and what would become of it. `contact_id` is whom it changes."""

    line: int
    verdict: str
    name: str
    email: str
    phone: str
    company: str
    tags: list[str]
    problem: str
    contact_id: int | None


@dataclass(frozen=True, slots=True)
class Kept:
    """The preview of a batch: the job that makes it, and once it is made its counts, lines and moment."""

    job_id: int
    made_at: dt.datetime | None
    counts: dict[str, int]
    lines: list[Line]


def in_a_job(batch: ImportBatch) -> bool:
    """Whether its rows are too many to be decided within a request."""
    return batch.rows_read > AT_ONCE


def line_of(outcome: Outcome) -> Line:
    row, person = outcome.row, outcome.person
    return Line(
        row.line,
        outcome.verdict,
        row.name,
        row.emails[0].value if row.emails else "",
        row.phones[0].value if row.phones else "",
        row.company,
        list(row.tags),
        row.problem,
        person.id if person is not None else None,
    )


def of(batch: ImportBatch) -> Kept | None:
    """What is kept, None where no preview was asked for since the columns were chosen."""
    kept = batch.options.get("preview")
    if kept is None:
        return None
    made = dt.datetime.fromisoformat(kept["made_at"]) if "made_at" in kept else None
    return Kept(kept["job_id"], made, kept.get("counts", {}), [Line(**line) for line in kept.get("lines", ())])


def ask(batch: ImportBatch, *, actor: Actor) -> Job:
    """Promise the job that makes the preview of the columns as they are chosen now. One that is being made for an
    earlier choice is cancelled; what it may still bring is not kept.
    """
    batches.permit(actor)
    if batch.state != "mapping":
        raise Conflict(_("This import has been started already. Its page shows how far it is."))
    with operation("import.preview", actor=actor) as op:
        batches.forget_preview(op, batch)
        job = op.promise(
            JOB,
            {"batch_id": batch.id},
            purpose=Purpose.RUN_TRANSACTIONS,
            label=_("Preview of {file_name}", file_name=batch.file_name)[:200],
            queue="bulk",
        )
        session.flush()
        batch.options = {**batch.options, "preview": {"job_id": job.id}}
    return job


def keep(
    batch_id: int, job_id: int, counts: dict[str, int], sample: Sequence[Outcome], problems_key: str | None,
    *, actor: Actor
) -> bool:  # fmt: skip
    """Keep what the job found, inside its last transaction. False where nobody waits for it any more, as the columns
    were chosen anew or the import was started.
    """
    with operation("import.preview", actor=actor) as op:
        fresh = sa.select(ImportBatch).where(ImportBatch.id == batch_id).with_for_update()
        batch = session.scalars(fresh, execution_options={"populate_existing": True}).one()
        asked = batch.options.get("preview") or {}
        if batch.state != "mapping" or asked.get("job_id") != job_id:
            return False
        lines = [asdict(line_of(outcome)) for outcome in sample]
        found = {"job_id": job_id, "made_at": op.at.isoformat(), "counts": counts, "lines": lines}
        batch.options, batch.problems_key = {**batch.options, "preview": found}, problems_key
    return True

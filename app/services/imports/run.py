"""Runs an import over a whole file, a chunk in each transaction; and the same without writing, as the preview.

Belongs here: the loop, counts, running on after a break. Does not belong here: verdicts (`deciding`), statements
(`writing`). The row count of a batch grows in the transaction of its chunk, so that a killed worker's successor goes on
behind it. It decides the earlier rows once more without writing: so it knows the file's own people again, and has the
bad rows for their file.
"""

from __future__ import annotations

import gc
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import BinaryIO

import sqlalchemy as sa

from app.errors import Conflict
from app.services.imports import batches, within
from app.services.imports.deciding import VERDICTS, Decider, Outcome, Terms
from app.services.imports.known import STEP
from app.services.imports.mapping import Mapping
from app.services.imports.reading import Table, open_table
from app.services.imports.rows import ContactRow, problem_file, to_contact
from app.services.imports.writing import Writer
from app.services.operation import Operation
from models import tenancy
from models.base import session
from models.privacy import ImportBatch
from models.scope import Actor
from models.words import _, grouped

CHUNK = 1000
SAMPLE = 50
_IN_MEMORY = 4 * 1024 * 1024
_BATCHES = ImportBatch.__table__
_WHY = tenancy.reason("the count of an import grows with its rows, in the transaction that writes them")
Step = Callable[[str], AbstractContextManager[Operation]]
Progress = Callable[[int, int, str], None]


def _nobody_watches(_done: int, _total: int, _status: str) -> None:
    """A preview within a request, or of the command line."""


@dataclass(slots=True)
class Problems:
    """The bad rows as a CSV file that grows: own columns and "Problem"."""

    columns: list[str]
    file: BinaryIO = field(init=False)
    count: int = 0

    def __post_init__(self) -> None:
        self.file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # type: ignore[assignment]  # noqa: SIM115

    def add(self, outcomes: list[Outcome]) -> None:
        bad = [outcome.row for outcome in outcomes if outcome.verdict == "errors"]
        if bad:
            lines = problem_file(self.columns, bad)
            head = next(lines)
            self.file.write("".join([head if not self.count else "", *lines]).encode())
            self.count += len(bad)

    def ready(self) -> BinaryIO:
        self.file.seek(0)
        return self.file


@dataclass(slots=True)
class Preview:
    """`counts` by verdict; `rows` is a sample, errors first; `problems` are all that are to be mended."""

    counts: dict[str, int]
    rows: list[Outcome]
    problems: Problems


def preview(batch: ImportBatch, source: BinaryIO, *, actor: Actor, progress: Progress = _nobody_watches) -> Preview:
    """What `work` would do now, over the whole file; changes nothing."""
    batches.permit(actor)
    terms, total = batches.terms_of(batch, actor), batch.rows_read
    decider, writer = Decider(terms, actor), Writer(terms)
    seen: dict[str, list[Outcome]] = {verdict: [] for verdict in VERDICTS}
    counts = dict.fromkeys(VERDICTS, 0)
    with open_table(source) as table, _collector_at_rest():
        problems = Problems(table.columns)
        for rows in _chunks(table, batch, terms):
            done = sum(counts.values())
            progress(done, total, _status(done, total, counts))
            outcomes = within.tried(writer, decider.decide(rows), actor=actor)
            decider.refuse(outcomes)
            problems.add(outcomes)
            for outcome in outcomes:
                counts[outcome.verdict] += 1
                if len(seen[outcome.verdict]) < SAMPLE:
                    seen[outcome.verdict].append(outcome)
            gc.collect(0)
        progress(total, total, _status(total, total, counts))
    return Preview(counts, _sample(seen), problems)


def _sample(seen: dict[str, list[Outcome]]) -> list[Outcome]:
    """Something of each verdict, however many errors there are; those not shown are in the file of bad rows."""
    rest = [*seen["created"], *seen["skipped"]]
    room = SAMPLE - len(rest[: SAMPLE * 2 // 5])
    errors = seen["errors"][: max(SAMPLE // 5, room - len(seen["updated"]))]
    return [*errors, *seen["updated"][: room - len(errors)], *rest][:SAMPLE]


def work(batch_id: int, source: BinaryIO, *, actor: Actor, step: Step, progress: Progress) -> Problems:
    """Import the file of a batch; `step` opens the transaction of a chunk. Returns the bad rows; `batches.finish` ends
    it.

    May be called again after a break: rows written before are not written again. Raises IntegrityError where somebody
    took an address at the same moment; calling again settles that too.
    """
    batch = batches.get(batch_id, actor=actor)
    total, done, counts = batch.rows_read, int(batch.counts.get("rows", 0)), batches.counts_of(batch)
    terms = batches.terms_of(batch, actor)
    decider, writer = Decider(terms, actor, lock=True), Writer(terms)
    if done:
        decider.go_on(batch.created_at)
    with open_table(source) as table, _collector_at_rest():
        problems, read = Problems(table.columns), 0
        for rows in _chunks(table, batch, terms):
            read += len(rows)
            if read <= done:
                earlier = within.again(decider.decide(rows), actor=actor)
                decider.refuse(earlier)
                problems.add(earlier)
                session.rollback()
                continue
            progress(done, total, _status(done, total, counts))
            with step(STEP) as op:
                _go_on(batch_id, done)
                outcomes = within.write(writer, op, decider.decide(rows), actor=actor)
                for outcome in outcomes:
                    counts[outcome.verdict] += 1
                done = read
                _count(batch_id, {**counts, "rows": done})
            decider.wrote(outcomes)
            decider.refuse(outcomes)
            problems.add(outcomes)
            gc.collect(0)
    progress(done, total, _status(done, total, counts))
    return problems


def _chunks(table: Table, batch: ImportBatch, terms: Terms) -> Iterator[list[ContactRow]]:
    mapping = Mapping.from_json(batch.mapping)
    rows = table.rows()
    while chunk := [to_contact(raw, mapping, terms.region, zone=terms.zone) for raw in islice(rows, CHUNK)]:
        yield chunk


@contextmanager
def _collector_at_rest() -> Iterator[None]:
    """Rows make no cycles, and looking for some among all that is alive takes a third of the time of an import."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _go_on(batch_id: int, done: int) -> None:
    """Takes the batch for this transaction: on SQLite the write lock before anything is read, on PostgreSQL the row."""
    session.execute(
        sa.update(_BATCHES).where(_BATCHES.c.id == batch_id).values(state="running"), execution_options=_WHY
    )
    counts = session.scalar(sa.select(ImportBatch.counts).where(ImportBatch.id == batch_id)) or {}
    if int(counts.get("rows", 0)) != done:
        raise Conflict(_("Somebody else is working on this import. Nothing of this step was kept."))


def _count(batch_id: int, counts: dict[str, int]) -> None:
    session.execute(sa.update(_BATCHES).where(_BATCHES.c.id == batch_id).values(counts=counts), execution_options=_WHY)


def _status(done: int, total: int, counts: dict[str, int]) -> str:
    return (
        _(
            "{done} of {total} rows, {errors} to review",
            done=grouped(done),
            total=grouped(total),
            errors=grouped(counts["errors"]),
        )
        if counts["errors"]
        else _("{done} of {total} rows", done=grouped(done), total=grouped(total))
    )

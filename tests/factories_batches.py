"""Imports for tests without pages: a file as bytes taken in, run in this process, and what came of it."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from app.services.imports import batches, run
from app.services.imports.reading import open_table
from app.services.operation import operation
from models.base import session
from models.contact import Contact
from models.privacy import ImportBatch
from models.scope import Actor


@dataclass
class Done:
    """`counts` as (created, updated, skipped, errors); `problems` is the file of bad rows as text, "" without any."""

    batch_id: int
    counts: tuple[int, int, int, int]
    problems: str


def receive(
    content: bytes, actor: Actor, *, name: str = "file.csv", on_match: str = "fill", owner_id: int | None = None
) -> ImportBatch:
    """A batch with the suggested mapping; its file is kept nowhere."""
    with open_table(content, name) as table:
        batch = batches.receive(
            table, name, basis="consent", words="Sign-in sheet", keep=lambda: "none", actor=actor, owner_id=owner_id
        )
    return batches.choose(batch, {}, on_match, actor=actor)


def bring(content: bytes | str, actor: Actor, **more: Any) -> Done:
    """Import a file and say what came of it; the preview must have said the same."""
    data = content.encode() if isinstance(content, str) else content
    batch = receive(data, actor, **more)
    told = run.preview(batch, io.BytesIO(data), actor=actor).counts
    done = go_on(batch.id, data, actor)
    assert tuple(told.values()) == done.counts, "the preview tells what the run does"
    assert sum(done.counts) == batch.rows_read, "each row read is counted once"
    return done


def go_on(batch_id: int, data: bytes, actor: Actor, progress: run.Progress = lambda done, total, status: None) -> Done:
    """Run a batch to its end, from where it is."""
    bad = run.work(
        batch_id, io.BytesIO(data), actor=actor, step=lambda name: operation(name, actor=actor), progress=progress
    )
    counts = batches.finish(batch_id, None, actor=actor)
    text = bad.ready().read().decode("utf-8-sig")
    return Done(batch_id, (counts["created"], counts["updated"], counts["skipped"], counts["errors"]), text)


def contact(**facts: Any) -> Contact:
    """The one contact with these values."""
    return session.scalars(sa.select(Contact).filter_by(**facts)).one()


def count(model: Any = Contact, **facts: Any) -> int:
    return session.scalar(sa.select(sa.func.count()).select_from(model).filter_by(**facts)) or 0

"""Checks the audit log: every row against its digest, every chain against its hashes, every end against its signature
and against the copies kept outside the database. Finds rows that were altered, removed, cut off, reordered, moved or
slipped in.

Belongs here: finding what is wrong and naming the first wrong entry. Does not belong here: sealing
(`app.services.chain`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import sqlalchemy as sa

from app.services import audit_heads, chain, history
from app.services.audit_heads import Head
from models.audit import Audit, AuditHead, AuditSeal
from models.fields import now
from models.words import _

_AUDIT, _SEAL, _HEAD = Audit.__table__, AuditSeal.__table__, AuditHead.__table__
_CONTENT = [column for column in _AUDIT.columns if column.name not in {"id", "digest"}]
_NAMES = [column.name for column in _CONTENT]


@dataclass(frozen=True, slots=True)
class Problem:
    """The first thing that is wrong with a chain. `sequence` is the entry's place, `audit_id` its row, where known."""

    chain: int
    what: str
    sequence: int | None = None
    audit_id: int | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """What was found of one chain: how many entries hold, the hash of its end in hex, and the first thing that is
    wrong."""

    entries: int
    head: str | None
    problem: Problem | None


@dataclass(slots=True)
class Report:
    """What a check found, by chain. `waiting` rows are newer than their seals; `copies` says whether heads were
    compared
    with copies outside the database."""

    began: dt.datetime
    waiting: int = 0
    copies: bool = False
    results: dict[int, Result] = field(default_factory=dict)

    @property
    def problems(self) -> list[Problem]:
        return [result.problem for result in self.results.values() if result.problem is not None]

    @property
    def entries(self) -> int:
        return sum(result.entries for result in self.results.values())

    @property
    def ok(self) -> bool:
        return not self.problems

    def as_dict(self) -> dict[str, Any]:
        return {
            "ok": self.ok,
            "chains": len(self.results),
            "entries": self.entries,
            "waiting": self.waiting,
            "copies_outside": self.copies,
            "problems": [asdict(p) for p in self.problems],
            "heads": {str(chain): result.head for chain, result in self.results.items()},
            "began": self.began.isoformat(),
        }


def verify(only: int | None = None) -> Report:
    """Seal what waits, then check every chain, or only that of one workspace (0 for events outside any)."""
    chain.seal_all(thorough=True)
    report = Report(now(), copies=audit_heads.kept())
    # Read before the database: a copy made meanwhile would speak of entries that this view does not have.
    copies = audit_heads.copies()
    with chain.transaction() as connection:
        heads = {row.chain: row for row in connection.execute(sa.select(_HEAD))}
        sealed = set(connection.scalars(sa.select(_SEAL.c.chain).distinct()))
        for number in sorted(set(heads) | sealed | set(copies)):
            if only is None or number == only:
                _check_chain(connection, number, heads.get(number), copies.get(number, []), report)
        report.waiting = connection.scalar(sa.select(sa.func.count()).select_from(_AUDIT).where(_loose(only))) or 0
    return report


def _check_chain(connection: sa.Connection, number: int, head: Any, copies: list[Head], report: Report) -> None:
    walk = _Walk(number, {copy.sequence: copy for copy in copies})
    problem = _bad_copy(number, copies)
    for row in _entries(connection, number):
        problem = problem or walk.step(row)
        if problem:
            break
    problem = problem or _bad_end(number, head, walk)
    report.results[number] = Result(walk.sequence, bytes(head.hash).hex() if head and not problem else None, problem)


class _Walk:
    """Walks a chain entry by entry, and says what is wrong with the first one that is."""

    def __init__(self, number: int, copies: dict[int, Head]) -> None:
        self.number, self.copies = number, copies
        self.sequence, self.hash = 0, chain.first_hash(number)

    def step(self, row: Any) -> Problem | None:
        sequence, sealed_hash, sealed_id, audit_id, stored, *content = row
        here = (sequence, sealed_id)
        if sequence != self.sequence + 1:
            return Problem(
                self.number,
                _("entries {first} to {last} were removed", first=self.sequence + 1, last=sequence - 1),
                *here,
            )
        if audit_id is None:
            return Problem(self.number, _("the audit row was removed"), *here)
        values = dict(zip(_NAMES, content, strict=True))
        if (values["workspace_id"] or 0) != self.number:
            return Problem(self.number, _("the audit row was moved to another workspace"), *here)
        digest = history.digest(values)
        if digest != bytes(stored):
            return Problem(self.number, _("the audit row was altered"), *here)
        self.sequence, self.hash = sequence, chain.next_hash(self.hash, sequence, digest)
        if self.hash != bytes(sealed_hash):
            return Problem(self.number, _("the chain breaks here: this entry or its place was changed"), *here)
        copy = self.copies.get(sequence)
        if copy is not None and copy.hash != self.hash:
            return Problem(self.number, _("the entry differs from the copy kept outside the database"), *here)
        return None


def _bad_copy(number: int, copies: list[Head]) -> Problem | None:
    wrong = next((copy for copy in copies if copy.chain != number or not chain.genuine(copy)), None)
    return Problem(number, _("a copy kept outside the database is not signed by us"), wrong.sequence) if wrong else None


def _bad_end(number: int, head: Any, walk: _Walk) -> Problem | None:
    reached = max(walk.copies, default=0)
    if reached > walk.sequence:
        return Problem(
            number,
            _(
                "the chain was cut: entries {first} to {last} are gone",
                first=walk.sequence + 1,
                last=reached,
            ),
            walk.sequence + 1,
        )
    if head is None:
        return Problem(number, _("the signed end of the chain was removed"), walk.sequence)
    if not chain.genuine(Head(number, head.sequence, bytes(head.hash), bytes(head.signature))):
        return Problem(number, _("the end of the chain is not signed by us"), head.sequence)
    if head.sequence > walk.sequence:
        what = _(
            "the chain was cut: entries {first} to {last} are gone",
            first=walk.sequence + 1,
            last=head.sequence,
        )
        return Problem(number, what, walk.sequence + 1)
    if (head.sequence, bytes(head.hash)) != (walk.sequence, walk.hash):
        return Problem(number, _("entries follow the signed end of the chain"), head.sequence + 1)
    return None


def _entries(connection: sa.Connection, number: int) -> Iterator[Any]:
    statement = (
        sa.select(_SEAL.c.sequence, _SEAL.c.hash, _SEAL.c.audit_id, _AUDIT.c.id, _AUDIT.c.digest, *_CONTENT)
        .select_from(_SEAL.outerjoin(_AUDIT, _AUDIT.c.id == _SEAL.c.audit_id))
        .where(_SEAL.c.chain == number)
        .order_by(_SEAL.c.sequence)
    )
    for part in connection.execution_options(yield_per=2000).execute(statement).partitions():
        yield from part


def _loose(only: int | None) -> sa.ColumnElement[bool]:
    sealed = sa.select(sa.literal(1)).where(_SEAL.c.audit_id == _AUDIT.c.id).exists()
    mine = sa.true() if only is None else sa.func.coalesce(_AUDIT.c.workspace_id, 0) == only
    return sa.and_(~sealed, mine)

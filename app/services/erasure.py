"""Erases what is kept about a person, or in one record, as the policy of each table says; at once and for good.

Rows that policies delete go, with their history, index rows and files; what must stay is emptied of everything that
tells of the person, the values of added fields among it; sealed values become unreadable with the person's key. What
quotes the person elsewhere is in `app.services.erasure_traces`. Does not belong here: whether somebody may be erased,
which holds are in force, and by when: that is a review's.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from app import errors, permissions
from app.errors import Forbidden, NotFound
from app.services import custom_purge, erasure_rows, erasure_traces, files, hook_events, subject_keys
from app.services.erasure_rows import Found
from app.services.housekeeping import unreferenced
from app.services.operation import Operation, operation
from models import registry, scope, tenancy
from models.audit import Change
from models.base import Base, session
from models.contact import Contact
from models.custom import CustomValue
from models.intake import Idempotency
from models.policy import Erase
from models.scope import Actor, Reach
from models.words import _

_WHY = tenancy.reason("what is kept about a person is erased in their own workspace, without leaving a trace of it")
_CHUNK = 500


@dataclass(slots=True)
class Erased:
    """What became of it, in rows by table: deleted for good, emptied, or kept by a hold that is in force."""

    deleted: dict[str, int] = field(default_factory=dict)
    emptied: dict[str, int] = field(default_factory=dict)
    held: dict[str, int] = field(default_factory=dict)


def person(contact_id: int, *, actor: Actor, holds: Collection[str] = (), reason: str | None = None) -> Erased:
    """Erase a person: their contact, all that is about it, and what quotes it. `holds` are the names of the holds of
    policies that are in force ("transaction"); what they keep is left as it is. Raises `Forbidden` and `NotFound`.

    The contact itself stays in the bin, without a name, for as long as something that must stay refers to it.
    """
    if permissions.require(actor, "delete", "contact") is not Reach.WORKSPACE:
        raise Forbidden("delete", "contact", _("Erasing somebody takes the right to delete every contact."))
    with operation("privacy.erase", actor=actor, reason=reason) as op:
        _take(Contact, contact_id)
        found = erasure_rows.of_person(contact_id)
        words = erasure_traces.words(found)
        batches = erasure_traces.imports_of(contact_id)
        erased = _erase(found, op, holds)
        subject_keys.shred(scope.workspace_id(), contact_id)
        erasure_traces.wipe(found, words, batches, op)
        _tell(op, Contact, contact_id, erased, subject=contact_id)
    return erased


def record(model: type[Any], key: int, *, actor: Actor, reason: str | None = None) -> Erased:
    """Erase one record with the rows that belong to it; the person it is about stays. Raises as `person`."""
    with operation("privacy.erase", actor=actor, reason=reason) as op:
        _take(model, key, actor)
        found = erasure_rows.of_record(model, key)
        words = erasure_traces.words(found)
        erased = _erase(found, op, ())
        erasure_traces.wipe(found, words, (), op)
        _tell(op, model, key, erased, subject=None)
    return erased


def _take(model: type[Any], key: int, actor: Actor | None = None) -> None:
    """Keep the record still until the operation ends, be it in the bin."""
    wanted = sa.select(model.id).where(model.id == key).with_for_update(of=model)
    if actor is not None:
        for action in ("read", "delete"):
            wanted = permissions.restrict(wanted, model, actor, action)
    if not 0 < key < 2**63 or session.scalar(wanted, execution_options=tenancy.with_deleted()) is None:
        raise NotFound()


def _erase(found: Found, op: Operation, holds: Collection[str]) -> Erased:
    """Table by table, those that refer to others first."""
    session.flush()
    erased = Erased()
    for table in reversed(Base.metadata.sorted_tables):
        ids = sorted(found.get(table.name, ()))
        policy = registry.policy_of(table)
        if not ids or policy is None:
            continue
        if policy.hold in holds:
            erased.held[f"{table.name}"] = len(ids)
            continue
        done = _DEALT.get(table.name, _BY_POLICY[policy.erase])(table, ids, op)
        for kept, number in zip((erased.deleted, erased.emptied), done, strict=True):
            if number:
                kept[f"{table.name}"] = number
    session.expire_all()
    return erased


def _delete(table: sa.Table, ids: list[int], op: Operation) -> tuple[int, int]:
    """Rows that something which stays refers to are emptied in place of it."""
    model = registry.entities().get(table.name)
    if model is None:
        for part in _parts(ids):
            session.execute(sa.delete(table).where(table.c.id.in_(part)), execution_options=_WHY)
        return len(ids), 0
    free = [key for part in _parts(ids) for key in session.scalars(
        sa.select(table.c.id).where(table.c.id.in_(part), *unreferenced(table)), execution_options=_WHY
    )]  # fmt: skip
    bound = sorted(set(ids) - set(free))
    for part in _parts(free):
        _forget(table, part)
        files.forget(table, part, op)
        session.execute(sa.delete(table).where(table.c.id.in_(part)), execution_options=_WHY)
    return len(free), _empty(table, bound, op)[1] if bound else 0


def _empty(table: sa.Table, ids: list[int], op: Operation) -> tuple[int, int]:
    """Take out of rows that stay whatever tells of somebody. The person's own record goes to the bin with it."""
    model: Any = registry.entities().get(table.name)
    if model is None:
        return 0, 0
    for part in _parts(ids):
        files.forget(table, part, op)
        values = erasure_rows.emptied(model, op.at)
        rest = erasure_rows.impersonal(model)
        if rest:
            _thin_out(table, part, rest)
        _forget(table, part, but=rest.values())
        session.execute(
            sa.update(table).where(table.c.id.in_(part)).values(**values, **({} if rest else {"custom": None})),
            execution_options=_WHY,
        )
    return 0, len(ids)


def _shred(table: sa.Table, ids: list[int], op: Operation) -> tuple[int, int]:
    """Sealed columns go with the key. Of a record the rest is emptied too, but for what it stands for."""
    return _empty(table, ids, op) if table.name in registry.entities() else (0, 0)


def _keep(_table: sa.Table, _ids: list[int], _op: Operation) -> tuple[int, int]:
    return 0, 0


def _unanswer(table: sa.Table, ids: list[int], _op: Operation) -> tuple[int, int]:
    """Forget what was answered, not that the request was done: sent again, it would bring the person back."""
    blank = {"body": None, "status": errors.Erased.status, "etag": None, "location": None, "subject_id": None}
    session.execute(sa.update(table).where(table.c.id.in_(ids)).values(blank), execution_options=_WHY)
    return 0, len(ids)


_BY_POLICY = {Erase.DELETE: _delete, Erase.ANONYMISE: _empty, Erase.SHRED: _shred, Erase.KEEP: _keep}
# Index rows go with their record, whose treatment says which of them stay.
_DEALT = {Idempotency.__tablename__: _unanswer, CustomValue.__tablename__: _keep}


def _thin_out(table: sa.Table, ids: Collection[int], rest: Mapping[str, int]) -> None:
    """Leave of added values those that tell of nobody."""
    rows = session.execute(
        sa.select(table.c.id, table.c.custom).where(table.c.id.in_(ids), table.c.custom.is_not(None)),
        execution_options=_WHY,
    ).all()
    for key, custom in rows:
        left = {name: value for name, value in custom.items() if name in rest} or None
        session.execute(sa.update(table).where(table.c.id == key).values(custom=left), execution_options=_WHY)


def _forget(table: sa.Table, ids: Collection[int], but: Collection[int] = ()) -> None:
    """What was ever in the records: their history, and the index rows of added values."""
    changes = Change.__table__
    mine = (changes.c.workspace_id == scope.workspace_id(), changes.c.entity == table.name)
    session.execute(sa.delete(changes).where(*mine, changes.c.record_id.in_(ids)), execution_options=_WHY)
    custom_purge.of_records(table, list(ids), but=but)


def _tell(op: Operation, model: type[Any], key: int, erased: Erased, *, subject: int | None) -> None:
    """One entry of the log, and an event for programs that hold copies; both name ids and numbers alone."""
    facts = {"deleted": erased.deleted, "emptied": erased.emptied, "held": erased.held}
    op.audit("privacy.erase", entity=model.__tablename__, record_id=key, subject_id=subject, facts=facts)
    hook_events.tell(op, [hook_events.Happened(model.__tablename__, "delete", key, None, None, ())])


def _parts(ids: list[int]) -> Iterator[list[int]]:
    for start in range(0, len(ids), _CHUNK):
        yield ids[start : start + _CHUNK]

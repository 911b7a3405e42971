"""Rewriting the values of an added field when its type or its formula changes: what would be lost, and doing it.

Up to `AT_ONCE` records are rewritten with the change itself; more by a job, in steps. Until it is through, a value that
does not fit the new type yet shows as empty. What somebody set meanwhile is of the new type already and stays. History
keeps what each record held. The job ends what was begun, whatever becomes of the one who began it or of the field: it
acts for the product, and nobody stops it half-way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from app import permissions
from app.services import custom_index, formulas, history, jobs, schema, values
from app.services.operation import Operation, operation
from models import registry, scope, tenancy, words
from models.audit import Change
from models.base import session
from models.custom import CustomField
from models.fields import Field, Kind
from models.job import Job
from models.policy import Purpose
from models.scope import Actor, Reach
from models.words import N_, _

JOB = "custom_field.rework"
AT_ONCE = 500
CHUNK = 500
_SAMPLE = 5
jobs.must_end(
    JOB,
    N_(
        "This job ends what a change of a field began: stopped half-way, values would be left unreadable. Wait for its "
        "end, then change the field back."
    ),
)


@dataclass(frozen=True, slots=True)
class Impact:
    """What a change of type does: how many values fit, how many become empty, and some of those."""

    fit: int
    lost: int
    sample: tuple[str, ...]


def is_needed(before: Field, after: Field) -> bool:
    """Whether stored values must be written anew."""
    return (before.kind, before.places, before.target, before.formula, before.max_length) != (
        after.kind, after.places, after.target, after.formula, after.max_length,
    )  # fmt: skip


def preview(model: type[Any], key: str, before: Field, after: Field, locale: values.Locale, *, actor: Actor) -> Impact:
    """What would become of the values; reads all of them, and shows some to who may read all of them."""
    fit, lost, sample = 0, 0, list[str]()
    reach = permissions.reach(actor, "read", registry.permission_entity(model))
    most = _SAMPLE if reach is Reach.WORKSPACE and schema.sees(model, key) else 0
    statement = sa.select(model.id, model.custom).where(model.custom[key].as_string().is_not(None)).order_by(model.id)
    for _id, custom in session.execute(statement.execution_options(yield_per=CHUNK)):
        kept = custom.get(key)
        if converted(before, after, kept, locale) is None:
            lost += 1
            if len(sample) < most:
                sample.append(values.to_text(before, schema.of_stored(before, kept), locale)[:60])
        else:
            fit += 1
    return Impact(fit, lost, tuple(sample))


def converted(before: Field, after: Field, kept: Any, locale: values.Locale) -> Any:
    """A stored value as the field holds it afterwards, or None where it does not fit."""
    value = schema.of_stored(before, kept)
    if value is None or (Kind.RELATION in (before.kind, after.kind) and before.target != after.target):
        return None
    if before.kind is after.kind is Kind.RELATION:
        return value
    try:
        return values.from_text(after, _told(before, after, value, locale), locale)
    except ValueError:
        return None


def _told(before: Field, after: Field, value: Any, locale: values.Locale) -> str:
    """A value as text for the other type to read: plain numbers without currency, dates of moments."""
    if before.kind is Kind.MONEY and after.kind in (Kind.NUMBER, Kind.MONEY):
        return values.to_input(before, value, locale)
    if before.kind is Kind.MOMENT and after.kind is Kind.DATE:
        return value.astimezone(locale.zone).date().isoformat()
    # What is kept must not depend on the language of whoever changed the type.
    with words.speaking(words.ENGLISH):
        return values.to_text(before, value, locale)


def begin(one: CustomField, before: Field | None, op: Operation, *, actor: Actor) -> Job | None:
    """Rewrite the records of a field that was just changed: here, or in a job when there are many."""
    model = registry.entity(one.entity)
    some = _records(model, one, 0, AT_ONCE + 1)
    if len(some) <= AT_ONCE:
        rewrite(model, one, before, some, actor=actor)
        return None
    newest = session.scalar(sa.select(sa.func.max(Change.id))) or 0
    args = {"field": one.id, "before": None if before is None else _plain(before), "since": newest}
    label = _(
        "Rewrite “{label}” of all records of the kind “{kind}”", label=one.label, kind=registry.spoken(one.entity)
    )
    acting = scope.system(actor.label, request_id=actor.request_id)
    job = op.promise(JOB, args, purpose=Purpose.RUN_TRANSACTIONS, label=label, queue="bulk", acting=acting)
    job.membership_id = actor.membership_id
    return job


def definition(key: int) -> CustomField | None:
    """The field of a rewriting, be it in the bin, from where it comes back with its values; None when it is gone."""
    wanted = sa.select(CustomField).where(CustomField.id == key)
    return session.scalars(wanted, execution_options=tenancy.with_deleted()).one_or_none()


def next_records(one: CustomField, after: int) -> Sequence[Any]:
    """The next records of a rewriting, by id."""
    return _records(registry.entity(one.entity), one, after, CHUNK)


def _records(model: type[Any], one: CustomField, after: int, most: int) -> Sequence[Any]:
    """Also those in the bin, from where they come back with their values."""
    found = sa.select(model).where(model.id > after).order_by(model.id).limit(most)
    # A formula is worked out for every record; any other field only where there is something to rewrite.
    if not one.formula:
        found = found.where(model.custom[one.key].as_string().is_not(None))
    return session.scalars(found, execution_options=tenancy.with_deleted()).all()


def under_way(one: CustomField) -> str:
    """The state of the job that still has to bring values of an earlier type to this field; "" where there is none."""
    open_ones = sa.select(Job.state, Job.args).where(Job.name == JOB, Job.state.not_in(("done", "cancelled")))
    mine = (s for s, args in session.execute(open_ones) if args.get("field") == one.id and args["before"] is not None)
    return next(mine, "")


def untouched(one: CustomField, some: Sequence[Any], since: int) -> Sequence[Any]:
    """Those of the records whose value of the field is not newer than the change `since`: what somebody set since then,
    or a step of this very job that nobody noted, is of the new type already.
    """
    later = sa.select(Change.record_id, Change.new).where(
        Change.entity == one.entity, Change.record_id.in_([record.id for record in some]), Change.id > since
    )
    newer = {row.record_id for row in session.execute(later) if one.key in row.new}
    return [record for record in some if record.id not in newer]


def rewrite(model: type[Any], one: CustomField, before: Field | None, some: Sequence[Any], *, actor: Actor) -> None:
    """Bring records to the field as it is now, in the open operation."""
    known, after = schema.every(model), schema.made(one)
    locale = values.Locale()
    with operation(f"{one.entity}.rework", actor=actor):
        for record in some:
            kept = (record.custom or {}).get(one.key)
            if after.formula:
                value = formulas.result(after, known, lambda name, of=record: schema.value(of, name))  # type: ignore[misc]
            else:
                value = None if before is None or kept is None else converted(before, after, kept, locale)
            _set(record, one.key, schema.stored(after, value))
        session.flush()
        _index(one, after, some)


def _index(one: CustomField, after: Field, some: Sequence[Any]) -> None:
    """Also of a field in the bin, which the schema does not know."""
    known = {one.key: after}
    fresh = [
        row
        for record in some
        for row in custom_index.rows(
            known, record.custom or {}, one.workspace_id, record.id, history.subject_of(record)
        )
    ]
    custom_index.replace({(one.workspace_id, one.id): [record.id for record in some]}, fresh)


def _set(record: Any, key: str, stored: Any) -> None:
    custom = {n: v for n, v in (record.custom or {}).items() if n != key}
    if stored is not None:
        custom[key] = stored
    if custom != (record.custom or {}):
        record.custom = custom or None


def _plain(one: Field) -> dict[str, Any]:
    return {
        "kind": one.kind.value,
        "places": one.places,
        "target": one.target,
        "choices": [*one.choices, *one.retired],
        "custom": one.custom,
    }


def of_plain(facts: dict[str, Any] | None) -> Field | None:
    """The field that a job's arguments describe."""
    if facts is None:
        return None
    choices = tuple((key, label) for key, label in facts["choices"])
    bare = Field(Kind(facts["kind"]), places=facts["places"], target=facts["target"], custom=facts["custom"])
    return replace(bare, choices=choices)

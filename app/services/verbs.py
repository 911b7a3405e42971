"""Named verbs on records: for one record, for a selection, and for jobs that work off a large selection.

A verb names the right it needs, so that one check guards button, bulk bar, REST and job. Does not belong here: drawing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from app import permissions
from app.errors import DomainError, Invalid, NotFound
from app.services import records, values
from app.services.operation import Operation, operation
from models import registry
from models.base import session
from models.fields import Field, Kind
from models.job import Job
from models.policy import Purpose
from models.scope import Actor

INLINE = 500
MOST = 50_000
Run = Callable[[type[Any], int, Mapping[str, Any], Actor], Any]


@dataclass(frozen=True, slots=True)
class Verb:
    """A verb of an entity. `asks` are the inputs it needs, as typed fields by name; `run(model, id, answers, actor)`
    does it once."""

    name: str
    label: str
    icon: str
    right: str
    run: Run
    asks: Mapping[str, Field]
    done: str
    danger: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a selection: done, or the job that does it; `problems` are sentences with their counts."""

    done: int
    problems: Mapping[str, int]
    job: Job | None = None


_verbs: dict[str, dict[str, Verb]] = {}


def verb(
    entity: str,
    name: str,
    label: str,
    icon: str,
    *,
    right: str = "write",
    asks: Mapping[str, Field] | None = None,
    done: str = "changed",
    danger: bool = False,
) -> Callable[[Run], Verb]:
    """Register a verb of an entity; `done` completes "12 contacts …"."""
    if right not in permissions.ACTIONS:
        raise ValueError(f"{entity}.{name}: a verb needs one of the rights {permissions.ACTIONS}.")

    def keep(function: Run) -> Verb:
        made = Verb(name, label, icon, right, function, asks or {}, done, danger)
        if name in _verbs.setdefault(entity, {}):
            raise ValueError(f"{entity}.{name} is registered twice.")
        _verbs[entity][name] = made
        return made

    return keep


def assignable(entity: str) -> None:
    """Give an entity the verb that hands a record to a colleague."""
    asks = {"owner_id": Field(Kind.RELATION, "Owner", target="membership")}
    verb(entity, "assign", "Assign", "user-plus", asks=asks, done="assigned")(_assign)


def of(entity: str) -> Mapping[str, Verb]:
    """The verbs of an entity, with "delete", which every entity has."""
    return {**_verbs.get(entity, {}), "delete": _DELETE}


def find(entity: str, name: str) -> Verb:
    try:
        return of(entity)[name]
    except KeyError:
        raise NotFound("There is no such action.") from None


def answers(asked: Verb, texts: Mapping[str, str], locale: values.Locale) -> dict[str, Any]:
    """Clean inputs of a verb; raises `Invalid`."""
    clean, problems = {}, {}
    for name, field in asked.asks.items():
        try:
            clean[name] = values.from_text(field, texts.get(name, ""), locale)
            if clean[name] is None:
                problems[name] = f"{field.label} is needed."
        except ValueError as error:
            problems[name] = str(error)
    if problems:
        raise Invalid(problems)
    return clean


def allowed(model: type[Any], asked: Verb, ids: Sequence[int], *, actor: Actor) -> list[int]:
    """Which of `ids` this actor may do the verb on; the rest is foreign, gone or out of reach."""
    permissions.require(actor, asked.right, registry.permission_entity(model))
    found: list[int] = []
    for start in range(0, len(ids), 500):
        part = sa.select(model.id).where(model.id.in_(ids[start : start + 500])).order_by(model.id)
        found += session.scalars(
            permissions.restrict(permissions.restrict(part, model, actor), model, actor, asked.right)
        )
    return found


def run(model: type[Any], asked: Verb, ids: Sequence[int], given: Mapping[str, Any], *, actor: Actor) -> Outcome:
    """Do the verb on all of `ids` that are allowed: at once in one operation, or as a job when there are many."""
    wanted = allowed(model, asked, ids, actor=actor)
    entity = model.__tablename__
    with operation(f"{entity}.{asked.name}", actor=actor) as op:
        if len(wanted) > INLINE:
            return Outcome(0, {}, _promise(op, entity, asked, wanted, given))
        return run_here(model, asked, wanted, given, actor=actor)


def run_here(model: type[Any], asked: Verb, ids: Sequence[int], given: Mapping[str, Any], *, actor: Actor) -> Outcome:
    """Do the verb on each record in the open operation; a refused record does not stop the others."""
    done, problems = 0, dict[str, int]()
    with operation(f"{model.__tablename__}.{asked.name}", actor=actor) as op:
        for key in ids:
            try:
                with op.attempt():
                    asked.run(model, key, given, actor)
                done += 1
            except DomainError as error:
                problems[error.message] = problems.get(error.message, 0) + 1
    return Outcome(done, problems)


def _promise(op: Operation, entity: str, asked: Verb, ids: Sequence[int], given: Mapping[str, Any]) -> Job:
    if len(ids) > MOST:
        raise Invalid(
            {"": f"This selects {len(ids):,} records; at most {MOST:,} can be changed at once. Narrow the filter."}
        )
    label = f"{asked.label}: {len(ids):,} {entity.replace('_', ' ')}s"
    args = {"entity": entity, "verb": asked.name, "ids": list(ids), "given": dict(given)}
    return op.promise("records.bulk", args, purpose=Purpose.RUN_TRANSACTIONS, label=label, queue="bulk")


def _assign(model: type[Any], key: int, given: Mapping[str, Any], actor: Actor) -> Any:
    return records.update(model, key, {"owner_id": given["owner_id"]}, actor=actor)


def _delete(model: type[Any], key: int, _given: Mapping[str, Any], actor: Actor) -> Any:
    return records.delete(model, key, actor=actor)


_DELETE = Verb("delete", "Delete", "trash", "delete", _delete, {}, "moved to the bin", danger=True)

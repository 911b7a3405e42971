"""Many writes to records of one entity in one operation: all or nothing, or each for itself.

Each goes through `app.services.records`, so rights, rules, audit and history are those of single writes. Does not
belong here: one act on a selection (`app.services.verbs`), imports.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.orm.exc import StaleDataError

from app import permissions
from app.errors import Conflict, DomainError, Invalid
from app.services import records
from app.services.operation import operation
from models.scope import Actor
from models.words import N_

ACTS = ("create", "update", "delete")
MOST = 1000
_STALE = N_("Somebody else saved this record at the same moment. Read it again, then repeat.")


@dataclass(frozen=True, slots=True)
class Item:
    """One write. `where` names it for the caller, as in "create.0"; `problems` is what is wrong with it already."""

    act: str
    where: str
    key: int = 0
    values: Mapping[str, Any] = field(default_factory=dict)
    version: int | None = None
    problems: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The record that an item left, with its version; or why it was refused."""

    key: int | None
    version: int | None
    error: DomainError | None = None


def write(model: type[Any], items: Sequence[Item], *, actor: Actor, atomic: bool, source: str = "api") -> list[Outcome]:
    """The outcome of each item, in order. An `atomic` batch with a refused item raises `Invalid` with all problems, as
    "create.0.email", and changes nothing.
    """
    for act in {item.act for item in items}:
        permissions.require(actor, right_of(act), "bulk")
    with operation(f"{model.__tablename__}.bulk", actor=actor) as op:
        outcomes = []
        for item in items:
            try:
                with op.attempt():
                    outcomes.append(_write(model, item, actor, source))
            except StaleDataError:
                outcomes.append(Outcome(item.key, None, Conflict(_STALE)))
            except DomainError as error:
                outcomes.append(Outcome(item.key or None, getattr(error, "version", 0) or None, error))
        if atomic:
            _refuse(items, outcomes)
    return outcomes


def right_of(act: str) -> str:
    """What an act takes: on the records, and on bulk changes."""
    return "delete" if act == "delete" else "write"


def problems_of(error: DomainError) -> dict[str, str]:
    """What was wrong, by field; `""` is the record as a whole."""
    return error.fields if isinstance(error, Invalid) else {"": error.message}


def _write(model: type[Any], item: Item, actor: Actor, source: str) -> Outcome:
    if item.problems:
        raise Invalid(item.problems)
    if item.act == "create":
        record = records.create(model, item.values, actor=actor, source=source)
    elif item.act == "update":
        record = records.update(model, item.key, item.values, actor=actor, version=item.version)
    else:
        return Outcome(records.delete(model, item.key, actor=actor).id, None)
    return Outcome(record.id, record.version)


def _refuse(items: Sequence[Item], outcomes: Sequence[Outcome]) -> None:
    problems: dict[str, str] = {}
    for item, outcome in zip(items, outcomes, strict=True):
        if outcome.error is not None:
            found = problems_of(outcome.error)
            problems |= {f"{item.where}.{name}" if name else item.where: text for name, text in found.items()}
    if problems:
        raise Invalid(problems)

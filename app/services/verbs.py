"""Named verbs on records: for one record, for a selection, and for jobs that work off a large selection.

A verb names the right it needs, so that one check guards button, bulk bar, REST and job. Does not belong here: drawing.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from app import permissions
from app.errors import DomainError, Invalid, NotFound
from app.services import records, schema, values
from app.services.operation import Operation, operation
from models import registry
from models.base import session
from models.fields import Field, Kind
from models.job import Job
from models.policy import Purpose
from models.scope import Actor
from models.words import N_, _, grouped

INLINE = 500
MOST = 50_000
# The area whose rights open a verb for many records at once.
BULK = "bulk"
Run = Callable[[type[Any], int, Mapping[str, Any], Actor], Any]
Asking = Callable[[type[Any], Mapping[str, str]], Mapping[str, Field]]


@dataclass(frozen=True, slots=True)
class Verb:
    """A verb of an entity. `asks` are the inputs it needs, as typed fields by name; `run(model, id, answers, actor)`
    does it once, with answers as JSON keeps them. `edits` where it sets fields as the form does."""

    name: str
    label: str
    icon: str
    right: str
    run: Run
    asks: Mapping[str, Field]
    done: str
    danger: bool = False
    asking: Asking | None = None
    edits: bool = False

    def questions(self, model: type[Any], texts: Mapping[str, str]) -> Mapping[str, Field]:
        """What it needs to know; some ask for more when they know the first."""
        return self.asks if self.asking is None else self.asking(model, texts)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a selection: done, or the job that does it; `problems` are sentences with their counts. What was
    done can be taken back as one, by its `batch`."""

    done: int
    problems: Mapping[str, int]
    job: Job | None = None
    batch: str = ""


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
        needed = {n: replace(registry.spoken_field(one), required=True) for n, one in (asks or {}).items()}
        made = Verb(name, N_(label), icon, right, function, needed, N_(done), danger)
        if name in _verbs.setdefault(entity, {}):
            raise ValueError(f"{entity}.{name} is registered twice.")
        _verbs[entity][name] = made
        return made

    return keep


def assignable(entity: str) -> None:
    """Give an entity the verb that hands a record to a colleague."""
    asks = {"owner_id": Field(Kind.RELATION, N_("Owner"), target="membership")}
    verb(entity, "assign", "Assign", "user-plus", asks=asks, done="assigned")(_assign)


def of(entity: str) -> Mapping[str, Verb]:
    """The verbs of an entity, with "delete", which every entity has, and "set", where there is a field to set."""
    more = {"set": _SET} if settable(registry.entity(entity)) else {}
    return {**_verbs.get(entity, {}), **more, "delete": _DELETE}


def find(entity: str, name: str) -> Verb:
    try:
        return of(entity)[name]
    except KeyError:
        raise NotFound(_("There is no such action.")) from None


def answers(asked: Verb, model: type[Any], texts: Mapping[str, str], locale: values.Locale) -> dict[str, Any]:
    """Clean inputs of a verb; raises `Invalid`."""
    clean, problems = {}, {}
    for name, field in asked.questions(model, texts).items():
        try:
            clean[name] = values.from_text(field, texts.get(name, ""), locale)
            if clean[name] is None and field.required:
                problems[name] = _("{label} is needed.", label=field.label)
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


def right_to_many(asked: Verb, by: str = BULK) -> tuple[str, str]:
    """What doing a verb on many records takes beside the right on each: (action, area), of bulk changes or of another
    area that stands for them.
    """
    return (asked.right if asked.right in permissions.AREAS[by] else "write"), by


def run(
    model: type[Any], asked: Verb, ids: Sequence[int], given: Mapping[str, Any], *, actor: Actor, by: str = BULK
) -> Outcome:
    """Do the verb on all of `ids` that are allowed: at once in one operation, or as a job when there are many."""
    if len(ids) > 1:
        permissions.require(actor, *right_to_many(asked, by))
    wanted = allowed(model, asked, ids, actor=actor)
    entity = model.__tablename__
    given = {name: values.stored(value) for name, value in given.items()}
    with operation(f"{entity}.{asked.name}", actor=actor) as op:
        op.batch = op.batch or secrets.token_hex(8)
        if len(wanted) > INLINE:
            return Outcome(0, {}, _promise(op, entity, asked, wanted, given, by), op.batch)
        return replace(run_here(model, asked, wanted, given, actor=actor), batch=op.batch)


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


def _promise(op: Operation, entity: str, asked: Verb, ids: Sequence[int], given: Mapping[str, Any], by: str) -> Job:
    if len(ids) > MOST:
        raise Invalid(
            {
                "": _(
                    "This selects {n} records; at most {most} can be changed at once. Narrow the filter.",
                    n=grouped(len(ids)),
                    most=grouped(MOST),
                )
            }
        )
    label = _("{verb}: {n} records", verb=asked.label, n=grouped(len(ids)))
    args = {"entity": entity, "verb": asked.name, "ids": list(ids), "given": dict(given), "batch": op.batch, "by": by}
    return op.promise("records.bulk", args, purpose=Purpose.RUN_TRANSACTIONS, label=label, queue="bulk")


def _assign(model: type[Any], key: int, given: Mapping[str, Any], actor: Actor) -> Any:
    return records.update(model, key, {"owner_id": given["owner_id"]}, actor=actor)


def _delete(model: type[Any], key: int, _given: Mapping[str, Any], actor: Actor) -> Any:
    return records.delete(model, key, actor=actor)


def settable(model: type[Any]) -> dict[str, Field]:
    """The fields that can be set on many records at once: not what must be unique, and no files."""
    apart = {name for names in records.unique_sets(model) for name in names}
    return {
        n: f
        for n, f in schema.writable(model).items()
        if n not in apart and f.kind is not Kind.JSON and not (f.custom and f.target == "stored_file")
    }


def _which_field(model: type[Any], texts: Mapping[str, str]) -> Mapping[str, Field]:
    """First which field, then its value."""
    known = settable(model)
    choices = tuple((name, one.label) for name, one in known.items())
    asked = {"field": Field(Kind.CHOICE, _("Field"), choices=choices, required=True)}
    one = known.get(texts.get("field", ""))
    if one is not None:
        needed = schema.is_required(model, texts["field"])
        hint = one.hint if needed else _("{hint} Leave it empty to clear the field.", hint=one.hint).strip()
        asked["value"] = replace(one, required=needed, hint=hint)
    return asked


def _set(model: type[Any], key: int, given: Mapping[str, Any], actor: Actor) -> Any:
    one = settable(model).get(given["field"])
    if one is None:
        raise Invalid({"field": _("This field cannot be set any more. Choose another one.")})
    return records.update(model, key, {given["field"]: values.revived(one, given.get("value"))}, actor=actor)


_SET = Verb("set", N_("Change a field"), "pencil", "write", _set, {}, N_("changed"), asking=_which_field, edits=True)
_DELETE = Verb("delete", N_("Delete"), "trash", "delete", _delete, {}, N_("moved to the bin"), danger=True)

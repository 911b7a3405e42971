"""Bringing the fields of a workspace to definitions that come whole, from a file or an earlier state of the set-up.

Keys and those of choices are given, many change at once, and what is wrong is told of each: two fields may swap their
labels. Does not belong here: fields as a form sends them (`app.services.custom_fields`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from app import permissions
from app.services import custom_fields, custom_rework, schema
from app.services.operation import Operation, operation
from models import tenancy
from models.base import session
from models.custom import CustomField
from models.fields import Field
from models.scope import Actor
from models.words import _

Name = tuple[str, str]
Facts = Mapping[str, Any]


def adopt(wanted: Mapping[Name, Facts], *, source: str, actor: Actor) -> dict[Name, str]:
    """Make, restore and change fields, by (entity, key), to be as `wanted` says; every fact of a definition is given.
    Returns what is wrong, by field; then the caller takes everything back.
    """
    permissions.require(actor, "write", "custom_field")
    with operation("custom_field.adopt", actor=actor) as op:
        schema.hold()
        present = _present(wanted)
        before = {name: schema.made(one) for name, one in present.items()}
        back = {name for name, one in present.items() if one.deleted_at is not None}
        for name, facts in wanted.items():
            _set(present.get(name) or _new(name, source, actor), facts, present, name)
        session.flush()
        schema.renew(present.values())
        problems = _problems(wanted, present)
        if not problems:
            problems = _rework([present[name] for name in wanted], before, back, op, actor)
    return problems


def _present(wanted: Mapping[Name, Facts]) -> dict[Name, CustomField]:
    keys = sorted({key for _, key in wanted})
    rows = session.scalars(
        sa.select(CustomField).where(CustomField.key.in_(keys)), execution_options=tenancy.with_deleted()
    )
    return {(one.entity, one.key): one for one in rows if (one.entity, one.key) in wanted}


def _new(name: Name, source: str, actor: Actor) -> CustomField:
    one = CustomField(entity=name[0], key=name[1], source=source, created_by=actor.label)
    session.add(one)
    return one


def _set(one: CustomField, facts: Facts, present: dict[Name, CustomField], name: Name) -> None:
    present[name] = one
    with session.no_autoflush:
        for fact, value in facts.items():
            value = _options(one, value or ()) if fact == "options" else value
            if getattr(one, fact) != value:
                setattr(one, fact, value)
        one.deleted_at = None


def _options(one: CustomField, wanted: Sequence[Facts]) -> list[dict[str, Any]] | None:
    """The wanted choices, and behind them those that records may still hold: they name old values and nothing else."""
    found = [{"key": o["key"], "label": o["label"], "retired": bool(o.get("retired"))} for o in wanted]
    told = {o["key"] for o in found}
    gone = [o for o in one.options or () if o["key"] not in told]
    return [*found, *(o | {"retired": True, "former": True} for o in gone)] or None


def _problems(wanted: Mapping[Name, Facts], present: Mapping[Name, CustomField]) -> dict[Name, str]:
    found: dict[Name, str] = {}
    number: dict[str, int] = {}
    with session.no_autoflush:
        for name in wanted:
            problems = custom_fields.problems_of(present[name])
            if problems:
                found[name] = " ".join(problems.values())
            number[name[0]] = number.get(name[0], 0) + 1
    for entity in number:
        every = sa.select(sa.func.count()).select_from(CustomField).where(CustomField.entity == entity)
        total = session.scalar(every, execution_options=tenancy.with_deleted()) or 0
        if total > custom_fields.MOST:
            first = next(name for name in wanted if name[0] == entity)
            found[first] = _("There would be more than {most} fields of your own.", most=custom_fields.MOST)
    return found


def _rework(
    some: Sequence[CustomField], before: Mapping[Name, Field], back: set[Name], op: Operation, actor: Actor
) -> dict[Name, str]:
    """Bring values to what the fields are now; formulas last, as they read the others."""
    found: dict[Name, str] = {}
    for one in sorted(some, key=lambda one: bool(one.formula)):
        name, after = (one.entity, one.key), schema.made(one)
        past = before.get(name)
        if past is not None and custom_rework.is_needed(past, after):
            if custom_rework.under_way(one):
                found[name] = _(
                    "Its values are still being rewritten after its last change. Try again when that is done."
                )
                continue
            custom_rework.begin(one, past, op, actor=actor)
        elif after.formula and (past is None or name in back):
            custom_rework.begin(one, None, op, actor=actor)
    return found

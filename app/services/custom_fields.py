"""Defining the fields that a workspace adds: making, changing, choices, and what a change of type would do.

A definition is a record like any other, so that its changes are history, audited and undone. Its key never changes.
Does not belong here: reading the fields (`app.services.schema`) and rewriting values (`app.services.custom_rework`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from app import permissions
from app.errors import Invalid, NotFound
from app.services import custom_rework, formulas, jobs, records, role_rules, schema, values
from app.services.operation import Operation, operation
from models import custom, registry, tenancy
from models.base import session
from models.custom import CustomField
from models.fields import Field
from models.normal import distinct, slug
from models.policy import Category, Purpose
from models.registry import CUSTOM_PREFIX
from models.scope import Actor
from models.words import N_, _

MOST = 500
MOST_OPTIONS = 200
# Facts of a definition that decide what its values are; they change through `reshape` alone.
SHAPE = ("kind", "options", "target", "places", "result", "formula")
TAGS = ("personal", "category", "purpose", "keep")
_WORDS = ("label", "hint", "section", "position", "required", "searchable", *TAGS)
_CHOOSING = frozenset({"choice", "multichoice"})
_UNDER_WAY = N_(
    "The values of this field are still being rewritten after its last change. Nothing was "
    "changed: try again when that job is done."
)
_STOPPED = N_(
    "The job that rewrites the values of this field after its last change has stopped. Nothing was changed: open it "
    "under Jobs and press Try again first."
)


def customisable() -> dict[str, type[Any]]:
    """The entities that fields can be added to: those that rule themselves."""
    return {n: m for n, m in registry.entities().items() if not m.policy.parent and m is not CustomField}


def of_entity(entity: str, *, actor: Actor) -> list[CustomField]:
    """The definitions of an entity, in order."""
    permissions.require(actor, "read", "custom_field")
    if entity not in customisable():
        raise NotFound()
    mine = sa.select(CustomField).where(CustomField.entity == entity)
    return list(session.scalars(mine.order_by(CustomField.position, CustomField.id)))


def define(entity: str, given: Mapping[str, Any], *, actor: Actor, key: str = "") -> CustomField:
    """Add a field. `given` are columns of `CustomField`; a retention, a category and a purpose are needed. Raises
    `Invalid`.
    """
    permissions.require(actor, "write", "custom_field")
    if entity not in customisable():
        raise NotFound()
    facts = {name: given[name] for name in (*_WORDS, *SHAPE) if given.get(name) is not None}
    with operation("custom_field.create", actor=actor) as op:
        schema.hold()
        made = CustomField(entity=entity, **facts)
        made.options = _keyed(facts.get("options") or (), ()) or None
        problems = {n: _("This is needed.") for n in ("category", "purpose", "keep", "kind") if not facts.get(n)}
        problems |= problems_of(made)
        if problems:
            raise Invalid(problems)
        made.key = key or _free_key(entity, made.label)
        made.position = facts.get("position") or _next_position(entity)
        made.created_by, made.source = actor.label, "form"
        session.add(made)
        session.flush()
        schema.renew((made,))
        if made.formula:
            custom_rework.begin(made, None, op, actor=actor)
    return made


def reshape(key: int, given: Mapping[str, Any], *, actor: Actor) -> CustomField:
    """Change what a field's values are: type, choices, target, places, formula. What does not fit the new type becomes
    empty, as `custom_rework.preview` says beforehand; history keeps it.
    """
    one: CustomField = records.load(CustomField, key, actor=actor, action="write")
    with operation(
        "custom_field.reshape", actor=actor, reason=_("The field “{label}” was changed", label=one.label)
    ) as op:
        before = schema.made(one)
        _shape(one, given, before)
        problems = problems_of(one)
        if problems:
            raise Invalid(problems)
        after = schema.made(one)
        if (before.kind, before.places, before.target) != (after.kind, after.places, after.target):
            role_rules.refuse_loss(one.entity, one.key, one.label)
        session.flush()
        schema.renew((one,))
        if custom_rework.is_needed(before, after):
            if state := custom_rework.under_way(one):
                raise Invalid({"kind": _STOPPED if state in jobs.OVER else _UNDER_WAY})
            custom_rework.begin(one, before, op, actor=actor)
    return one


def change(
    key: int, words: Mapping[str, Any], shape: Mapping[str, Any], *, version: int | None, actor: Actor
) -> CustomField:
    """Change a definition as its form sends it: what it is called, and what its values are, in one operation."""
    with operation("custom_field.update", actor=actor):
        records.update(CustomField, key, words, actor=actor, version=version)
        return reshape(key, shape, actor=actor)


def _shape(one: CustomField, given: Mapping[str, Any], before: Field) -> None:
    """Set what is given of a definition's shape; choices keep the keys they had."""
    former = {o["key"] for o in one.options or () if o.get("former")}
    for name in SHAPE:
        if name in given:
            setattr(one, name, given[name])
    if "options" in given:
        options = _keyed(given["options"] or (), before.choices + before.retired)
        one.options = [o | ({"former": True} if o["retired"] and o["key"] in former else {}) for o in options] or None


def described(given: Mapping[str, Any], one: CustomField) -> Field:
    """The field as it would be with `given`, for a preview."""
    draft = CustomField(**{name: getattr(one, name) for name in (*_WORDS, *SHAPE, "entity", "key")})
    _shape(draft, given, schema.made(one))
    problems = problems_of(draft, but=one.id)
    if problems:
        raise Invalid(problems)
    draft.id = one.id
    return schema.made(draft)


@records.rule(CustomField)
def _sound(one: CustomField, _op: Operation) -> None:
    problems = problems_of(one)
    if problems:
        raise Invalid(problems)


@records.before_delete(CustomField)
def _unused(one: CustomField, _op: Operation) -> None:
    role_rules.refuse_loss(one.entity, one.key, one.label)


def problems_of(one: CustomField, *, but: int | None = None) -> dict[str, str]:
    """What is wrong with a definition, by field."""
    found = {}
    one.label, one.section = " ".join((one.label or "").split()), " ".join((one.section or "More").split())
    if not one.label:
        found["label"] = _("Give the field a label.")
    elif problem := _unfit(one):
        return problem
    elif _is_taken(one, but or one.id):
        found["label"] = _("There is another field with the label “{label}”. Choose a different one.", label=one.label)
    if one.keep not in dict(custom.RETENTIONS):
        found["keep"] = _("Choose how long the values are kept.")
    if one.category not in set(Category) or one.purpose not in set(Purpose):
        found["category"] = _("Choose a data category and a purpose.")
    if one.kind not in dict(custom.KINDS):
        found["kind"] = _("Choose a type.")
        return found
    return found | _shape_problems(one)


def _unfit(one: CustomField) -> dict[str, str]:
    """What is too long or too large for its column."""
    known, found = registry.fields(CustomField), {}
    for name in ("label", "hint", "section", "formula", "position"):
        try:
            values.from_text(known[name], str(getattr(one, name) or ""), values.Locale())
        except ValueError as error:
            found[name] = str(error)
    return found


def _shape_problems(one: CustomField) -> dict[str, str]:
    if one.kind in _CHOOSING:
        offered = [o for o in one.options or () if not o.get("retired")]
        return {} if offered else {"options": _("Give at least one choice.")}
    one.options = None
    if one.kind == "relation":
        known = one.target in registry.entities() and not registry.entity(one.target or "").policy.parent
        return {} if known else {"target": _("Choose what kind of record it links to.")}
    one.target = None
    if not 0 <= (one.places or 0) <= 6:
        return {"places": _("Decimal places are a whole number from 0 to 6.")}
    if one.kind == "computed":
        return _formula_problems(one)
    one.formula = one.result = None
    return {}


def _formula_problems(one: CustomField) -> dict[str, str]:
    if one.result not in dict(custom.RESULTS):
        return {"result": _("Choose what the formula gives.")}
    try:
        formula = formulas.read(one.formula or "")
    except formulas.BadFormula as error:
        return {"formula": str(error)}
    known = formulas.usable(schema.fields(registry.entity(one.entity)))
    unknown = sorted(formula.names - set(known))
    if unknown:
        return {
            "formula": _(
                "There is no field “{name}” that a formula can use. There are: {known}.",
                name=unknown[0],
                known=", ".join(known),
            )
        }
    return {}


def _is_taken(one: CustomField, key: int | None) -> bool:
    label = one.label.casefold()
    known = schema.every(registry.entity(one.entity)).values()
    return any(f.label.casefold() == label and (f.custom is None or f.custom != key) for f in known)


def _keyed(options: Sequence[Any], before: Sequence[tuple[str, str]]) -> list[dict[str, Any]]:
    """Choices with their keys: (key or None, label). What was there and is not named any more is retired, not lost."""
    found: list[dict[str, Any]] = []
    problems: dict[str, str] = {}
    taken = {key for key, _ in before}
    for key, text in (_pair(option) for option in options):
        label = " ".join(text.split())[:80]
        if not label:
            continue
        if any(o["label"].casefold() == label.casefold() for o in found):
            problems["options"] = _("The choice “{label}” is there twice.", label=label)
        if re.search(r"[;|\n]", label):
            problems["options"] = _(
                "“{label}” holds a sign that parts choices in files: ; or |. Leave it out.", label=label
            )
        key = key if key in taken else distinct(slug(label) or "choice", taken | {o["key"] for o in found})
        found.append({"key": key, "label": label, "retired": False})
    if len(found) > MOST_OPTIONS:
        problems["options"] = _("A field has at most {most} choices.", most=MOST_OPTIONS)
    if problems:
        raise Invalid(problems)
    kept = {o["key"] for o in found}
    return found + [{"key": key, "label": label, "retired": True} for key, label in before if key not in kept]


def _pair(option: Any) -> tuple[str | None, str]:
    """A choice as (key, label): from a plain label, a pair, or the form it is stored in."""
    if isinstance(option, str):
        return None, option
    return (option.get("key"), option["label"]) if isinstance(option, Mapping) else (option[0], option[1])


def _free_key(entity: str, label: str) -> str:
    """A key of the label that no field of the entity has or had, those in the bin among them."""
    statement = sa.select(CustomField.key).where(CustomField.entity == entity)
    taken = set(session.scalars(statement, execution_options=tenancy.with_deleted()))
    if len(taken) >= MOST:
        raise Invalid({"": _("An entity has at most {most} fields of your own.", most=MOST)})
    return distinct(CUSTOM_PREFIX + (slug(label) or "field"), taken)


def _next_position(entity: str) -> int:
    last = session.scalar(sa.select(sa.func.max(CustomField.position)).where(CustomField.entity == entity))
    return (last or 0) + 10


def shows(kind: str) -> frozenset[str]:
    """Which of the facts of `SHAPE` a type has."""
    more = {
        "choice": ("options",),
        "multichoice": ("options",),
        "relation": ("target",),
        "number": ("places",),
        "computed": ("result", "formula", "places"),
    }
    return frozenset({"kind", *more.get(kind, ())})

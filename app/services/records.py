"""Create, change, delete and restore any record: the one write path behind forms, REST, bulk actions, import and jobs.

An entity adds what is special about it with `rule(Model)`. Does not belong here: reading lists
(`app.services.queries`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm.exc import StaleDataError

from app import permissions
from app.errors import Clash, Conflict, Forbidden, Invalid, NotFound
from app.services import formulas, kept, layouts, parts, reaching, schema
from app.services.operation import Operation, operation
from models import registry, tenancy
from models.audit import Change
from models.base import Owned, session
from models.fields import Kind, now
from models.registry import CUSTOM_PREFIX
from models.scope import Actor
from models.words import _

Check = Callable[[Any, Operation], None]
MAX_ID = 2**63
# Where a record comes from that somebody fills in with all its fields before them.
_ASKED = frozenset({"form", "api"})
_rules: dict[type[Any], list[Check]] = {}
_before_delete: dict[type[Any], list[Check]] = {}


def rule(model: type[Any]) -> Callable[[Check], Check]:
    """Have a function called before a record of `model` is written; it may complete the record or raise `Invalid`."""

    def keep(function: Check) -> Check:
        _rules.setdefault(model, []).append(function)
        return function

    return keep


def before_delete(model: type[Any]) -> Callable[[Check], Check]:
    """Have a function called before a record of `model` goes to the bin; it may raise `Invalid`."""

    def keep(function: Check) -> Check:
        _before_delete.setdefault(model, []).append(function)
        return function

    return keep


def load(model: type[Any], key: int, *, actor: Actor, action: str = "read") -> Any:
    """The record, if it is in this workspace and within the actor's reach for `action`; else `NotFound`.

    Out of reach for reading is "not found"; readable but not writable is `Forbidden`, as the person sees it anyway.
    """
    entity = registry.permission_entity(model)
    permissions.require(actor, "read", entity)
    if not 0 < key < MAX_ID:
        raise NotFound()
    shape = ("load", model, action, kept.sight(actor, (model,)), kept.sight(actor, (model,), action))
    found = session.execute(kept.statement(shape, lambda: _one(model, actor, action)), {"key": key}).one_or_none()
    if found is None:
        raise NotFound()
    if not found[1]:
        raise Forbidden(action, entity)
    return found[0]


def _one(model: type[Any], actor: Actor, action: str) -> Any:
    statement = sa.select(model, _allowed(model, actor, action)).where(model.id == sa.bindparam("key"))
    return permissions.restrict(statement, model, actor)


def _allowed(model: type[Any], actor: Actor, action: str) -> Any:
    """Whether a row is within reach for `action`, as a column, so that one statement answers both questions."""
    if permissions.reach(actor, action, registry.permission_entity(model)) is None:
        return sa.false()
    condition = permissions.criterion(model, actor, action)
    return sa.true() if condition is None else sa.func.coalesce(condition, sa.false())


def create(
    model: type[Any],
    values: Mapping[str, Any],
    *,
    actor: Actor,
    source: str = "form",
    source_ref: str | None = None,
    asked: bool = True,
) -> Any:
    """Add a record. `values` are clean field values (see `app.services.values`); raises `Invalid`, `Forbidden`. With
    `asked` False it comes without what the brokerage asks of its own people.
    """
    entity = registry.permission_entity(model)
    permissions.require(actor, "write", entity)
    _only_known(model, values)
    with operation(f"{model.__tablename__}.create", actor=actor) as op:
        record = model(**{k: v for k, v in values.items() if v is not None and not k.startswith(CUSTOM_PREFIX)})
        schema.put(record, {k: v for k, v in values.items() if k.startswith(CUSTOM_PREFIX)})
        record.source, record.source_ref, record.created_by = source, source_ref, actor.label
        if isinstance(record, Owned):
            _take_ownership(record, actor)
        _prepare(record, values, actor, op, asked=asked and source in _ASKED)
        session.add(record)
        _flush(record)
        reaching.stay(record, actor)
    return record


def update(
    model: type[Any],
    key: int,
    values: Mapping[str, Any],
    *,
    actor: Actor,
    version: int | None = None,
    reason: str | None = None,
) -> Any:
    """Change fields of a record. With `version`, changes others made since merge by field; the same field twice is a
    `Conflict`."""
    _only_known(model, values)
    with operation(f"{model.__tablename__}.update", actor=actor, reason=reason) as op:
        record = load(model, key, actor=actor, action="write")
        parent = reaching.parent_of(record)
        if version is not None and version != record.version:
            values = merged(record, values, version)
        schema.put(record, values)
        if isinstance(record, Owned) and "owner_id" in values and "team_id" not in values:
            with session.no_autoflush:  # the new owner is checked below; until then the database must not see it
                record.team_id = permissions.members_team(record.owner_id) or record.team_id
        _prepare(record, values, actor, op)
        _flush(record)
        reaching.stay(record, actor)
        if parent != reaching.parent_of(record):
            reaching.keep_parent(model, parent, actor, "write")
    return record


def delete(model: type[Any], key: int, *, actor: Actor, reason: str | None = None, as_part: bool = False) -> Any:
    """Move a record to the bin, from where `restore` brings it back; the nightly rule empties the bin after 30 days.

    `as_part` removes a row of a parent that is being edited, a tag or a further e-mail: that takes the right to write.
    """
    if model.permanent:
        raise Forbidden(
            "delete", model.__tablename__, _("Records of this kind are never deleted; their own page ends them.")
        )
    action = "write" if as_part and model.policy.parent else "delete"
    with operation(f"{model.__tablename__}.delete", actor=actor, reason=reason) as op:
        record = load(model, key, actor=actor, action=action)
        for function in _before_delete.get(model, ()):
            function(record, op)
        record.deleted_at = now()
        session.flush()
        reaching.keep_parent(model, reaching.parent_of(record), actor, action)
    return record


def restore(model: type[Any], key: int, *, actor: Actor) -> Any:
    """Bring a record back from the bin; needs the right to delete."""
    with operation(f"{model.__tablename__}.restore", actor=actor) as op:
        statement = permissions.restrict(sa.select(model).where(model.id == key), model, actor, "delete")
        record = session.scalars(statement, execution_options=tenancy.with_deleted()).one_or_none()
        if record is None:
            raise NotFound()
        record.deleted_at = None
        _prepare(record, {}, actor, op)
        _flush(record)
        reaching.keep_to_rule(record, actor, "delete")
    return record


def is_within_reach(model: type[Any], key: int, *, actor: Actor) -> bool:
    """Whether the actor may read the record, be it in the bin by now."""
    found = permissions.restrict(sa.select(model.id).where(model.id == key), model, actor)
    return session.scalar(found, execution_options=tenancy.with_deleted()) is not None


def merged(record: Any, values: Mapping[str, Any], version: int) -> dict[str, Any]:
    """`values` without what nobody here touched, if no field was changed by both; else raises `Conflict` with the
    clashes.

    A form sends every field. What changed since `version` is read from history, and a field whose form value equals the
    value at that time was not touched by this person.
    """
    since = _changes_since(record, version)
    base: dict[str, Any] = {}
    for change in since:
        for name, old in change.old.items():
            base.setdefault(name, old)
    known = schema.fields(type(record))
    mine = {n: v for n, v in values.items() if n not in base or schema.stored(known[n], v) != base[n]}
    clashes = tuple(
        Clash(n, known[n].label, v, schema.value(record, n))
        for n, v in mine.items()
        if n in base and schema.stored(known[n], v) != schema.stored(known[n], schema.value(record, n))
    )
    if clashes:
        last = next(change for change in reversed(since) if any(clash.name in change.old for clash in clashes))
        raise Conflict(
            _("{actor} saved this record while you were editing. Nothing you typed is lost: choose what to keep.",
                actor=last.actor,
            ),
            version=record.version, clashes=clashes, who=last.actor, when=last.at,
        )  # fmt: skip
    return mine


def _changes_since(record: Any, version: int) -> list[Change]:
    newest = session.scalars(
        sa.select(Change)
        .where(Change.entity == record.__tablename__, Change.record_id == record.id, Change.verb != "create")
        # A quiet touch raises the version without a change; bulk writes do not know it.
        .where(sa.or_(Change.version > version, Change.version.is_(None)))
        .order_by(Change.id.desc())
        .limit(max(record.version - version, 0))
    ).all()
    return list(reversed(newest))


def _only_known(model: type[Any], values: Iterable[str]) -> None:
    allowed = schema.writable(model)
    wrong = [name for name in values if name not in allowed]
    if wrong:
        raise Invalid({name: _("“{name}” is not a field that can be set here.", name=name) for name in wrong})


def _take_ownership(record: Owned, actor: Actor) -> None:
    if record.owner_id is None:
        record.owner_id = actor.membership_id
    if record.team_id is None:
        record.team_id = (
            actor.team_id if record.owner_id == actor.membership_id else permissions.members_team(record.owner_id)
        )


def _prepare(record: Any, values: Mapping[str, Any], actor: Actor, op: Operation, *, asked: bool = True) -> None:
    # Without autoflush: a wrong reference is to become a sentence, not the database's error.
    with session.no_autoflush:
        problems = _missing(record, values, asked)
        problems.update(_bad_references(record, values, actor))
        problems.update(_duplicates(record))
    if problems:
        raise Invalid(problems)
    for function in _rules.get(type(record), ()):
        function(record, op)
    formulas.fill(record)


def needed(model: type[Any], given: Mapping[str, Any]) -> dict[str, str]:
    """What a form leaves empty that must not be, by field, so that all its problems can be said at once."""
    missing = {
        name: _("{label} is needed.", label=label)
        for name, label, has_default in _needed(model)
        if not has_default and name in given and given[name] in (None, "")
    }
    more = {n: one for n, one in schema.writable(model).items() if one.required and given.get(n, "-") in (None, "")}
    return missing | {
        n: _("{label} is needed.", label=one.label) for n, one in more.items() if not layouts.hides(model, n, given.get)
    }


def _missing(record: Any, values: Mapping[str, Any], asked: bool) -> dict[str, str]:
    stored = sa.inspect(record).persistent
    missing = {
        name: _("{label} is needed.", label=label)
        for name, label, has_default in _needed(type(record))
        if (stored or not has_default) and getattr(record, name) in (None, "")
    }
    # A field that was made required later is asked for where somebody sets it, not where a colleague is assigned. What
    # a visitor or a file brings can't answer what the brokerage asks of its own people.
    for name, one in schema.fields(type(record)).items() if asked else ():
        if (
            one.required
            and not one.readonly
            and (name in values or not stored)
            and schema.value(record, name) in (None, "")
            and not layouts.hides(type(record), name, partial(schema.value, record))
        ):
            missing[name] = _("{label} is needed.", label=one.label)
    return missing


@registry.per_model
def _needed(model: Any) -> tuple[tuple[str, str, bool], ...]:
    """Name, label and whether there is a default, of each field that must not stay empty."""
    columns = sa.inspect(model).columns
    fields = registry.writable(model).items()
    return tuple((n, f.label, columns[n].default is not None) for n, f in fields if not columns[n].nullable)


def _bad_references(record: Any, values: Mapping[str, Any], actor: Actor) -> dict[str, str]:
    problems = {}
    for name, field in schema.writable(type(record)).items():
        value = values.get(name)
        if field.kind is not Kind.RELATION or value is None or not field.target:
            continue
        target = registry.entity(field.target)
        if permissions.reach(actor, "read", registry.permission_entity(target)) is None or reaching.is_out_of(
            target, value, actor
        ):
            problems[name] = _(
                "{label}: there is no such {target}. Choose one from the list.",
                label=field.label,
                target=registry.spoken(field.target),
            )
    return problems


def _duplicates(record: Any) -> dict[str, str]:
    model = type(record)
    problems = {}
    for names in unique_sets(model):
        values = [getattr(record, n) for n in names]
        if any(v is None for v in values):
            continue
        statement = kept.statement(("twin", model, names), partial(_twin, model, names))
        # No record has the id 0: a new one compares itself with all.
        bound = {**dict(zip(names, values, strict=True)), "self": record.id or 0} | parts.here()
        if session.scalar(statement, bound, execution_options=parts.WHY) is not None:
            label = registry.fields(model)[names[-1]].label
            problems[names[-1]] = _(
                "{label}: another {what} already has this.",
                label=label,
                what=registry.spoken(model.__tablename__),
            )
    return problems


def _twin(model: type[Any], names: tuple[str, ...]) -> Any:
    c = parts.columns(model)
    same = (c[n] == sa.bindparam(n) for n in names)
    return parts.inside(sa.select(c.id).where(*same, c.id != sa.bindparam("self")), model).limit(parts.number(1))


@registry.per_model
def unique_sets(model: Any) -> tuple[tuple[str, ...], ...]:
    """The field sets that must be unique in a workspace, from the table's indexes."""
    sets = []
    for index in model.__table__.indexes:
        names = tuple(c.name for c in index.columns if c.name != "workspace_id")
        if index.unique and names and all(n in registry.fields(model) for n in names):
            sets.append(names)
    return tuple(sets)


def _flush(record: Any) -> None:
    try:
        session.flush()
    except StaleDataError:
        raise Conflict(
            _("Somebody else saved this record at the same moment. Nothing you typed is lost: save once more.")
        ) from None
    except IntegrityError as error:
        if "UNIQUE" in str(error.orig).upper():
            raise Invalid({"": _("Another record with the same unique value was saved at the same moment.")}) from None
        if "FOREIGN KEY" in str(error.orig).upper():
            raise Invalid({"": _("A record that this one refers to no longer exists.")}) from None
        raise

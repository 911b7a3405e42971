"""The registry of tables: every mapped class with its policy, and the checks that stop a start with a forgotten rule.

Belongs here: looking up entities and their fields. Does not belong here: how they are shown (`views.screen`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from typing import Any, TypeVar

import sqlalchemy as sa

from models.base import Base, Record, WorkspaceScoped
from models.fields import Field, Kind
from models.policy import Category, Erase, Policy, Purpose, SubjectKind
from models.words import N_, Marked

_LIBRARY_TABLES = {
    "ab_user": Policy(
        Category.ACCOUNT, Purpose.AUTHENTICATE, subject="self", kind=SubjectKind.USER, erase=Erase.ANONYMISE
    ),
    "web_authn": Policy(
        Category.SECURITY_EVENT, Purpose.AUTHENTICATE, subject="user_id", kind=SubjectKind.USER, erase=Erase.DELETE
    ),
    "ab_register_user": Policy(Category.ACCOUNT, Purpose.PROVISION),
    "ab_api_key": Policy(Category.API_KEY, Purpose.AUTHENTICATE),
}
# What the product itself writes on every record: identity, place, version, provenance (P3) and the bin.
PLUMBING = frozenset(
    {"id", "workspace_id", "version", "created_at", "updated_at", "created_by", "source", "source_ref", "deleted_at"}
)
# Columns of a record that are no field: what they hold is told by others.
_UNTYPED = frozenset({"id", "workspace_id", "custom"})
# The keys of fields that a workspace adds begin so; no column does.
CUSTOM_PREFIX = "x_"
# Columns of library tables that tell something of a person; ours say so with `personal=True`.
_LIBRARY_PERSONAL = {"ab_user": frozenset({"first_name", "last_name", "username", "email", "last_login", "zone"})}
_ACCESS = Policy(Category.ACCOUNT, Purpose.AUTHENTICATE)


Found = TypeVar("Found")


def per_model(function: Callable[[Any], Found]) -> Callable[[Any], Found]:
    """Remember a function's answer for each model. Models are hashable, which type checkers doubt."""
    return cache(function)


class BrokenModel(RuntimeError):
    """A model breaks a rule of the registry; the message names the model, the rule and the way out."""


def models() -> Iterator[type[Any]]:
    """Every mapped class."""
    return (mapper.class_ for mapper in Base.registry.mappers)


@cache
def entities() -> dict[str, type[Record]]:
    """Business records by entity name (the table's name)."""
    found = {sa.inspect(m).local_table.name: m for m in models() if issubclass(m, Record)}
    return dict(sorted(found.items()))


def entity(name: str) -> type[Any]:
    return entities()[name]


@per_model
def fields(model: Any) -> dict[str, Field]:
    """The typed fields of a model by column name, in order of declaration; columns without a `Field` are plumbing."""
    return {c.key: spoken_field(c.info["field"]) for c in sa.inspect(model).columns if "field" in c.info}


def spoken_field(one: Field) -> Field:
    """A field of the product, whose words follow the reader's language; those of a field that a brokerage adds are
    theirs.
    """
    choices = tuple((key, label if isinstance(label, Marked) else N_(label)) for key, label in one.choices)
    return replace(one, label=N_(one.label), hint=N_(one.hint), choices=choices)


def spoken(entity: str) -> str:
    """What a record of this kind is called in a sentence: "contact"."""
    return N_(entity.replace("_", " "))


@per_model
def writable(model: Any) -> dict[str, Field]:
    """Fields a person may set. Ids, workspace, version and provenance never are."""
    return {name: field for name, field in fields(model).items() if not field.readonly}


def permission_entity(model: type[Any]) -> str:
    """The entity whose permissions rule this one: its parent's, or its own."""
    return model.policy.parent or model.__tablename__


@per_model
def parent_link(model: Any) -> str:
    """The column that leads to the parent entity."""
    for name, field in fields(model).items():
        if field.target == model.policy.parent:
            return name
    raise BrokenModel(f"{model.__name__} names the parent {model.policy.parent!r} but has no reference to it.")


def policy_of(table: sa.Table) -> Policy | None:
    """The policy of a table, be it ours or a library's."""
    for model in models():
        if sa.inspect(model).local_table is table and "policy" in vars(model):
            return model.policy
    return _LIBRARY_TABLES.get(table.name) or (_ACCESS if table.name.startswith("ab_") else None)


def is_personal(column: sa.Column[Any]) -> bool:
    """Whether a column tells something of a person."""
    field: Field | None = column.info.get("field")
    known = _LIBRARY_PERSONAL.get(column.table.name, frozenset())
    return column.name in known or bool(field and field.personal) or "personal" in column.info


def title_of(model: type[Any]) -> str:
    """The column that names a record to people."""
    title = getattr(model, "title_field", None)
    if title:
        return str(title)
    return next(n for n, f in fields(model).items() if f.kind in (Kind.TEXT, Kind.EMAIL, Kind.PHONE) and not f.readonly)


def check() -> None:
    """Raise `BrokenModel` for the first table or column that lacks a rule."""
    for table in Base.metadata.sorted_tables:
        if policy_of(table) is None:
            raise BrokenModel(f"Table {table.name} has no policy: say its category, purpose and retention.")
    for model in models():
        if issubclass(model, WorkspaceScoped):
            _check_entity(model)


def _check_entity(model: type[Any]) -> None:
    known = entities()
    for name, field in writable(model).items() if issubclass(model, Record) else ():
        if name in PLUMBING:
            raise BrokenModel(f"{model.__name__}.{name} must not be writable.")
        if field.kind is Kind.RELATION and field.target not in known:
            raise BrokenModel(f"{model.__name__}.{name} refers to {field.target!r}, which is no entity.")
    if issubclass(model, Record):
        for column in sa.inspect(model).columns:
            if column.key.startswith(CUSTOM_PREFIX):
                raise BrokenModel(f"{model.__name__}.{column.key} is named as a field that a workspace adds.")
            if "field" not in column.info and column.key not in _UNTYPED:
                raise BrokenModel(f"{model.__name__}.{column.key} has no field: type it with models.fields.")
        if model.policy.subject not in (None, "self") and model.policy.subject not in fields(model):
            raise BrokenModel(
                f"{model.__name__}'s policy names the subject {model.policy.subject!r}, which is no column."
            )
        if model.policy.parent:
            parent_link(model)

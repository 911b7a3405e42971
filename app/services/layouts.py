"""How a brokerage lays out forms, record pages and lists: labels, help, sections, order, required fields, columns, and
fields that are shown only where another field has a certain value.

A layout changes what is shown, never what may be seen (`app.services.field_rights`). Does not belong here: drawing
(`views.layout`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from app import permissions
from app.errors import Invalid, NotFound
from app.services import filters, roles, schema, values
from app.services.filters import Filter
from app.services.operation import operation
from models import registry, scope, tenancy
from models.base import session
from models.custom import EntityLayout
from models.fields import Kind
from models.scope import Actor
from models.words import _

PARTS = ("labels", "sections", "required", "columns", "when")
MOST_COLUMNS = 12
_OPS = frozenset({"empty", "filled", "is", "not"})
_LOCALE = values.Locale()
_WHY = tenancy.reason("a layout is replaced whole, and audited as one")


def of(entity: str, role_id: int = 0) -> Mapping[str, Any]:
    """The layout of an entity for a role alone; empty where there is none."""
    return schema.current().layouts.get(entity, {}).get(role_id, {})


def save(entity: str, role_id: int, facts: Mapping[str, Any], *, actor: Actor) -> None:
    """Replace the layout of an entity for a role, or (0) for everybody; empty facts take it away. Raises `Invalid`."""
    permissions.require(actor, "write", "custom_field")
    if entity not in registry.entities():
        raise NotFound()
    label = permissions.spoken(roles.get(role_id).label) if role_id else _("Everybody")
    clean = checked(registry.entity(entity), facts)
    table = EntityLayout.__table__
    with operation("layout.save", actor=actor) as op:
        schema.hold()
        mine = (table.c.workspace_id == scope.workspace_id(), table.c.entity == entity, table.c.role_id == role_id)
        session.execute(sa.delete(table).where(*mine), execution_options=_WHY)
        if clean:
            session.add(EntityLayout(entity=entity, role_id=role_id, facts=clean))
        session.flush()
        schema.renew_workspace(scope.workspace_id())
        op.audit("layout.saved", entity=entity, facts={"for": label, "layout": clean})


def checked(model: type[Any], facts: Mapping[str, Any]) -> dict[str, Any]:
    """The facts without what is as usual; raises `Invalid` with a sentence for what makes no sense."""
    known, links = schema.every(model), filters.links(model)
    problems: dict[str, str] = {}
    clean: dict[str, Any] = {}
    for name, (label, hint) in (facts.get("labels") or {}).items():
        if len(label) > 80 or len(hint) > 200:
            problems[name] = _("A label has at most 80 characters, a help text at most 200.")
        if name in known and (label or hint):
            clean.setdefault("labels", {})[name] = [" ".join(label.split()), " ".join(hint.split())]
    for title, names in facts.get("sections") or ():
        kept = [name for name in names if name in known or name in links]
        if kept and title.strip():
            clean.setdefault("sections", []).append([" ".join(title.split())[:60], kept])
    required = [n for n in facts.get("required") or () if n in known and not known[n].readonly]
    columns = [n for n in facts.get("columns") or () if n in known]
    if len(columns) > MOST_COLUMNS:
        problems["columns"] = _("A list shows at most {most} columns beside the name.", most=MOST_COLUMNS)
    for name, text in (facts.get("when") or {}).items():
        try:
            clean.setdefault("when", {})[name] = _checked_condition(model, text)
        except Invalid as error:
            problems[name] = next(iter(error.fields.values()))
    if problems:
        raise Invalid(problems)
    return clean | ({"required": required} if required else {}) | ({"columns": columns} if columns else {})


def _checked_condition(model: type[Any], text: str) -> str:
    """A condition in its clean form; of the filters only those that `meets` can answer for a single record."""
    wanted = filters.parse(model, text, _LOCALE)
    if wanted.field in filters.links(model) or wanted.op not in _OPS:
        raise Invalid({"when": _("A field can depend on a choice, or on yes or no. Choose one of the list.")})
    return wanted.text(model, _LOCALE)


def in_force(entity: str) -> Mapping[str, Any]:
    """The layout that the role in force gets: each part from its own layout, else from everybody's."""
    every, own = of(entity), of(entity, scope.role() or 0)
    return {**every, **own} if own else every


def sections(entity: str) -> Sequence[tuple[str, Sequence[str]]]:
    """The sections in force as (title, fields); empty where none were laid out."""
    return [(title, names) for title, names in in_force(entity).get("sections", ())]


def hides(model: type[Any], name: str, value_of: Any) -> bool:
    """Whether the field is not shown for a record whose values `value_of` gives."""
    text = in_force(model.__tablename__).get("when", {}).get(name)
    if text is None:
        return False
    try:
        return not meets(filters.parse(model, text, _LOCALE), value_of)
    except Invalid:
        # What the condition speaks of is gone or not seen: a field that everybody can find beats a tidy form.
        return False


def condition_of(entity: str, name: str) -> str:
    """The condition of a field as text, "" for none."""
    return str(in_force(entity).get("when", {}).get(name, ""))


def meets(wanted: Filter, value_of: Any) -> bool:
    """Whether a record's value fits a filter of the kinds that layouts use."""
    value = value_of(wanted.field)
    held = set(value) if isinstance(value, tuple) else {value}
    match wanted.op:
        case "empty":
            return value in (None, "", ())
        case "filled":
            return value not in (None, "", ())
        case "not":
            return not held & set(wanted.values)
        case "is":
            return bool(held & set(wanted.values))
    return True


def choosable(model: type[Any]) -> list[tuple[str, str]]:
    """The conditions a field can depend on, as (filter, words): every value of every choice, yes and no."""
    found = []
    for name, one in schema.fields(model).items():
        if one.kind in (Kind.CHOICE, Kind.MULTI):
            found += [
                (f"{name}:is:{key}", _("{field} is {value}", field=one.label, value=label))
                for key, label in one.choices
            ]
        elif one.kind is Kind.BOOLEAN:
            found += [
                (f"{name}:is:1", _("{field}: yes", field=one.label)),
                (f"{name}:is:0", _("{field}: no", field=one.label)),
            ]
    return found

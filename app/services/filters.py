"""Filters of a list: what may be asked of each kind of field, how it reads, and the condition it makes.

In a URL a filter is `f=field:op:value`, several values parted by "|". In rules of roles a value may be whoever looks
(`Who`), and conditions speak of a row: an alias, or the columns of a plain table. Does not belong here: paging and
sorting (`queries`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Hashable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from app.errors import Invalid
from app.services import custom_filters, schema, values
from app.services.values import Locale
from models import registry
from models.base import Link
from models.base import on_postgresql as on_postgresql
from models.fields import Field, Kind
from models.words import N_, _

_TEXT = ("contains", "is", "starts", "empty", "filled")
_ORDER = ("is", "after", "before", "between", "empty", "filled")
OPERATORS: dict[Kind, tuple[str, ...]] = {
    Kind.TEXT: _TEXT,
    Kind.LONG_TEXT: _TEXT,
    Kind.EMAIL: _TEXT,
    Kind.PHONE: _TEXT,
    Kind.URL: _TEXT,
    Kind.MONEY: _ORDER,
    Kind.NUMBER: _ORDER,
    Kind.DATE: _ORDER,
    Kind.MOMENT: ("after", "before", "between", "empty", "filled"),
    Kind.BOOLEAN: ("is",),
    Kind.CHOICE: ("is", "not"),
    Kind.RELATION: ("is", "not", "empty", "filled"),
}
WORDS = {
    "contains": "contains",
    "is": "is",
    "starts": N_("starts with"),
    "empty": N_("is empty"),
    "filled": N_("is filled"),
    "after": "after",
    "before": "before",
    "between": N_("is between"),
    "not": N_("is not"),
}
_AMOUNT = {"after": N_("more than"), "before": N_("less than")}
_VALUELESS = frozenset({"empty", "filled"})
# Asked for by any part of them, not only by what is a whole address.
_AS_TEXT = frozenset({Kind.EMAIL, Kind.PHONE, Kind.URL})


class Who(StrEnum):
    """What stands in a rule for the one who looks: their membership, or their team."""

    ME = "@me"
    TEAM = "@team"


# What a link must lead to for whoever looks to be its value.
_WHOSE = {Who.ME: "membership", Who.TEAM: "team"}


@dataclass(frozen=True, slots=True)
class Filter:
    """A clean filter: `values` are field values, empty for "empty" and "filled"."""

    field: str
    op: str
    values: tuple[Any, ...]

    def text(self, model: type[Any], locale: Locale) -> str:
        """Its form in a URL; `parse` of it gives it back."""
        field = filterable(model)[self.field]
        shown = "|".join(_typed(field, v, locale) for v in self.values)
        return f"{self.field}:{self.op}:{shown}" if self.values else f"{self.field}:{self.op}"


def _typed(field: Field, value: Any, locale: Locale) -> str:
    if isinstance(value, Who):
        return value.value
    if field.kind in _AS_TEXT:
        return str(value)
    return values.to_input(field, value, locale) if value is not False else "0"


def filterable(model: type[Any]) -> dict[str, Field]:
    """Fields that can be filtered by: every typed one but JSON and secrets, and the links to many (tags)."""
    own = {
        n: f
        for n, f in schema.fields(model).items()
        if f.kind in OPERATORS and not f.secret and n not in {"deleted_at", "name_key"}
    }
    # What may be several is asked for one at a time.
    own |= {n: replace(f, kind=Kind.CHOICE) for n, f in schema.added(model).items() if f.kind is Kind.MULTI}
    return own | {name: Field(Kind.RELATION, link.label, target=link.target) for name, link in links(model).items()}


def reference(model: type[Any], entity: str) -> str | None:
    """The field, or the link to many, by which records of `model` belong to one of `entity`."""
    return next((name for name, field in filterable(model).items() if field.target == entity), None)


def links(model: type[Any]) -> dict[str, Link]:
    return getattr(model, "links", {})


def operators(field: Field) -> tuple[str, ...]:
    """What can be asked of a field; an added choice may be empty, a column's never is."""
    more = ("empty", "filled") if field.custom and field.kind is Kind.CHOICE else ()
    return (*OPERATORS[field.kind], *more)


def operator_words(field: Field, op: str) -> str:
    """How an operator reads on a field: "Price more than", "Due after"."""
    return _AMOUNT.get(op, WORDS[op]) if field.kind in (Kind.MONEY, Kind.NUMBER) else WORDS[op]


def parse(model: type[Any], text: str, locale: values.Locale, *, who: bool = False) -> Filter:
    """A filter from its URL form; raises `Invalid` with a sentence about the field. With `who`, a value may be whoever
    looks.
    """
    name, _, rest = text.partition(":")
    op, _, raw = rest.partition(":")
    return build(model, name, op, raw.split("|") if raw else [], locale, who=who)


def build(model: type[Any], name: str, op: str, raw: list[str], locale: values.Locale, *, who: bool = False) -> Filter:
    known = filterable(model)
    if name not in known:
        raise Invalid({name or "filter": _("There is no field “{name}” to filter by.", name=name[:60])})
    field = known[name]
    if op not in operators(field):
        raise Invalid(
            {
                name: _(
                    "{label} cannot be filtered with “{op}”. Use one of: {operators}.",
                    label=field.label,
                    op=op[:20],
                    operators=", ".join(operators(field)),
                )
            }
        )
    if op in _VALUELESS:
        return Filter(name, op, ())
    try:
        clean = tuple(_whose(field, part, who) or _value(field, op, part, locale) for part in raw if part.strip())
    except ValueError as error:
        raise Invalid({name: str(error)}) from None
    if not clean or (op == "between" and len(clean) != 2) or len(clean) > 50:
        raise Invalid(
            {
                name: _("{label}: give two values to filter by.", label=field.label)
                if op == "between"
                else _("{label}: give a value to filter by.", label=field.label)
            }
        )
    return Filter(name, op, clean)


def whose(field: Field) -> Who | None:
    """Whoever looks, as a value of this field in a rule."""
    return next((one for one, target in _WHOSE.items() if field.kind is Kind.RELATION and field.target == target), None)


def _whose(field: Field, text: str, who: bool) -> Who | None:
    found = whose(field) if who else None
    return found if found is not None and text.strip() == found.value else None


def _value(field: Field, op: str, text: str, locale: values.Locale) -> Any:
    if field.kind in _AS_TEXT or op in ("contains", "starts"):
        return values.from_text(Field(Kind.TEXT, max_length=200), text, locale)
    if field.kind is Kind.MOMENT and len(text.strip()) == 10:
        text = f"{text.strip()}T00:00"
    return values.from_text(field, text, locale)


def condition(model: type[Any], wanted: Filter, given: tuple[Any, ...]) -> Any:
    """The SQL condition of a filter; `given` stands for its operands, see `parameters`."""
    if wanted.field in links(model):
        return _link_condition(model, links(model)[wanted.field], wanted, given)
    one = schema.added(model).get(wanted.field)
    if one is not None:
        return custom_filters.condition(model, wanted.field, one, wanted.op, given, like)
    return _of_column(getattr(model, wanted.field), wanted, given)


def condition_of(model: type[Any], wanted: Filter, row: Any) -> Any:
    """The SQL condition of a filter with its values, on a row of `model`: the model, an alias, or the columns of its
    table. It carries walls of its own and means the same on every database: of letters, A to Z alone match in both
    cases.
    """
    if wanted.field in links(model):
        return _link_of(links(model)[wanted.field], wanted, row)
    one = schema.added(model).get(wanted.field)
    if one is not None:
        given = custom_filters.literal(one, operands(wanted))
        return custom_filters.condition(model, wanted.field, one, wanted.op, given, _steady_like, of=row)
    return _of_column(getattr(row, wanted.field), wanted, operands(wanted), _steady_like)


def _steady_like(column: Any, pattern: str) -> Any:
    if on_postgresql():
        return sa.collate(column, "C").ilike(pattern, escape="\\")
    return column.like(pattern, escape="\\")


def _link_of(link: Link, wanted: Filter, row: Any) -> Any:
    tie = registry.entity(link.through).__table__.alias()
    t = tie.c
    mine = (t[link.near] == row.id, t.workspace_id == row.workspace_id, t.deleted_at.is_(None))
    fits = (t[link.far].in_(wanted.values),) if wanted.values else ()
    inside = sa.exists().where(*mine, *fits).correlate_except(tie)
    return ~inside if wanted.op in ("empty", "not") else inside


def _of_column(column: Any, wanted: Filter, given: tuple[Any, ...], matches: Any = None) -> Any:
    match wanted.op:
        case "empty":
            return column.is_(None)
        case "filled":
            return column.is_not(None)
        case "contains" | "starts":
            return (matches or like)(column, given[0])
        case "after":
            return column > given[0]
        case "before":
            return column < given[0]
        case "between":
            return column.between(*given)
        case "not":
            return sa.or_(column.not_in(given), column.is_(None))
    return column == given[0] if len(given) == 1 else column.in_(given)


def parameters(model: type[Any], wanted: Filter, mark: str) -> tuple[Hashable, tuple[Any, ...], dict[str, Any]]:
    """How a filter stands in a statement that is kept: its shape, parameters in place of its operands, and their
    values.
    """
    link = links(model).get(wanted.field)
    if link is None and (one := schema.added(model).get(wanted.field)) is not None:
        return custom_filters.parameters(wanted.field, one, wanted.op, operands(wanted), mark)
    column = getattr(registry.entity(link.through), link.far) if link else getattr(model, wanted.field)
    values = {f"{mark}_{number}": value for number, value in enumerate(operands(wanted))}
    given = tuple(sa.bindparam(name, type_=column.type) for name in values)
    return (wanted.field, wanted.op, len(given)), given, values


def operands(wanted: Filter) -> tuple[Any, ...]:
    """The values of a filter as its condition compares with them."""
    match wanted.op:
        case "contains":
            return (f"%{escaped(wanted.values[0])}%",)
        case "starts":
            return (f"{escaped(wanted.values[0])}%",)
        case "between":
            return tuple(sorted(wanted.values))
    return wanted.values


def like(column: Any, pattern: Any, escape: bool = True) -> Any:
    """Matches without regard to case. SQLite's LIKE does that by itself; `ilike` there would lower each value first.

    `escape` False for a pattern in which nothing is `escaped`: SQLite is a fifth faster without.
    """
    sign = "\\" if escape else None
    return column.ilike(pattern, escape=sign) if on_postgresql() else column.like(pattern, escape=sign)


def escaped(text: Any) -> str:
    """Text as a LIKE pattern that matches it literally."""
    return str(text).replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def words(model: type[Any], wanted: Filter, locale: values.Locale, titles: dict[tuple[str, int], str]) -> str:
    """The values of a filter for people; `titles` names related records by (entity, id)."""
    field = filterable(model)[wanted.field]
    if field.kind is Kind.RELATION:
        return ", ".join(titles.get((field.target or "", v), f"#{v}") for v in wanted.values)
    joiner = " and " if wanted.op == "between" else ", "
    return joiner.join(_shown(field, v, locale) for v in wanted.values)


def _shown(field: Field, value: Any, locale: values.Locale) -> str:
    if isinstance(value, dt.datetime):
        local = value.astimezone(locale.zone)
        return f"{local:%-d %b %Y}" + (f" {local:%H:%M}" if (local.hour, local.minute) != (0, 0) else "")
    return values.to_text(field, value, locale)


def _link_condition(model: type[Any], link: Link, wanted: Filter, given: tuple[Any, ...]) -> Any:
    through = registry.entity(link.through)
    found = sa.select(getattr(through, link.near))
    if given:
        found = found.where(getattr(through, link.far).in_(given))
    inside = model.id.in_(found)
    return ~inside if wanted.op in ("empty", "not") else inside

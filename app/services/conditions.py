"""Conditions that are nested: any filter of a list, joined by "and" and "or" in groups of groups.

In an address they are JSON, `{"or": ["stage:is:active", {"and": ["type:is:buyer", "budget_max:after:500000"]}]}`, with
each filter in its own form. Does not belong here: single filters (`app.services.filters`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
import sqlalchemy as sa

from app.errors import Invalid
from app.services import filters, values
from app.services.filters import Filter
from models.words import _

MOST_DEEP, MOST, MOST_TEXT = 4, 40, 4000


@dataclass(frozen=True, slots=True)
class Group:
    """Parts that must all hold ("and") or of which one must ("or")."""

    join: str
    parts: tuple[Filter | Group, ...]


def parse(model: type[Any], text: str, locale: values.Locale, *, who: bool = False) -> Group:
    """A group from its form in an address; raises `Invalid` with a sentence. With `who`, a value may be whoever looks
    (`filters.Who`).
    """
    if len(text) > MOST_TEXT:
        raise Invalid({"w": _("These conditions are too long. Save a part of them as a view of its own.")})
    try:
        raw = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise Invalid({"w": _("These conditions can't be read. Build them anew.")}) from None
    group = _group(model, raw, locale, 1, who)
    if sum(1 for _ in leaves(group)) > MOST:
        raise Invalid({"w": _("At most {most} conditions can be asked at once.", most=MOST)})
    return group


def _group(model: type[Any], raw: Any, locale: values.Locale, deep: int, who: bool) -> Group:
    if not isinstance(raw, dict) or len(raw) != 1 or deep > MOST_DEEP:
        raise Invalid({"w": _("These conditions can't be read. Build them anew.")})
    join, parts = next(iter(raw.items()))
    if join not in ("and", "or") or not isinstance(parts, list) or not parts:
        raise Invalid({"w": _("A group of conditions is “and” or “or”, and holds at least one.")})
    return Group(
        join,
        tuple(
            filters.parse(model, part, locale, who=who)
            if isinstance(part, str)
            else _group(model, part, locale, deep + 1, who)
            for part in parts
        ),
    )


def text(model: type[Any], group: Group, locale: values.Locale) -> str:
    """Its form in an address; `parse` of it gives it back."""
    return orjson.dumps(_plain(model, group, locale)).decode()


def _plain(model: type[Any], group: Group, locale: values.Locale) -> dict[str, Any]:
    return {
        group.join: [
            _plain(model, part, locale) if isinstance(part, Group) else part.text(model, locale) for part in group.parts
        ]
    }


def leaves(group: Group) -> Iterator[Filter]:
    """Every filter in it."""
    for part in group.parts:
        if isinstance(part, Group):
            yield from leaves(part)
        else:
            yield part


def shape(group: Group) -> tuple[Any, ...]:
    """How the filters are joined, without the filters."""
    return (group.join, *(shape(part) if isinstance(part, Group) else None for part in group.parts))


def condition(model: type[Any], group: Group, operands: Mapping[int, tuple[Any, ...]]) -> Any:
    """The SQL condition; `operands` has those of each filter, by its identity."""
    join = sa.and_ if group.join == "and" else sa.or_
    return join(
        *(
            condition(model, part, operands)
            if isinstance(part, Group)
            else filters.condition(model, part, operands[id(part)])
            for part in group.parts
        )
    )

"""What rules of roles say: a right that reaches the records which meet a condition over their fields.

A rule is the nested condition of a list (`conditions`), in which a value may be whoever looks, "me" or "my team". It is
read as the product sees the fields, whatever the role itself may see of them. One that can't be read, as a field it
names is gone, reaches nothing. Does not belong here: which roles have which (`app.services.role_rules`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import sqlalchemy as sa

from app import permissions
from app.errors import Invalid
from app.services import conditions, filters, schema
from app.services.conditions import Group
from app.services.filters import Filter, Who
from app.services.values import Locale
from models import registry, scope
from models.base import session
from models.fields import Field, Kind
from models.role_rule import MOST_TEXT
from models.scope import Actor, Rule
from models.words import ENGLISH, N_, _, speaking

# Rules are kept in one locale, whoever wrote them: times in UTC, money in plain units.
KEPT = Locale()
_MOST = 2000
_read: dict[tuple[int, int, str, str], Group | None] = {}
Part = Filter | Group
WHOSE = {Who.ME: N_("me"), Who.TEAM: N_("my team")}


@contextmanager
def as_kept() -> Iterator[None]:
    """How rules are kept and read: as the product sees the fields, and in no language but its own."""
    with scope.seen_as(None), speaking(ENGLISH):
        yield


def read(model: type[Any], rule: Rule) -> Group:
    """The condition of a rule in the workspace in force; raises `Invalid` for one that can't be read."""
    found = _known(model, rule)
    if found is None:
        with as_kept():
            return conditions.parse(model, rule.text, KEPT, who=True)
    return found


def is_sound(model: type[Any], rule: Rule) -> bool:
    """Whether a rule can be read; any other reaches nothing."""
    return _known(model, rule) is not None


def made(model: type[Any], group: Group) -> Rule:
    """The rule of a condition; raises `Invalid` where its kept form would not say the same."""
    with as_kept():
        text = conditions.text(model, group, KEPT)
        sound = group.parts and len(text) <= MOST_TEXT and conditions.parse(model, text, KEPT, who=True) == group
    if not sound:
        raise Invalid({"": _("This can't be kept as a rule: leave out the sign | and seconds, and keep it short.")})
    return Rule(text)


def _known(model: type[Any], rule: Rule) -> Group | None:
    """From the cache: rules are asked for on every page, and change when the fields do."""
    where = scope.current()
    if not isinstance(where, int) or not rule.text:
        return None
    key = (where, schema.current().mark, model.__tablename__, rule.text)
    if key not in _read:
        if len(_read) >= _MOST:
            _read.clear()
        try:
            with as_kept():
                _read[key] = conditions.parse(model, rule.text, KEPT, who=True)
        except Invalid:
            _read[key] = None
    return _read[key]


def condition(rule: Rule, model: type[Any], row: Any, actor: Actor) -> Any:
    """The SQL condition of a rule on a row of `model` (see `filters.condition_of`), for whoever looks."""
    group = _known(model, rule)
    if group is None:
        return sa.false()
    with scope.seen_as(None):
        return _joined(model, group, row, actor)


permissions.on_rule(condition)


def _joined(model: type[Any], part: Part, row: Any, actor: Actor) -> Any:
    if isinstance(part, Group):
        join = sa.and_ if part.join == "and" else sa.or_
        return join(*(_joined(model, one, row, actor) for one in part.parts))
    told = told_for(part, actor)
    return sa.false() if told is None else filters.condition_of(model, told, row)


def told_for(one: Filter, actor: Actor) -> Filter | None:
    """A filter with whoever looks put in; None for somebody who is no member, or in no team, where it asks for that: it
    then matches nothing, whichever way it asks.
    """
    whose = {Who.ME: actor.membership_id, Who.TEAM: actor.team_id}
    told = tuple(whose[v] if isinstance(v, Who) else v for v in one.values)
    return None if None in told else replace(one, values=told)


def met(rule: Rule, model: type[Any], key: int, actor: Actor) -> dict[Part, bool]:
    """Which parts of a rule a record meets, each asked of the database alone; one statement."""
    every = list(dict.fromkeys(_parts(read(model, rule))))
    with scope.seen_as(None):
        asked = [sa.case((_joined(model, part, model, actor), 1), else_=0) for part in every]
    row = session.execute(sa.select(*asked).where(model.id == key)).one()
    return {part: bool(yes) for part, yes in zip(every, row, strict=True)}


def _parts(part: Part) -> list[Part]:
    return [part, *(p for one in part.parts for p in _parts(one))] if isinstance(part, Group) else [part]


def failing(part: Part, met: Mapping[Part, bool]) -> list[Filter]:
    """The conditions for whose sake a part is not met."""
    if met[part]:
        return []
    return [part] if isinstance(part, Filter) else [one for inner in part.parts for one in failing(inner, met)]


def meeting(part: Part, met: Mapping[Part, bool]) -> list[Filter]:
    """The conditions by which a part is met."""
    if not met[part]:
        return []
    return [part] if isinstance(part, Filter) else [one for inner in part.parts for one in meeting(inner, met)]


def names(model: type[Any], rule: Rule) -> frozenset[str]:
    """The fields that a rule asks for; none where it can't be read."""
    group = _known(model, rule)
    return frozenset(one.field for one in conditions.leaves(group)) if group is not None else frozenset()


def is_seen(model: type[Any], rule: Rule) -> bool:
    """Whether the role in force sees every field that a rule asks for: else what the rule says of a record would tell
    of the field.
    """
    seen = schema.fields(model)
    known = set(seen) | set(filters.links(model))
    return names(model, rule) <= known


def related(model: type[Any], rules: Collection[Rule]) -> set[tuple[str, int]]:
    """The records that rules name, as (entity, id)."""
    with scope.seen_as(None):
        known = filters.filterable(model)
    every = [one for rule in rules if is_sound(model, rule) for one in conditions.leaves(read(model, rule))]
    return {
        (known[one.field].target or "", value)
        for one in every
        if known[one.field].kind is Kind.RELATION
        for value in one.values
        if not isinstance(value, Who)
    }


def words(model: type[Any], part: Part, locale: Locale, titles: Mapping[tuple[str, int], str]) -> str:
    """A rule for people, with the labels that the role in force knows; a field it does not see is not named."""
    with scope.seen_as(None):
        known = filters.filterable(model)
    return _words(part, partial(_told, model, known, set(filters.filterable(model)), locale, titles), outer=True)


def _words(part: Part, told: Callable[[Filter], str], outer: bool = False) -> str:
    if isinstance(part, Filter):
        return told(part)
    first, *others = [_words(one, told) for one in part.parts]
    whole = first
    for other in others:
        if part.join == "and":
            whole = _("{first} and {second}", first=whole, second=other)
        else:
            whole = _("{first} or {second}", first=whole, second=other)
    return whole if outer or not others else f"({whole})"


def _told(
    model: type[Any], known: Mapping[str, Field], seen: set[str], locale: Locale,
    titles: Mapping[tuple[str, int], str], one: Filter,
) -> str:  # fmt: skip
    if one.field not in seen:
        return _("a field that you do not see")
    field = known[one.field]
    start = f"{field.label} {filters.operator_words(field, one.op)}"
    if not one.values:
        return start
    plain = replace(one, values=tuple(v for v in one.values if not isinstance(v, Who)))
    whose = [str(WHOSE[v]) for v in one.values if isinstance(v, Who)]
    with scope.seen_as(None):
        rest = filters.words(model, plain, locale, dict(titles)) if plain.values else ""
    return f"{start} {', '.join([*whose, *([rest] if rest else [])])}"


def for_audit(entity: str, rule: Rule) -> str:
    """A rule as the audit log keeps it, which nothing erases: what was typed to find people by stays out of it."""
    model = registry.entities().get(entity)
    group = _known(model, rule) if model is not None else None
    if model is None or group is None:
        return "can't be read"
    with as_kept():
        known = filters.filterable(model)
        return conditions.text(model, _without_words(group, known), KEPT)


_TYPED = frozenset({Kind.TEXT, Kind.LONG_TEXT, Kind.EMAIL, Kind.PHONE, Kind.URL})


def _without_words(group: Group, known: Mapping[str, Field]) -> Group:
    def kept(part: Part) -> Part:
        if isinstance(part, Group):
            return _without_words(part, known)
        one = known[part.field]
        return replace(part, values=("…",) * len(part.values)) if one.personal and one.kind in _TYPED else part

    return Group(group.join, tuple(kept(part) for part in group.parts))

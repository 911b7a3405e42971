"""Rules of roles for tests: random ones, random records, a role that has one, and what a rule means in plain Python."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import orm

from app import permissions
from app.errors import Invalid
from app.services import filters, members, parts, record_forms, records, roles, rules, schema, values
from app.services.conditions import Group
from app.services.filters import Filter, Who
from models import scope
from models.base import session
from models.contact import Contact, ContactTag, Tag
from models.fields import Field, Kind
from models.scope import Actor, Rights, Rule
from tests.factories import SYSTEM, Office

TEXTS = ("Dana", "dana", "DANA West", "Élan", "élan", "50%", "5_0", "a\\b", "'; --", "İstanbul", "x")
DAYS = (dt.date(1999, 12, 31), dt.date(2001, 6, 9), dt.date(2026, 11, 26))
MOMENTS = tuple(dt.datetime(day.year, day.month, day.day, 15, 30, tzinfo=dt.UTC) for day in DAYS)
_LEFT_OUT = frozenset({"x_fee", "x_passport"})
QUICK = settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))


def ruled(text: str, *entities: str, actions: tuple[str, ...] = permissions.ACTIONS, wide: bool = True) -> Rights:
    """Rights of a broker in which a rule says how far `actions` on these entities go; without `wide` these alone."""
    _, rights = permissions.builtin_roles()["broker"]
    kept = {n: dict(more) for n, more in rights.items() if wide or n not in entities}
    for entity in entities:
        kept[entity] = {**kept.get(entity, {}), **dict.fromkeys(actions, Rule(text))}
    return kept


def owned() -> list[str]:
    """The entities that a rule can be on."""
    return [name for name in permissions.subjects() if permissions.takes_rules(name)]


def pool(one: Field, ids: Mapping[str, list[int]]) -> list[Any]:  # noqa: C901  one line per kind
    """Some values of a field, the same for records and rules."""
    match one.kind:
        case Kind.BOOLEAN:
            return [True, False]
        case Kind.CHOICE | Kind.MULTI:
            return [key for key, _ in one.choices]
        case Kind.MONEY:
            return [0, 1_50, 500_000_00]
        case Kind.NUMBER:
            return [Decimal("0.35"), Decimal("12.50")] if one.places else [0, 1, 4]
        case Kind.DATE:
            return list(DAYS)
        case Kind.MOMENT:
            return list(MOMENTS)
        case Kind.RELATION:
            return ids.get(one.target or "", [])
        case Kind.EMAIL:
            return ["bean@example.com", "dana@example.com"]
        case Kind.PHONE:
            return ["+14155550199", "+14155550198"]
        case Kind.URL:
            return ["https://example.com/bean", "https://dana.example.com/"]
    return list(TEXTS)


def people(number: int, ids: dict[str, list[int]], *, actor: Actor, seed: int = 1) -> list[int]:
    """Contacts with random values in every field, added ones among them, and random tags."""
    chance = random.Random(seed)
    ids["tag"] = [records.create(Tag, {"name": f"Tag {n}"}, actor=actor).id for n in range(3)]
    known = {n: one for n, one in schema.writable(Contact).items() if n not in {"name", "email", *_LEFT_OUT}}
    made = []
    for number_ in range(number):
        given_ = {"name": f"{chance.choice(TEXTS)} {number_}"}
        for name, one in known.items():
            some = pool(one, ids)
            if some and chance.random() < 0.6:
                given_[name] = tuple(chance.sample(some, 2)) if one.kind is Kind.MULTI else chance.choice(some)
        given_ |= {"minor_authority": "Dana"}
        if given_.get("budget_min") and given_.get("budget_max", 0) < given_["budget_min"]:
            del given_["budget_min"]
        record = records.create(Contact, given_, actor=actor)
        for tag in ids["tag"]:
            if chance.random() < 0.4:
                record_forms.add_link(record.id, Contact.links["tags"], tag, actor=actor)
        ids.setdefault("contact", []).append(record.id)
        made.append(record.id)
    return made


def groups(ids: Mapping[str, list[int]]) -> st.SearchStrategy[Group]:
    """Random rules over every field of a contact."""
    with scope.seen_as(None):
        known = {n: one for n, one in filters.filterable(Contact).items() if n not in _LEFT_OUT}

    def leaf(name: str, op: str, numbers: list[int]) -> Filter | None:
        one = known[name]
        own = filters.whose(one)
        offered = [values.to_input(one, v, rules.KEPT) if v is not False else "0" for v in pool(one, ids)]
        offered += [own.value] if own else []
        count = 0 if op in ("empty", "filled") else 2 if op == "between" else len(numbers)
        texts = [offered[n % len(offered)] for n in [*numbers, 0][:count]] if offered else []
        try:
            with scope.seen_as(None):
                return filters.build(Contact, name, op, texts, rules.KEPT, who=True)
        except Invalid:
            return None

    choices = [(name, op) for name, one in known.items() for op in filters.operators(one)]
    numbers = st.lists(st.integers(0, 20), min_size=1, max_size=3)
    made = st.builds(lambda pair, some: leaf(*pair, some), st.sampled_from(choices), numbers)
    leaves = made.filter(lambda one: one is not None)

    def joined(part: st.SearchStrategy[Any]) -> st.SearchStrategy[Group]:
        inner = st.lists(part, min_size=1, max_size=3).map(tuple)
        return st.builds(Group, st.sampled_from(["and", "or"]), inner)

    return joined(st.one_of(leaves, joined(st.one_of(leaves, joined(leaves)))))


def holds(part: Filter | Group, value_of: Callable[[str], Any], me: int | None, team: int | None) -> bool:
    """What a rule means, without the database: `value_of` gives a field's value, of several the tuple."""
    if isinstance(part, Group):
        return (all if part.join == "and" else any)(holds(one, value_of, me, team) for one in part.parts)
    whose = {Who.ME: me, Who.TEAM: team}
    wanted = [whose[v] if isinstance(v, Who) else v for v in part.values]
    if None in wanted:
        return False
    value = value_of(part.field)
    several = value if isinstance(value, tuple) else None if value is None else (value,)
    return _asked(part.op, value, several or (), wanted)


def _asked(op: str, value: Any, several: tuple[Any, ...], wanted: list[Any]) -> bool:
    match op:
        case "empty":
            return not several
        case "filled":
            return bool(several)
        case "is":
            return any(one in wanted for one in several)
        case "not":
            return not any(one in wanted for one in several)
        case "contains":
            return value is not None and _plain(wanted[0]) in _plain(value)
        case "starts":
            return value is not None and _plain(value).startswith(_plain(wanted[0]))
        case "after":
            return value is not None and value > wanted[0]
        case "before":
            return value is not None and value < wanted[0]
        case "between":
            return value is not None and min(wanted) <= value <= max(wanted)
    raise AssertionError(op)


def _plain(text: str) -> str:
    return "".join(chr(ord(sign) + 32) if "A" <= sign <= "Z" else sign for sign in text)


def prove(made: list[int], ids: dict[str, list[int]], actors: list[Actor], run: settings = QUICK) -> None:
    """For random rules: the database, asked of the model, an alias and the plain table, says what plain Python says;
    the parts as they are explained add up to it; and the rule is kept and read without change.
    """
    loaded = {one.id: one for one in session.scalars(sa.select(Contact).where(Contact.id.in_(made)))}
    tags: dict[int, list[int]] = {}
    for contact, tag in session.execute(sa.select(ContactTag.contact_id, ContactTag.tag_id)):
        tags.setdefault(contact, []).append(tag)

    def value_of(record: Contact) -> Callable[[str], Any]:
        return lambda name: tuple(tags.get(record.id, ())) if name == "tags" else schema.value(record, name)

    @run
    @given(groups(ids), st.sampled_from(range(len(actors))))
    def holds_everywhere(group: Group, who: int) -> None:
        actor = actors[who]
        rule = rules.made(Contact, group)
        assert rules.read(Contact, rule) == group
        told = {k for k, one in loaded.items() if holds(group, value_of(one), actor.membership_id, actor.team_id)}
        other, c = orm.aliased(Contact, flat=True), parts.columns(Contact)
        for row, key, options in ((Contact, Contact.id, {}), (other, other.id, {}), (c, c.id, parts.WHY)):
            asked = sa.select(key).where(rules.condition(rule, Contact, row, actor), key.in_(made))
            assert set(session.scalars(asked, execution_options=options)) == told, (rule, row)
        probe = made[len(rule.text) % len(made)]
        met = rules.met(rule, Contact, probe, actor)
        assert met[group] is (probe in told)
        assert bool(rules.failing(group, met)) is not met[group]

    holds_everywhere()


def with_rights(actor: Actor, rights: Rights) -> Actor:
    """The same person with other rights."""
    return replace(actor, rights=rights, everything=False)


def a_role(office: Office, text: str, *entities: str, label: str = "Buyer desk", **more: Any) -> int:
    """A role with a rule on these entities, else a broker's; needs an application context."""
    with office.inside():
        return int(roles.create(label, ruled(text, *(entities or ("contact",)), **more), actor=SYSTEM).id)


def give(office: Office, role: int, who: str = "agent") -> None:
    with office.inside():
        person = office.people[who]
        members.change(person.membership_id, role_id=role, team_id=person.team_id, actor=SYSTEM)


@contextmanager
def working(app: Flask, office: Office, text: str, *entities: str, **more: Any) -> Iterator[Actor]:
    """The agent in a role with a rule, at work in the brokerage."""
    with app.app_context():
        role = a_role(office, text, *entities, **more)
        give(office, role)
        with office.inside():
            actor = office.actor("agent")
            rights = permissions.rights_of_role(role, 10**6)
            session.remove()
            yield with_rights(actor, rights)


def contact(**given: Any) -> int:
    """A contact that nobody owns."""
    return int(records.create(Contact, {"name": "Nora Nord", **given}, actor=SYSTEM).id)

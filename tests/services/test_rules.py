"""What a rule of a role means is the same in SQL, asked of the model, an alias or the plain table, and in plain Python;
on both databases."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import orjson
import pytest
import sqlalchemy as sa
from flask import Flask

from app import permissions
from app.errors import Invalid
from app.services import kept, queries, rules
from app.services.queries import ListQuery
from models import scope, words
from models.base import session
from models.contact import Contact
from models.scope import Reach, Rule
from tests import postgres_world, rules_kit
from tests.factories import SYSTEM, Office, World
from tests.factories_fields import define_all

BUYERS = Rule('{"and":["type:is:buyer",{"or":["owner_id:is:@me","stage:is:active"]}]}')


def _proved(office: Office) -> None:
    with office.inside():
        define_all("contact", actor=SYSTEM)
        ids = {
            "membership": [office.agent.membership_id, office.stranger.membership_id],
            "team": list(office.teams.values()),
        }
        made = rules_kit.people(30, ids, actor=SYSTEM)
        agent = office.actor("agent")
        nobody = replace(agent, membership_id=None, team_id=None)
        rules_kit.prove(made, ids, [agent, office.actor("owner"), nobody])


def test_a_rule_says_the_same_in_sql_and_in_python(app: Flask, world: World) -> None:
    with app.app_context():
        _proved(world.harbour)


@pytest.mark.needs("postgres")
def test_a_rule_says_the_same_on_postgresql(tmp_path: Path) -> None:
    with postgres_world.served(tmp_path) as (app, world), app.app_context():
        _proved(world.harbour)


def test_who_is_no_member_meets_no_rule_about_themselves(app: Flask, world: World) -> None:
    """Neither "owner is me" nor "owner is not me" lets a guest of the platform in."""
    with app.app_context(), world.harbour.inside():
        guest = replace(world.harbour.actor("agent"), membership_id=None, team_id=None)
        for text in ("owner_id:is:@me", "owner_id:not:@me", "team_id:not:@team"):
            found = rules.condition(Rule(f'{{"and":["{text}"]}}'), Contact, Contact, guest)
            assert not session.scalars(sa.select(Contact.id).where(found)).all(), text


def test_what_covers_what() -> None:
    covers, other = permissions.covers, Rule('{"and":["stage:is:new"]}')
    order = [None, Reach.OWN, Reach.TEAM, Reach.WORKSPACE]
    for high, given in enumerate(order):
        for low, wanted in enumerate(order):
            assert covers(given, wanted) is (low <= high), (given, wanted)
    assert covers(Reach.WORKSPACE, BUYERS) and covers(BUYERS, Rule(BUYERS.text)) and covers(BUYERS, None)
    for given in (None, Reach.OWN, Reach.TEAM, other):
        assert not covers(given, BUYERS), given
    for wanted in (Reach.OWN, Reach.TEAM, Reach.WORKSPACE, other):
        assert not covers(BUYERS, wanted), wanted


BROKEN = (
    "",
    "{",
    "[]",
    '{"and":[]}',
    '{"and":["x_gone:filled"]}',
    '{"xor":["type:is:buyer"]}',
    '{"and":["type:is:no"]}',
)


@pytest.mark.parametrize("text", BROKEN)
def test_a_rule_that_cannot_be_read_reaches_nothing(app: Flask, world: World, text: str) -> None:
    with app.app_context(), world.harbour.inside():
        actor = rules_kit.with_rights(world.harbour.actor("owner"), rules_kit.ruled(text, "contact"))
        assert not rules.is_sound(Contact, Rule(text))
        assert queries.page(ListQuery(Contact, ("name",)), actor=actor, counted=True).rows == []


def test_while_nobody_says_what_rules_mean_they_reach_nothing(
    app: Flask, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(permissions, "_conditions", [])
    monkeypatch.setattr(kept, "_kept", {})
    with app.app_context(), world.harbour.inside():
        actor = rules_kit.with_rights(world.harbour.actor("owner"), rules_kit.ruled(BUYERS.text, "contact"))
        assert queries.page(ListQuery(Contact, ("name",)), actor=actor).rows == []


def test_kept_statements_are_of_one_rule_and_one_person(app: Flask, world: World) -> None:
    """The same list under other rules, and by other people, is another list."""
    office = world.harbour
    with app.app_context(), office.inside():

        def seen(who: str, text: str) -> int:
            actor = rules_kit.with_rights(office.actor(who), rules_kit.ruled(text, "contact"))
            page = queries.page(ListQuery(Contact, ("name",)), actor=actor, counted=True)
            assert page.count == (len(page.rows), True)
            return len(page.rows)

        mine = '{"and":["owner_id:is:@me"]}'
        assert [seen(who, mine) for who in ("agent", "colleague", "owner")] == [1, 1, 0]
        assert seen("agent", '{"and":["type:is:buyer"]}') == 4
        assert seen("agent", '{"and":["type:is:seller"]}') == 0
        assert seen("agent", mine) == 1


def test_a_sign_that_parts_values_cannot_widen_a_rule(app: Flask, world: World) -> None:
    """Typed as one value, "a|b" would be kept as two."""
    with app.app_context(), world.harbour.inside(), scope.seen_as(None):
        one = rules.filters.build(Contact, "name", "is", ["a|b"], rules.KEPT)
        with pytest.raises(Invalid, match="leave out the sign"):
            rules.made(Contact, rules.Group("and", (one,)))


def test_lists_do_not_know_me(app: Flask, world: World) -> None:
    with app.app_context(), world.harbour.inside():
        for text in ("owner_id:is:@me", "team_id:is:@team"):
            with pytest.raises(Invalid):
                rules.filters.parse(Contact, text, rules.KEPT)


def test_a_rule_is_kept_in_no_language(app: Flask, world: World) -> None:
    """Said in Spanish, it is the same text, and is read so whoever looks first."""
    with app.app_context(), world.harbour.inside(), words.speaking("es", "ES"):
        texts = ["type:is:buyer", "budget_max:after:1234567.50", "minor:is:0", "last_activity:after:2026-05-14T16:30"]
        group = rules.conditions.parse(Contact, orjson.dumps({"and": texts}).decode(), rules.KEPT)
        rule = rules.made(Contact, group)
        assert rule.text == orjson.dumps({"and": texts}).decode()
        rules._read.clear()
        assert rules.read(Contact, rule) == group
        assert rules.words(Contact, group, rules.KEPT, {}).startswith("Tipo ")

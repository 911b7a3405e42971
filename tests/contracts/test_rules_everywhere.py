"""A record that does not meet the rule of a role is nowhere for it, and one that does is where it always is.

Every text of the planted record holds a mark that nothing else does, so that what slips through is recognised without
knowing the surface. The walk of `test_hidden_fields` and the whole URL map are gone through; what runs later, by
itself or for others, is told beneath.
"""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from app import permissions
from app.errors import NotFound
from app.services import files, members, records, roles, saved_views, timeline, verbs, view_mail
from jobs import actors, runner
from models import registry
from models.audit import Change
from models.base import Model, db, session
from models.contact import Contact
from models.message import Message
from models.scope import Actor, Reach, Rule
from tests import rules_kit
from tests.contracts import test_statements as statements
from tests.contracts import walk
from tests.contracts.conftest import Program, program
from tests.contracts.samples import SUMMIT_ID, expansion
from tests.contracts.test_hidden_fields import SECRET, mark, surfaces
from tests.factories import SYSTEM, Browser, World, sign_in
from tests.hooks_kit import Receiver, add, change
from views.screen import screens

MET = "as the rule says"
RULE = f'{{"and":["source:is:{MET}"]}}'
BUYERS = '{"and":["type:is:buyer"]}'
# What shows a whole record of the entity where one may read it.
_SHOWN = {"list", "page", "form", "csv", "REST list", "REST record"}


def cast(app: Flask, world: World, entity: str, *, meets: bool) -> Program:
    """The agent of Summit in a role with a rule on an entity, whose planted record meets it or does not; the log of
    everything is a right of its own, which this role has not.
    """
    office, table = world.summit, Model.metadata.tables[entity]
    mark(app, entity, list(registry.fields(registry.entity(entity))))
    with app.app_context():
        rights = {n: more for n, more in rules_kit.ruled(RULE, entity).items() if n != "audit"}
        with office.inside():
            role = roles.create("By rule", rights, actor=SYSTEM).id
        rules_kit.give(office, role)
        values = {"source": MET if meets else "otherwise", "owner_id": office.agent.membership_id}
        with db.engine.begin() as connection:
            connection.execute(sa.update(table).where(table.c.id == SUMMIT_ID).values(**values))
    return program(app, office, "agent")


def everywhere(app: Flask, browser: Browser, key: Program, entity: str) -> dict[str, str]:
    """The text of each surface: those of the entity, every address that can be got, and records that lead to it."""
    found = dict(surfaces(screens()[entity], browser, key))
    for call in walk.calls(app, SUMMIT_ID, "GET"):
        if call.endpoint != "auth.logout" and "logout" not in call.url:
            found[call.url] = (key if call.api else browser).get(call.url).get_data().decode("utf-8", "replace")
    for spec in screens().values():
        if expand := expansion(spec):
            found[f"{spec.entity} expanded"] = key.get(f"/api/v1/{spec.entity}/?{expand}").text
        if spec.badge:
            found[f"{spec.entity} in groups"] = browser.get(f"{spec.url()}?group={spec.badge}&totals=1").text
    # By a part of the mark, as a search gives back what was typed.
    found["palette"] = browser.get(f"/search/palette?q={SECRET[:4]}").text
    return found


@pytest.mark.parametrize("entity", rules_kit.owned())
def test_what_misses_the_rule_is_nowhere(app: Flask, twins: World, client: Browser, entity: str) -> None:
    key = cast(app, twins, entity, meets=False)
    sign_in(client, twins.summit.agent)
    client.get("/")
    for name, text in everywhere(app, client, key, entity).items():
        assert SECRET not in text, f"{name} shows {text[max(text.index(SECRET) - 60, 0) :][:120]}"


@pytest.mark.parametrize("entity", rules_kit.owned())
def test_what_meets_the_rule_is_where_it_always_is(app: Flask, twins: World, client: Browser, entity: str) -> None:
    key = cast(app, twins, entity, meets=True)
    sign_in(client, twins.summit.agent)
    client.get("/")
    spec = screens()[entity]
    found = {name for name, text in surfaces(spec, client, key) if SECRET in text}
    assert found >= _SHOWN - (set() if spec.edits else {"form"}), found


# What runs later, by itself or for others


def test_a_webhook_tells_of_what_its_member_reaches(app: Flask, world: World, receiver: Receiver) -> None:
    office = world.harbour
    with app.app_context():
        rights = {**rules_kit.ruled(BUYERS, "contact"), "webhook": dict.fromkeys(("read", "write"), Reach.WORKSPACE)}
        with office.inside():
            role = roles.create("Hooks", rights, actor=SYSTEM).id
        rules_kit.give(office, role, "admin")
    add(app, office, receiver.url, "admin")
    change(app, office, "agent", "Dana Whitcombe", stage="active")
    change(app, office, "colleague", "Eli Moreno", type="seller")
    runner.drain(app)
    assert {sent.event["data"]["id"] for sent in receiver.sent} == {office.contacts["Dana Whitcombe"]}


def test_a_view_by_email_holds_what_its_reader_reaches(app: Flask, world: World) -> None:
    office = world.harbour
    with app.app_context(), office.inside():
        rules_kit.give(office, rules_kit.a_role(office, '{"and":["owner_id:is:@me"]}'))
        view = saved_views.save("contact", "All", "", "workspace", actor=office.actor("owner"))
        session.remove()
        reader = _as_job(office)
        assert view_mail.send(view, "2026-05-12", actor=reader, public_url="https://example.com")
        letter = session.scalars(sa.select(Message)).one()
        assert letter.subject == "All: 1" and "Dana Whitcombe" in letter.body and "Eli" not in letter.body


def _as_job(office: Any) -> Actor:
    """The agent as a job acts for them."""
    agent = office.agent
    portrait = {"kind": "user", "label": agent.name, "user_id": agent.user_id, "membership_id": agent.membership_id}
    return actors.restore(portrait, 1)


def test_work_of_a_job_keeps_to_the_rule_as_it_is_then(app: Flask, world: World) -> None:
    office = world.harbour
    with app.app_context(), office.inside():
        role = rules_kit.a_role(office, BUYERS)
        rules_kit.give(office, role)
        dana, eli = office.contacts["Dana Whitcombe"], office.contacts["Eli Moreno"]
        records.update(Contact, eli, {"type": "seller"}, actor=SYSTEM)
        asked, given = verbs.find("contact", "set"), {"field": "goes_by", "value": "D"}
        acting = _as_job(office)
        assert acting.rights["contact"]["write"] == Rule(BUYERS)
        outcome = verbs.run_here(Contact, asked, [dana, eli], given, actor=acting)
        assert outcome.done == 1 and sum(outcome.problems.values()) == 1
        roles.update(role, "Buyer desk", rules_kit.ruled('{"and":["type:is:seller"]}', "contact"), actor=SYSTEM)
        outcome = verbs.run_here(Contact, asked, [dana, eli], given, actor=_as_job(office))
        session.expire_all()
        assert outcome.done == 1 and session.get_one(Contact, eli).goes_by == "D"


def test_what_happened_and_files_follow_their_record(app: Flask, world: World) -> None:
    office = world.harbour
    with app.app_context(), office.inside():
        rules_kit.give(office, rules_kit.a_role(office, BUYERS))
        dana, eli = office.contacts["Dana Whitcombe"], office.contacts["Eli Moreno"]
        records.update(Contact, eli, {"type": "seller"}, actor=SYSTEM)
        last = session.scalars(sa.select(Change.id).where(Change.record_id == eli, Change.verb == "update")).one()
        actor = _as_job(office)
        assert timeline.name_of(last, actor=actor) == f"#{eli}"
        with pytest.raises(NotFound):
            timeline.undo(last, actor=actor)
        with pytest.raises(NotFound):
            files.place(eli, None, actor=actor)
        assert files.place(dana, None, actor=actor) == {"contact_id": dana}


def test_a_person_who_gets_another_role_leaves_the_rule_behind(app: Flask, world: World) -> None:
    office = world.harbour
    with app.app_context(), office.inside():
        rules_kit.give(office, rules_kit.a_role(office, '{"and":["type:is:seller"]}'))
        assert _count(office) == 0
        members.change(office.agent.membership_id, role_id=office.broker.role_id, team_id=None, actor=SYSTEM)
        assert _count(office) == len(office.contacts)


def _count(office: Any) -> int:
    found = permissions.restrict(sa.select(sa.func.count()).select_from(Contact), Contact, _as_job(office))
    return session.scalar(found) or 0


@pytest.mark.parametrize("entity", ["contact", "deal", "task"])
def test_pages_under_a_rule_ask_no_more_often(app: Flask, twins: World, client: Browser, entity: str) -> None:
    office, spec = twins.harbour, screens()[entity]
    with app.app_context():
        every = '{"and":["created_at:after:2001-01-01",{"or":["owner_id:is:@me","owner_id:not:@me","owner_id:empty"]}]}'
        rules_kit.give(office, rules_kit.a_role(office, every, *rules_kit.owned()))
    statements._stock(app, 1, statements.MANY)
    sign_in(client, office.agent)
    counts = {url: statements._statements(app, client, url) for url in statements._pages(spec)}
    counts |= {url: statements._statements(app, client, url) for url in statements._layouts(app, twins, spec)}
    assert max(counts.values()) <= statements.MOST, counts

"""The one search: ranked, past typing errors, within reach and by visible fields alone, on both databases."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import views.console  # noqa: F401  registers the screens
from app.services import close_search, custom_fields, field_rights, finding, queries, records, search_index
from app.services.operation import operation
from models import registry, scope
from models.base import session
from models.contact import Contact, ContactEmail, ContactPhone
from models.deal import Deal
from models.scope import Actor
from tests import postgres_world, rules_kit
from tests.contracts.samples import needed
from tests.factories import SYSTEM, Office, World
from tests.factories_fields import TAGS
from tests.services.test_close_words import LETTERS, misspelt
from views.screen import screens

SEARCH = ("name", "email", "phone", "company")
NAMES = (
    "Rosa Villanueva", "María García", "Ana Núñez", "Dana Johnson", "Jon Son", "Conan O'Brien", "Villanueva Homes",
    "Anna Smith-Jones", "Émile Roux", "Kim Lee",
)  # fmt: skip


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.needs("postgres"))])
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def postgres(engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Flask, World] | None]:
    if engine == "sqlite":
        yield None
    else:
        with postgres_world.served(tmp_path_factory.mktemp("finding")) as (app, world):
            fill(app, world)
            yield app, world


@pytest.fixture
def place(request: pytest.FixtureRequest, postgres: tuple[Flask, World] | None) -> Iterator[tuple[Flask, World]]:
    """The application and its world, with more people in both brokerages."""
    if postgres is None:
        app, world = request.getfixturevalue("app"), request.getfixturevalue("world")
        fill(app, world)
    else:
        app, world = postgres
    with app.app_context():
        yield app, world
        session.remove()


def fill(app: Flask, world: World) -> None:
    with app.app_context():
        for office, mark in ((world.harbour, "harbour"), (world.summit, "summit")):
            with office.inside():
                for name in NAMES:
                    records.create(Contact, {"name": name, "company": f"{mark} office"}, actor=office.actor("agent"))
        session.remove()


def found(office: Office, who: str, q: str, model: type[Any] = Contact, most: int = 20) -> list[str]:
    """Titles of what the search finds for somebody, the exact ones first."""
    actor = office.actor(who)
    with office.inside(), scope.seen_as(actor.role_id):
        search = SEARCH if model is Contact else ("title", "property_address")
        hits, _ = finding.exact(model, q, actor=actor, search=search, shown=(), most=most)
        if finding.is_few(len(hits)):
            known = {hit.id for hit in hits}
            near = finding.close(model, q, actor=actor, search=search, shown=(), most=most)
            hits += [hit for hit in near if hit.id not in known]
    return [hit.title for hit in hits]


@pytest.mark.parametrize(
    ("q", "first"),
    [
        ("jonson", "Dana Johnson"),
        ("dana jhonson", "Dana Johnson"),
        ("rosa vilanueva", "Rosa Villanueva"),
        ("garcia", "María García"),
        ("nunez", "Ana Núñez"),
        ("obrien", "Conan O'Brien"),
        ("emile", "Émile Roux"),
        ("smtih jones", "Anna Smith-Jones"),
        ("whitcmbe", "Dana Whitcombe"),
        ("dana@harbor-clients", "Dana Whitcombe"),
    ],
)
def test_typing_errors_are_forgiven(place: tuple[Flask, World], q: str, first: str) -> None:
    _, world = place
    assert found(world.harbour, "owner", q)[0] == first


def test_what_is_the_word_or_begins_with_it_comes_first(place: tuple[Flask, World]) -> None:
    _, world = place
    with world.harbour.inside():
        for name in ("Mara Roux", "Rouxville Homes", "Roux", "Bordroux"):
            records.create(Contact, {"name": name}, actor=SYSTEM)
    assert found(world.harbour, "owner", "roux")[:5] == [
        "Roux", "Rouxville Homes", "Mara Roux", "Émile Roux", "Bordroux",
    ]  # fmt: skip


def test_within_a_rank_what_was_active_last_comes_first(place: tuple[Flask, World]) -> None:
    _, world = place
    with world.harbour.inside():
        made = [records.create(Contact, {"name": f"Quillfeather {n}"}, actor=SYSTEM) for n in "ABC"]
        with operation("contact.touch", actor=SYSTEM):
            session.get(Contact, made[1].id).last_activity = dt.datetime.now(dt.UTC) + dt.timedelta(days=1)
    assert found(world.harbour, "owner", "quillfeather") == ["Quillfeather B", "Quillfeather C", "Quillfeather A"]
    assert found(world.harbour, "owner", "quilfeather") == ["Quillfeather B", "Quillfeather C", "Quillfeather A"]


def test_an_agent_finds_their_own_and_an_outsider_theirs(place: tuple[Flask, World]) -> None:
    _, world = place
    assert found(world.harbour, "stranger", "okafr") == ["Faye Okafor"]
    assert found(world.harbour, "agent", "okafr") == []
    assert found(world.harbour, "assistant", "moreono") == ["Eli Moreno"], "of the same team"
    with world.summit.inside():
        records.create(Contact, {"name": "Zebulon Quartermain"}, actor=SYSTEM)
    assert found(world.summit, "owner", "zebulun quartermane") == ["Zebulon Quartermain"]
    assert found(world.harbour, "owner", "zebulun quartermane") == []


def by_detail(office: Office, who: str, q: str) -> list[tuple[str, str]]:
    actor = office.actor(who)
    with office.inside(), scope.seen_as(actor.role_id):
        hits = finding.by_detail(Contact, q, "US", actor=actor, search=SEARCH, shown=(), most=5)
    return [(hit.title, hit.found) for hit in hits]


def test_whoever_calls_from_a_second_number_is_found_within_reach(place: tuple[Flask, World]) -> None:
    _, world = place
    office = world.harbour
    with office.inside():
        dana = office.contacts["Dana Whitcombe"]
        for model, facts in (
            (ContactEmail, {"address": "second.dana@example.net"}),
            (ContactPhone, {"number": "+14155550177"}),
        ):
            records.create(model, {"contact_id": dana, **facts}, actor=office.actor("owner"))
    number, address = [("Dana Whitcombe", "+14155550177")], [("Dana Whitcombe", "second.dana@example.net")]
    for typed in ("415 555 0177", "+1 415-555-0177", "4155550177"):
        assert by_detail(office, "owner", typed) == number
    assert by_detail(office, "agent", "Second.Dana@Example.net ") == address
    assert by_detail(office, "owner", "second.dana@") == by_detail(office, "owner", "555-0177") == [], (
        "whole, not a part"
    )
    for other, who in ((office, "stranger"), (world.summit, "owner")):
        assert by_detail(other, who, "4155550177") == by_detail(other, who, "second.dana@example.net") == []
    role = office.actor("agent").role_id
    assert role is not None
    with office.inside():
        field_rights.limit(role, "contact", {"phone": "hidden"}, actor=office.actor("owner"))
    assert by_detail(office, "agent", "4155550177") == []
    assert by_detail(office, "agent", "second.dana@example.net") == address
    with office.inside():
        field_rights.limit(role, "contact", {"phone": ""}, actor=office.actor("owner"))


def test_what_a_rule_hides_takes_no_place_among_the_compared(
    place: tuple[Flask, World], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, world = place
    office = world.harbour
    with office.inside():
        for first, kind in (("Quentin", "seller"), ("Paula", "seller"), ("Bruno", "seller"), ("Wilma", "landlord")):
            records.create(Contact, {"name": f"{first} Brandhorst", "type": kind}, actor=SYSTEM)
        monkeypatch.setattr(close_search, "CANDIDATES", 2)
        text = '{"and":["type:is:landlord"]}'
        actor = rules_kit.with_rights(office.actor("agent"), rules_kit.ruled(text, "contact"))
        near = close_search.near(Contact, "brandhorts", SEARCH, actor=actor, most=5)
        names = session.scalars(sa.select(Contact.name).where(Contact.id.in_(near))).all()
    assert names == ["Wilma Brandhorst"]


def test_the_bin_holds_nothing_to_be_found(place: tuple[Flask, World]) -> None:
    _, world = place
    with world.harbour.inside():
        gone = records.create(Contact, {"name": "Ludmila Thornquist"}, actor=SYSTEM)
        assert found(world.harbour, "owner", "ludmilla") == ["Ludmila Thornquist"]
        records.delete(Contact, gone.id, actor=SYSTEM)
    assert found(world.harbour, "owner", "ludmilla") == []


def test_a_hidden_field_finds_nothing_and_ranks_nothing(place: tuple[Flask, World]) -> None:
    """Neither the value nor a typing error of it, though whoever sees the field finds both."""
    _, world = place
    with world.harbour.inside():
        for name, company in (("Plain One", "Brackenridge Quarries"), ("Plain Two", "")):
            records.create(Contact, {"name": name, "company": company}, actor=SYSTEM)
        field_rights.limit(world.harbour.broker.role_id, "contact", {"company": "hidden"}, actor=SYSTEM)
    try:
        for q in ("brackenridge", "brackenrige", "quaries"):
            assert found(world.harbour, "owner", q) == ["Plain One"]
            assert found(world.harbour, "broker", q) == []
        assert set(found(world.harbour, "broker", "plain")) == {"Plain One", "Plain Two"}
        actor = world.harbour.actor("broker")
        with world.harbour.inside(), scope.seen_as(actor.role_id):
            hits, _ = finding.exact(Contact, "plain", actor=actor, search=SEARCH, shown=("type",), most=9)
        assert all("Bracken" not in repr(hit) for hit in hits)
    finally:
        with world.harbour.inside():
            field_rights.limit(world.harbour.broker.role_id, "contact", {}, actor=SYSTEM)


def test_fields_of_ones_own_take_part_where_they_are_searchable(place: tuple[Flask, World]) -> None:
    _, world = place
    with world.harbour.inside():
        for label, searchable in (("Nickname", True), ("Motto", False)):
            facts = {"label": label, "kind": "text", "searchable": searchable, **TAGS}
            custom_fields.define("contact", facts, actor=SYSTEM)
        values = {"name": "Pat Plainfield", "x_nickname": "Thunderbolt", "x_motto": "Perseverance"}
        records.create(Contact, values, actor=SYSTEM)
        field_rights.limit(world.harbour.broker.role_id, "contact", {"x_nickname": "hidden"}, actor=SYSTEM)
    assert found(world.harbour, "owner", "thunderbolt") == found(world.harbour, "owner", "thunderblot")
    assert found(world.harbour, "owner", "thunderblot") == ["Pat Plainfield"]
    assert found(world.harbour, "owner", "plainfeld thunderblt") == ["Pat Plainfield"]
    assert found(world.harbour, "owner", "perseverence") == []
    assert found(world.harbour, "broker", "thunderblot") == []
    assert found(world.summit, "owner", "thunderblot") == []


def test_deals_are_found_by_their_street(place: tuple[Flask, World]) -> None:
    _, world = place
    office = world.harbour
    with office.inside():
        records.create(
            Deal, {**needed(Deal, "harbour"), "title": "Sale to Okafor", "property_address": "18 Alderwood Ct"},
            actor=SYSTEM,
        )  # fmt: skip
    assert found(office, "owner", "18 alderwod", Deal) == ["Sale to Okafor"]
    assert found(office, "owner", "19 alderwood", Deal) == []
    assert found(office, "agent", "alderwod", Deal) == []


def test_a_common_word_is_ranked_without_being_sorted_whole(
    place: tuple[Flask, World], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether few titles begin with it, so that they are looked up, or many, so that they are walked for."""
    monkeypatch.setattr(search_index, "CAP", 3)
    _, world = place
    with world.harbour.inside():
        for name in ("Officer Krupke", "Mild Office", "Office", "Office Park"):
            records.create(Contact, {"name": name, "company": "Office of all"}, actor=SYSTEM)
    for many in (200, 1):
        monkeypatch.setattr(search_index, "_MANY", many)
        names = found(world.harbour, "owner", "office", most=6)
        assert len(names) == len(set(names)) == 6
        assert set(names[:3]) == {"Officer Krupke", "Office", "Office Park"}


def readable(office: Office, who: str) -> list[str]:
    actor = office.actor(who)
    with office.inside():
        query = queries.ListQuery(Contact, ("name",), limit=200)
        return [row[1] for row in queries.page(query, actor=actor).rows]


ONE_ERROR = st.tuples(st.integers(0, 40), st.sampled_from(LETTERS + " "), st.sampled_from("idst"))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(which=st.integers(0, 40), error=ONE_ERROR, who=st.sampled_from(["owner", "agent"]))
def test_whatever_is_one_error_away_and_readable_is_found(
    place: tuple[Flask, World], which: int, error: tuple[int, str, str], who: str
) -> None:
    _, world = place
    names = readable(world.harbour, who)
    title = names[which % len(names)]
    q = misspelt(title, *error)
    assert title in found(world.harbour, who, q), (q, title)


def test_the_search_of_any_entity_asks_only_for_fields_that_exist(app: Flask, world: World) -> None:
    with app.app_context(), world.harbour.inside():
        actor: Actor = world.harbour.actor("owner")
        for spec in screens().values():
            if spec.searchable:
                for q in ("zanzibar", "zanzibra", "xy"):
                    finding.exact(spec.model, q, actor=actor, search=spec.search, shown=(), most=3)
                    finding.close(spec.model, q, actor=actor, search=spec.search, shown=(), most=3)
        assert {s.entity for s in screens().values() if s.searchable} >= {"contact", "deal", "note", "stored_file"}
        assert registry.title_of(Deal) == "title"

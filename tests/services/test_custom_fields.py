"""A brokerage adds fields of its own and works with them; nobody else sees them, and nothing is lost."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
import time_machine
from flask import Flask

from app.errors import Conflict, Forbidden, Invalid, NotFound
from app.services import (
    custom_fields,
    custom_rework,
    exports,
    filters,
    housekeeping,
    queries,
    records,
    schema,
    timeline,
    values,
)
from app.services.queries import ListQuery
from models import scope
from models.audit import Audit, Change
from models.base import session
from models.contact import Contact
from models.custom import CustomField, CustomValue
from models.scope import Actor
from tests.factories import SYSTEM, World
from tests.factories_fields import TAGS, VALUES, define_all

LOCALE = values.Locale("America/New_York")


@pytest.fixture
def owner(app: Flask, world: World) -> Iterator[Actor]:
    with app.app_context(), world.harbour.inside():
        yield world.harbour.actor("owner")


def make(actor: Actor, name: str, **more: Any) -> Any:
    return records.create(Contact, {"name": name, **more}, actor=actor)


def names(actor: Actor, *texts: str, sort: str = "name", **more: Any) -> list[str]:
    """The names of the list that these filters leave."""
    wanted = tuple(filters.parse(Contact, text, LOCALE) for text in texts)
    query = ListQuery(Contact, ("name",), ("name",), filters=wanted, sort=sort, limit=100, **more)
    return [row[1] for row in queries.page(query, actor=actor).rows]


def test_values_of_every_type_come_back_as_they_were_given(owner: Actor) -> None:
    define_all("contact", actor=owner)
    friend = make(owner, "Gerda Friend").id
    key = make(owner, "Bean Carrot", **VALUES, x_referred_by=friend).id
    session.expire_all()
    found = records.load(Contact, key, actor=owner)
    assert {name: schema.value(found, name) for name in VALUES} == VALUES
    assert schema.value(found, "x_referred_by") == friend
    assert schema.value(found, "x_fee") == 15_000_00, "three percent, in cents"
    shown = ("name", *VALUES, "x_referred_by", "x_fee")
    page = queries.page(ListQuery(Contact, shown, ("name",), "Bean", sort="-id"), actor=owner)
    row = dict(zip(shown, page.rows[0][1:], strict=True))
    assert row["x_referred_by"] == "Gerda Friend"
    assert row["x_lot_size"] == Decimal("0.35") and row["x_wishes"] == ("garden", "sauna")


def test_another_brokerage_knows_nothing_of_them(app: Flask, world: World) -> None:
    with app.app_context():
        with world.harbour.inside():
            made = define_all("contact", actor=world.harbour.actor("owner"))
        with world.summit.inside():
            outsider = world.summit.actor("owner")
            assert schema.added(Contact) == {}
            with pytest.raises(Invalid):
                make(outsider, "Otto Out", x_nickname="Bean")
            with pytest.raises(Invalid):
                names(outsider, "x_nickname:is:Bean")
            with pytest.raises(NotFound):
                records.load(CustomField, made["x_nickname"].id, actor=outsider)
            assert session.scalars(sa.select(CustomValue)).all() == []


def test_only_who_may_configure_adds_fields_and_every_field_says_what_it_is_for(app: Flask, world: World) -> None:
    with app.app_context(), world.harbour.inside():
        with pytest.raises(Forbidden):
            custom_fields.define(
                "contact", {"label": "Mine", "kind": "text", **TAGS}, actor=world.harbour.actor("agent")
            )
        owner = world.harbour.actor("owner")
        for missing in ("category", "purpose", "keep"):
            with pytest.raises(Invalid) as error:
                facts = {"label": "Mine", "kind": "text", **TAGS} | {missing: None}
                custom_fields.define("contact", facts, actor=owner)
            assert missing in error.value.fields
        with pytest.raises(NotFound):
            custom_fields.define("contact_email", {"label": "Mine", "kind": "text", **TAGS}, actor=owner)
        with pytest.raises(Invalid) as error:
            custom_fields.define("contact", {"label": "e-mail", "kind": "text", **TAGS}, actor=owner)
        assert "another field" in error.value.fields["label"]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("x_nickname:contains:EA", ["Bean"]),
        ("x_nickname:empty", ["Plain"]),
        ("x_nickname:filled", ["Bean", "Corn"]),
        ("x_story:contains:wind", ["Bean"]),
        ("x_story:empty", ["Corn", "Plain"]),
        ("x_lot_size:after:0.3", ["Bean"]),
        ("x_lot_size:before:0.30", ["Corn"]),
        ("x_lot_size:is:0.2", ["Corn"]),
        ("x_rooms:between:2|9", ["Bean", "Corn"]),
        ("x_pre_approval:after:1000", ["Bean"]),
        ("x_anniversary:is:2001-06-09", ["Bean"]),
        ("x_next_call:after:2026-11-30", ["Bean"]),
        ("x_pets:is:1", ["Bean"]),
        ("x_pets:is:0", ["Corn", "Plain"]),
        ("x_pets:is:1|0", ["Bean", "Corn", "Plain"]),
        ("x_school_area:is:south", ["Bean"]),
        ("x_school_area:not:south", ["Corn", "Plain"]),
        ("x_school_area:is:south|North", ["Bean", "Corn"]),
        ("x_wishes:is:sauna", ["Bean"]),
        ("x_wishes:is:garage|sauna", ["Bean", "Corn"]),
        ("x_wishes:not:garden", ["Corn", "Plain"]),
        ("x_wishes:empty", ["Plain"]),
        ("x_private_mail:starts:bean", ["Bean"]),
        ("x_second_phone:filled", ["Bean"]),
        ("x_profile:contains:example", ["Bean"]),
        ("x_fee:after:100", ["Bean"]),
    ],
)
def test_every_type_can_be_filtered(owner: Actor, asked: str, found: list[str]) -> None:
    define_all("contact", actor=owner)
    for name, given in (
        ("Bean", VALUES),
        ("Corn", {"x_nickname": "Cob", "x_lot_size": Decimal("0.20"), "x_rooms": 2, "x_school_area": "north",
                  "x_wishes": ("garage",)}),
        ("Plain", {}),
    ):  # fmt: skip
        make(owner, name, company="Test Farm", **given)
    assert names(owner, "company:is:Test Farm", asked) == found


@pytest.mark.parametrize("sort", ["x_rooms", "-x_rooms", "x_nickname", "-x_nickname", "x_lot_size", "-x_anniversary"])
def test_pages_sorted_by_an_added_field_lead_through_all_and_back(owner: Actor, sort: str) -> None:
    define_all("contact", actor=owner)
    present = {row[0] for row in queries.page(ListQuery(Contact, ("name",), limit=100), actor=owner).rows}
    for number in range(23):
        given = {
            "x_rooms": number % 5 or None,
            "x_nickname": f"N{number % 7}" if number % 3 else None,
            "x_lot_size": Decimal(number % 4).quantize(Decimal("0.01")) if number % 2 else None,
            "x_anniversary": dt.date(2000, 1, 1 + number % 6) if number % 4 else None,
        }
        present.add(make(owner, f"Person {number:02d}", **given).id)
    field = sort.removeprefix("-")
    seen: list[Any] = []
    pages: list[list[Any]] = []
    cursor: str | None = ""
    while cursor is not None:
        page = queries.page(
            ListQuery(Contact, ("name", field), sort=sort, limit=4, cursor=cursor), actor=owner, counted=True
        )
        assert page.count == (len(present), True)
        pages.append(page.rows)
        seen += page.rows
        last, cursor = page, page.next
    assert {row[0] for row in seen} == present and len(seen) == len(present)
    filled = [row[2] for row in seen if row[2] is not None]
    assert filled == sorted(filled, reverse=sort.startswith("-")) and seen[len(filled)][2] is None
    back = [last.rows]
    while last.previous:
        last = queries.page(ListQuery(Contact, ("name", field), sort=sort, limit=4, cursor=last.previous), actor=owner)
        back.append(last.rows)
    assert [row for page_ in reversed(back) for row in page_][-len(seen) :] == seen


def test_renaming_and_moving_lose_nothing(owner: Actor) -> None:
    made = define_all("contact", actor=owner, only=("School area", "Nickname"))
    key = make(owner, "Bean", x_school_area="south", x_nickname="B").id
    records.update(
        CustomField, made["x_school_area"].id, {"label": "Catchment", "section": "Reach", "position": 3}, actor=owner
    )
    custom_fields.reshape(made["x_school_area"].id, {"options": [("south", "Southern"), (None, "West")]}, actor=owner)
    found = records.load(Contact, key, actor=owner)
    one = schema.fields(Contact)["x_school_area"]
    assert (one.label, one.choices) == ("Catchment", (("south", "Southern"), ("west", "West")))
    assert one.words(schema.value(found, "x_school_area")) == "Southern"
    assert one.words("north") == "North", "a retired choice keeps its name where it was chosen"
    assert values.from_text(one, "north", LOCALE) == "north"
    with pytest.raises(ValueError):
        values.from_text(one, "North", LOCALE)


def test_a_field_goes_to_the_bin_and_comes_back_with_its_values(owner: Actor) -> None:
    made = define_all("contact", actor=owner, only=("Nickname",))
    key = make(owner, "Bean", x_nickname="B").id
    records.delete(CustomField, made["x_nickname"].id, actor=owner)
    assert "x_nickname" not in schema.fields(Contact)
    with pytest.raises(Invalid):
        names(owner, "x_nickname:is:B")
    records.update(Contact, key, {"goes_by": "Beanie"}, actor=owner)
    again = custom_fields.define("contact", {"label": "Nickname", "kind": "text", **TAGS}, actor=owner)
    assert again.key == "x_nickname_2", "a new field never finds the values of an old one"
    records.delete(CustomField, again.id, actor=owner)
    records.restore(CustomField, made["x_nickname"].id, actor=owner)
    assert schema.value(records.load(Contact, key, actor=owner), "x_nickname") == "B"
    assert names(owner, "x_nickname:is:B") == ["Bean"]


def test_changes_are_history_audited_and_undone(owner: Actor) -> None:
    define_all("contact", actor=owner, only=("Nickname", "Wishes", "Pets"))
    record = make(owner, "Bean", x_nickname="B", x_pets=True)
    records.update(Contact, record.id, {"x_nickname": "Beanie", "x_wishes": ("sauna",), "x_pets": False}, actor=owner)
    change = session.scalars(sa.select(Change).where(Change.entity == "contact").order_by(Change.id.desc())).first()
    assert change is not None
    assert change.old == {"x_nickname": "B", "x_wishes": None, "x_pets": True}
    assert change.new == {"x_nickname": "Beanie", "x_wishes": ["sauna"], "x_pets": None}
    audit = session.scalars(sa.select(Audit).where(Audit.action == "contact.update").order_by(Audit.id.desc())).first()
    assert audit is not None and audit.facts == {"fields": ["x_nickname", "x_pets", "x_wishes"]}, "values are sealed"
    timeline.undo(change.id, actor=owner)
    found = records.load(Contact, record.id, actor=owner)
    assert (schema.value(found, "x_nickname"), schema.value(found, "x_pets")) == ("B", True)
    assert names(owner, "x_wishes:is:sauna") == [] and names(owner, "x_pets:is:1") == ["Bean"]


def test_two_people_change_the_same_field(owner: Actor) -> None:
    define_all("contact", actor=owner, only=("Nickname", "Rooms"))
    record = make(owner, "Bean", x_nickname="B", x_rooms=2)
    opened = record.version
    records.update(Contact, record.id, {"x_nickname": "First"}, actor=owner)
    records.update(Contact, record.id, {"x_nickname": "B", "x_rooms": 3}, actor=owner, version=opened)
    with pytest.raises(Conflict) as error:
        records.update(Contact, record.id, {"x_nickname": "Second"}, actor=owner, version=opened)
    assert [(c.label, c.mine, c.theirs) for c in error.value.clashes] == [("Nickname", "Second", "First")]
    found = records.load(Contact, record.id, actor=owner)
    assert (schema.value(found, "x_nickname"), schema.value(found, "x_rooms")) == ("First", 3)


def test_a_required_field_is_asked_for_where_it_is_set(owner: Actor) -> None:
    made = define_all("contact", actor=owner, only=("Nickname", "Fee", "Pre-approval"))
    old = make(owner, "Before").id
    records.update(CustomField, made["x_nickname"].id, {"required": True}, actor=owner)
    with pytest.raises(Invalid) as error:
        make(owner, "After")
    assert error.value.fields == {"x_nickname": "Nickname is needed."}
    records.update(Contact, old, {"goes_by": "Bee"}, actor=owner)
    with pytest.raises(Invalid):
        records.update(Contact, old, {"x_nickname": None}, actor=owner)
    with pytest.raises(Invalid):
        records.update(Contact, old, {"x_fee": 7}, actor=owner)


def test_what_a_change_of_type_costs_is_said_before_and_kept_in_history(owner: Actor) -> None:
    made = define_all("contact", actor=owner, only=("Nickname",))["x_nickname"]
    kept, lost = make(owner, "Twelve", x_nickname="12").id, make(owner, "Bean", x_nickname="B").id
    before = schema.made(made)
    after = custom_fields.described({"kind": "number"}, made)
    impact = custom_rework.preview(Contact, "x_nickname", before, after, LOCALE, actor=owner)
    assert (impact.fit, impact.lost, impact.sample) == (1, 1, ("B",))
    assert schema.fields(Contact)["x_nickname"].kind == "text", "a preview changes nothing"
    custom_fields.reshape(made.id, {"kind": "number"}, actor=owner)
    assert schema.value(records.load(Contact, kept, actor=owner), "x_nickname") == 12
    assert schema.value(records.load(Contact, lost, actor=owner), "x_nickname") is None
    change = session.scalars(sa.select(Change).where(Change.record_id == lost).order_by(Change.id.desc())).first()
    assert change is not None and change.old == {"x_nickname": "B"} and "Nickname" in (change.reason or "")
    assert names(owner, "x_nickname:is:12") == ["Twelve"]


def test_a_formula_follows_its_fields_and_its_own_change(owner: Actor) -> None:
    made = define_all("contact", actor=owner, only=("Pre-approval", "Fee"))
    record = make(owner, "Bean", x_pre_approval=100_000_00)
    records.update(Contact, record.id, {"x_pre_approval": 200_000_00}, actor=owner)
    assert schema.value(records.load(Contact, record.id, actor=owner), "x_fee") == 6_000_00
    custom_fields.reshape(made["x_fee"].id, {"formula": "x_pre_approval * 0.05"}, actor=owner)
    assert schema.value(records.load(Contact, record.id, actor=owner), "x_fee") == 10_000_00
    assert names(owner, "x_fee:after:9999") == ["Bean"]


def test_an_export_holds_them_as_people_read_them(owner: Actor) -> None:
    define_all("contact", actor=owner)
    make(owner, "Bean", **VALUES)
    query = ListQuery(Contact, ("name", "x_lot_size", "x_wishes", "x_pets", "x_next_call", "x_fee"), ("name",), "Bean")
    text = b"".join(exports.export(query, "csv", locale=LOCALE, actor=owner)).decode("utf-8-sig")
    assert text.splitlines() == [
        "Name,Lot size,Wishes,Pets,Next call,Fee",
        "Bean,0.35,Garden; Sauna,yes,2026-12-01 10:30,15000",
    ]


def test_index_rows_follow_the_record(owner: Actor) -> None:
    define_all("contact", actor=owner)
    record = make(owner, "Bean", **VALUES)

    def indexed() -> int:
        return len(session.scalars(sa.select(CustomValue).where(CustomValue.record_id == record.id)).all())

    assert indexed() == len(VALUES) - 2 + 1 + 1, "no long text, no address; two wishes; the fee"
    records.update(Contact, record.id, dict.fromkeys(VALUES), actor=owner)
    assert indexed() == 0
    with scope.across_workspaces("a test looks"):
        assert session.scalars(sa.select(CustomValue.subject_id).distinct()).all() == []


def test_the_same_filter_in_another_brokerage_asks_for_its_own_field(app: Flask, world: World) -> None:
    """Both have a field of the same key, and one process keeps statements for both."""
    with app.app_context():
        for office, name in ((world.summit, "Summit Sue"), (world.harbour, "Harbour Hal")):
            with office.inside():
                actor = office.actor("owner")
                custom_fields.define("contact", {"label": f"Only {office.slug}", "kind": "text", **TAGS}, actor=actor)
                define_all("contact", actor=actor, only=("Nickname",))
                make(actor, name, x_nickname="Bean")
        for office, name in ((world.harbour, "Harbour Hal"), (world.summit, "Summit Sue")):
            with office.inside():
                assert names(office.actor("owner"), "x_nickname:is:Bean") == [name]
                assert names(office.actor("owner"), sort="x_nickname")[0] == name


def test_search_finds_what_is_marked_as_found(owner: Actor) -> None:
    define_all("contact", actor=owner, only=("Nickname", "Private mail"))
    make(owner, "Hidden Gem", x_nickname="Zephyr", x_private_mail="zorro@example.com")

    def searched(q: str) -> list[str]:
        query = ListQuery(Contact, ("name",), ("name", "email", "phone", "company"), q, sort="name", limit=100)
        return [row[1] for row in queries.page(query, actor=owner).rows]

    assert searched("zephyr") == ["Hidden Gem"] and searched("gem zeph") == ["Hidden Gem"]
    assert searched("zorro") == [], "this field is not found by search"


def test_what_is_deleted_for_good_leaves_no_value_behind(app: Flask, world: World) -> None:
    with app.app_context():
        with world.harbour.inside():
            actor = world.harbour.actor("owner")
            made = define_all("contact", actor=actor, only=("Nickname", "Rooms"))
            kept, gone = (make(actor, name, x_nickname="Bean", x_rooms=4).id for name in ("Kept", "Gone"))
            make(actor, "Newest, so that ids go on")
            records.delete(CustomField, made["x_nickname"].id, actor=actor)
            records.delete(Contact, gone, actor=actor)
        later = dt.datetime.now(dt.UTC) + dt.timedelta(days=31)
        with time_machine.travel(later), scope.across_workspaces("a test empties the bin"):
            housekeeping.purge_bin(actor=SYSTEM)
        with world.harbour.inside():
            session.expire_all()
            assert records.load(Contact, kept, actor=actor).custom == {"x_rooms": 4}
            left = session.execute(sa.select(CustomValue.record_id, CustomValue.n, CustomValue.t)).all()
            assert [tuple(row) for row in left] == [(kept, 4, None)]
            assert session.scalars(sa.select(CustomField.key)).all() == ["x_rooms"]

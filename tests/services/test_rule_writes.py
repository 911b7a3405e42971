"""What a rule of a role lets be written: a record meets it before and after, by whichever way it is written."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from app.errors import Forbidden, Invalid, NotFound
from app.services import (
    batches,
    bulk_writes,
    messages,
    record_forms,
    records,
    timeline,
    verbs,
)
from models.audit import Change
from models.base import session
from models.contact import Contact, ContactEmail, ContactTag, Tag
from models.message import Message
from tests import rules_kit
from tests.contracts.conftest import program
from tests.factories import SYSTEM, World, browser
from tests.factories_fields import define_all


def test_a_record_meets_the_rule_before_and_after(app: Flask, world: World) -> None:
    office = world.harbour
    with rules_kit.working(app, office, '{"and":["type:is:buyer"]}') as actor:
        buyer, seller = rules_kit.contact(type="buyer"), rules_kit.contact(type="seller")
        records.update(Contact, buyer, {"goes_by": "No"}, actor=actor)
        with pytest.raises(Invalid, match="would not any more"):
            records.update(Contact, buyer, {"type": "seller"}, actor=actor)
        with pytest.raises(NotFound):
            records.update(Contact, seller, {"type": "buyer"}, actor=actor)
        with pytest.raises(NotFound):
            records.delete(Contact, seller, actor=actor)
        with pytest.raises(Invalid):
            records.create(Contact, {"name": "Otto", "type": "seller"}, actor=actor)
        assert records.create(Contact, {"name": "Otto", "type": "buyer"}, actor=actor).id
        done = verbs.run(
            Contact, verbs.find("contact", "set"), [buyer, seller], {"field": "type", "value": "lead"}, actor=actor
        )
        assert done.done == 0 and sum(done.problems.values()) == 1, "the seller is not even named"
        items = [
            bulk_writes.Item("update", "update.0", buyer, {"type": "lead"}),
            bulk_writes.Item("update", "update.1", seller, {"type": "buyer"}),
            bulk_writes.Item("delete", "delete.0", seller),
            bulk_writes.Item("update", "update.2", buyer, {"goes_by": "Yes"}),
        ]
        told = [o.error for o in bulk_writes.write(Contact, items, actor=actor, atomic=False)]
        assert [type(e) for e in told] == [Invalid, NotFound, NotFound, type(None)]
        session.expire_all()
        assert [session.get_one(Contact, key).type for key in (buyer, seller)] == ["buyer", "seller"]
        assert session.get_one(Contact, buyer).goes_by == "Yes"


def test_undo_and_restore_keep_to_the_rule(app: Flask, world: World) -> None:
    office = world.harbour
    with rules_kit.working(app, office, '{"and":["type:is:buyer"]}') as actor:
        person = rules_kit.contact(type="seller")
        records.update(Contact, person, {"type": "buyer"}, actor=SYSTEM)
        gone = rules_kit.contact(type="seller")
        records.delete(Contact, gone, actor=SYSTEM)
        mine = rules_kit.contact(type="buyer")
        records.delete(Contact, mine, actor=actor)
        change = session.scalars(sa.select(Change.id).where(Change.record_id == person, Change.verb == "update")).one()
        with pytest.raises(Invalid, match="would not any more"):
            timeline.undo(change, actor=actor)
        with pytest.raises(NotFound):
            records.restore(Contact, gone, actor=actor)
        assert records.restore(Contact, mine, actor=actor).deleted_at is None
        outcome = verbs.run(
            Contact, verbs.find("contact", "set"), [person], {"field": "type", "value": "lead"}, actor=SYSTEM
        )
        assert outcome.done == 1
        with pytest.raises(NotFound):
            records.load(Contact, person, actor=actor)
        undone = batches.undo(outcome.batch, actor=actor)
        assert undone.done == 0 and len(undone.left) == 1


@pytest.mark.parametrize(
    ("rule", "inside", "outside"),
    [
        ("x_school_area:is:south", {"x_school_area": "south"}, {"x_school_area": "north"}),
        ("x_rooms:after:3", {"x_rooms": 4}, {"x_rooms": None}),
        ("x_pets:is:0", {"x_pets": False}, {"x_pets": True}),
        ("x_story:contains:wind", {"x_story": "Came with the Wind"}, {"x_story": "Left"}),
        ("x_wishes:not:sauna", {"x_wishes": ("garden",)}, {"x_wishes": ("garden", "sauna")}),
        ("x_fee:after:1000", {"x_pre_approval": 400_000_00}, {"x_pre_approval": 1_00}),
    ],
)
def test_fields_of_ones_own_count_within_the_operation(
    app: Flask, world: World, rule: str, inside: dict[str, Any], outside: dict[str, Any]
) -> None:
    """Their index rows are as new as the record when the rule is asked, also of what the operation wrote before."""
    office = world.harbour
    with app.app_context(), office.inside():
        define_all("contact", actor=SYSTEM)
    with rules_kit.working(app, office, f'{{"and":["{rule}"]}}') as actor:
        made = records.create(Contact, {"name": "Ina", **inside}, actor=actor).id
        with pytest.raises(Invalid):
            records.create(Contact, {"name": "Otto", **outside}, actor=actor)
        with pytest.raises(Invalid):
            records.update(Contact, made, outside, actor=actor)
        far = rules_kit.contact(**outside)
        with pytest.raises(NotFound):
            records.update(Contact, far, inside, actor=actor)
        # One by one: what an item wrote is what the next one meets.
        items = [
            bulk_writes.Item("update", f"update.{n}", made, more) for n, more in enumerate((outside, inside, outside))
        ]
        told = [o.error for o in bulk_writes.write(Contact, items, actor=actor, atomic=False)]
        assert [type(e) for e in told] == [Invalid, type(None), Invalid]
        assert records.load(Contact, made, actor=actor).id == made


def test_reading_by_a_rule_follows_what_was_just_written(app: Flask, world: World) -> None:
    office = world.harbour
    with app.app_context(), office.inside():
        define_all("contact", actor=SYSTEM, only=("Rooms",))
    with rules_kit.working(app, office, '{"and":["x_rooms:is:4"]}', actions=("read",)) as actor:
        made = records.create(Contact, {"name": "Ina", "x_rooms": 4}, actor=actor).id
        items = [bulk_writes.Item("update", f"update.{n}", made, {"x_rooms": n}) for n in (1, 4)]
        told = [o.error for o in bulk_writes.write(Contact, items, actor=actor, atomic=False)]
        assert [type(e) for e in told] == [type(None), NotFound], "the first item took it out of sight"


def test_tags_that_a_rule_asks_for(app: Flask, world: World) -> None:
    """Adding and taking away what hangs on a record moves it over the border as a field does."""
    office = world.harbour
    with app.app_context(), office.inside():
        vip, other = (records.create(Tag, {"name": name}, actor=SYSTEM).id for name in ("VIP", "Other"))
        inside, outside = rules_kit.contact(), rules_kit.contact()
        record_forms.add_link(inside, Contact.links["tags"], vip, actor=SYSTEM)
    link = Contact.links["tags"]
    with rules_kit.working(app, office, f'{{"and":["tags:is:{vip}"]}}') as actor:
        record_forms.add_link(inside, link, other, actor=actor)
        record_forms.remove_link(inside, link, other, actor=actor)
        with pytest.raises(Invalid, match="would not any more"):
            record_forms.remove_link(inside, link, vip, actor=actor)
        with pytest.raises(Invalid):
            records.create(ContactTag, {"contact_id": outside, "tag_id": vip}, actor=actor)
        row = session.scalars(sa.select(ContactTag).where(ContactTag.contact_id == inside)).one()
        with pytest.raises((Invalid, NotFound)):
            records.update(ContactTag, row.id, {"contact_id": outside}, actor=actor)
        with pytest.raises((Invalid, Forbidden, NotFound)):
            records.delete(ContactTag, row.id, actor=actor)
        session.expire_all()
        assert records.load(Contact, inside, actor=actor).id == inside
        removed = records.delete(ContactTag, row.id, actor=SYSTEM, as_part=True)
        with pytest.raises(NotFound):
            records.restore(ContactTag, removed.id, actor=actor)


def test_what_hangs_on_a_record_follows_its_rule(app: Flask, world: World) -> None:
    office = world.harbour
    with rules_kit.working(app, office, '{"and":["type:is:buyer"]}') as actor:
        buyer, seller = rules_kit.contact(type="buyer"), rules_kit.contact(type="seller")
        row = records.create(ContactEmail, {"contact_id": seller, "address": "s@example.com"}, actor=SYSTEM)
        with pytest.raises(NotFound):
            records.load(ContactEmail, row.id, actor=actor)
        with pytest.raises(Invalid):
            records.create(ContactEmail, {"contact_id": seller, "address": "t@example.com"}, actor=actor)
        assert records.create(ContactEmail, {"contact_id": buyer, "address": "b@example.com"}, actor=actor).id
        mail = messages.write(
            session.get_one(Contact, buyer), "Hi", "Text", actor=actor, send=False, recipient="b@example.com"
        )
        assert mail.contact_id == buyer
        with pytest.raises(NotFound):
            messages.write(session.get_one(Contact, seller), "Hi", "Text", actor=actor, send=False)


def test_an_email_is_written_within_the_rule(app: Flask, world: World) -> None:
    office = world.harbour
    with rules_kit.working(app, office, '{"and":["kind:is:marketing"]}', "message") as actor:
        person = session.get_one(Contact, office.contacts["Dana Whitcombe"])
        with pytest.raises(Invalid, match="would not any more"):
            messages.write(person, "Hi", "Text", actor=actor, send=False)
        draft = messages.write(person, "Hi", "Text", actor=actor, kind="marketing", send=False)
        assert messages.send(draft.id, actor=actor).state == "queued"
        assert session.scalar(sa.select(sa.func.count()).select_from(Message)) == 1


def test_a_program_keeps_to_the_rule_of_its_person(app: Flask, world: World) -> None:
    office = world.harbour
    with app.app_context():
        rules_kit.give(office, rules_kit.a_role(office, '{"and":["type:is:buyer"]}'))
        with office.inside():
            buyer, seller = rules_kit.contact(type="buyer"), rules_kit.contact(type="seller")
    key = program(app, office, "agent")
    assert {row["id"] for row in key.get("/api/v1/contact/?limit=200").json["data"]} >= {buyer}
    assert seller not in {row["id"] for row in key.get("/api/v1/contact/?limit=200").json["data"]}
    assert key.get("/api/v1/contact/?count=exact").json["count"] == 5
    assert key.patch(f"/api/v1/contact/{buyer}", json={"type": "seller"}).status_code == 422
    assert key.post("/api/v1/contact/", json={"name": "N", "type": "seller"}).status_code == 422
    assert key.get(f"/api/v1/contact/{seller}").status_code == 404
    body = {"update": [{"id": buyer, "type": "seller"}, {"id": seller, "type": "buyer"}], "atomic": False}
    assert [one["status"] for one in key.post("/api/v1/contact/_bulk", json=body).json["results"]] == [422, 404]


def test_cells_and_cards_keep_to_the_rule(app: Flask, world: World) -> None:
    office = world.harbour
    with app.app_context():
        rules_kit.give(office, rules_kit.a_role(office, '{"and":["stage:is:new"]}'))
    mine, dana = browser(app, office.agent), office.contacts["Dana Whitcombe"]
    mine.get(f"/contacts/{dana}")
    for stage, code in (("active", 422), ("new", 303)):
        answer = mine.submit(f"/contacts/{dana}/cell/stage", {"stage": stage, "version": "1"})
        assert answer.status_code == code, answer.text[:300]
    with app.app_context(), office.inside():
        assert session.get_one(Contact, dana).stage == "new"

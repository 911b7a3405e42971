"""A file fills the fields that a brokerage added: read as a form reads, indexed, in history, by who may set them."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest
import sqlalchemy as sa
from flask import Flask

from app.services import exports, field_rights, filters, queries, schema, timeline, values
from app.services.imports import mapping
from app.services.queries import ListQuery
from models import scope
from models.audit import Audit, Change
from models.base import session
from models.contact import Contact
from models.custom import CustomValue
from models.scope import Actor
from tests.factories import SYSTEM, Office, World
from tests.factories_batches import bring, contact
from tests.factories_fields import define_all

LOCALE = values.Locale("America/New_York")
LABELS = ("Nickname", "Lot size", "Pre-approval", "Anniversary", "Pets", "School area", "Wishes", "Fee")
HEAD = "Name,Email,nickname,Lot size,x_pre_approval,Anniversary,Pets,School area,Wishes\n"
ROW = 'Bean Carrot,bean@example.com,Bean,0.35,"$500,000",2001-06-09,yes,south,Garden; Sauna\n'


@pytest.fixture
def office(app: Flask, world: World) -> Iterator[Office]:
    with app.app_context(), world.harbour.inside():
        define_all("contact", actor=world.harbour.actor("owner"), only=LABELS)
        yield world.harbour


@pytest.fixture
def broker(office: Office) -> Actor:
    return office.actor("broker")


def of(name: str) -> dict[str, object]:
    record = contact(name=name)
    return {key: schema.value(record, key) for key in schema.added(Contact)}


def test_columns_of_their_names_fill_them(broker: Actor) -> None:
    assert bring(HEAD + ROW, broker).counts == (1, 0, 0, 0)
    found = of("Bean Carrot")
    assert found["x_lot_size"] == Decimal("0.35") and found["x_pre_approval"] == 500_000_00
    assert found["x_pets"] is True and found["x_school_area"] == "south" and found["x_wishes"] == ("garden", "sauna")
    assert found["x_fee"] == 15_000_00, "computed fields are worked out"
    for asked in ("x_nickname:is:Bean", "x_wishes:is:sauna", "x_fee:after:14999", "x_anniversary:before:2002-01-01"):
        query = ListQuery(Contact, ("name",), filters=(filters.parse(Contact, asked, LOCALE),))
        assert [row[1] for row in queries.page(query, actor=broker).rows] == ["Bean Carrot"], asked


def test_the_same_file_again_brings_nothing_and_a_changed_one_fills_or_overwrites(broker: Actor) -> None:
    bring(HEAD + "Bean Carrot,bean@example.com,Bean,,,,,,\n", broker)
    assert bring(HEAD + "Bean Carrot,bean@example.com,Other,0.5,,,,,\n", broker).counts == (0, 1, 0, 0)
    assert (of("Bean Carrot")["x_nickname"], of("Bean Carrot")["x_lot_size"]) == ("Bean", Decimal("0.50"))
    bring(HEAD + "Bean Carrot,bean@example.com,Other,0.5,,,,,\n", broker, on_match="overwrite")
    assert of("Bean Carrot")["x_nickname"] == "Other"
    assert bring(HEAD + "Bean Carrot,bean@example.com,Other,0.5,,,,,\n", broker).counts == (0, 0, 1, 0)
    held = session.scalars(sa.select(CustomValue.t).where(CustomValue.t.is_not(None))).all()
    assert held == ["Other"], "no index row of what was there before"
    change = session.scalars(sa.select(Change).where(Change.verb == "update").order_by(Change.id.desc())).first()
    assert change is not None and change.old == {"x_nickname": "Bean"} and change.new == {"x_nickname": "Other"}
    audit = session.scalars(sa.select(Audit).where(Audit.action == "contact.update").order_by(Audit.id.desc())).first()
    assert audit is not None and audit.facts == {"fields": ["x_nickname"]}, "personal values are sealed"
    timeline.undo(change.id, actor=broker)
    assert of("Bean Carrot")["x_nickname"] == "Bean"


def test_a_value_that_does_not_fit_is_told_and_kept_in_the_notes(broker: Actor) -> None:
    done = bring(HEAD + "Bean Carrot,bean@example.com,,huge,,,,West,\n", broker)
    assert done.counts == (1, 0, 0, 0)
    record = contact(name="Bean Carrot")
    assert of("Bean Carrot")["x_lot_size"] is None
    assert "Lot size: huge" in (record.about or "") and "School area: West" in (record.about or "")


def test_an_export_comes_back_as_it_was(broker: Actor) -> None:
    bring(HEAD + ROW, broker)
    columns = ("name", "email", *(k for k, one in schema.added(Contact).items() if not one.readonly))
    query = ListQuery(Contact, columns, ("name",), "Bean")
    text = b"".join(exports.export(query, "csv", locale=LOCALE, actor=broker))
    before = of("Bean Carrot")
    assert bring(text, broker, on_match="overwrite").counts == (0, 0, 1, 0), "nothing differs"
    assert of("Bean Carrot") == before


def test_who_may_not_set_a_field_cannot_import_into_it(office: Office, broker: Actor) -> None:
    wanted = {"x_nickname": schema.HIDDEN, "x_lot_size": schema.READ, "company": schema.HIDDEN}
    field_rights.limit(broker.role_id or 0, "contact", wanted, actor=SYSTEM)
    with scope.seen_as(broker.role_id):
        assert not {"x_nickname", "x_lot_size", "company"} & set(mapping.targets())
        bring("Name,Email,Nickname,Lot size,Company,Pets\nBean,bean@example.com,B,1,Farm,yes\n", broker)
    record = contact(name="Bean")
    assert (record.custom, record.company) == ({"x_pets": True}, None)

"""Whose time a booking takes, and what people of the brokerage do with it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from flask import Flask

from app.errors import Invalid
from app.services import booking_mail, bookings, records, timeline, verbs
from app.services.bookings import Taken
from jobs import runner
from models.audit import Change
from models.base import session
from models.booking import Booking, BookingBlock, BookingHost, BookingPage, WorkingHours
from models.fields import now
from models.message import Message, Suppression
from models.scope import Actor
from public_site import booking as pages
from tests import bookings_kit as kit
from tests.bookings_kit import the_booking, to
from tests.factories import SYSTEM, Browser, World, browser

URL = "/b/harbour/buyer-call"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests type faster than people."""
    monkeypatch.setattr(pages, "LEAST_SECONDS", 0)


@pytest.fixture
def actor(app: Flask, world: World) -> Iterator[Actor]:
    with app.app_context(), world.harbour.inside():
        yield world.harbour.actor("owner")


@pytest.fixture
def page(world: World, actor: Actor) -> int:
    return int(kit.page(actor, [world.harbour.agent.membership_id]).id)


# Hosts


def test_hosts_take_turns_by_weight_and_the_next_takes_what_one_cannot(world: World, actor: Actor) -> None:
    ada, carl = world.harbour.agent.membership_id, world.harbour.colleague.membership_id
    where = kit.page(actor, [ada, carl])
    owners = [kit.book(where, kit.ahead(hour=9 + n), SYSTEM, f"n{n}").owner_id for n in range(4)]
    assert sorted(owners) == sorted([ada, carl] * 2)
    start = kit.ahead(5)
    both = {kit.book(where, start, SYSTEM, f"m{n}", name=f"V{n} Last").owner_id for n in range(2)}
    assert both == {ada, carl}
    with pytest.raises(Taken):
        kit.book(where, start, SYSTEM, "m2", name="V2 Last")


def test_all_together_holds_the_time_of_each(world: World, actor: Actor) -> None:
    ada, carl = world.harbour.agent.membership_id, world.harbour.colleague.membership_id
    together = kit.page(actor, [ada, carl], strategy="collective")
    alone = records.create(BookingPage, {"name": "One", "address": "one", "notice": 0}, actor=actor)
    records.create(BookingHost, {"booking_page_id": alone.id, "membership_id": carl}, actor=actor)
    start = kit.ahead()
    kit.book(together, start, SYSTEM)
    with pytest.raises(Taken):
        kit.book(alone, start, SYSTEM, "n2", name="Nina Novak")
    assert len(session.scalars(sa.select(BookingBlock).where(BookingBlock.live)).all()) == 2


def test_buffers_keep_their_distance_and_caps_their_number(world: World, actor: Actor) -> None:
    where = kit.page(actor, [world.harbour.agent.membership_id], after=30, per_day=2)
    start = kit.ahead()
    kit.book(where, start, SYSTEM)
    with pytest.raises(Taken):
        kit.book(where, start + dt.timedelta(minutes=30), SYSTEM, "n2", name="Nina Novak")
    kit.book(where, start + dt.timedelta(hours=1), SYSTEM, "n3", name="Otto Oak")
    with pytest.raises(Taken):
        kit.book(where, start + dt.timedelta(hours=4), SYSTEM, "n4", name="Pia Pine")


def test_a_date_of_ones_own_closes_a_day(world: World, actor: Actor) -> None:
    where = kit.page(actor, [world.harbour.agent.membership_id])
    start = kit.ahead()
    off = {"owner_id": world.harbour.agent.membership_id, "day": start.astimezone(kit.ZONE).date(), "closed": True}
    records.create(WorkingHours, off, actor=actor)
    assert not bookings.free(where, start, start + dt.timedelta(hours=8))
    for wrong in (
        {"weekday": "mon", "day": dt.date(2027, 1, 1)}, {}, {"weekday": "mon", "closed": True},
        {"weekday": "mon", "begins": "17:00", "ends": "09:00"},
    ):  # fmt: skip
        with pytest.raises(Invalid):
            records.create(WorkingHours, {"owner_id": world.harbour.agent.membership_id, **wrong}, actor=actor)


# The brokerage


def test_a_request_is_confirmed_or_called_off_by_the_host(
    app: Flask, world: World, client: Browser, actor: Actor
) -> None:
    kit.page(actor, [world.harbour.agent.membership_id], approval=True)
    start = kit.ahead()
    own = kit.fill(client, URL, start).location
    assert "We have your request" in client.get(own).text
    runner.drain(app)
    assert "We have your request" in to(app, "sam@example.com")[0]["Subject"]
    key = the_booking().id
    ada = browser(app, world.harbour.agent)
    page = ada.get(f"/bookings/{key}").text
    assert "To be confirmed" in page
    assert ada.submit(f"/bookings/{key}/do/confirm", {"confirmed": "1"}).status_code == 302
    assert the_booking().state == "booked"
    moved = ada.submit(f"/bookings/{key}/do/move", {"starts_at": f"{start.astimezone(kit.ZONE):%Y-%m-%d}T14:30"})
    assert moved.status_code == 302, moved.text[-600:]
    assert the_booking().starts_at == kit.ahead(hour=14, minute=30)
    assert ada.submit(f"/bookings/{key}/do/cancel", {"reason": "Burst pipe"}).status_code == 302
    runner.drain(app)
    last = to(app, "sam@example.com")[-1]
    assert "Cancelled" in last["Subject"] and "Burst pipe" in last.get_body(("plain",)).get_content()
    stranger = browser(app, world.harbour.stranger)
    assert stranger.get(f"/bookings/{key}").status_code == 404, "an agent of another team"
    assert browser(app, world.summit.owner).get(f"/bookings/{key}").status_code == 404


def test_nothing_brings_two_bookings_to_one_time(world: World, actor: Actor) -> None:
    """By hand, by taking a change back, out of the bin."""
    where = kit.page(actor, [world.harbour.agent.membership_id])
    start, later = kit.ahead(), kit.ahead(hour=12)
    first = kit.book(where, start, SYSTEM).id
    second = kit.book(where, later, SYSTEM, "n2", name="Nina Novak").id
    with pytest.raises(Taken):
        bookings.move(second, start, actor=actor)
    bookings.move(first, kit.ahead(hour=15), actor=actor)
    bookings.move(second, start, actor=actor)
    moved = session.scalars(
        sa.select(Change.id).where(Change.entity == "booking", Change.record_id == first).order_by(Change.id.desc())
    ).first()
    with pytest.raises(Taken):
        timeline.undo(moved or 0, actor=actor)
    with pytest.raises(Invalid, match="Cancel this booking first"):
        records.delete(Booking, second, actor=actor)
    bookings.cancel(second, "No", actor=actor)
    records.delete(Booking, second, actor=actor)
    kit.book(where, start, SYSTEM, "n3", name="Otto Oak")
    records.restore(Booking, second, actor=actor)
    live = session.scalars(sa.select(BookingBlock).where(BookingBlock.live)).all()
    assert len(live) == 2, "a cancelled one holds nothing when it comes back"


def test_reminders_leave_once_and_not_for_what_moved_away(app: Flask, world: World, actor: Actor) -> None:
    where = kit.page(actor, [world.harbour.agent.membership_id], hours=("00:00", "24:00"), remind=24)
    start = (now() + dt.timedelta(days=3)).replace(minute=0, second=0, microsecond=0)
    key = kit.book(where, start, SYSTEM).id
    runner.drain(app)
    assert booking_mail.remind(start - dt.timedelta(hours=30)) == 0
    assert booking_mail.remind(start - dt.timedelta(hours=23)) == 1
    assert booking_mail.remind(start - dt.timedelta(hours=22)) == 0, "once"
    bookings.move(key, start + dt.timedelta(days=1), actor=actor)
    runner.drain(app)
    assert [one["Subject"].partition(":")[0] for one in to(app, "sam@example.com")] == ["You’re booked", "New time"], (
        "the reminder of the old time was overtaken"
    )
    assert booking_mail.remind(start + dt.timedelta(hours=2)) == 1
    runner.drain(app)
    assert to(app, "sam@example.com")[-1]["Subject"].startswith("Reminder")


def test_missed_and_kept_are_said_once_the_time_has_come(
    world: World, actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = kit.page(actor, [world.harbour.agent.membership_id])
    key = kit.book(where, kit.ahead(), SYSTEM).id
    missed = verbs.find("booking", "no_show")
    early = verbs.run(Booking, missed, [key], {}, actor=actor)
    assert early.done == 0 and "once its time has come" in next(iter(early.problems))
    monkeypatch.setattr(bookings, "now", lambda: kit.ahead(4))
    assert verbs.run(Booking, missed, [key], {}, actor=actor).done == 1
    assert the_booking().state == "no_show"


def test_a_suppressed_address_gets_no_letter_and_the_booking_stands(
    app: Flask, world: World, page: int, actor: Actor
) -> None:
    records.create(Suppression, {"address": "sam@example.com", "reason": "legal", "scope": "all"}, actor=actor)
    kit.book(session.get_one(BookingPage, page), kit.ahead(), SYSTEM)
    runner.drain(app)
    assert not to(app, "sam@example.com") and the_booking().state == "booked"
    assert session.scalars(sa.select(Message.state).where(Message.recipient == "sam@example.com")).all() == [
        "suppressed"
    ]

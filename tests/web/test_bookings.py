"""The public books, moves and cancels an appointment, without script and without a session; the brokerage sees it."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator

import icalendar
import pytest
import sqlalchemy as sa
import vobject
from flask import Flask

from app.services import bookings, erasure, records
from jobs import runner
from models.audit import Audit
from models.base import session
from models.booking import Booking, BookingBlock, BookingHost, BookingPage
from models.contact import Contact
from models.fields import now
from models.privacy import Consent
from models.scope import Actor
from public_site import booking as pages
from tests import bookings_kit as kit
from tests.bookings_kit import the_booking, to
from tests.contracts import state
from tests.factories import SYSTEM, Browser, World

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


# The visitor


def test_a_visitor_books_and_everybody_is_told(app: Flask, world: World, client: Browser, page: int) -> None:
    start = kit.ahead()
    shown = client.get(f"{URL}?day={start:%Y-%m-%d}").text
    assert "Buyer call" in shown and "With Ada Agent" in shown and f"at={start:%Y-%m-%dT%H}%3A00Z" in shown
    answer = kit.fill(client, URL, start, tel="(207) 555-0123", note="Two kids, {{ evil }}", tz="America/Denver")
    assert answer.status_code == 303 and answer.location.startswith("/b/harbour/booked/")
    done = client.get(answer.location)
    assert "You’re booked" in done.text and done.headers["Cache-Control"] == "no-store"
    assert "8:00 am M" in done.text, "in the visitor's own time"
    found = the_booking()
    assert (found.starts_at, found.owner_id, found.state) == (start, world.harbour.agent.membership_id, "booked")
    assert (found.source, found.created_by) == (bookings.SOURCE, "Booking page")
    contact = session.get_one(Contact, found.contact_id)
    assert (contact.name, contact.email, contact.source) == ("Sam Okafor", "sam@example.com", bookings.SOURCE)
    consent = session.scalars(sa.select(Consent).where(Consent.contact_id == contact.id)).one()
    assert consent.topic == "notice" and "13 or over" in consent.wording
    runner.drain(app)
    [visitors], [hosts] = to(app, "sam@example.com"), to(app, world.harbour.agent.email)
    assert "You’re booked: Buyer call" in visitors["Subject"] and "New booking: Buyer call" in hosts["Subject"]
    text = visitors.get_body(("plain",)).get_content()
    assert answer.location in text.replace("\n", "") and "8:00 am M" in text
    assert "Two kids, { { evil }}" in hosts.get_body(("plain",)).get_content()
    assert "10:00 am E" in hosts["Subject"], "in the host's time"
    assert "Ada Agent" in hosts["To"] and "Sam Okafor" in visitors["To"]
    assert {"booking.create", "contact.create"} <= set(session.scalars(sa.select(Audit.action)))


def test_the_calendar_file_gives_the_same_instant_to_two_readers(
    app: Flask, world: World, client: Browser, page: int
) -> None:
    start = kit.ahead()
    own = kit.fill(client, URL, start).location
    runner.drain(app)
    [mail] = to(app, "sam@example.com")
    [part] = [one for one in mail.walk() if one.get_content_type() == "text/calendar"]
    assert part.get_param("method") == "REQUEST"
    sent, fetched = part.get_content(), client.get(f"{own}/invite.ics")
    assert fetched.content_type.startswith("text/calendar")
    for text in (sent, fetched.text):
        whole = icalendar.Calendar.from_ical(text)
        [event] = whole.walk("VEVENT")
        assert whole["METHOD"] == "REQUEST" and event["SEQUENCE"] == 0 and whole.walk("VTIMEZONE")
        assert event.decoded("dtstart").astimezone(dt.UTC) == start
        assert event["ORGANIZER"] == f"MAILTO:{world.harbour.agent.email}"
        other = vobject.readOne(text).vevent
        assert other.dtstart.value.astimezone(dt.UTC) == start and other.uid.value == str(event["UID"])
    uid = str(event["UID"])
    later = start + dt.timedelta(hours=2)
    moved = client.post(f"{own}/move", data={"at": pages.text_of(later)})
    assert moved.status_code == 303 and the_booking().starts_at == later
    assert client.post(f"{own}/cancel", data={"why": "Ill"}).status_code == 303
    runner.drain(app)
    methods = []
    for one in to(app, "sam@example.com"):
        [part] = [inner for inner in one.walk() if inner.get_content_type() == "text/calendar"]
        [event] = icalendar.Calendar.from_ical(part.get_content()).walk("VEVENT")
        assert str(event["UID"]) == uid
        methods.append((part.get_param("method"), int(event["SEQUENCE"])))
    assert methods == [("REQUEST", 0), ("CANCEL", 2)], "the letter about the move was overtaken before it left"
    assert not session.scalars(sa.select(BookingBlock).where(BookingBlock.live)).all()
    assert "Ill" in to(app, world.harbour.agent.email)[-1].get_body(("plain",)).get_content()


def test_a_time_that_is_taken_is_told_and_the_nearest_are_offered(
    app: Flask, world: World, client: Browser, page: int
) -> None:
    start = kit.ahead()
    assert kit.fill(client, URL, start).status_code == 303
    lost = kit.fill(client, URL, start, name="Nina Novak", email="nina@example.com", note="Kept words")
    assert lost.status_code == 409
    assert (
        "That time was just taken" in lost.text
        and "Kept words" in lost.text
        and 'value="nina@example.com"' in lost.text
    )
    offered = re.findall(r'type="radio" name="at" value="([^"]+)"', lost.text)
    half = dt.timedelta(minutes=30)
    assert set(offered[:2]) == {pages.text_of(start - half), pages.text_of(start + half)} and len(offered) == 3
    assert not session.scalars(sa.select(Contact).where(Contact.email == "nina@example.com")).all(), "nobody is noted"
    form = re.search(r'name="t" value="([^"]+)"', lost.text)
    assert form
    typed = {"t": form[1], "at": offered[0], "name": "Nina Novak", "email": "nina@example.com"}
    assert client.post(f"{URL}/details", data=typed).status_code == 303


def test_who_follows_an_old_link_to_a_time_hears_at_once_that_it_is_gone(client: Browser, page: int) -> None:
    start = kit.ahead()
    kit.fill(client, URL, start)
    shown = client.get(f"{URL}/details?at={pages.text_of(start)}").text
    assert "That time was just taken" in shown and shown.count('type="radio"') == 3


def test_whose_host_cannot_is_not_offered_the_times_of_another(world: World, client: Browser, actor: Actor) -> None:
    ada, carl = world.harbour.agent.membership_id, world.harbour.colleague.membership_id
    kit.page(actor, [ada, carl])
    start, later = kit.ahead(), kit.ahead(hour=14)
    own = kit.fill(client, URL, start, tz="America/New_York").location
    mine = the_booking().owner_id
    other = records.create(BookingPage, {"name": "One", "address": "one", "notice": 0}, actor=actor)
    records.create(BookingHost, {"booking_page_id": other.id, "membership_id": mine}, actor=actor)
    kit.book(other, later, SYSTEM, "n2", name="Nina Novak")
    day = f"day={start.astimezone(kit.ZONE):%Y-%m-%d}"
    assert pages.text_of(later).replace(":", "%3A") not in client.get(f"{own}/move?{day}").text
    assert pages.text_of(later).replace(":", "%3A") in client.get(f"{URL}?{day}").text
    lost = client.post(f"{own}/move", data={"at": pages.text_of(later)})
    assert lost.status_code == 409 and "stays as it was" in lost.text and the_booking_of(mine).starts_at == start


def the_booking_of(owner: int | None) -> Booking:
    session.expire_all()
    return (
        session.scalars(sa.select(Booking).where(Booking.owner_id == owner).order_by(Booking.id)).first() or Booking()
    )


def test_the_letter_goes_to_the_address_that_was_typed_and_nothing_known_is_overwritten(
    app: Flask, world: World, page: int, actor: Actor
) -> None:
    known = {"name": "Sam Okafor", "phone": "+12075550123", "email": "old@example.com"}
    contact = records.create(Contact, known, actor=actor).id
    found = kit.book(session.get_one(BookingPage, page), kit.ahead(), SYSTEM, phone="+12075550123")
    assert found.contact_id == contact and session.get_one(Contact, contact).email == "old@example.com"
    runner.drain(app)
    assert len(to(app, "sam@example.com")) == 1 and not to(app, "old@example.com")


def test_what_is_kept_of_a_visitor_goes_with_them(app: Flask, world: World, page: int, actor: Actor) -> None:
    found = kit.book(session.get_one(BookingPage, page), kit.ahead(), SYSTEM, name="Ottokar Rare", message="Two cats")
    contact = found.contact_id
    runner.drain(app)
    erasure.person(contact, actor=actor)
    session.expire_all()
    assert not session.scalars(sa.select(Booking.id)).all() and not session.scalars(sa.select(BookingBlock.id)).all()
    left = repr([state.rows(table) for table in ("message", "change", "job", "contact")])
    assert "Ottokar" not in left and "Two cats" not in left and "ottokar@" not in left


def test_a_form_that_is_sent_twice_is_one_booking_and_one_letter(app: Flask, client: Browser, page: int) -> None:
    start = kit.ahead()
    shown = client.get(f"{URL}/details?at={pages.text_of(start)}").text
    form = re.search(r'name="t" value="([^"]+)"', shown)
    assert form
    typed = {"t": form[1], "at": pages.text_of(start), "name": "Sam Okafor", "email": "sam@example.com"}
    first, second = (client.post(f"{URL}/details", data=typed) for _ in range(2))
    assert first.status_code == second.status_code == 303
    assert the_booking().state == "booked"
    runner.drain(app)
    assert len(to(app, "sam@example.com")) == 1


def test_wrong_input_keeps_what_was_typed_and_books_nothing(client: Browser, page: int) -> None:
    start = kit.ahead()
    refused = kit.fill(client, URL, start, name="", email="sam@", tel="12", note="Words that stay")
    assert refused.status_code == 422 and "3 things to fix" in refused.text and "Words that stay" in refused.text
    assert kit.fill(client, URL, start, website="http://spam").status_code == 303
    assert kit.fill(client, URL, start, t="nonsense").status_code == 422
    assert not session.scalars(sa.select(Booking)).all() and not session.scalars(sa.select(Contact).where(
        Contact.email == "sam@example.com")).all()  # fmt: skip
    for at in ("", "soon", "2027-13-01T00:00Z", "9999-01-01T00:00Z"):
        assert client.get(f"{URL}/details?at={at}").status_code == 303
    for odd in ("month=2027-99", "day=never", "tz=Mars/Olympus", "month=0001-01"):
        assert client.get(f"{URL}?{odd}").status_code == 200
    closed = kit.ahead(hour=3)
    assert kit.fill(client, URL, closed).status_code == 409, "nobody is there at night"


def test_public_pages_are_light_strict_and_ask_no_other_host(client: Browser, page: int) -> None:
    start = kit.ahead()
    own = kit.fill(client, URL, start).location
    lost = kit.fill(client, URL, start, name="Nina Novak", email="nina@example.com")
    answers = [client.get(url) for url in (
        "/b/harbour", URL, f"{URL}/details?at={pages.text_of(kit.ahead(4))}", own, f"{own}/cancel", f"{own}/move",
        f"{own}/move?at={pages.text_of(kit.ahead(4))}", "/b/harbour/nothing", "/b/harbour/booked/nothing",
    )]  # fmt: skip
    for answer in (*answers, lost):
        assert len(answer.data) <= 20 * 1024, answer.request.path
        policy = answer.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; style-src 'self' 'nonce-") and "frame-ancestors 'none'" in policy
        assert re.findall(r'(?:src|href|action)="(?:https?:)?//', answer.text) == []
        assert re.findall(r"\s(?:style|on[a-z]+)=", answer.text) == []
        scripts = re.findall(r"<script[^>]*>(.*?)</script>", answer.text, re.DOTALL)
        assert sum(len(one) for one in scripts) <= 15 * 1024
        assert not answer.headers.getlist("Set-Cookie"), "no cookie"


def test_scanners_that_follow_links_change_nothing(client: Browser, page: int) -> None:
    own = kit.fill(client, URL, kit.ahead()).location
    for path in ("", "/cancel", "/move", f"/move?at={pages.text_of(kit.ahead(4))}", "/invite.ics"):
        assert client.get(own + path).status_code == 200, path
    assert the_booking().state == "booked" and the_booking().sequence == 0


def test_links_of_others_and_of_other_brokerages_open_nothing(
    app: Flask, world: World, client: Browser, page: int
) -> None:
    own = kit.fill(client, URL, kit.ahead()).location
    token = own.rpartition("/")[2]
    assert client.get(f"/b/summit/booked/{token}").status_code == 410
    for wrong in (token[:-2] + "xx", "x", "x.y"):
        assert client.get(f"/b/harbour/booked/{wrong}").status_code == 410
        assert client.post(f"/b/harbour/booked/{wrong}/cancel").status_code == 410
    assert client.get("/b/summit/buyer-call").status_code == 404, "the page of another brokerage"
    assert client.get("/b/nobody/buyer-call").status_code == 404
    records.update(BookingPage, page, {"open": False}, actor=world.harbour.actor("owner"))
    assert client.get(URL).status_code == 410 and "buyer-call" not in client.get("/b/harbour").text


def test_too_late_is_said_with_the_time_until_which_it_went(
    app: Flask, world: World, client: Browser, actor: Actor
) -> None:
    kit.page(actor, [world.harbour.agent.membership_id], hours=("00:00", "24:00"), late=48)
    own = kit.fill(client, URL, now().replace(minute=0, second=0, microsecond=0) + dt.timedelta(hours=3)).location
    assert "It could be changed here until" in client.get(own).text
    assert client.get(f"{own}/move").status_code == 410
    assert client.post(f"{own}/cancel").status_code == 410 and the_booking().state == "booked"

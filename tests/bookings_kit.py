"""What the tests of booking pages share: a page with hosts and hours, and a visitor."""

from __future__ import annotations

import datetime as dt
import re
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from flask import Flask

from app.services import bookings, records
from app.services.bookings import Visitor
from models.base import session
from models.booking import WEEKDAYS, Booking, BookingHost, BookingPage, WorkingHours
from models.fields import now
from models.scope import Actor
from tests.factories import Browser

ZONE = ZoneInfo("America/New_York")


def page(actor: Actor, hosts: list[int], *, hours: tuple[str, str] = ("09:00", "17:00"), **facts: Any) -> BookingPage:
    """A page for these members, who can be booked on every day of the week."""
    given = {"name": "Buyer call", "address": "buyer-call", "notice": 0, "step": 30, "minutes": 30} | facts
    made: BookingPage = records.create(BookingPage, given, actor=actor)
    for host in hosts:
        records.create(BookingHost, {"booking_page_id": made.id, "membership_id": host}, actor=actor)
        for weekday, _label in WEEKDAYS:
            one = {"owner_id": host, "weekday": weekday, "begins": hours[0], "ends": hours[1]}
            records.create(WorkingHours, one, actor=actor)
    return made


def ahead(days: int = 3, hour: int = 10, minute: int = 0, zone: ZoneInfo = ZONE) -> dt.datetime:
    """A time some days from now by the clock of a zone, in UTC."""
    day = now().astimezone(zone).date() + dt.timedelta(days=days)
    return dt.datetime.combine(day, dt.time(hour, minute), zone).astimezone(dt.UTC)


def visitor(name: str = "Sam Okafor", **facts: Any) -> Visitor:
    given = {
        "name": name, "email": f"{name.split()[0].lower()}@example.com", "phone": None, "message": "",
        "zone": "America/Denver", "notice": "As our notice says.",
    }  # fmt: skip
    return Visitor(**(given | facts))


def book(where: BookingPage, start: dt.datetime, actor: Actor, nonce: str = "n1", **facts: Any) -> Any:
    return bookings.take(where, start, visitor(**facts), nonce=nonce, actor=actor)


def fill(client: Browser, url: str, start: dt.datetime, **typed: str) -> Any:
    """The details of a visitor as the form sends them."""
    shown = client.get(f"{url}/details?at={start:%Y-%m-%dT%H:%MZ}").text
    form = re.search(r'name="t" value="([^"]+)"', shown)
    assert form, shown
    given = {"t": form[1], "at": f"{start:%Y-%m-%dT%H:%MZ}", "name": "Sam Okafor", "email": "sam@example.com"}
    return client.post(f"{url}/details", data=given | typed)


def mails(app: Flask) -> list[Any]:
    """What the sink holds, in order."""
    folder = Path(app.config["SMTP_URL"].removeprefix("sink://"))
    return [message_from_bytes(one.read_bytes(), policy=default) for one in sorted(folder.glob("*.eml"))]


def to(app: Flask, address: str) -> list[Any]:
    """The e-mails to an address."""
    return [one for one in mails(app) if address in str(one["To"])]


def the_booking() -> Booking:
    """The one booking there is, read anew."""
    session.expire_all()
    return session.scalars(sa.select(Booking)).one()


def statements(page: BookingPage, since: dt.datetime, until: dt.datetime) -> int:
    """How many statements the free times of a span take."""
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        seen.append(statement)

    engine = session.get_bind()
    sa.event.listen(engine, "before_cursor_execute", note)
    bookings.free(page, since, until)
    sa.event.remove(engine, "before_cursor_execute", note)
    return len([one for one in seen if one.lstrip().upper().startswith(("SELECT", "WITH"))])

"""Appointments that the public books: pages, who can be booked on them and when, and the bookings themselves.

A `BookingBlock` is the time that a booking takes of a host, free minutes around it included. No two live blocks of a
host may overlap, and the database refuses it (migration 0029): by an exclusion constraint on PostgreSQL, by triggers
on SQLite, where one writes at a time. Does not belong here: which times are free (`app.services.slots`).
"""

from __future__ import annotations

import datetime as dt
from typing import Any, ClassVar

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from models import fields as f
from models.base import Base, Link, Owned, Record, WorkspaceScoped, alive
from models.fields import UTC, Key
from models.policy import Category, Erase, Policy, SubjectKind, years
from models.words import N_

PLACES = (("phone", N_("By phone")), ("in_person", N_("In person")), ("custom", N_("As described")))
STRATEGIES = (
    ("one", N_("The first host")),
    ("round_robin", N_("The hosts in turn")),
    ("collective", N_("All hosts together")),
)
STATES = (
    ("asked", N_("To be confirmed")),
    ("booked", N_("Booked")),
    ("kept", N_("Took place")),
    ("no_show", N_("Nobody came")),
    ("cancelled", N_("Cancelled")),
)
# States in which a booking takes the time of its hosts.
LIVE = frozenset({"asked", "booked", "kept", "no_show"})
WEEKDAYS = (
    ("mon", N_("Monday")), ("tue", N_("Tuesday")), ("wed", N_("Wednesday")), ("thu", N_("Thursday")),
    ("fri", N_("Friday")), ("sat", N_("Saturday")), ("sun", N_("Sunday")),
)  # fmt: skip
# Times of day by the wall clock of the host, in quarters of an hour. The end of a day is 24:00.
TIMES = tuple((f"{m // 60:02d}:{m % 60:02d}",) * 2 for m in range(0, 24 * 60 + 1, 15))


class BookingPage(Record, Base):
    """A kind of appointment and its public page, `/b/<workspace>/<address>`. Spans are in minutes unless said
    otherwise.
    """

    __tablename__ = "booking_page"
    policy = Policy(Category.SCHEDULING)
    links: ClassVar = {"hosts": Link("booking_host", "booking_page_id", "membership_id", "membership", N_("Hosts"))}

    name: Mapped[str] = f.text(120, required=True, label="Name", hint="As visitors read it: “30-minute call”")
    address: Mapped[str] = f.text(
        60, required=True, label="Web address", hint="Small letters, digits and hyphens, such as buyer-call"
    )
    open: Mapped[bool] = f.boolean(default=True, label="Open to the public")
    about: Mapped[str | None] = f.long_text(2000, label="About", hint="What the appointment is for")
    minutes: Mapped[int] = f.number(required=True, default=30, label="Length", hint="Minutes")
    place: Mapped[str] = f.choice(PLACES, default="phone", label="Where")
    place_details: Mapped[str | None] = f.text(
        300, label="Place in words", hint="Such as an address or a meeting point"
    )
    strategy: Mapped[str] = f.choice(STRATEGIES, default="round_robin", label="Who is booked")
    step: Mapped[int] = f.number(required=True, default=30, label="A start every", hint="Minutes")
    before: Mapped[int] = f.number(
        required=True, default=0, label="Free before", hint="Minutes that stay free before it"
    )
    after: Mapped[int] = f.number(required=True, default=0, label="Free after", hint="Minutes that stay free after it")
    notice: Mapped[int] = f.number(required=True, default=4, label="Earliest", hint="Hours from now")
    horizon: Mapped[int] = f.number(required=True, default=60, label="Latest", hint="Days from now")
    per_day: Mapped[int | None] = f.number(label="At most a day", hint="For each host; empty: as many as fit")
    approval: Mapped[bool] = f.boolean(label="Somebody confirms each booking")
    late: Mapped[int] = f.number(
        required=True, default=2, label="Changes until", hint="Hours before it begins, by the visitor"
    )
    remind: Mapped[int] = f.number(required=True, default=24, label="Reminder", hint="Hours before it begins; 0: none")

    @classmethod
    def indexes(cls) -> tuple[Any, ...]:
        return (sa.Index("uq_booking_page_address", "workspace_id", "address", unique=True, **alive()),)


class BookingHost(Record, Base):
    """Somebody who can be booked on a page. With a weight of 2 they get twice as many in turn as with 1."""

    __tablename__ = "booking_host"
    policy = Policy(Category.SCHEDULING, parent="booking_page")
    title_field = "source"

    booking_page_id: Mapped[int] = f.ref("booking_page", required=True, label="Booking page")
    membership_id: Mapped[int] = f.ref("membership", required=True, label="Host")
    weight: Mapped[int] = f.number(required=True, default=1, label="Weight")

    @classmethod
    def indexes(cls) -> tuple[Any, ...]:
        return (
            sa.Index("uq_booking_host", "workspace_id", "booking_page_id", "membership_id", unique=True, **alive()),
        )


class WorkingHours(Owned, Base):
    """When the owner can be booked, by the owner's clock: on a weekday, or on one date, whose hours then stand in the
    place of those of its weekday. A date that is `closed` has none.
    """

    __tablename__ = "working_hours"
    policy = Policy(Category.SCHEDULING)
    title_field = "name"

    name: Mapped[str | None] = f.text(120, label="Hours", hint="Such as “Mornings”; only you read it")
    weekday: Mapped[str | None] = f.choice(WEEKDAYS, required=False, label="Weekday")
    day: Mapped[dt.date | None] = f.date(label="Or a date", hint="Its hours replace those of its weekday")
    begins: Mapped[str | None] = f.choice(TIMES, required=False, default="09:00", label="From")
    ends: Mapped[str | None] = f.choice(TIMES, required=False, default="17:00", label="To")
    closed: Mapped[bool] = f.boolean(label="Not at all on this date")

    @classmethod
    def indexes(cls) -> tuple[Any, ...]:
        return (sa.Index("ix_working_hours_owner", "workspace_id", "owner_id", **alive()),)


class Booking(Owned, Base):
    """An appointment with somebody from outside; its owner is the host. `zone` is the visitor's; `sequence` and `uid`
    are those of its calendar object (RFC 5545, 3.8.7.4 and 3.8.4.7).
    """

    __tablename__ = "booking"
    policy = Policy(Category.BOOKING, subject="contact_id", kind=SubjectKind.INVITEE, keep=years(3), erase=Erase.DELETE)
    title_field = "title"

    title: Mapped[str] = f.text(300, required=True, label="Appointment", personal=True)
    booking_page_id: Mapped[int | None] = f.ref("booking_page", label="Booking page")
    contact_id: Mapped[int | None] = f.ref("contact", label="Contact")
    email: Mapped[str | None] = f.email(label="Visitor’s e-mail", personal=True)
    starts_at: Mapped[dt.datetime] = f.moment(required=True, label="Begins")
    ends_at: Mapped[dt.datetime] = f.moment(required=True, label="Ends")
    state: Mapped[str] = f.choice(STATES, default="booked", label="State", readonly=True)
    place: Mapped[str | None] = f.text(400, label="Where")
    message: Mapped[str | None] = f.long_text(4000, label="What they wrote", personal=True)
    zone: Mapped[str | None] = f.text(60, label="Visitor’s time zone", readonly=True)
    reason: Mapped[str | None] = f.text(300, label="Why it was cancelled", readonly=True, personal=True)
    sequence: Mapped[int] = f.number(required=True, default=0, label="Changes", readonly=True)
    uid: Mapped[str | None] = f.text(100, label="Calendar id", readonly=True)

    @classmethod
    def indexes(cls) -> tuple[Any, ...]:
        return (
            sa.Index("ix_booking_starts", "workspace_id", "starts_at", "id", **alive()),
            sa.Index("ix_booking_contact", "workspace_id", "contact_id", sa.text("id DESC"), **alive()),
            sa.Index("ix_booking_page", "workspace_id", "booking_page_id", "owner_id", "created_at", **alive()),
            sa.Index("uq_booking_form", "workspace_id", "source", "source_ref", unique=True),
        )


class BookingBlock(WorkspaceScoped, Base):
    """The time that a booking takes of one host; `live` while the booking is."""

    __tablename__ = "booking_block"
    policy = Policy(Category.BOOKING, subject="contact_id", kind=SubjectKind.INVITEE, keep=years(3), erase=Erase.DELETE)

    booking_id: Mapped[int] = mapped_column(Key)
    contact_id: Mapped[int | None] = mapped_column(Key)
    membership_id: Mapped[int] = mapped_column(Key)
    starts_at: Mapped[dt.datetime] = mapped_column(UTC)
    ends_at: Mapped[dt.datetime] = mapped_column(UTC)
    live: Mapped[bool] = mapped_column(sa.Boolean, default=True)

    __table_args__ = (
        sa.ForeignKeyConstraint(
            ["workspace_id", "booking_id"], ["booking.workspace_id", "booking.id"], name="fk_booking_block_booking",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "membership_id"], ["membership.workspace_id", "membership.id"],
            name="fk_booking_block_membership",
        ),
        sa.Index("ix_booking_block_time", "workspace_id", "membership_id", "starts_at", "ends_at"),
        sa.Index("ix_booking_block_booking", "workspace_id", "booking_id"),
    )  # fmt: skip


_OVERLAPS = """EXISTS (SELECT 1 FROM booking_block o WHERE o.workspace_id = NEW.workspace_id
    AND o.membership_id = NEW.membership_id AND o.live AND o.id <> NEW.id
    AND o.starts_at < NEW.ends_at AND o.ends_at > NEW.starts_at)"""
# A database that is made from the models, as those of tests are, has the triggers of the migration too.
for _verb in ("INSERT", "UPDATE"):
    sa.event.listen(
        BookingBlock.__table__,
        "after_create",
        sa.DDL(
            f"CREATE TRIGGER booking_block_never_two_{_verb.lower()} AFTER {_verb} ON booking_block WHEN NEW.live "
            f"AND {_OVERLAPS} BEGIN SELECT RAISE(ABORT, 'this host is taken then'); END"
        ).execute_if(dialect="sqlite"),
    )

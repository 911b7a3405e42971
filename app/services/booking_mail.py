"""When letters about a booking are due: at once, or some hours before it begins. Each is written once.

A letter is a message with the cause "booking", unique by (booking, kind and state, recipient), so that a retry is no
second letter and a further move is one. Does not belong here: what they say (`app.services.booking_letters`).
"""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa

from app.services import booking_letters, messages
from app.services.operation import operation
from models import scope
from models.base import session
from models.booking import Booking, BookingPage
from models.contact import Contact
from models.message import Message
from models.scope import Actor

_WHO: Actor = scope.system("Bookings")


def tell(booking: Booking, kind: str) -> None:
    """Write the letters of a kind to the visitor and the hosts; part of the open operation."""
    with operation("booking.mail", actor=_WHO):
        session.flush()
        occasion = f"{kind}:{booking.sequence}"
        contact = session.get(Contact, booking.contact_id) if booking.contact_id else None
        if booking.email:
            _write(booking, booking_letters.compose(booking, kind), occasion, booking.email, contact)
        for member, _user in booking_letters.hosts_of(booking):
            found = booking_letters.compose(booking, kind, host=member)
            # It tells of the visitor, and so is about them: on their timeline, and gone with them.
            _write(booking, found, f"{occasion}:host", member.email, contact)


def remind(moment: dt.datetime) -> int:
    """Write the reminders that are due by now, in all workspaces; each once. Gives how many bookings."""
    with scope.across_workspaces("whose appointment is near"):
        hours = session.scalars(sa.select(BookingPage.remind).where(BookingPage.remind > 0).distinct()).all()
        due = [
            (row.workspace_id, row.id)
            for number in hours
            for row in session.execute(_due(number, moment)).all()
            if row.created_at <= row.starts_at - dt.timedelta(hours=number)
        ]
    for workspace, key in due:
        with scope.inside(workspace), operation("booking.remind", actor=_WHO):
            tell(session.get_one(Booking, key), "reminder")
    return len(due)


def _due(hours: int, moment: dt.datetime) -> sa.Select[int, int, dt.datetime, dt.datetime]:
    """Those that begin within `hours` and have no reminder of their present time yet."""
    ahead = dt.timedelta(hours=hours)
    told = sa.select(Message.id).where(
        Message.workspace_id == Booking.workspace_id, Message.cause == booking_letters.CAUSE,
        Message.cause_id == sa.cast(Booking.id, sa.String),
        Message.occasion == sa.literal("reminder:") + sa.cast(Booking.sequence, sa.String),
    )  # fmt: skip
    return (
        sa.select(Booking.workspace_id, Booking.id, Booking.created_at, Booking.starts_at)
        .join(BookingPage, sa.and_(BookingPage.workspace_id == Booking.workspace_id,
                                   BookingPage.id == Booking.booking_page_id))
        .where(BookingPage.remind == hours, Booking.state == "booked", Booking.starts_at > moment,
               Booking.starts_at <= moment + ahead, ~told.exists())
    )  # fmt: skip


def _write(
    booking: Booking, found: booking_letters.Letter, occasion: str, address: str, contact: Contact | None
) -> None:
    messages.write(
        contact, found.subject, found.text, actor=_WHO, cause=booking_letters.CAUSE, cause_id=str(booking.id),
        occasion=occasion, recipient=address,
    )  # fmt: skip

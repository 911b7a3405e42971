"""What is e-mailed about a booking, to the visitor and to each host: put together from the booking when it leaves.

A letter is an occasion of a booking at one state of it, as "moved:2" to the visitor and "moved:2:host" to a host: one
that the booking has gone past is not sent. Calendar objects follow RFC 5545 and 5546 (iTIP): the UID stays, SEQUENCE
rises, METHOD is REQUEST or CANCEL. Does not belong here: when a letter is due (`app.services.booking_mail`).
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import icalendar
import sqlalchemy as sa

from app.services import addressing, time_zones
from models import formats, normal, words
from models.base import session
from models.booking import PLACES, Booking, BookingBlock, BookingPage
from models.contact import Contact
from models.fields import now
from models.message import Message
from models.signed import sign_link
from models.user import User
from models.words import N_, _
from models.workspace import Membership, Workspace

CAUSE = "booking"
LINK = "booking"
KEPT = dt.timedelta(days=30)
# Countries that read the clock in twelve hours.
_TWELVE = frozenset({"US", "CA", "AU", "NZ", "PH", "IN"})
# Kind of letter -> the states in which it is still true.
KINDS = {
    "asked": ("asked",), "booked": ("booked",), "moved": ("asked", "booked"), "cancelled": ("cancelled",),
    "reminder": ("booked",),
}  # fmt: skip
_SUBJECTS = {
    "asked": N_("We have your request: {what}, {when}"),
    "booked": N_("You’re booked: {what}, {when}"),
    "moved": N_("New time: {what}, {when}"),
    "cancelled": N_("Cancelled: {what}, {when}"),
    "reminder": N_("Reminder: {what}, {when}"),
}
_TO_HOST = {
    "asked": N_("To be confirmed: {what}, {when}"),
    "booked": N_("New booking: {what}, {when}"),
    "moved": N_("Moved: {what}, {when}"),
    "cancelled": N_("Cancelled: {what}, {when}"),
    "reminder": N_("Reminder: {what}, {when}"),
}
_FIRST = {
    "asked": N_("We have your request and confirm it as soon as we can. The time is kept for you until then."),
    "booked": N_("You are booked. Here is what you need."),
    "moved": N_("Your appointment has a new time."),
    "cancelled": N_("Your appointment was cancelled."),
    "reminder": N_("This is a reminder of your appointment."),
}


@dataclass(frozen=True, slots=True)
class Letter:
    """Subject, text, and the calendar object with its METHOD; "" where there is none."""

    subject: str
    text: str
    calendar: str = ""
    method: str = ""
    to_name: str = ""


def place(page: BookingPage) -> str:
    """Where an appointment takes place, in words."""
    return page.place_details or str(dict(PLACES)[page.place])


def letter(message: Message, public_url: str) -> Letter | None:
    """The letter that a message stands for, as the booking is now; None where the booking has gone past it. What names
    no kind of letter leaves as it was written.
    """
    kind, *rest = message.occasion.split(":")
    if kind not in KINDS or not rest or not message.cause_id.isdecimal():
        return Letter(message.subject, message.body)
    sequence, *to_host = rest
    booking = session.get(Booking, int(message.cause_id))
    if booking is None or booking.deleted_at is not None or booking.state not in KINDS[kind]:
        return None
    if sequence != str(booking.sequence) or (kind == "reminder" and booking.starts_at <= now()):
        return None
    host = _host_at(message.recipient) if to_host else None
    if to_host and host is None:
        return None
    return compose(booking, kind, public_url, host=host)


def compose(booking: Booking, kind: str, public_url: str = "", *, host: Membership | None = None) -> Letter:
    """A letter to the visitor, or to a `host`, in their language and their time."""
    workspace = session.get_one(Workspace, booking.workspace_id)
    user = session.get(User, host.user_id) if host is not None else None
    speaking = addressing.to_user(user) if user else words.speaking(workspace.language, workspace.region)
    zone = (user.zone if user else booking.zone) or workspace.zone
    with speaking:
        what, when = _what(booking), moment(booking.starts_at, zone)
        subject = str(_TO_HOST[kind] if host is not None else _SUBJECTS[kind]).format(what=what, when=when)
        lines = _to_host(booking, when) if host is not None else _to_visitor(booking, kind, when, workspace, public_url)
        text = "\n".join(lines)
    method = "" if kind in ("reminder", "asked") else "CANCEL" if kind == "cancelled" else "REQUEST"
    contact = session.get(Contact, booking.contact_id) if booking.contact_id else None
    name = host.name if host is not None else contact.name if contact is not None else ""
    return Letter(_plain(subject)[:200], _plain(text), calendar(booking, method) if method else "", method, name)


def moment(at: dt.datetime, zone: str) -> str:
    """ "Tue 9 Mar 2027, 2:00 pm EST" in the language that is spoken; the zone as it is called at that time."""
    local = at.astimezone(ZoneInfo(zone))
    return f"{formats.weekday_name(local, 'abbreviated')} {formats.date(local)}, {clock(local)} {zone_name(local)}"


def clock(local: dt.datetime) -> str:
    """ "2:00 pm" where the country of the brokerage reads it so, else "14:00"."""
    if words.code() == words.ENGLISH and words.region() in _TWELVE:
        return f"{local.hour % 12 or 12}:{local:%M} {'am' if local.hour < 12 else 'pm'}"
    return f"{local:%H:%M}"


def zone_name(local: dt.datetime) -> str:
    """ "EST"; a zone without letters of its own is told by its offset, as "GMT+5:30"."""
    name = local.tzname() or ""
    if name[:1].isalpha():
        return name
    minutes = int((local.utcoffset() or dt.timedelta()).total_seconds()) // 60
    rest = f":{abs(minutes) % 60:02d}" if minutes % 60 else ""
    return f"GMT{'-' if minutes < 0 else '+'}{abs(minutes) // 60}{rest}"


def manage_url(booking: Booking, public_url: str) -> str:
    """The visitor's own page of a booking: whoever holds the link may move and cancel it."""
    workspace = session.get_one(Workspace, booking.workspace_id)
    return f"{public_url}/b/{workspace.slug}/booked/{token(booking)}"


def token(booking: Booking) -> str:
    return sign_link(LINK, [booking.workspace_id, booking.id], booking.ends_at + KEPT)


def calendar(booking: Booking, method: str) -> str:
    """The calendar object of a booking (RFC 5545), with the rules of the host's zone."""
    workspace = session.get_one(Workspace, booking.workspace_id)
    hosts = hosts_of(booking)
    zone = ZoneInfo(next((user.zone for _member, user in hosts if user.zone), workspace.zone))
    event = icalendar.Event()
    event.add("uid", f"{booking.uid}@{workspace.slug}.booking")
    event.add("sequence", booking.sequence)
    event.add("dtstamp", now())
    event.add("dtstart", booking.starts_at.astimezone(zone))
    event.add("dtend", booking.ends_at.astimezone(zone))
    event.add("summary", f"{_what(booking)}, {workspace.name}")
    event.add("location", booking.place or "")
    event.add(
        "status", "CANCELLED" if method == "CANCEL" else "CONFIRMED" if booking.state == "booked" else "TENTATIVE"
    )
    for number, (member, _user) in enumerate(hosts):
        address = _person(member.email, member.name)
        event.add("attendee" if number else "organizer", address, encode=False)
    contact = session.get(Contact, booking.contact_id) if booking.contact_id else None
    if booking.email:
        guest = _person(booking.email, contact.name if contact is not None else booking.email)
        guest.params["PARTSTAT"] = icalendar.vText("ACCEPTED")
        event.add("attendee", guest, encode=False)
    whole = icalendar.Calendar()
    whole.add("prodid", "-//Real Estate CRM Pro//Booking//EN")
    whole.add("version", "2.0")
    whole.add("method", method)
    whole.add_component(time_zones.component(zone, booking.starts_at))
    whole.add_component(event)
    return str(whole.to_ical().decode())


def hosts_of(booking: Booking) -> list[tuple[Membership, User]]:
    """Who is booked, the owner first."""
    wanted = (
        sa.select(Membership, User)
        .join(BookingBlock, sa.and_(BookingBlock.workspace_id == Membership.workspace_id,
                                    BookingBlock.membership_id == Membership.id))
        .join(User, User.id == Membership.user_id)
        .where(BookingBlock.booking_id == booking.id)
        .order_by(Membership.id != booking.owner_id, Membership.id)
    )  # fmt: skip
    return [(row[0], row[1]) for row in session.execute(wanted)]


def _what(booking: Booking) -> str:
    page = session.get(BookingPage, booking.booking_page_id) if booking.booking_page_id else None
    return page.name if page is not None else booking.title


def _to_visitor(booking: Booking, kind: str, when: str, workspace: Workspace, public_url: str) -> list[str]:
    names = ", ".join(member.name for member, _user in hosts_of(booking))
    lines = [str(_FIRST[kind]), "", _what(booking), when]
    if kind == "cancelled" and booking.reason:
        lines += ["", booking.reason]
    if kind != "cancelled":
        lines += [_("With {names}, {office}", names=names or workspace.name, office=workspace.name)]
        lines += [_("Where: {place}", place=booking.place)] if booking.place else []
    if kind != "cancelled" and public_url:
        lines += ["", _("Move or cancel it: {url}", url=manage_url(booking, public_url))]
    if workspace.phone:
        lines += ["", _("Call us: {phone}", phone=normal.show_phone(workspace.phone, workspace.region))]
    return [*lines, "", workspace.name]


def _to_host(booking: Booking, when: str) -> list[str]:
    contact = session.get(Contact, booking.contact_id) if booking.contact_id else None
    lines = [_what(booking), when]
    if contact is not None:
        lines += [", ".join(filter(None, (contact.name, booking.email, contact.phone)))]
    lines += [_("Where: {place}", place=booking.place)] if booking.place else []
    lines += ["", booking.message] if booking.message else []
    return lines + (["", booking.reason] if booking.state == "cancelled" and booking.reason else [])


def _host_at(address: str) -> Membership | None:
    return session.scalars(sa.select(Membership).where(Membership.email == address).limit(1)).one_or_none()


def _person(address: str, name: str) -> Any:
    found = icalendar.vCalAddress(f"MAILTO:{address}")
    found.params["CN"] = icalendar.vText(name)
    return found


def _plain(text: str) -> str:
    """Braces are merge fields in letters; what a visitor typed is only text."""
    return text.replace("{{", "{ {")

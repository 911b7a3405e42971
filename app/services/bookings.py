"""Appointments of the public: taken, moved, confirmed, cancelled. Never two at one time of a host, whoever asks and
however.

A time is judged free by `app.services.slots` when it is shown and once more when it is taken, with the hosts locked;
the database refuses overlapping blocks besides. Does not belong here: the clock arithmetic (`slots`), letters
(`app.services.booking_mail`), pages.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from app.errors import Conflict, Gone, Invalid, NotFound
from app.services import booking_hours, booking_letters, booking_mail, intake, records, slots
from app.services.operation import Operation, operation
from app.services.slots import Host, Rules, Slot
from models import scope
from models.base import session
from models.booking import LIVE, Booking, BookingBlock, BookingHost, BookingPage, WorkingHours
from models.fields import now
from models.scope import Actor, Reach
from models.user import User
from models.words import _
from models.workspace import Membership, Workspace

SOURCE = "booking page"
_MOMENT = dt.timedelta(seconds=1)
# No block is longer: twelve hours with as many free before and after.
_LONGEST = dt.timedelta(hours=36)
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
# Fairness looks back so far.
_LATELY = dt.timedelta(days=90)
_VISITOR = {n: dict.fromkeys(("read", "write"), Reach.WORKSPACE) for n in ("booking", "contact")} | {
    n: {"read": Reach.WORKSPACE} for n in ("membership", "booking_page")
}


class Taken(Conflict):
    """Somebody else has the time by now. Nothing was booked, and nobody was written down."""

    def __init__(self) -> None:
        super().__init__(_("That time was just taken. Choose another one; everything you typed is kept."))


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who books, with clean values; `notice` is the wording of the privacy remark that was shown."""

    name: str
    email: str
    phone: str | None
    message: str
    zone: str
    notice: str


def page_at(address: str) -> BookingPage:
    """An open page of the workspace in force. Raises `NotFound`, and `Gone` where it is closed."""
    wanted = sa.select(BookingPage).where(BookingPage.address == address[:60])
    found = session.scalars(wanted).one_or_none()
    if found is None:
        raise NotFound(_("There is no page at this address. Check it for a typing error."))
    if not found.open:
        raise Gone(_("This page was switched off. You did nothing wrong."))
    return found


def open_pages() -> Sequence[BookingPage]:
    """What can be booked in the workspace in force."""
    return session.scalars(sa.select(BookingPage).where(BookingPage.open.is_(True)).order_by(BookingPage.name)).all()


def free(page: BookingPage, since: dt.datetime, until: dt.datetime, *, moved: Booking | None = None) -> list[Slot]:
    """The times of a page that begin in [since, until). For a booking that is to be `moved`, those of its own hosts,
    for whom it does not stand in its own way.
    """
    hosts = hosts_of(page)
    groups = _groups(page, _read(page, hosts, since, until, moved.id if moved is not None else None))
    if moved is not None:
        mine = set(_hosts_of_booking(moved.id))
        groups = [group for group in groups if {host.id for host in group} == mine]
    return slots.free(rules_of(page), groups, since, until, now())


def is_free(page: BookingPage, start: dt.datetime, *, moved: Booking | None = None) -> bool:
    """Whether a time can be taken now, or moved to."""
    return any(one.start == start for one in free(page, start, start + _MOMENT, moved=moved))


def nearest(page: BookingPage, start: dt.datetime, most: int = 3) -> list[dt.datetime]:
    """The free times around one that is taken, the nearest first."""
    around = dt.timedelta(days=14)
    found = [one.start for one in free(page, start - around, start + around)]
    return sorted(found, key=lambda one: (abs(one - start), one))[:most]


def take(page: BookingPage, start: dt.datetime, visitor: Visitor, *, nonce: str, actor: Actor) -> Booking:
    """Book a time, once per `nonce`. Raises `Taken`, `Invalid`."""
    acting = replace(actor, rights=_VISITOR)
    try:
        return _take_once(page, start, visitor, nonce, acting)
    except IntegrityError:
        # Another worker committed the same form, or the same new person, a moment before: now it is seen.
        return _take_once(page, start, visitor, nonce, acting)


def move(key: int, start: dt.datetime, *, actor: Actor, by_visitor: bool = False) -> Booking:
    """Another time for a booking, with the same hosts. Raises `Taken`, `Gone`, `Invalid`."""
    acting = replace(actor, rights=_VISITOR) if by_visitor else actor
    with operation("booking.move", actor=acting):
        booking: Booking = records.load(Booking, key, actor=acting, action="write")
        _require_changeable(booking, by_visitor)
        if start == booking.starts_at:
            return booking
        page = _page_of(booking)
        if by_visitor and page is not None:
            _lock(hosts_of(page))
            if not is_free(page, start, moved=booking):
                raise Taken
        length = booking.ends_at - booking.starts_at
        booking.starts_at, booking.ends_at, booking.sequence = start, start + length, booking.sequence + 1
        hold(booking)
        booking_mail.tell(booking, "moved")
    return booking


def cancel(key: int, reason: str, *, actor: Actor, by_visitor: bool = False) -> Booking:
    """Call a booking off; its time is free again. Raises `Gone`, `Invalid`."""
    acting = replace(actor, rights=_VISITOR) if by_visitor else actor
    with operation("booking.cancel", actor=acting):
        booking: Booking = records.load(Booking, key, actor=acting, action="write")
        if booking.state == "cancelled":
            return booking
        _require_changeable(booking, by_visitor)
        booking.state, booking.reason = "cancelled", reason.strip()[:300] or None
        booking.sequence += 1
        hold(booking)
        booking_mail.tell(booking, "cancelled")
    return booking


def confirm(key: int, *, actor: Actor) -> Booking:
    """asked -> booked, by somebody of the brokerage."""
    with operation("booking.confirm", actor=actor):
        booking: Booking = records.load(Booking, key, actor=actor, action="write")
        if booking.state != "asked":
            raise Invalid({"": _("Only what is still to be confirmed can be confirmed.")})
        booking.state = "booked"
        booking.sequence += 1
        session.flush()
        booking_mail.tell(booking, "booked")
    return booking


def settle(key: int, state: str, *, actor: Actor) -> Booking:
    """booked -> kept | no_show, once its time has come."""
    with operation("booking.settle", actor=actor):
        booking: Booking = records.load(Booking, key, actor=actor, action="write")
        if booking.state not in ("booked", "kept", "no_show") or booking.starts_at > now():
            raise Invalid({"": _("This can be said of a booking once its time has come.")})
        booking.state = state
        session.flush()
    return booking


def changeable_until(booking: Booking) -> dt.datetime:
    """Until when the visitor may move or cancel it."""
    page = _page_of(booking)
    return booking.starts_at - dt.timedelta(hours=page.late if page is not None else 0)


def hold(booking: Booking) -> None:
    """Have the blocks of a booking say what it says. Raises `Taken` where the time is another's by now."""
    page = _page_of(booking)
    rules = rules_of(page) if page is not None else Rules(dt.timedelta(), dt.timedelta(minutes=5))
    with operation("booking.hold", actor=scope.system("Bookings")) as op:
        try:
            with op.attempt():
                session.flush()
                for block in session.scalars(sa.select(BookingBlock).where(BookingBlock.booking_id == booking.id)):
                    block.starts_at, block.ends_at = booking.starts_at - rules.before, booking.ends_at + rules.after
                    block.live = booking.state in LIVE and booking.deleted_at is None
                session.flush()
        except IntegrityError:
            raise Taken from None


def hosts_of(page: BookingPage) -> list[Any]:
    """The hosts of a page who are at work: rows of membership, weight, name and zone, in the order they were added."""
    zone = sa.func.coalesce(sa.func.nullif(User.zone, ""), Workspace.zone).label("zone")
    wanted = (
        sa.select(Membership.id, Membership.name, Membership.email, BookingHost.weight, zone, Membership.user_id)
        .join(BookingHost, sa.and_(BookingHost.workspace_id == Membership.workspace_id,
                                   BookingHost.membership_id == Membership.id))
        .join(User, User.id == Membership.user_id)
        .join(Workspace, Workspace.id == Membership.workspace_id)
        .where(BookingHost.booking_page_id == page.id, BookingHost.deleted_at.is_(None), Membership.active.is_(True),
               User.active.is_(True))
        .order_by(BookingHost.id)
    )  # fmt: skip
    return list(session.execute(wanted))


def rules_of(page: BookingPage) -> Rules:
    def minutes(number: int) -> dt.timedelta:
        return dt.timedelta(minutes=number)

    return Rules(
        minutes(page.minutes), minutes(page.step), minutes(page.before), minutes(page.after),
        dt.timedelta(hours=page.notice), dt.timedelta(days=page.horizon), page.per_day,
    )  # fmt: skip


def _take_once(page: BookingPage, start: dt.datetime, visitor: Visitor, nonce: str, actor: Actor) -> Booking:
    known = sa.select(Booking).where(Booking.source == SOURCE, Booking.source_ref == nonce)
    with operation("booking.take", actor=actor) as op:
        return session.scalars(known).one_or_none() or _take(page, start, visitor, nonce, actor, op)


def _take(page: BookingPage, start: dt.datetime, visitor: Visitor, nonce: str, actor: Actor, op: Operation) -> Booking:
    inquiry = intake.Inquiry(
        visitor.name, visitor.email, visitor.phone, title=page.name, message=visitor.message, notice=visitor.notice
    )
    contact = intake.meet(inquiry, source=SOURCE, actor=actor)
    _lock(hosts_of(page))
    slot = next((one for one in free(page, start, start + _MOMENT) if one.start == start), None)
    for group in _in_turn(page, slot.groups) if slot is not None else ():
        try:
            with op.attempt():
                booking = _made(page, start, visitor, nonce, contact.id, group, actor)
        except IntegrityError:
            continue
        booking_mail.tell(booking, booking.state)
        return booking
    raise Taken


def _made(
    page: BookingPage, start: dt.datetime, visitor: Visitor, nonce: str, contact: int, group: tuple[int, ...],
    actor: Actor,
) -> Booking:  # fmt: skip
    rules = rules_of(page)
    given: dict[str, Any] = {
        "title": f"{page.name}: {visitor.name}"[:300], "booking_page_id": page.id, "contact_id": contact,
        "starts_at": start, "ends_at": start + rules.length, "place": booking_letters.place(page), "owner_id": group[0],
        "message": visitor.message or None, "email": visitor.email,
    }  # fmt: skip
    made: Booking = records.create(Booking, given, actor=actor, source=SOURCE, source_ref=nonce, asked=False)
    made.state = "asked" if page.approval else "booked"
    made.zone, made.uid = visitor.zone, f"{uuid.uuid4()}"
    span = {"starts_at": start - rules.before, "ends_at": start + rules.length + rules.after}
    held = {"booking_id": made.id, "contact_id": contact, **span}
    session.add_all(BookingBlock(membership_id=host, **held) for host in sorted(group))
    session.flush()
    return made


def _lock(hosts: Sequence[Any]) -> None:
    """One booking at a time for these hosts, so that caps and turns hold too; SQLite has one writer anyway."""
    ids = [host.id for host in hosts]
    session.execute(
        sa.select(Membership.id).where(Membership.id.in_(ids)).order_by(Membership.id).with_for_update(key_share=True)
    )


def _groups(page: BookingPage, hosts: Sequence[Host]) -> list[list[Host]]:
    if page.strategy == "collective":
        return [list(hosts)] if hosts else []
    return [[host] for host in (hosts[:1] if page.strategy == "one" else hosts)]


def _in_turn(page: BookingPage, groups: Sequence[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """Who has had the fewest of late, for their weight, comes first."""
    if len(groups) < 2:
        return list(groups)
    lately = (
        sa.select(Booking.owner_id, sa.func.count())
        .where(Booking.booking_page_id == page.id, Booking.state.in_(LIVE), Booking.created_at > now() - _LATELY)
        .group_by(Booking.owner_id)
    )
    counts: dict[int | None, int] = dict(session.execute(lately).all())
    weights = {host.id: host.weight for host in hosts_of(page)}
    return sorted(groups, key=lambda group: (counts.get(group[0], 0) / weights.get(group[0], 1), group))


def _read(
    page: BookingPage, rows: Sequence[Any], since: dt.datetime, until: dt.datetime, apart: int | None
) -> list[Host]:
    """The hosts with their hours and what is taken of them, in two statements however many bookings there are."""
    ids = [row.id for row in rows]
    hours: dict[int, list[WorkingHours]] = {}
    for one in session.scalars(sa.select(WorkingHours).where(WorkingHours.owner_id.in_(ids))):
        hours.setdefault(one.owner_id or 0, []).append(one)
    reach = until + _LONGEST
    taken = (
        sa.select(BookingBlock.membership_id, BookingBlock.starts_at, BookingBlock.ends_at, Booking.id,
                  Booking.booking_page_id, Booking.starts_at.label("begun"))
        .join(Booking, sa.and_(Booking.workspace_id == BookingBlock.workspace_id,
                               Booking.id == BookingBlock.booking_id))
        .where(BookingBlock.membership_id.in_(ids), BookingBlock.live.is_(True),
               BookingBlock.starts_at.between(since - _LONGEST, reach))
    )  # fmt: skip
    busy: dict[int, list[slots.Span]] = {}
    begun: dict[int, list[dt.datetime]] = {}
    for block in session.execute(taken):
        if block.id == apart:
            continue
        busy.setdefault(block.membership_id, []).append((block.starts_at, block.ends_at))
        if block.booking_page_id == page.id:
            begun.setdefault(block.membership_id, []).append(block.begun)
    return [
        Host(row.id, ZoneInfo(row.zone), *_hours(hours.get(row.id, ())), busy.get(row.id, ()), begun.get(row.id, ()))
        for row in rows
    ]


def _hours(some: Sequence[WorkingHours]) -> tuple[dict[int, slots.Hours], dict[dt.date, slots.Hours]]:
    weekly: dict[int, list[tuple[int, int]]] = {}
    dates: dict[dt.date, list[tuple[int, int]]] = {}
    for one in some:
        if one.day is not None:
            dates.setdefault(one.day, []).extend(
                [] if one.closed or not (one.begins and one.ends) else [booking_hours.minutes(one)]
            )
        elif one.weekday and one.begins and one.ends:
            weekly.setdefault(_DAYS.index(one.weekday), []).append(booking_hours.minutes(one))
    return dict(weekly), dict(dates)


def _hosts_of_booking(key: int) -> list[int]:
    return list(session.scalars(sa.select(BookingBlock.membership_id).where(BookingBlock.booking_id == key)))


def _page_of(booking: Booking) -> BookingPage | None:
    return session.get(BookingPage, booking.booking_page_id) if booking.booking_page_id else None


def _require_changeable(booking: Booking, by_visitor: bool) -> None:
    if booking.state not in ("asked", "booked"):
        raise Gone(_("This booking is over or was cancelled. Nothing was changed."))
    if by_visitor and now() > changeable_until(booking):
        raise Gone(_("It is too late to change this here. Please call us."))


@records.rule(Booking)
def _held(booking: Booking, _op: Operation) -> None:
    """Whichever way a booking is written, its blocks follow."""
    if booking.ends_at <= booking.starts_at:
        raise Invalid({"ends_at": _("Ends: give an end after the begin.")})
    if booking.id is not None:
        hold(booking)


@records.before_delete(Booking)
def _let_go(booking: Booking, _op: Operation) -> None:
    if booking.state in ("asked", "booked") and booking.starts_at > now():
        raise Invalid({"": _("Cancel this booking first, so that the visitor is told.")})

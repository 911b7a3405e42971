"""Hours in which people can be booked, and the pages of appointments: what their records must say.

Does not belong here: bookings (`app.services.bookings`) and which times are free (`app.services.slots`).
"""

from __future__ import annotations

import re
from typing import Any

import sqlalchemy as sa

from app.errors import Invalid
from app.services import records
from app.services.operation import Operation
from models import formats
from models.booking import WEEKDAYS, BookingHost, BookingPage, WorkingHours
from models.words import N_, _

_ADDRESS = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_DAY_MINUTES = 24 * 60
# Stands before the visitors' own pages.
RESERVED = "booked"
# Field -> (least, most).
_BOUNDS = {
    "minutes": (5, 12 * 60), "step": (10, 24 * 60), "before": (0, 12 * 60), "after": (0, 12 * 60),
    "notice": (0, 90 * 24), "horizon": (1, 365), "per_day": (1, 100), "late": (0, 30 * 24), "remind": (0, 30 * 24),
}  # fmt: skip
_BOUND = N_("{label}: give a number from {least} to {most}.")


@records.rule(BookingPage)
@records.rule(BookingHost)
@records.rule(WorkingHours)
def begun(record: Any, _op: Operation) -> None:
    """What is left out of a new record has its usual value before the others look at it."""
    for column in sa.inspect(type(record)).columns if record.id is None else ():
        if column.default is not None and column.default.is_scalar and getattr(record, column.key) is None:
            setattr(record, column.key, column.default.arg)


@records.rule(BookingPage)
def bounded(page: BookingPage, _op: Operation) -> None:
    """Numbers a calendar can be made of, and an address that reads well."""
    problems = {}
    for name, (least, most) in _BOUNDS.items():
        given = getattr(page, name)
        if given is not None and not least <= given <= most:
            label = type(page).__table__.c[name].info["field"].label
            problems[name] = _BOUND.format(label=label, least=least, most=most)
    page.address = page.address.strip().lower()
    if not _ADDRESS.fullmatch(page.address) or page.address == RESERVED:
        problems["address"] = _("Web address: use small letters, digits and single hyphens, such as buyer-call.")
    if problems:
        raise Invalid(problems)


@records.rule(BookingHost)
def weighed(host: BookingHost, _op: Operation) -> None:
    if not 1 <= host.weight <= 10:
        raise Invalid({"weight": _("Weight: give a number from 1 to 10.")})


@records.rule(WorkingHours)
def named(hours: WorkingHours, _op: Operation) -> None:
    """Hours are of a weekday or of a date; their name says which."""
    problems = {}
    if hours.owner_id is None:
        problems["owner_id"] = _("Owner: choose whose hours these are.")
    if (hours.weekday is None) == (hours.day is None):
        problems["weekday"] = _("Weekday: choose a weekday, or give a date; one of the two.")
    if hours.closed and hours.day is None:
        problems["closed"] = _("Not at all: this is said of a date. Delete the hours of a weekday instead.")
    if not hours.closed and not (hours.begins and hours.ends and hours.begins < hours.ends):
        problems["ends"] = _("To: give an end after the begin.")
    if problems:
        raise Invalid(problems)
    when = dict(WEEKDAYS).get(hours.weekday or "") or (formats.date(hours.day) if hours.day else "")
    hours.name = _("{when}, closed", when=when) if hours.closed else f"{when}, {hours.begins}–{hours.ends}"


def minutes(hours: WorkingHours) -> tuple[int, int]:
    """From and to in minutes after midnight."""
    return _minute(hours.begins), _minute(hours.ends)


def _minute(text: str | None) -> int:
    hour, _colon, minute = (text or "").partition(":")
    return min(int(hour) * 60 + int(minute), _DAY_MINUTES)

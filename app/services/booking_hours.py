"""Hours in which people can be booked, and the pages of appointments: what their records must say.

Does not belong here: bookings (`app.services.bookings`) and which times are free (`app.services.slots`).
"""

from __future__ import annotations

import re
from typing import Any

import sqlalchemy as sa

from app.errors import Invalid
from app.services import records, schema
from app.services.operation import Operation
from models.booking import BookingHost, BookingPage, WorkingHours
from models.words import N_, _

_ADDRESS = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_DAY_MINUTES = 24 * 60
_TOLD = ("owner_id", "weekday", "day", "begins", "ends", "closed")
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
        if given is not None and not least <= given <= most and _is_set_now(page, name):
            label = type(page).__table__.c[name].info["field"].label
            problems[name] = _BOUND.format(label=label, least=least, most=most)
    page.address = page.address.strip().lower()
    if _is_set_now(page, "address") and (not _ADDRESS.fullmatch(page.address) or page.address == RESERVED):
        problems["address"] = _("Web address: use small letters, digits and single hyphens, such as buyer-call.")
    if problems:
        raise Invalid(problems)


@records.rule(BookingHost)
def weighed(host: BookingHost, _op: Operation) -> None:
    if not 1 <= host.weight <= 10 and _is_set_now(host, "weight"):
        raise Invalid({"weight": _("Weight: give a number from 1 to 10.")})


@records.rule(WorkingHours)
def fitting(hours: WorkingHours, _op: Operation) -> None:
    """Hours are of a weekday or of a date, and end after they begin. Who does not see all of it must not find out the
    one by trying the other; a date counts before a weekday, and hours that do not fit count for nothing.
    """
    hours.name = hours.name or _("Working hours")
    if not all(schema.sees(WorkingHours, name) for name in _TOLD) or not any(_is_set_now(hours, n) for n in _TOLD):
        return
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


def _is_set_now(record: Any, name: str) -> bool:
    """Whether this write sets the field: what is as it was tells nothing to who is kept from it."""
    state: Any = sa.inspect(record)
    return not state.persistent or bool(state.attrs[name].history.has_changes())


def minutes(hours: WorkingHours) -> tuple[int, int]:
    """From and to in minutes after midnight."""
    return _minute(hours.begins), _minute(hours.ends)


def _minute(text: str | None) -> int:
    hour, _colon, minute = (text or "").partition(":")
    return min(int(hour) * 60 + int(minute), _DAY_MINUTES)

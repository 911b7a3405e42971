"""Stretches of days that tiles speak of: "this month", "the last 7 days", the weeks of a chart; and what each is
compared with.

Pure: days in, days out; which day it is where the viewer is, is said by who asks. An end is the first day behind it.
Does not belong here: how a stretch stands in SQL (`app.services.group_keys`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from models import formats
from models.words import N_, _

PERIODS: Mapping[str, str] = MappingProxyType({
    "today": N_("Today"),
    "week": N_("This week"),
    "month": N_("This month"),
    "quarter": N_("This quarter"),
    "year": N_("This year"),
    "last7": N_("Last 7 days"),
    "last30": N_("Last 30 days"),
    "last90": N_("Last 90 days"),
    "last365": N_("Last 365 days"),
    "next7": N_("Next 7 days"),
    "next30": N_("Next 30 days"),
    "next90": N_("Next 90 days"),
})  # fmt: skip
EVERY: Mapping[str, str] = MappingProxyType({"day": N_("Day"), "week": N_("Week"), "month": N_("Month")})
# How many of them a chart may show, the first unless said otherwise.
SPANS: Mapping[str, tuple[int, ...]] = MappingProxyType({"day": (14, 7, 30), "week": (8, 13, 26), "month": (12, 6, 24)})
_MONTHS = {"month": 1, "quarter": 3, "year": 12}
_DAY = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Stretch:
    """The days from `start` up to, but without, `end`."""

    start: dt.date
    end: dt.date

    @property
    def days(self) -> int:
        return (self.end - self.start).days


def stretch(period: str, today: dt.date, weekday: int) -> Stretch:
    """The days of a period; weeks begin on `weekday`, 0 for Monday."""
    if period.startswith("last"):
        return Stretch(today - dt.timedelta(days=int(period[4:]) - 1), today + _DAY)
    if period.startswith("next"):
        return Stretch(today, today + dt.timedelta(days=int(period[4:])))
    start = begin(period, today, weekday)
    return Stretch(start, _after(period, start))


def before(period: str, today: dt.date, weekday: int) -> Stretch | None:
    """What a period is compared with: as many days before, or as much of the one before as there is of this one; None
    for what is yet to come.
    """
    if period.startswith("next"):
        return None
    now = stretch(period, today, weekday)
    if period.startswith("last"):
        return Stretch(now.start - dt.timedelta(days=now.days), now.start)
    start = begin(period, now.start - _DAY, weekday)
    return Stretch(start, min(start + (today + _DAY - now.start), now.start))


def begin(unit: str, day: dt.date, weekday: int) -> dt.date:
    """The first day of the day, week, month, quarter or year that a day is in."""
    if unit in _MONTHS:
        return day.replace(month=(day.month - 1) // _MONTHS[unit] * _MONTHS[unit] + 1, day=1)
    return day - dt.timedelta(days=(day.weekday() - weekday) % 7) if unit == "week" else day


def _after(unit: str, start: dt.date) -> dt.date:
    """The first day behind the unit that begins on `start`."""
    if unit not in _MONTHS:
        return start + dt.timedelta(days=7 if unit == "week" else 1)
    months = start.month - 1 + _MONTHS[unit]
    return dt.date(start.year + months // 12, months % 12 + 1, 1)


def steps(every: str, span: int, today: dt.date, weekday: int) -> list[Stretch]:
    """The last `span` days, weeks or months in order; the last is the present one."""
    start = begin(every, today, weekday)
    found = [Stretch(start, _after(every, start))]
    while len(found) < span:
        end = found[-1].start
        found.append(Stretch(begin(every, end - _DAY, weekday), end))
    return found[::-1]


def name(every: str, one: Stretch) -> str:
    """What stands under a step of a chart."""
    if every == "month":
        return formats.short_month(one.start, year=one.start.month == 1)
    return formats.day_of_month(one.start)


def whole_name(every: str, one: Stretch) -> str:
    """What a step of a chart is called."""
    if every == "month":
        return formats.month(one.start)
    day = formats.date(one.start)
    return _("Week from {day}", day=day) if every == "week" else day

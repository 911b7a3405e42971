"""A time zone as a calendar object tells it (RFC 5545, 3.6.5), for one moment: the change of the clocks before it and
the one after it.

Without lists of dates and without rules, which readers disagree on: what is told is all that one appointment needs, in
the simplest form there is.
"""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import icalendar

_LONGEST = 400
_EVER = dt.datetime(1970, 1, 1)  # noqa: DTZ001  by the wall clock


def component(zone: ZoneInfo, at: dt.datetime) -> icalendar.Timezone:
    """The VTIMEZONE of a zone around a moment."""
    found = icalendar.Timezone()
    found.add("tzid", zone.key)
    changes = [one for one in (_change(zone, at, -1), _change(zone, at, 1)) if one is not None]
    for change in changes:
        before, after = ((change + dt.timedelta(seconds=n)).astimezone(zone) for n in (-1, 0))
        # The begin of an observance is told by the clock that goes out of use.
        onset = change.replace(tzinfo=None) + _offset(before)
        found.add_component(_observance(onset, _offset(before), after))
    if not changes or changes[0] > at:
        first = (changes[0] - dt.timedelta(seconds=1) if changes else at).astimezone(zone)
        found.add_component(_observance(_EVER, _offset(first), first))
    return found


def _observance(onset: dt.datetime, old: dt.timedelta, new: dt.datetime) -> icalendar.cal.Component:
    made = icalendar.TimezoneDaylight() if new.dst() else icalendar.TimezoneStandard()
    made.add("dtstart", onset)
    made.add("tzoffsetfrom", old)
    made.add("tzoffsetto", _offset(new))
    made.add("tzname", new.tzname() or "")
    return made


def _change(zone: ZoneInfo, at: dt.datetime, way: int) -> dt.datetime | None:
    """The moment of the nearest change of the clocks before (-1) or after (1) a moment, in UTC; None where there is
    none within a year."""
    near = at.astimezone(dt.UTC)
    for _day in range(_LONGEST):
        far = near + dt.timedelta(days=way)
        if _offset(far.astimezone(zone)) != _offset(near.astimezone(zone)):
            return _between(zone, *sorted((near, far)))
        near = far
    return None


def _between(zone: ZoneInfo, low: dt.datetime, high: dt.datetime) -> dt.datetime:
    """The first second with the offset of `high`."""
    while high - low > dt.timedelta(seconds=1):
        middle = low + dt.timedelta(seconds=(high - low).total_seconds() // 2)
        if _offset(middle.astimezone(zone)) == _offset(high.astimezone(zone)):
            high = middle
        else:
            low = middle
    return high.replace(microsecond=0)


def _offset(local: dt.datetime) -> dt.timedelta:
    return local.utcoffset() or dt.timedelta()

"""Which times can be booked: one function, asked when times are shown and asked again when one is taken.

Pure: no database, no clock. Hours are wall-clock times in the zone of a host, everything else is an instant in UTC.
Where clocks go forward, a time that does not exist is read with the offset from before the gap (RFC 5545, 3.3.5);
where they go back, hours begin at the first of two equal times and end at the second. Does not belong here: reading
hosts and bookings (`app.services.bookings`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

Span = tuple[dt.datetime, dt.datetime]
# Minutes after midnight by the wall clock: (from, to), to at most 1440.
Hours = Sequence[tuple[int, int]]
_DAY = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Rules:
    """What a page asks of a time, in the units of its fields as time spans. `per_day` counts for each host and day."""

    length: dt.timedelta
    step: dt.timedelta
    before: dt.timedelta = dt.timedelta()
    after: dt.timedelta = dt.timedelta()
    notice: dt.timedelta = dt.timedelta()
    horizon: dt.timedelta = dt.timedelta(days=60)
    per_day: int | None = None


@dataclass(frozen=True, slots=True)
class Host:
    """Somebody who can be booked. `weekly` has the hours of Monday (0) to Sunday (6), `dates` those of single days in
    their place; `busy` are spans that are taken, free minutes included; `begun` the starts of bookings that count for
    a day.
    """

    id: int
    zone: ZoneInfo
    weekly: Mapping[int, Hours] = field(default_factory=dict)
    dates: Mapping[dt.date, Hours] = field(default_factory=dict)
    busy: Sequence[Span] = ()
    begun: Sequence[dt.datetime] = ()


@dataclass(frozen=True, slots=True)
class Slot:
    """A time that is free, and the sets of hosts each of which could take it."""

    start: dt.datetime
    groups: tuple[tuple[int, ...], ...]


def free(
    rules: Rules, groups: Iterable[Sequence[Host]], since: dt.datetime, until: dt.datetime, now: dt.datetime
) -> list[Slot]:
    """The free times that begin in [since, until), in order. The hosts of a group are all needed; any group will do."""
    since, until = max(since, now + rules.notice), min(until, now + rules.horizon)
    found: dict[dt.datetime, list[tuple[int, ...]]] = {}
    for group in groups:
        for start in _of_group(rules, group, since, until):
            found.setdefault(start, []).append(tuple(host.id for host in group))
    return [Slot(start, tuple(found[start])) for start in sorted(found)]


def windows(host: Host, since: dt.datetime, until: dt.datetime) -> list[Span]:
    """The hours of a host that reach into [since, until), as instants in order."""
    day, last = since.astimezone(host.zone).date() - _DAY, until.astimezone(host.zone).date() + _DAY
    found: list[Span] = []
    while day <= last:
        for begin, end in host.dates.get(day, host.weekly.get(day.weekday(), ())):
            span = (instant(day, begin, host.zone), instant(day, end, host.zone, late=True))
            if span[0] < span[1] and span[1] > since and span[0] < until:
                found.append(span)
        day += _DAY
    return sorted(found)


def instant(day: dt.date, minute: int, zone: ZoneInfo, *, late: bool = False) -> dt.datetime:
    """A minute of a day by the wall clock of a zone, in UTC; of two equal times the first, or the `late` one."""
    local = (dt.datetime.combine(day, dt.time()) + dt.timedelta(minutes=minute)).replace(tzinfo=zone)
    first = local.astimezone(dt.UTC)
    return max(first, local.replace(fold=1).astimezone(dt.UTC)) if late else first


def joined(spans: Iterable[Span]) -> list[Span]:
    """Spans in order, those that overlap or touch as one."""
    found: list[Span] = []
    for begin, end in sorted(spans):
        if found and begin <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((begin, end))
    return found


def shared(first: Sequence[Span], second: Sequence[Span]) -> list[Span]:
    """What two lists of spans in order have in common."""
    found, at, to = [], 0, 0
    while at < len(first) and to < len(second):
        begin, end = max(first[at][0], second[to][0]), min(first[at][1], second[to][1])
        if begin < end:
            found.append((begin, end))
        if first[at][1] <= second[to][1]:
            at += 1
        else:
            to += 1
    return found


def _of_group(rules: Rules, group: Sequence[Host], since: dt.datetime, until: dt.datetime) -> list[dt.datetime]:
    if not group or since >= until:
        return []
    # What begins before `until` may end in hours that begin after it.
    last = until + rules.length
    lead = windows(group[0], since, last)
    extents = joined(lead)
    for host in group[1:]:
        extents = shared(extents, joined(windows(host, since, last)))
    taken = joined(span for host in group for span in host.busy)
    full = [(host.zone, days) for host in group if (days := _full_days(host, rules))]
    found: list[dt.datetime] = []
    until_free = rules.length + rules.after
    at = within = 0
    for start in _starts(lead, rules.step, since, until):
        while within < len(extents) and extents[within][1] <= start:
            within += 1
        if within == len(extents):
            break
        fits = extents[within][0] <= start and start + rules.length <= extents[within][1]
        if not fits:
            continue
        while at < len(taken) and taken[at][1] <= start - rules.before:
            at += 1
        clear = at == len(taken) or taken[at][0] >= start + until_free
        if clear and not any(start.astimezone(zone).date() in days for zone, days in full):
            found.append(start)
    return found


def _starts(hours: Sequence[Span], step: dt.timedelta, since: dt.datetime, until: dt.datetime) -> list[dt.datetime]:
    """Each `step` from the begin of the hours of a day, whatever span of days is asked for: so a start that was shown
    is one of those when it is taken."""
    found = set[dt.datetime]()
    for begin, end in hours:
        start = begin if begin >= since else begin + -((begin - since) // step) * step
        while start < min(end, until):
            found.add(start)
            start += step
    return sorted(found)


def _full_days(host: Host, rules: Rules) -> frozenset[dt.date]:
    if rules.per_day is None:
        return frozenset()
    counts: dict[dt.date, int] = {}
    for moment in host.begun:
        day = moment.astimezone(host.zone).date()
        counts[day] = counts.get(day, 0) + 1
    return frozenset(day for day, count in counts.items() if count >= rules.per_day)

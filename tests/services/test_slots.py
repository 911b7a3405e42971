"""Which times can be booked, held to what a person with a clock on the wall would say: in every zone, across every
change of the clocks.
"""

from __future__ import annotations

import datetime as dt
import io
from zoneinfo import ZoneInfo, available_timezones

import icalendar
import pytest
from dateutil import tz
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.services import slots, time_zones
from app.services.slots import Host, Rules

NOW = dt.datetime(2027, 3, 1, 12, tzinfo=dt.UTC)
HALF, HOUR = dt.timedelta(minutes=30), dt.timedelta(hours=1)
DENVER = ZoneInfo("America/Denver")
NINE_TO_NOON = {n: [(9 * 60, 12 * 60)] for n in range(5)}
ZONES = sorted(zone for zone in available_timezones() if not zone.startswith(("Etc/", "SystemV", "posix", "right")))
PROPERTY = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


def local(host: Host, found: list[slots.Slot]) -> list[str]:
    return [f"{one.start.astimezone(host.zone):%a %d %H:%M}" for one in found]


def day(number: int, zone: ZoneInfo = DENVER) -> dt.datetime:
    return dt.datetime(2027, 3, number, tzinfo=zone).astimezone(dt.UTC)


def test_hours_give_starts_by_the_hosts_clock() -> None:
    host = Host(1, DENVER, NINE_TO_NOON)
    found = slots.free(Rules(HOUR, HALF), [[host]], day(3), day(4), NOW)
    assert local(host, found) == ["Wed 03 09:00", "Wed 03 09:30", "Wed 03 10:00", "Wed 03 10:30", "Wed 03 11:00"]
    assert slots.free(Rules(HOUR, HALF), [[host]], day(6), day(8), NOW) == [], "not at the weekend"


def test_what_is_taken_is_left_out_with_the_free_minutes_around_it() -> None:
    ten = dt.datetime(2027, 3, 3, 10, tzinfo=DENVER).astimezone(dt.UTC)
    host = Host(1, DENVER, NINE_TO_NOON, busy=[(ten, ten + HALF)])
    rules = Rules(HALF, HALF, after=dt.timedelta(minutes=15))
    assert local(host, slots.free(rules, [[host]], day(3), day(4), NOW)) == [
        "Wed 03 09:00", "Wed 03 10:30", "Wed 03 11:00", "Wed 03 11:30",
    ]  # fmt: skip


def test_notice_horizon_and_the_most_of_a_day() -> None:
    host = Host(1, DENVER, NINE_TO_NOON, begun=[dt.datetime(2027, 3, 3, 9, tzinfo=DENVER)])
    ten = dt.datetime(2027, 3, 3, 10, 10, tzinfo=DENVER).astimezone(dt.UTC)
    rules = Rules(HALF, HALF, notice=HOUR, horizon=dt.timedelta(days=1))
    found = local(host, slots.free(rules, [[host]], day(1), day(30), ten))
    assert found[0] == "Wed 03 11:30" and found[-1] == "Thu 04 10:00"
    capped = Rules(HALF, HALF, per_day=1)
    assert {one[:6] for one in local(host, slots.free(capped, [[host]], day(3), day(5), NOW))} == {"Thu 04"}


def test_a_date_stands_in_the_place_of_its_weekday() -> None:
    host = Host(1, DENVER, NINE_TO_NOON, dates={dt.date(2027, 3, 3): [(840, 900)], dt.date(2027, 3, 4): []})
    found = local(host, slots.free(Rules(HALF, HALF), [[host]], day(3), day(5), NOW))
    assert found == ["Wed 03 14:00", "Wed 03 14:30"]


def test_any_host_in_turn_and_all_hosts_together() -> None:
    east = Host(2, ZoneInfo("America/New_York"), NINE_TO_NOON)
    west = Host(1, DENVER, NINE_TO_NOON)
    either = slots.free(Rules(HOUR, HOUR), [[west], [east]], day(3), day(4), NOW)
    assert [(f"{one.start:%H:%M}", one.groups) for one in either] == [
        ("14:00", ((2,),)), ("15:00", ((2,),)), ("16:00", ((1,), (2,))), ("17:00", ((1,),)), ("18:00", ((1,),)),
    ]  # fmt: skip
    both = slots.free(Rules(HOUR, HOUR), [[west, east]], day(3), day(4), NOW)
    assert [(f"{one.start:%H:%M}", one.groups) for one in both] == [("16:00", ((1, 2),))]


@pytest.mark.parametrize(
    ("date", "wanted"),
    [
        # Clocks go forward at 2:00: the hour from 2 to 3 is not there.
        (14, ["01:00", "01:30", "03:00", "03:30"]),
        (15, ["01:00", "01:30", "02:00", "02:30", "03:00", "03:30"]),
    ],
)
def test_clocks_go_forward(date: int, wanted: list[str]) -> None:
    host = Host(1, DENVER, {n: [(60, 240)] for n in range(7)})
    found = slots.free(Rules(HALF, HALF), [[host]], day(date), day(date + 1), NOW)
    assert [one[-5:] for one in local(host, found)] == wanted


def test_clocks_go_back() -> None:
    host = Host(1, DENVER, {n: [(60, 120)] for n in range(7)})
    since = dt.datetime(2027, 11, 7, tzinfo=DENVER)
    found = slots.free(Rules(HALF, HALF), [[host]], since, since + dt.timedelta(days=1), since.astimezone(dt.UTC))
    assert [f"{one.start.astimezone(DENVER):%H:%M %Z}" for one in found] == [
        "01:00 MDT", "01:30 MDT", "01:00 MST", "01:30 MST",
    ]  # fmt: skip


@st.composite
def cases(draw: st.DrawFn) -> tuple[Rules, Host, dt.datetime]:
    zone = ZoneInfo(draw(st.sampled_from(ZONES)))
    now = dt.datetime(2026, 1, 1, tzinfo=dt.UTC) + dt.timedelta(minutes=15 * draw(st.integers(0, 70_000)))
    quarters = st.integers(0, 96).map(lambda n: n * 15)
    hours = st.lists(st.tuples(quarters, quarters).filter(lambda pair: pair[0] < pair[1]), max_size=3)
    weekly = {weekday: draw(hours) for weekday in range(7)}
    spans = st.tuples(st.integers(0, 14 * 96), st.integers(1, 20))
    busy = [
        (now + dt.timedelta(minutes=15 * at), now + dt.timedelta(minutes=15 * (at + long)))
        for at, long in draw(st.lists(spans, max_size=8))
    ]
    minutes = st.sampled_from([5, 15, 20, 30, 45, 50, 60, 90])
    rules = Rules(
        dt.timedelta(minutes=draw(minutes)), dt.timedelta(minutes=draw(minutes)),
        before=dt.timedelta(minutes=draw(st.sampled_from([0, 10, 30]))),
        after=dt.timedelta(minutes=draw(st.sampled_from([0, 10, 30]))),
        notice=dt.timedelta(hours=draw(st.integers(0, 48))),
    )  # fmt: skip
    return rules, Host(1, zone, weekly, busy=busy), now


@PROPERTY
@given(cases())
def test_in_every_zone_each_time_is_within_hours_free_and_the_same_when_it_is_taken(
    case: tuple[Rules, Host, dt.datetime],
) -> None:
    rules, host, now = case
    until = now + dt.timedelta(days=12)
    found = slots.free(rules, [[host]], now, until, now)
    starts = [one.start for one in found]
    assert starts == sorted(set(starts))
    for start in starts[:: max(1, len(starts) // 12)]:
        assert now + rules.notice <= start < until
        for tick in range(0, int(rules.length.total_seconds()), 300):
            assert _is_open(host, start + dt.timedelta(seconds=tick)), (start, tick)
        held = (start - rules.before, start + rules.length + rules.after)
        assert not any(begin < held[1] and end > held[0] for begin, end in host.busy)
        again = slots.free(rules, [[host]], start, start + dt.timedelta(seconds=1), now)
        assert [one.start for one in again] == [start], "what was shown can be taken"
        taken = Host(1, host.zone, host.weekly, busy=[*host.busy, held])
        assert start not in [one.start for one in slots.free(rules, [[taken]], now, until, now)]


def _is_open(host: Host, moment: dt.datetime) -> bool:
    """What a person says who looks at the clock on the wall; in the hour that comes twice both are the same to them."""
    here = moment.astimezone(host.zone)
    minute = here.hour * 60 + here.minute + here.second / 60
    today = any(begin <= minute < end for begin, end in host.weekly.get(here.weekday(), ()))
    # Hours that a gap swallowed are read with the offset from before it, and so lie a little later on the clock.
    before = here - dt.timedelta(hours=3)
    return today or (before.utcoffset() != here.utcoffset())


@PROPERTY
@given(st.sampled_from(ZONES), st.integers(0, 24 * 365 * 3))
def test_a_calendar_file_means_the_same_instant_to_every_reader(name: str, hours: int) -> None:
    """Across all changes of the clocks; a reader that has no zones of its own goes by what the file tells."""
    zone = ZoneInfo(name)
    at = dt.datetime(2026, 1, 1, 3, tzinfo=dt.UTC) + dt.timedelta(hours=hours)
    local = at.astimezone(zone)
    if local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset():
        return  # the hour that comes twice can be told in UTC alone
    event, whole = icalendar.Event(), icalendar.Calendar()
    event.add("dtstart", local)
    whole.add_component(time_zones.component(zone, at))
    whole.add_component(event)
    text = whole.to_ical().decode()
    told = text.replace(name, "Nowhere/Known")
    assert icalendar.Calendar.from_ical(text).walk("VEVENT")[0].decoded("dtstart").astimezone(dt.UTC) == at
    rules = told[told.index("BEGIN:VTIMEZONE") : told.index("END:VTIMEZONE")] + "END:VTIMEZONE\r\n"
    reader = tz.tzical(io.StringIO(rules)).get()
    assert local.replace(tzinfo=reader).astimezone(dt.UTC) == at, text

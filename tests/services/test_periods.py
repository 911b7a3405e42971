"""Stretches of days: each day in one of them, without holes, and compared with as much of the one before."""

from __future__ import annotations

import datetime as dt
import itertools

from hypothesis import given
from hypothesis import strategies as st

from app.services import periods
from app.services.periods import EVERY, PERIODS, SPANS, Stretch

DAYS = st.dates(dt.date(1999, 1, 1), dt.date(2100, 12, 31))
WEEKDAYS = st.integers(0, 6)
DAY = dt.timedelta(days=1)


def test_periods_as_people_mean_them() -> None:
    today, monday = dt.date(2026, 11, 26), 0
    wanted = {
        "today": ("2026-11-26", "2026-11-27", "2026-11-25", "2026-11-26"),
        "week": ("2026-11-23", "2026-11-30", "2026-11-16", "2026-11-20"),
        "month": ("2026-11-01", "2026-12-01", "2026-10-01", "2026-10-27"),
        "quarter": ("2026-10-01", "2027-01-01", "2026-07-01", "2026-08-27"),
        "year": ("2026-01-01", "2027-01-01", "2025-01-01", "2025-11-27"),
        "last7": ("2026-11-20", "2026-11-27", "2026-11-13", "2026-11-20"),
    }
    for period, (start, end, old, cut) in wanted.items():
        assert periods.stretch(period, today, monday) == Stretch(
            dt.date.fromisoformat(start), dt.date.fromisoformat(end)
        )
        assert periods.before(period, today, monday) == Stretch(dt.date.fromisoformat(old), dt.date.fromisoformat(cut))
    assert periods.stretch("next30", today, monday) == Stretch(today, dt.date(2026, 12, 26))
    assert periods.before("next30", today, monday) is None
    assert periods.before("month", dt.date(2026, 3, 31), 0) == Stretch(dt.date(2026, 2, 1), dt.date(2026, 3, 1))
    assert periods.stretch("week", today, 6).start == dt.date(2026, 11, 22), "weeks may begin on Sunday"


@given(DAYS, WEEKDAYS, st.sampled_from(sorted(PERIODS)))
def test_a_period_holds_today_and_the_one_before_ends_ahead_of_it(day: dt.date, weekday: int, period: str) -> None:
    now, old = periods.stretch(period, day, weekday), periods.before(period, day, weekday)
    assert now.start <= day < now.end
    if old is not None:
        assert old.start < old.end <= now.start
        assert old.days <= (day + DAY - now.start).days or period.startswith("last")


@given(DAYS, WEEKDAYS, st.sampled_from(sorted(EVERY)), st.data())
def test_steps_follow_each_other_without_holes(day: dt.date, weekday: int, every: str, data: st.DataObject) -> None:
    span = data.draw(st.sampled_from(SPANS[every]))
    found = periods.steps(every, span, day, weekday)
    assert len(found) == span and found[-1].start <= day < found[-1].end
    assert all(one.end == then.start for one, then in itertools.pairwise(found))
    if every == "week":
        assert all(one.days == 7 and one.start.weekday() == weekday for one in found)

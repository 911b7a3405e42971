"""A list as a calendar: a month of weeks with the records of each day, by a date or a moment in the viewer's zone.

On a phone the same days are a list. Does not belong here: reading the days (`app.services.groups`).
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

from babel import Locale, UnknownLocaleError
from flask import render_template

from app.services import group_keys, groups, queries
from app.services.groups import Group
from models import formats
from models.fields import Field, Kind
from models.words import _
from views import arrangement, list_frame, shell
from views.list_state import State

_PER_DAY = 8
_WEEK = 7


def show(state: State, editor_error: str) -> str:
    screen, actor, by, zone = state.screen, shell.actor(), state.look.by, shell.locale().zone
    field = arrangement.fitting(screen)[arrangement.CALENDAR][by]
    today = dt.datetime.now(zone).date()
    first = arrangement.first_of(state.look.month, today)
    days = grid(first, first_weekday(shell.locale().region))
    query = replace(
        state.query(),
        columns=(screen.title, by),
        filters=(*state.filters, *group_keys.within(screen.model, by, days[0], days[-1] + dt.timedelta(days=1), zone)),
        sort=by if by in queries.sortable(screen.model) else state.sort,
        cursor="",
    )
    starts = [group_keys.start_of(field, day, zone) for day in days]
    found = groups.read(query, group_keys.by_time(screen.model, by, starts), per=_PER_DAY, actor=actor)
    by_day = {group.key: group for group in found.groups}
    drawn = [_day(state, field, day, by_day.get(place) or Group(place), first, today) for place, day in enumerate(days)]
    number = sum(by_day[place].count for place, day in enumerate(days) if place in by_day and day.month == first.month)
    return render_template(
        "calendar.html",
        **list_frame.frame(state, (number, not found.capped), editor_error),
        month=formats.month(first),
        by_label=field.label,
        weekdays=[(formats.weekday_name(day, "abbreviated"), formats.weekday_name(day)) for day in days[:_WEEK]],
        weeks=[drawn[at : at + _WEEK] for at in range(0, len(drawn), _WEEK)],
        empty=not number,
        earlier_url=_month(state, first - dt.timedelta(days=1)),
        later_url=_month(state, groups.next_month(first)),
        today_url=_month(state, today),
    )


def grid(first: dt.date, weekday: int) -> list[dt.date]:
    """The days of the whole weeks that a month touches; weeks begin on `weekday`, 0 for Monday."""
    start = first - dt.timedelta(days=(first.weekday() - weekday) % _WEEK)
    last = groups.next_month(first) - dt.timedelta(days=1)
    weeks = (last - start).days // _WEEK + 1
    return [start + dt.timedelta(days=number) for number in range(weeks * _WEEK)]


def first_weekday(region: str) -> int:
    """The day on which weeks begin in a region, 0 for Monday; after the Unicode CLDR."""
    try:
        return Locale.parse(f"und_{region}").first_week_day
    except (UnknownLocaleError, ValueError):
        return 0


def _day(state: State, field: Field, day: dt.date, group: Group, first: dt.date, today: dt.date) -> dict[str, Any]:
    screen, loc = state.screen, shell.locale()
    asked = group_keys.within(screen.model, state.look.by, day, day + dt.timedelta(days=1), loc.zone)
    rest = state.pairs(without=frozenset({"display", "by", "month"}))
    more = group.count - len(group.rows)
    return {
        "number": day.day,
        "date": day.isoformat(),
        "label": f"{formats.weekday_name(day)} {formats.long_day(day)}",
        "inside": day.month == first.month,
        "today": day == today,
        "entries": [
            {"id": row[0], "title": str(row[1] or _("(no name)"))[:120], "time": _time(field, row[2])}
            for row in group.rows
        ],
        "more": more,
        "list_url": state.url([("f", one.text(screen.model, loc)) for one in asked] + rest) if more else "",
    }


def _time(field: Field, value: Any) -> str:
    return f"{value.astimezone(shell.locale().zone):%H:%M}" if field.kind is Kind.MOMENT else ""


def _month(state: State, day: dt.date) -> str:
    return state.url(state.pairs(without=frozenset({"month"}), extra=(("month", f"{day:%Y-%m}"),)))

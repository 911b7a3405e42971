"""Dates, times and amounts as the reader's language and the brokerage's country write them.

The order of a date is the same everywhere, day before month in letters, as it can't be misread; names of months and
days come from the CLDR through Babel. English names are kept at hand, as a list has hundreds of dates. Does not belong
here: what people type (`app.services.values`), what programs read (always ISO 8601 and cents).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Literal

from babel import dates, numbers

from models import normal, words
from models.words import _

_Day = dt.date | dt.datetime


@lru_cache(maxsize=20)
def _months(language: str, width: Literal["wide", "abbreviated"]) -> tuple[str, ...]:
    names = dates.get_month_names(width, locale=words.locale(language, ""))
    return tuple(names[n].rstrip(".") for n in range(1, 13))


@lru_cache(maxsize=20)
def _weekdays(language: str, width: Literal["wide", "abbreviated"]) -> tuple[str, ...]:
    names = dates.get_day_names(width, locale=words.locale(language, ""))
    return tuple(names[n].rstrip(".") for n in range(7))


def month_name(day: _Day) -> str:
    """ "May" """
    return _months(words.code(), "wide")[day.month - 1]


def weekday_name(day: _Day, width: Literal["wide", "abbreviated"] = "wide") -> str:
    """ "Monday", or "Mon" where `width` is "abbreviated"."""
    return _weekdays(words.code(), width)[day.weekday()]


def date(day: _Day) -> str:
    """ "14 May 2026" with the month cut short."""
    return f"{day.day} {_months(words.code(), 'abbreviated')[day.month - 1]} {day.year}"


def day_of_month(day: _Day) -> str:
    """ "14 May" """
    return f"{day.day} {_months(words.code(), 'abbreviated')[day.month - 1]}"


def long_date(day: _Day) -> str:
    """ "14 May 2026" with the whole name of the month; Spanish has "14 de mayo de 2026"."""
    return _("{day} {month} {year}", day=day.day, month=month_name(day), year=day.year)


def long_day(day: _Day) -> str:
    """ "14 May" with the whole name of the month."""
    return _("{day} {month}", day=day.day, month=month_name(day))


def month(day: _Day) -> str:
    """ "May 2026" """
    return _("{month} {year}", month=month_name(day), year=day.year)


def short_month(day: _Day, *, year: bool) -> str:
    """ "Nov", or with its year "Jan 2026"."""
    name = _months(words.code(), "abbreviated")[day.month - 1]
    return f"{name} {day.year}" if year else name


def moment(local: dt.datetime) -> str:
    """A time with its zone: "14 May 2026, 16:30 EDT". The caller has put it into the reader's zone."""
    return f"{date(local)}, {local:%H:%M %Z}"


def money(cents: int, currency: str) -> str:
    """Cents as people read them: "$1,250,000", "-$12.50", "CHF 900"; elsewhere as the country has it."""
    return amounts(currency)(cents)


def amounts(currency: str) -> Callable[[int], str]:
    """What writes amounts of a currency for the reader: a list asks once, and writes hundreds."""
    return _amounts(words.code(), words.region(), currency)


@lru_cache(maxsize=200)
def _amounts(language: str, country: str, currency: str) -> Callable[[int], str]:
    if language == words.ENGLISH:
        group, point = words.marks(language, country)
        return partial(normal.show_money, currency=currency, group=group, point=point)
    group, point = words.marks(language, country)
    below, above = _around(-1, currency, language, country), _around(1, currency, language, country)

    def written(cents: int) -> str:
        before, after = below if cents < 0 else above
        units, rest = divmod(abs(cents), 100)
        digits = f"{units:,}".replace(",", group)
        return f"{before}{digits}{f'{point}{rest:02d}' if rest else ''}{after}"

    return written


def _around(one: int, currency: str, language: str, country: str) -> tuple[str, str]:
    """What stands before and after the digits of an amount."""
    found = numbers.format_currency(one, currency, locale=words.locale(language, country), currency_digits=False)
    before, _digit, after = found.partition("1")
    after = after.lstrip("0.,٫")
    # A sign made of letters is kept apart from the digits (CLDR, currency spacing).
    return before + ("\u00a0" if before[-1:].isalpha() else ""), after

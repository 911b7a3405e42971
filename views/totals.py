"""What the amounts of a list add up to, for the foot of its table and the heads of its groups."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from app.services import group_keys, groups, values
from app.services.groups import Sum
from app.services.queries import ListQuery
from models import words
from models.fields import Field, Kind
from views import shell

_MONEY = Field(Kind.MONEY)


def summed(shown: list[tuple[str, Field]], query: ListQuery) -> dict[str, Field]:
    """The columns that can be added up."""
    known = group_keys.summable(query.model)
    return {name: field for name, field in shown if name in known}


def row(shown: list[tuple[str, Field]], query: ListQuery) -> dict[str, Any]:
    """The foot of a table: over all that the list finds, not over its page."""
    fields = summed(shown, query)
    sums, _, capped = groups.totals(query, fields, actor=shell.actor())
    return drawn(fields, sums, capped)


def drawn(fields: Mapping[str, Field], sums: Mapping[str, Sum], capped: bool) -> dict[str, Any]:
    return {
        "sums": {n: (amount(f, sums[n].total), average(f, sums[n])) for n, f in fields.items() if sums[n].count},
        "capped": f"{groups.MOST:,}" if capped else "",
    }


def amount(field: Field, value: int | Decimal) -> str:
    if field.kind is Kind.NUMBER:
        return f"{value:,}"
    return values.to_text(field, value, shell.locale())


def average(field: Field, one: Sum) -> str:
    """Money in whole units, as its cents say nothing; other numbers to two places."""
    mean = Decimal(one.total) / one.count
    if field.kind is Kind.MONEY:
        return values.to_text(field, int((mean / 100).to_integral_value()) * 100, shell.locale())
    return f"{mean.quantize(Decimal('0.01')).normalize():,f}"


def short(cents: int, loc: values.Locale) -> str:
    """An amount for a tile: $102.4M, $5.9M, $820K; below that in full."""
    units = cents / 100
    for size, letter in ((1e9, "B"), (1e6, "M"), (1e3, "K")):
        if units >= size:
            point = words.marks(words.code(), words.region())[1]
            digits = f"{units / size:.1f}".removesuffix(".0").replace(".", point) + letter
            return values.to_text(_MONEY, 1_00, loc).replace("1", digits)
    return values.to_text(_MONEY, cents, loc)

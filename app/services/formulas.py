"""Formulas of computed fields: a small language of its own, read by a parser of its own. Nothing is ever evaluated as
Python.

    price * 0.03                            numbers and money, with + - * / and parentheses
    if(price > 100000000, "high", "low")    comparisons with = <> < <= > >=, and, or, not
    goes_by & " " & company                 texts are joined with &
    days(closed_on, expected_close)         also round(x, places), min, max, coalesce, lower, upper, length, year, month

Names are the keys of the entity's fields that are not computed themselves. An empty field makes arithmetic empty; so
does a division by zero. Money counts in whole units, and what is computed as money is kept in cents.
"""

from __future__ import annotations

import datetime as dt
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal, DecimalException
from functools import lru_cache
from typing import Any

from app.services import schema
from models.base import Record
from models.fields import Field, Kind
from models.words import _

_TOKEN = re.compile(r'\s*(?:(\d+(?:\.\d+)?)|"([^"]*)"|([A-Za-z_][A-Za-z0-9_]*)|(<>|<=|>=|[-+*/&=<>(),]))')
_MOST_DEPTH, _MOST_TEXT = 40, 200
_MOST_CENTS = 2**63 - 1
_OPENING = frozenset("(")
Value = Decimal | str | bool | dt.date | None
Eval = Callable[[Mapping[str, Value]], Value]


class BadFormula(ValueError):
    """A formula that can't be read; the message says where and what to write instead."""


@dataclass(frozen=True, slots=True)
class Formula:
    """A formula that was read: the names it uses and how it is worked out."""

    names: frozenset[str]
    work_out: Eval


def fill(record: Any) -> None:
    """Work out the computed fields of a record from its other fields."""
    if not isinstance(record, Record):
        return
    known = schema.every(type(record))
    wanted = {name: one for name, one in schema.every_added(type(record)).items() if one.formula}
    for name, one in wanted.items():
        schema.put(record, {name: result(one, known, lambda n: schema.value(record, n))})


def result(one: Field, known: Mapping[str, Field], value_of: Callable[[str], Any]) -> Any:
    """The value of a computed field, as a field of its kind holds it; None where the formula gives another kind."""
    formula = read(one.formula)
    # A field that the formula names may be in the bin by now.
    given = {name: _taken(known[name], value_of(name)) for name in formula.names if name in known}
    try:
        found = formula.work_out(given)
        return _given(one, found)
    except (DecimalException, TypeError, ValueError, OverflowError, AttributeError):
        return None


def usable(known: Mapping[str, Field]) -> dict[str, Field]:
    """The fields that a formula may name."""
    return {
        n: one
        for n, one in known.items()
        if not one.formula and not one.secret and one.kind not in (Kind.JSON, Kind.RELATION, Kind.MULTI, Kind.LONG_TEXT)
    }


@lru_cache(maxsize=2000)
def read(text: str) -> Formula:
    """Read a formula; raises `BadFormula`."""
    reader = _Reader(text)
    work_out = reader.whole()
    return Formula(frozenset(reader.names), work_out)


class _Reader:
    """A recursive descent over the tokens: or, and, not, comparison, text, sum, product, sign, one thing."""

    def __init__(self, text: str) -> None:
        self.tokens, self.at, self.depth = _tokens(text), 0, 0
        self.names: set[str] = set()

    def whole(self) -> Eval:
        if not self.tokens:
            raise BadFormula(_("Write a formula, such as price * 0.03."))
        found = self.either()
        if self.at < len(self.tokens):
            raise BadFormula(_("“{token}” was not expected here.", token=self.tokens[self.at][1]))
        return found

    def either(self) -> Eval:
        return self._chain(self.both, {"or": lambda a, b: bool(a) or bool(b)})

    def both(self) -> Eval:
        return self._chain(self.inverse, {"and": lambda a, b: bool(a) and bool(b)})

    def inverse(self) -> Eval:
        if self._take("not"):
            inner = self._deeper(self.inverse)
            return lambda given: not inner(given)
        return self.comparison()

    def comparison(self) -> Eval:
        return self._chain(self.text, _COMPARISONS)

    def text(self) -> Eval:
        return self._chain(self.sum, {"&": lambda a, b: (_text(a) + _text(b))[:_MOST_TEXT]})

    def sum(self) -> Eval:
        return self._chain(self.product, {"+": _arithmetic(operator.add), "-": _arithmetic(operator.sub)})

    def product(self) -> Eval:
        return self._chain(self.sign, {"*": _arithmetic(operator.mul), "/": _arithmetic(_divided)})

    def sign(self) -> Eval:
        if self._take("-"):
            inner = self._deeper(self.sign)
            return lambda given: None if (found := inner(given)) is None else -_number(found)
        return self.one()

    def one(self) -> Eval:
        if self.at >= len(self.tokens):
            raise BadFormula(_("The formula ends too early."))
        kind, token = self.tokens[self.at]
        self.at += 1
        if kind == "number":
            number = Decimal(token)
            return lambda given: number
        if kind == "text":
            return lambda given: token
        if kind == "name":
            return self._named(token)
        if token not in _OPENING:
            raise BadFormula(_("“{token}” was not expected here.", token=token))
        inner = self._deeper(self.either)
        self._need(")")
        return inner

    def _named(self, name: str) -> Eval:
        if name in ("true", "false"):
            return lambda given: name == "true"
        if not self._take("("):
            self.names.add(name)
            return lambda given: given.get(name)
        if name not in _FUNCTIONS:
            raise BadFormula(
                _("There is no function “{name}”. There are: {functions}.", name=name, functions=", ".join(_FUNCTIONS))
            )
        least, most, function = _FUNCTIONS[name]
        given_: list[Eval] = []
        while not self._take(")"):
            if given_:
                self._need(",")
            given_.append(self._deeper(self.either))
        if not least <= len(given_) <= most:
            raise BadFormula(
                _("{name}() takes {count} values.", name=name, count=least)
                if least == most
                else _("{name}() takes {least} to {most} values.", name=name, least=least, most=most)
            )
        return lambda given: function([one(given) for one in given_])

    def _chain(self, below: Callable[[], Eval], known: Mapping[str, Callable[[Value, Value], Value]]) -> Eval:
        left = below()
        while self.at < len(self.tokens) and self.tokens[self.at][0] != "text" and self.tokens[self.at][1] in known:
            join = known[self.tokens[self.at][1]]
            self.at += 1
            left = _joined(join, left, below())
        return left

    def _deeper(self, inner: Callable[[], Eval]) -> Eval:
        self.depth += 1
        if self.depth > _MOST_DEPTH:
            raise BadFormula(_("This formula is nested too deeply."))
        found = inner()
        self.depth -= 1
        return found

    def _take(self, token: str) -> bool:
        here = self.at < len(self.tokens) and self.tokens[self.at][0] != "text" and self.tokens[self.at][1] == token
        self.at += here
        return here

    def _need(self, token: str) -> None:
        if not self._take(token):
            raise BadFormula(_("A “{token}” is missing.", token=token))


def _joined(join: Callable[[Value, Value], Value], left: Eval, right: Eval) -> Eval:
    return lambda given: join(left(given), right(given))


def _tokens(text: str) -> list[tuple[str, str]]:
    found, at = [], 0
    text = text.rstrip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise BadFormula(_("“{words}” can't be read.", words=text[at:].strip()[:10]))
        kind = ("number", "text", "name", "sign")[(match.lastindex or 1) - 1]
        found.append((kind, match.group(match.lastindex or 1)))
        at = match.end()
    return found


def _arithmetic(act: Callable[[Decimal, Decimal], Value]) -> Callable[[Value, Value], Value]:
    return lambda a, b: None if a is None or b is None else act(_number(a), _number(b))


def _divided(a: Decimal, b: Decimal) -> Value:
    return None if b == 0 else a / b


def _compared(act: Callable[[Any, Any], bool]) -> Callable[[Value, Value], Value]:
    return lambda a, b: None if a is None or b is None else act(a, b)


_COMPARISONS: dict[str, Callable[[Value, Value], Value]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": _compared(operator.lt),
    "<=": _compared(operator.le),
    ">": _compared(operator.gt),
    ">=": _compared(operator.ge),
}


def _number(value: Value) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, Decimal):
        raise TypeError("This is no number.")
    return value


def _text(value: Value) -> str:
    if value is None:
        return ""
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def _rounded(given: list[Value]) -> Value:
    if given[0] is None:
        return None
    places = int(_number(given[1])) if len(given) > 1 else 0
    return _number(given[0]).quantize(Decimal(1).scaleb(-max(0, min(places, 6))), ROUND_HALF_EVEN)


def _days(given: list[Value]) -> Value:
    first, last = given
    if first is None or last is None:
        return None
    if not isinstance(first, dt.date) or not isinstance(last, dt.date):
        raise TypeError("days() takes two dates.")
    return Decimal((last - first).days)


def _part(name: str) -> Callable[[list[Value]], Value]:
    return lambda given: None if given[0] is None else Decimal(getattr(given[0], name))


def _of_present(act: Callable[..., Any]) -> Callable[[list[Value]], Value]:
    return lambda given: act(present) if (present := [one for one in given if one is not None]) else None


_FUNCTIONS: dict[str, tuple[int, int, Callable[[list[Value]], Value]]] = {
    "if": (3, 3, lambda given: given[1] if given[0] else given[2]),
    "coalesce": (1, 20, lambda given: next((one for one in given if one not in (None, "")), None)),
    "round": (1, 2, _rounded),
    "min": (1, 20, _of_present(min)),
    "max": (1, 20, _of_present(max)),
    "days": (2, 2, _days),
    "year": (1, 1, _part("year")),
    "month": (1, 1, _part("month")),
    "lower": (1, 1, lambda given: _text(given[0]).lower()),
    "upper": (1, 1, lambda given: _text(given[0]).upper()),
    "length": (1, 1, lambda given: Decimal(len(_text(given[0])))),
}


def _taken(one: Field, value: Any) -> Value:
    """A field's value as formulas count: money in units, moments as their date in UTC, choices as their labels."""
    if value is None or isinstance(value, bool):
        return value
    if one.kind is Kind.MONEY:
        return Decimal(value).scaleb(-2)
    if isinstance(value, int | Decimal):
        return Decimal(value)
    if isinstance(value, dt.datetime):
        return value.date()
    return value if isinstance(value, dt.date) else one.words(value) if one.kind is Kind.CHOICE else str(value)


def _given(one: Field, found: Value) -> Any:
    if found is None:
        return None
    if one.kind is Kind.MONEY:
        cents = int(_number(found).scaleb(2).quantize(Decimal(1), ROUND_HALF_EVEN))
        return cents if abs(cents) <= _MOST_CENTS else None
    if one.kind is Kind.NUMBER:
        exact = _number(found).quantize(Decimal(1).scaleb(-one.places), ROUND_HALF_EVEN)
        if abs(exact) >= 10**12:
            return None
        return exact if one.places else int(exact)
    if one.kind is Kind.BOOLEAN:
        return bool(found)
    if one.kind is Kind.DATE:
        return found if isinstance(found, dt.date) else None
    return _text(found)[:_MOST_TEXT]

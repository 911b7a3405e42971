"""The order of a list and its place in it: keyset paging over any field that can be sorted by.

A cursor names the last row seen and what it was sorted by, so that a page deep in the list costs as little as the
first. What is sorted by an added field comes in two parts: records with a value, by their index rows, then those
without. Does not belong here: what is shown (`app.services.queries`).
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Any

import orjson
import sqlalchemy as sa

from app.errors import Invalid
from app.services import custom_columns, custom_index, values
from models import registry
from models.base import on_postgresql
from models.custom import MOST_TEXT
from models.fields import Field, Kind
from models.words import _

_JSON = values.Locale()
_TEXT, _MOST = Field(Kind.LONG_TEXT, max_length=MOST_TEXT), 2**63 - 1


@dataclass(frozen=True, slots=True)
class Order:
    """What a list is sorted by; `added` is the field where the workspace added it."""

    name: str
    down: bool
    added: Field | None = None

    @property
    def text(self) -> str:
        """As a list's address says it."""
        return f"-{self.name}" if self.down else self.name


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page begins: behind the row `key` with `value` to sort by. For added fields it is their index value."""

    backwards: bool = False
    value: Any = None
    key: int = 0


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a list as it is read: falling or rising, NULLs `last` or first, `empty` for rows without a value to
    sort by, `onward` for those behind the cursor.
    """

    down: bool
    last: bool
    empty: bool
    onward: bool


def ordered(statement: Any, model: type[Any], order: Order, part: Part) -> Any:
    """The statement in its order, behind the cursor if it goes `onward`."""
    if order.added is not None:
        of, same = custom_index.joined(model, sa.bindparam("sort_field", type_=sa.BigInteger))
        column = custom_index.column(order.added, of)
        # While the type of a field changes, rows of the old one may have nothing in this column.
        same = sa.and_(same, column.is_not(None))
        if not part.empty:
            return _by_index(statement.join(of, same).add_columns(column), model, column, part)
        statement = statement.where(~sa.exists(sa.select(sa.literal(1)).where(same)).correlate(model))
        statement = statement.add_columns(sa.cast(sa.null(), column.type))
        order = Order("id", part.down)
    if part.onward:
        statement = statement.where(_beyond(model, order.name, part))
    return statement.order_by(*_columns(model, order.name, part))


def _by_index(statement: Any, model: type[Any], column: Any, part: Part) -> Any:
    if part.onward:
        here, there = sa.tuple_(column, model.id), _cursor_of(column.type, model)
        statement = statement.where(here < there if part.down else here > there)
    return statement.order_by(*(c.desc() if part.down else c.asc() for c in (column, model.id)))


def _columns(model: type[Any], name: str, part: Part) -> list[Any]:
    """The order of a field: rising, what is empty comes last; falling, where the database has it, as its index does.

    NULL is the smallest in SQLite and the largest in PostgreSQL, so only a rising order in SQLite has to say so.
    """
    column = getattr(model, name)
    order = [c.desc() if part.down else c.asc() for c in ((column, model.id) if name != "id" else (model.id,))]
    if sa.inspect(model).columns[name].nullable and part.last == (part.down == on_postgresql()):
        order[0] = order[0].nulls_last() if part.last else order[0].nulls_first()
    return order


def _cursor_of(type_: Any, model: type[Any]) -> Any:
    return sa.tuple_(sa.bindparam("cursor_value", type_=type_), sa.bindparam("cursor_id", type_=model.id.type))


def _beyond(model: type[Any], name: str, part: Part) -> Any:
    """What comes after the cursor in the order of `ordered`."""
    column, id_ = getattr(model, name), model.id
    value, key = sa.bindparam("cursor_value", type_=column.type), sa.bindparam("cursor_id", type_=id_.type)
    later_id = id_ < key if part.down else id_ > key
    if name == "id":
        return later_id
    if not sa.inspect(model).columns[name].nullable:
        here, there = sa.tuple_(column, id_), sa.tuple_(value, key)
        return here < there if part.down else here > there
    if part.empty:
        same = sa.and_(column.is_(None), later_id)
        return same if part.last else sa.or_(same, column.is_not(None))
    after = sa.or_(column < value if part.down else column > value, sa.and_(column == value, later_id))
    return sa.or_(after, column.is_(None)) if part.last else after


def _value_at(model: type[Any], columns: tuple[str, ...], order: Order, row: Any) -> Any:
    """What a row of the statement is sorted by, as JSON."""
    columns, added = custom_columns.split(model, columns)
    if order.added is not None:
        return row[2 + len(columns)]
    if order.name == "id":
        return row[0]
    place = 1 + (columns.index(order.name) if order.name in columns else len(columns) + bool(added))
    return values.to_json(registry.fields(model)[order.name], row[place])


def written(model: type[Any], columns: tuple[str, ...], order: Order, row: Any, backwards: bool) -> str:
    """The cursor of the page behind (or before) a row of the statement that shows `columns`."""
    position = [int(backwards), _value_at(model, columns, order, row), row[0], order.text]
    return base64.urlsafe_b64encode(orjson.dumps(position)).decode().rstrip("=")


def read(model: type[Any], order: Order, text: str) -> Cursor:
    """The cursor of a text that `written` made; raises `Invalid` for any other."""
    if not text:
        return Cursor()
    try:
        raw = text.encode("ascii")
        backwards, value, key, sort = orjson.loads(base64.urlsafe_b64decode(raw + b"=" * (-len(raw) % 4)))
        if sort != order.text or type(key) is not int or abs(key) > 2**62:
            raise ValueError
        return Cursor(bool(backwards), _sorted_by(model, order, value), key)
    except (ValueError, TypeError, binascii.Error, orjson.JSONDecodeError):
        raise Invalid(
            {"cursor": _("This page marker does not fit the list any more. Start again from the first page.")}
        ) from None


def _sorted_by(model: type[Any], order: Order, value: Any) -> Any:
    """The value of a cursor; raises `ValueError` for one of another kind."""
    if order.added is None:
        return value if order.name == "id" else values.from_json(registry.fields(model)[order.name], value, _JSON)
    if value is None:
        return None
    if custom_index.is_text(order.added):
        return values.from_json(_TEXT, value, _JSON)
    if type(value) is not int or abs(value) > _MOST:
        raise ValueError
    return value

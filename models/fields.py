"""Typed fields: one call per column says its type, label, rules and data category, for form, list, REST and audit
alike.

Belongs here: `Field` and the column makers. Does not belong here: how a field is drawn (`views`) or normalised text
(`models.normal`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import MappedColumn, mapped_column
from sqlalchemy.types import TypeDecorator

from models.policy import Category, Purpose

Key = sa.BigInteger().with_variant(sa.Integer, "sqlite")


class UTC(TypeDecorator[dt.datetime]):
    """A moment: aware in Python, UTC in the database. A naive value is refused, as its zone would be a guess."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: dt.datetime | None, dialect: sa.Dialect) -> dt.datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("A time needs its zone.")
        value = value.astimezone(dt.UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def result_processor(self, dialect: sa.Dialect, coltype: object) -> Callable[[Any], dt.datetime | None] | None:
        # SQLite keeps texts, and one reading of each gives the aware moment: an export reads tens of thousands.
        return _utc_of_text if dialect.name == "sqlite" else super().result_processor(dialect, coltype)

    def process_result_value(self, value: dt.datetime | None, dialect: sa.Dialect) -> dt.datetime | None:
        return None if value is None else value.astimezone(dt.UTC)


def _utc_of_text(text: str | None) -> dt.datetime | None:
    return None if text is None else dt.datetime.fromisoformat(f"{text}+00:00")


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


Json = sa.JSON(none_as_null=True).with_variant(
    sa.dialects.postgresql.JSONB(none_as_null=True),  # type: ignore[attr-defined]
    "postgresql",
)


class Texts(TypeDecorator[tuple[str, ...]]):
    """Several texts in one JSON column; a tuple in Python, so that what did not change compares equal."""

    impl = Json
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: sa.Dialect) -> list[str] | None:
        return None if value is None else list(value)

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> tuple[str, ...] | None:
        return None if value is None else tuple(value)


class Kind(StrEnum):
    TEXT = "text"
    LONG_TEXT = "textarea"
    EMAIL = "email"
    PHONE = "phone"
    URL = "url"
    MONEY = "money"
    NUMBER = "number"
    DATE = "date"
    MOMENT = "datetime"
    BOOLEAN = "boolean"
    CHOICE = "choice"
    MULTI = "multichoice"
    RELATION = "relation"
    JSON = "json"


Choices = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Field:
    """What the product knows of a field. `personal` data is encrypted in the audit log under the subject's key.

    Fields that a workspace added at run time (`app.services.schema`) carry the id of their definition in `custom`, and
    say here what a column would: `required`, decimal `places` of a number, the `formula` they are computed by, the
    `section` of the form. `retired` choices are still shown where they were chosen.
    """

    kind: Kind
    label: str = ""
    hint: str = ""
    personal: bool = False
    readonly: bool = False
    choices: Choices = ()
    target: str | None = None
    max_length: int | None = None
    category: Category | None = None
    purpose: Purpose | None = None
    example: str = ""
    secret: bool = False
    custom: int | None = None
    required: bool = False
    searchable: bool = False
    places: int = 0
    formula: str = ""
    section: str = ""
    retired: Choices = ()

    def words(self, value: object) -> str:
        """A choice value as its label."""
        return next(
            (label for key, label in (*self.choices, *self.retired) if key == value),
            "" if value is None else str(value),
        )


def _column(type_: Any, field: Field, required: bool, **more: Any) -> MappedColumn[Any]:
    return mapped_column(type_, nullable=not required, info={"field": field}, **more)


def text(
    length: int = 200, *, required: bool = False, kind: Kind = Kind.TEXT, default: str | None = None, **facts: Any
) -> MappedColumn[Any]:
    """One line of text, at most `length` characters."""
    return _column(sa.String(length), Field(kind, max_length=length, **facts), required, default=default)


def long_text(length: int = 20_000, *, required: bool = False, **facts: Any) -> MappedColumn[Any]:
    return _column(sa.Text, Field(Kind.LONG_TEXT, max_length=length, **facts), required)


def email(*, required: bool = False, **facts: Any) -> MappedColumn[Any]:
    """An address in the form of RFC 5321: at most 254 characters, kept in lower case."""
    return text(254, required=required, kind=Kind.EMAIL, example="sam@example.com", **facts)


def phone(*, required: bool = False, **facts: Any) -> MappedColumn[Any]:
    """A number in the form of ITU-T E.164, with ";ext=" after RFC 3966 where there is an extension."""
    return text(40, required=required, kind=Kind.PHONE, example="(415) 555-0134", **facts)


def url(*, required: bool = False, **facts: Any) -> MappedColumn[Any]:
    return text(2000, required=required, kind=Kind.URL, example="https://example.com/listing", **facts)


def money(*, required: bool = False, **facts: Any) -> MappedColumn[Any]:
    """An amount in cents of the workspace's currency."""
    return _column(sa.BigInteger, Field(Kind.MONEY, **facts), required)


def number(*, required: bool = False, default: int | None = None, **facts: Any) -> MappedColumn[Any]:
    return _column(sa.Integer, Field(Kind.NUMBER, **facts), required, default=default)


def date(*, required: bool = False, **facts: Any) -> MappedColumn[Any]:
    return _column(sa.Date, Field(Kind.DATE, **facts), required)


def moment(*, required: bool = False, default: Any = None, **facts: Any) -> MappedColumn[Any]:
    return _column(UTC, Field(Kind.MOMENT, **facts), required, default=default)


def boolean(*, default: bool = False, **facts: Any) -> MappedColumn[Any]:
    return _column(sa.Boolean, Field(Kind.BOOLEAN, **facts), True, default=default)


def choice(choices: Choices, *, default: str | None = None, required: bool = True, **facts: Any) -> MappedColumn[Any]:
    return _column(sa.String(40), Field(Kind.CHOICE, choices=choices, **facts), required, default=default)


def several(choices: Choices = (), *, required: bool = False, **facts: Any) -> MappedColumn[Any]:
    """Any of `choices`, as a tuple of their keys."""
    return _column(Texts, Field(Kind.MULTI, choices=choices, **facts), required)


def json(*, required: bool = False, default: Any = None, **facts: Any) -> MappedColumn[Any]:
    return _column(Json, Field(Kind.JSON, **facts), required, default=default)


def ref(target: str, *, required: bool = False, **facts: Any) -> MappedColumn[Any]:
    """The id of another record of the same workspace; `models.base` adds the composite foreign key."""
    return _column(Key, Field(Kind.RELATION, target=target, **facts), required)

"""Turns what people type and what programs send into field values, and back into text; one rule per kind of field.

`from_text` is for forms, filters and import (money "1,250,000.50", dates as typed), `from_json` for REST (money in
cents,
RFC 3339 times). Both raise `ValueError` with a sentence that gives an example. Pure: no database, no request.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

from models import formats, normal
from models.fields import Field, Kind
from models.words import _, grouped

_MAX_INTEGER = 2**63 - 1
_YEARS = range(1900, 2200)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_URL = re.compile(r"https?://[^\s/$.?#].[^\s]*", re.IGNORECASE)


class Locale:
    """What text means in this workspace: zone, phone region, currency."""

    def __init__(self, zone: str = "UTC", region: str = "US", currency: str = "USD") -> None:
        self.zone, self.region, self.currency = ZoneInfo(zone), region, currency


def from_text(field: Field, text: str, locale: Locale) -> Any:
    """The value of what was typed; an empty text is None (False for yes/no)."""
    text = text.replace("\r\n", "\n")
    if field.kind is not Kind.LONG_TEXT:
        text = text.strip()
    if field.kind is Kind.BOOLEAN:
        return _boolean(text)
    if not text.strip():
        return None
    return _TEXT[field.kind](field, text, locale)


def from_json(field: Field, value: Any, locale: Locale) -> Any:
    """The value of a JSON member; a wrong JSON type is an error, never a guess."""
    if value is None:
        return None
    if field.kind in _TYPED:
        return _TYPED[field.kind](field, value, locale)
    if field.kind is Kind.JSON:
        return value
    if not isinstance(value, str):
        raise ValueError(_("This must be a text."))
    if field.kind in (Kind.TEXT, Kind.LONG_TEXT) and not value.strip():
        return None
    return _TEXT[field.kind](field, value.strip() if field.kind is not Kind.LONG_TEXT else value, locale)


def _json_number(field: Field, value: Any, _locale: Locale) -> int | Decimal:
    if field.places and isinstance(value, float):
        return _decimal(field, repr(value))
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(_("This must be a number.") if field.places else _("This must be a whole number."))
    return _decimal(field, str(value)) if field.places else _in_range(value)


def _json_boolean(_field: Field, value: Any, _locale: Locale) -> bool:
    if not isinstance(value, bool):
        raise ValueError(_("This must be true or false."))
    return value


def _json_choices(field: Field, value: Any, locale: Locale) -> tuple[str, ...] | None:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise ValueError(_("This must be a list of texts."))
    return _choices(field, "\n".join(value), locale)


def whole(text: str) -> int | None:
    """An id, place or version as forms and addresses send it; None for anything else, and for what fits no key."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def to_text(field: Field, value: Any, locale: Locale) -> str:
    """A value as people read and type it; None is an empty text."""
    if value is None:
        return ""
    if field.kind is Kind.MONEY:
        return formats.money(value, locale.currency)
    if field.kind is Kind.PHONE:
        return normal.show_phone(value, locale.region)
    if field.kind is Kind.MOMENT:
        return f"{value.astimezone(locale.zone):%Y-%m-%d %H:%M}"
    if field.kind is Kind.DATE:
        return str(value.isoformat())
    if field.kind is Kind.CHOICE:
        return field.words(value)
    if field.kind is Kind.BOOLEAN:
        return _("Yes") if value else _("No")
    if field.kind is Kind.MULTI:
        return "; ".join(str(field.words(one)) for one in value)
    return str(value)


def to_input(field: Field, value: Any, locale: Locale) -> str:
    """A value as an HTML input takes it back; `from_text` of it gives the same value."""
    if value is None:
        return ""
    if field.kind is Kind.MONEY:
        units, cents = divmod(abs(value), 100)
        return f"{'-' if value < 0 else ''}{units}" + (f".{cents:02d}" if cents else "")
    if field.kind is Kind.MOMENT:
        return f"{value.astimezone(locale.zone):%Y-%m-%dT%H:%M}"
    if field.kind is Kind.BOOLEAN:
        return "1" if value else ""
    if field.kind is Kind.CHOICE:
        return str(value)
    if field.kind is Kind.MULTI:
        return "\n".join(value)
    return to_text(field, value, locale)


def to_json(field: Field, value: Any) -> Any:
    """A value as REST gives it: RFC 3339 times in UTC, money in cents."""
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, Decimal):
        return float(value)
    return value.isoformat() if isinstance(value, dt.date) else value


def stored(value: Any) -> Any:
    """A value as history and a record's own `custom` column keep it in JSON; `revived` reads it."""
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).isoformat()
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, tuple):
        return list(value)
    return value.isoformat() if isinstance(value, dt.date) else value


def revived(field: Field, kept: Any) -> Any:
    """The field's value of what `stored` made of it."""
    if isinstance(kept, list) and field.kind is Kind.MULTI:
        return tuple(kept)
    if not isinstance(kept, str):
        return kept
    if field.kind is Kind.MOMENT:
        return dt.datetime.fromisoformat(kept)
    if field.kind is Kind.NUMBER:
        return Decimal(kept)
    return dt.date.fromisoformat(kept) if field.kind is Kind.DATE else kept


def _text(field: Field, text: str, _locale: Locale) -> str:
    if _CONTROL.search(text):
        raise ValueError(_("This holds characters that cannot be shown. Type it again rather than pasting it."))
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError(_("This holds a broken character. Type it again rather than pasting it.")) from None
    if field.max_length and len(text) > field.max_length:
        raise ValueError(
            _(
                "This has {n} characters; at most {most} fit.",
                n=grouped(len(text)),
                most=grouped(field.max_length),
            )
        )
    return text


def _line(field: Field, text: str, locale: Locale) -> str:
    return _text(field, " ".join(text.split()), locale)


def _email(field: Field, text: str, locale: Locale) -> str:
    return normal.email(_text(field, text, locale))


def _phone(field: Field, text: str, locale: Locale) -> str:
    return normal.phone(_text(field, text, locale), locale.region)


def _url(field: Field, text: str, locale: Locale) -> str:
    text = _text(field, text, locale)
    candidate = text if "://" in text else f"https://{text}"
    if not _URL.fullmatch(candidate) or "." not in candidate:
        raise ValueError(_("This is no web address. Example: https://example.com"))
    return candidate


def _money(_field: Field, text: str, locale: Locale) -> int:
    return _in_range(normal.money(text, locale.currency))


def _number(field: Field, text: str, _locale: Locale) -> int | Decimal:
    if field.places:
        return _decimal(field, text)
    digits = text.replace(",", "").replace(" ", "")
    if not re.fullmatch(r"[+-]?\d{1,18}", digits):
        raise ValueError(_("This must be a whole number. Example: 12"))
    return _in_range(int(digits), 2**31 - 1)


def _decimal(field: Field, text: str) -> Decimal:
    try:
        found = Decimal(text.replace(",", "").replace(" ", ""))
    except InvalidOperation:
        raise ValueError(_("This must be a number. Example: 2.5")) from None
    if not found.is_finite() or abs(found) >= 10**12:
        raise ValueError(_("This number is too large."))
    exact = found.quantize(Decimal(1).scaleb(-field.places))
    if exact != found:
        raise ValueError(
            _(
                "At most {places} decimal places fit. Example: {example}",
                places=field.places,
                example=Decimal("2.5").quantize(exact),
            )
        )
    return exact


def _relation(_field: Field, text: str, _locale: Locale) -> int:
    if not re.fullmatch(r"\d{1,18}", text):
        raise ValueError(_("Choose one from the list."))
    return int(text)


def _date(_field: Field, text: str, _locale: Locale) -> dt.date:
    for shape in ("%Y-%m-%d", "%m/%d/%Y", "%d.%m.%Y", "%d %b %Y", "%d %B %Y", "%Y%m%d"):
        try:
            return dt.datetime.strptime(text, shape).date()  # noqa: DTZ007  a date has no zone
        except ValueError:
            continue
    raise ValueError(_("This date is not clear. Example: 2026-05-14"))


def _moment(_field: Field, text: str, locale: Locale) -> dt.datetime:
    try:
        found = dt.datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(_("This time is not clear. Example: 2026-05-14 16:30")) from None
    if found.tzinfo is None:
        found = found.replace(tzinfo=locale.zone)
    # Beyond these years a moment has no name in some zone, and one such record would break every list it stands in.
    if found.year not in _YEARS:
        raise ValueError(_("This time is too far away. Example: 2026-05-14 16:30"))
    return found.astimezone(dt.UTC)


def _boolean(text: str) -> bool:
    if text.casefold() in {"", "0", "no", "false", "off", "n"}:
        return False
    if text.casefold() in {"1", "yes", "true", "on", "y", _("Yes").casefold()}:
        return True
    raise ValueError(_("This must be yes or no."))


def _choice(field: Field, text: str, _locale: Locale) -> str:
    for key, label in field.choices:
        if text.casefold() in (key.casefold(), label.casefold(), str.casefold(label)):
            return key
    if any(text == key for key, _ in field.retired):
        return text
    raise ValueError(_("Choose one of: {choices}.", choices=", ".join(str(label) for _key, label in field.choices)))


def _choices(field: Field, text: str, locale: Locale) -> tuple[str, ...] | None:
    """Several choices, one a line or parted by semicolons, each once and in the order of the field."""
    chosen = {_choice(field, one.strip(), locale) for one in re.split(r"[\n;]", text) if one.strip()}
    return tuple(key for key, _ in (*field.choices, *field.retired) if key in chosen) or None


def _in_range(value: int, most: int = _MAX_INTEGER) -> int:
    if abs(value) > most:
        raise ValueError(_("This number is too large."))
    return value


_TYPED: dict[Kind, Callable[[Field, Any, Locale], Any]] = {
    Kind.MONEY: _json_number,
    Kind.NUMBER: _json_number,
    Kind.RELATION: _json_number,
    Kind.BOOLEAN: _json_boolean,
    Kind.MULTI: _json_choices,
}
_TEXT: dict[Kind, Callable[[Field, str, Locale], Any]] = {
    Kind.TEXT: _line,
    Kind.LONG_TEXT: _text,
    Kind.EMAIL: _email,
    Kind.PHONE: _phone,
    Kind.URL: _url,
    Kind.MONEY: _money,
    Kind.NUMBER: _number,
    Kind.DATE: _date,
    Kind.MOMENT: _moment,
    Kind.CHOICE: _choice,
    Kind.MULTI: _choices,
    Kind.RELATION: _relation,
    Kind.JSON: _text,
}

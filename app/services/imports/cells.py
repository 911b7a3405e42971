"""What stands inside one cell: several values with their labels, tags, dates, addresses.

Belongs here: splitting and reading of cells. Does not belong here: the normal forms themselves (`models.normal`).
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator

from app.services.imports.plan import Part
from models import normal
from models.words import _

PART = ":::"
FORMULA = frozenset("=+-@\t\r")

_LABELS = {
    "work": "work", "business": "work", "office": "work", "company": "work", "trabajo": "work", "oficina": "work",
    "school": "work",
    "home": "home", "personal": "home", "private": "home", "casa": "home", "home page": "home",
    "mobile": "mobile", "cell": "mobile", "iphone": "mobile", "movil": "mobile", "móvil": "mobile", "celular": "mobile",
    "main": "main", "primary": "main", "pref": "main", "principal": "main",
}  # fmt: skip
_MONTH_FIRST = frozenset(["US", "PH", "PW", "FM", "MH"])
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_SYSTEM_TAGS = frozenset(["mycontacts", "my contacts", "starred"])
_YEARLESS = re.compile(r"\s*-?-?(\d{2})-?(\d{2})\s*")
_THREE = re.compile(r"(\d{1,4})[-/. ](\d{1,2})[-/. ](\d{1,4})(?:[T ].*)?")
_WEBSITE = re.compile(r"(?:https?://)?[^\s/$.?#:]+\.[^\s]+", re.IGNORECASE)
_ADDRESS_PARTS = ("street", "city", "region", "postal_code", "country")


def clean(cell: str) -> str:
    """A cell without surrounding blanks, control characters, and the apostrophe that keeps formulas from running."""
    text = cell.strip()
    if text and not text.isprintable():
        text = _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n")).replace("\u200b", "").strip()
    return text[1:] if text[:1] == "'" and text[1:2] in FORMULA else text


def one_line(text: str) -> str:
    return text if text.isalpha() else " ".join(text.split())


def labelled(part: Part, name: str, values: list[str]) -> Iterator[tuple[str, str]]:
    """The values of one part with their labels; one label serves all values of a cell, as in Google's exports."""
    for at in part.places[name]:
        if text := values[at]:
            label = values[part.label_at] if part.label_at is not None else ""
            if PART not in text:
                yield text, _label(label.split(PART)[0] or part.label)
                continue
            found = [one.strip() for one in text.split(PART)]
            labels = [one.strip() for one in label.split(PART)]
            if len(labels) != len(found):
                labels = [labels[0]] * len(found)
            for one, its in zip(found, labels, strict=True):
                if one:
                    yield one, _label(its or part.label)


def split_emails(text: str) -> list[str]:
    """One cell with several addresses parted by commas, semicolons or line ends."""
    if text.count("@") < 2:
        return [text]
    found = [one.strip() for one in re.split(r"[;,\n]|\s(?=\S+@\S)", text)]
    return [one for one in found if one] if all("@" in one for one in found if one) else [text]


def phones(text: str, region: str) -> list[str]:
    """The number in a cell, or several where each part by itself is one; raises ValueError."""
    try:
        return [normal.phone(text, region)]
    except ValueError:
        parts = [one for one in re.split(r"[,;/|\n]| or | y ", text) if one.strip()]
        if len(parts) < 2 or len(parts) > 10:
            raise
        try:
            return [normal.phone(one, region) for one in parts]
        except ValueError:
            pass
        raise


def addresses(part: Part, values: list[str]) -> Iterator[tuple[dict[str, str], str]]:
    """The addresses of one part: streets, cities and so on at the same place of " ::: " cells belong together."""
    columns = {name: _lists(part, name, values) for name in _ADDRESS_PARTS}
    whole = _lists(part, "address", values)
    labels = [one.strip() for one in values[part.label_at].split(PART)] if part.label_at is not None else [""]
    for at in range(max(len(whole), *(len(found) for found in columns.values()))):
        parts = {name: found[at] for name, found in columns.items() if at < len(found)}
        if not any(parts.values()) and at < len(whole):
            parts = {"street": whole[at]}
        if any(parts.values()):
            yield parts, _label((labels[at] if at < len(labels) else labels[0]) or part.label or "home")


def split_tags(text: str) -> list[str]:
    """Tags parted by " ::: ", commas or semicolons; Google's own groups ("* myContacts") are none."""
    if not text:
        return []
    found = (one_line(one.strip(' *"')) for one in re.split(r":::|[,;\n]", text))
    return [one for one in found if one and one.casefold() not in _SYSTEM_TAGS]


def is_website(text: str) -> bool:
    return bool(_WEBSITE.fullmatch(text))


def birthday(text: str, region: str) -> dt.date | None:
    """A date; none for Outlook's "0/0/00". Raises ValueError for a day without its year and for what is no date."""
    if not text.strip("0/-. "):
        return None
    if found := _THREE.fullmatch(text):
        return _from_parts(*found.groups(), region=region)
    if re.fullmatch(r"(?:19|20)\d{6}(?:T.*)?", text):
        return _date(int(text[:4]), int(text[4:6]), int(text[6:8]))
    if _YEARLESS.fullmatch(text):
        raise ValueError(_("It has no year."))
    for shape in ("%d %B %Y", "%B %d, %Y", "%d %b %Y", "%b %d, %Y", "%B %d %Y", "%b %d %Y"):
        try:
            return dt.datetime.strptime(text, shape).date()  # noqa: DTZ007 - a birthday has no zone
        except ValueError:
            continue
    raise ValueError(_("This date is not clear. Example: 1980-05-14"))


def _from_parts(first: str, second: str, third: str, *, region: str) -> dt.date:
    if len(first) == 4:
        return _date(int(first), int(second), int(third))
    day, month = (int(second), int(first)) if region in _MONTH_FIRST else (int(first), int(second))
    if month > 12 >= day:
        day, month = month, day
    year = int(third)
    if len(third) <= 2:
        year += 2000 if year <= dt.datetime.now(dt.UTC).year % 100 else 1900
    return _date(year, month, day)


def _date(year: int, month: int, day: int) -> dt.date:
    try:
        found = dt.date(year, month, day)
    except ValueError:
        raise ValueError(_("There is no such day. Example: 1980-05-14")) from None
    if year < 1800:
        raise ValueError(_("It has no year.") if year == 1604 else _("This year is too long ago."))
    return found


def _lists(part: Part, name: str, values: list[str]) -> list[str]:
    """The values at each place of a " ::: " cell; several columns of one part ("Street 2") are joined by commas."""
    found: list[str] = []
    for at in part.places.get(name, ()):
        if not values[at]:
            continue
        for place, one in enumerate(values[at].split(PART)):
            text = ", ".join(" ".join(line.split()) for line in one.strip().split("\n") if line.strip())
            if place >= len(found):
                found.append(text)
            elif text:
                found[place] = f"{found[place]}, {text}" if found[place] else text
    return found


def _label(text: str) -> str:
    word = text.strip(" *").casefold() if text else ""
    return _LABELS.get(word) or next((key for name, key in _LABELS.items() if name in word.split()), "other")

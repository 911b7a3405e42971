"""Reads vCards 2.1, 3.0 (RFC 2426) and 4.0 (RFC 6350) as rows of one fixed table, card by card.

Belongs here: folding, escapes, encodings, parameters, groups. Does not belong here: what is a valid e-mail or phone.
A reader of our own, as vobject reads a whole file into memory, drops 2.1's bare parameters, and stops at the first
card that breaks the rules. Several values of a card stand in one cell, parted by " ::: " as in Google's exports, with
their labels in a column beside; so cards and tables share everything that follows.
"""

from __future__ import annotations

import binascii
import quopri
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TextIO

from app.services.imports.raw import RawRow
from models.words import _, grouped

PART = " ::: "
_ADDRESS = ("Street", "City", "Region", "Postal Code", "Country")
COLUMNS = (
    "Name", "First Name", "Middle Name", "Last Name", "Name Prefix", "Name Suffix", "Nickname",
    "Organization Name", "Organization Title", "Birthday", "Notes", "Labels",
    "E-mail 1 - Label", "E-mail 1 - Value", "Phone 1 - Label", "Phone 1 - Value",
    "Address 1 - Label", *(f"Address 1 - {part}" for part in _ADDRESS), "Website 1 - Value",
)  # fmt: skip

MAX_VALUE = 100_000
MAX_VALUES = 100
_SKIPPED = frozenset(["PHOTO", "LOGO", "SOUND", "KEY", "X-MS-CARDPICTURE", "X-MS-OL-DESIGN"])
_KEPT = frozenset(
    ["FN", "N", "NICKNAME", "ORG", "TITLE", "BDAY", "NOTE", "CATEGORIES", "EMAIL", "TEL", "ADR", "URL", "KIND",
     "X-ABLABEL", "X-ADDRESSBOOKSERVER-KIND"]
)  # fmt: skip
_PROPERTY = re.compile(r"(?:(?P<group>[\w.-]+)\.)?(?P<name>[A-Za-z0-9-]+)(?P<params>(?:;(?:\"[^\"]*\"|[^\":;])*)*):")
_PARAM = re.compile(r";((?:\"[^\"]*\"|[^\";])*)")
_NOT_LABELS = frozenset(["pref", "internet", "voice", "x400", "intl", "postal", "parcel", "dom", "text", "uri", "msg"])
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


@dataclass(slots=True)
class _Property:
    group: str
    name: str
    params: dict[str, list[str]]
    value: str

    @property
    def labels(self) -> list[str]:
        return [kind for kind in self.params.get("TYPE", []) if kind not in _NOT_LABELS]

    @property
    def preferred(self) -> bool:
        return "pref" in self.params.get("TYPE", []) or self.params.get("PREF") == ["1"]


@dataclass(slots=True)
class _Card:
    line: int
    properties: list[_Property] = field(default_factory=list)
    problem: str = ""
    agents: int = 0

    def opens_agent(self) -> bool:
        """Whether the BEGIN just read is of a card inside this one (AGENT; RFC 2426, 3.5.4), which is not imported."""
        last = self.properties[-1] if self.properties else None
        if self.agents or (last and last.name == "AGENT" and not last.value):
            self.agents += 1
            self.properties = [p for p in self.properties if p.name != "AGENT"]
        return bool(self.agents)

    def closes_agent(self) -> bool:
        inside = bool(self.agents)
        self.agents = max(self.agents - 1, 0)
        return inside


def is_vcard(head: str) -> bool:
    """Whether a text begins with a card."""
    return head.lstrip("\ufeff \t\r\n\0")[:11].upper() == "BEGIN:VCARD"


def rows(text: TextIO) -> Iterator[RawRow]:
    """One row of `COLUMNS` per card; a card that breaks off or is a group has a problem, and reading goes on."""
    card: _Card | None = None
    for number, whole, cut in _unfolded(text):
        line = whole.replace("\0", "")
        head = line[:40].strip().upper()
        if head == "BEGIN:VCARD" and not (card and card.opens_agent()):
            if card:
                yield _broken(card)
            card = _Card(number)
        elif head == "END:VCARD" and card and not card.closes_agent():
            yield _row(card)
            card = None
        elif card and not card.agents:
            _read_line(card, line)
            if cut and not _is_skipped(line):
                card.problem = _(
                    "A value of this card has more than {max_value} characters.", max_value=grouped(MAX_VALUE)
                )
    if card:
        yield _broken(card)


def _unfolded(text: TextIO) -> Iterator[tuple[int, str, bool]]:
    """Logical lines with the number of their first physical one and whether they were cut; pictures are not joined."""
    held: list[str] = []
    start, size, number = 1, 0, 0
    soft = open_end = skipped = quoted = False
    while physical := text.readline(MAX_VALUE):
        number += not open_end
        line = physical.rstrip("\r\n")
        soft = soft and line.strip().upper() not in ("BEGIN:VCARD", "END:VCARD")
        if held and (soft or open_end or line[:1] in (" ", "\t")):
            size += len(line)
            if size < MAX_VALUE and not skipped:
                held.append(line if open_end else "\n" + line if soft else line[1:])
        else:
            if held:
                yield start, "".join(held), size >= MAX_VALUE
            held, start, size = ([line] if line else []), number, len(line)
            skipped, quoted = _is_skipped(line), "QUOTED-PRINTABLE" in line[:200].upper()
        open_end = not physical.endswith(("\n", "\r"))
        soft = quoted and not open_end and line.endswith("=")
    if held:
        yield start, "".join(held), size >= MAX_VALUE


def _is_skipped(first: str) -> bool:
    return first[:60].partition(":")[0].partition(";")[0].rpartition(".")[2].upper() in _SKIPPED


def _read_line(card: _Card, line: str) -> None:
    found = _PROPERTY.match(line)
    if not found:
        return
    name = found["name"].upper()
    if name == "AGENT":
        card.properties.append(_Property("", "AGENT", {}, line[found.end() :].strip()))
    elif name in _KEPT and len(card.properties) < 10 * MAX_VALUES:
        params = _params(found["params"])
        value = _decoded(line[found.end() :], params)
        if value.strip(" ;"):
            card.properties.append(_Property((found["group"] or "").lower(), name, params, value[:MAX_VALUE]))


@lru_cache(maxsize=512)
def _params(text: str) -> dict[str, list[str]]:
    """By upper-case name, shared by calls; bare ones ("TEL;CELL", 2.1) are TYPE, or ENCODING where they name one."""
    params: dict[str, list[str]] = {}
    for part in _PARAM.findall(text):
        name, equals, value = part.partition("=")
        if not equals:
            value = name
            name = "ENCODING" if name.upper() in ("QUOTED-PRINTABLE", "BASE64", "8BIT", "7BIT") else "TYPE"
        values = [v.strip().lower() for v in value.replace('"', "").split(",") if v.strip()]
        params.setdefault(name.strip().upper(), []).extend(values)
    return params


def _decoded(value: str, params: dict[str, list[str]]) -> str:
    encoding = (params.get("ENCODING") or [""])[0]
    if encoding == "quoted-printable":
        data = quopri.decodestring(value.encode("utf-8"))
    elif encoding in ("b", "base64"):
        try:
            data = binascii.a2b_base64(value)
        except binascii.Error:
            return value
    else:
        return value
    charset = (params.get("CHARSET") or ["utf-8"])[0]
    try:
        return data.decode(charset)
    except (UnicodeDecodeError, LookupError):
        return data.decode("utf-8", "cp1252_rest")


def _broken(card: _Card) -> RawRow:
    row = _row(card)
    row.problem = _("The card that begins in line {line} has no end. Its values may be cut off.", line=card.line)
    return row


def _row(card: _Card) -> RawRow:
    """The cells of a card in the order of `COLUMNS`."""
    by_name: dict[str, list[_Property]] = {}
    for found in card.properties:
        by_name.setdefault(found.name, []).append(found)
    kind = [p.value.strip().lower() for p in by_name.get("KIND", []) + by_name.get("X-ADDRESSBOOKSERVER-KIND", [])]
    group_labels = {p.group: _apple_label(p.value) for p in by_name.get("X-ABLABEL", []) if p.group}
    family, given, middle, prefix, suffix = _name_parts(by_name)
    emails, phones = (_listed(by_name.get(name, []), group_labels) for name in ("EMAIL", "TEL"))
    cells = [
        _first(by_name, "FN"), given, middle, family, prefix, suffix, _first(by_name, "NICKNAME"),
        _structured(_raw(by_name, "ORG"))[0], _first(by_name, "TITLE"), _first(by_name, "BDAY"),
        "\n".join(_unescape(p.value).strip() for p in by_name.get("NOTE", [])), _categories(by_name),
        *emails, *phones, *_addresses(by_name.get("ADR", []), group_labels),
        PART.join(_unescape(p.value).strip() for p in by_name.get("URL", [])[:MAX_VALUES]),
    ]  # fmt: skip
    problem = _("This card is a group of people, not a person.") if "group" in kind else card.problem
    return RawRow(card.line, cells, problem)


def _name_parts(by_name: dict[str, list[_Property]]) -> list[str]:
    """Family, given, further names, prefix, suffix; several of one kind are joined by spaces."""
    parts = (_structured(_raw(by_name, "N")) + [""] * 5)[:5]
    return [" ".join(part.split()) for part in parts]


def _listed(found: list[_Property], group_labels: dict[str, str]) -> tuple[str, str]:
    """Labels and values of e-mails or phones as two cells, the preferred one first."""
    ordered = sorted(found, key=lambda p: not p.preferred)[:MAX_VALUES]
    values = [re.sub(r"^(?:mailto|tel):", "", _unescape(p.value).strip(), flags=re.IGNORECASE) for p in ordered]
    return PART.join(_label(p, group_labels) for p in ordered), PART.join(values)


def _addresses(found: list[_Property], group_labels: dict[str, str]) -> list[str]:
    """Label, street, city, region, postal code, country; post office box and extended address join the street."""
    columns: list[list[str]] = [[] for _ in range(6)]
    for one in found[:MAX_VALUES]:
        box, extended, street, *rest = ([part.strip() for part in _structured(one.value)] + [""] * 7)[:7]
        lines = [part for part in (street, extended, f"PO Box {box}" if box.isdigit() else box) if part]
        for column, part in zip(columns, [_label(one, group_labels), ", ".join(lines), *rest], strict=True):
            column.append(part.replace("\n", ", "))
    return [PART.join(column) if any(column) else "" for column in columns]


def _label(one: _Property, group_labels: dict[str, str]) -> str:
    return group_labels.get(one.group) or (one.labels[0] if one.labels else "")


def _apple_label(value: str) -> str:
    return re.sub(r"^_\$!<(.*)>!\$_$", r"\1", _unescape(value).strip())


def _categories(by_name: dict[str, list[_Property]]) -> str:
    names = [_unescape(name).strip() for p in by_name.get("CATEGORIES", []) for name in _parted(p.value, ",")]
    return PART.join(name for name in names if name)


def _raw(by_name: dict[str, list[_Property]], name: str) -> str:
    return by_name[name][0].value if name in by_name else ""


def _first(by_name: dict[str, list[_Property]], name: str) -> str:
    return _unescape(_raw(by_name, name)).strip()


def _structured(value: str) -> list[str]:
    """Components parted by ";", each with its "," lists joined by spaces where they are unescaped."""
    return [_unescape(part) for part in _parted(value, ";")]


def _parted(value: str, separator: str) -> list[str]:
    if "\\" not in value:
        return value.split(separator)
    parts = [""]
    for token in re.findall(rf"\\.|{separator}|[^\\{separator}]+|\\", value, re.DOTALL):
        if token == separator:
            parts.append("")
        else:
            parts[-1] += token
    return parts


def _unescape(value: str) -> str:
    if "\\" not in value:
        return value
    return _ESCAPED.sub(lambda m: "\n" if m[1] in "nN" else m[1], value)

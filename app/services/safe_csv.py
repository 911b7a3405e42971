"""Cells and files for spreadsheets that hold data and never formulas.

Belongs here: writing CSV (RFC 4180) and XLSX from rows of Python values. Does not belong here: which rows and columns.
A text cell that a spreadsheet would run gets a leading apostrophe (OWASP, CSV injection); typed numbers stay
numbers, so -5 is -5 and "+1 415 555 0134" is text. `plain` takes the apostrophe off again, for files that come back.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import IO, Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

_LONGEST_XLSX_TEXT = 32_767
# Full-width signs are formula signs to spreadsheets in East Asian settings.
_SIGNS = "=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20"
_RISKY = re.compile(rf"[\s']*[{_SIGNS}]")
_GUARDED = re.compile(rf"'[\s']*[{_SIGNS}]")
# First characters after which `_RISKY` may match; all others are settled by one set lookup.
_SUSPECTS = frozenset(sign for sign in map(chr, range(0x10000)) if sign.isspace()) | frozenset(
    "='+-@\uff1d\uff0b\uff0d\uff20"
)
_AS_THEY_ARE = frozenset({type(None), int})


def lines(rows: Iterable[Sequence[Any]]) -> bytes:
    """The rows as CSV in UTF-8, each line ended by CR LF. Call it per chunk to stream."""
    text = io.StringIO(newline="")
    suspects, as_they_are = _SUSPECTS, _AS_THEY_ARE
    # Inline, as a call for each cell would double the time; csv writes None and whole numbers as `cell` does.
    csv.writer(text, lineterminator="\r\n").writerows(
        [
            value
            if (value[:1] not in suspects if type(value) is str else type(value) in as_they_are)
            else (f"'{value}" if _RISKY.match(value) else value)
            if type(value) is str
            else cell(value)
            for value in row
        ]
        for row in rows
    )
    return text.getvalue().encode("utf-8", "replace")


def cells(values: Iterable[Any]) -> list[str]:
    """The values of a row as safe text."""
    return [cell(value) for value in values]


def cell(value: Any) -> str:
    """One value as safe text: None is empty, a moment is ISO 8601, a list is joined by semicolons."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float | Decimal):
        return str(value)
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    text = "; ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return f"'{text}" if _RISKY.match(text) else text


def plain(text: str) -> str:
    """What `cell` was given, for text."""
    return text[1:] if _GUARDED.match(text) else text


def workbook(file: IO[bytes], head: Sequence[str], rows: Iterable[Sequence[Any]], *, title: str = "Export") -> None:
    """Write one sheet, row by row in flat memory. Every text is a string cell, so that nothing becomes a formula."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet(re.sub(r"[\[\]:*?/\\]", " ", title)[:31])
    sheet.freeze_panes = "A2"
    sheet.append([_xlsx(sheet, name) for name in head])
    for row in rows:
        sheet.append([_xlsx(sheet, value) for value in row])
    book.save(file)


def _xlsx(sheet: Any, value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float | Decimal):
        return value
    if isinstance(value, dt.datetime) and value.tzinfo is not None:
        # XLSX knows no zones; UTC is what the column's head promises.
        return value.astimezone(dt.UTC).replace(tzinfo=None)
    if isinstance(value, dt.date | dt.time):
        return value
    text = "; ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    text = ILLEGAL_CHARACTERS_RE.sub("", text)[:_LONGEST_XLSX_TEXT]
    if text[:1] != "=":
        return text
    made = WriteOnlyCell(sheet, value=text)
    made.data_type = "s"
    return made

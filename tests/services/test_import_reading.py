"""Files as people have them open as tables; what is no table says so; a broken row never costs its neighbours."""

from __future__ import annotations

import csv
import io
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.services.imports.reading import RawRow, Table, UnreadableFile, open_table
from tests.factories_import import google_csv

FIXTURES = Path(__file__).parents[1] / "fixtures" / "imports"


def opened(text: str, encoding: str = "utf-8") -> Table:
    return open_table(text.encode(encoding))


def read(text: str) -> list[RawRow]:
    return list(opened(text).rows())


@pytest.mark.parametrize(
    ("name", "kind", "encoding", "delimiter", "rows"),
    [
        ("google.csv", "csv", "UTF-8", ",", 6),
        ("google_2024.csv", "csv", "UTF-8", ",", 3),
        ("outlook.csv", "csv", "UTF-16", ",", 3),
        ("outlook_semicolon.csv", "csv", "Windows-1252", ";", 3),
        ("apple.csv", "csv", "UTF-16", "\t", 1),
        ("freehand.csv", "csv", "UTF-8", ";", 7),
        ("no_header.csv", "csv", "UTF-8", ",", 2),
        ("spanish.csv", "csv", "Windows-1252", ";", 1),
        ("contacts.vcf", "vcard", "UTF-8", "", 6),
    ],
)
def test_real_exports_open(name: str, kind: str, encoding: str, delimiter: str, rows: int) -> None:
    with open_table(FIXTURES / name, name) as table:
        assert (table.kind, table.encoding, table.delimiter) == (kind, encoding, delimiter)
        assert len(list(table.rows())) == rows
        assert len(list(table.rows())) == rows, "a second reading starts from the beginning"


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("empty.csv", "empty"),
        ("header_only.csv", "no rows"),
        ("binary.csv", "picture"),
        ("workbook.csv", "Excel"),
        ("page.csv", "web page"),
        ("prose.csv", "text, not a table"),
    ],
)
def test_what_is_no_table_says_what_it_is(name: str, says: str) -> None:
    with pytest.raises(UnreadableFile, match=says) as caught, (FIXTURES / name).open("rb") as stream:
        open_table(stream, name)
    assert "Nothing was imported" in str(caught.value)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_encodings_and_delimiters_are_found(encoding: str, delimiter: str) -> None:
    lines = [
        ["Name", "Notes", "Mail"],
        ["José Núñez", "a, b; c", "jose@example.com"],
        ["Zoë", "two\nlines", "zoe@example.com"],
    ]
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows(lines)
    table = opened(text.getvalue(), encoding)
    assert table.columns == lines[0]
    assert [(row.line, row.cells) for row in table.rows()] == [(2, lines[1]), (3, lines[2])]


def test_a_stray_old_byte_in_a_new_file_is_read() -> None:
    table = open_table("Name,Mail\nJosé,a@example.com\n".encode() + "Zoë,z@example.com\n".encode("cp1252"))
    assert [row.cells[0] for row in table.rows()] == ["José", "Zoë"]


def test_a_mark_left_open_spoils_its_own_row_only() -> None:
    rows = read(
        'Name,Mail\nAnn,ann@example.com\n"Bob,bob@example.com\nCy,cy@example.com\nDee "D" Ray,dee@example.com\n'
    )
    assert [(row.line, bool(row.problem), row.cells[0][:3]) for row in rows] == [
        (2, False, "Ann"),
        (3, True, "Bob"),
        (4, False, "Cy"),
        (5, False, "Dee"),
    ]


def test_an_oversized_cell_is_a_problem_of_its_row() -> None:
    rows = read("Name,Note\nAnn," + "x" * 200_000 + "\nBob,short\n" + "C" * 1_500_000 + ",y\nDee,z\n")
    assert [bool(row.problem) for row in rows] == [True, False, True, False]
    assert sum(len(cell) for cell in rows[0].cells) < 10_000


def test_ragged_and_blank_rows() -> None:
    rows = read("Name,Mail,Note\n\nAnn\n,,\nBob,b@example.com,x,y\nCy,c@example.com,x,,\n")
    assert [(row.line, row.cells, bool(row.problem)) for row in rows] == [
        (3, ["Ann", "", ""], False),
        (5, ["Bob", "b@example.com", "x", "y"], True),
        (6, ["Cy", "c@example.com", "x"], False),
    ]


def test_columns_are_named_apart() -> None:
    assert opened("Email,email,,Email\na@example.org,b,c,d\n".replace("a@example.org", "a")).columns == [
        "Email",
        "email (2)",
        "Column 3",
        "Email (3)",
    ]


def test_titles_above_the_header_and_excels_hint_are_passed_over() -> None:
    assert opened("My people\n\nName,Mail,Tel\na,b,c\nd,e,f\n").columns == ["Name", "Mail", "Tel"]
    table = opened("sep=;\r\nName;Mail\r\nA;b\r\n")
    assert (table.columns, [row.line for row in table.rows()]) == (["Name", "Mail"], [3])


def test_null_bytes_and_old_line_ends() -> None:
    table = open_table(b"Name,Mail\rAnn\x00,ann@example.com\rBob,bob@example.com\r")
    assert [row.cells for row in table.rows()] == [["Ann", "ann@example.com"], ["Bob", "bob@example.com"]]


CELL = st.text(st.characters(blacklist_categories=["Cs", "Cc"]), min_size=1, max_size=8).filter(lambda s: s.strip())


@given(st.lists(st.tuples(CELL, CELL, CELL), min_size=1, max_size=20))
def test_what_a_csv_writer_writes_is_read_back(lines: list[tuple[str, str, str]]) -> None:
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows([("Name", "Mail", "Notes"), *lines])
    assert [tuple(row.cells) for row in opened(text.getvalue(), "utf-8-sig").rows()] == lines


@given(st.binary(max_size=400))
@example(b'"')
@example(b"\xff\xfe\x00")
@example(b'a,b\n"x')
@example(b"BEGIN:VCARD\n")
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        table = open_table(data, "any.csv")
    except UnreadableFile as refused:
        assert str(refused)
    else:
        rows = list(table.rows())
        assert rows
        assert [row.line for row in rows] == sorted(row.line for row in rows)
        assert all(len(row.cells) >= len(table.columns) for row in rows)


def test_memory_stays_flat() -> None:
    data = io.BytesIO(b"".join(google_csv(8_000)))
    tracemalloc.start()
    try:
        count = sum(1 for _ in open_table(data).rows())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == 8_000
    assert peak < 1_500_000 < len(data.getvalue()) + 500_000

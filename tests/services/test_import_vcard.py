"""Cards of three versions from several programs give the same kind of row; a broken card never costs the next."""

from __future__ import annotations

from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st

from app.services.imports.mapping import suggest
from app.services.imports.reading import RawRow, open_table
from app.services.imports.rows import ContactRow, to_contact
from app.services.imports.vcard import COLUMNS

FIXTURES = Path(__file__).parents[1] / "fixtures" / "imports"


def contacts(data: bytes | Path) -> list[ContactRow]:
    with open_table(data) as table:
        mapping = suggest(table.columns, table.sample)
        return [to_contact(raw, mapping) for raw in table.rows()]


def raw(*lines: str) -> list[RawRow]:
    return list(open_table("\r\n".join(["BEGIN:VCARD", *lines, "END:VCARD", ""]).encode()).rows())


def cell(row: RawRow, column: str) -> str:
    return row.cells[COLUMNS.index(column)]


def test_a_mixed_file_gives_people_with_their_details() -> None:
    jose, ann, cut, bob, group, nobody = contacts(FIXTURES / "contacts.vcf")
    assert (jose.name, jose.first_name, jose.last_name) == ("José Núñez", "José", "Núñez")
    assert [(p.value, p.label) for p in jose.phones] == [("+14155550134", "mobile"), ("+14155550100", "work")]
    assert [(e.value, e.label) for e in ann.emails] == [("ann@example.com", "work"), ("ann.lee@example.org", "home")]
    assert ann.company == "Lee; Daughters"
    assert ann.notes.startswith("First line\nsecond line, with a comma and a long text that is folded")
    assert "1604" in ann.notes
    assert ann.birthday is None
    assert ann.addresses[0].street == "1 Elm St, Apt 2"
    assert ann.tags == ["Buyers", "Sphere"]
    assert bob.phones[0].value == "+14155550181;ext=12"
    assert str(bob.birthday) == "1980-05-14"
    assert not any(row.bad for row in (jose, ann, bob))
    assert "no end" in cut.problem
    assert "group" in group.problem
    assert nobody.bad


def test_escapes_stand_for_themselves() -> None:
    (row,) = raw("VERSION:3.0", r"N:O\;Neil;Ann\\;;;", r"FN:Ann O\;Neil", r"NOTE:a\nb\\nc\, d")
    assert (cell(row, "First Name"), cell(row, "Last Name")) == ("Ann\\", "O;Neil")
    assert cell(row, "Notes") == "a\nb\\nc, d"


def test_quoted_printable_in_another_charset_goes_on_over_lines() -> None:
    (row,) = raw("VERSION:2.1", "FN;CHARSET=ISO-8859-1;QUOTED-PRINTABLE:Jos=E9 =", "N=FA=F1ez", "TEL;HOME:415-555-0134")
    assert cell(row, "Name") == "José Núñez"
    assert cell(row, "Phone 1 - Label") == "home"


def test_a_card_inside_a_card_is_left_out() -> None:
    rows = raw("FN:Ann", "AGENT:", "BEGIN:VCARD", "FN:Colleague of Ann", "END:VCARD", "TEL:415-555-0134")
    assert [(cell(row, "Name"), cell(row, "Phone 1 - Value"), row.problem) for row in rows] == [
        ("Ann", "415-555-0134", "")
    ]


def test_a_picture_costs_no_memory_and_a_huge_note_is_told() -> None:
    rows = raw("FN:Ann", "PHOTO;ENCODING=b:" + "A" * 250_000, *[" " + "A" * 74] * 100, "TEL:415-555-0134")
    assert (cell(rows[0], "Phone 1 - Value"), rows[0].problem) == ("415-555-0134", "")
    rows = raw("FN:Ann", "NOTE:x", *[" " + "y" * 900] * 200)
    assert "characters" in rows[0].problem


@example([" folded", "NOTE;QUOTED-PRINTABLE:a="])
@given(
    st.lists(
        st.sampled_from(
            [
                "BEGIN:VCARD",
                "END:VCARD",
                "FN:Ann",
                "AGENT:",
                " folded",
                "N:a;b",
                "TEL;=;:1",
                "X",
                "",
                "NOTE;QUOTED-PRINTABLE:a=",
            ]
        )
    )
)
def test_any_order_of_lines_is_read(lines: list[str]) -> None:
    rows = list(open_table("\n".join(["BEGIN:VCARD", *lines, "BEGIN:VCARD", "FN:Last", "END:VCARD"]).encode()).rows())
    assert all(len(row.cells) == len(COLUMNS) for row in rows)
    assert len(rows) >= 1

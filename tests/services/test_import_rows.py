"""From columns to people: what the headers mean, what values become, and how bad rows come back to be mended."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.services.imports.mapping import FIELDS, Mapping, suggest
from app.services.imports.reading import open_table
from app.services.imports.rows import ContactRow, absorb, problem_file, to_contact
from models.contact import LABELS, TYPES

FIXTURES = Path(__file__).parents[1] / "fixtures" / "imports"


def load(source: str | bytes, region: str = "US") -> tuple[Mapping, list[ContactRow]]:
    with open_table(FIXTURES / source if isinstance(source, str) else source) as table:
        mapping = suggest(table.columns, table.sample)
        return mapping, [to_contact(raw, mapping, region) for raw in table.rows()]


def one(text: str, region: str = "US") -> ContactRow:
    return load(text.encode(), region)[1][0]


def values(details: list) -> list[tuple[str, str]]:
    return [(detail.value, detail.label) for detail in details]


@pytest.mark.parametrize(
    ("name", "origin", "expected"),
    [
        (
            "google.csv",
            "Google Contacts",
            {
                "Name": "name",
                "E-mail 1 - Value": "email",
                "E-mail 1 - Type": "email_label",
                "Group Membership": "tags",
                "Organization 1 - Title": "job_title",
                "Yomi Name": "",
                "Address 1 - Extended Address": "street",
            },
        ),
        (
            "google_2024.csv",
            "Google Contacts",
            {
                "First Name": "first_name",
                "E-mail 1 - Label": "email_label",
                "Labels": "tags",
                "Organization Name": "company",
                "Phonetic First Name": "",
                "File As": "",
            },
        ),
        (
            "outlook.csv",
            "Outlook",
            {
                "Title": "prefix",
                "E-mail Address": "email",
                "E-mail 2 Address": "email",
                "E-mail Display Name": "",
                "Business Fax": "",
                "Mobile Phone": "phone",
                "Home Street": "street",
                "Business Country/Region": "country",
                "Categories": "tags",
                "Assistant's Phone": "",
            },
        ),
        (
            "hubspot.csv",
            "HubSpot",
            {
                "Record ID": "",
                "Email": "email",
                "Mobile Phone Number": "phone",
                "Contact owner": "",
                "State/Region": "region",
                "Original Source": "source",
                "Website URL": "website",
            },
        ),
        (
            "mailchimp.csv",
            "Mailchimp",
            {"Email Address": "email", "Address": "address", "TAGS": "tags", "OPTIN_TIME": ""},
        ),
        (
            "followupboss.csv",
            "Follow Up Boss",
            {
                "Email 2": "email",
                "Phone 1 - Type": "phone_label",
                "Background": "notes",
                "Lead Source": "source",
                "Address 1 - Zip": "postal_code",
                "Type": "type",
            },
        ),
        (
            "freehand.csv",
            "",
            {"Full name": "name", "Cell": "phone", "Mail": "email", "Calle": "street", "Notas": "notes"},
        ),
        (
            "spanish.csv",
            "",
            {
                "Nombre": "first_name",
                "Apellidos": "last_name",
                "Correo electrónico": "email",
                "Teléfono móvil": "phone",
                "Población": "city",
                "Fecha de nacimiento": "birthday",
            },
        ),
        (
            "apple.csv",
            "",
            {"First name": "first_name", "Home ZIP": "postal_code", "Mobile": "phone", "Work email": "email"},
        ),
        ("no_header.csv", "", {"Column 1": "name", "Column 2": "email", "Column 3": "phone"}),
    ],
)
def test_the_headers_of_known_programs_are_understood(name: str, origin: str, expected: dict[str, str]) -> None:
    mapping, _ = load(name)
    chosen = {choice.column: choice.field for choice in mapping.choices}
    assert {column: chosen[column] for column in expected} == expected
    assert mapping.origin == origin
    assert all(choice.reason and choice.field in FIELDS for choice in mapping.choices)
    assert mapping.identifies


def test_values_speak_where_names_do_not_or_lie() -> None:
    sample = [
        ["a@example.com", "(415) 555-0134", "b@example.com", "x"],
        ["c@example.com", "415 555 0135", "d@example.com", "y"],
    ]
    mapping = suggest(["Q1", "Q2", "Phone", "Q3"], sample)
    assert [choice.field for choice in mapping.choices] == ["email", "phone", "email", ""]
    assert mapping.choices[2].confidence < 0.75 < suggest(["Email"], sample).choices[0].confidence
    assert suggest(["Mail"], [["1 Elm St"], ["2 Elm St"], ["3 Elm St"]]).choices[0].field == ""


def test_a_choice_of_the_user_stands_and_survives_the_job_queue() -> None:
    mapping = suggest(["Who", "Where"], [])
    chosen = mapping.with_field("Who", "name").with_field("Where", "city")
    assert Mapping.from_json(chosen.to_json()) == chosen
    assert to_contact(next(open_table(b"Who,Where\nAnn,Riverton\n").rows()), chosen).addresses[0].city == "Riverton"
    with pytest.raises(ValueError, match="no column"):
        mapping.with_field("When", "name")
    with pytest.raises(ValueError, match="no field"):
        mapping.with_field("Who", "workspace_id")


def test_a_google_row_keeps_every_value_and_label() -> None:
    maya, jose, title, lead, nobody, _ = load("google.csv")[1]
    assert values(maya.emails) == [
        ("maya.okafor@example.com", "home"),
        ("maya@example.org", "home"),
        ("m.okafor@example.net", "work"),
    ]
    assert values(maya.phones) == [("+14155550134", "mobile"), ("+14155550135", "mobile")]
    assert (maya.name, maya.goes_by, maya.company, maya.birthday) == (
        "Maya Okafor",
        "May",
        "Example Design",
        dt.date(1984, 5, 14),
    )
    assert (maya.addresses[0].street, maya.tags, maya.warnings) == ("12 Oak Ave, Apt 4", ["Buyers"], [])
    assert maya.notes == 'Met at the open house on 1 Elm St.\nWants a yard, "no stairs".'
    assert jose.notes == "Birthday: --05-14"
    assert title.name_given
    assert (lead.name, lead.name_given, lead.bad) == ("late.lead@example.org", False, False)
    assert nobody.bad
    assert "ask at the desk" in nobody.problem


def test_an_outlook_row_from_two_encodings_is_the_same() -> None:
    wide, narrow = load("outlook.csv")[1], load("outlook_semicolon.csv")[1]
    assert [(r.name, r.emails, r.phones, r.addresses, r.notes) for r in wide] == [
        (r.name, r.emails, r.phones, r.addresses, r.notes) for r in narrow
    ]
    assert [a.label for a in wide[0].addresses] == ["work", "home"]
    assert (wide[0].birthday, wide[1].birthday, wide[1].warnings[0].field) == (dt.date(1975, 3, 9), None, "email")
    assert wide[1].name == "Zoë Müller"


@pytest.mark.parametrize(
    ("text", "bad"),
    [
        ("Name,Mail\nAnn,nonsense\n", False),
        ("Name,Mail\n,nonsense\n", True),
        ("Name,Mail\n,ann@example.com\n", False),
        ("Name,Mail\n,ann@example.com;nonsense@\n", False),
        ("Company,Mail\nExample Homes,\n", False),
        ("Name,City\n,Riverton\n", True),
    ],
)
def test_a_row_is_bad_only_when_it_names_and_reaches_nobody(text: str, bad: bool) -> None:
    assert one(text).bad is bad


@pytest.mark.parametrize(
    ("text", "region", "day"),
    [
        ("5/6/1980", "US", dt.date(1980, 5, 6)),
        ("5/6/1980", "GB", dt.date(1980, 6, 5)),
        ("14/5/80", "US", dt.date(1980, 5, 14)),
        ("1980-05-14T00:00:00Z", "US", dt.date(1980, 5, 14)),
        ("May 14, 1980", "US", dt.date(1980, 5, 14)),
        ("0/0/00", "US", None),
        ("--05-14", "US", None),
        ("someday", "US", None),
    ],
)
def test_birthdays(text: str, region: str, day: dt.date | None) -> None:
    row = one(f'Name,Birthday\nAnn,"{text}"\n', region)
    assert row.birthday == day
    assert bool(row.warnings) == (text in row.notes) == (text in ("--05-14", "someday"))


def test_what_does_not_fit_is_told_and_kept_in_the_notes() -> None:
    row = one(f"Name,Type,Website,Cell\nAnn {'x' * 300},Past client,not a page,call me\n")
    assert len(row.name) == 200
    assert {warning.field for warning in row.warnings} == {"name", "type", "phone"}
    assert "x" * 300 in row.notes
    assert row.tags == ["Past client"]
    assert "Website: not a page" in row.notes
    assert "Phone: call me" in row.notes


def test_several_values_in_one_cell() -> None:
    row = one(
        'Name,Email,Phone,Tags\nAnn,"a@example.com, b@example.com","415 555 0134 / 415 555 0135","Buyer; VIP, buyer"\n'
    )
    assert [e.value for e in row.emails] == ["a@example.com", "b@example.com"]
    assert [p.value for p in row.phones] == ["+14155550134", "+14155550135"]
    assert row.tags == ["Buyer", "VIP"]


def test_bad_rows_come_back_as_a_file_that_can_be_mended_and_imported() -> None:
    with open_table(FIXTURES / "freehand.csv") as table:
        mapping = suggest(table.columns, table.sample)
        bad = [row for row in (to_contact(raw, mapping) for raw in table.rows()) if row.bad]
        back = "".join(problem_file(table.columns, bad))
    assert [row.line for row in bad] == [8, 9, 10]
    mended = back.replace("nobody", "now@example.com").encode()
    again = open_table(mended)
    assert again.columns[:8] == [*table.columns, "Problem"]
    rows = [to_contact(raw, suggest(again.columns, again.sample)) for raw in again.rows()]
    assert [e.value for e in rows[0].emails] == ["now@example.com"]
    assert not rows[0].bad


def test_a_cell_that_is_a_formula_comes_back_harmless_and_unchanged() -> None:
    row = to_contact(next(open_table(b"Name,Notes\n,=1+1\n").rows()), suggest(["Name", "Notes"], []))
    back = "".join(problem_file(["Name", "Notes"], [row]))
    assert "'=1+1" in back
    assert one(back.replace("\ufeff", "").replace("\r\n,", "\r\nAnn,")).notes == "=1+1"


def test_a_later_row_adds_and_never_replaces() -> None:
    first = one("Name,Email,Company,Notes\nAnn Lee,a@example.com,,one\n")
    absorb(first, one("Name,Email,Company,Notes\nA. Lee,b@example.com,Example Homes,two\n"))
    assert (first.name, first.company, first.notes) == ("Ann Lee", "Example Homes", "one\ntwo")
    assert [e.value for e in first.emails] == ["a@example.com", "b@example.com"]


@given(st.lists(st.text(max_size=40), min_size=9, max_size=9))
def test_any_cells_make_a_row_that_the_tables_can_take(cells: list[str]) -> None:
    columns = ["Name", "Email", "Phone", "Birthday", "Type", "Tags", "Website", "Street", "City"]
    raw = next(open_table(b"a,b\nc,d\n").rows())
    raw.cells = cells
    row = to_contact(raw, suggest(columns, []))
    assert row.bad == (not row.name)
    assert len(row.name) <= 200
    assert {d.label for d in (*row.emails, *row.phones, *row.addresses)} <= {key for key, _ in LABELS}
    assert row.type in {"", *(key for key, _ in TYPES)}
    assert "\0" not in row.name + row.notes + "".join(row.tags)

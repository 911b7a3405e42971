"""Made-up contact files of any size, the same every time: for tests of import and for the benchmark."""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Iterator

HEADER = [
    "First Name",
    "Middle Name",
    "Last Name",
    "Phonetic First Name",
    "Phonetic Middle Name",
    "Phonetic Last Name",
    "Name Prefix",
    "Name Suffix",
    "Nickname",
    "File As",
    "Organization Name",
    "Organization Title",
    "Organization Department",
    "Birthday",
    "Notes",
    "Photo",
    "Labels",
    "E-mail 1 - Label",
    "E-mail 1 - Value",
    "E-mail 2 - Label",
    "E-mail 2 - Value",
    "Phone 1 - Label",
    "Phone 1 - Value",
    "Phone 2 - Label",
    "Phone 2 - Value",
    "Address 1 - Label",
    "Address 1 - Formatted",
    "Address 1 - Street",
    "Address 1 - City",
    "Address 1 - PO Box",
    "Address 1 - Region",
    "Address 1 - Postal Code",
    "Address 1 - Country",
    "Address 1 - Extended Address",
    "Website 1 - Label",
    "Website 1 - Value",
]
_FIRST = [
    "Ann",
    "Ben",
    "Carla",
    "Dev",
    "Eva",
    "Femi",
    "Grace",
    "Hugo",
    "Ines",
    "Jin",
    "Kofi",
    "Lena",
    "Mateo",
    "Nora",
    "Omar",
    "Pia",
    "Quinn",
    "Rosa",
    "Sam",
    "Tara",
]
_LAST = [
    "Lee",
    "Núñez",
    "O'Hara",
    "Smith-Jones",
    "Okafor",
    "Silva",
    "Kim",
    "Patel",
    "Novak",
    "Brown",
    "García",
    "Haddad",
    "Ito",
    "Jensen",
    "Khan",
    "Lopez",
]
_CITIES = (("Springfield", "CA", "90001"), ("Riverton", "OR", "97001"), ("Lakeside", "WA", "98001"))


def google_csv(rows: int, *, bad_every: int = 200, twin_every: int = 100, seed: int = 1) -> Iterator[bytes]:
    """A Google Contacts export in pieces of about 1,000 rows, UTF-8.

    Every `bad_every`-th row names and reaches nobody; every `twin_every`-th repeats an earlier person's e-mail.
    """
    rng = random.Random(seed)
    piece = io.StringIO()
    writer = csv.writer(piece)
    writer.writerow(HEADER)
    for number in range(1, rows + 1):
        writer.writerow(
            _bad() if number % bad_every == 0 else _row(rng, number - 50 if number % twin_every == 0 else number)
        )
        if number % 1000 == 0 or number == rows:
            yield piece.getvalue().encode()
            piece.seek(0)
            piece.truncate()


def _row(rng: random.Random, person: int) -> list[str]:
    first, last = _FIRST[person % len(_FIRST)], _LAST[person % len(_LAST)]
    city, state, code = _CITIES[person % len(_CITIES)]
    cells = dict.fromkeys(HEADER, "")
    cells["First Name"], cells["Last Name"] = first, f"{last} {person}"
    cells["Labels"] = rng.choice(
        ["* myContacts", "Buyers ::: * myContacts", "Sphere ::: Past clients ::: * myContacts"]
    )
    cells["E-mail 1 - Label"], cells["E-mail 1 - Value"] = "* Home", f"{first}.{person}@example.com"
    cells["Phone 1 - Label"] = "Mobile"
    cells["Phone 1 - Value"] = f"({200 + person % 700}) {200 + person // 700 % 700}-{person * 7 % 10000:04}"
    if rng.random() < 0.3:
        cells["E-mail 2 - Label"], cells["E-mail 2 - Value"] = (
            "Work",
            f"{first}{person}@example.net ::: {first}{person}@example.org",
        )
    if rng.random() < 0.5:
        cells["Phone 2 - Label"], cells["Phone 2 - Value"] = "Work", "+1 415-555-0100"
        cells["Organization Name"] = "Example Realty"
    if rng.random() < 0.6:
        cells["Address 1 - Street"], cells["Address 1 - City"] = f"{person} Main St", city
        cells["Address 1 - Region"], cells["Address 1 - Postal Code"] = state, code
    if rng.random() < 0.2:
        cells["Notes"] = 'Likes a "big" yard.\nCall after five, please.'
    return list(cells.values())


def _bad() -> list[str]:
    cells = dict.fromkeys(HEADER, "")
    cells["E-mail 1 - Value"] = "nobody at example.com"
    return list(cells.values())

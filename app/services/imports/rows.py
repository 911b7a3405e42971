"""Makes a contact of a raw row: values normalised, what cannot be used told and kept, bad rows given back to be mended.

Belongs here: one row. Does not belong here: what the database already has (`matching`) or which column is what
(`mapping`). A row is bad only when it names nobody and reaches nobody; any lesser trouble is a warning, and the value
goes to the notes.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Mapping as Dict
from dataclasses import dataclass, field
from typing import Any

from app.services import values as typed
from app.services.imports import cells
from app.services.imports.cells import labelled, one_line
from app.services.imports.mapping import Mapping
from app.services.imports.plan import Part, Plan
from app.services.imports.raw import RawRow
from models import normal
from models.contact import TYPES
from models.words import _, grouped

PROBLEM = "Problem"
_LENGTHS = {"name": 200, "goes_by": 80, "company": 200, "job_title": 120, "source": 200}
_ADDRESS_LENGTHS = {"street": 300, "city": 120, "region": 120, "postal_code": 20, "country": 80}
_TYPES = {word.casefold(): key for pair in TYPES for key in (pair[0],) for word in pair} | {
    "prospect": "lead", "tenants": "tenant", "renter": "tenant", "owner": "seller", "buyers": "buyer",
    "sellers": "seller",
    "comprador": "buyer", "vendedor": "seller", "inquilino": "tenant", "lead": "lead",
}  # fmt: skip


@dataclass(slots=True, frozen=True)
class Detail:
    """An e-mail (lower case) or phone (E.164) with its label: main, work, home, mobile or other."""

    value: str
    label: str


@dataclass(slots=True, frozen=True)
class Address:
    street: str
    city: str
    region: str
    postal_code: str
    country: str
    label: str


@dataclass(slots=True, frozen=True)
class Problem:
    """What is wrong with a field of the row, as a sentence; `field` is a key of `mapping.FIELDS` or "" for the row."""

    field: str
    message: str


@dataclass(slots=True)
class ContactRow:
    """A contact as a file has it. Absent texts are ""; `notes` may be longer than a contact's own field takes.

    `name` is never blank in a good row: without one the company, e-mail or phone stands in, and `name_given` is False,
    so that an update does not replace a real name by it. `added` are values of fields that the workspace added,
    `raw` the cells as they stood, for the file of bad rows.
    """

    line: int
    raw: list[str]
    name: str = ""
    name_given: bool = True
    name_key: str = ""
    first_name: str = ""
    last_name: str = ""
    goes_by: str = ""
    company: str = ""
    job_title: str = ""
    emails: list[Detail] = field(default_factory=list)
    phones: list[Detail] = field(default_factory=list)
    addresses: list[Address] = field(default_factory=list)
    birthday: dt.date | None = None
    website: str = ""
    notes: str = ""
    tags: list[str] = field(default_factory=list)
    source: str = ""
    type: str = ""
    added: dict[str, Any] = field(default_factory=dict)
    errors: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)

    @property
    def bad(self) -> bool:
        return bool(self.errors)

    @property
    def problem(self) -> str:
        """All that is wrong, as text for the column "Problem"."""
        return " ".join(problem.message for problem in (*self.errors, *self.warnings))


def to_contact(
    raw: RawRow, mapping: Mapping, region: str = "US", types: Dict[str, str] = _TYPES, *, zone: str = "UTC"
) -> ContactRow:
    """The contact in a raw row; never raises for what the row holds.

    `region` is the country phones and dates are read for, `zone` where its times are; `types` has the value of each
    type by its case-folded word.
    """
    plan, values = mapping.plan, [cells.clean(cell) if cell else "" for cell in raw.cells]
    values.extend([""] * (len(mapping.choices) - len(values)))
    row = ContactRow(raw.line, raw.cells)
    if raw.problem:
        row.errors.append(Problem("", raw.problem))
    for part in plan.emails:
        _add_emails(row, part, values)
    for part in plan.phones:
        _add_phones(row, part, values, region)
    for part in plan.addresses:
        _add_addresses(row, part, values)
    _add_texts(row, plan, values)
    _add_facts(row, plan, values, region, types)
    _add_own(row, plan, values, typed.Locale(zone, region))
    _main_first(row.emails)
    _main_first(row.phones)
    _identify(row, region)
    return row


def problem_file(columns: Sequence[str], rows: Iterable[ContactRow]) -> Iterator[str]:
    """Lines of a CSV, BOM first: the rows with their own columns and "Problem", to be mended and imported again."""
    kept = [at for at, name in enumerate(columns) if name != PROBLEM]
    yield "\ufeff" + _csv_line([*(columns[at] for at in kept), PROBLEM])
    for row in rows:
        own = [row.raw[at] if at < len(row.raw) else "" for at in kept]
        yield _csv_line([*own, *row.raw[len(columns) :], row.problem])


def absorb(into: ContactRow, later: ContactRow) -> None:
    """Merges a later row about the same person: what is there stays, what is missing comes, lists are joined."""
    if later.name_given and not into.name_given:
        into.name, into.name_key, into.name_given = later.name, later.name_key, True
    for name in ("first_name", "last_name", "goes_by", "company", "job_title", "website", "source", "type"):
        if not getattr(into, name):
            setattr(into, name, getattr(later, name))
    into.birthday = into.birthday or later.birthday
    into.added = {**later.added, **into.added}
    for mine, theirs in ((into.emails, later.emails), (into.phones, later.phones)):
        known = {detail.value for detail in mine}
        mine.extend(detail for detail in theirs if detail.value not in known)
    into.addresses.extend(address for address in later.addresses if address not in into.addresses)
    into.tags.extend(tag for tag in later.tags if tag not in into.tags)
    if later.notes and later.notes not in into.notes:
        into.notes = f"{into.notes}\n{later.notes}".strip()
    into.warnings.extend(later.warnings)


def _add_emails(row: ContactRow, part: Part, values: list[str]) -> None:
    for text, label in labelled(part, "email", values):
        for one in cells.split_emails(text):
            try:
                found = normal.email(one)
            except ValueError as wrong:
                _unusable(row, "email", _("E-mail"), one, wrong)
                continue
            if all(found != known.value for known in row.emails):
                row.emails.append(Detail(found, label))


def _add_phones(row: ContactRow, part: Part, values: list[str], region: str) -> None:
    for text, label in labelled(part, "phone", values):
        try:
            found = cells.phones(text, region)
        except ValueError as wrong:
            _unusable(row, "phone", _("Phone"), text, wrong)
            continue
        for one in found:
            if all(one != known.value for known in row.phones):
                row.phones.append(Detail(one, label))


def _add_addresses(row: ContactRow, part: Part, values: list[str]) -> None:
    if not any(values[at] for places in part.places.values() for at in places):
        return
    for parts, label in cells.addresses(part, values):
        kept = {name: _fit(row, name, parts.get(name, ""), limit) for name, limit in _ADDRESS_LENGTHS.items()}
        address = Address(**kept, label=label)
        if address not in row.addresses:
            row.addresses.append(address)


def _add_texts(row: ContactRow, plan: Plan, values: list[str]) -> None:
    single = {
        name: one_line(values[at])
        for name, at in plan.single.items()
        if values[at] and name not in ("birthday", "type")
    }
    if not single.get("name"):
        parts = (single.get(part) for part in ("prefix", "first_name", "middle_name", "last_name", "suffix"))
        single["name"] = " ".join(part for part in parts if part)
    row.first_name, row.last_name = single.get("first_name", ""), single.get("last_name", "")
    for name, limit in _LENGTHS.items():
        setattr(row, name, _fit(row, name, single.get(name, ""), limit))
    for at in plan.several.get("notes", ()):
        if values[at]:
            _note(row, values[at])
    for at in plan.several.get("tags", ()):
        for tag in cells.split_tags(values[at]):
            short = _fit(row, "tags", tag, 60)
            if short.casefold() not in (known.casefold() for known in row.tags):
                row.tags.append(short)


def _add_facts(row: ContactRow, plan: Plan, values: list[str], region: str, types: Dict[str, str]) -> None:
    """Website, birthday and type: where there is no room or no clear value, the text goes to the notes or tags."""
    websites = [
        one for at in plan.several.get("website", ()) if values[at] for one in values[at].split(cells.PART) if one
    ]
    for one in websites:
        if not row.website and len(one) <= 2000 and cells.is_website(one):
            row.website = one if "://" in one else f"https://{one}"
        else:
            _note(row, _("Website: {one}", one=one))
    if text := values[plan.single["birthday"]] if "birthday" in plan.single else "":
        try:
            row.birthday = cells.birthday(text, region)
        except ValueError as wrong:
            _unusable(row, "birthday", _("Birthday"), text, wrong)
    if text := one_line(values[plan.single["type"]]) if "type" in plan.single else "":
        row.type = types.get(text.casefold(), "")
        if not row.type:
            row.warnings.append(
                Problem("type", _("“{words}” is no contact type here; it was kept as a tag.", words=text[:60]))
            )
            row.tags.append(_fit(row, "tags", text, 60))


def _add_own(row: ContactRow, plan: Plan, values: list[str], locale: typed.Locale) -> None:
    """Values of fields that the workspace added, read as a form reads them."""
    for name, one in plan.added.items():
        if text := values[plan.single[name]]:
            try:
                found = typed.from_text(one, text, locale)
            except ValueError as wrong:
                _unusable(row, name, one.label, text, wrong)
                continue
            if found not in (None, False, ()):
                row.added[name] = found


def _main_first(details: list[Detail]) -> None:
    if len(details) > 1:
        details.sort(key=lambda detail: detail.label != "main")


def _identify(row: ContactRow, region: str) -> None:
    """Every good row has a name; a row that names and reaches nobody is bad."""
    row.name_given = bool(row.name)
    if not row.name:
        row.name = row.company or (row.emails[0].value if row.emails else "")
    if not row.name and row.phones:
        row.name = normal.show_phone(row.phones[0].value, region)
    row.name_key = normal.name_key(row.name)
    if not row.name:
        why = [warning.message for warning in row.warnings if warning.field in ("email", "phone")]
        row.warnings = [warning for warning in row.warnings if warning.field not in ("email", "phone")]
        row.errors.append(Problem("", " ".join([_("This row has no name and no e-mail or phone we can use."), *why])))
    elif not row.name_given:
        row.warnings.append(Problem("name", _("There is no name; “{name}” stands in for it.", name=row.name)))


def _unusable(row: ContactRow, name: str, label: str, text: str, wrong: ValueError) -> None:
    """The value is told, and kept in the notes, so that nothing of the file is lost."""
    shown = text if len(text) <= 80 else f"{text[:80]}…"
    row.warnings.append(
        Problem(name, _("{label} “{shown}” cannot be used. {wrong}", label=label, shown=shown, wrong=wrong))
    )
    _note(row, f"{label}: {text}")


def _fit(row: ContactRow, name: str, text: str, limit: int) -> str:
    if len(text) <= limit:
        return text
    label = name.replace("_", " ").capitalize()
    row.warnings.append(
        Problem(
            name,
            _(
                "{label} has {n} characters; {limit} fit. The whole text is in the notes.",
                label=label,
                n=grouped(len(text)),
                limit=limit,
            ),
        )
    )
    _note(row, f"{label}: {text}")
    return text[:limit].rstrip()


def _note(row: ContactRow, text: str) -> None:
    row.notes = f"{row.notes}\n{text}" if row.notes else text


def _csv_line(values: list[str]) -> str:
    """One line; what a spreadsheet would run as a formula gets an apostrophe, which `cells.clean` takes off again."""
    line = io.StringIO()
    csv.writer(line).writerow([f"'{value}" if value[:1] in cells.FORMULA else value for value in values])
    return line.getvalue()

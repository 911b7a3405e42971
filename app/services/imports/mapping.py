"""Which column of a file is which field of a contact: a suggestion with its confidence and reason, and the user's own
choice.

Belongs here: choices and the suggestion. Does not belong here: the words that headers use (`headers`) or values
(`rows`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

from app.services import schema
from app.services.imports import headers
from app.services.imports.headers import Meaning
from app.services.imports.plan import Plan
from models.contact import Contact
from models.fields import Field, Kind
from models.registry import CUSTOM_PREFIX
from models.words import N_, _

FIELDS = {
    "": N_("Do not import"),
    "name": N_("Name"),
    "first_name": N_("First name"),
    "middle_name": N_("Middle name"),
    "last_name": N_("Last name"),
    "prefix": N_("Title before the name"),
    "suffix": N_("Suffix after the name"),
    "goes_by": N_("Goes by"),
    "company": N_("Company"),
    "job_title": N_("Job title"),
    "email": N_("E-mail"),
    "email_label": N_("Label of an e-mail"),
    "phone": N_("Phone"),
    "phone_label": N_("Label of a phone"),
    "address": N_("Address in one cell"),
    "street": N_("Street"),
    "city": N_("City"),
    "region": N_("State or region"),
    "postal_code": N_("Postal code"),
    "country": N_("Country"),
    "address_label": N_("Label of an address"),
    "birthday": N_("Birthday"),
    "website": N_("Website"),
    "notes": N_("Notes"),
    "tags": N_("Tags"),
    "source": N_("Source"),
    "type": N_("Contact type"),
}
# The columns of a contact that these become; the others become names, parts of a name, rows of their own or notes.
_SAME = ("goes_by", "company", "job_title", "email", "phone", "birthday", "website", "type")
_COLUMNS = {**{name: name for name in _SAME}, "notes": "about"}
REPEATED = frozenset(
    ["email", "email_label", "phone", "phone_label", "address", "street", "city", "region", "postal_code", "country",
     "address_label", "notes", "tags", "website"]
)  # fmt: skip
SURE = 0.75  # from here on a suggestion needs no second look

_EMAIL = re.compile(r"\S+@\S+\.\w\w+>?")
_PHONE = re.compile(r"(?:tel:)?\+?[\d (][\d ().\-/]{6,22}(?: ?(?:x|ext\.?) ?\d{1,6})?", re.IGNORECASE)
_URL = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)
_NAME = re.compile(r"[^\W\d_][\w'’.-]*,?(?: [^\W\d_][\w'’.-]*){1,3}")
_DATE_LIKE = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}")


@dataclass(frozen=True, slots=True)
class Choice:
    """What one column becomes. Columns of one `group` make one e-mail, phone or address; `label` is the header's.

    `field` is a key of FIELDS, `confidence` from 0 to 1, `reason` a sentence for the preview.
    """

    column: str
    field: str
    group: str = ""
    label: str = ""
    confidence: float = 0.0
    reason: str = ""


@dataclass(frozen=True)
class Mapping:
    """One choice per column, in the order of the columns. `origin` is the program that wrote the file, if it shows."""

    choices: tuple[Choice, ...]
    origin: str = ""

    def with_field(self, column: str, field: str) -> Mapping:
        """The user's choice for a column; raises ValueError for what is no column or field."""
        if field not in targets():
            raise ValueError(_("There is no field “{field}” to import into.", field=field))
        if column not in {c.column for c in self.choices}:
            raise ValueError(_("The file has no column “{column}”.", column=column))
        changed = tuple(_chosen(c, at, field) if c.column == column else c for at, c in enumerate(self.choices))
        return replace(self, choices=changed)

    @cached_property
    def plan(self) -> Plan:
        """The choices as places in a row, made once for all rows."""
        return Plan.of([(c.field, headers.kind(c.field), c.group, c.label) for c in self.choices], added())

    @property
    def identifies(self) -> bool:
        """Whether rows can have a name, an e-mail or a phone at all."""
        return any(c.field in ("name", "first_name", "last_name", "company", "email", "phone") for c in self.choices)

    def to_json(self) -> dict[str, Any]:
        """Plain data for a job's arguments."""
        return {"origin": self.origin, "choices": [asdict(c) for c in self.choices]}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Mapping:
        """The mapping that `to_json` gave; raises ValueError for an unknown field. What was meant for a field that the
        workspace has taken away since, or that the role in force does not set, is left out.
        """
        choices = tuple(_allowed(Choice(**choice)) for choice in data["choices"])
        unknown = [c.field for c in choices if c.field not in targets()]
        if unknown:
            raise ValueError(_("There is no field “{unknown}” to import into.", unknown=unknown[0]))
        return cls(choices, data.get("origin", ""))


def targets() -> dict[str, str]:
    """Every field to import into, by key with its label: those of a contact that the role in force sets, with those
    that the workspace added.
    """
    writable = schema.writable(Contact)
    found = {key: label for key, label in FIELDS.items() if _COLUMNS.get(key, "name") in writable}
    return found | {name: one.label for name, one in added().items()}


def added() -> dict[str, Field]:
    """The fields that the workspace added and that a cell can fill."""
    writable = schema.writable(Contact)
    return {n: one for n, one in writable.items() if one.custom and one.kind is not Kind.RELATION}


def fillable() -> frozenset[str]:
    """The fields of a contact that a column can fill."""
    return frozenset({"name", *_COLUMNS.values(), *added()})


def _allowed(choice: Choice) -> Choice:
    known = choice.field in FIELDS or choice.field.startswith(CUSTOM_PREFIX)
    return replace(choice, field="") if known and choice.field not in targets() else choice


def suggest(columns: Sequence[str], sample: Sequence[Sequence[str]]) -> Mapping:
    """The most likely choice for every column, from its name first and its values (rows of cells) second."""
    keys = [headers.key(column) for column in columns]
    known = frozenset(keys)
    choices = []
    for at, column in enumerate(columns):
        values = [row[at].strip() for row in sample if at < len(row) and row[at].strip()]
        choices.append(_own(column) or _allowed(_suggested(column, headers.meaning(keys[at], known), values, at)))
    return Mapping(tuple(_without_rivals(_with_name_column(choices, columns, sample))), headers.origin(known))


def _own(column: str) -> Choice | None:
    """A column that is named like a field the workspace added, by its label or its key."""
    word = " ".join(column.split()).casefold()
    for name, one in added().items():
        if word in (one.label.casefold(), name):
            return Choice(column, name, confidence=1.0, reason=_("Named like your own field."))
    return None


def _chosen(choice: Choice, at: int, field: str) -> Choice:
    same_kind = headers.kind(choice.field) == headers.kind(field) != ""
    group = choice.group if same_kind else f"column {at + 1}"
    return Choice(choice.column, field, group, choice.label if same_kind else "", 1.0, _("You chose this."))


def _suggested(column: str, meaning: Meaning | None, values: list[str], at: int) -> Choice:
    hint = _hint(values)
    if meaning is None:
        if not hint:
            return Choice(column, "", confidence=0.0, reason=_("The name of this column tells us nothing."))
        field, share = hint
        return Choice(
            column,
            field,
            f"column {at + 1}",
            "",
            round(0.7 * share, 2),
            _("{share:.0%} of its values look like {like}.", share=share, like=_like(field)),
        )
    if hint and headers.contradicts(meaning.field, hint[0]):
        reason = _(
            "Named like {field}, but its values look like {like}.",
            field=FIELDS[meaning.field].lower(),
            like=_like(hint[0]),
        )
        return Choice(column, hint[0], meaning.group or f"column {at + 1}", "", round(0.6 * hint[1], 2), reason)
    if meaning.field in ("email", "phone") and len(values) >= 3 and not _fits(meaning.field, values):
        reason = _("Named like {field}, but none of its values is one.", field=FIELDS[meaning.field].lower())
        return Choice(column, "", confidence=0.3, reason=reason)
    group = meaning.group or (f"column {at + 1}" if headers.kind(meaning.field) in ("email", "phone") else "")
    return Choice(column, meaning.field, group, meaning.label, meaning.confidence, meaning.reason)


def _hint(values: list[str]) -> tuple[str, float] | None:
    """The field that most values look like, and their share."""
    values = [value[:200] for value in values]
    if not values:
        return None
    for field, shape in (("email", _EMAIL), ("website", _URL), ("phone", _PHONE)):
        fitting = sum(1 for v in values if shape.fullmatch(v.split(" ::: ")[0]) and not _DATE_LIKE.fullmatch(v))
        if field == "phone":
            fitting = min(fitting, sum(1 for v in values if 10 <= sum(map(str.isdigit, v.split(" ::: ")[0])) <= 15))
        if fitting >= 0.6 * len(values):
            return field, fitting / len(values)
    return None


def _fits(field: str, values: Iterable[str]) -> bool:
    return any("@" in v if field == "email" else any(c.isdigit() for c in v) for v in values)


def _like(field: str) -> str:
    return {
        "email": _("e-mail addresses"),
        "phone": _("phone numbers"),
        "website": _("web addresses"),
        "name": _("names"),
    }[field]


def _with_name_column(choices: list[Choice], columns: Sequence[str], sample: Sequence[Sequence[str]]) -> list[Choice]:
    """Where no column has a name: the first unknown one whose values look like names of people."""
    if any(c.field in ("name", "first_name", "last_name") for c in choices):
        return choices
    for at, choice in enumerate(choices):
        values = [row[at].strip() for row in sample if at < len(row) and row[at].strip()]
        fitting = sum(1 for v in values if _NAME.fullmatch(v))
        if not choice.field and not choice.confidence and values and fitting >= 0.6 * len(values):
            reason = _("{share:.0%} of its values look like names.", share=fitting / len(values))
            return [*choices[:at], Choice(columns[at], "name", confidence=0.5, reason=reason), *choices[at + 1 :]]
    return choices


def _without_rivals(choices: list[Choice]) -> list[Choice]:
    """A field that a contact has once comes from one column: the surest, else the first."""
    best: dict[str, int] = {}
    for at, choice in enumerate(choices):
        if choice.field and choice.field not in REPEATED:
            rival = best.get(choice.field)
            if rival is None or choices[rival].confidence < choice.confidence:
                best[choice.field] = at
    kept = []
    for at, choice in enumerate(choices):
        winner = best.get(choice.field, at)
        if winner != at:
            reason = _(
                "{field} already comes from “{column}”.",
                field=targets()[choice.field],
                column=choices[winner].column,
            )
            choice = Choice(choice.column, "", confidence=choice.confidence, reason=reason)
        kept.append(choice)
    return kept

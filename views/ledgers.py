"""What the compliance console shows beside the audit log: one declaration per ledger, and entries in words.

Belongs here: which columns, under which names. Does not belong here: reading them (`app.services.ledgers`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from markupsafe import Markup

from app.services import ai_features, ai_ledger, audit_log, consent, values
from models import ai, job
from models.access import AccessGrant
from models.ai import AiCall
from models.audit import Change
from models.contact import BASES
from models.job import Job
from models.policy import Purpose
from models.privacy import Attestation, Consent, ImportBatch
from models.words import N_
from views import compliance_names as names
from views.compliance_names import Choices, Titles

# Parts of the names of actions, in the words of those who look for them.
ACTIONS = (
    ("create", N_("Added")), ("update", N_("Changed")), ("delete", N_("Deleted")), ("restore", N_("Restored")),
    ("export", N_("Exported")), ("sign_in", N_("Sign-ins")), ("membership", N_("Members")), ("role", N_("Roles")),
    ("invitation", N_("Invitations")), ("api_key", N_("API keys")), ("consent", N_("Consents")),
    ("import", N_("Imports")), ("draft", N_("Drafts")), ("job", N_("Jobs")), ("audit", N_("Use of this log")),
    ("refused", N_("Refused")), ("failed", N_("Failed")),
)  # fmt: skip
_CHANGES = (("create", N_("Added")), ("update", N_("Changed")), ("delete", N_("Deleted")), ("restore", N_("Restored")))
_GIVEN = ((True, N_("Given")), (False, N_("Withdrawn")))
_BATCH_STATES = (
    ("mapping", N_("Not started")), ("waiting", N_("Waiting")), ("running", N_("Running")), ("done", N_("Done")),
    ("failed", N_("Failed")), ("cancelled", N_("Cancelled")),
)  # fmt: skip
_BATCH_KINDS = (("csv", "CSV"), ("xlsx", N_("Spreadsheet")), ("vcard", "vCard"))
_ATTESTED = (("import", N_("Import")),)


def _plainly(values_: Iterable[str]) -> Choices:
    """Choices whose values are words already."""
    return tuple((value, N_(value[:1].upper() + value[1:])) for value in values_)


def _features() -> Choices:
    """Every kind of draft; the first stands in rows of the time when there was but one."""
    known = ((key, one.label) for key, one in ai_features.features().items())
    return (("follow-up draft", N_("Follow-up draft")), *known)


@dataclass(frozen=True, slots=True)
class Ledger:
    """One ledger: columns as (name, label), and the columns that can be filtered by an exact value.

    `choices` are the words of a column's values, from which its filter is chosen; `refers` the columns that hold the id
    of a record, with its kind, or "" where the row's own `entity` says it.
    """

    slug: str
    title: str
    model: type[Any]
    columns: tuple[tuple[str, str], ...]
    intro: str
    group: str = N_("Records of proof")
    icon: str = "list-details"
    filters: tuple[str, ...] = ()
    choices: Mapping[str, Choices] = field(default_factory=dict)
    refers: Mapping[str, str] = field(default_factory=dict)

    def names(self) -> tuple[str, ...]:
        return tuple(name for name, _label in self.columns)

    def label(self, name: str) -> str:
        return dict(self.columns).get(name, name.replace("_", " ").capitalize())

    def choices_of(self, name: str) -> Choices:
        return names.kinds() if name == "entity" else self.choices.get(name, ())

    def exact(self, filters: Mapping[str, str]) -> dict[str, Any]:
        """Filters as values of the columns' types; a number or a person that is none finds nothing."""
        found: dict[str, Any] = {}
        for name, text in filters.items():
            if self.refers.get(name) == "contact":
                found[name] = audit_log.person(text)
            elif name == "id" or name in self.refers:
                found[name] = values.whole(text) or -1
            else:
                found[name] = text
        return found

    def titles(self, rows: list[Any]) -> Titles:
        """The names of all records that these rows (id, *columns) speak of."""
        return names.titles((self._entity(row, name), getattr(row, name)) for row in rows for name in self.refers)

    def cells(self, row: Any, known: Titles, zone: ZoneInfo) -> list[str | Markup]:
        """A row's values as text."""
        return [self._cell(row, name, known, zone) for name in self.names()]

    def _cell(self, row: Any, name: str, known: Titles, zone: ZoneInfo) -> str | Markup:
        value = getattr(row, name)
        if name in self.refers:
            return names.link(self._entity(row, name), value, known)
        if name == "entity":
            return names.kind(value)
        if name in self.choices:
            return dict(self.choices[name]).get(value, names.words(value, zone))
        if self.model is Change and name == "new":
            return names.labels(row.entity, value)
        if self.model is AiCall and name == "id":
            return Markup('<a class="lk" href="/compliance/ai/{}">{}</a>').format(value, value)
        if self.model is AiCall and name == "cost":
            return ai_ledger.dollars(value)
        if self.model is AiCall and name == "fields":
            return ", ".join(str(ai_features.labels().get(one, one)) for one in value)
        return names.words(value, zone)

    def _entity(self, row: Any, name: str) -> str:
        return self.refers[name] or row.entity


LEDGERS = (
    Ledger(
        "changes",
        N_("Change history"),
        Change,
        (
            ("at", N_("Time")),
            ("actor", N_("Who")),
            ("on_behalf_of", N_("For")),
            ("verb", N_("What")),
            ("entity", N_("Kind")),
            ("record_id", N_("Record")),
            ("new", N_("Fields")),
            ("reason", N_("Reason")),
        ),
        N_("Every change of a record appears here with its fields."),
        icon="git-compare",
        filters=("entity", "record_id"),
        choices={"verb": _CHANGES},
        refers={"record_id": ""},
    ),
    Ledger(
        "consents",
        N_("Consents"),
        Consent,
        (
            ("at", N_("Time")),
            ("contact_id", N_("Contact")),
            ("topic", N_("Topic")),
            ("given", N_("Given")),
            ("basis", N_("Basis")),
            ("source", N_("Source")),
            ("wording", N_("Wording shown")),
            ("policy_digest", N_("Policy version")),
        ),
        N_("Each consent and each withdrawal appears here with the words that were shown."),
        group=N_("Privacy work"),
        icon="checklist",
        filters=("contact_id", "topic"),
        choices={"topic": (*consent.TOPICS, ("notice", N_("Notice"))), "basis": BASES, "given": _GIVEN},
        refers={"contact_id": "contact"},
    ),
    Ledger(
        "attestations",
        N_("Attestations"),
        Attestation,
        (
            ("at", N_("Time")),
            ("by", N_("Who")),
            ("what", N_("What")),
            ("what_id", N_("Number")),
            ("basis", N_("Basis")),
            ("words", N_("Words")),
        ),
        N_("Who vouched for the lawful basis of an import, a list or an automation appears here."),
        group=N_("Privacy work"),
        icon="signature",
        filters=("basis",),
        choices={"what": _ATTESTED, "basis": BASES},
    ),
    Ledger(
        "imports",
        N_("Imports"),
        ImportBatch,
        (
            ("created_at", N_("Time")),
            ("file_name", N_("File")),
            ("kind", N_("Kind")),
            ("state", N_("State")),
            ("rows_read", N_("Rows")),
            ("counts", N_("Outcome")),
            ("finished_at", N_("Finished")),
        ),
        N_("Imported files appear here with what came of their rows."),
        icon="file-import",
        filters=("state",),
        choices={"state": _BATCH_STATES, "kind": _BATCH_KINDS},
    ),
    Ledger(
        "access",
        N_("Support access"),
        AccessGrant,
        (
            ("created_at", N_("Granted")),
            ("granted_by", N_("By")),
            ("grantee", N_("To")),
            ("operator", N_("From the platform")),
            ("as_label", N_("As")),
            ("purpose", N_("What for")),
            ("expires_at", N_("Until")),
            ("started_at", N_("Last used from")),
            ("ended_at", N_("Last used to")),
            ("revoked_at", N_("Revoked")),
        ),
        N_("Every grant of access as somebody else appears here. What was done under it has both names in the log."),
        icon="key",
        choices={"operator": ((True, N_("Yes")), (False, N_("No")))},
    ),
    Ledger(
        "jobs",
        N_("Jobs"),
        Job,
        (
            ("created_at", N_("Time")),
            ("name", N_("Job")),
            ("label", N_("About")),
            ("purpose", N_("Purpose")),
            ("state", N_("State")),
            ("attempts", N_("Tries")),
            ("finished_at", N_("Finished")),
        ),
        N_("Work done in the background appears here with its purpose."),
        icon="stack-2",
        filters=("state", "purpose"),
        choices={"state": _plainly(job.STATES), "purpose": _plainly(purpose.value for purpose in Purpose)},
    ),
    Ledger(
        "ai",
        N_("AI ledger"),
        AiCall,
        (
            ("id", N_("AI call")),
            ("at", N_("Time")),
            ("asked_by", N_("Who")),
            ("contact_id", N_("About")),
            ("feature", N_("Feature")),
            ("outcome", N_("Outcome")),
            ("provider", N_("Provider")),
            ("model", N_("Model")),
            ("cost", N_("Cost")),
            ("tokens_in", N_("Tokens sent")),
            ("tokens_out", N_("Tokens received")),
            ("latency_ms", N_("Milliseconds")),
            ("attempt", N_("Attempt")),
            ("error", N_("Why")),
            ("fields", N_("Fields sent")),
            ("payload_bytes", N_("Bytes")),
            ("payload_hash", N_("SHA-256 of what was sent")),
            ("reply_hash", N_("SHA-256 of what was received")),
            ("purpose", N_("Purpose")),
        ),
        N_("Each call of an AI provider appears here before it is made."),
        group=N_("Inventory"),
        icon="sparkles",
        filters=("id", "contact_id", "feature", "provider", "outcome"),
        choices={"feature": _features(), "outcome": _plainly(ai.OUTCOMES)},
        refers={"contact_id": "contact"},
    ),
)

"""What the compliance console shows beside the audit log: one declaration per ledger, and entries in words.

Belongs here: which columns, under which names. Does not belong here: reading them (`app.services.ledgers`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from markupsafe import Markup

from app.services import audit_log, consent, drafts, values
from models import ai, job, registry
from models.access import AccessGrant
from models.ai import AiCall
from models.audit import Change
from models.contact import BASES
from models.job import Job
from models.policy import Purpose
from models.privacy import Attestation, Consent, ImportBatch
from views import compliance_names as names
from views.compliance_names import Choices, Titles

_VERBS = {
    "create": "created",
    "update": "updated",
    "delete": "deleted",
    "restore": "restored",
    "export": "exported",
    "open": "values opened",
    "verify": "checked",
    "add": "added",
    "remove": "removed",
    "failed": "failed",
    "attest": "attested",
    "start": "started",
    "finish": "finished",
    "undo": "undone",
    "revoke": "revoked",
    "accept": "accepted",
    "ask": "asked for",
}
# Parts of the names of actions, in the words of those who look for them.
ACTIONS = (
    ("create", "Added"), ("update", "Changed"), ("delete", "Deleted"), ("restore", "Restored"), ("export", "Exported"),
    ("sign_in", "Sign-ins"), ("membership", "Members"), ("role", "Roles"), ("invitation", "Invitations"),
    ("api_key", "API keys"), ("consent", "Consents"), ("import", "Imports"), ("draft", "Drafts"), ("job", "Jobs"),
    ("audit", "Use of this log"), ("refused", "Refused"), ("failed", "Failed"),
)  # fmt: skip
_CHANGES = (("create", "Added"), ("update", "Changed"), ("delete", "Deleted"), ("restore", "Restored"))
_GIVEN = ((True, "Given"), (False, "Withdrawn"))
_BATCH_STATES = (
    ("mapping", "Not started"), ("waiting", "Waiting"), ("running", "Running"), ("done", "Done"), ("failed", "Failed"),
    ("cancelled", "Cancelled"),
)  # fmt: skip
_BATCH_KINDS = (("csv", "CSV"), ("xlsx", "Spreadsheet"), ("vcard", "vCard"))
_ATTESTED = (("import", "Import"),)
_BAD = ("failed", "refused", "dead", "locked")


def _plainly(values_: Iterable[str]) -> Choices:
    """Choices whose values are words already."""
    return tuple((value, value[:1].upper() + value[1:]) for value in values_)


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
    group: str = "Records of proof"
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
        if self.model is AiCall and name == "fields":
            return ", ".join(drafts.READABLE.get(one, one) for one in value)
        return names.words(value, zone)

    def _entity(self, row: Any, name: str) -> str:
        return self.refers[name] or row.entity


LEDGERS = (
    Ledger(
        "changes",
        "Change history",
        Change,
        (
            ("at", "Time"),
            ("actor", "Who"),
            ("on_behalf_of", "For"),
            ("verb", "What"),
            ("entity", "Kind"),
            ("record_id", "Record"),
            ("new", "Fields"),
            ("reason", "Reason"),
        ),
        "Every change of a record appears here with its fields.",
        icon="git-compare",
        filters=("entity", "record_id"),
        choices={"verb": _CHANGES},
        refers={"record_id": ""},
    ),
    Ledger(
        "consents",
        "Consents",
        Consent,
        (
            ("at", "Time"),
            ("contact_id", "Contact"),
            ("topic", "Topic"),
            ("given", "Given"),
            ("basis", "Basis"),
            ("source", "Source"),
            ("wording", "Wording shown"),
            ("policy_digest", "Policy version"),
        ),
        "Each consent and each withdrawal appears here with the words that were shown.",
        group="Privacy work",
        icon="checklist",
        filters=("contact_id", "topic"),
        choices={"topic": (*consent.TOPICS, ("notice", "Notice")), "basis": BASES, "given": _GIVEN},
        refers={"contact_id": "contact"},
    ),
    Ledger(
        "attestations",
        "Attestations",
        Attestation,
        (
            ("at", "Time"),
            ("by", "Who"),
            ("what", "What"),
            ("what_id", "Number"),
            ("basis", "Basis"),
            ("words", "Words"),
        ),
        "Who vouched for the lawful basis of an import, a list or an automation appears here.",
        group="Privacy work",
        icon="signature",
        filters=("basis",),
        choices={"what": _ATTESTED, "basis": BASES},
    ),
    Ledger(
        "imports",
        "Imports",
        ImportBatch,
        (
            ("created_at", "Time"),
            ("file_name", "File"),
            ("kind", "Kind"),
            ("state", "State"),
            ("rows_read", "Rows"),
            ("counts", "Outcome"),
            ("finished_at", "Finished"),
        ),
        "Imported files appear here with what came of their rows.",
        icon="file-import",
        filters=("state",),
        choices={"state": _BATCH_STATES, "kind": _BATCH_KINDS},
    ),
    Ledger(
        "access",
        "Support access",
        AccessGrant,
        (
            ("created_at", "Granted"),
            ("granted_by", "By"),
            ("grantee", "To"),
            ("operator", "From the platform"),
            ("as_label", "As"),
            ("purpose", "What for"),
            ("expires_at", "Until"),
            ("started_at", "Last used from"),
            ("ended_at", "Last used to"),
            ("revoked_at", "Revoked"),
        ),
        "Every grant of access as somebody else appears here. What was done under it has both names in the log.",
        icon="key",
        choices={"operator": ((True, "Yes"), (False, "No"))},
    ),
    Ledger(
        "jobs",
        "Jobs",
        Job,
        (
            ("created_at", "Time"),
            ("name", "Job"),
            ("label", "About"),
            ("purpose", "Purpose"),
            ("state", "State"),
            ("attempts", "Tries"),
            ("finished_at", "Finished"),
        ),
        "Work done in the background appears here with its purpose.",
        icon="stack-2",
        filters=("state", "purpose"),
        choices={"state": _plainly(job.STATES), "purpose": _plainly(purpose.value for purpose in Purpose)},
    ),
    Ledger(
        "ai",
        "AI ledger",
        AiCall,
        (
            ("id", "AI"),
            ("at", "Time"),
            ("asked_by", "Who"),
            ("contact_id", "About"),
            ("feature", "Feature"),
            ("provider", "Provider"),
            ("model", "Model"),
            ("purpose", "Purpose"),
            ("fields", "Fields sent"),
            ("payload_bytes", "Bytes"),
            ("payload_hash", "SHA-256 of what was sent"),
            ("outcome", "Outcome"),
        ),
        "Each call of an AI provider appears here before it is made.",
        group="Inventory",
        icon="sparkles",
        filters=("id", "contact_id", "feature", "outcome"),
        choices={"feature": _plainly([drafts.FEATURE]), "outcome": _plainly(ai.OUTCOMES)},
        refers={"contact_id": "contact"},
    ),
)


def entry_words(action: str, facts: Any) -> tuple[str, bool]:
    """An action in words, and whether it is bad news: "contact.update" is "updated", "sign_in.failed" is "sign in
    failed"."""
    thing, _, verb = action.rpartition(".")
    bad = any(part in verb for part in _BAD) or (isinstance(facts, dict) and facts.get("ok") is False)
    if thing in registry.entities() or thing == "audit":
        return _VERBS.get(verb, verb.replace("_", " ")), bad
    return f"{thing.replace('_', ' ').replace('.', ' ')} {_VERBS.get(verb, verb.replace('_', ' '))}".strip(), bad

"""What the compliance console shows beside the audit log: one declaration per ledger, and entries in words.

Belongs here: which columns, under which names. Does not belong here: reading them (`app.services.ledgers`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from models import registry
from models.ai import AiCall
from models.audit import Change
from models.job import Job
from models.privacy import Attestation, Consent, ImportBatch

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
}
_BAD = ("failed", "refused", "dead", "locked")


@dataclass(frozen=True, slots=True)
class Ledger:
    """One ledger: columns as (name, label), and the columns that can be filtered by an exact value."""

    slug: str
    title: str
    model: type[Any]
    columns: tuple[tuple[str, str], ...]
    intro: str
    group: str = "Records of proof"
    icon: str = "list-details"
    filters: tuple[str, ...] = ()

    def names(self) -> tuple[str, ...]:
        return tuple(name for name, _label in self.columns)

    def label(self, name: str) -> str:
        return dict(self.columns).get(name, name.replace("_", " ").capitalize())

    def exact(self, filters: Mapping[str, str]) -> dict[str, Any]:
        """Filters as values of the columns' types; a number that is none finds nothing."""
        found: dict[str, Any] = {}
        for name, text in filters.items():
            column = sa.inspect(self.model).columns[name]
            number = isinstance(column.type, (sa.Integer, sa.BigInteger))
            found[name] = (
                (int(text) if text.isascii() and text.isdigit() and len(text) < 19 else -1) if number else text
            )
        return found

    def cells(self, values: Any, zone: ZoneInfo) -> list[str]:
        """A row's values as text."""
        return [words(value, zone) for value in values]


LEDGERS = (
    Ledger(
        "changes",
        "Change history",
        Change,
        (
            ("at", "Time"),
            ("actor", "Who"),
            ("verb", "What"),
            ("entity", "Kind"),
            ("record_id", "Record"),
            ("new", "Fields"),
            ("reason", "Reason"),
        ),
        "Every change of a record appears here with its fields.",
        icon="git-compare",
        filters=("entity", "record_id"),
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
        filters=("what",),
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
        filters=("state", "name"),
    ),
    Ledger(
        "ai",
        "AI ledger",
        AiCall,
        (
            ("at", "Time"),
            ("asked_by", "Who"),
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
        filters=("feature", "outcome"),
    ),
)


def words(value: Any, zone: ZoneInfo) -> str:
    """A value as short text: moments in the viewer's zone, names of fields instead of their values."""
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dt.datetime):
        return f"{value.astimezone(zone):%d %b %Y %H:%M}"
    if isinstance(value, dict):
        return ", ".join(
            f"{name.replace('_', ' ')} {number}" if isinstance(number, int) else name.replace("_", " ")
            for name, number in value.items()
        )
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return f"{value:,}" if isinstance(value, int) and value > 999_999 else str(value)


def entry_words(action: str, facts: Any) -> tuple[str, bool]:
    """An action in words, and whether it is bad news: "contact.update" is "updated", "sign_in.failed" is "sign in
    failed"."""
    thing, _, verb = action.rpartition(".")
    bad = any(part in verb for part in _BAD) or (isinstance(facts, dict) and facts.get("ok") is False)
    if thing in registry.entities() or thing == "audit":
        return _VERBS.get(verb, verb.replace("_", " ")), bad
    return f"{thing.replace('_', ' ').replace('.', ' ')} {_VERBS.get(verb, verb.replace('_', ' '))}".strip(), bad


def facts_of(facts: Mapping[str, Any] | None, model: Any = None) -> list[tuple[str, str, str | None]]:
    """Facts as (label, old or plain value, new value or None): a change is a pair of old and new."""
    known = registry.fields(model) if model is not None else {}
    found: list[tuple[str, str, str | None]] = []
    for name, value in (facts or {}).items():
        if name == "fields":
            continue
        label = known[name].label if name in known else name.replace("_", " ").capitalize()
        if isinstance(value, list) and len(value) == 2 and not isinstance(value[0], (dict, list)):
            found.append((label, _plain(value[0]), _plain(value[1])))
        else:
            found.append((label, _plain(value), None))
    return found


def _plain(value: Any) -> str:
    return words(value, ZoneInfo("UTC"))

"""A mapping as places in a row, so that 50,000 rows are read without asking the mapping again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from models.fields import Field


@dataclass(slots=True)
class Part:
    """Where one e-mail, phone or address stands: the places of its parts and label; a label of its header."""

    places: dict[str, list[int]] = field(default_factory=dict)
    label_at: int | None = None
    label: str = ""


@dataclass(slots=True)
class Plan:
    """`single` has one place per field; `several` those of notes, tags and websites; the others one Part each. `added`
    are the fields of `single` that the workspace added."""

    single: dict[str, int] = field(default_factory=dict)
    several: dict[str, list[int]] = field(default_factory=dict)
    emails: list[Part] = field(default_factory=list)
    phones: list[Part] = field(default_factory=list)
    addresses: list[Part] = field(default_factory=list)
    added: Mapping[str, Field] = field(default_factory=dict)

    @classmethod
    def of(cls, choices: Sequence[tuple[str, str, str, str]], added: Mapping[str, Field]) -> Plan:
        """From (field, kind, group, label) per column; a group with a label and no value is dropped."""
        plan = cls(added={name: added[name] for name, *_ in choices if name in added})
        parts: dict[tuple[str, str], Part] = {}
        for at, (name, kind, group, label) in enumerate(choices):
            if kind:
                part = parts.setdefault((kind, group), Part())
                part.label = part.label or label
                if name.endswith("_label"):
                    part.label_at = at
                else:
                    part.places.setdefault(name, []).append(at)
            elif name in ("notes", "tags", "website"):
                plan.several.setdefault(name, []).append(at)
            elif name:
                plan.single[name] = at
        for (kind, _group), part in parts.items():
            if part.places:
                {"email": plan.emails, "phone": plan.phones, "address": plan.addresses}[kind].append(part)
        return plan

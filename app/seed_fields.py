"""Fields that the demo brokerages added to their records, and values for them.

The values follow from the record alone, so that the same seed and day give the same data. Does not belong here: writing
rows (`app.seed_writing`).
"""

from __future__ import annotations

import datetime as dt
import random
from typing import Any

from app.services import custom_fields, formulas, schema
from models.policy import Category, Purpose
from models.scope import Actor

_TAGS = {"category": Category.CONTACT.value, "purpose": Purpose.RUN_TRANSACTIONS.value, "keep": "record"}
_PLAIN = {
    "category": Category.DEAL.value,
    "purpose": Purpose.RUN_TRANSACTIONS.value,
    "keep": "record",
    "personal": False,
}
_FIELDS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("contact", {"label": "Pre-approval", "kind": "money", "section": "Pipeline",
                 "hint": "Amount on the lender's letter", **_TAGS}),
    ("contact", {"label": "Pre-approval ends", "kind": "date", "section": "Pipeline", **_TAGS}),
    ("contact", {"label": "School area", "kind": "choice", "section": "Wishes",
                 "options": ["Harbour side", "Old town", "Lake district", "No matter"], **_TAGS}),
    ("contact", {"label": "Must have", "kind": "multichoice", "section": "Wishes",
                 "options": ["Garden", "Garage", "Home office", "Ground floor", "Solar roof"], **_TAGS}),
    ("contact", {"label": "Pets", "kind": "boolean", "section": "Wishes", **_TAGS}),
    ("deal", {"label": "Lender", "kind": "text", "section": "Deal", "searchable": True, **_PLAIN}),
    ("deal", {"label": "Commission", "kind": "computed", "result": "money", "formula": "price * 0.025",
              "section": "Deal", "hint": "2.5 percent of the price", **_PLAIN}),
)  # fmt: skip
_LENDERS = ("Seaboard Savings", "First Ridge Bank", "Union Home Loans", "Cedar Credit Union")


def define(actor: Actor) -> None:
    """Add the fields to the workspace in force."""
    for entity, facts in _FIELDS:
        custom_fields.define(entity, facts, actor=actor)


def values(model: type[Any], row: dict[str, Any]) -> dict[str, Any] | None:
    """What the added fields of a row hold, as it is stored; None where nothing is filled in."""
    known = schema.added(model)
    if not known:
        return None
    rng = random.Random(f"{row.get('name')}{row.get('title')}{row['created_at']}")  # noqa: S311 (repeatable, no secret)
    found: dict[str, Any] = {}
    if model.__tablename__ == "contact":
        found = _wishes(rng, row)
    elif model.__tablename__ == "deal" and row["side"] == "buy" and rng.random() < 0.7:
        found = {"x_lender": rng.choice(_LENDERS)}
    for name, one in known.items():
        if one.formula:
            fields = schema.fields(model)
            found[name] = formulas.result(one, fields, row.get)
    kept = {name: schema.stored(known[name], value) for name, value in found.items() if name in known}
    return {name: value for name, value in kept.items() if value is not None} or None


def _wishes(rng: random.Random, row: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if row["budget_max"] and rng.random() < 0.6:
        ends: dt.datetime = row["created_at"] + dt.timedelta(days=rng.randint(60, 180))
        found = {"x_pre_approval": row["budget_max"] // 1_000_000 * 900_000, "x_pre_approval_ends": ends.date()}
    if rng.random() < 0.5:
        found["x_school_area"] = rng.choice(("harbour_side", "old_town", "lake_district", "no_matter"))
    if rng.random() < 0.4:
        wanted = rng.sample(("garden", "garage", "home_office", "ground_floor", "solar_roof"), rng.randint(1, 3))
        found["x_must_have"] = tuple(sorted(wanted))
    if rng.random() < 0.25:
        found["x_pets"] = True
    return found

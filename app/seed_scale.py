"""Contacts by the hundred thousand, for measurements: believable names, stages, owners and dates, without records
around them.

One audit row stands for each brokerage's lot, as a history row each would triple the time and measure nothing. Does not
belong here: the demo's stories (`app.seed_records`).
"""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from app import seed_words as words
from app.seed_records import Colleague
from app.services.operation import operation
from models import normal, scope, tenancy
from models.base import session
from models.contact import Contact
from models.scope import Actor

_CHUNK = 10_000
_WHY = tenancy.reason("a lot of demo contacts, audited as one")
_STAGES = (
    ("new",) * 18
    + ("qualified",) * 20
    + ("active",) * 22
    + ("under_contract",) * 5
    + ("closed",) * 15
    + ("nurture",) * 14
    + ("lost",) * 6
)
_TYPES = ("buyer",) * 40 + ("seller",) * 22 + ("lead",) * 14 + ("landlord",) * 6 + ("tenant",) * 10 + ("farming",) * 8
_AREAS = ("207", "212", "303", "312", "404", "415", "503", "617", "702", "808")
_DOMAINS = ("example.com", "example.net", "example.org")


def add_contacts(
    workspace_id: int, number: int, people: Sequence[Colleague], rng: random.Random, today: dt.datetime, *, actor: Actor
) -> None:
    """Add `number` contacts to a brokerage in one transaction."""
    with scope.inside(workspace_id), operation("seed.contacts", actor=actor) as op:
        statement = sa.insert(Contact.__table__)
        rows = _rows(workspace_id, number, [p for p in people if p.role in ("owner", "broker", "agent")], rng, today)
        while chunk := [row for row, _ in zip(rows, range(_CHUNK), strict=False)]:
            session.execute(statement, chunk, execution_options=_WHY)
        op.audit("contact.seed", entity="contact", facts={"contacts": number})


def analyze() -> None:
    """Let the database learn how the new rows are spread, or its planner goes by guesses."""
    with (
        scope.across_workspaces("statistics are the database's own"),
        operation("seed.analyze", actor=scope.system("Demo data")),
    ):
        session.execute(sa.text("ANALYZE"), execution_options=tenancy.reason("reads no row into the product"))


def _rows(
    workspace_id: int, number: int, people: Sequence[Colleague], rng: random.Random, today: dt.datetime
) -> Iterator[dict[str, Any]]:
    firsts = [(name, normal.name_key(name)) for name in words.FIRST]
    lasts = [(name, normal.name_key(name)) for name in words.LAST]
    choice, chance = rng.choice, rng.random
    for index in range(number):
        (first, first_key), (last, last_key), who = choice(firsts), choice(lasts), choice(people)
        # Most contacts were added over two years, and touched rather lately.
        days = 730 * chance()
        added, touched = today - dt.timedelta(days=days), today - dt.timedelta(days=days * chance() ** 2)
        kind, budget = choice(_TYPES), None
        if kind in ("buyer", "lead"):
            budget = int(200_000 + 1_400_000 * chance() ** 2) // 5_000 * 500_000
        yield {
            "workspace_id": workspace_id,
            "name": f"{first} {last}",
            "goes_by": first,
            "type": kind,
            "stage": choice(_STAGES),
            "company": choice(words.COMPANIES) if chance() < 0.15 else None,
            "job_title": None,
            "email": f"{first_key}.{last_key.replace(' ', '.')}.{index}@{choice(_DOMAINS)}".encode(
                "ascii", "ignore"
            ).decode()
            if chance() < 0.93
            else None,
            "phone": f"+1{choice(_AREAS)}55501{int(100 * chance()):02d}" if chance() < 0.9 else None,
            "next_step": choice(words.NEXT_STEPS) if chance() < 0.4 else None,
            "budget_min": budget,
            "budget_max": budget and budget * 6 // 5,
            "lawful_basis": "legitimate_interest",
            "minor": False,
            "about": None,
            "last_activity": touched,
            "name_key": f"{first_key} {last_key}",
            "owner_id": who.membership_id,
            "team_id": who.team_id,
            "created_at": added,
            "updated_at": touched,
            "created_by": who.name,
            "version": 1,
            "source": "demo",
            "source_ref": "scale",
        }

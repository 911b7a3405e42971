"""A pipeline with its stages, and deals in them."""

from __future__ import annotations

from app.services import records
from models.deal import Deal, Pipeline, Stage
from tests.factories import Office

STAGES = (("Enquiry", "open"), ("Offer out", "open"), ("Won", "won"))


def pipeline(office: Office, name: str = "Resale") -> dict[str, int]:
    """The ids of its stages by name; in this office."""
    actor = office.actor("owner")
    key = records.create(Pipeline, {"name": name}, actor=actor).id
    return {
        stage: records.create(
            Stage, {"name": stage, "pipeline_id": key, "position": place, "outcome": outcome}, actor=actor
        ).id
        for place, (stage, outcome) in enumerate(STAGES, 1)
    }


def deal(
    office: Office, title: str, stage: int, *, who: str = "owner", price: int | None = None, **more: object
) -> int:
    """A deal of one of the office's contacts; `price` in cents."""
    given = {"title": title, "contact_id": office.contacts["Dana Whitcombe"], "stage_id": stage, "price": price, **more}
    return records.create(Deal, given, actor=office.actor(who)).id

"""What is special about deals and tasks: a deal that reaches a final stage is closed, and the verbs of both."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.services import records, verbs
from app.services.operation import Operation
from models.base import session
from models.deal import Deal, Stage
from models.fields import Field, Kind, now
from models.scope import Actor
from models.words import N_
from models.work import Task


@records.rule(Deal)
def follow_stage(deal: Deal, _op: Operation) -> None:
    """Entering a final stage dates the closing; leaving it takes the date back."""
    if deal.id is None or session.is_modified(deal):
        deal.last_activity = now()
    stage = session.get(Stage, deal.stage_id)
    if stage is None or stage.outcome == "open":
        deal.closed_on = None if stage is not None else deal.closed_on
    elif deal.closed_on is None:
        deal.closed_on = now().date()


@verbs.verb(
    "deal",
    "stage",
    N_("Stage"),
    "flag",
    asks={"stage_id": Field(Kind.RELATION, N_("Stage"), target="stage")},
    done="moved",
)
def change_stage(_model: type[Any], key: int, given: Mapping[str, Any], actor: Actor) -> None:
    records.update(Deal, key, {"stage_id": given["stage_id"]}, actor=actor)


verbs.assignable("deal")


@verbs.verb("task", "complete", N_("Done"), "check", done="done")
def complete_task(_model: type[Any], key: int, _given: Mapping[str, Any], actor: Actor) -> None:
    records.update(Task, key, {"state": "done"}, actor=actor)


@verbs.verb("task", "reopen", N_("Reopen"), "arrow-back-up", done="reopened")
def reopen_task(_model: type[Any], key: int, _given: Mapping[str, Any], actor: Actor) -> None:
    records.update(Task, key, {"state": "open"}, actor=actor)


verbs.assignable("task")

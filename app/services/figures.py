"""The numbers of the first page: SQL GROUP BY over what the viewer may read, never all rows."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from app import permissions
from app.services import schema
from models.base import session
from models.contact import Contact
from models.deal import Deal, Stage
from models.fields import now
from models.scope import Actor
from models.work import Task

WEEKS = 8


@dataclass(frozen=True, slots=True)
class StageFigure:
    """Open deals of a stage: how many, and their sum in cents."""

    id: int
    name: str
    count: int
    cents: int


def may(actor: Actor, entity: str) -> bool:
    return permissions.reach(actor, "read", entity) is not None


def new_contacts(actor: Actor, zone: dt.tzinfo) -> list[tuple[dt.date, dict[str, int]]]:
    """New contacts of the last eight weeks by source: (Monday, {source: count}), oldest first. Days are UTC. Who does
    not see where contacts come from gets them as "other".
    """
    seen = schema.sees(Contact, "source")
    today = now().astimezone(zone).date()
    first = today - dt.timedelta(days=today.weekday(), weeks=WEEKS - 1)
    start = dt.datetime.combine(first, dt.time(), zone).astimezone(dt.UTC)
    day = sa.func.date(Contact.created_at)
    statement = (
        sa.select(day, Contact.source, sa.func.count()).where(Contact.created_at >= start).group_by(day, Contact.source)
    )
    weeks: dict[dt.date, dict[str, int]] = {first + dt.timedelta(weeks=i): {} for i in range(WEEKS)}
    for value, source, number in session.execute(permissions.restrict(statement, Contact, actor)):
        found = value if isinstance(value, dt.date) else dt.date.fromisoformat(value)
        monday = max(found - dt.timedelta(days=found.weekday()), first)
        if monday in weeks:
            name = (source if seen else None) or "other"
            weeks[monday][name] = weeks[monday].get(name, 0) + number
    return list(weeks.items())


def open_deals(actor: Actor) -> list[StageFigure]:
    """Open deals by stage, in the order of the pipeline."""
    worth = sa.func.coalesce(sa.func.sum(Deal.price), 0) if schema.sees(Deal, "price") else sa.literal(0)
    statement = (
        sa.select(Stage.id, Stage.name, sa.func.count(), worth)
        .join(Deal, Deal.stage_id == Stage.id)
        .where(Stage.outcome == "open")
        .group_by(Stage.id, Stage.name, Stage.position)
        .order_by(Stage.position, Stage.id)
    )
    return [
        StageFigure(key, name, count, int(cents))
        for key, name, count, cents in session.execute(permissions.restrict(statement, Deal, actor))
    ]


def closings(actor: Actor, within: int = 30) -> int | None:
    """Open deals that are expected to close within so many days; None for who does not see when."""
    if not schema.sees(Deal, "expected_close") or not schema.sees(Deal, "closed_on"):
        return None
    today = now().date()
    statement = (
        sa.select(sa.func.count())
        .select_from(Deal)
        .where(Deal.expected_close.between(today, today + dt.timedelta(days=within)), Deal.closed_on.is_(None))
    )
    return session.scalar(permissions.restrict(statement, Deal, actor)) or 0


def tasks_due(actor: Actor, limit: int = 6) -> tuple[list[Any], int]:
    """The most urgent open tasks of this person, rows (id, title, due_at, contact id, contact), and how many are open
    in all."""
    total = sa.func.count().over()
    known = sa.and_(Contact.id == Task.contact_id, _readable(Contact, actor))
    statement = (
        sa.select(Task.id, Task.title, Task.due_at, Contact.id, Contact.name, total)
        .outerjoin(Contact, known)
        .where(Task.state == "open", Task.owner_id == (actor.membership_id or 0))
        .order_by(Task.due_at.is_(None), Task.due_at, Task.id)
        .limit(limit)
    )
    rows = list(session.execute(permissions.restrict(statement, Task, actor)))
    return [row[:5] for row in rows], rows[0][5] if rows else 0


def _readable(model: type[Any], actor: Actor) -> Any:
    """Whether the actor may read a joined record: a name is data too."""
    if not may(actor, model.__tablename__):
        return sa.false()
    condition = permissions.criterion(model, actor)
    return sa.true() if condition is None else condition

"""What waits for a person, for the first page. Does not belong here: the numbers of tiles (`app.services.tiles`)."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from app import permissions
from app.services import schema
from models.base import session
from models.contact import Contact
from models.scope import Actor
from models.work import Task

# The fields that the list of tasks is made of.
_TOLD = ("title", "state", "due_at", "owner_id")


def may_see_tasks(actor: Actor) -> bool:
    """Whether this person's role reads tasks and all that they are listed by."""
    may = permissions.reach(actor, "read", "task") is not None
    return may and all(schema.sees(Task, name) for name in _TOLD)


def tasks_due(actor: Actor, limit: int = 6) -> tuple[list[Any], int]:
    """The most urgent open tasks of this person, rows (id, title, due_at, contact id, contact), and how many are open
    in all."""
    total = sa.func.count().over()
    known = sa.and_(Contact.id == Task.contact_id, _readable(Contact, actor))
    statement = (
        sa.select(Task.id, Task.title, Task.due_at, Contact.id, Contact.name, total)
        .select_from(Task)
        .outerjoin(Contact, known)
        .where(Task.state == "open", Task.owner_id == (actor.membership_id or 0))
        .order_by(Task.due_at.is_(None), Task.due_at, Task.id)
        .limit(limit)
    )
    rows = list(session.execute(permissions.restrict(statement, Task, actor)))
    return [row[:5] for row in rows], rows[0][5] if rows else 0


def _readable(model: type[Any], actor: Actor) -> Any:
    """Whether the actor may read a joined record: a name is data too."""
    if permissions.reach(actor, "read", model.__tablename__) is None or not schema.sees(Task, "contact_id"):
        return sa.false()
    condition = permissions.criterion(model, actor)
    return sa.true() if condition is None else condition

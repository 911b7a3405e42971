"""Stars: the records a person keeps at hand. A star is no right: what is out of reach now is not shown.

Setting one is an operation without an audit row: it changes no record, and nobody but the person sees it. Does not
belong here: titles of starred records (`app.services.relatives`).
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from app.errors import Forbidden, Invalid
from app.services import filters, kept, records
from app.services.operation import operation
from models import registry, scope, tenancy
from models.base import session
from models.scope import Actor
from models.star import Star
from models.words import _

MOST = 200
_WHY = tenancy.reason("stars are rows of one person, in their own workspace")


def put(entity: str, key: int, on: bool, *, actor: Actor) -> None:
    """Star a record within reach, or take the star away; doing either twice is doing it once."""
    if actor.membership_id is None or actor.grant_id is not None:
        raise Forbidden("write", "membership", _("Stars are a person's own. End the access to set yours."))
    model = registry.entity(entity)
    # One's own star on what is out of reach by now may still be taken away; where there is none, nothing is told.
    record_id = records.load(model, key, actor=actor).id if on else key
    table = Star.__table__
    mine = (table.c.workspace_id == scope.workspace_id(), table.c.membership_id == actor.membership_id)
    with operation("star.set", actor=actor):
        if not on:
            gone = sa.delete(table).where(*mine, table.c.entity == entity, table.c.record_id == record_id)
            found: Any = session.execute(gone, execution_options=_WHY)
            if not found.rowcount:
                records.load(model, key, actor=actor)
            return
        present = of(actor=actor)
        if (entity, record_id) in present:
            return
        if len(present) >= MOST:
            raise Invalid(
                {"": _("You keep {most} stars already. Take one away first; nothing was changed.", most=MOST)}
            )
        _insert(actor.membership_id, entity, record_id)


def _insert(membership_id: int, entity: str, record_id: int) -> None:
    """A button pressed twice at once is one star."""
    insert = (postgresql if filters.on_postgresql() else sqlite).insert(Star.__table__)
    row = {
        "workspace_id": scope.workspace_id(), "membership_id": membership_id, "entity": entity, "record_id": record_id,
    }  # fmt: skip
    session.execute(insert.values(row).on_conflict_do_nothing(), execution_options=_WHY)


def of(*, actor: Actor, entity: str = "") -> list[tuple[str, int]]:
    """This person's stars as (entity, record id), the newest first; of one entity alone where it is named."""
    if actor.membership_id is None or actor.grant_id is not None:
        return []
    statement = kept.statement(("stars", bool(entity)), lambda: _of(bool(entity)))
    bound = {"member": actor.membership_id, "entity": entity}
    return [(name, key) for name, key in session.execute(statement, bound)]


def _of(one: bool) -> Any:
    found = sa.select(Star.entity, Star.record_id).where(Star.membership_id == sa.bindparam("member"))
    found = found.where(Star.entity == sa.bindparam("entity")) if one else found
    return found.order_by(Star.id.desc()).limit(MOST)


def forget_member(membership_id: int) -> None:
    """Part of removing somebody: their stars go."""
    table = Star.__table__
    mine = (table.c.workspace_id == scope.workspace_id(), table.c.membership_id == membership_id)
    session.execute(sa.delete(table).where(*mine), execution_options=_WHY)

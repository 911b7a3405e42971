"""The other ledgers of the compliance console: read in pages by id, newest first, with exact filters on a few columns.

Belongs here: reading. Does not belong here: which columns are shown (`views.ledgers`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from app import permissions
from app.services.audit_log import PAGE, Page
from models import registry
from models.base import Base, session
from models.custom import RETENTIONS, CustomField
from models.policy import Policy
from models.scope import Actor


def page(
    model: type[Any],
    columns: tuple[str, ...],
    filters: Mapping[str, Any],
    *,
    actor: Actor,
    after: int | None = None,
    before: int | None = None,
) -> Page:
    """A page of `model` as rows of (id, *columns); needs the right to read the audit log. The wall keeps it in the
    workspace."""
    permissions.require(actor, "read", "audit")
    statement = sa.select(*(getattr(model, name) for name in dict.fromkeys(("id", *columns))))
    statement = statement.where(*(getattr(model, name) == value for name, value in filters.items()))
    if before is not None:
        statement = statement.where(model.id > before).order_by(model.id.asc())
    else:
        statement = statement.where(model.id < after) if after is not None else statement
        statement = statement.order_by(model.id.desc())
    rows = list(session.execute(statement.limit(PAGE + 1)).all())
    more = len(rows) > PAGE
    rows = rows[:PAGE]
    if before is not None:
        rows.reverse()
    if not rows:
        return Page([], None, None)
    older = rows[-1].id if more or before is not None else None
    newer = rows[0].id if (before is not None and more) or (before is None and after is not None) else None
    return Page(rows, older, newer)


def added_fields(*, actor: Actor) -> dict[str, list[tuple[str, str, str, str, bool]]]:
    """The fields that the workspace added, by table: (label, category, purpose, how long, personal)."""
    permissions.require(actor, "read", "audit")
    words = dict(RETENTIONS)
    found: dict[str, list[tuple[str, str, str, str, bool]]] = {}
    for one in session.scalars(sa.select(CustomField).order_by(CustomField.entity, CustomField.position)):
        kept = words.get(one.keep, one.keep)
        found.setdefault(one.entity, []).append((one.label, one.category, one.purpose, kept, one.personal))
    return found


def data_map() -> list[tuple[str, Policy, list[tuple[str, str, str, bool]]]]:
    """Every table with its policy and columns (name, category, purpose, personal), those about people first (P2)."""
    found = []
    for table in sorted(Base.metadata.tables.values(), key=lambda table: table.name):
        policy = registry.policy_of(table)
        if policy is None:
            raise registry.BrokenModel(f"Table {table.name} has no policy.")
        columns = []
        for column in table.columns:
            field = column.info.get("field")
            category = (field.category if field else None) or policy.category
            purpose = (field.purpose if field else None) or policy.purpose
            columns.append((column.name, category.value, purpose.value, registry.is_personal(column)))
        found.append((table.name, policy, columns))
    return sorted(found, key=lambda one: (not any(personal for *_, personal in one[2]), one[0]))

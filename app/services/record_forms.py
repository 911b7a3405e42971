"""Saves a record together with its child rows and links, as one operation: what a form or a nested REST body holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from app import permissions
from app.errors import Invalid, NotFound
from app.services import filters, records
from app.services.operation import operation
from models import registry
from models.base import Link, session
from models.scope import Actor
from models.words import N_

_GONE = N_(
    "This row is gone, as somebody removed it meanwhile. Remove it here too, or add it anew as a row of its own."
)


@dataclass(frozen=True, slots=True)
class ChildRow:
    """One row of a child entity: `id` None adds, `remove` deletes. `index` is its place in the form, for its errors."""

    entity: str
    index: int
    id: int | None
    values: Mapping[str, Any]
    remove: bool = False


def save(
    model: type[Any],
    key: int | None,
    values: Mapping[str, Any],
    *,
    actor: Actor,
    version: int | None = None,
    children: Sequence[ChildRow] = (),
    links: Mapping[str, Sequence[int]] | None = None,
    source: str = "form",
) -> Any:
    """Create (`key` None) or update the record, then its children and links; all or nothing."""
    verb = "create" if key is None else "update"
    with operation(f"{model.__tablename__}.{verb}", actor=actor):
        if key is None:
            record = records.create(model, values, actor=actor, source=source)
        else:
            record = records.update(model, key, values, actor=actor, version=version)
        for row in children:
            _save_child(record, row, actor, source)
        for name, wanted in (links or {}).items():
            if key is None and not wanted:
                continue  # a new record has none to take away
            set_links(record, filters.links(model)[name], wanted, actor=actor)
    return record


def set_links(record: Any, link: Link, wanted: Sequence[int], *, actor: Actor) -> None:
    """Make the record's links exactly `wanted`; those that the actor cannot see stay, as nobody asked to end them."""
    through, far = registry.entity(link.through), link.far
    present = {getattr(row, far): row for row in linked(record, link)}
    seen = _seen(link, list(present), actor)
    for key, row in present.items():
        if key not in wanted and key in seen:
            records.delete(through, row.id, actor=actor, as_part=True)
    for key in dict.fromkeys(wanted):
        if key not in present:
            add_link(record.id, link, key, actor=actor)


def _seen(link: Link, keys: Sequence[int], actor: Actor) -> set[int]:
    target = registry.entity(link.target)
    if not keys or permissions.reach(actor, "read", registry.permission_entity(target)) is None:
        return set()
    return set(session.scalars(permissions.restrict(sa.select(target.id).where(target.id.in_(keys)), target, actor)))


def add_link(record_id: int, link: Link, key: int, *, actor: Actor) -> bool:
    """Add one link; False when it was there already."""
    through = registry.entity(link.through)
    known = session.scalar(
        sa.select(through.id).where(getattr(through, link.near) == record_id, getattr(through, link.far) == key)
    )
    if known is not None:
        return False
    records.create(through, {link.near: record_id, link.far: key}, actor=actor)
    return True


def remove_link(record_id: int, link: Link, key: int, *, actor: Actor) -> bool:
    """Remove one link; False when there was none."""
    through = registry.entity(link.through)
    known = session.scalar(
        sa.select(through.id).where(getattr(through, link.near) == record_id, getattr(through, link.far) == key)
    )
    if known is None:
        return False
    records.delete(through, known, actor=actor, as_part=True)
    return True


def linked(record: Any, link: Link) -> Sequence[Any]:
    """The link rows of a record."""
    through = registry.entity(link.through)
    return session.scalars(
        sa.select(through).where(getattr(through, link.near) == record.id).order_by(through.id)
    ).all()


def _save_child(parent: Any, row: ChildRow, actor: Actor, source: str) -> None:
    model = registry.entity(row.entity)
    link = registry.parent_link(model)
    try:
        if row.id is None:
            if not row.remove:
                records.create(model, {**row.values, link: parent.id}, actor=actor, source=source)
            return
        child = records.load(model, row.id, actor=actor, action="write")
        if getattr(child, link) != parent.id:
            raise NotFound()
        if row.remove:
            records.delete(model, row.id, actor=actor, as_part=True)
        else:
            records.update(model, row.id, row.values, actor=actor)
    except NotFound:
        if row.remove:
            return
        raise Invalid({f"{row.entity}-{row.index}-{registry.title_of(model)}": _GONE}) from None
    except Invalid as error:
        raise Invalid({f"{row.entity}-{row.index}-{name}": text for name, text in error.fields.items()}) from None

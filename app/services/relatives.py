"""What hangs on a record: titles of related records, and the child rows of a form; one statement for all of them.

The parts of each union carry workspace and bin conditions of their own, as one union cannot be filtered from outside.
"""

from __future__ import annotations

from operator import itemgetter
from typing import Any

import sqlalchemy as sa

from app import permissions
from app.services import filters, kept
from models import registry, scope, tenancy
from models.base import Link, session
from models.scope import Actor

_WHY = tenancy.reason("each part of the union names its own workspace")


def titles(wanted: set[tuple[str, int]], *, actor: Actor, linked: Any = None) -> dict[tuple[str, int], str]:
    """Titles of related records by (entity, id), as far as the actor may read them; one statement for all entities.

    With `linked`, a record, also those of everything its links lead to, under ("<link>", id).
    """
    model = None if linked is None else type(linked)
    names = tuple(sorted(e for e in {e for e, _ in wanted} if _readable(e, actor)))
    links = {n: k for n, k in (filters.links(model) if model else {}).items() if _readable(k.target, actor)}
    if not names and not links:
        return {}
    shown = [registry.entity(n) for n in (*names, *(k.target for k in links.values()))]
    key = ("titles", names, model, tuple(links), kept.sight(actor, shown))
    statement = kept.statement(key, lambda: _titles(names, links, actor))
    bound: dict[str, Any] = {f"{n}_ids": [key for e, key in wanted if e == n] for n in names}
    bound |= {"workspace": scope.workspace_id()} | ({"record": linked.id} if links else {})
    return {(row.entity, row.id): str(row.title) for row in session.execute(statement, bound, execution_options=_WHY)}


def _readable(entity: str, actor: Actor) -> bool:
    return permissions.reach(actor, "read", registry.permission_entity(registry.entity(entity))) is not None


def _titles(names: tuple[str, ...], links: dict[str, Link], actor: Actor) -> Any:
    parts = [_titles_of(registry.entity(n), actor) for n in names]
    parts += [_titles_of_link(name, link, actor) for name, link in links.items()]
    return sa.union_all(*parts) if len(parts) > 1 else parts[0]


def _titles_of(model: type[Any], actor: Actor) -> Any:
    keys: Any = sa.bindparam(f"{model.__tablename__}_ids", expanding=True)
    return permissions.restrict(_title_columns(model, model.__tablename__).where(model.id.in_(keys)), model, actor)


def _titles_of_link(name: str, link: Link, actor: Actor) -> Any:
    target, through = registry.entity(link.target), registry.entity(link.through)
    part = _title_columns(target, name).join(through, getattr(through, link.far) == target.id)
    near = getattr(through, link.near) == sa.bindparam("record")
    part = part.where(near, through.workspace_id == sa.bindparam("workspace"), through.deleted_at.is_(None))
    return permissions.restrict(part, target, actor)


def _title_columns(model: type[Any], label: str) -> Any:
    title = getattr(model, registry.title_of(model))
    return _walled(sa.select(sa.literal(label).label("entity"), model.id.label("id"), title.label("title")), model)


def children(record: Any, wanted: dict[str, tuple[str, ...]], *, actor: Actor, most: int) -> dict[str, list[Any]]:
    """The rows that belong to a record, oldest first, as (id, *columns) for each entity of `wanted`; one statement."""
    slots = tuple((entity, name) for entity, names in wanted.items() for name in names)
    key = ("children", type(record), tuple(wanted), slots, most, kept.sight(actor, map(registry.entity, wanted)))
    statement = kept.statement(key, lambda: _children(tuple(wanted), slots, actor, most))
    mine = {entity: [i for i, (e, _) in enumerate(slots, 2) if e == entity] for entity in wanted}
    found: dict[str, list[Any]] = {entity: [] for entity in wanted}
    bound = {"record": record.id, "workspace": scope.workspace_id()}
    for row in session.execute(statement, bound, execution_options=_WHY):
        found[row[0]].append((row[1], *(row[i] for i in mine[row[0]])))
    return {entity: sorted(rows, key=itemgetter(0)) for entity, rows in found.items()}


def _children(entities: tuple[str, ...], slots: tuple[tuple[str, str], ...], actor: Actor, most: int) -> Any:
    """Each entity fills its own columns of the union and leaves the others' empty, so every value keeps its type."""
    parts = []
    for entity in entities:
        model = registry.entity(entity)
        cells = [_slot(getattr(registry.entity(e), n), e == entity).label(f"{e}_{n}") for e, n in slots]
        part = _walled(sa.select(sa.literal(entity).label("entity"), model.id.label("id"), *cells), model)
        part = part.where(getattr(model, registry.parent_link(model)) == sa.bindparam("record"))
        part = permissions.restrict(part, model, actor).order_by(model.id).limit(most)
        parts.append(sa.select(part.subquery()))
    return sa.union_all(*parts)


def _slot(column: Any, filled: bool) -> Any:
    return column if filled else sa.cast(sa.null(), column.type)


def _walled(statement: Any, model: type[Any]) -> Any:
    """One part of a union cannot be filtered from outside, so each carries the walls itself."""
    return statement.where(model.workspace_id == sa.bindparam("workspace"), model.deleted_at.is_(None))

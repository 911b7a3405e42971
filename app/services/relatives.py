"""What hangs on a record: titles of related records, and the child rows of a form; one statement for all of them.

The parts of each union carry workspace, bin and reach of their own (`parts`).
"""

from __future__ import annotations

from operator import itemgetter
from typing import Any

import sqlalchemy as sa

from app import permissions
from app.services import filters, kept, parts
from models import registry
from models.base import Link, session
from models.scope import Actor
from models.star import Star

STARRED = "star"


def titles(
    wanted: set[tuple[str, int]], *, actor: Actor, linked: Any = None, starred: Any = None
) -> dict[tuple[str, int], str]:
    """Titles of related records by (entity, id), as far as the actor may read them; one statement for all entities.

    With `linked`, a record, also those of everything its links lead to, under ("<link>", id). With `starred`, a record,
    also whether the actor has starred it: then (STARRED, id) is among them.
    """
    model = None if linked is None else type(linked)
    names = tuple(sorted(e for e in {e for e, _ in wanted} if _readable(e, actor)))
    links = {n: k for n, k in (filters.links(model) if model else {}).items() if _readable(k.target, actor)}
    if not names and not links and starred is None:
        return {}
    shown = [registry.entity(n) for n in (*names, *(k.target for k in links.values()))]
    key = ("titles", names, model, tuple(links), starred is not None, kept.sight(actor, shown))
    statement = kept.statement(key, lambda: _titles(names, links, actor, starred is not None))
    bound: dict[str, Any] = {f"{n}_ids": [key for e, key in wanted if e == n] for n in names}
    bound |= parts.here() | ({"record": linked.id} if links else {})
    if starred is not None:
        bound |= {"member": actor.membership_id, "kind": starred.__tablename__, "starred": starred.id}
    rows = session.execute(statement, bound, execution_options=parts.WHY)
    return {(entity, key): str(title) for entity, key, title in rows}


def _readable(entity: str, actor: Actor) -> bool:
    return permissions.reach(actor, "read", registry.permission_entity(registry.entity(entity))) is not None


def _titles(names: tuple[str, ...], links: dict[str, Link], actor: Actor, starred: bool) -> Any:
    each = [_titles_of(registry.entity(n), actor) for n in names]
    each += [_titles_of_link(name, link, actor) for name, link in links.items()]
    each += [_star()] if starred else []
    return sa.union_all(*each) if len(each) > 1 else each[0]


def _star() -> Any:
    c = parts.columns(Star)
    mine = sa.select(parts.constant(STARRED).label("entity"), c.record_id.label("id"), c.entity.label("title"))
    return mine.where(
        c.workspace_id == parts.WORKSPACE,
        c.membership_id == sa.bindparam("member", type_=sa.BigInteger),
        c.entity == sa.bindparam("kind", type_=sa.String),
        c.record_id == sa.bindparam("starred", type_=sa.BigInteger),
    )


def _titles_of(model: type[Any], actor: Actor) -> Any:
    keys: Any = sa.bindparam(f"{model.__tablename__}_ids", expanding=True)
    return _title_columns(model, model.__tablename__, actor).where(parts.columns(model).id.in_(keys))


def _titles_of_link(name: str, link: Link, actor: Actor) -> Any:
    target, through = registry.entity(link.target), registry.entity(link.through)
    tie = parts.columns(through)
    part = _title_columns(target, name, actor).join(through.__table__, tie[link.far] == parts.columns(target).id)
    return parts.inside(part, through).where(tie[link.near] == sa.bindparam("record"))


def _title_columns(model: type[Any], label: str, actor: Actor) -> Any:
    c = parts.columns(model)
    picked = sa.select(parts.constant(label).label("entity"), c.id, c[registry.title_of(model)].label("title"))
    return parts.walled(picked, model, actor)


def children(record: Any, wanted: dict[str, tuple[str, ...]], *, actor: Actor, most: int) -> dict[str, list[Any]]:
    """The rows that belong to a record, oldest first, as (id, *columns) for each entity of `wanted`; one statement."""
    slots = tuple((entity, name) for entity, names in wanted.items() for name in names)
    key = ("children", type(record), tuple(wanted), slots, most, kept.sight(actor, map(registry.entity, wanted)))
    statement = kept.statement(key, lambda: _children(tuple(wanted), slots, actor, most))
    mine = {entity: [i for i, (e, _) in enumerate(slots, 2) if e == entity] for entity in wanted}
    found: dict[str, list[Any]] = {entity: [] for entity in wanted}
    bound = {"record": record.id} | parts.here()
    for row in session.execute(statement, bound, execution_options=parts.WHY):
        found[row[0]].append((row[1], *(row[i] for i in mine[row[0]])))
    return {entity: sorted(rows, key=itemgetter(0)) for entity, rows in found.items()}


def _children(entities: tuple[str, ...], slots: tuple[tuple[str, str], ...], actor: Actor, most: int) -> Any:
    """Each entity fills its own columns of the union and leaves the others' empty, so every value keeps its type."""
    each = []
    for entity in entities:
        model = registry.entity(entity)
        c = parts.columns(model)
        cells = [_slot(parts.columns(registry.entity(e))[n], e == entity).label(f"{e}_{n}") for e, n in slots]
        part = parts.walled(sa.select(parts.constant(entity).label("entity"), c.id, *cells), model, actor)
        part = part.where(c[registry.parent_link(model)] == sa.bindparam("record"))
        each.append(part.order_by(c.id).limit(parts.number(most)))
    return parts.union(each)


def _slot(column: Any, filled: bool) -> Any:
    return column if filled else sa.cast(sa.null(), column.type)

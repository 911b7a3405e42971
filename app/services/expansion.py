"""Related records beside those that name them, as REST gives them: one statement for each entity that is related.

Only what the actor may read is found; the bin and other workspaces are as if they were not. Does not belong here: the
titles of a page (`app.services.relatives`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa

from app import permissions
from app.services import custom_columns, kept, schema
from models import registry
from models.base import session
from models.fields import Kind
from models.scope import Actor

# Two statements say who asks, one gives the page, and six are the most.
MOST_KINDS = 3


def expandable(model: type[Any], *, actor: Actor) -> dict[str, str]:
    """The links of an entity, also those that the workspace added, by name -> entity; as far as it may be read."""
    found = {n: f.target for n, f in schema.fields(model).items() if f.kind is Kind.RELATION and f.target}
    return {n: target for n, target in found.items() if _reach(target, actor) is not None}


def found(
    wanted: Mapping[str, Iterable[int]], columns: Mapping[str, tuple[str, ...]], *, actor: Actor
) -> dict[tuple[str, int], tuple[Any, ...]]:
    """Rows (id, *columns) of related records by (entity, id); `wanted` and `columns` are by entity."""
    rows: dict[tuple[str, int], tuple[Any, ...]] = {}
    for entity, ids in wanted.items():
        keys = sorted(set(ids))
        if keys and _reach(entity, actor) is not None:
            rows |= {(entity, row[0]): row for row in _rows(registry.entity(entity), keys, columns[entity], actor)}
    return rows


def _reach(entity: str, actor: Actor) -> Any:
    return permissions.reach(actor, "read", registry.permission_entity(registry.entity(entity)))


def _rows(model: type[Any], keys: list[int], names: tuple[str, ...], actor: Actor) -> list[Any]:
    plain, added = custom_columns.split(model, names)
    shape = ("expanded", model, plain, bool(added), kept.sight(actor, (model,)))
    statement = kept.statement(shape, lambda: _statement(model, plain, bool(added), actor))
    rows = list(session.execute(statement, {"keys": keys}))
    return custom_columns.woven(rows, names, added, raw=True, actor=actor) if added else rows


def _statement(model: type[Any], plain: tuple[str, ...], added: bool, actor: Actor) -> Any:
    picked = [model.id, *(getattr(model, name) for name in plain), *([model.custom] if added else ())]
    keys: Any = sa.bindparam("keys", expanding=True)
    return permissions.restrict(sa.select(*picked).where(model.id.in_(keys)), model, actor)

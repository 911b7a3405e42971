"""The names under which records of the set-up stand in files and states: made of their first name, kept through later
ones. Belongs here: giving and finding them. Does not belong here: roles and fields, which carry keys of their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import sqlalchemy as sa

from models import registry, scope, tenancy
from models.base import session
from models.normal import distinct, slug
from models.setup import SetupKey

# What views of a document may refer to. Of all else (people, contacts, deals) nothing ever stands in it.
REFERRED = frozenset({"pipeline", "stage", "team", "tag"})
_VIEWS = "saved_view/"
_WHY = tenancy.reason("names of the set-up, kept with the records that they name")


@dataclass(slots=True)
class Keys:
    """Names by entity and id. `fresh` are those that no row keeps yet."""

    known: dict[str, dict[int, str]] = field(default_factory=dict)
    fresh: list[tuple[str, int, str]] = field(default_factory=list)

    def of(self, entity: str, rows: Iterable[tuple[int, str]]) -> dict[int, str]:
        """The name of each record (id, first name); in the order of ids, so that it is the same however often."""
        known = self.known.setdefault(entity, {})
        taken = set(known.values())
        for key, name in sorted(rows):
            if key not in known:
                known[key] = distinct(slug(name) or entity, taken)
                taken.add(known[key])
                self.fresh.append((entity, key, known[key]))
        return known

    def id_of(self, entity: str, name: str) -> int | None:
        return next((key for key, known in self.known.get(entity, {}).items() if known == name), None)


def read() -> Keys:
    """Every name that is kept."""
    found = Keys()
    for row in session.execute(sa.select(SetupKey.entity, SetupKey.record_id, SetupKey.key)):
        found.known.setdefault(row.entity, {})[row.record_id] = row.key
    return found


def of_views(entity: str) -> str:
    """What views of an entity are named among: each list has names of its own."""
    return f"{_VIEWS}{entity}"


def keep(found: Keys, shared_views: Iterable[int]) -> None:
    """Keep new names, and forget those of views that are gone or private now; part of the operation that is open."""
    shared = set(shared_views)
    gone = [
        key for entity, named in found.known.items() if entity.startswith(_VIEWS) for key in named if key not in shared
    ]
    if gone:
        table = SetupKey.__table__
        mine = (table.c.workspace_id == scope.workspace_id(), table.c.entity.startswith(_VIEWS))
        session.execute(sa.delete(table).where(*mine, table.c.record_id.in_(gone)), execution_options=_WHY)
    session.add_all(SetupKey(entity=entity, record_id=key, key=name) for entity, key, name in found.fresh)
    found.fresh.clear()
    session.flush()


def point(entity: str, name: str, record_id: int) -> None:
    """Have a name mean this record from now on."""
    row = session.scalar(sa.select(SetupKey).where(SetupKey.entity == entity, SetupKey.key == name))
    other = session.scalar(sa.select(SetupKey).where(SetupKey.entity == entity, SetupKey.record_id == record_id))
    if other is not None and other is not row:
        session.delete(other)
        session.flush()
    if row is None:
        session.add(SetupKey(entity=entity, record_id=record_id, key=name))
    else:
        row.record_id = record_id
    session.flush()


def titles(wanted: Mapping[str, Iterable[int]]) -> dict[str, dict[int, str]]:
    """The titles of teams and tags that views ask for, also of those in the bin."""
    found: dict[str, dict[int, str]] = {}
    for entity, ids in wanted.items():
        model = registry.entity(entity)
        rows = session.execute(
            sa.select(model.id, getattr(model, registry.title_of(model))).where(model.id.in_(sorted(ids))),
            execution_options=tenancy.with_deleted(),
        )
        found[entity] = {row[0]: row[1] for row in rows}
    return found


def called(entity: str, names: Iterable[str]) -> dict[str, int]:
    """The teams or tags that are called so: name -> id."""
    model = registry.entity(entity)
    title = getattr(model, registry.title_of(model))
    rows = session.execute(sa.select(title, model.id).where(title.in_(sorted(set(names)))))
    return {row[0]: row[1] for row in rows}

"""What one role has and another has not: rights on records and areas, and limits of fields.

Belongs here: comparing. Does not belong here: what a right means (`app.permissions`) and giving roles
(`app.services.members`).
"""

from __future__ import annotations

from dataclasses import dataclass

from app import permissions
from app.services import roles, schema
from models import registry
from models.scope import Extent
from models.user import Role

# A field that is open has no level; the stricter a level, the less it gives.
_OPENNESS = {"": 2, schema.READ: 1, schema.HIDDEN: 0}


@dataclass(frozen=True, slots=True)
class RightDifference:
    """`action` on `entity`, an entity or an area, in the first role and in the second."""

    entity: str
    action: str
    first: Extent | None
    second: Extent | None

    @property
    def more(self) -> bool | None:
        """Whether the second role has more; None where neither has all that the other has."""
        if permissions.covers(self.second, self.first):
            return True
        return False if permissions.covers(self.first, self.second) else None


@dataclass(frozen=True, slots=True)
class FieldDifference:
    """The level of a field in the first role and in the second, see `models.custom.FieldRight`."""

    entity: str
    field: str
    label: str
    first: str
    second: str

    @property
    def more(self) -> bool:
        return _OPENNESS[self.second] > _OPENNESS[self.first]


@dataclass(frozen=True, slots=True)
class Differences:
    """All that differs, in the order of the roles' matrix."""

    rights: tuple[RightDifference, ...]
    fields: tuple[FieldDifference, ...]

    def __bool__(self) -> bool:
        return bool(self.rights or self.fields)


def between(first: Role, second: Role) -> Differences:
    """What `second` has more or less than `first`; of fields, those that the role in force sees."""
    one, other = roles.current_rights(first), roles.current_rights(second)
    rights = (
        RightDifference(entity, action, one.get(entity, {}).get(action), other.get(entity, {}).get(action))
        for entity, actions in permissions.subjects().items()
        for action in actions
    )
    return Differences(tuple(d for d in rights if d.first != d.second), tuple(_fields(first, second)))


def _fields(first: Role, second: Role) -> list[FieldDifference]:
    one, other = schema.limits_of(first.id), schema.limits_of(second.id)
    found = []
    for entity, model in registry.entities().items():
        here, there = one.get(entity, {}), other.get(entity, {})
        if here == there:
            continue
        for name, field in schema.fields(model).items():
            if here.get(name, "") != there.get(name, ""):
                found.append(FieldDifference(entity, name, field.label, here.get(name, ""), there.get(name, "")))
    return found

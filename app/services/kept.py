"""Statements that are built once: on a page, building one costs more than running it.

The key names everything that a statement's shape depends on (models, columns, what the viewer may reach); all else is a
bound parameter. Does not belong here: rows. No answer of the database is ever kept.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import Any, TypeVar

from app import permissions
from app.services import schema
from models import registry, scope, tenancy
from models.scope import Actor, Reach, Rule

Made = TypeVar("Made")
_MOST = 2000
_kept: dict[Hashable, Any] = {}


def statement(key: Hashable, build: Callable[[], Any]) -> Any:
    """The statement of this key, built at its first use; to be executed as it is."""
    return part(key, lambda: _lasting(build()))


def part(key: Hashable, build: Callable[[], Any]) -> Any:
    """As `statement`, for what others are made of."""
    if key not in _kept:
        if len(_kept) >= _MOST:
            _kept.clear()
        _kept[key] = build()
    return _kept[key]


def derived(key: Hashable, make: Callable[[], Made]) -> Made:
    """What `make` works out from the schema alone, once for each role and for as long as the schema holds."""
    here = schema.current()
    known = (key, scope.role() if here.mark else None)
    if known not in here.derived:
        here.derived[known] = make()
    made: Made = here.derived[known]
    return made


def _lasting(built: Any) -> Any:
    return None if built is None else built.execution_options(**tenancy.kept_for_long())


def sight(actor: Actor, models: Iterable[Any], action: str = "read") -> Hashable:
    """What the conditions of `permissions.restrict` on these models depend on, as a part of a key."""
    reaches = tuple(permissions.reach(actor, action, name) for model in models for name in _ruling(model))
    narrow = any(reach not in (None, Reach.WORKSPACE) for reach in reaches)
    if not narrow:
        return reaches, None
    # What a rule means hangs on the fields that the workspace has, and its ids are the workspace's own.
    fields = schema.current().mark if any(isinstance(reach, Rule) for reach in reaches) else None
    return reaches, (actor.membership_id, actor.team_id), fields, None if fields is None else scope.current()


@registry.per_model
def _ruling(model: Any) -> tuple[str, ...]:
    """The entities whose rights rule a model: its own or its parent's, and so on upwards."""
    name = registry.permission_entity(model)
    above = registry.entities().get(name)
    return (name,) if above is None or above is model or not above.policy.parent else (name, *_ruling(above))

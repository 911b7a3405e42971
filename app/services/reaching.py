"""What one writes stays within one's own reach: asked of the database after the write, as it was before.

Belongs here: the checks of a write. Does not belong here: what a reach is (`app.permissions`) and what a rule says
(`app.services.rules`).
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from app import permissions
from app.errors import Invalid
from app.services import kept, schema
from app.services.operation import current
from models import registry
from models.base import session
from models.scope import Actor, Reach, Rule
from models.words import N_, _

_UNMET = N_("Your role works on records that meet its rule, and this one would not any more. Nothing was changed.")


def stay(record: Any, actor: Actor) -> None:
    """What one writes must stay within one's own reach, or an agent could plant records under a colleague's name."""
    extent = permissions.require(actor, "write", registry.permission_entity(type(record)))
    if isinstance(extent, Rule):
        keep_to_rule(record, actor)
        return
    _index_for_rules(record, actor)
    if extent is not Reach.WORKSPACE and is_out_of(type(record), record.id, actor, "write"):
        raise Invalid({"owner_id": _("With your role you can only keep records within your own reach.")})


def keep_to_rule(record: Any, actor: Actor, action: str = "write") -> None:
    """What one writes must meet the rule of one's role afterwards as it did before, or one could push records out of
    it, or pull others in.
    """
    _index_for_rules(record, actor)
    extent = permissions.reach(actor, action, registry.permission_entity(type(record)))
    if isinstance(extent, Rule) and is_out_of(type(record), record.id, actor, action):
        raise Invalid({"": str(_UNMET)})


def _index_for_rules(record: Any, actor: Actor) -> None:
    """The index rows of a record's added fields, where a rule of the actor may ask for them before the operation
    ends.
    """
    opened = current()
    extents = actor.rights.get(type(record).__tablename__, {}).values()
    if opened is not None and any(isinstance(one, Rule) for one in extents) and schema.every_added(type(record)):
        opened.index(record)


def parent_of(record: Any) -> int | None:
    """The record that rules this one, if another does."""
    model = type(record)
    return getattr(record, registry.parent_link(model)) if model.policy.parent else None


def keep_parent(model: type[Any], parent: int | None, actor: Actor, action: str) -> None:
    """A rule may ask for what hangs on a record, such as its tags: taking that away must not push the record out."""
    if parent is None or not isinstance(permissions.reach(actor, action, model.policy.parent), Rule):
        return
    if is_out_of(registry.entity(model.policy.parent), parent, actor, action):
        raise Invalid({"": str(_UNMET)})


def is_out_of(target: type[Any], key: int, actor: Actor, action: str = "read") -> bool:
    """Whether a record is out of the actor's reach for `action`, as it stands now."""
    shape = ("within reach", target, action, kept.sight(actor, (target,), action))
    statement = kept.statement(shape, lambda: _within_reach(target, actor, action))
    return session.scalar(statement, {"key": key}) is None


def _within_reach(target: type[Any], actor: Actor, action: str) -> Any:
    return permissions.restrict(sa.select(target.id).where(target.id == sa.bindparam("key")), target, actor, action)

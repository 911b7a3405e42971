"""Which roles have which rules: keeping them, what they rest on, whom they would let see what, and taking them along.

Belongs here: rules as facts of roles. Does not belong here: what a rule says (`app.services.rules`) and changing a role
(`app.services.roles`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from app import permissions
from app.errors import Invalid
from app.services import conditions, relatives, rules
from app.services.filters import Who
from models import registry, scope, tenancy
from models.base import session
from models.role_rule import RoleRule
from models.scope import Actor, ActorKind, Reach, Rights, Rule
from models.user import Role
from models.words import _
from models.workspace import Membership

# So many records are counted for a preview; more are said to be more.
MOST_COUNTED = 50_000
_SHOWN = 5
_WHY = tenancy.reason("the rules of a role of this workspace, by the role")


def check(rights: Rights, before: Rights, *, actor: Actor) -> None:
    """Raise `Invalid` for a rule that can't be given: on what takes none, that can't be read, that names what is not
    in this workspace, or fields that the one who gives it does not see. What a role has already may stay.
    """
    for entity, actions in rights.items():
        for action, rule in actions.items():
            if isinstance(rule, Rule) and before.get(entity, {}).get(action) != rule:
                _check(entity, action, rule, actor)


def _check(entity: str, action: str, rule: Rule, actor: Actor) -> None:
    if not permissions.takes_rules(entity) or action not in permissions.ACTIONS:
        what = registry.spoken(entity)
        raise Invalid(
            {"": _("How far “{action}” on {entity} goes can't be said by a rule.", action=action, entity=what)}
        )
    model = registry.entity(entity)
    rules.read(model, rule)
    if not rules.is_seen(model, rule):
        raise Invalid({"": _("This rule names a field that your own role does not see. Nothing was saved.")})
    wanted = rules.related(model, [rule])
    known = relatives.titles(wanted, actor=actor) if wanted else {}
    if lost := sorted({target for target, key in wanted if (target, key) not in known}):
        raise Invalid(
            {"": f"This rule names a {lost[0].replace('_', ' ')} that is not there. Choose one from the list."}
        )


def store(role_id: int, rights: Rights) -> None:
    """Make the rules of a role those of its rights; part of the operation that is open."""
    table = RoleRule.__table__
    mine = (table.c.workspace_id == scope.workspace_id(), table.c.role_id == role_id)
    session.execute(sa.delete(table).where(*mine), execution_options=_WHY)
    rows = [
        {
            "workspace_id": scope.workspace_id(),
            "role_id": role_id,
            "entity": entity,
            "action": action,
            "text": rule.text,
        }
        for entity, actions in rights.items()
        for action, rule in actions.items()
        if isinstance(rule, Rule)
    ]
    if rows:
        session.execute(sa.insert(table), rows, execution_options=_WHY)


def users_of(entity: str, field: str) -> list[str]:
    """The roles whose rules ask for a field."""
    found = sa.select(Role.label, RoleRule.text).join(Role, Role.id == RoleRule.role_id)
    rows = session.execute(found.where(RoleRule.entity == entity).order_by(Role.label)).all()
    model = registry.entity(entity)
    return list(dict.fromkeys(label for label, text in rows if field in rules.names(model, Rule(text))))


def refuse_loss(entity: str, field: str, label: str) -> None:
    """Raise `Invalid` where a rule rests on a field as it is: without it, the rule would reach nothing."""
    if used := users_of(entity, field):
        roles = ", ".join(f"“{name}”" for name in used)
        raise Invalid(
            {"": f"A rule of the role {roles} asks for “{label}”. Change that rule first; nothing was changed."}
        )


@dataclass(frozen=True, slots=True)
class Sight:
    """Whom a rule would let see what: the number of all records, and (name, number) for those with the role; where the
    rule asks for nobody in particular, one number for all, under no name. `people` is how many have the role, `asks`
    whether the rule asks who looks.
    """

    every: int
    reached: tuple[tuple[str, int], ...]
    people: int
    asks: bool


def preview(role_id: int, model: type[Any], rule: Rule, *, actor: Actor) -> Sight | None:
    """What a rule would let people of a role reach, in two statements; None for who may not read all of it."""
    if permissions.reach(actor, "read", registry.permission_entity(model)) is not Reach.WORKSPACE:
        return None
    with_role = sa.select(Membership.id, Membership.name, Membership.team_id).where(
        Membership.role_id == role_id, Membership.active.is_(True)
    )
    people = session.execute(with_role.order_by(Membership.name, Membership.id)).all()
    asks = any(isinstance(v, Who) for one in conditions.leaves(rules.read(model, rule)) for v in one.values)
    cast = [(name, Actor(ActorKind.USER, name, membership_id=key, team_id=team)) for key, name, team in people[:_SHOWN]]
    if not asks or not cast:
        cast = [("", Actor(ActorKind.USER, "nobody"))]
    wanted = [None, *(rules.condition(rule, model, model, who) for _, who in cast)]
    numbers = session.execute(sa.select(*(_number(model, one) for one in wanted))).one()
    reached = tuple((name, number) for (name, _), number in zip(cast, numbers[1:], strict=True))
    return Sight(numbers[0], reached, len(people), asks)


def _number(model: type[Any], condition: Any) -> Any:
    found = sa.select(model.id).where(model.workspace_id == scope.workspace_id(), model.deleted_at.is_(None))
    found = found if condition is None else found.where(condition)
    return sa.select(sa.func.count()).select_from(found.limit(MOST_COUNTED).subquery()).scalar_subquery()


def changed(rights: Rights, entity: str, actions: Iterable[str], rule: Rule) -> Rights:
    """Rights in which the rule says how far these actions on an entity go."""
    return {**rights, entity: {**rights.get(entity, {}), **dict.fromkeys(actions, rule)}}


def kept(rights: Rights, before: Rights) -> Rights:
    """Rights with the rules of those before, where they say nothing of the same action."""
    made = {entity: dict(more) for entity, more in rights.items()}
    for entity, actions in before.items():
        for action, extent in actions.items():
            if isinstance(extent, Rule):
                made.setdefault(entity, {}).setdefault(action, extent)
    return made

"""Who may do what: one check for pages, REST, export, bulk, pickers, search and jobs.

A right is (entity, action) -> extent: a reach, or a rule of the brokerage's own (docs/decisions/012). Rights are stored
as Flask-AppBuilder permissions of a workspace's roles and cached per role with the workspace's `keys_version`, so that
a change acts on the next request. Does not belong here: HTTP, and what rules say (`app.services.rules`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from app.errors import Forbidden
from models import registry, scope
from models.base import Owned, session
from models.role_rule import RoleRule
from models.scope import Actor, Extent, Reach, Rights, Rule
from models.user import Permission, PermissionView, Role, ViewMenu, assoc_permissionview_role
from models.words import N_, _
from models.workspace import Membership

ACTIONS = ("read", "write", "delete", "export")
# Abilities that are no entity: area -> its actions.
AREAS: Mapping[str, tuple[str, ...]] = MappingProxyType({
    "workspace": ("read", "write"),
    "role": ("read", "write"),
    "job": ("read", "write"),
    "inline": ("write",),
    "bulk": ("write", "delete"),
    "import": ("write",),
    "api_key": ("read", "write"),
    "ai": ("write",),
    "view": ("write",),
    "approval": ("write",),
    "audit": ("read", "export"),
})  # fmt: skip
# The reach that a stored right names when a rule says how far it goes.
RULE = "rule"
_ORDER = {Reach.OWN: 1, Reach.TEAM: 2, Reach.WORKSPACE: 3}
_SETUP = frozenset(
    {"team", "membership", "pipeline", "stage", "template", "tag", "suppression", "custom_field", "booking_page"}
)
# What sends records out of the house: nobody's work, and for owners and admins to set up.
_OUTWARD = frozenset({"webhook"})
# Under granted access the first are read at most, the others are closed.
_STANDING = frozenset({"role", "membership", "team", "workspace", "custom_field", "pipeline", "stage", "view"})
_NEVER_LENT = frozenset({"api_key", "import", *_OUTWARD})
_cache: dict[tuple[int, int], Rights] = {}
# The condition of a rule on a model, spoken of the row that is given (the model, an alias, or columns), for an actor.
Condition = Callable[[Rule, type[Any], Any, Actor], Any]
_conditions: list[Condition] = []


def on_rule(condition: Condition) -> None:
    """Have `condition` say what rules mean; while nobody does, they reach nothing."""
    _conditions[:] = [condition]


def subjects() -> dict[str, tuple[str, ...]]:
    """Everything a right can be given on, with its actions: entities that rule themselves, then areas."""
    own = {name: ACTIONS for name, model in registry.entities().items() if not model.policy.parent}
    return {**own, **AREAS}


def widths(entity: str) -> tuple[Reach, ...]:
    """How far a right on `entity` can go: what nobody owns is open whole or not at all."""
    model = registry.entities().get(entity)
    return tuple(Reach) if model is not None and issubclass(model, Owned) else (Reach.WORKSPACE,)


def takes_rules(entity: str) -> bool:
    """Whether a right on `entity` can go as far as a rule says: all that reads or writes what people own keeps to a
    part of it, and what nobody owns is open whole or not at all.
    """
    return len(widths(entity)) > 1


def covers(given: Extent | None, wanted: Extent | None) -> bool:
    """Whether who has `given` has all of `wanted`. A rule lies within the whole workspace and within itself; how it
    lies to what is one's own or the team's, nobody guesses.
    """
    if wanted is None or given is Reach.WORKSPACE or given == wanted:
        return True
    return given is Reach.TEAM and wanted is Reach.OWN


def reach(actor: Actor, action: str, entity: str) -> Extent | None:
    """How far `actor` may do `action` on `entity`, or None."""
    if actor.everything:
        return Reach.WORKSPACE
    return actor.rights.get(entity, {}).get(action)


def require(actor: Actor, action: str, entity: str) -> Extent:
    """The extent, or `Forbidden`."""
    found = reach(actor, action, entity)
    if found is None:
        closed = _(
            "The access that you use, as {whom}, leaves this out. End it to work as yourself.",
            whom=actor.on_behalf_of,
        )
        raise Forbidden(action, entity, closed if actor.grant_id is not None else "")
    return found


def restrict(statement: Any, model: type[Any], actor: Actor, action: str = "read") -> Any:
    """`statement` narrowed to the records of `model` that `actor` may do `action` on; raises `Forbidden` without the
    right."""
    condition = criterion(model, actor, action)
    return statement if condition is None else statement.where(condition)


def criterion(model: type[Any], actor: Actor, action: str = "read", *, of: Any = None) -> Any | None:
    """The condition that `restrict` adds; None for the whole workspace. `of` is an alias of `model`, or the columns of
    its plain table, to speak of instead."""
    found = require(actor, action, registry.permission_entity(model))
    if found is Reach.WORKSPACE:
        return None
    row = model if of is None else of
    if model.policy.parent:
        return _through_parent(model, row, actor, action)
    if not issubclass(model, Owned):
        return sa.false()
    if isinstance(found, Rule):
        return _conditions[0](found, model, row, actor) if _conditions and found.text else sa.false()
    # Who is no member owns nothing; comparing with none would find what nobody owns.
    own = sa.false() if actor.membership_id is None else row.owner_id == actor.membership_id
    if found is Reach.TEAM and actor.team_id is not None:
        return sa.or_(own, row.team_id == actor.team_id)
    return own


def _through_parent(model: type[Any], row: Any, actor: Actor, action: str) -> Any | None:
    """By key, row by row: the other way round, SQLite reads all parents within reach for the page of one record."""
    parent = registry.entity(model.policy.parent or "")
    plain = isinstance(row, ReadOnlyColumnCollection)
    other: Any = parent.__table__.alias() if plain else orm.aliased(parent, flat=True)
    there = other.c if plain else other
    inner = criterion(parent, actor, action, of=there)
    if inner is None:
        return None
    # The session walls what is read through a model; a plain table needs walls of its own.
    walls = (there.workspace_id == row.workspace_id, there.deleted_at.is_(None)) if plain else ()
    same = there.id == getattr(row, registry.parent_link(model))
    return sa.exists().where(same, inner, *walls).correlate_except(other)


def narrow(rights: Rights, scopes: Iterable[str]) -> Rights:
    """The part of `rights` that an API key's scopes ("contact:read", "*:read") leave."""
    wanted = {tuple(scope.split(":", 1)) for scope in scopes}
    return {
        entity: kept
        for entity, actions in rights.items()
        if (kept := {a: r for a, r in actions.items() if (entity, a) in wanted or ("*", a) in wanted})
    }


def while_acting(rights: Rights) -> Rights:
    """The part of `rights` that granted access leaves: nothing is taken out, and nothing changes who may do what."""
    return {
        entity: {a: r for a, r in actions.items() if a != "export" and (a == "read" or entity not in _STANDING)}
        for entity, actions in rights.items()
        if entity not in _NEVER_LENT
    }


def rights_of_role(role_id: int, keys_version: int) -> Rights:
    """The rights of a role, from cache or one statement."""
    key = (role_id, keys_version)
    if key not in _cache:
        if len(_cache) > 5000:
            _cache.clear()
        _cache[key] = read_rights(role_id)
    return _cache[key]


def read_rights(role_id: int) -> Rights:
    """The rights of a role as the open transaction has them."""
    rows = session.execute(
        sa.select(ViewMenu.name, Permission.name)
        .join(PermissionView, PermissionView.view_menu_id == ViewMenu.id)
        .join(Permission, Permission.id == PermissionView.permission_id)
        .join(assoc_permissionview_role, assoc_permissionview_role.c.permission_view_id == PermissionView.id)
        .where(assoc_permissionview_role.c.role_id == role_id)
    )
    plain: dict[tuple[str, str], Reach] = {}
    ruled = set[tuple[str, str]]()
    for entity, permission in rows:
        action, _, how_far = permission.partition(".")
        if how_far == RULE:
            ruled.add((entity, action))
        elif how_far in Reach.__members__.values():
            known = plain.get((entity, action), Reach.OWN)
            plain[entity, action] = max(known, Reach(how_far), key=_ORDER.__getitem__)
    texts = _texts_of(role_id) if ruled else {}
    found: dict[str, dict[str, Extent]] = {}
    for (entity, action), wide in (plain | {right: Rule(texts.get(right, "")) for right in ruled}).items():
        found.setdefault(entity, {})[action] = wide
    return MappingProxyType({entity: MappingProxyType(actions) for entity, actions in found.items()})


def _texts_of(role_id: int) -> dict[tuple[str, str], str]:
    """The rules of a role, from its own workspace: rights are read before a request is inside one."""
    workspace = session.scalar(sa.select(Role.workspace_id).where(Role.id == role_id))
    if workspace is None:
        return {}
    mine = sa.select(RoleRule.entity, RoleRule.action, RoleRule.text).where(RoleRule.role_id == role_id)
    with scope.inside(workspace), session.no_autoflush:
        return {(entity, action): text for entity, action, text in session.execute(mine)}


# Names of the roles that every workspace starts with; those that a brokerage makes are never translated.
_BUILTIN = (
    N_("Owner", "role"), N_("Admin"), N_("Broker"), N_("Agent"), N_("Assistant"), N_("Compliance"), N_("Read only")
)  # fmt: skip
BUILTIN_LABELS = {str(label): label for label in _BUILTIN}
# What a right allows, as matrices head it.
ACTION_WORDS = {"read": N_("Read"), "write": N_("Write"), "delete": N_("Delete"), "export": N_("Export")}


def spoken(role_label: str | None) -> str:
    """The name of a role for the reader."""
    return BUILTIN_LABELS.get(role_label or "", role_label or "")


def builtin_roles() -> dict[str, tuple[str, Rights]]:
    """The roles every workspace starts with: key -> (label, rights)."""
    every, setup = subjects(), _SETUP
    work = [name for name in every if name not in setup | _OUTWARD and name not in AREAS]

    def grant(names: Iterable[str], how_far: Reach, *actions: str) -> dict[str, dict[str, Reach]]:
        return {n: {a: how_far for a in (actions or every[n]) if a in every[n]} for n in names}

    all_, team, own = Reach.WORKSPACE, Reach.TEAM, Reach.OWN
    look = grant(setup, all_, "read")
    tags = grant(["tag"], all_, "read", "write")
    hands = grant(["inline", "bulk"], all_)
    office = {**hands, **grant(["import", "ai", "api_key", "view", "approval"], all_)}
    agent_work = {n: {"read": own, "write": own, "delete": own} for n in work}
    helper_work = {n: {"read": team, "write": team, "delete": own} for n in work}
    return {
        "owner": ("Owner", grant(every, all_)),
        "admin": ("Admin", grant(every, all_)),
        "broker": (
            "Broker",
            {
                **grant(work, all_),
                **look,
                **grant(["tag", "template", "pipeline", "stage", "suppression", "booking_page"], all_),
                **office,
                **grant(["job"], all_),
                **grant(["workspace", "audit", "role"], all_, "read"),
            },
        ),
        "agent": ("Agent", {**agent_work, **look, **tags, **hands, **grant(["ai"], all_)}),
        "assistant": ("Assistant", {**helper_work, **look, **tags, **hands, **grant(["ai", "import"], all_)}),
        "compliance": (
            "Compliance",
            {
                **grant(work, all_, "read", "export"),
                **look,
                **hands,
                **grant(["suppression"], all_),
                **grant(["audit"], all_),
                **grant(["workspace", "role", "job", "api_key"], all_, "read"),
            },
        ),
        "read_only": ("Read only", {**grant(work, all_, "read"), **look}),
    }


def members_team(membership_id: int | None) -> int | None:
    """The team that new records of this member belong to."""
    if membership_id is None:
        return None
    return session.scalar(sa.select(Membership.team_id).where(Membership.id == membership_id))

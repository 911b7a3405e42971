"""Roles of a workspace: the built-in ones, and those a brokerage makes itself. Stored as Flask-AppBuilder
permissions.

Belongs here: making, editing and deleting roles. Does not belong here: checking a right (`app.permissions`), giving a
role to somebody (`app.services.members`).
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from app import permissions
from app.errors import Forbidden, Invalid, NotFound
from app.services import role_rules, rules, schema
from app.services.operation import operation
from models import registry, scope, tenancy
from models.base import session
from models.custom import EntityLayout, FieldRight
from models.dashboard import DashboardLayer
from models.role_rule import RoleRule
from models.scope import NO_RIGHTS, Actor, Extent, Reach, Rights, Rule
from models.user import Permission, PermissionView, Role, ViewMenu, assoc_permissionview_role
from models.words import N_, _, _n
from models.workspace import Membership, Workspace

_WHY = tenancy.reason("roles are rows of Flask-AppBuilder, kept to one workspace by workspace_id")


def create_builtin(workspace_id: int) -> dict[str, Role]:
    """The roles every workspace starts with, by key; part of the operation that is open."""
    made = {}
    for key, (label, rights) in permissions.builtin_roles().items():
        role = Role(name=f"w{workspace_id}:{key}", workspace_id=workspace_id, key=key, label=label, builtin=True)
        session.add(role)
        session.flush()
        _store(role, rights)
        made[key] = role
    return made


def of_workspace() -> list[Role]:
    """The roles of the current workspace, built-in ones first in their order."""
    order = list(permissions.builtin_roles())
    found = session.scalars(sa.select(Role).where(Role.workspace_id == scope.workspace_id())).all()
    return sorted(found, key=lambda r: (not r.builtin, order.index(r.key) if r.key in order else 0, r.label.casefold()))


def get(role_id: int) -> Role:
    """A role of the current workspace; raises `NotFound`."""
    role = session.scalar(sa.select(Role).where(Role.id == role_id, Role.workspace_id == scope.workspace_id()))
    if role is None:
        raise NotFound()
    return role


def create(label: str, rights: Rights, *, actor: Actor, like: int | None = None, key: str = "") -> Role:
    """A role of this brokerage's own; `like` another, it sees no more fields than that one. Nobody grants more than
    they may do and see themselves. With `key` it is known to files of the set-up by that name. Raises `Invalid`,
    `Forbidden`.
    """
    permissions.require(actor, "write", "role")
    clean = _checked(label, rights, actor)
    workspace_id = scope.workspace_id()
    with operation("role.create", actor=actor) as op:
        key = key or f"c{secrets.token_hex(6)}"
        role = Role(name=f"w{workspace_id}:{key}", workspace_id=workspace_id, key=key, label=clean, builtin=False)
        session.add(role)
        session.flush()
        _store(role, rights)
        _limit(role, like, actor.role_id)
        op.audit("role.created", entity="role", record_id=role.id, facts={"label": clean, "rights": words(rights)})
    return role


def update(role_id: int, label: str, rights: Rights, *, actor: Actor) -> Role:
    """Change a role; acts on the next request of everyone who has it. Built-in roles stay as they are: copy one
    instead.
    """
    permissions.require(actor, "write", "role")
    role = get(role_id)
    if role.builtin:
        raise Invalid({"": _("Built-in roles cannot be changed. Copy this one and change the copy.")})
    old = current_rights(role)
    # Both ways: who could take away what they don't have could lock out those above them.
    within(actor, old)
    clean = _checked(label, rights, actor, besides=role.id, before=old)
    with operation("role.update", actor=actor) as op:
        role.label = clean
        session.execute(
            sa.delete(assoc_permissionview_role).where(assoc_permissionview_role.c.role_id == role.id),
            execution_options=_WHY,
        )
        _store(role, rights)
        forget_cached()
        op.audit(
            "role.changed",
            entity="role",
            record_id=role.id,
            facts={"label": clean, "old": words(old), "new": words(rights)},
        )
    return role


def delete(role_id: int, *, actor: Actor) -> None:
    """Delete a role that nobody has."""
    permissions.require(actor, "write", "role")
    role = get(role_id)
    if role.builtin:
        raise Invalid({"": _("Built-in roles cannot be deleted.")})
    within(actor, current_rights(role))
    users = session.scalar(sa.select(sa.func.count()).select_from(Membership).where(Membership.role_id == role.id)) or 0
    if users:
        raise Invalid(
            {
                "": _n(
                    "{n} member has or had this role. Give them another one first.",
                    "{n} members have or had this role. Give them another one first.",
                    users,
                )
            }
        )
    with operation("role.delete", actor=actor) as op:
        session.execute(
            sa.delete(assoc_permissionview_role).where(assoc_permissionview_role.c.role_id == role.id),
            execution_options=_WHY,
        )
        gone = (FieldRight.__table__, EntityLayout.__table__, DashboardLayer.__table__, RoleRule.__table__)
        for own in gone:
            mine = (own.c.workspace_id == scope.workspace_id(), own.c.role_id == role.id)
            session.execute(sa.delete(own).where(*mine), execution_options=_WHY)
        # SQLite gives the id to the next role that is made: no worker may still know the rights of this one, nor what
        # it saw and how.
        forget_cached()
        schema.renew_workspace(scope.workspace_id())
        op.audit("role.deleted", entity="role", record_id=role.id, facts={"label": role.label})
        session.delete(role)


def current_rights(role: Role) -> Rights:
    """What a role grants now, also in the middle of an operation that changes it: what may still be taken back must
    not stay in the cache.
    """
    return permissions.read_rights(role.id)


def within(actor: Actor, rights: Rights) -> None:
    """Raise `Forbidden` for the first right that the actor's own does not cover."""
    for entity, actions in rights.items():
        for action, reach in actions.items():
            if not permissions.covers(permissions.reach(actor, action, entity), reach):
                raise Forbidden(
                    action,
                    entity,
                    _(
                        "You cannot give “{action}” on {entity} as widely, as your own role has less.",
                        action=N_(action),
                        entity=registry.spoken(entity),
                    ),
                )


def may_give(role: Role, actor: Actor) -> None:
    """Raise `Forbidden` unless the actor may give this role to somebody, or take it from them."""
    within(actor, current_rights(role))
    theirs = schema.limits_of(role.id)
    for entity, more in schema.limits_of(actor.role_id).items():
        for name, level in more.items():
            if theirs.get(entity, {}).get(name, "") not in (level, schema.HIDDEN):
                raise Forbidden("write", "role", _("This role sees or changes fields that your own does not."))
    if role.key == "owner" and actor.role != "owner" and not actor.everything:
        raise Forbidden("write", "membership", _("Only an owner makes, changes or removes an owner."))


def forget_cached() -> None:
    """Have every worker read roles and members of the current workspace again; part of the operation that is open."""
    session.execute(
        sa.update(Workspace)
        .where(Workspace.id == scope.workspace_id())
        .values(keys_version=Workspace.keys_version + 1),
        execution_options=_WHY,
    )


def read_rights(wanted: Iterable[tuple[str, str, str]], known: Rights = NO_RIGHTS) -> dict[str, dict[str, Extent]]:
    """Rights from (entity, action, reach) as a form sends them, "rule" for the rule that is `known`; raises `Invalid`
    for what is no right."""
    every, rights = permissions.subjects(), dict[str, dict[str, Extent]]()
    for entity, action, reach in wanted:
        if not reach:
            continue
        rule = known.get(entity, {}).get(action) if reach == permissions.RULE else None
        if isinstance(rule, Rule):
            rights.setdefault(entity, {})[action] = rule
            continue
        if action not in every.get(entity, ()) or reach not in permissions.widths(entity):
            raise Invalid({"": _("“{right}” is no right.", right=f"{entity} {action} {reach}")})
        rights.setdefault(entity, {})[action] = Reach(reach)
    return rights


def words(rights: Rights) -> list[str]:
    """Rights as the audit log keeps them."""
    return sorted(
        f"{entity}:{action}.{_extent_words(entity, extent)}"
        for entity, actions in rights.items()
        for action, extent in actions.items()
    )


def _extent_words(entity: str, extent: Extent) -> str:
    return f"{permissions.RULE} {rules.for_audit(entity, extent)}" if isinstance(extent, Rule) else extent.value


def _limit(role: Role, *sources: int | None) -> None:
    """Keep a new role from every field that one of these roles is kept from; the stricter level counts."""
    found: dict[tuple[str, str], str] = {}
    for entity, name, level in (
        (e, n, v) for s in sources for e, more in schema.limits_of(s).items() for n, v in more.items()
    ):
        if found.get((entity, name)) != schema.HIDDEN:
            found[entity, name] = level
    for (entity, name), level in found.items():
        session.add(FieldRight(role_id=role.id, entity=entity, field=name, level=level))
    if found:
        session.flush()
        schema.renew_workspace(role.workspace_id)


def _checked(label: str, rights: Rights, actor: Actor, besides: int | None = None, before: Rights = NO_RIGHTS) -> str:
    label = " ".join(label.split())
    if not label or len(label) > 80:
        raise Invalid({"label": _("Type a name for the role, at most 80 characters.")})
    if any(r.label.casefold() == label.casefold() and r.id != besides for r in of_workspace()):
        raise Invalid({"label": _("There is a role with this name.")})
    within(actor, rights)
    role_rules.check(rights, before, actor=actor)
    return label


def _store(role: Role, rights: Rights) -> None:
    schema.touch(role.workspace_id)
    pairs = [
        (f"{action}.{permissions.RULE if isinstance(extent, Rule) else extent.value}", entity)
        for entity, actions in rights.items()
        for action, extent in actions.items()
    ]
    ids = _permission_ids(pairs)
    if ids:
        rows = [{"permission_view_id": i, "role_id": role.id} for i in ids]
        session.execute(sa.insert(assoc_permissionview_role), rows, execution_options=_WHY)
    role_rules.store(role.id, rights)


def _permission_ids(pairs: list[tuple[str, str]]) -> list[int]:
    """Ids of Flask-AppBuilder's permission views, made where they are missing; they are shared by all workspaces."""
    names = _ids_by_name(Permission, {p for p, _ in pairs})
    menus = _ids_by_name(ViewMenu, {m for _, m in pairs})
    wanted = {(names[p], menus[m]) for p, m in pairs}
    known = {(v.permission_id, v.view_menu_id): v.id for v in _views()}
    for permission_id, view_menu_id in sorted(wanted - known.keys()):
        view = PermissionView(permission_id=permission_id, view_menu_id=view_menu_id)
        session.add(view)
        session.flush()
        known[permission_id, view_menu_id] = view.id
    return [known[pair] for pair in sorted(wanted)]


def _views() -> list[Any]:
    return list(
        session.execute(sa.select(PermissionView.id, PermissionView.permission_id, PermissionView.view_menu_id))
    )


def _ids_by_name(model: Any, names: set[str]) -> dict[str, int]:
    rows = session.execute(sa.select(model.name, model.id).where(model.name.in_(names))).all()
    found = dict(map(tuple, rows))
    for name in sorted(names - found.keys()):
        row = model(name=name)
        session.add(row)
        session.flush()
        found[name] = row.id
    return found

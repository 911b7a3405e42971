"""Which roles see and change which fields of an entity. What is not limited here is open to whoever may read or write
the record.

Reading the limits is in `app.services.schema`, which every surface asks. Does not belong here: rights on records
(`app.permissions`, `app.services.roles`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from app import permissions
from app.errors import Forbidden, Invalid, NotFound
from app.services import roles, schema
from app.services.operation import operation
from models import registry, scope, tenancy
from models.base import session
from models.custom import FieldRight
from models.fields import Field
from models.scope import Actor
from models.user import Role
from models.words import _

OPEN = ""
LEVELS = (OPEN, schema.READ, schema.HIDDEN)
_WHY = tenancy.reason("limits of roles are rights, written as a set and audited as one")


def limitable(model: type[Any]) -> dict[str, tuple[Field, tuple[str, ...]]]:
    """The fields that a role can be kept from, each with the levels it can have, as far as this person sees them.

    The title names a record everywhere, and without a required field nobody could add one: these stay open.
    """
    title, columns = registry.title_of(model), model.__table__.c
    found: dict[str, tuple[Field, tuple[str, ...]]] = {}
    for name, one in schema.fields(model).items():
        if one.secret or name in (title, "version", "name_key", "deleted_at"):
            continue
        needed = one.required if one.custom else not columns[name].nullable and columns[name].default is None
        plain = registry.fields(model).get(name, one)
        levels = (OPEN, schema.HIDDEN) if plain.readonly else (OPEN,) if needed else LEVELS
        if len(levels) > 1:
            found[name] = (one, levels)
    return found


def entities() -> list[str]:
    """The entities whose fields can be limited."""
    return list(registry.entities())


def of_role(role_id: int, entity: str) -> dict[str, str]:
    """The limits of a role on an entity: field -> level."""
    mine = sa.select(FieldRight).where(FieldRight.role_id == role_id, FieldRight.entity == entity)
    return {one.field: one.level for one in session.scalars(mine)}


def counts(role_id: int) -> dict[str, int]:
    """How many fields of each entity a role is kept from."""
    number = sa.select(FieldRight.entity, sa.func.count().label("number")).where(FieldRight.role_id == role_id)
    number = number.group_by(FieldRight.entity)
    return {row.entity: row.number for row in session.execute(number)}


def limit(role_id: int, entity: str, wanted: Mapping[str, str], *, actor: Actor, whole: bool = False) -> None:
    """Set the levels of a role's fields; those not named stay. Acts on the next request. Raises `Invalid` and
    `Forbidden`. A set-up that comes `whole` may limit a field of the workspace's own that is required: made required
    after it was limited, it can be so by hand.
    """
    permissions.require(actor, "write", "role")
    if entity not in registry.entities():
        raise NotFound()
    role = _limited(role_id, actor)
    known = limitable(registry.entity(entity))
    own_fields = schema.every_added(registry.entity(entity)) if whole else {}
    for name, level in wanted.items():
        offered = LEVELS if name in own_fields or (whole and level == OPEN) else known.get(name, (None, ()))[1]
        if level not in offered:
            raise Invalid({name: _("This field cannot be limited so. Choose one of the levels offered.")})
    before = of_role(role.id, entity)
    changed = {n: level for n, level in wanted.items() if before.get(n, OPEN) != level}
    if not changed:
        return
    own = schema.limits_of(actor.role_id).get(entity, {})
    if any(name in own and level == OPEN for name, level in changed.items()):
        raise Forbidden("write", "role", _("You cannot open a field that your own role does not change."))
    with operation("role.fields", actor=actor) as op:
        schema.hold()
        _write(role.id, entity, changed)
        schema.renew_workspace(scope.workspace_id())
        levels = {n: [before.get(n, OPEN), level] for n, level in changed.items()}
        facts = {"role": role.label, "records": entity, "fields": levels}
        op.audit("role.fields_limited", entity="role", record_id=role.id, facts=facts)


def _limited(role_id: int, actor: Actor) -> Role:
    role = roles.get(role_id)
    if role.key == "owner":
        raise Invalid({"": _("Owners see and change every field. Limit another role.")})
    if role_id == actor.role_id and not actor.everything:
        raise Forbidden(
            "write", "role", _("Nobody changes the limits of their own role; ask somebody with another one.")
        )
    if not actor.everything:
        _within(role, actor)
    return role


def _within(role: Role, actor: Actor) -> None:
    """Who could take fields from those above them could lock them out."""
    try:
        roles.within(actor, roles.current_rights(role))
    except Forbidden:
        raise Forbidden(
            "write", "role", _("This role may do more than your own. Ask somebody with wider rights to limit it.")
        ) from None


def _write(role_id: int, entity: str, changed: Mapping[str, str]) -> None:
    table = FieldRight.__table__
    mine = (table.c.workspace_id == scope.workspace_id(), table.c.role_id == role_id, table.c.entity == entity)
    session.execute(sa.delete(table).where(*mine, table.c.field.in_(list(changed))), execution_options=_WHY)
    for name, level in changed.items():
        if level:
            session.add(FieldRight(role_id=role_id, entity=entity, field=name, level=level))
    session.flush()

"""What opens from the menu for an entity: a view of one's own choice, or the one that a role starts with, or the
screen's own. They are read with the workspace's schema, so that a page asks nothing more for its menu.

A view that is gone, or not this person's to see, is passed over. Does not belong here: what a view holds
(`app.services.saved_views`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from app import permissions
from app.errors import Forbidden, Invalid, NotFound
from app.services import roles, saved_views, schema, values
from app.services.operation import operation
from models import registry, scope, tenancy
from models.base import session
from models.scope import Actor
from models.view import FirstView
from models.words import _

# Choices beside the id of a view: none of one's own, and the list without any view.
NONE, PLAIN = "", "list"
_WHY = tenancy.reason("which view opens first is replaced whole, in its own workspace")


def opens(entity: str, *, actor: Actor) -> schema.View | str | None:
    """The view that opens first for this person, `PLAIN`, or None where the screen's own does."""
    known = schema.current().firsts.get(entity)
    if not known:
        return None
    for whose in (("member", actor.membership_id), ("role", actor.role_id)):
        if whose in known:
            found = _seen(entity, known[whose], actor)
            if found is not None:
                return found
    return None


def chosen(entity: str, *, actor: Actor) -> str:
    """This person's own choice as a form has it."""
    return _text(schema.current().firsts.get(entity, {}), ("member", actor.membership_id))


def chosen_for_roles(entity: str) -> dict[int, str]:
    """What is set for each role, by its id."""
    known = schema.current().firsts.get(entity, {})
    return {key: _text(known, (kind, key)) for kind, key in known if kind == "role" and key is not None}


def choose(entity: str, choice: str, *, actor: Actor) -> None:
    """Set what opens first for oneself."""
    permissions.require(actor, "read", registry.permission_entity(registry.entity(entity)))
    if actor.membership_id is None or actor.grant_id is not None:
        raise Forbidden(
            "write", "membership", _("What opens first is a person's own choice. End the access to set yours.")
        )
    view = _view_of(entity, choice, actor)
    with operation("view.first", actor=actor) as op:
        _put(entity, choice, view, membership_id=actor.membership_id)
        facts = {"list": entity, "opens": _words(choice, view)}
        op.audit("view.first", entity=FirstView.__tablename__, facts=facts)


def set_for_role(entity: str, role_id: int, choice: str, *, actor: Actor) -> None:
    """Set what opens first for everybody of a role who has made no choice of their own."""
    permissions.require(actor, "write", "custom_field")
    if entity not in registry.entities():
        raise NotFound()
    role = roles.get(role_id)
    view = _view_of(entity, choice, actor)
    if view is not None and view.audience != "workspace":
        raise Invalid(
            {"view": _("Share “{name}” with everybody first, so that the whole role can see it.", name=view.name)}
        )
    with operation("view.first_of_role", actor=actor) as op:
        _put(entity, choice, view, role_id=role_id)
        facts = {"list": entity, "opens": _words(choice, view), "for": role.label}
        op.audit("view.first_of_role", entity=FirstView.__tablename__, facts=facts)


def forget_member(membership_id: int) -> None:
    """Part of removing somebody: their choices go."""
    table = FirstView.__table__
    mine = (table.c.workspace_id == scope.workspace_id(), table.c.membership_id == membership_id)
    if session.execute(sa.delete(table).where(*mine), execution_options=_WHY).rowcount:
        schema.renew_workspace(scope.workspace_id())


def _seen(entity: str, key: int | None, actor: Actor) -> schema.View | str | None:
    if key is None:
        return PLAIN
    return next((one for one in saved_views.seen(entity, actor=actor) if one.id == key), None)


def _view_of(entity: str, choice: str, actor: Actor) -> schema.View | None:
    if choice in (NONE, PLAIN):
        return None
    key = values.whole(choice)
    if key is None:
        raise Invalid({"view": _("Choose one of the views.")})
    return saved_views.find(entity, key, actor=actor)


def _put(entity: str, choice: str, view: schema.View | None, **whose: int) -> None:
    """Replace a choice; two at once leave one."""
    table = FirstView.__table__
    schema.hold()
    mine = [table.c.workspace_id == scope.workspace_id(), table.c.entity == entity]
    mine += [table.c[name] == key for name, key in whose.items()]
    session.execute(sa.delete(table).where(*mine), execution_options=_WHY)
    if choice != NONE:
        session.add(FirstView(entity=entity, view_id=view.id if view else None, **whose))
    session.flush()
    schema.renew_workspace(scope.workspace_id())


def _words(choice: str, view: schema.View | None) -> str:
    return view.name if view else {NONE: "as usual", PLAIN: "the plain list"}[choice]


def _text(known: Mapping[tuple[str, int | None], int | None], whose: Any) -> str:
    if whose not in known:
        return NONE
    return PLAIN if known[whose] is None else str(known[whose])

"""Views that people keep and share. They are read with the workspace's schema, so that a list asks nothing more for its
tabs.

Whoever opens a shared view sees what their own role and reach allow. Does not belong here: what an address means
(`views.list_state`).
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from app import permissions
from app.errors import Forbidden, Invalid, NotFound
from app.services import schema
from app.services.operation import operation
from models import registry, scope
from models.base import session
from models.scope import Actor
from models.user import Role
from models.view import AUDIENCES, MOST_QUERY, RHYTHMS, SavedView, ViewSubscription
from models.words import _
from models.workspace import Membership

MOST = 200
_ENTITY = SavedView.__tablename__


def seen(entity: str, *, actor: Actor) -> list[schema.View]:
    """The views of an entity that this person has: their own, their team's and everybody's."""
    return [one for one in schema.current().views.get(entity, ()) if _sees(one, actor)]


def find(entity: str, key: int, *, actor: Actor) -> schema.View:
    """One of them; raises `NotFound`."""
    found = next((one for one in seen(entity, actor=actor) if one.id == key), None)
    if found is None:
        raise NotFound(_("This view is gone, or was not shared with you."))
    return found


def may_change(view: schema.View, actor: Actor) -> bool:
    """One's own, and with the right to share also what everybody has."""
    return view.membership_id == actor.membership_id or (view.audience == "workspace" and _may_share(actor))


def save(entity: str, name: str, query: str, audience: str, *, actor: Actor, key: int | None = None) -> int:
    """Keep a view, or change the one with the id `key`. Returns its id; raises `Invalid`, `Forbidden`, `NotFound`."""
    permissions.require(actor, "read", registry.permission_entity(registry.entity(entity)))
    name = " ".join(name.split())
    problems = {}
    if not name or len(name) > 80:
        problems["name"] = _("Give the view a name, at most 80 characters.")
    if audience not in dict(AUDIENCES):
        problems["audience"] = _("Choose who has this view.")
    if audience == "team" and actor.team_id is None:
        problems["audience"] = _("You are in no team to share it with.")
    if len(query) > MOST_QUERY:
        problems[""] = _("This view asks for too much at once. Leave some filters out.")
    if problems:
        raise Invalid(problems)
    if actor.membership_id is None or (audience == "workspace" and not _may_share(actor)):
        raise Forbidden(
            "write", "view", _("Your role keeps views for yourself and your team; ask somebody to share it.")
        )
    with operation("view.save", actor=actor) as op:
        _named_once(entity, name, actor.membership_id, key)
        row = SavedView(entity=entity, membership_id=actor.membership_id) if key is None else _load(entity, key, actor)
        row.name, row.query, row.audience = name, query, audience
        row.team_id = actor.team_id if audience == "team" else None
        session.add(row)
        session.flush()
        # Once more: what was read since the hold must not stand under its mark.
        schema.renew_workspace(scope.workspace_id())
        op.audit("view.saved", entity=_ENTITY, record_id=row.id, facts={"list": entity, "audience": audience})
    return row.id


def _named_once(entity: str, name: str, membership_id: int, key: int | None) -> None:
    """Raise `Invalid` where this person has another view with the name, or has too many."""
    # A form pressed twice is one view: the second request waits here for the first.
    schema.hold()
    mine = sa.select(SavedView.id, SavedView.name).where(
        SavedView.entity == entity, SavedView.membership_id == membership_id
    )
    present = session.execute(mine).all()
    if any(one.name.casefold() == name.casefold() and one.id != key for one in present):
        raise Invalid({"name": _("You have a view with this name already.")})
    if key is None and len(present) >= MOST:
        raise Invalid({"": _("You keep {most} views of this list. Delete one first.", most=MOST)})


def delete(entity: str, key: int, *, actor: Actor) -> str:
    """Remove a view and who gets it by e-mail. Returns its name."""
    with operation("view.delete", actor=actor) as op:
        row = _load(entity, key, actor)
        name = row.name
        session.delete(row)
        session.flush()
        schema.renew_workspace(scope.workspace_id())
        op.audit("view.deleted", entity=_ENTITY, record_id=key, facts={"list": entity})
    return name


# In a set-up that comes whole, from a file or an earlier state


def may_arrange(audience: str, team_id: int | None, *, actor: Actor) -> bool:
    """Whether somebody may see and change what others share: with the right to share what everybody has, and what their
    own team has; what other teams have, with the right to set up teams too. What is private is its owner's alone.
    """
    if audience not in ("team", "workspace") or not _may_share(actor):
        return False
    own = team_id is not None and team_id == actor.team_id
    return audience == "workspace" or own or permissions.reach(actor, "write", "team") is not None


def place(
    entity: str, key: int | None, name: str, query: str, audience: str, team_id: int | None, *, actor: Actor
) -> int:
    """Keep a shared view, or change the one with the id `key`, whoever shared it: see `may_arrange`. Returns its id."""
    _require_arranging(audience, team_id, actor)
    with operation("view.save", actor=actor) as op:
        row = None if key is None else session.scalar(sa.select(SavedView).where(SavedView.id == key))
        if row is not None:
            _require_arranging(row.audience, row.team_id, actor)
        else:
            row = SavedView(entity=entity, membership_id=actor.membership_id or _an_owner())
        row.name, row.query, row.audience, row.team_id = name, query, audience, team_id
        session.add(row)
        session.flush()
        schema.renew_workspace(scope.workspace_id())
        facts = {"list": entity, "name": name, "audience": audience}
        op.audit("view.saved", entity=_ENTITY, record_id=row.id, facts=facts)
    return row.id


def take_away(entity: str, key: int, *, actor: Actor) -> None:
    """Remove a shared view, whoever shared it: see `may_arrange`."""
    with operation("view.delete", actor=actor) as op:
        row = session.scalars(sa.select(SavedView).where(SavedView.id == key)).one()
        _require_arranging(row.audience, row.team_id, actor)
        session.delete(row)
        session.flush()
        schema.renew_workspace(scope.workspace_id())
        op.audit("view.deleted", entity=_ENTITY, record_id=key, facts={"list": entity, "name": row.name})


def _require_arranging(audience: str, team_id: int | None, actor: Actor) -> None:
    permissions.require(actor, "write", "view")
    if not may_arrange(audience, team_id, actor=actor):
        raise Forbidden("write", "view", _("This view belongs to a team that you are not in. It stays as it is."))


def _an_owner() -> int:
    """Whose a view is that the product itself keeps: the first owner's."""
    owners = sa.select(Membership.id).join(Role, Role.id == Membership.role_id)
    found = session.scalar(owners.where(Role.key == "owner", Membership.active).order_by(Membership.id).limit(1))
    if found is None:
        raise Invalid({"": _("This workspace has no active owner to keep the view.")})
    return found


def _load(entity: str, key: int, actor: Actor) -> SavedView:
    if not may_change(find(entity, key, actor=actor), actor):
        raise Forbidden("write", "view", _("This view is somebody else's. Save it under a name of your own."))
    return session.scalars(sa.select(SavedView).where(SavedView.id == key)).one()


def _sees(view: schema.View, actor: Actor) -> bool:
    if view.audience == "workspace" or view.membership_id == actor.membership_id:
        return True
    return view.audience == "team" and view.team_id is not None and view.team_id == actor.team_id


def _may_share(actor: Actor) -> bool:
    return permissions.reach(actor, "write", "view") is not None


# By e-mail


def subscriptions(*, actor: Actor) -> dict[int, str]:
    """The views this person gets by e-mail: id -> rhythm."""
    mine = sa.select(ViewSubscription).where(ViewSubscription.membership_id == actor.membership_id)
    return {one.view_id: one.rhythm for one in session.scalars(mine)}


def subscribe(entity: str, key: int, rhythm: str, *, actor: Actor) -> None:
    """Have a view sent to oneself; an empty rhythm ends it."""
    view = find(entity, key, actor=actor)
    if rhythm and rhythm not in dict(RHYTHMS):
        raise Invalid({"rhythm": _("Choose how often it is sent.")})
    with operation("view.subscribe", actor=actor) as op:
        # A form pressed twice is one subscription: the second request waits here for the first.
        session.execute(sa.select(SavedView.id).where(SavedView.id == view.id).with_for_update())
        mine = sa.select(ViewSubscription).where(
            ViewSubscription.view_id == view.id, ViewSubscription.membership_id == actor.membership_id
        )
        row = session.scalars(mine).one_or_none()
        if row is not None and not rhythm:
            session.delete(row)
        elif row is not None:
            row.rhythm = rhythm
        elif rhythm:
            session.add(ViewSubscription(view_id=view.id, membership_id=actor.membership_id, rhythm=rhythm))
        facts = {"list": entity, "rhythm": rhythm or "never"}
        op.audit("view.subscribed", entity=_ENTITY, record_id=view.id, facts=facts)


def of_workspace() -> Sequence[ViewSubscription]:
    """All subscriptions of the workspace in force."""
    return session.scalars(sa.select(ViewSubscription).order_by(ViewSubscription.id)).all()

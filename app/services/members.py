"""Members of a workspace: their role and team, and leaving. Acts on their next request.

Belongs here: verbs on memberships that exist. Does not belong here: joining (`app.services.invitations`,
`app.services.workspaces`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from app import permissions
from app.errors import Forbidden, Invalid, NotFound
from app.services import api_keys, first_views, role_differences, roles, stars, values, webhooks
from app.services.operation import operation
from app.services.role_differences import Differences
from models import normal, registry, tenancy
from models.access import Invitation, UserSession
from models.base import session
from models.fields import now
from models.scope import Actor
from models.user import Role, User
from models.words import N_, _
from models.workspace import Membership, Team

_WHY = tenancy.reason("a member who leaves takes their sessions with them")
OWN_FIELDS = ("name", "phone", "job_title", "license")
LAST_OWNER = N_("This is the last owner. Make somebody else an owner first.")


def by_email(email: str) -> Membership:
    """The active member with an address; raises `NotFound`."""
    found = session.scalar(
        sa.select(Membership).where(Membership.email == normal.email(email), Membership.active.is_(True))
    )
    if found is None:
        raise NotFound(_("There is no active member with this address."))
    return found


def listed(*, actor: Actor) -> Sequence[Any]:
    """Active members by name: rows of id, user_id, name, email, role_id, role, team_id, team, second_factor,
    last_login.
    """
    permissions.require(actor, "read", "membership")
    second = sa.or_(User.tf_primary_method.is_not(None), User.webauthn.any())
    return session.execute(
        sa.select(
            Membership.id,
            Membership.user_id,
            Membership.name,
            Membership.email,
            Membership.role_id,
            Role.label.label("role"),
            Membership.team_id,
            Team.name.label("team"),
            second.label("second_factor"),
            User.last_login,
        )
        .join(Role, Role.id == Membership.role_id)
        .join(User, User.id == Membership.user_id)
        .outerjoin(Team, sa.and_(Team.workspace_id == Membership.workspace_id, Team.id == Membership.team_id))
        .where(Membership.active.is_(True))
        .order_by(Membership.name, Membership.id)
    ).all()


def change(membership_id: int, *, role_id: int, team_id: int | None, actor: Actor) -> Membership:
    """Give a member another role or team. Nobody gives, or takes away, more than they have themselves."""
    permissions.require(actor, "write", "membership")
    member = _active(membership_id)
    old, new = roles.get(member.role_id), roles.get(role_id)
    if team_id is not None and session.scalar(sa.select(Team.id).where(Team.id == team_id)) is None:
        raise Invalid({"team_id": _("There is no such team. Choose one from the list.")})
    if old.id != new.id:
        roles.may_give(old, actor)
        roles.may_give(new, actor)
    with operation("membership.change", actor=actor) as op:
        roles.forget_cached()
        if new.key != "owner":
            _keep_an_owner(old)
        member.role_id, member.team_id = new.id, team_id
        op.audit(
            "membership.role_changed",
            entity="membership",
            record_id=member.id,
            facts={"role": [old.label, new.label], "team": team_id},
        )
    return member


def role_change(membership_id: int, role_id: int, *, actor: Actor) -> tuple[Role, Role, Differences]:
    """What another role would change for a member: the roles and their differences. Refused as the change itself."""
    permissions.require(actor, "write", "membership")
    old, new = roles.get(_active(membership_id).role_id), roles.get(role_id)
    if old.id != new.id:
        roles.may_give(old, actor)
        roles.may_give(new, actor)
    return old, new, role_differences.between(old, new)


def remove(membership_id: int, *, actor: Actor) -> Membership:
    """End a membership with its sessions, keys and open invitations, at once. The row stays, so that history keeps a
    name.
    """
    permissions.require(actor, "write", "membership")
    member = _active(membership_id)
    role = roles.get(member.role_id)
    roles.may_give(role, actor)
    with operation("membership.remove", actor=actor) as op:
        roles.forget_cached()
        _keep_an_owner(role)
        member.active = False
        keys = api_keys.revoke_of_member(member.id)
        hooks = webhooks.pause_of_member(member.id, member.name)
        first_views.forget_member(member.id)
        stars.forget_member(member.id)
        sessions_ended = _end_sessions(member)
        _revoke_invitations(member.email)
        op.audit(
            "membership.removed",
            entity="membership",
            record_id=member.id,
            facts={"keys": keys, "webhooks": hooks, "sessions": sessions_ended},
        )
    return member


def own_values(locale: values.Locale, *, actor: Actor) -> dict[str, str]:
    """What a member may say of themselves, as the form shows it."""
    member, known = _active(actor.membership_id or 0), registry.fields(Membership)
    return {name: values.to_input(known[name], getattr(member, name), locale) for name in OWN_FIELDS}


def update_own(texts: Mapping[str, str], locale: values.Locale, *, actor: Actor) -> None:
    """Change one's own profile; every member may. Raises `Invalid`."""
    if actor.grant_id is not None:
        raise Forbidden("write", "membership", _("A profile is changed by its owner, not under granted access."))
    member, known = _active(actor.membership_id or 0), registry.fields(Membership)
    clean, problems = dict[str, Any](), dict[str, str]()
    for name in OWN_FIELDS:
        try:
            clean[name] = values.from_text(known[name], texts.get(name, ""), locale)
        except ValueError as error:
            problems[name] = str(error)
    if not clean.get("name") and "name" not in problems:
        problems["name"] = _("Type your name.")
    if problems:
        raise Invalid(problems)
    with operation("membership.update", actor=actor):
        for name, value in clean.items():
            if getattr(member, name) != value:
                setattr(member, name, value)


def _active(membership_id: int) -> Membership:
    member = session.scalar(sa.select(Membership).where(Membership.id == membership_id, Membership.active.is_(True)))
    if member is None:
        raise NotFound()
    return member


def _keep_an_owner(role: Role) -> None:
    """Refuse to take away the last owner. `forget_cached` has locked the workspace's row, so two cannot remove each
    other.
    """
    if role.key != "owner":
        return
    owners = session.scalar(
        sa.select(sa.func.count())
        .select_from(Membership)
        .where(Membership.role_id == role.id, Membership.active.is_(True))
    )
    if (owners or 0) < 2:
        raise Invalid({"role_id": LAST_OWNER})


def _end_sessions(member: Membership) -> int:
    """Sessions that work in this workspace; in others the person stays signed in."""
    here = sa.or_(UserSession.workspace_id == member.workspace_id, UserSession.workspace_id.is_(None))
    ended: Any = session.execute(
        sa.delete(UserSession).where(UserSession.user_id == member.user_id, here), execution_options=_WHY
    )
    return int(ended.rowcount)


def _revoke_invitations(email: str) -> None:
    for invitation in session.scalars(
        sa.select(Invitation).where(Invitation.email == email, Invitation.accepted_at.is_(None))
    ):
        invitation.revoked_at = invitation.revoked_at or now()

"""Invitations into a workspace: a link that works once, for seven days; only the hash of its token is kept.

Belongs here: inviting, taking back, accepting. Does not belong here: what members become later
(`app.services.members`).
"""

from __future__ import annotations

import datetime as dt
import secrets
from typing import Any

import sqlalchemy as sa

from app import permissions
from app.errors import Gone, Invalid, NotFound
from app.services import accounts, addressing, roles, workspaces
from app.services.operation import operation
from models import formats, normal, scope, tenancy
from models.access import Invitation
from models.base import session
from models.crypto import keyring
from models.fields import now
from models.scope import Actor
from models.user import User
from models.words import N_, _
from models.workspace import Membership, Team, Workspace

LASTS = dt.timedelta(days=7)
_WHY = tenancy.reason("an invitation is used up by one statement, in its own workspace")
_GONE = N_("This invitation was used, taken back, or is older than 7 days. Ask for a new one.")


def invite(email: str, name: str, role_id: int, team_id: int | None, *, actor: Actor, url: str) -> Invitation:
    """Invite an address into the current workspace. `url` is where the token is appended. Raises `Invalid`,
    `Forbidden`.
    """
    permissions.require(actor, "write", "membership")
    role = roles.get(role_id)
    roles.may_give(role, actor)
    address = _address(email)
    if team_id is not None and session.scalar(sa.select(Team.id).where(Team.id == team_id)) is None:
        raise Invalid({"team_id": _("There is no such team. Choose one from the list.")})
    token = secrets.token_urlsafe(32)
    workspace = session.get_one(Workspace, scope.workspace_id())
    with operation("invitation.create", actor=actor) as op:
        _revoke_open(address)
        made = Invitation(
            email=address,
            name=" ".join(name.split())[:200],
            role_id=role.id,
            team_id=team_id,
            digest=_digest(token),
            invited_by=actor.label,
            expires_at=now() + LASTS,
        )
        session.add(made)
        session.flush()
        with addressing.to_address(address):
            accounts.send_mail(
                address,
                _("{who} invites you to {workspace}", who=actor.label, workspace=workspace.name),
                _(
                    "{who} invites you to work in {workspace} as {role}.\n\nOpen this link to join. It works once, "
                    "until {date}:\n\n{link}\n\nIf you did not expect this, ignore it.\n",
                    who=actor.label,
                    workspace=workspace.name,
                    role=permissions.spoken(role.label),
                    date=formats.long_date(made.expires_at),
                    link=f"{url}{token}",
                ),
                actor=actor,
            )
        op.audit("invitation.sent", entity="invitation", record_id=made.id, facts={"role": role.label, "team": team_id})
    return made


def pending() -> list[Invitation]:
    """Open invitations of the current workspace, the newest first."""
    open_ = (Invitation.accepted_at.is_(None), Invitation.revoked_at.is_(None), Invitation.expires_at > now())
    return list(session.scalars(sa.select(Invitation).where(*open_).order_by(Invitation.id.desc())))


def revoke(key: int, *, actor: Actor) -> None:
    permissions.require(actor, "write", "membership")
    with operation("invitation.revoke", actor=actor) as op:
        found = session.scalar(sa.select(Invitation).where(Invitation.id == key))
        if found is None:
            raise NotFound()
        found.revoked_at = found.revoked_at or now()
        op.audit("invitation.revoked", entity="invitation", record_id=found.id)


def read(token: str) -> dict[str, Any]:
    """What an open invitation says: id, email, name, workspace (name), workspace_id, has_account; raises `Gone`."""
    with scope.across_workspaces("whose invitation this is"):
        row = (
            session.execute(
                sa.select(
                    Invitation.id,
                    Invitation.email,
                    Invitation.name,
                    Invitation.invited_by,
                    Invitation.workspace_id,
                    Workspace.name.label("workspace"),
                )
                .join(Workspace, Workspace.id == Invitation.workspace_id)
                .where(
                    Invitation.digest == _digest(token),
                    Invitation.accepted_at.is_(None),
                    Invitation.revoked_at.is_(None),
                    Invitation.expires_at > now(),
                    Workspace.status == "active",
                )
            )
            .mappings()
            .one_or_none()
        )
    if row is None:
        raise Gone(_GONE)
    return dict(row) | {"has_account": accounts.find(row["email"]) is not None}


def accept(token: str, person: accounts.NewUser | User, *, actor: Actor) -> tuple[User, Membership]:
    """Join: as a new person, or as the existing user of the invited address. Uses the invitation up. Raises `Gone`,
    `Invalid`.
    """
    asked = read(token)
    email = person.email if isinstance(person, User) else normal.email(person.email)
    if email != asked["email"]:
        raise Gone(_("This invitation is for another address. Sign in with that one, or ask for a new invitation."))
    with scope.inside(asked["workspace_id"]), operation("invitation.accept", actor=actor) as op:
        used: Any = session.execute(
            sa.update(Invitation)
            .where(Invitation.id == asked["id"], Invitation.accepted_at.is_(None), Invitation.revoked_at.is_(None))
            .values(accepted_at=now()),
            execution_options=_WHY | {"synchronize_session": False},
        )
        if used.rowcount != 1:
            raise Gone(_GONE)
        invitation = session.scalars(sa.select(Invitation).where(Invitation.id == asked["id"])).one()
        role = roles.get(invitation.role_id)
        user = person if isinstance(person, User) else accounts.create_user(person, actor=actor)
        member = workspaces.add_member(user, str(role.key), actor=actor, team_id=invitation.team_id)
        user.last_workspace_id = member.workspace_id
        op.audit("invitation.accepted", entity="invitation", record_id=invitation.id, facts={"membership": member.id})
    return user, workspaces.loaded(member, asked["workspace_id"])


def _address(email: str) -> str:
    try:
        address = normal.email(email)
    except ValueError as error:
        raise Invalid({"email": str(error)}) from None
    here = sa.select(Membership.id).where(Membership.email == address, Membership.active.is_(True))
    if session.scalar(here) is not None:
        raise Invalid({"email": _("This person is a member already.")})
    return address


def _revoke_open(address: str) -> None:
    """A new invitation replaces an open one, so that only the newest link works."""
    for old in pending():
        if old.email == address:
            old.revoked_at = now()


def _digest(token: str) -> bytes:
    return keyring().token_hash("invitation", token)

"""Granted access: leave to act as somebody else or in another role, for a purpose and a time; the one way in for the
people of the platform.

Belongs here: granting, using, ending. What the access leaves out is in `app.permissions.while_acting`; which request
uses it is in the session. Does not belong here: who somebody is (`app.services.sessions`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import sqlalchemy as sa

from app import permissions
from app.errors import Invalid, NotFound
from app.services import accounts, addressing, roles, sessions, values
from app.services.operation import Operation, operation
from app.services.sessions import Facts, Place
from models import formats, scope, tenancy
from models.access import AccessGrant
from models.base import session
from models.fields import now
from models.scope import Actor, Rights
from models.user import Role, User
from models.words import _
from models.workspace import Membership, Workspace

MINUTES = (15, 30, 60, 120, 240, 480)
MOST_PURPOSE = 500
_ENTITY = "access_grant"
_WHY = tenancy.reason("access that was granted to a person, by the person")
_ACROSS = "what access was granted to this person, in whichever workspace"


@dataclass(frozen=True, slots=True)
class Acting:
    """Access in use: the workspace with the membership and role whose rights count; `own_id` is the membership of the
    one who acts, None for somebody of the platform."""

    id: int
    place: Place
    grantee: str
    as_label: str
    purpose: str
    until: dt.datetime
    own_id: int | None

    @property
    def rights(self) -> Rights:
        role, version = self.place.membership.role_id, self.place.workspace.keys_version
        return permissions.while_acting(permissions.rights_of_role(role, version))

    @property
    def on_behalf_of(self) -> str:
        return f"{self.as_label:.160} (access {self.id})"


def check(actor: Actor) -> None:
    """Raise `Forbidden` for who may not grant access: it is giving a role for a while."""
    permissions.require(actor, "write", "membership")
    permissions.require(actor, "write", "role")


def grant(
    *, member_id: int | None, operator: str, target: str, purpose: str, minutes: int, actor: Actor
) -> AccessGrant:
    """Let a member, or the operator with an e-mail address, act as `target`, "role:ID" or "person:ID".

    It takes what giving the role itself takes. Raises `Invalid`, `Forbidden`.
    """
    check(actor)
    problems: dict[str, str] = {}
    who = _grantee(member_id, operator, actor, problems)
    role, person, label = _target(target, who, problems)
    purpose = " ".join(purpose.split())
    if not purpose or len(purpose) > MOST_PURPOSE:
        problems["purpose"] = _(
            "Say what for, in at most {most} characters. It is shown on every page.", most=MOST_PURPOSE
        )
    if minutes not in MINUTES:
        problems["minutes"] = _("Choose one of the times offered.")
    if problems or role is None or who is None:
        raise Invalid(problems)
    roles.may_give(role, actor)
    until = now() + dt.timedelta(minutes=minutes)
    with operation("access.grant", actor=actor, reason=purpose) as op:
        made = AccessGrant(
            user_id=who.user_id, grantee=who.name, operator=who.operator, role_id=role.id, as_label=label,
            as_membership_id=person, purpose=purpose, granted_by=actor.label, created_at=op.at, expires_at=until,
        )  # fmt: skip
        session.add(made)
        session.flush()
        facts = {"user": who.user_id, "operator": who.operator, "role": role.label, "as_membership": person}
        op.audit("access.granted", entity=_ENTITY, record_id=made.id, facts={**facts, "minutes": minutes})
        _tell(made, actor)
    return made


def _tell(made: AccessGrant, actor: Actor) -> None:
    """Write to the one who got access, and to the person they may act as; part of the operation that is open."""
    place = session.get_one(Workspace, made.workspace_id).name
    known = {"who": actor.label, "grantee": made.grantee, "whom": made.as_label, "place": place}
    with addressing.to_user_of(made.user_id):
        until = f"{formats.long_date(made.expires_at)}, {made.expires_at:%H:%M} UTC"
        facts = {**known, "until": until, "purpose": made.purpose}
        subject = _("You may act as {whom} in {place}", **known)
        text = _(
            "{who} lets you act as {whom} in {place}, until {until}.\n\nWhat for: {purpose}\n\nBegin under Account, "
            "Granted to you. Every entry of the history names both of you.\n",
            **facts,
        )
        _write(made.user_id, subject, text, actor)
    person = None if made.as_membership_id is None else session.get(Membership, made.as_membership_id)
    if person is None:
        return
    with addressing.to_user_of(person.user_id):
        until = f"{formats.long_date(made.expires_at)}, {made.expires_at:%H:%M} UTC"
        text = _(
            "{who} lets {grantee} act as you in {place}, until {until}.\n\nWhat for: {purpose}\n\nWhat they do there "
            "has both names in the history; your password is not part of it. Ask {who} if you did not expect this.\n",
            **known, until=until, purpose=made.purpose,
        )  # fmt: skip
        _write(person.user_id, _("{grantee} may act as you in {place}", **known), text, actor)


def _write(user_id: int, subject: str, text: str, actor: Actor) -> None:
    accounts.send_mail(session.get_one(User, user_id).email, subject, text, actor=actor)


def revoke(key: int, *, actor: Actor) -> AccessGrant:
    """End access at once, also where it is in use."""
    check(actor)
    with operation("access.revoke", actor=actor) as op:
        found = session.scalar(sa.select(AccessGrant).where(AccessGrant.id == key))
        if found is None:
            raise NotFound()
        if found.revoked_at is None:
            found.revoked_at = op.at
            op.audit("access.revoked", entity=_ENTITY, record_id=found.id)
            _end(found, "revoked", op)
    return found


def listed(*, actor: Actor) -> Sequence[AccessGrant]:
    """What was granted in this workspace, the newest first."""
    check(actor)
    return session.scalars(sa.select(AccessGrant).order_by(AccessGrant.id.desc()).limit(200)).all()


def mine(user_id: int) -> list[Any]:
    """What this person may use now, in whichever workspace: rows of id, as_label, purpose, expires_at, workspace."""
    statement = (
        sa.select(
            AccessGrant.id, AccessGrant.as_label, AccessGrant.purpose, AccessGrant.expires_at,
            AccessGrant.granted_by, Workspace.name.label("workspace"),
        )
        .join(Workspace, Workspace.id == AccessGrant.workspace_id)
        .where(AccessGrant.user_id == user_id, AccessGrant.revoked_at.is_(None), AccessGrant.expires_at > now())
        .order_by(AccessGrant.expires_at)
    )  # fmt: skip
    with scope.across_workspaces(_ACROSS):
        return list(session.execute(statement))


def start(key: int, user_id: int, *, actor: Actor) -> Acting:
    """Begin to use access; the caller has proved who they are. Raises `NotFound` for what is over or not theirs."""
    acting = live(key, user_id)
    if acting is None:
        raise NotFound(_("There is no such access for you, or it is over. Ask the workspace for a new one."))
    with scope.inside(acting.place.workspace.id), operation("access.start", actor=actor, reason=acting.purpose) as op:
        found = session.get_one(AccessGrant, key)
        found.started_at, found.ended_at = op.at, None
        facts = {"as_membership": found.as_membership_id, "until": values.stored(acting.until)}
        op.audit("access.started", entity=_ENTITY, record_id=key, facts=facts)
    return acting


def end(key: int, user_id: int, how: str, *, actor: Actor) -> None:
    """Note that a person no longer uses access: `how` is "by hand", "signed out" or "over"."""
    with scope.across_workspaces(_ACROSS), operation("access.end", actor=actor) as op:
        found = session.scalar(sa.select(AccessGrant).where(AccessGrant.id == key, AccessGrant.user_id == user_id))
        if found is not None:
            _end(found, how, op)


def close_over(*, actor: Actor) -> int:
    """Note the end of what ran out in use, in every workspace. Returns how many."""
    in_use = (AccessGrant.started_at.is_not(None), AccessGrant.ended_at.is_(None))
    with scope.across_workspaces("access that ran out"), operation("access.end", actor=actor) as op:
        over = session.scalars(sa.select(AccessGrant).where(*in_use, AccessGrant.expires_at <= now())).all()
        for found in over:
            _end(found, "over", op)
    return len(over)


def live(key: int, user_id: int) -> Acting | None:
    """Access that a person may use at this moment, in one statement; None where anything it rests on has ended."""
    with scope.across_workspaces(_ACROSS):
        row = session.execute(_whole(), {"key": key, "user": user_id}, execution_options=_WHY).mappings().one_or_none()
    if row is None or row["revoked_at"] is not None or row["expires_at"] <= now() or row["role_key"] is None:
        return None
    if row["workspace_status"] != "active" or not (row["own_id"] or (row["operator"] and row["user_operator"])):
        return None
    as_person = row["as_membership_id"] is not None
    if as_person and (not row["as_active"] or row["as_role_id"] != row["role_id"]):
        return None
    prefix = "as" if as_person else "own"
    who = Facts({**{n: row[f"{prefix}_{n}"] for n in sessions.MEMBERSHIP}, "role_id": row["role_id"]})
    place = Place(sessions.facts(row, "workspace", sessions.WORKSPACE), who, row["role_key"])
    return Acting(
        key, place, row["grantee"], row["as_label"], row["purpose"], row["expires_at"], row["own_id"]
    )  # fmt: skip


@cache
def _whole() -> Any:
    """Plain tables, as one request in use of access begins with it."""
    grant, workspace, role = AccessGrant.__table__, Workspace.__table__, Role.__table__.c
    user, person, own = User.__table__.c, Membership.__table__.alias(), Membership.__table__.alias()
    c = grant.c
    as_person = sa.and_(person.c.workspace_id == c.workspace_id, person.c.id == c.as_membership_id)
    themselves = sa.and_(own.c.workspace_id == c.workspace_id, own.c.user_id == c.user_id, own.c.active.is_(True))
    own_role = sa.and_(role.id == c.role_id, role.workspace_id == c.workspace_id)
    return (
        sa.select(
            c.grantee, c.operator, c.role_id, c.as_membership_id, c.as_label, c.purpose, c.expires_at, c.revoked_at,
            *(workspace.c[n].label(f"workspace_{n}") for n in sessions.WORKSPACE),
            *(person.c[n].label(f"as_{n}") for n in sessions.MEMBERSHIP),
            *(own.c[n].label(f"own_{n}") for n in sessions.MEMBERSHIP),
            person.c.active.label("as_active"), role.key.label("role_key"), user.operator.label("user_operator"),
        )
        .select_from(grant)
        .join(workspace, workspace.c.id == c.workspace_id)
        .join(User.__table__, user.id == c.user_id)
        .outerjoin(Role.__table__, own_role)
        .outerjoin(person, as_person)
        .outerjoin(own, themselves)
        .where(c.id == sa.bindparam("key"), c.user_id == sa.bindparam("user"), user.active.is_(True))
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Grantee:
    user_id: int
    name: str
    operator: bool
    membership_id: int | None


def _grantee(member_id: int | None, operator: str, actor: Actor, problems: dict[str, str]) -> _Grantee | None:
    if bool(member_id) == bool(operator.strip()):
        problems["member"] = _("Choose a member, or type the address of somebody who supports the platform.")
    elif member_id:
        member = _active(member_id)
        if member is not None and member.user_id != actor.user_id:
            return _Grantee(member.user_id, member.name, False, member.id)
        problems["member"] = _("Choose a member other than yourself.")
    else:
        user = accounts.find(operator)
        if user is not None and user.active and user.operator and user.id != actor.user_id:
            return _Grantee(user.id, user.get_full_name().strip() or user.email, True, None)
        problems["operator"] = _("Nobody who supports the platform has this address.")
    return None


def _target(target: str, who: _Grantee | None, problems: dict[str, str]) -> tuple[Role | None, int | None, str]:
    """The role whose rights will count, and the person, if it is access as one."""
    kind, _colon, text = target.partition(":")
    key = values.whole(text) or 0
    try:
        if kind == "role":
            role = roles.get(key)
            return role, None, _("the role {role}", role=permissions.spoken(role.label))
        person = _active(key) if kind == "person" else None
        if person is not None and (who is None or person.id != who.membership_id):
            return roles.get(person.role_id), person.id, person.name
    except NotFound:
        pass
    problems["target"] = _("Choose a role, or a person other than the one who gets the access.")
    return None, None, ""


def _active(key: int) -> Membership | None:
    return session.scalar(sa.select(Membership).where(Membership.id == key, Membership.active.is_(True)))


def _end(found: AccessGrant, how: str, op: Operation) -> None:
    """Note the end of a use that began; once."""
    if found.started_at is None or found.ended_at is not None:
        return
    found.ended_at = min(op.at, found.expires_at)
    op.audit(
        "access.ended", entity=_ENTITY, record_id=found.id, facts={"how": how}, workspace_id=found.workspace_id
    )  # fmt: skip

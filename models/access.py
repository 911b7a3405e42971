"""How people and programs get in: server-side sessions, API keys, invitations, one-time links, granted access."""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, WorkspaceScoped
from models.fields import UTC, Json, Key, now
from models.policy import Category, Erase, Policy, Purpose, SubjectKind, days, years


class UserSession(Base):
    """A browser's session, kept on the server so that ending it acts at once. `id` is the hash of the cookie's
    token.
    """

    __tablename__ = "user_session"
    policy = Policy(
        Category.SECURITY_EVENT,
        Purpose.AUTHENTICATE,
        subject="user_id",
        kind=SubjectKind.USER,
        keep=days(30),
        erase=Erase.DELETE,
    )

    id: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    user_id: Mapped[int | None] = mapped_column(sa.ForeignKey("ab_user.id", ondelete="CASCADE"), index=True)
    workspace_id: Mapped[int | None] = mapped_column(Key)
    data: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    created_at: Mapped[dt.datetime] = mapped_column(UTC, default=now)
    seen_at: Mapped[dt.datetime] = mapped_column(UTC, default=now, index=True)
    ip: Mapped[str | None] = mapped_column(sa.String(45))
    user_agent: Mapped[str | None] = mapped_column(sa.String(300))


class ApiKey(WorkspaceScoped, Base):
    """A program's key: 256 random bits shown once, kept as prefix and keyed hash (P55). `scopes` limits it:
    ["contact:read"]. `successor_id` is the key that takes its place, once it was rotated.
    """

    __tablename__ = "api_key"
    policy = Policy(Category.API_KEY, Purpose.AUTHENTICATE)

    membership_id: Mapped[int] = mapped_column(Key)
    name: Mapped[str] = mapped_column(sa.String(120))
    prefix: Mapped[str] = mapped_column(sa.String(16), unique=True)
    digest: Mapped[bytes] = mapped_column(sa.LargeBinary(32))
    scopes: Mapped[list[str]] = mapped_column(Json, default=list)
    created_at: Mapped[dt.datetime] = mapped_column(UTC, default=now)
    expires_at: Mapped[dt.datetime | None] = mapped_column(UTC)
    revoked_at: Mapped[dt.datetime | None] = mapped_column(UTC)
    last_used_at: Mapped[dt.datetime | None] = mapped_column(UTC)
    successor_id: Mapped[int | None] = mapped_column(Key)

    __table_args__ = (
        sa.ForeignKeyConstraint(
            ["workspace_id", "membership_id"],
            ["membership.workspace_id", "membership.id"],
            name="fk_api_key_membership_id",
        ),
    )


class Invitation(WorkspaceScoped, Base):
    """An open invitation to a workspace; the link carries a token of which only the hash is kept."""

    __tablename__ = "invitation"
    policy = Policy(Category.ACCOUNT, Purpose.PROVISION, keep=days(60))

    email: Mapped[str] = mapped_column(sa.String(254))
    name: Mapped[str] = mapped_column(sa.String(200), default="")
    role_id: Mapped[int] = mapped_column(sa.ForeignKey("ab_role.id"))
    team_id: Mapped[int | None] = mapped_column(Key)
    digest: Mapped[bytes] = mapped_column(sa.LargeBinary(32), unique=True)
    invited_by: Mapped[str] = mapped_column(sa.String(200), default="")
    created_at: Mapped[dt.datetime] = mapped_column(UTC, default=now)
    expires_at: Mapped[dt.datetime] = mapped_column(UTC)
    accepted_at: Mapped[dt.datetime | None] = mapped_column(UTC)
    revoked_at: Mapped[dt.datetime | None] = mapped_column(UTC)


class AccessGrant(WorkspaceScoped, Base):
    """Leave to act as another person (`as_membership_id`) or in another role for a purpose and a time (P6).

    `user_id` is who may: a member, or with `operator` somebody of the platform who is none. `role_id` is the role that
    was granted; where the person got another one since, the grant is over. `started_at` and `ended_at` are of its last
    use; `grantee`, `as_label` and `granted_by` are names as they were.
    """

    __tablename__ = "access_grant"
    policy = Policy(
        Category.SECURITY_EVENT,
        Purpose.SUPPORT,
        subject="user_id",
        kind=SubjectKind.USER,
        keep=years(7),
        hold="audit log",
    )

    user_id: Mapped[int] = mapped_column(sa.ForeignKey("ab_user.id"), index=True)
    grantee: Mapped[str] = mapped_column(sa.String(200), info={"personal": True})
    operator: Mapped[bool] = mapped_column(sa.Boolean, default=False)
    role_id: Mapped[int | None] = mapped_column(sa.ForeignKey("ab_role.id", ondelete="SET NULL"))
    as_membership_id: Mapped[int | None] = mapped_column(Key)
    as_label: Mapped[str] = mapped_column(sa.String(200), info={"personal": True})
    purpose: Mapped[str] = mapped_column(sa.String(500))
    granted_by: Mapped[str] = mapped_column(sa.String(200), info={"personal": True})
    created_at: Mapped[dt.datetime] = mapped_column(UTC, default=now)
    expires_at: Mapped[dt.datetime] = mapped_column(UTC)
    started_at: Mapped[dt.datetime | None] = mapped_column(UTC)
    ended_at: Mapped[dt.datetime | None] = mapped_column(UTC)
    revoked_at: Mapped[dt.datetime | None] = mapped_column(UTC)

    __table_args__ = (
        sa.ForeignKeyConstraint(
            ["workspace_id", "as_membership_id"],
            ["membership.workspace_id", "membership.id"],
            name="fk_access_grant_as_membership_id",
        ),
    )


class SignInLink(Base):
    """A one-time link into a user's account, short-lived; only its hash is kept."""

    __tablename__ = "sign_in_link"
    policy = Policy(
        Category.SECURITY_EVENT,
        Purpose.AUTHENTICATE,
        subject="user_id",
        kind=SubjectKind.USER,
        keep=days(30),
        erase=Erase.DELETE,
    )

    digest: Mapped[bytes] = mapped_column(sa.LargeBinary(32), primary_key=True)
    user_id: Mapped[int] = mapped_column(sa.ForeignKey("ab_user.id", ondelete="CASCADE"))
    expires_at: Mapped[dt.datetime] = mapped_column(UTC)
    used_at: Mapped[dt.datetime | None] = mapped_column(UTC)


class Throttle(Base):
    """Failed attempts by key (account or address), for lockout; counted in the database, so that all web workers
    share it.
    """

    __tablename__ = "throttle"
    policy = Policy(Category.SECURITY_EVENT, Purpose.DETECT_ABUSE, keep=days(2))

    key: Mapped[str] = mapped_column(sa.String(120), primary_key=True)
    failures: Mapped[int] = mapped_column(sa.Integer, default=0)
    window_ends: Mapped[dt.datetime] = mapped_column(UTC)
    locked_until: Mapped[dt.datetime | None] = mapped_column(UTC)

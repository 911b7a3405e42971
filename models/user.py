"""The one identity store: Flask-AppBuilder's user, role and permission tables, augmented in place.

Flask-Security-Too's columns and methods are added to Flask-AppBuilder's own `User`, as a subclass would split identity
in two objects for one row. Roles are per workspace (`workspace_id`, `key`); a role's rights are Flask-AppBuilder
permissions named "<action>.<reach>" on a view named after the entity, such as "read.team" on "deal".
"""

from __future__ import annotations

import datetime as dt
import secrets

import sqlalchemy as sa
from flask_appbuilder.security.sqla.models import (
    Permission,
    PermissionView,
    Role,
    User,
    ViewMenu,
    assoc_permissionview_role,
)
from flask_security import AsaList, RoleMixin, UserMixin, WebAuthnMixin
from sqlalchemy.ext.mutable import MutableList
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import Base
from models.fields import UTC, Key, now
from models.policy import Category, Erase, Policy, Purpose, SubjectKind

__all__ = ["Permission", "PermissionView", "Role", "User", "ViewMenu", "WebAuthn", "assoc_permissionview_role"]


def _augment_user() -> None:
    User.fs_uniquifier = mapped_column(
        sa.String(64), unique=True, nullable=False, default=lambda: secrets.token_hex(32)
    )
    User.fs_webauthn_user_handle = mapped_column(sa.String(64), unique=True, nullable=True)
    User.confirmed_at = mapped_column(UTC)
    User.tf_primary_method = mapped_column(sa.String(64))
    User.tf_totp_secret = mapped_column(sa.String(255))
    User.tf_last_counter = mapped_column(sa.Integer)
    User.mf_recovery_codes = mapped_column(MutableList.as_mutable(AsaList()), nullable=True)
    User.operator = mapped_column(sa.Boolean, default=False, nullable=False)
    User.theme = mapped_column(sa.String(10), default="", nullable=False)
    User.density = mapped_column(sa.String(10), default="", nullable=False)
    User.zone = mapped_column(sa.String(60), default="", nullable=False)
    User.language = mapped_column(sa.String(10), default="", server_default="", nullable=False)
    User.shortcuts = mapped_column(sa.Boolean, default=True, nullable=False)
    User.policy_version = mapped_column(sa.String(64))
    User.last_workspace_id = mapped_column(Key)
    User.webauthn = relationship("WebAuthn", back_populates="user", cascade="all, delete-orphan")
    for name, member in vars(UserMixin).items():
        if not name.startswith("_"):
            setattr(User, name, member)


def _augment_role() -> None:
    Role.workspace_id = mapped_column(Key, index=True)
    Role.key = mapped_column(sa.String(40))
    Role.label = mapped_column(sa.String(80))
    Role.builtin = mapped_column(sa.Boolean, default=False, nullable=False)
    Role.get_permissions = RoleMixin.get_permissions


class WebAuthn(WebAuthnMixin, Base):
    """A passkey or security key (W3C WebAuthn level 2); column names are Flask-Security's."""

    __tablename__ = "web_authn"
    policy = Policy(
        Category.SECURITY_EVENT, Purpose.AUTHENTICATE, subject="user_id", kind=SubjectKind.USER, erase=Erase.DELETE
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    credential_id: Mapped[bytes] = mapped_column(sa.LargeBinary(1024), index=True, unique=True)
    public_key: Mapped[bytes] = mapped_column(sa.LargeBinary)
    sign_count: Mapped[int] = mapped_column(default=0)
    transports: Mapped[list[str] | None] = mapped_column(MutableList.as_mutable(AsaList()))
    backup_state: Mapped[bool]
    device_type: Mapped[str] = mapped_column(sa.String(64))
    extensions: Mapped[str | None] = mapped_column(sa.String(255))
    create_datetime: Mapped[dt.datetime] = mapped_column(UTC, default=now)
    lastuse_datetime: Mapped[dt.datetime] = mapped_column(UTC, default=now)
    name: Mapped[str] = mapped_column(sa.String(64))
    usage: Mapped[str] = mapped_column(sa.String(64))
    user_id: Mapped[int] = mapped_column(sa.ForeignKey("ab_user.id", ondelete="CASCADE"))
    user: Mapped[User] = relationship("User", back_populates="webauthn")

    def get_user_mapping(self) -> dict[str, str]:
        """How Flask-Security finds the user of a credential."""
        return {"id": str(self.user_id)}


_augment_user()
_augment_role()

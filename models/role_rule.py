"""The rules of roles: for a right that goes as far as a condition says, the condition."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, WorkspaceScoped
from models.policy import Category, Policy, Purpose

MOST_TEXT = 4000


class RoleRule(WorkspaceScoped, Base):
    """The condition of a role's right to do `action` on the records of `entity`, as `app.services.rules` stores it. The
    right itself is the permission "<action>.rule"; without this row it reaches nothing.
    """

    __tablename__ = "role_rule"
    policy = Policy(Category.TEAM, Purpose.AUTHENTICATE)

    role_id: Mapped[int] = mapped_column(sa.ForeignKey("ab_role.id", ondelete="CASCADE"))
    entity: Mapped[str] = mapped_column(sa.String(60))
    action: Mapped[str] = mapped_column(sa.String(20))
    text: Mapped[str] = mapped_column(sa.Text)

    __table_args__ = (sa.UniqueConstraint("workspace_id", "role_id", "entity", "action", name="uq_role_rule_right"),)

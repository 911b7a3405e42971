"""Views of lists that people keep: a name for a search, filters, order and columns; who has them sent by e-mail, and
for whom one opens first.
"""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, WorkspaceScoped
from models.fields import UTC, Key, now
from models.policy import Category, Erase, Policy, SubjectKind
from models.words import N_

AUDIENCES = (("private", N_("Only me")), ("team", N_("My team")), ("workspace", N_("Everybody")))
RHYTHMS = (("daily", N_("Every working day")), ("weekly", N_("Every Monday")))
MOST_QUERY = 4000


class SavedView(WorkspaceScoped, Base):
    """A view of an entity's list. `query` is the list's address without its path; whoever opens it sees what they may.
    `membership_id` is whose it is, `team_id` their team when it was shared with it.
    """

    __tablename__ = "saved_view"
    policy = Policy(Category.USER_PROFILE)

    entity: Mapped[str] = mapped_column(sa.String(60))
    name: Mapped[str] = mapped_column(sa.String(80))
    query: Mapped[str] = mapped_column(sa.Text)
    audience: Mapped[str] = mapped_column(sa.String(10), default="private")
    membership_id: Mapped[int] = mapped_column(Key)
    team_id: Mapped[int | None] = mapped_column(Key)
    created_at: Mapped[dt.datetime] = mapped_column(UTC, default=now)

    __table_args__ = (
        sa.ForeignKeyConstraint(
            ["workspace_id", "membership_id"], ["membership.workspace_id", "membership.id"], name="fk_saved_view_member"
        ),
        sa.Index("ix_saved_view_entity", "workspace_id", "entity", "name"),
    )


class ViewSubscription(WorkspaceScoped, Base):
    """A person who gets a view by e-mail. `sent_on` is the day it was last sent, in the person's zone."""

    __tablename__ = "view_subscription"
    policy = Policy(Category.USER_PROFILE, subject="membership_id", kind=SubjectKind.USER, erase=Erase.DELETE)

    view_id: Mapped[int] = mapped_column(Key)
    membership_id: Mapped[int] = mapped_column(Key)
    rhythm: Mapped[str] = mapped_column(sa.String(10))
    sent_on: Mapped[dt.date | None] = mapped_column(sa.Date)

    __table_args__ = (
        sa.ForeignKeyConstraint(
            ["workspace_id", "view_id"], ["saved_view.workspace_id", "saved_view.id"], name="fk_view_subscription_view",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "membership_id"], ["membership.workspace_id", "membership.id"],
            name="fk_view_subscription_member",
        ),
        sa.UniqueConstraint("workspace_id", "view_id", "membership_id", name="uq_view_subscription_member"),
    )  # fmt: skip


# "member" or "role", and its id.
Whose = tuple[str, int | None]


class FirstView(WorkspaceScoped, Base):
    """What opens from the menu for an entity: for one person (`membership_id`), or for a role (`role_id`). Without a
    `view_id` it is the plain list. A view that is deleted takes these rows along.
    """

    __tablename__ = "first_view"
    policy = Policy(Category.USER_PROFILE, subject="membership_id", kind=SubjectKind.USER, erase=Erase.DELETE)

    entity: Mapped[str] = mapped_column(sa.String(60))
    membership_id: Mapped[int | None] = mapped_column(Key)
    role_id: Mapped[int | None] = mapped_column(sa.ForeignKey("ab_role.id", ondelete="CASCADE"))
    view_id: Mapped[int | None] = mapped_column(Key)

    __table_args__ = (
        sa.ForeignKeyConstraint(
            ["workspace_id", "membership_id"], ["membership.workspace_id", "membership.id"], name="fk_first_view_member"
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "view_id"], ["saved_view.workspace_id", "saved_view.id"], name="fk_first_view_view",
            ondelete="CASCADE",
        ),
        sa.UniqueConstraint("workspace_id", "entity", "membership_id", name="uq_first_view_member"),
        sa.UniqueConstraint("workspace_id", "entity", "role_id", name="uq_first_view_role"),
        sa.Index("ix_first_view_view", "workspace_id", "view_id"),
    )  # fmt: skip

    @property
    def whose(self) -> Whose:
        return ("member", self.membership_id) if self.membership_id else ("role", self.role_id)

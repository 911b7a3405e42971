"""Dashboards: named sets of tiles, and how they are arranged for everybody, for a role and for one person.

Does not belong here: what a tile shows (`app.services.tiles`).
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, WorkspaceScoped
from models.fields import UTC, Json, Key, now
from models.policy import Category, Erase, Policy, SubjectKind

_HOME = sa.text("home")


class Dashboard(WorkspaceScoped, Base):
    """A dashboard of a person, `membership_id`, of their team or of everybody, as saved views are (`models.view`).

    The first page of the console is the one that is `home`; it belongs to nobody, and has a row once it was changed.
    One that was deleted stays for as long as its history, so that deleting can be taken back.
    """

    __tablename__ = "dashboard"
    policy = Policy(Category.USER_PROFILE)

    name: Mapped[str] = mapped_column(sa.String(80))
    audience: Mapped[str] = mapped_column(sa.String(10), default="private")
    membership_id: Mapped[int | None] = mapped_column(Key)
    team_id: Mapped[int | None] = mapped_column(Key)
    home: Mapped[bool] = mapped_column(sa.Boolean, default=False)
    created_at: Mapped[dt.datetime] = mapped_column(UTC, default=now)
    deleted_at: Mapped[dt.datetime | None] = mapped_column(UTC)

    __table_args__ = (
        sa.ForeignKeyConstraint(
            ["workspace_id", "membership_id"], ["membership.workspace_id", "membership.id"], name="fk_dashboard_member"
        ),
        sa.Index("uq_dashboard_home", "workspace_id", unique=True, sqlite_where=_HOME, postgresql_where=_HOME),
    )


class DashboardLayer(WorkspaceScoped, Base):
    """An arrangement of a dashboard: of everybody (neither role nor member), of a role, or of one member. Each stands
    on those before it and says only what is different.

    `facts`: "tiles" {id: tile}, "order" [[id, columns wide]], "hidden" [id].
    """

    __tablename__ = "dashboard_layer"
    policy = Policy(Category.USER_PROFILE, subject="membership_id", kind=SubjectKind.USER, erase=Erase.DELETE)

    dashboard_id: Mapped[int] = mapped_column(Key)
    role_id: Mapped[int] = mapped_column(sa.Integer, default=0)
    membership_id: Mapped[int | None] = mapped_column(Key)
    facts: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)

    __table_args__ = (
        sa.ForeignKeyConstraint(
            ["workspace_id", "dashboard_id"], ["dashboard.workspace_id", "dashboard.id"],
            name="fk_dashboard_layer_dashboard", ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "membership_id"], ["membership.workspace_id", "membership.id"],
            name="fk_dashboard_layer_member",
        ),
        sa.Index("ix_dashboard_layer_dashboard", "workspace_id", "dashboard_id"),
    )  # fmt: skip

"""Stars: the records a person keeps at hand."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, WorkspaceScoped
from models.fields import UTC, Key, now
from models.policy import Category, Erase, Policy, SubjectKind


class Star(WorkspaceScoped, Base):
    """A record that a person has starred. It says nothing about the record, and is no right to it."""

    __tablename__ = "star"
    policy = Policy(Category.USER_PROFILE, subject="membership_id", kind=SubjectKind.USER, erase=Erase.DELETE)

    membership_id: Mapped[int] = mapped_column(Key)
    entity: Mapped[str] = mapped_column(sa.String(60))
    record_id: Mapped[int] = mapped_column(Key)
    created_at: Mapped[dt.datetime] = mapped_column(UTC, default=now)

    __table_args__ = (
        sa.ForeignKeyConstraint(
            ["workspace_id", "membership_id"], ["membership.workspace_id", "membership.id"], name="fk_star_member"
        ),
        sa.UniqueConstraint("workspace_id", "membership_id", "entity", "record_id", name="uq_star_record"),
        sa.Index("ix_star_record", "entity", "record_id"),
    )

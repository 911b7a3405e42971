"""What came in from outside, remembered just long enough that the same event sent twice is one."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, WorkspaceScoped
from models.fields import UTC, Key, now
from models.policy import Category, Policy, Purpose, days


class ReceivedEvent(WorkspaceScoped, Base):
    """One event by its sender's key. `key` and `digest` (of the content) are SHA-256 in hex, so that no personal value
    is here."""

    __tablename__ = "received_event"
    policy = Policy(Category.LEAD, Purpose.ROUTE_LEADS, keep=days(90))

    source: Mapped[str] = mapped_column(sa.String(40))
    key: Mapped[str] = mapped_column(sa.String(64))
    digest: Mapped[str] = mapped_column(sa.String(64))
    activity_id: Mapped[int | None] = mapped_column(Key)
    at: Mapped[dt.datetime] = mapped_column(UTC, default=now)

    __table_args__ = (
        sa.UniqueConstraint("workspace_id", "source", "key", name="uq_received_event_key"),
        sa.Index("ix_received_event_at", "at"),
    )

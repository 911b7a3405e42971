"""What came in from outside, remembered just long enough that the same event sent twice is one."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, WorkspaceScoped
from models.encrypted import Encrypted
from models.fields import UTC, Key, now
from models.policy import Category, Erase, Policy, Purpose, SubjectKind, days


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


class Idempotency(WorkspaceScoped, Base):
    """The first answer to a request that a program may send again, by its `Idempotency-Key`.

    `key` and `digest` (of method, address and body) are SHA-256 in hex. `body` is the answer, sealed; `subject_id` the
    person it tells of.
    """

    __tablename__ = "idempotency"
    policy = Policy(
        Category.DEVICE_LOG,
        Purpose.RELIABILITY,
        subject="subject_id",
        kind=SubjectKind.CLIENT,
        keep=days(1),
        erase=Erase.DELETE,
    )

    key_id: Mapped[int] = mapped_column(Key)
    key: Mapped[str] = mapped_column(sa.String(64))
    digest: Mapped[str] = mapped_column(sa.String(64))
    subject_id: Mapped[int | None] = mapped_column(Key)
    status: Mapped[int] = mapped_column(sa.Integer)
    etag: Mapped[str | None] = mapped_column(sa.String(200))
    location: Mapped[str | None] = mapped_column(sa.String(200))
    body: Mapped[bytes | None] = mapped_column(Encrypted("idempotency.body", "bytes"), info={"personal": True})
    at: Mapped[dt.datetime] = mapped_column(UTC, default=now)

    __table_args__ = (
        sa.UniqueConstraint("workspace_id", "key_id", "key", name="uq_idempotency_key"),
        sa.Index("ix_idempotency_at", "at"),
    )

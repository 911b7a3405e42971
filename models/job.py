"""Promised work. The row is the job; RQ only rings a bell. See `jobs.runner` for how it is worked off."""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, declared_attr, mapped_column

from models.base import Base, WorkspaceScoped
from models.fields import UTC, Json, Key, now
from models.policy import Category, Policy, Purpose, days

STATES = ("waiting", "running", "done", "failed", "dead", "cancelled", "refused")


class Job(WorkspaceScoped, Base):
    """One promise. `dedupe` is unique: the same promise made twice is one. `token` fences a worker whose lease ran out.

    States: waiting -> running -> done | failed (no retry can mend it) | refused (its actor lost the right) |
    cancelled; running -> waiting (again later) -> dead after `max_attempts`. `cancel_asked` ends a running job at its
    next report of progress. `actor` holds what is needed to act as the one who asked (kind, membership, label); rights
    are read again when it runs.
    """

    __tablename__ = "job"
    policy = Policy(Category.DEVICE_LOG, Purpose.RELIABILITY, keep=days(90))

    @declared_attr
    def workspace_id(cls) -> Mapped[int | None]:  # type: ignore[override]
        return mapped_column(Key, sa.ForeignKey("workspace.id"), nullable=True)

    queue: Mapped[str] = mapped_column(sa.String(40), default="default")
    name: Mapped[str] = mapped_column(sa.String(80))
    purpose: Mapped[str] = mapped_column(sa.String(60))
    label: Mapped[str] = mapped_column(sa.String(200), default="")
    args: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    state: Mapped[str] = mapped_column(sa.String(20), default="waiting")
    run_at: Mapped[dt.datetime] = mapped_column(UTC, default=now)
    lease_until: Mapped[dt.datetime | None] = mapped_column(UTC)
    token: Mapped[str | None] = mapped_column(sa.String(40))
    attempts: Mapped[int] = mapped_column(sa.Integer, default=0)
    max_attempts: Mapped[int] = mapped_column(sa.Integer, default=8)
    dedupe: Mapped[str | None] = mapped_column(sa.String(200), unique=True)
    actor: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    membership_id: Mapped[int | None] = mapped_column(Key)
    progress: Mapped[int] = mapped_column(sa.Integer, default=0)
    total: Mapped[int | None] = mapped_column(sa.Integer)
    status: Mapped[str] = mapped_column(sa.String(300), default="")
    result: Mapped[dict[str, Any] | None] = mapped_column(Json)
    error: Mapped[str | None] = mapped_column(sa.Text)
    cancel_asked: Mapped[dt.datetime | None] = mapped_column(UTC)
    created_at: Mapped[dt.datetime] = mapped_column(UTC, default=now)
    started_at: Mapped[dt.datetime | None] = mapped_column(UTC)
    finished_at: Mapped[dt.datetime | None] = mapped_column(UTC)

    __table_args__ = (
        sa.Index(
            "ix_job_due",
            "queue",
            "run_at",
            "id",
            sqlite_where=sa.text("state = 'waiting'"),
            postgresql_where=sa.text("state = 'waiting'"),
        ),
        sa.Index(
            "ix_job_leased",
            "lease_until",
            sqlite_where=sa.text("state = 'running'"),
            postgresql_where=sa.text("state = 'running'"),
        ),
        sa.Index("ix_job_workspace", "workspace_id", sa.text("id DESC")),
        sa.Index("ix_job_asked_by", "workspace_id", "membership_id", sa.text("id DESC")),
    )


class ScheduledRun(Base):
    """One occurrence of a schedule, unique by (name, due_at), so that two tickers start it once."""

    __tablename__ = "scheduled_run"
    policy = Policy(Category.DEVICE_LOG, Purpose.RELIABILITY, keep=days(90))

    name: Mapped[str] = mapped_column(sa.String(80), primary_key=True)
    due_at: Mapped[dt.datetime] = mapped_column(UTC, primary_key=True)
    created_at: Mapped[dt.datetime] = mapped_column(UTC, default=now)

"""The ledger of AI: what was handed to which provider, for whom and why, written before each call (P20, P22)."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, WorkspaceScoped
from models.fields import UTC, Json, Key, now
from models.policy import Category, Erase, Policy, Purpose, SubjectKind, years

OUTCOMES = ("asked", "answered", "failed", "refused")


class AiCall(WorkspaceScoped, Base):
    """One call. `fields` lists what was read ("contact.goes_by"); `payload_hash` and `reply_hash` are SHA-256 in hex
    of the exact bytes.

    `sealed` is the payload with addresses and numbers blacked out, under the contact's data key; it is shredded with
    the contact.
    """

    __tablename__ = "ai_call"
    policy = Policy(
        Category.ACTIVITY,
        Purpose.SEND_REQUESTED,
        subject="contact_id",
        kind=SubjectKind.CLIENT,
        keep=years(7),
        erase=Erase.SHRED,
        hold="AI ledger",
    )

    contact_id: Mapped[int | None] = mapped_column(Key)
    membership_id: Mapped[int | None] = mapped_column(Key)
    asked_by: Mapped[str] = mapped_column(sa.String(200))
    job_id: Mapped[int | None] = mapped_column(Key)
    message_id: Mapped[int | None] = mapped_column(Key)
    feature: Mapped[str] = mapped_column(sa.String(60))
    purpose: Mapped[str] = mapped_column(sa.String(60))
    provider: Mapped[str] = mapped_column(sa.String(80))
    model: Mapped[str] = mapped_column(sa.String(80))
    fields: Mapped[list[str]] = mapped_column(Json, default=list)
    payload_bytes: Mapped[int] = mapped_column(sa.Integer)
    payload_hash: Mapped[str] = mapped_column(sa.String(64))
    sealed: Mapped[bytes | None] = mapped_column(sa.LargeBinary)
    reply_hash: Mapped[str | None] = mapped_column(sa.String(64))
    outcome: Mapped[str] = mapped_column(sa.String(20), default="asked")
    at: Mapped[dt.datetime] = mapped_column(UTC, default=now)
    answered_at: Mapped[dt.datetime | None] = mapped_column(UTC)

    __table_args__ = (
        sa.ForeignKeyConstraint(
            ["workspace_id", "contact_id"], ["contact.workspace_id", "contact.id"], name="fk_ai_call_contact_id"
        ),
        sa.Index("ix_ai_call_workspace", "workspace_id", sa.text("id DESC")),
        sa.Index("ix_ai_call_contact", "workspace_id", "contact_id", sa.text("id DESC")),
    )

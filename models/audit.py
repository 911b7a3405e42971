"""The two stores of history. `Change` holds old and new values for diff, undo and restore, and is erasable with the
person.
`Audit` is immutable: who did what to what, when and why; personal values only under the subject's data key, so that
destroying the key makes them unreadable while the chain stays whole (P46, P57).

Triggers refuse UPDATE and DELETE on `audit` and `audit_seal` (migrations). The sealer gives each audit row its place
in the
chain of its workspace in `audit_seal`, and signs the head; so no business transaction waits for another.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, declared_attr, mapped_column

from models.base import Base, WorkspaceScoped
from models.fields import UTC, Json, Key, now
from models.policy import Category, Erase, Policy, Purpose, SubjectKind, years

_LOG = Policy(
    Category.SECURITY_EVENT,
    Purpose.INVESTIGATE,
    subject="subject_id",
    kind=SubjectKind.CLIENT,
    keep=years(7),
    hold="audit log",
    erase=Erase.SHRED,
)


_BATCHED = sa.text("batch IS NOT NULL")


class Change(WorkspaceScoped, Base):
    """One record, one operation: `old` and `new` map field names to plain values. `undoes` names the change this one
    takes back; changes of one `batch` are taken back together."""

    __tablename__ = "change"
    policy = Policy(Category.ACTIVITY, subject="subject_id", kind=SubjectKind.CLIENT, keep=years(7), erase=Erase.DELETE)

    at: Mapped[dt.datetime] = mapped_column(UTC, default=now)
    operation: Mapped[str] = mapped_column(sa.String(80))
    verb: Mapped[str] = mapped_column(sa.String(20))
    entity: Mapped[str] = mapped_column(sa.String(60))
    record_id: Mapped[int] = mapped_column(Key)
    version: Mapped[int | None] = mapped_column(sa.Integer)
    subject_id: Mapped[int | None] = mapped_column(Key)
    actor: Mapped[str] = mapped_column(sa.String(200))
    membership_id: Mapped[int | None] = mapped_column(Key)
    on_behalf_of: Mapped[str | None] = mapped_column(sa.String(200))
    old: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    new: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    reason: Mapped[str | None] = mapped_column(sa.String(500))
    request_id: Mapped[str | None] = mapped_column(sa.String(64))
    undoes: Mapped[int | None] = mapped_column(Key)
    batch: Mapped[str | None] = mapped_column(sa.String(32))

    __table_args__ = (
        sa.Index("ix_change_batch", "workspace_id", "batch", "id", sqlite_where=_BATCHED, postgresql_where=_BATCHED),
        sa.Index("ix_change_record", "workspace_id", "entity", "record_id", sa.text("id DESC")),
        sa.Index("ix_change_subject", "workspace_id", "subject_id", sa.text("id DESC")),
    )


class Audit(WorkspaceScoped, Base):
    """One event. `facts` is plain and holds no personal value; `sealed` is encrypted under the subject's key.
    `digest` is the
    SHA-256 of the row's content in canonical JSON. `workspace_id` is null for events outside any workspace, as a
    failed sign-in."""

    __tablename__ = "audit"
    policy = _LOG

    @declared_attr
    def workspace_id(cls) -> Mapped[int | None]:  # type: ignore[override]
        return mapped_column(Key, sa.ForeignKey("workspace.id"), nullable=True)

    at: Mapped[dt.datetime] = mapped_column(UTC, default=now)
    action: Mapped[str] = mapped_column(sa.String(80))
    entity: Mapped[str | None] = mapped_column(sa.String(60))
    record_id: Mapped[int | None] = mapped_column(Key)
    subject_id: Mapped[int | None] = mapped_column(Key)
    actor_kind: Mapped[str] = mapped_column(sa.String(20))
    actor_id: Mapped[int | None] = mapped_column(Key)
    actor: Mapped[str] = mapped_column(sa.String(200))
    on_behalf_of: Mapped[str | None] = mapped_column(sa.String(200))
    facts: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    sealed: Mapped[bytes | None] = mapped_column(sa.LargeBinary)
    ip: Mapped[str | None] = mapped_column(sa.String(45))
    user_agent: Mapped[str | None] = mapped_column(sa.String(300))
    request_id: Mapped[str | None] = mapped_column(sa.String(64))
    reason: Mapped[str | None] = mapped_column(sa.String(500))
    digest: Mapped[bytes] = mapped_column(sa.LargeBinary(32))

    __table_args__ = (
        sa.Index("ix_audit_workspace", "workspace_id", sa.text("at DESC"), sa.text("id DESC")),
        sa.Index("ix_audit_action", "workspace_id", "action", sa.text("id DESC")),
        sa.Index("ix_audit_actor", "workspace_id", "actor_id", sa.text("id DESC")),
        sa.Index("ix_audit_subject", "workspace_id", "subject_id", sa.text("id DESC")),
        sa.Index("ix_audit_record", "workspace_id", "entity", "record_id", sa.text("id DESC")),
    )


class AuditSeal(Base):
    """The place of an audit row in its workspace's chain: hash = SHA-256(previous hash, sequence, digest). Workspace
    0 is "none"."""

    __tablename__ = "audit_seal"
    policy = Policy(Category.SECURITY_EVENT, Purpose.INVESTIGATE, keep=years(7))

    chain: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=False)
    sequence: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=False)
    audit_id: Mapped[int] = mapped_column(Key, unique=True)
    hash: Mapped[bytes] = mapped_column(sa.LargeBinary(32))


class AuditHead(Base):
    """The signed end of a chain: Ed25519 over (chain, sequence, hash, count). A copy is kept outside the database."""

    __tablename__ = "audit_head"
    policy = Policy(Category.SECURITY_EVENT, Purpose.INVESTIGATE, keep=years(7))

    chain: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=False)
    sequence: Mapped[int] = mapped_column(Key)
    hash: Mapped[bytes] = mapped_column(sa.LargeBinary(32))
    signature: Mapped[bytes] = mapped_column(sa.LargeBinary)
    signed_at: Mapped[dt.datetime] = mapped_column(UTC, default=now)


class SubjectKey(WorkspaceScoped, Base):
    """The data key of one person, wrapped by the keyring. Deleting the row shreds what it sealed."""

    __tablename__ = "subject_key"
    policy = Policy(
        Category.SECURITY_EVENT,
        Purpose.COMPLY_WITH_LAW,
        subject="subject_id",
        kind=SubjectKind.CLIENT,
        erase=Erase.DELETE,
    )

    subject_id: Mapped[int] = mapped_column(Key)
    wrapped: Mapped[bytes] = mapped_column(sa.LargeBinary, info={"sealed": "data-key"})

    __table_args__ = (sa.UniqueConstraint("workspace_id", "subject_id"),)

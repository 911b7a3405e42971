"""Consent and notices: policy versions, the consent ledger (P1, P8, P37, P67)."""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, WorkspaceScoped
from models.fields import UTC, Json, Key, now
from models.policy import Category, Erase, Policy, Purpose, SubjectKind, years


class PolicyVersion(Base):
    """A published text of the privacy policy or of a notice; `digest` is the SHA-256 of the text in hex."""

    __tablename__ = "policy_version"
    policy = Policy(Category.ACCOUNT, Purpose.COMPLY_WITH_LAW)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    kind: Mapped[str] = mapped_column(sa.String(40))
    digest: Mapped[str] = mapped_column(sa.String(64), unique=True)
    text: Mapped[str] = mapped_column(sa.Text)
    published_at: Mapped[dt.datetime] = mapped_column(UTC, default=now)


class Consent(WorkspaceScoped, Base):
    """One act of consent or withdrawal; never changed, the newest of a (contact, topic) counts. `wording` is the text
    that was shown."""

    __tablename__ = "consent"
    policy = Policy(
        Category.CONTACT,
        Purpose.COMPLY_WITH_LAW,
        subject="contact_id",
        kind=SubjectKind.CLIENT,
        keep=years(7),
        hold="legal",
        erase=Erase.SHRED,
    )

    contact_id: Mapped[int | None] = mapped_column(Key)
    topic: Mapped[str] = mapped_column(sa.String(40))
    given: Mapped[bool] = mapped_column(sa.Boolean)
    basis: Mapped[str] = mapped_column(sa.String(40), default="consent")
    source: Mapped[str] = mapped_column(sa.String(80))
    wording: Mapped[str] = mapped_column(sa.Text, default="")
    policy_digest: Mapped[str | None] = mapped_column(sa.String(64))
    at: Mapped[dt.datetime] = mapped_column(UTC, default=now)
    ip: Mapped[str | None] = mapped_column(sa.String(45))

    __table_args__ = (
        sa.ForeignKeyConstraint(
            ["workspace_id", "contact_id"], ["contact.workspace_id", "contact.id"], name="fk_consent_contact_id"
        ),
        sa.Index("ix_consent_contact", "workspace_id", "contact_id", "topic", sa.text("id DESC")),
    )


class Attestation(WorkspaceScoped, Base):
    """Who vouched for the lawful basis of a batch of people, in which words (P8): an import, a list, an automation."""

    __tablename__ = "attestation"
    policy = Policy(Category.ACTIVITY, Purpose.COMPLY_WITH_LAW, keep=years(7))

    what: Mapped[str] = mapped_column(sa.String(60))
    what_id: Mapped[int | None] = mapped_column(Key)
    basis: Mapped[str] = mapped_column(sa.String(40))
    words: Mapped[str] = mapped_column(sa.Text)
    membership_id: Mapped[int | None] = mapped_column(Key)
    by: Mapped[str] = mapped_column(sa.String(200))
    at: Mapped[dt.datetime] = mapped_column(UTC, default=now)


class ImportBatch(WorkspaceScoped, Base):
    """One import of a file: where the file is, how columns map, and what came of each row."""

    __tablename__ = "import_batch"
    policy = Policy(Category.CONTACT, keep=years(1), erase=Erase.DELETE, subject=None)

    file_name: Mapped[str] = mapped_column(sa.String(200))
    storage_key: Mapped[str] = mapped_column(sa.String(120))
    kind: Mapped[str] = mapped_column(sa.String(20))
    state: Mapped[str] = mapped_column(sa.String(20), default="mapping")
    mapping: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    options: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    counts: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    rows_read: Mapped[int] = mapped_column(sa.Integer, default=0)
    problems_key: Mapped[str | None] = mapped_column(sa.String(120))
    job_id: Mapped[int | None] = mapped_column(Key)
    membership_id: Mapped[int | None] = mapped_column(Key)
    created_at: Mapped[dt.datetime] = mapped_column(UTC, default=now)
    finished_at: Mapped[dt.datetime | None] = mapped_column(UTC)

"""AI: the providers a workspace set up, its limits and choices, the ledger of calls, and drafts that wait for a person.

The ledger says what was handed to which provider, for whom and why, and is written before each call (P20, P22).
"""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, WorkspaceScoped
from models.encrypted import Encrypted
from models.fields import UTC, Json, Key, now
from models.policy import Category, Erase, Policy, Purpose, SubjectKind, days, years
from models.words import N_

OUTCOMES = ("asked", "answered", "failed", "cancelled", "dropped", "unknown")
KINDS = (
    ("openai", N_("OpenAI, or a server that speaks like it")),
    ("anthropic", N_("Anthropic, or a server that speaks like it")),
)


class AiProvider(WorkspaceScoped, Base):
    """A provider that an admin set up. Prices are US cents per million tokens; 0 for a server of one's own.

    It is used only while `accepted_version` equals `terms_version`: other terms are to be accepted anew (P25). Its key
    is sealed and never shown again. `tested_*` say what came of the last test.
    """

    __tablename__ = "ai_provider"
    policy = Policy(Category.INTEGRATION, Purpose.SEND_REQUESTED)

    name: Mapped[str] = mapped_column(sa.String(80))
    kind: Mapped[str] = mapped_column(sa.String(20))
    base_url: Mapped[str] = mapped_column(sa.String(500))
    model: Mapped[str] = mapped_column(sa.String(80))
    key: Mapped[str | None] = mapped_column(Encrypted("ai_provider.key"), nullable=True)
    price_in: Mapped[int] = mapped_column(sa.Integer, default=0)
    price_out: Mapped[int] = mapped_column(sa.Integer, default=0)
    terms_url: Mapped[str] = mapped_column(sa.String(500), default="")
    terms_version: Mapped[str] = mapped_column(sa.String(80), default="")
    accepted_version: Mapped[str | None] = mapped_column(sa.String(80))
    accepted_by: Mapped[str | None] = mapped_column(sa.String(200))
    accepted_at: Mapped[dt.datetime | None] = mapped_column(UTC)
    tested_at: Mapped[dt.datetime | None] = mapped_column(UTC)
    tested_ok: Mapped[bool | None] = mapped_column(sa.Boolean)
    tested_note: Mapped[str | None] = mapped_column(sa.String(300))
    test_job_id: Mapped[int | None] = mapped_column(Key)
    version: Mapped[int] = mapped_column(sa.Integer, default=1)
    created_at: Mapped[dt.datetime] = mapped_column(UTC, default=now)

    __table_args__ = (sa.UniqueConstraint("workspace_id", "name", name="uq_ai_provider_name"),)

    @property
    def accepted(self) -> bool:
        """Whether the terms in force were accepted."""
        return bool(self.terms_version) and self.accepted_version == self.terms_version


class AiSetting(WorkspaceScoped, Base):
    """The limits of one workspace, and which provider each feature uses: feature -> id of a provider, 0 for the
    built-in writer, -1 for off. A feature that is not named uses the built-in writer.

    A budget is US cents in a calendar month (UTC); what calls in flight may cost at most counts as spent. The row is
    held while a call is allowed, so that two workers never spend the same cent.
    """

    __tablename__ = "ai_setting"
    policy = Policy(Category.INTEGRATION, Purpose.SEND_REQUESTED)

    budget_cents: Mapped[int] = mapped_column(sa.Integer, default=2000)
    calls_per_minute: Mapped[int] = mapped_column(sa.Integer, default=20)
    choices: Mapped[dict[str, int]] = mapped_column(Json, default=dict)
    version: Mapped[int] = mapped_column(sa.Integer, default=1)

    __table_args__ = (sa.UniqueConstraint("workspace_id", name="uq_ai_setting_workspace"),)


class AiCall(WorkspaceScoped, Base):
    """One attempt at a call. `fields` lists what was read ("contact.goes_by"); `payload_hash` and `reply_hash` are
    SHA-256 in hex of the exact bytes of the two bodies.

    asked -> answered | failed | cancelled (somebody stopped it) | dropped (it came too late) | unknown (the worker
    ended during the call). `sealed` is the payload with addresses and numbers blacked out, under the contact's data
    key; it is shredded with the contact. Costs are millionths of a US dollar: `reserved` is the most it may
    cost, which counts until `cost` is known.
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
    attempt: Mapped[int] = mapped_column(sa.Integer, default=1, server_default="1")
    message_id: Mapped[int | None] = mapped_column(Key)
    feature: Mapped[str] = mapped_column(sa.String(60))
    purpose: Mapped[str] = mapped_column(sa.String(60))
    provider: Mapped[str] = mapped_column(sa.String(80))
    provider_id: Mapped[int | None] = mapped_column(Key)
    model: Mapped[str] = mapped_column(sa.String(80))
    fields: Mapped[list[str]] = mapped_column(Json, default=list)
    payload_bytes: Mapped[int] = mapped_column(sa.Integer)
    payload_hash: Mapped[str] = mapped_column(sa.String(64))
    sealed: Mapped[bytes | None] = mapped_column(sa.LargeBinary)
    reply_bytes: Mapped[int | None] = mapped_column(sa.Integer)
    reply_hash: Mapped[str | None] = mapped_column(sa.String(64))
    tokens_in: Mapped[int | None] = mapped_column(sa.Integer)
    tokens_out: Mapped[int | None] = mapped_column(sa.Integer)
    reserved: Mapped[int] = mapped_column(sa.BigInteger, default=0, server_default="0")
    cost: Mapped[int | None] = mapped_column(sa.BigInteger)
    latency_ms: Mapped[int | None] = mapped_column(sa.Integer)
    status: Mapped[int | None] = mapped_column(sa.Integer)
    error: Mapped[str | None] = mapped_column(sa.String(300))
    outcome: Mapped[str] = mapped_column(sa.String(20), default="asked")
    at: Mapped[dt.datetime] = mapped_column(UTC, default=now)
    answered_at: Mapped[dt.datetime | None] = mapped_column(UTC)

    __table_args__ = (
        sa.ForeignKeyConstraint(
            ["workspace_id", "contact_id"], ["contact.workspace_id", "contact.id"], name="fk_ai_call_contact_id"
        ),
        sa.Index("ix_ai_call_workspace", "workspace_id", sa.text("id DESC")),
        sa.Index("ix_ai_call_contact", "workspace_id", "contact_id", sa.text("id DESC")),
        sa.Index("ix_ai_call_at", "workspace_id", "at"),
        sa.Index("ix_ai_call_job", "workspace_id", "job_id"),
    )


class AiDraft(WorkspaceScoped, Base):
    """A text that AI wrote and that is no e-mail: it waits for the one who asked, who uses or drops it.

    ready -> used | discarded. E-mails wait as drafts of `Message` instead.
    """

    __tablename__ = "ai_draft"
    policy = Policy(
        Category.ACTIVITY,
        Purpose.SEND_REQUESTED,
        subject="contact_id",
        kind=SubjectKind.CLIENT,
        keep=days(30),
        erase=Erase.DELETE,
    )

    feature: Mapped[str] = mapped_column(sa.String(60))
    contact_id: Mapped[int | None] = mapped_column(Key)
    template_id: Mapped[int | None] = mapped_column(Key)
    campaign_id: Mapped[int | None] = mapped_column(Key)
    membership_id: Mapped[int | None] = mapped_column(Key)
    job_id: Mapped[int] = mapped_column(Key)
    call_id: Mapped[int] = mapped_column(Key)
    drafted_by: Mapped[str] = mapped_column(sa.String(80))
    text: Mapped[str] = mapped_column(sa.Text, info={"personal": True})
    state: Mapped[str] = mapped_column(sa.String(20), default="ready")
    created_at: Mapped[dt.datetime] = mapped_column(UTC, default=now)

    __table_args__ = (
        sa.ForeignKeyConstraint(
            ["workspace_id", "contact_id"], ["contact.workspace_id", "contact.id"], name="fk_ai_draft_contact_id"
        ),
        sa.Index("ix_ai_draft_job", "workspace_id", "job_id"),
        sa.Index("ix_ai_draft_contact", "workspace_id", "contact_id"),
        sa.Index("ix_ai_draft_campaign", "workspace_id", "campaign_id"),
    )

"""Mail that comes in: the raw message as it was taken, and what was made of it.

The raw message is written before anything is read in it, so that nothing is lost by a mistake in reading. Does not
belong here: what a mail is (`app.services.inbound`).
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, declared_attr, mapped_column

from models import fields as f
from models.base import Base, Owned, WorkspaceScoped, alive
from models.encrypted import Encrypted
from models.fields import UTC, Key, now
from models.policy import Category, Erase, Policy, Purpose, SubjectKind, years
from models.words import N_

KINDS = (
    ("reply", N_("From a person")),
    ("auto_reply", N_("Automatic reply")),
    ("bounce", N_("Bounce: no such address")),
    ("soft_bounce", N_("Bounce: not this time")),
    ("delayed", N_("Delayed")),
    ("delivered", N_("Receipt")),
    ("complaint", N_("Complaint")),
    ("unsubscribe", N_("Unsubscription")),
    ("unclear", N_("Not clear")),
)
STATES = (("done", N_("Filed")), ("waiting", N_("Waiting")), ("discarded", N_("Discarded")))


class ReceivedMail(WorkspaceScoped, Base):
    """One message for one of our addresses, as it came. It has no workspace while nobody knows whose it is, such as
    a complaint to abuse@; then operators see it, and no workspace does.

    `digest` (SHA-256 over address and content, in hex) makes what is handed over twice one. `mail_id` is the
    `InboundMail` that was made of it; None while it waits to be read, or to be placed.
    """

    __tablename__ = "received_mail"
    policy = Policy(
        Category.ACTIVITY,
        Purpose.SEND_REQUESTED,
        subject="contact_id",
        kind=SubjectKind.RECIPIENT,
        keep=years(1),
        erase=Erase.DELETE,
    )

    @declared_attr
    def workspace_id(cls) -> Mapped[int | None]:  # type: ignore[override]
        return mapped_column(Key, sa.ForeignKey("workspace.id"), nullable=True)

    via: Mapped[str] = mapped_column(sa.String(20))
    sender: Mapped[str | None] = mapped_column(sa.String(320), info={"personal": True})
    recipient: Mapped[str] = mapped_column(sa.String(320), info={"personal": True})
    digest: Mapped[str] = mapped_column(sa.String(64), unique=True)
    size: Mapped[int] = mapped_column(sa.Integer)
    raw: Mapped[bytes | None] = mapped_column(Encrypted("received_mail.raw", "bytes"), info={"personal": True})
    received_at: Mapped[dt.datetime] = mapped_column(UTC, default=now)
    mail_id: Mapped[int | None] = mapped_column(Key)
    contact_id: Mapped[int | None] = mapped_column(Key)
    discarded_reason: Mapped[str | None] = mapped_column(sa.String(300))

    __table_args__ = (
        sa.Index("ix_received_mail_at", "received_at"),
        sa.Index("ix_received_mail_contact", "workspace_id", "contact_id"),
        sa.Index("ix_received_mail_mail", "workspace_id", "mail_id"),
    )


class InboundMail(Owned, Base):
    """What a received message is, and whom it is from. Its owner is who wrote what it answers; what nobody could place
    has none, and waits for somebody with the right to the whole workspace.

    `about` is the address that a bounce, complaint or unsubscription speaks of: that of the message we sent, never one
    that the mail names. `status_code` is an enhanced status (RFC 3463).
    """

    __tablename__ = "inbound_mail"
    policy = Policy(
        Category.ACTIVITY,
        Purpose.SEND_REQUESTED,
        subject="contact_id",
        kind=SubjectKind.RECIPIENT,
        keep=years(7),
        erase=Erase.DELETE,
    )
    title_field = "subject"

    subject: Mapped[str] = f.text(200, required=True, default="", label="Subject", personal=True, readonly=True)
    sender: Mapped[str | None] = f.text(320, label="From", personal=True, readonly=True)
    kind: Mapped[str] = f.choice(KINDS, default="unclear", label="Kind", readonly=True)
    state: Mapped[str] = f.choice(STATES, default="waiting", label="State", readonly=True)
    body: Mapped[str | None] = f.long_text(label="Text", personal=True, readonly=True)
    contact_id: Mapped[int | None] = f.ref("contact", label="Contact", readonly=True)
    message_id: Mapped[int | None] = f.ref("message", label="Answers", readonly=True)
    received_at: Mapped[dt.datetime] = f.moment(required=True, default=f.now, label="Received", readonly=True)
    about: Mapped[str | None] = f.email(label="About the address", personal=True, readonly=True)
    status_code: Mapped[str | None] = f.text(20, label="Status code", readonly=True)
    reason: Mapped[str | None] = f.text(500, label="Remark", personal=True, readonly=True)
    header_id: Mapped[str | None] = f.text(300, label="Message-ID", readonly=True)
    received_id: Mapped[int | None] = f.number(label="Received as", readonly=True, secret=True)

    @classmethod
    def indexes(cls) -> tuple[Any, ...]:
        waits = sa.text("state = 'waiting' AND deleted_at IS NULL")
        return (
            sa.Index("ix_inbound_mail_contact", "workspace_id", "contact_id", sa.text("id DESC"), **alive()),
            sa.Index("ix_inbound_mail_alive", "workspace_id", sa.text("id DESC"), **alive()),
            sa.Index("ix_inbound_mail_waiting", "workspace_id", "id", sqlite_where=waits, postgresql_where=waits),
            sa.Index("ix_inbound_mail_about", "workspace_id", "about", "kind", "received_at", **alive()),
            sa.Index("ix_inbound_mail_header", "workspace_id", "header_id", **alive()),
        )

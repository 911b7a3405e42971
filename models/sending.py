"""How a workspace sends: its own mail server, and the domains it may send for.

Does not belong here: the talk with servers (`app.adapters.mail`), the choice for one e-mail (`app.services.sending`).
"""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, WorkspaceScoped
from models.encrypted import Encrypted
from models.fields import UTC, Key, now
from models.policy import Category, Policy, Purpose
from models.words import N_

SECURITIES = (
    ("starttls", N_("STARTTLS, port 587")),
    ("tls", N_("TLS, port 465")),
    ("none", N_("None, own servers only")),
)


class MailServer(WorkspaceScoped, Base):
    """The mail server of a workspace (RFC 6409 submission); without a row, mail goes over the operator's. Its password
    is sealed and never shown again. `tested_*` say what came of the last test.
    """

    __tablename__ = "mail_server"
    policy = Policy(Category.INTEGRATION, Purpose.SEND_REQUESTED)

    host: Mapped[str] = mapped_column(sa.String(253))
    port: Mapped[int] = mapped_column(sa.Integer)
    security: Mapped[str] = mapped_column(sa.String(20))
    username: Mapped[str] = mapped_column(sa.String(320), default="")
    password: Mapped[str | None] = mapped_column(Encrypted("mail_server.password"), nullable=True)
    sender: Mapped[str] = mapped_column(sa.String(254))
    tested_at: Mapped[dt.datetime | None] = mapped_column(UTC)
    tested_ok: Mapped[bool | None] = mapped_column(sa.Boolean)
    tested_note: Mapped[str | None] = mapped_column(sa.String(300))
    test_job_id: Mapped[int | None] = mapped_column(Key)
    version: Mapped[int] = mapped_column(sa.Integer, default=1)
    created_at: Mapped[dt.datetime] = mapped_column(UTC, default=now)

    __table_args__ = (sa.UniqueConstraint("workspace_id", name="uq_mail_server_workspace"),)


class SendingDomain(WorkspaceScoped, Base):
    """A domain that a workspace sends for. It is proved by its own DKIM record (RFC 6376): who can publish our key
    there may send for it. `private_key` is PKCS 8 in PEM, sealed.

    waiting -> verified, and back when the record is gone; only verified ones sign. Since `warm_from` it sends a little
    more each day (`app.services.sending_limits`).
    """

    __tablename__ = "sending_domain"
    policy = Policy(Category.INTEGRATION, Purpose.SEND_REQUESTED)

    name: Mapped[str] = mapped_column(sa.String(253))
    selector: Mapped[str] = mapped_column(sa.String(63))
    private_key: Mapped[str] = mapped_column(Encrypted("sending_domain.private_key"))
    record: Mapped[str] = mapped_column(sa.String(500))
    verified_at: Mapped[dt.datetime | None] = mapped_column(UTC)
    checked_at: Mapped[dt.datetime | None] = mapped_column(UTC)
    problem: Mapped[str | None] = mapped_column(sa.String(300))
    check_job_id: Mapped[int | None] = mapped_column(Key)
    warm_from: Mapped[dt.datetime | None] = mapped_column(UTC)
    created_at: Mapped[dt.datetime] = mapped_column(UTC, default=now)

    __table_args__ = (sa.UniqueConstraint("workspace_id", "name", name="uq_sending_domain_name"),)

    @property
    def record_name(self) -> str:
        return f"{self.selector}._domainkey.{self.name}"


class SendingLimit(WorkspaceScoped, Base):
    """How many e-mails of a workspace may leave: in an hour and a day, in a day by one sender, and in a minute to one
    domain. None is no limit."""

    __tablename__ = "sending_limit"
    policy = Policy(Category.INTEGRATION, Purpose.SEND_REQUESTED)

    per_hour: Mapped[int | None] = mapped_column(sa.Integer)
    per_day: Mapped[int | None] = mapped_column(sa.Integer)
    sender_day: Mapped[int | None] = mapped_column(sa.Integer)
    domain_minute: Mapped[int | None] = mapped_column(sa.Integer)
    version: Mapped[int] = mapped_column(sa.Integer, default=1)

    __table_args__ = (sa.UniqueConstraint("workspace_id", name="uq_sending_limit_workspace"),)


class SendingBucket(WorkspaceScoped, Base):
    """What is left of one limit: `tokens` e-mails at `filled_at`; it fills again steadily. `key` says which limit, such
    as "day" or "to:example.com"."""

    __tablename__ = "sending_bucket"
    policy = Policy(Category.DEVICE_LOG, Purpose.SEND_REQUESTED)

    key: Mapped[str] = mapped_column(sa.String(300))
    tokens: Mapped[float] = mapped_column(sa.Float)
    filled_at: Mapped[dt.datetime] = mapped_column(UTC, default=now)

    __table_args__ = (sa.UniqueConstraint("workspace_id", "key", name="uq_sending_bucket_key"),)

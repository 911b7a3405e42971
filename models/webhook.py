"""Webhooks: where a workspace has the events of its records sent, and the log of what was sent.

The format is that of Standard Webhooks (https://www.standardwebhooks.com, 1.0.0). Does not belong here: which addresses
are called (`app.services.outbound_address`) and when (`app.services.hook_deliveries`).
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from models import fields as f
from models.base import Base, Record, WorkspaceScoped, alive
from models.encrypted import Encrypted
from models.fields import UTC, Choices, Field, Json, Key, Kind, now
from models.policy import Category, Erase, Policy, Purpose, SubjectKind, days

STATES = (("active", "Active"), ("paused", "Paused"))
# What history calls an edit, and what an event is called.
VERBS = {"create": "created", "update": "updated", "delete": "deleted", "restore": "restored"}
EVERY = "*"
TEST = "webhook.test"


def _secret(column: str, label: str) -> Any:
    one = Field(Kind.TEXT, label, readonly=True, secret=True)
    return mapped_column(Encrypted(f"webhook.{column}"), nullable=True, info={"field": one})


class Webhook(Record, Base):
    """An address that is told of events ("contact.created", or "*" for all), as far as the member it acts for reaches.

    While `old_secret_until` is ahead, both secrets sign. `failing_since`, `failures` and `rest_until` count attempts in
    a row without success, of whatever delivery; they are bookkeeping and leave no history.
    """

    __tablename__ = "webhook"
    policy = Policy(Category.INTEGRATION, Purpose.INTEGRATE)
    title_field = "name"

    name: Mapped[str] = f.text(120, required=True, label="Name")
    url: Mapped[str] = f.url(required=True, label="Address", hint="Begins with https://")
    events: Mapped[tuple[str, ...]] = f.several(required=True, label="Events")
    state: Mapped[str] = f.choice(STATES, default="active", label="State", readonly=True)
    membership_id: Mapped[int | None] = f.ref("membership", label="Acts for", readonly=True)
    paused_reason: Mapped[str | None] = f.text(300, label="Paused because", readonly=True)
    failing_since: Mapped[dt.datetime | None] = f.moment(label="Failing since", readonly=True)
    failures: Mapped[int] = f.number(required=True, default=0, label="Failures in a row", readonly=True)
    rest_until: Mapped[dt.datetime | None] = f.moment(label="Rests until", readonly=True)
    secret_shown_at: Mapped[dt.datetime | None] = f.moment(label="Secret shown", readonly=True)
    old_secret_until: Mapped[dt.datetime | None] = f.moment(label="Old secret signs until", readonly=True)
    secret: Mapped[str | None] = _secret("secret", "Signing secret")
    old_secret: Mapped[str | None] = _secret("old_secret", "Old signing secret")

    @classmethod
    def indexes(cls) -> tuple[Any, ...]:
        return (sa.Index("ix_webhook_alive", "workspace_id", sa.text("id DESC"), **alive()),)


class WebhookDelivery(WorkspaceScoped, Base):
    """One event on its way to one webhook. `event_id` stays the same through all attempts.

    waiting -> done | failed (all attempts used up, or the receiver is gone) | held (the webhook is paused) |
    dropped (it must not or cannot be sent); each of these -> waiting when a person sends it again. `body` holds no
    values: the record is added when it is sent, as it then stands.
    """

    __tablename__ = "webhook_delivery"
    policy = Policy(
        Category.INTEGRATION,
        Purpose.INTEGRATE,
        subject="subject_id",
        kind=SubjectKind.CLIENT,
        keep=days(30),
        erase=Erase.DELETE,
    )

    webhook_id: Mapped[int] = mapped_column(Key)
    event_id: Mapped[str] = mapped_column(sa.String(40), unique=True)
    event_type: Mapped[str] = mapped_column(sa.String(80))
    entity: Mapped[str | None] = mapped_column(sa.String(60))
    record_id: Mapped[int | None] = mapped_column(Key)
    subject_id: Mapped[int | None] = mapped_column(Key)
    body: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    state: Mapped[str] = mapped_column(sa.String(20), default="waiting")
    attempts: Mapped[int] = mapped_column(sa.Integer, default=0)
    status: Mapped[int | None] = mapped_column(sa.Integer)
    error: Mapped[str | None] = mapped_column(sa.String(300))
    # What a receiver answers may repeat what it was sent.
    excerpt: Mapped[str | None] = mapped_column(sa.String(500), info={"personal": True})
    next_at: Mapped[dt.datetime | None] = mapped_column(UTC)
    created_at: Mapped[dt.datetime] = mapped_column(UTC, default=now)
    attempted_at: Mapped[dt.datetime | None] = mapped_column(UTC)
    ended_at: Mapped[dt.datetime | None] = mapped_column(UTC)

    __table_args__ = (
        sa.ForeignKeyConstraint(
            ["workspace_id", "webhook_id"], ["webhook.workspace_id", "webhook.id"], name="fk_webhook_delivery_webhook"
        ),
        sa.Index("ix_webhook_delivery_log", "workspace_id", "webhook_id", sa.text("id DESC")),
        sa.Index("ix_webhook_delivery_subject", "workspace_id", "subject_id"),
    )


def offer_events() -> None:
    """Make the events of every entity there is the choices, so that a new one brings its own; called once, when all
    are mapped. A webhook's own are left out: its failures would be events that fail in turn.
    """
    column = Webhook.__table__.c.events
    names = sorted(m.local_table.name for m in Base.registry.mappers if issubclass(m.class_, Record))
    column.info["field"] = replace(column.info["field"], choices=_choices(n for n in names if n != "webhook"))


def _choices(entities: Any) -> Choices:
    every = ((f"{name}.{verb}", f"{_words(name)} {verb}") for name in entities for verb in VERBS.values())
    return (*every, (EVERY, "Every event"))


def _words(entity: str) -> str:
    return entity.replace("_", " ").capitalize()

"""What is written to people: templates, messages, and the list of who must not be written to."""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped

from models import fields as f
from models.base import Base, Owned, Record, alive, searched
from models.campaign import SUBJECTS
from models.policy import Category, Erase, Policy, Purpose, SubjectKind, years
from models.words import N_

KINDS = (("marketing", N_("Marketing")), ("transactional", N_("Transactional")))
STATES = (
    ("draft", N_("Draft")),
    ("queued", N_("Queued")),
    ("sending", N_("Sending")),
    ("sent", N_("Sent")),
    ("bounced", N_("Bounced")),
    ("unknown", N_("Unknown")),
    ("suppressed", N_("Not sent: suppressed")),
    ("failed", N_("Failed")),
    ("cancelled", N_("Cancelled")),
)
# What asks for an e-mail. Whoever writes one names one of these, so that every cause passes the same suppressions.
CAUSES = (
    ("user", N_("A person wrote it")),
    ("system", N_("The product")),
    ("form", N_("A public form")),
    ("view", N_("A view by e-mail")),
    ("campaign", N_("A campaign")),
    ("booking", N_("A booking")),
)
REASONS = (
    ("unsubscribe", N_("Unsubscribed")),
    ("complaint", N_("Complained")),
    ("hard_bounce", N_("Address does not exist")),
    ("bounce", N_("Address bounced")),
    ("manual", N_("Added by hand")),
    ("legal", N_("Legal request")),
    ("minor", N_("Under age")),
)
SCOPES = (("marketing", N_("Marketing")), ("all", N_("Everything but account mail")))


class Template(Record, Base):
    """A text to start an e-mail from; `{{ contact.goes_by }}` and its like are filled in."""

    __tablename__ = "template"
    policy = Policy(Category.CAMPAIGN, Purpose.SEND_REQUESTED)

    name: Mapped[str] = f.text(120, required=True, label="Name")
    subject: Mapped[str] = f.text(200, required=True, label="Subject")
    body: Mapped[str] = f.long_text(
        required=True,
        label="Text",
        hint="Fields such as {{ contact.goes_by }} and {{ sender.name }} fill themselves in.",
    )
    kind: Mapped[str] = f.choice(KINDS, default="marketing", label="Kind")

    @classmethod
    def indexes(cls) -> tuple[Any, ...]:
        return (sa.Index("uq_template_name", "workspace_id", "name", unique=True, **alive()),)


class Message(Owned, Base):
    """One e-mail to one person. Unique by what asked for it and the occasion, so that a retry is never a second send
    (P12). `sender_id` is the member in whose name it leaves: who had it sent, whoever owns it."""

    __tablename__ = "message"
    policy = Policy(
        Category.ACTIVITY,
        Purpose.SEND_REQUESTED,
        subject="contact_id",
        kind=SubjectKind.RECIPIENT,
        keep=years(7),
        erase=Erase.DELETE,
    )
    title_field = "subject"

    contact_id: Mapped[int | None] = f.ref("contact", label="Contact")
    recipient: Mapped[str] = f.email(required=True, label="To", personal=True)
    subject: Mapped[str] = f.text(200, required=True, label="Subject", personal=True)
    body: Mapped[str] = f.long_text(required=True, label="Text", personal=True)
    kind: Mapped[str] = f.choice(KINDS, default="transactional", label="Kind")
    state: Mapped[str] = f.choice(STATES, default="draft", label="State", readonly=True)
    drafted_by: Mapped[str | None] = f.text(80, label="Drafted by", readonly=True)
    cause: Mapped[str] = f.choice(CAUSES, default="user", label="Asked for by", readonly=True)
    cause_id: Mapped[str] = f.text(80, required=True, default="", label="Cause", readonly=True)
    occasion: Mapped[str] = f.text(80, required=True, default="", label="Occasion", readonly=True)
    sender_id: Mapped[int | None] = f.ref("membership", label="Sent by", readonly=True)
    message_id: Mapped[str | None] = f.text(200, label="Message-ID", readonly=True)
    sent_at: Mapped[dt.datetime | None] = f.moment(label="Sent", readonly=True)
    answer: Mapped[str | None] = f.text(500, label="Server's answer", readonly=True)
    status_code: Mapped[str | None] = f.text(20, label="Status code", readonly=True)
    campaign_id: Mapped[int | None] = f.ref("campaign", label="Campaign", readonly=True)
    variant: Mapped[str | None] = f.choice(SUBJECTS, required=False, label="Subject tried", readonly=True)
    due_at: Mapped[dt.datetime | None] = f.moment(label="Due", readonly=True)

    @classmethod
    def indexes(cls) -> tuple[Any, ...]:
        return (
            sa.UniqueConstraint("workspace_id", "cause", "cause_id", "occasion", "recipient", name="uq_message_cause"),
            sa.Index("ix_message_contact", "workspace_id", "contact_id", sa.text("id DESC"), **alive()),
            sa.Index("ix_message_alive", "workspace_id", sa.text("id DESC"), **alive()),
            sa.Index("ix_message_message_id", "message_id"),
            sa.Index("ix_message_campaign", "workspace_id", "campaign_id", "state", "id"),
            *searched("message", "subject", "recipient"),
        )


class Suppression(Record, Base):
    """An address that must not be written to, why, and for which kind of mail (P62). Checked at the wire on every
    path."""

    __tablename__ = "suppression"
    policy = Policy(
        Category.CONTACT,
        Purpose.SEND_REQUESTED,
        subject="address",
        kind=SubjectKind.RECIPIENT,
        hold="legal",
        erase=Erase.SHRED,
    )
    title_field = "address"

    address: Mapped[str] = f.email(required=True, label="E-mail", personal=True)
    reason: Mapped[str] = f.choice(REASONS, default="manual", label="Reason")
    scope: Mapped[str] = f.choice(SCOPES, default="marketing", label="Blocks")
    remark: Mapped[str | None] = f.text(300, label="Remark")

    @classmethod
    def indexes(cls) -> tuple[Any, ...]:
        return (sa.Index("uq_suppression", "workspace_id", "address", "scope", unique=True, **alive()),)

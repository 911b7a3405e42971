"""E-mails to many: what is written, to whom, when, and how its blocks are kept.

Who got which e-mail is a `models.message.Message` each, which names its campaign. Does not belong here: what blocks say
(`app.services.mail_blocks`).
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from models import fields as f
from models.base import Base, Owned, WorkspaceScoped, alive
from models.fields import UTC, Json, Key, now
from models.policy import Category, Policy, Purpose
from models.words import N_

STATES = (
    ("draft", N_("Draft")),
    ("review", N_("Waiting for approval")),
    ("scheduled", N_("Scheduled")),
    ("running", N_("Being sent")),
    ("paused", N_("Paused")),
    ("done", N_("Sent")),
    ("cancelled", N_("Cancelled")),
)
SENDERS = (("me", N_("The person who starts it")), ("office", N_("The brokerage")))
SUBJECTS = (("a", N_("The first")), ("b", N_("The second")))
DECIDERS = (("replies", N_("Who replies")), ("clicks", N_("Who clicks a link")))
# The occasion of the e-mails of a campaign; a test is an occasion of its own.
OCCASION = "send"


class Campaign(Owned, Base):
    """One e-mail to many. `audience` is the address of a list of contacts without its path, as a saved view keeps it;
    it is read once, at the start. With `test_share` percent of the people the two subjects are tried, and the rest get
    the one that did better, by replies or by clicks.
    """

    __tablename__ = "campaign"
    policy = Policy(Category.CAMPAIGN, Purpose.SEND_REQUESTED)
    title_field = "name"

    name: Mapped[str] = f.text(120, required=True, label="Name")
    subject: Mapped[str] = f.text(
        200, required=True, label="Subject", hint="Fields such as {{ contact.goes_by }} fill themselves in."
    )
    preheader: Mapped[str | None] = f.text(200, label="Preview text", hint="What inboxes show beside the subject")
    state: Mapped[str] = f.choice(STATES, default="draft", label="State", readonly=True)
    sender: Mapped[str] = f.choice(SENDERS, default="me", label="From")
    audience: Mapped[str | None] = f.text(4000, label="Audience", readonly=True)
    audience_name: Mapped[str | None] = f.text(120, label="Sent to", readonly=True)
    send_at: Mapped[dt.datetime | None] = f.moment(label="Send at", hint="Empty: at once when it is started")
    zoned: Mapped[bool] = f.boolean(label="At this time of day where each person is")
    per_hour: Mapped[int | None] = f.number(label="At most per hour", hint="Empty: as fast as your server takes it")
    other_subject: Mapped[str | None] = f.text(200, label="Second subject", hint="To try two of them")
    test_share: Mapped[int | None] = f.number(
        label="Try on (percent)", hint="Of the people; the rest get the one that did better"
    )
    test_hours: Mapped[int | None] = f.number(label="Decide after (hours)")
    decided_by: Mapped[str] = f.choice(DECIDERS, default="replies", label="Decided by")
    winner: Mapped[str | None] = f.choice(SUBJECTS, required=False, label="Better subject", readonly=True)
    started_at: Mapped[dt.datetime | None] = f.moment(label="Started", readonly=True)
    ended_at: Mapped[dt.datetime | None] = f.moment(label="Ended", readonly=True)
    starter_id: Mapped[int | None] = f.ref("membership", label="Started by", readonly=True)
    remark: Mapped[str | None] = f.text(300, label="Remark", readonly=True)

    @classmethod
    def indexes(cls) -> tuple[Any, ...]:
        return (sa.Index("ix_campaign_alive", "workspace_id", sa.text("id DESC"), **alive()),)


class MailDesign(WorkspaceScoped, Base):
    """The blocks of one campaign or one template. `frozen` is how a campaign was drawn when it was started: subjects,
    HTML and text with their merge fields; nothing changes it afterwards. `left_out` counts who got none, by reason;
    `wave` is how often its sending was set going, so that jobs of an earlier time end by themselves.
    """

    __tablename__ = "mail_design"
    policy = Policy(Category.CAMPAIGN, Purpose.SEND_REQUESTED)

    campaign_id: Mapped[int | None] = mapped_column(Key)
    template_id: Mapped[int | None] = mapped_column(Key)
    blocks: Mapped[list[dict[str, Any]]] = mapped_column(Json, default=list)
    version: Mapped[int] = mapped_column(default=1)
    frozen: Mapped[dict[str, Any] | None] = mapped_column(Json)
    left_out: Mapped[dict[str, int] | None] = mapped_column(Json)
    wave: Mapped[int] = mapped_column(default=0)
    updated_at: Mapped[dt.datetime] = mapped_column(UTC, default=now, onupdate=now)

    __table_args__ = (
        sa.ForeignKeyConstraint(
            ["workspace_id", "campaign_id"], ["campaign.workspace_id", "campaign.id"], name="fk_mail_design_campaign",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "template_id"], ["template.workspace_id", "template.id"], name="fk_mail_design_template",
            ondelete="CASCADE",
        ),
        sa.UniqueConstraint("workspace_id", "campaign_id", name="uq_mail_design_campaign"),
        sa.UniqueConstraint("workspace_id", "template_id", name="uq_mail_design_template"),
    )  # fmt: skip

"""What the product notes of people's reading: the closed catalogue of its events, whether a brokerage has it on and
where it asks first, and the events that were seen.

Does not belong here: what counts as a person (`app.services.tracked_events`).
"""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, WorkspaceScoped
from models.fields import UTC, Json, Key, now
from models.policy import Category, Erase, Policy, Purpose, SubjectKind, years
from models.words import N_

# Everything that is ever noted (P36), and nothing else.
EVENTS = (
    ("send", N_("E-mails sent")),
    ("open", N_("E-mails opened")),
    ("click", N_("Links clicked")),
    ("reply", N_("Replies")),
    ("alert", N_("Listing alerts delivered")),
    ("video_page", N_("Visits of video pages")),
    ("playback", N_("Playback of videos")),
    ("booking", N_("Bookings")),
    ("return_visit", N_("Return visits to your website")),
)
# Countries (ISO 3166) where reading along needs consent first: the EEA, the United Kingdom and Switzerland (Directive
# 2002/58/EC, article 5(3); PECR 2003, regulation 6; the Swiss Telecommunications Act, article 45c).
ASKING = (
    "AT", "BE", "BG", "CH", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GB", "GR", "HR", "HU", "IE", "IS", "IT",
    "LI", "LT", "LU", "LV", "MT", "NL", "NO", "PL", "PT", "RO", "SE", "SI", "SK",
)  # fmt: skip
MOST_LINK = 600


class TrackingSetting(WorkspaceScoped, Base):
    """What a brokerage has noted; without a row, nothing. `everywhere` asks everybody for consent first, else those in
    `countries` (ISO 3166) and those whose country nobody knows.
    """

    __tablename__ = "tracking_setting"
    policy = Policy(Category.INTEGRATION, Purpose.SEND_REQUESTED)

    opens: Mapped[bool] = mapped_column(sa.Boolean, default=False)
    clicks: Mapped[bool] = mapped_column(sa.Boolean, default=False)
    visits: Mapped[bool] = mapped_column(sa.Boolean, default=False)
    everywhere: Mapped[bool] = mapped_column(sa.Boolean, default=True)
    countries: Mapped[list[str]] = mapped_column(Json, default=list)
    version: Mapped[int] = mapped_column(sa.Integer, default=1)

    __table_args__ = (sa.UniqueConstraint("workspace_id", name="uq_tracking_setting_workspace"),)


class TrackedEvent(WorkspaceScoped, Base):
    """Something that was seen, of the kinds "open", "click" and "return_visit". `human` says whether it was a person,
    and `why` by which rule it was not. Neither address nor program of the reader is kept.
    """

    __tablename__ = "tracked_event"
    policy = Policy(
        Category.CONTACT, Purpose.SEND_REQUESTED, subject="contact_id", kind=SubjectKind.CLIENT, keep=years(1),
        erase=Erase.DELETE,
    )  # fmt: skip

    kind: Mapped[str] = mapped_column(sa.String(20))
    at: Mapped[dt.datetime] = mapped_column(UTC, default=now)
    contact_id: Mapped[int] = mapped_column(Key)
    message_id: Mapped[int | None] = mapped_column(Key)
    campaign_id: Mapped[int | None] = mapped_column(Key)
    link: Mapped[str | None] = mapped_column(sa.String(MOST_LINK))
    human: Mapped[bool] = mapped_column(sa.Boolean)
    why: Mapped[str | None] = mapped_column(sa.String(20))

    __table_args__ = (
        sa.ForeignKeyConstraint(
            ["workspace_id", "contact_id"], ["contact.workspace_id", "contact.id"], name="fk_tracked_event_contact",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "message_id"], ["message.workspace_id", "message.id"], name="fk_tracked_event_message",
            ondelete="CASCADE",
        ),
        sa.Index("ix_tracked_event_message", "workspace_id", "message_id", "kind", "at"),
        sa.Index("ix_tracked_event_campaign", "workspace_id", "campaign_id", "kind"),
        sa.Index("ix_tracked_event_contact", "workspace_id", "contact_id", sa.text("id DESC")),
    )  # fmt: skip

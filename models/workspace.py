"""The brokerage and its people: workspace, teams (offices), roles, memberships.

`Workspace` is the tenant itself and so is not walled by a column; it is only reached through a membership.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models import fields as f
from models import words
from models.base import Base, Record, alive
from models.fields import UTC, Field, Key, Kind, now
from models.policy import Category, Erase, Policy, Purpose, SubjectKind
from models.user import Role, User

STATUSES = (("active", "Active"), ("suspended", "Suspended"))
CURRENCIES = (
    ("USD", "US dollar"),
    ("CAD", "Canadian dollar"),
    ("EUR", "Euro"),
    ("GBP", "Pound sterling"),
    ("AUD", "Australian dollar"),
)


class Workspace(Base):
    """One brokerage. `keys_version` rises with each change of roles or members, so that cached rights are dropped;
    `schema_mark` is drawn anew with each change of its own fields."""

    __tablename__ = "workspace"
    policy = Policy(Category.TEAM, Purpose.PROVISION)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    slug: Mapped[str] = mapped_column(sa.String(60), unique=True)
    name: Mapped[str] = f.text(200, required=True, label="Name")
    status: Mapped[str] = f.choice(STATUSES, default="active", label="Status", readonly=True)
    color: Mapped[str] = mapped_column(
        sa.String(7),
        default="#10414d",
        info={"field": Field(Kind.TEXT, "Colour", hint="Tells your workspaces apart, and marks public pages")},
    )
    region: Mapped[str] = mapped_column(
        sa.String(2), default="US", info={"field": Field(Kind.TEXT, "Country", hint="Two letters, such as US or CA")}
    )
    zone: Mapped[str] = mapped_column(
        sa.String(60),
        default="America/New_York",
        info={"field": Field(Kind.TEXT, "Time zone", hint="Such as America/New_York")},
    )
    currency: Mapped[str] = f.choice(CURRENCIES, default="USD", label="Currency")
    language: Mapped[str] = mapped_column(
        sa.String(10),
        default=words.ENGLISH,
        server_default=words.ENGLISH,
        info={
            "field": Field(
                Kind.CHOICE,
                "Language",
                hint="Of pages and e-mails, where a person has not chosen their own",
                choices=words.LANGUAGES,
            )
        },
    )
    phone: Mapped[str | None] = f.phone(label="Phone")
    email: Mapped[str | None] = f.email(label="Public e-mail")
    website: Mapped[str | None] = f.url(label="Website")
    address: Mapped[str | None] = f.text(300, label="Postal address", hint="Stands under every e-mail and public page")
    license: Mapped[str | None] = f.text(100, label="License")
    privacy_email: Mapped[str | None] = f.email(label="Privacy contact")
    require_mfa: Mapped[bool] = f.boolean(label="Everyone needs a second factor")
    ai_enabled: Mapped[bool] = f.boolean(
        label="AI drafting is on", hint="Offers to draft follow-up e-mails. A person approves each before it goes out."
    )
    # How many mails wait to be filed: read with every page, so kept here (`app.services.inbound.counts`).
    mail_waiting: Mapped[int] = mapped_column(sa.Integer, default=0, server_default="0")
    keys_version: Mapped[int] = mapped_column(sa.Integer, default=1)
    schema_mark: Mapped[int] = mapped_column(sa.BigInteger, default=0, server_default="0")
    version: Mapped[int] = mapped_column(sa.Integer, default=1)
    created_at: Mapped[dt.datetime] = mapped_column(UTC, default=now)


class Team(Record, Base):
    """An office or group inside the brokerage."""

    __tablename__ = "team"
    policy = Policy(Category.TEAM, Purpose.PROVISION)

    name: Mapped[str] = f.text(120, required=True, label="Name")
    phone: Mapped[str | None] = f.phone(label="Phone")
    address: Mapped[str | None] = f.text(300, label="Address")

    @classmethod
    def indexes(cls) -> tuple[Any, ...]:
        return (sa.Index("uq_team_name", "workspace_id", "name", unique=True, **alive()),)


class Membership(Record, Base):
    """A user in a workspace, with a role and maybe a team. Leaving ends it (`active` false); the row stays, so that
    history keeps a name."""

    __tablename__ = "membership"
    policy = Policy(
        Category.TEAM, Purpose.AUTHENTICATE, subject="user_id", kind=SubjectKind.USER, erase=Erase.ANONYMISE
    )
    title_field = "name"
    permanent = True

    user_id: Mapped[int] = mapped_column(
        sa.ForeignKey("ab_user.id"), index=True, info={"field": Field(Kind.NUMBER, "User", readonly=True)}
    )
    role_id: Mapped[int] = mapped_column(
        sa.ForeignKey("ab_role.id"), info={"field": Field(Kind.NUMBER, "Role", readonly=True)}
    )
    name: Mapped[str] = f.text(200, required=True, label="Name", personal=True)
    email: Mapped[str] = f.email(required=True, label="E-mail", personal=True, readonly=True)
    phone: Mapped[str | None] = f.phone(label="Phone", personal=True)
    job_title: Mapped[str | None] = f.text(120, label="Job title")
    license: Mapped[str | None] = f.text(60, label="License number")
    team_id: Mapped[int | None] = f.ref("team", label="Team")
    active: Mapped[bool] = f.boolean(default=True, label="Active", readonly=True)

    user: Mapped[User] = relationship(User)
    role: Mapped[Role] = relationship(Role)

    @classmethod
    def indexes(cls) -> tuple[Any, ...]:
        return (sa.UniqueConstraint("workspace_id", "user_id"),)

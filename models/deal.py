"""Transactions on their way: pipelines, their stages, and deals."""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped

from models import fields as f
from models.base import Base, Owned, Record, alive, searched
from models.policy import Category, Erase, Policy, SubjectKind, years
from models.words import N_

SIDES = (("buy", N_("Buying")), ("sell", N_("Selling")), ("rent", N_("Renting")), ("let", N_("Letting")))
OUTCOMES = (("open", N_("Open", "state")), ("won", N_("Closed")), ("lost", N_("Lost")))


class Pipeline(Record, Base):
    """A way that deals go, as a list of stages."""

    __tablename__ = "pipeline"
    policy = Policy(Category.PIPELINE)

    name: Mapped[str] = f.text(120, required=True, label="Name")

    @classmethod
    def indexes(cls) -> tuple[Any, ...]:
        return (sa.Index("uq_pipeline_name", "workspace_id", "name", unique=True, **alive()),)


class Stage(Record, Base):
    """A step of a pipeline. A deal that enters a stage takes over its `outcome`."""

    __tablename__ = "stage"
    policy = Policy(Category.PIPELINE)

    name: Mapped[str] = f.text(120, required=True, label="Name")
    pipeline_id: Mapped[int] = f.ref("pipeline", required=True, label="Pipeline")
    position: Mapped[int] = f.number(required=True, default=1, label="Position")
    probability: Mapped[int] = f.number(required=True, default=0, label="Probability", hint="Percent")
    outcome: Mapped[str] = f.choice(OUTCOMES, default="open", label="Outcome")

    @classmethod
    def in_order(cls, of: Any = None) -> tuple[Any, ...]:
        """As the pipeline goes; `of` are the columns of the table, to be spoken of instead of the model."""
        c = cls if of is None else of
        return (c.pipeline_id, c.position, c.id)

    @classmethod
    def indexes(cls) -> tuple[Any, ...]:
        return (sa.Index("ix_stage_pipeline", "workspace_id", "pipeline_id", "position", **alive()),)


class Deal(Owned, Base):
    """A sale, purchase or lease in progress. `price` is in cents of the workspace's currency."""

    __tablename__ = "deal"
    policy = Policy(
        Category.DEAL,
        subject="contact_id",
        kind=SubjectKind.CLIENT,
        keep=years(7),
        hold="transaction",
        erase=Erase.ANONYMISE,
    )
    title_field = "title"

    title: Mapped[str] = f.text(200, required=True, label="Title", personal=True)
    contact_id: Mapped[int] = f.ref("contact", required=True, label="Contact")
    side: Mapped[str] = f.choice(SIDES, default="buy", label="Side")
    stage_id: Mapped[int] = f.ref("stage", required=True, label="Stage")
    price: Mapped[int | None] = f.money(label="Price")
    property_address: Mapped[str | None] = f.text(300, label="Property", personal=True)
    expected_close: Mapped[dt.date | None] = f.date(label="Expected closing")
    closed_on: Mapped[dt.date | None] = f.date(label="Closed on")
    last_activity: Mapped[dt.datetime] = f.moment(required=True, default=f.now, label="Last activity", readonly=True)

    @classmethod
    def indexes(cls) -> tuple[Any, ...]:
        return (
            sa.Index("ix_deal_alive", "workspace_id", sa.text("id DESC"), **alive()),
            sa.Index("ix_deal_contact", "workspace_id", "contact_id", sa.text("id DESC"), **alive()),
            sa.Index(
                "ix_deal_stage",
                "workspace_id",
                "stage_id",
                sa.text("last_activity DESC"),
                sa.text("id DESC"),
                **alive(),
            ),
            sa.Index(
                "ix_deal_last_activity", "workspace_id", sa.text("last_activity DESC"), sa.text("id DESC"), **alive()
            ),
            *searched("deal", "title", "property_address"),
        )

"""Daily work around people: notes, activities, tasks."""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped

from models import fields as f
from models.base import Base, Owned, alive, searched
from models.policy import Category, Erase, Policy, SubjectKind, years
from models.words import N_

ACTIVITY_KINDS = (
    ("call", N_("Call")),
    ("email", N_("E-mail")),
    ("meeting", N_("Meeting")),
    ("viewing", N_("Viewing")),
    ("open_house", N_("Open house")),
    ("inquiry", N_("Inquiry")),
    ("text", N_("Text message")),
    ("other", N_("Other")),
)
TASK_STATES = (("open", N_("Open", "state")), ("done", N_("Done")))
PRIORITIES = (("low", N_("Low")), ("normal", N_("Normal")), ("high", N_("High")))


def _by_contact(table: str) -> tuple[Any, ...]:
    return (
        sa.Index(f"ix_{table}_contact", "workspace_id", "contact_id", sa.text("id DESC"), **alive()),
        sa.Index(f"ix_{table}_alive", "workspace_id", sa.text("id DESC"), **alive()),
    )


def _about_contact(category: Category) -> Policy:
    return Policy(category, subject="contact_id", kind=SubjectKind.CLIENT, keep=years(7), erase=Erase.DELETE)


class Note(Owned, Base):
    """Free text about a contact or a deal."""

    __tablename__ = "note"
    policy = _about_contact(Category.NOTE)
    title_field = "body"

    body: Mapped[str] = f.long_text(required=True, label="Note", personal=True)
    contact_id: Mapped[int | None] = f.ref("contact", label="Contact")
    deal_id: Mapped[int | None] = f.ref("deal", label="Deal")
    pinned: Mapped[bool] = f.boolean(label="Pinned")

    @classmethod
    def indexes(cls) -> tuple[Any, ...]:
        return (*_by_contact("note"), *searched("note", "body"))


class Activity(Owned, Base):
    """Something that happened with a contact: a call, a viewing, an inquiry."""

    __tablename__ = "activity"
    policy = _about_contact(Category.ACTIVITY)
    title_field = "title"

    kind: Mapped[str] = f.choice(ACTIVITY_KINDS, default="call", label="Kind")
    title: Mapped[str] = f.text(200, required=True, label="Title", personal=True)
    happened_at: Mapped[dt.datetime] = f.moment(required=True, default=f.now, label="When")
    minutes: Mapped[int | None] = f.number(label="Minutes")
    details: Mapped[str | None] = f.long_text(label="Details", personal=True)
    contact_id: Mapped[int | None] = f.ref("contact", label="Contact")
    deal_id: Mapped[int | None] = f.ref("deal", label="Deal")
    payload: Mapped[dict[str, Any] | None] = f.json(label="As received", readonly=True, personal=True)

    @classmethod
    def indexes(cls) -> tuple[Any, ...]:
        return (*_by_contact("activity"), *searched("activity", "title"))


class Task(Owned, Base):
    """Something to do, by somebody, by a time."""

    __tablename__ = "task"
    policy = _about_contact(Category.TASK)
    title_field = "title"

    title: Mapped[str] = f.text(200, required=True, label="Title", personal=True)
    state: Mapped[str] = f.choice(TASK_STATES, default="open", label="State")
    priority: Mapped[str] = f.choice(PRIORITIES, default="normal", label="Priority")
    due_at: Mapped[dt.datetime | None] = f.moment(label="Due")
    details: Mapped[str | None] = f.long_text(label="Details", personal=True)
    contact_id: Mapped[int | None] = f.ref("contact", label="Contact")
    deal_id: Mapped[int | None] = f.ref("deal", label="Deal")

    @classmethod
    def in_order(cls, of: Any = None) -> tuple[Any, ...]:
        """What is late or due next first, what has no date after it, what is done last; `of` as in `Stage`."""
        c = cls if of is None else of
        return (c.state == "done", c.due_at.is_(None), c.due_at, c.id)

    @classmethod
    def indexes(cls) -> tuple[Any, ...]:
        due = sa.Index("ix_task_due", "workspace_id", "state", "due_at", "id", **alive())
        return (*_by_contact("task"), due, *searched("task", "title"))

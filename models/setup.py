"""The set-up of a workspace over time: its states, the names that outlive renaming, and files that wait to be imported.

What the set-up is made of, and how it reads, is in `app.services.setup`.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, WorkspaceScoped
from models.fields import UTC, Json, Key, now
from models.policy import Category, Erase, Policy, Purpose, SubjectKind, days


class SetupState(WorkspaceScoped, Base):
    """The whole set-up after an operation that changed it. `document` is JSON, deflated; `changes` says in short what
    differs from the state before: [part, item, "add" | "change" | "remove", label].
    """

    __tablename__ = "setup_state"
    policy = Policy(Category.TEAM, Purpose.PROVISION)

    at: Mapped[dt.datetime] = mapped_column(UTC, default=now)
    operation: Mapped[str] = mapped_column(sa.String(80))
    actor: Mapped[str] = mapped_column(sa.String(200))
    membership_id: Mapped[int | None] = mapped_column(Key)
    on_behalf_of: Mapped[str | None] = mapped_column(sa.String(200))
    reason: Mapped[str | None] = mapped_column(sa.String(500))
    changes: Mapped[list[Any]] = mapped_column(Json, default=list)
    document: Mapped[bytes] = mapped_column(sa.LargeBinary)

    __table_args__ = (sa.Index("ix_setup_state_newest", "workspace_id", sa.text("id DESC")),)


class SetupKey(WorkspaceScoped, Base):
    """The name under which a pipeline, stage, template, view, team or tag stands in files and states. It is made of the
    first name and stays when that changes, so that a rename is no other record.
    """

    __tablename__ = "setup_key"
    policy = Policy(Category.TEAM, Purpose.PROVISION)

    entity: Mapped[str] = mapped_column(sa.String(60))
    record_id: Mapped[int] = mapped_column(Key)
    key: Mapped[str] = mapped_column(sa.String(60))

    __table_args__ = (
        sa.UniqueConstraint("workspace_id", "entity", "key", name="uq_setup_key_key"),
        sa.UniqueConstraint("workspace_id", "entity", "record_id", name="uq_setup_key_record"),
    )


class SetupFile(WorkspaceScoped, Base):
    """A file that was read and waits for the one who sent it to say what to take. It holds only what was understood."""

    __tablename__ = "setup_file"
    policy = Policy(
        Category.TEAM, Purpose.PROVISION, subject="membership_id", kind=SubjectKind.USER, keep=days(7),
        erase=Erase.DELETE,
    )  # fmt: skip

    at: Mapped[dt.datetime] = mapped_column(UTC, default=now)
    name: Mapped[str] = mapped_column(sa.String(200))
    membership_id: Mapped[int] = mapped_column(Key)
    document: Mapped[bytes] = mapped_column(sa.LargeBinary)

    __table_args__ = (
        sa.ForeignKeyConstraint(
            ["workspace_id", "membership_id"], ["membership.workspace_id", "membership.id"], name="fk_setup_file_member"
        ),
    )

"""Fields that a workspace adds to an entity at run time, the index rows that lists filter and sort by, and which roles
see and change which fields.

A value stands in the record's own `custom` column under the key of its field; `CustomValue` repeats it in a typed,
indexed column, written in the same operation. No table changes at run time. Does not belong here: what the fields of an
entity are (`app.services.schema`).
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from models import fields as f
from models.base import Base, Record, WorkspaceScoped, alive
from models.fields import Key
from models.policy import Category, Erase, Policy, Purpose, SubjectKind
from models.words import N_

KINDS = (
    ("text", N_("Text")),
    ("textarea", N_("Long text")),
    ("number", N_("Number")),
    ("money", N_("Money")),
    ("date", N_("Date")),
    ("datetime", N_("Date and time")),
    ("boolean", N_("Yes or no")),
    ("choice", N_("Choice")),
    ("multichoice", N_("Several choices")),
    ("email", N_("E-mail")),
    ("phone", N_("Phone")),
    ("url", N_("Web address")),
    ("relation", N_("Link to a record")),
    ("file", N_("File")),
    ("computed", N_("Computed")),
)
# What a formula may give.
RESULTS = (
    ("number", N_("Number")),
    ("money", N_("Money")),
    ("text", N_("Text")),
    ("date", N_("Date")),
    ("boolean", N_("Yes or no")),
)
CATEGORIES = tuple((c.value, N_(c.value[:1].upper() + c.value[1:])) for c in Category)
PURPOSES = tuple((p.value, N_(p.value[:1].upper() + p.value[1:])) for p in Purpose)
RETENTIONS = (
    ("record", N_("As long as the record")),
    ("1", N_("1 year after it was last changed")),
    ("2", N_("2 years after it was last changed")),
    ("7", N_("7 years after it was last changed")),
)
MOST_TEXT = 254


class CustomField(Record, Base):
    """A field of `entity` that a workspace added. `key` never changes, so that renaming and moving lose nothing.

    `options` are the choices, [{"key", "label", "retired"}]; `target` the entity a link leads to; `result` and
    `formula` belong to computed fields. Category, purpose and retention are required, as of any column (P2).
    """

    __tablename__ = "custom_field"
    policy = Policy(Category.CRM_RECORD)
    title_field = "label"

    entity: Mapped[str] = f.text(60, required=True, label="Records", readonly=True, default="")
    key: Mapped[str] = f.text(60, required=True, label="Key", readonly=True, default="")
    label: Mapped[str] = f.text(80, required=True, label="Label")
    kind: Mapped[str] = f.choice(KINDS, label="Type", readonly=True)
    hint: Mapped[str | None] = f.text(200, label="Help under the field")
    section: Mapped[str] = f.text(60, required=True, default="More", label="Section")
    position: Mapped[int] = f.number(required=True, default=0, label="Position")
    required: Mapped[bool] = f.boolean(label="Required")
    searchable: Mapped[bool] = f.boolean(label="Found by search")
    options: Mapped[list[dict[str, Any]] | None] = f.json(label="Choices", readonly=True)
    target: Mapped[str | None] = f.text(60, label="Links to", readonly=True)
    places: Mapped[int] = f.number(required=True, default=0, label="Decimal places", readonly=True)
    result: Mapped[str | None] = f.choice(RESULTS, required=False, label="Result", readonly=True)
    formula: Mapped[str | None] = f.text(500, label="Formula", readonly=True)
    personal: Mapped[bool] = f.boolean(label="Tells something of a person", default=True)
    category: Mapped[str] = f.choice(CATEGORIES, default=Category.CRM_RECORD.value, label="Data category")
    purpose: Mapped[str] = f.choice(PURPOSES, default=Purpose.RUN_TRANSACTIONS.value, label="Purpose")
    keep: Mapped[str] = f.choice(RETENTIONS, default="record", label="Kept")

    @classmethod
    def indexes(cls) -> tuple[Any, ...]:
        return (
            sa.Index("uq_custom_field_key", "workspace_id", "entity", "key", unique=True),
            sa.Index("ix_custom_field_entity", "workspace_id", "entity", "position", **alive()),
        )


class CustomValue(WorkspaceScoped, Base):
    """A value as lists filter and sort by it: `n` for what has an order (numbers at the field's decimal places, cents,
    days, microseconds of UTC, yes as 1, ids), `t` for texts and choices. Several choices are several rows.
    """

    __tablename__ = "custom_value"
    policy = Policy(
        Category.CRM_RECORD,
        subject="subject_id",
        kind=SubjectKind.CLIENT,
        erase=Erase.DELETE,
    )

    field_id: Mapped[int] = mapped_column(Key)
    record_id: Mapped[int] = mapped_column(Key)
    subject_id: Mapped[int | None] = mapped_column(Key)
    n: Mapped[int | None] = mapped_column(sa.BigInteger, info={"personal": True})
    t: Mapped[str | None] = mapped_column(sa.String(MOST_TEXT), info={"personal": True})

    __table_args__ = (
        sa.ForeignKeyConstraint(
            ["workspace_id", "field_id"], ["custom_field.workspace_id", "custom_field.id"], name="fk_custom_value_field"
        ),
        sa.Index("ix_custom_value_record", "workspace_id", "record_id", "field_id"),
        sa.Index("ix_custom_value_n", "workspace_id", "field_id", "n", "record_id"),
        sa.Index("ix_custom_value_t", "workspace_id", "field_id", "t", "record_id"),
        sa.Index("ix_custom_value_subject", "workspace_id", "subject_id"),
    )


class FieldRight(WorkspaceScoped, Base):
    """A field of an entity that a role does not see ("hidden") or does not change ("read"); what has no row is open."""

    __tablename__ = "field_right"
    policy = Policy(Category.TEAM, Purpose.AUTHENTICATE)

    role_id: Mapped[int] = mapped_column(sa.ForeignKey("ab_role.id", ondelete="CASCADE"))
    entity: Mapped[str] = mapped_column(sa.String(60))
    field: Mapped[str] = mapped_column(sa.String(60))
    level: Mapped[str] = mapped_column(sa.String(10))

    __table_args__ = (sa.UniqueConstraint("workspace_id", "role_id", "entity", "field", name="uq_field_right_field"),)


class EntityLayout(WorkspaceScoped, Base):
    """How forms, record pages and lists of an entity are laid out, for one role or (`role_id` 0) for everybody.

    `facts`: "labels" {field: [label, help]}, "sections" [[title, [field]]], "required" [field], "columns" [field],
    "when" {field: filter as in a list's address}. What they do not name stays as it is.
    """

    __tablename__ = "entity_layout"
    policy = Policy(Category.TEAM, Purpose.PROVISION)

    entity: Mapped[str] = mapped_column(sa.String(60))
    role_id: Mapped[int] = mapped_column(sa.Integer, default=0)
    facts: Mapped[dict[str, Any]] = mapped_column(f.Json, default=dict)

    __table_args__ = (sa.UniqueConstraint("workspace_id", "entity", "role_id", name="uq_entity_layout_entity"),)

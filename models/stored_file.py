"""Files that people upload or jobs make. The bytes live in the file store under a random key; this row says what they
are."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped

from models import fields as f
from models.base import Base, Owned, alive, searched
from models.policy import Category, Erase, Policy, SubjectKind, years

LOGO = sa.text("role = 'logo' AND deleted_at IS NULL")


class StoredFile(Owned, Base):
    """A stored file: type found from its content, size in bytes, SHA-256 in hex. `storage_key` is never shown."""

    __tablename__ = "stored_file"
    policy = Policy(Category.FILE, subject="contact_id", kind=SubjectKind.CLIENT, keep=years(7), erase=Erase.DELETE)
    title_field = "name"

    name: Mapped[str] = f.text(200, required=True, label="Name", personal=True)
    contact_id: Mapped[int | None] = f.ref("contact", label="Contact")
    deal_id: Mapped[int | None] = f.ref("deal", label="Deal")
    mime: Mapped[str] = f.text(120, required=True, default="", label="Type", readonly=True)
    size: Mapped[int] = f.number(required=True, default=0, label="Size in bytes", readonly=True)
    sha256: Mapped[str] = f.text(64, required=True, default="", label="SHA-256", readonly=True)
    storage_key: Mapped[str] = f.text(120, required=True, default="", label="Storage key", readonly=True, secret=True)
    role: Mapped[str] = f.text(40, required=True, default="document", label="Role", readonly=True)

    @classmethod
    def indexes(cls) -> tuple[Any, ...]:
        return (
            sa.Index("ix_stored_file_contact", "workspace_id", "contact_id", sa.text("id DESC"), **alive()),
            sa.Index("ix_stored_file_alive", "workspace_id", sa.text("id DESC"), **alive()),
            *searched("stored_file", "name"),
            sa.Index("ix_stored_file_logo", "workspace_id", "id", sqlite_where=LOGO, postgresql_where=LOGO),
        )

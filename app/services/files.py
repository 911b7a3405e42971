"""The record half of a stored file: who may add and fetch one, and what becomes of the bytes when the record goes.

Does not belong here: which files are taken (`app.services.uploads`) and the bytes themselves (`app.adapters.storage`);
views and jobs bring the two together.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from app import permissions
from app.errors import Invalid
from app.services import reaching, records, uploads
from app.services.operation import Operation, operation
from models import tenancy
from models.base import session
from models.contact import Contact
from models.deal import Deal
from models.policy import Purpose
from models.scope import Actor
from models.stored_file import StoredFile
from models.words import _

PURGE = "files.purge"
LOGO = "logo"
_AT_ONCE = 200
_WHY = tenancy.reason("storage keys of files whose records are deleted for good, in every workspace")


def place(contact_id: int | None, deal_id: int | None, *, actor: Actor) -> dict[str, int]:
    """Where a new file goes, checked before its bytes are kept: a contact or a deal that `actor` reaches and may add
    files to.

    Raises `NotFound`, `Forbidden`, and `Invalid` where neither is named.
    """
    permissions.require(actor, "write", "stored_file")
    if contact_id is not None:
        return {"contact_id": records.load(Contact, contact_id, actor=actor).id}
    if deal_id is None:
        raise Invalid({"file": _("Open the contact or the deal that the file belongs to, and add it there.")})
    deal = records.load(Deal, deal_id, actor=actor)
    return {"deal_id": deal.id} | ({"contact_id": deal.contact_id} if deal.contact_id else {})


def keep(
    found: uploads.Upload, storage_key: str, where: dict[str, int], *, actor: Actor, source: str = "upload"
) -> StoredFile:
    """The record of bytes that were just kept under `storage_key`; `where` is what `place` gave."""
    with operation("stored_file.upload", actor=actor):
        made: StoredFile = records.create(StoredFile, {"name": found.safe_name, **where}, actor=actor, source=source)
        made.mime, made.size, made.sha256, made.storage_key = found.mime, found.size, found.sha256, storage_key
        session.flush()
        reaching.keep_to_rule(made, actor)
    return made


def keep_logo(found: uploads.Upload, storage_key: str, *, actor: Actor) -> StoredFile:
    """The workspace's logo; those before it go to the bin."""
    permissions.require(actor, "write", "workspace")
    with operation("workspace.set_logo", actor=actor) as op:
        for old in session.scalars(sa.select(StoredFile).where(StoredFile.role == LOGO)):
            old.deleted_at = op.at
        made = StoredFile(
            name=found.safe_name,
            mime=found.mime,
            size=found.size,
            sha256=found.sha256,
            storage_key=storage_key,
            role=LOGO,
            source="upload",
            created_by=actor.label,
            owner_id=actor.membership_id,
        )
        session.add(made)
        session.flush()
    return made


def remove_logo(*, actor: Actor) -> None:
    permissions.require(actor, "write", "workspace")
    with operation("workspace.remove_logo", actor=actor) as op:
        for old in session.scalars(sa.select(StoredFile).where(StoredFile.role == LOGO)):
            old.deleted_at = op.at


def logo() -> StoredFile | None:
    """The logo of the current workspace, which everybody may see."""
    return session.scalars(
        sa.select(StoredFile).where(StoredFile.role == LOGO).order_by(StoredFile.id.desc()).limit(1)
    ).one_or_none()


def forget(table: sa.Table, ids: Iterable[int], op: Operation) -> None:
    """Promise to delete the bytes of file records that this operation deletes for good; nothing for any other table."""
    if table is not StoredFile.__table__:
        return
    statement: Any = sa.select(table.c.storage_key).where(table.c.id.in_(list(ids)), table.c.storage_key != "")
    keys = list(session.scalars(statement, execution_options=_WHY))
    delete_bytes(keys, op)


def delete_bytes(keys: Sequence[str], op: Operation) -> None:
    """Promise to delete what is kept under these keys, once the operation is committed."""
    for start in range(0, len(keys), _AT_ONCE):
        op.promise(
            PURGE,
            {"keys": list(keys[start : start + _AT_ONCE])},
            purpose=Purpose.COMPLY_WITH_LAW,
            label=_("Delete files for good"),
        )

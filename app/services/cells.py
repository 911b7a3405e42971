"""One field of one record, changed where it is shown: in a cell of a table, or by moving a card of a board.

The rights are those of the record's form (to write the record, and the limits of the role on the field) and one of its
own, as a slip of the hand is easier in a list than in a form. Does not belong here: reading what was typed
(`views.cells`).
"""

from __future__ import annotations

import secrets
from typing import Any

from app import permissions
from app.errors import Forbidden, NotFound
from app.services import records, schema
from app.services.operation import operation
from models import registry
from models.fields import Field, Kind
from models.scope import Actor
from models.words import _


def may(actor: Actor) -> bool:
    """Whether this person changes anything in place."""
    return permissions.reach(actor, "write", "inline") is not None


def editable(model: type[Any]) -> dict[str, Field]:
    """The fields that can be changed in place: those that may be written, but files and what is no single value."""
    return {n: f for n, f in schema.writable(model).items() if f.kind is not Kind.JSON and not _is_file(f)}


def field_of(model: type[Any], name: str) -> Field:
    """One of them; a field that the role does not see is not found, one that it only reads is refused."""
    found = editable(model).get(name)
    if found is not None:
        return found
    if name not in schema.fields(model):
        raise NotFound(_("There is no such field."))
    raise Forbidden("write", registry.permission_entity(model), _("This field cannot be changed here with your role."))


def change(model: type[Any], key: int, name: str, value: Any, *, version: int | None, actor: Actor) -> tuple[Any, str]:
    """Set the field as the record's form would. Returns the record, and the batch that takes the change back: "" where
    nothing changed.
    """
    permissions.require(actor, "write", "inline")
    with operation(f"{model.__tablename__}.update", actor=actor) as op:
        op.batch = op.batch or secrets.token_hex(8)
        record = records.update(model, key, {name: value}, actor=actor, version=version)
        return record, op.batch if op.tracker.edits else ""


def _is_file(one: Field) -> bool:
    return bool(one.custom) and one.target == "stored_file"

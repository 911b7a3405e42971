"""Set-ups as files: handing one out, and keeping one that was sent until its sender says what to take of it.

Does not belong here: the form of the file (`document`) and carrying it out (`apply`).
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
import sqlalchemy as sa

from app import permissions
from app.errors import NotFound
from app.services import saved_views
from app.services.operation import operation
from app.services.setup import capture, document, plan
from app.services.setup.capture import PARTS, Items
from models.base import session
from models.scope import Actor
from models.setup import SetupFile
from models.words import _


@dataclass(frozen=True, slots=True)
class Export:
    """A file, the parts that it has, and in words what was left out."""

    data: bytes
    parts: tuple[str, ...]
    lacking: tuple[str, ...]
    left: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sent:
    """A file that was read: its items, and what its names of teams and tags stand for."""

    id: int
    name: str
    items: Items
    names: Mapping[str, Mapping[str, str]]


def look(*, actor: Actor) -> Export:
    """What a file of the set-up would hold for this person: the parts that they may change."""
    permissions.require(actor, "write", "custom_field")
    lacking = plan.lacking(actor)
    parts = tuple(part for part in PARTS if part not in lacking)
    found = capture.take(lambda view: saved_views.may_arrange(view.audience, view.team_id, actor=actor))
    left = tuple(found.left) if "views" in parts else ()
    return Export(document.written(found, parts), parts, tuple(lacking), left)


def export(*, actor: Actor) -> Export:
    """The set-up as a file, noted in the audit log."""
    with operation("setup.export", actor=actor) as op:
        found = look(actor=actor)
        op.audit("setup.export", facts={"parts": list(found.parts), "bytes": len(found.data)})
    return found


def receive(data: bytes, name: str, *, actor: Actor) -> int:
    """Read a file and keep what was understood, for this person alone. Returns its id; raises `Invalid`."""
    permissions.require(actor, "write", "custom_field")
    items, names = document.read(data)
    if actor.membership_id is None:
        raise NotFound()
    packed = zlib.compress(orjson.dumps({"items": items, "names": names}), 9)
    with operation("setup.receive", actor=actor) as op:
        row = SetupFile(name=name[:200] or "set-up.json", membership_id=actor.membership_id, document=packed)
        session.add(row)
        session.flush()
        op.audit("setup.receive", facts={"file": row.name, "bytes": len(data)})
    return row.id


def sent(key: int, *, actor: Actor) -> Sent:
    """A file that this person sent; raises `NotFound`."""
    permissions.require(actor, "write", "custom_field")
    mine = sa.select(SetupFile).where(SetupFile.id == key, SetupFile.membership_id == actor.membership_id)
    row = session.scalar(mine)
    if row is None or actor.membership_id is None:
        raise NotFound(_("There is no such file any more, or somebody else sent it. Send it again."))
    found: dict[str, Any] = orjson.loads(zlib.decompress(row.document))
    return Sent(row.id, row.name, found["items"], found["names"])

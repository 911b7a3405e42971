"""The history of the set-up: the whole state after each operation that changed it, so that any of them can come back.

A state is kept when an operation closes, whichever way the change came: a screen, REST, a file, a return. What changed
nothing keeps nothing. Does not belong here: comparing states (`plan`) and going back (`apply`).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

import orjson
import sqlalchemy as sa

from app import permissions
from app.errors import NotFound
from app.services import schema
from app.services.setup import capture, keys
from app.services.setup.capture import PARTS, Items
from models import scope
from models.base import session
from models.custom import CustomField
from models.deal import Pipeline, Stage
from models.message import Template
from models.setup import SetupState
from models.words import _
from models.workspace import Workspace

if TYPE_CHECKING:
    from app.services.operation import Operation

# Records whose changes are changes of the set-up.
KINDS = (CustomField, Pipeline, Stage, Template)
MOST_CHANGES = 60


def forget() -> None:
    """The open operation has ended."""
    session().info.pop(schema.TOUCHED, None)


def note(op: Operation) -> None:
    """Keep the state of each workspace whose set-up this operation changed; part of its end."""
    touched: set[int] = session().info.pop(schema.TOUCHED, set())
    touched |= {edit.record.workspace_id for edit in op.tracker.edits if isinstance(edit.record, KINDS)}
    for workspace in sorted(touched):
        with scope.inside(workspace):
            _note(op, workspace)


def begin(workspace: int, op: Operation) -> None:
    """Keep the first state of a workspace that has none."""
    with scope.inside(workspace):
        if session.scalar(sa.select(SetupState.id).limit(1)) is None:
            _note(op, workspace)


def _note(op: Operation, workspace: int) -> None:
    # Not the key of the row: whoever wrote a record of this workspace holds a share of that already.
    held = sa.select(Workspace.id).where(Workspace.id == workspace).with_for_update(key_share=True)
    if session.scalar(held) is None:
        return
    found = capture.take()
    keys.keep(found.keys, found.shared_views)
    before = newest()
    document = packed(found.items)
    if before is not None and before.document == document:
        return
    old = unpacked(before.document) if before is not None else None
    session.add(
        SetupState(
            at=op.at, operation=op.name, actor=op.actor.label, membership_id=op.actor.doer_id,
            on_behalf_of=op.actor.on_behalf_of, reason=op.reason, document=document,
            changes=[] if old is None else changes(old, found.items),
        )
    )  # fmt: skip
    session.flush()


def newest() -> SetupState | None:
    """The state that the set-up is in."""
    return session.scalar(sa.select(SetupState).order_by(SetupState.id.desc()).limit(1))


def listed(before: int | None, most: int) -> list[Any]:
    """States, the newest first, without their documents; those older than `before`."""
    columns = [column for column in SetupState.__table__.c if column.name != "document"]
    wanted = sa.select(*(getattr(SetupState, column.name) for column in columns)).order_by(SetupState.id.desc())
    if before is not None:
        wanted = wanted.where(SetupState.id < before)
    return list(session.execute(wanted.limit(most)))


def get(key: int) -> SetupState:
    """One state of the workspace in force; raises `NotFound`."""
    found = session.scalar(sa.select(SetupState).where(SetupState.id == key))
    if found is None:
        raise NotFound(_("There is no such moment in the history of this set-up."))
    return found


def packed(items: Items) -> bytes:
    """Items as they are kept: equal items give equal bytes."""
    return zlib.compress(orjson.dumps(items, option=orjson.OPT_SORT_KEYS), 9)


def unpacked(document: bytes) -> Items:
    """Items by part. A part that is younger than the state is not in it: what it was then is not known."""
    found: Items = orjson.loads(zlib.decompress(document))
    return found


def changes(old: Items, new: Items) -> list[tuple[str, str, str, str]]:
    """What differs in short, as (part, name, verb, label); at most `MOST_CHANGES`, then their number."""
    found = []
    for part in (one for one in PARTS if one in old):
        for name in sorted(old[part].keys() | new[part].keys()):
            before, after = old[part].get(name), new[part].get(name)
            if before != after:
                verb = "add" if before is None else "remove" if after is None else "change"
                found.append((part, name, verb, label(part, name, after or before or {}, (new, old))))
    more = len(found) - MOST_CHANGES
    return [*found[:MOST_CHANGES], ("", "", "more", str(more))] if more > 0 else found


def label(part: str, name: str, item: Mapping[str, Any], around: Iterable[Items]) -> str:
    """What people call an item."""
    told = item.get("label") or item.get("name")
    if told:
        return str(told)
    role = name.partition("/")[0] if part in ("field_rights", "rules") else name.rpartition("/")[2]
    named = next((items["roles"][role]["label"] for items in around if role in items["roles"]), None)
    return str(named or _builtin().get(role, role))


@cache
def _builtin() -> dict[str, str]:
    return {key: label for key, (label, _) in permissions.builtin_roles().items()}

"""Turns what an operation wrote into deliveries for the webhooks that want it, in the operation's own transaction.

Whether a workspace has webhooks is known with its schema (`app.services.schema`), so that an operation of one without
any costs nothing more. Does not belong here: sending (`app.services.hook_deliveries`).
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from app.services import history, schema, values
from models import registry, scope, tenancy
from models.base import Record, session
from models.fields import Field, Kind
from models.policy import Purpose
from models.webhook import EVERY, TEST, VERBS, Webhook, WebhookDelivery
from models.words import _

if TYPE_CHECKING:
    from app.services.operation import Operation

JOB = "webhook.deliver"
# A delivery counts its attempts itself, see `hook_deliveries`; its job also wakes while the receiver rests.
MOST_WAKES = 10_000
SENDER = scope.system("Webhooks")
_WHY = tenancy.reason("deliveries of an operation's own edits, stamped with their own workspace")
_MOMENT = Field(Kind.MOMENT)


@dataclass(frozen=True, slots=True)
class Happened:
    """One edit of one record. `verb` is history's: create, update, delete, restore. `changed` are names of fields."""

    entity: str
    verb: str
    record_id: int
    version: int | None
    subject_id: int | None
    changed: tuple[str, ...]

    @property
    def type(self) -> str:
        return f"{self.entity}.{VERBS[self.verb]}"


def write(op: Operation) -> None:
    """Note deliveries for the edits of an operation that is about to commit."""
    places: dict[int, list[history.Edit]] = {}
    for edit in op.tracker.edits:
        if isinstance(edit.record, Record) and not isinstance(edit.record, Webhook):
            places.setdefault(edit.record.workspace_id, []).append(edit)
    for workspace, edits in places.items():
        with scope.inside(workspace):
            if schema.current().hooks:
                tell(op, [_of(edit) for edit in edits])
                session.flush()  # here, as the jobs belong to this workspace


def tell(op: Operation, happened: Iterable[Happened]) -> None:
    """Note deliveries in the workspace in force; bulk writers call this with what they wrote. Those of a webhook that
    is paused are held until somebody has them sent.
    """
    hooks = schema.current().hooks
    _insert(
        op,
        [
            _row(op, hook, one.type, "waiting" if active else "held") | _about(op, one)
            for one in happened
            for hook, wanted, active in hooks
            if one.type in wanted or EVERY in wanted
        ],
    )


def test(op: Operation, hook: Webhook) -> None:
    """Note a delivery that tells of nothing, to try the receiver."""
    _insert(op, [_row(op, hook.id, TEST) | {"body": _body(op, TEST, {})}])


def _insert(op: Operation, rows: list[dict[str, Any]]) -> None:
    if not rows:
        return
    session.execute(sa.insert(WebhookDelivery.__table__).inline(), rows, execution_options=_WHY)
    for row in (one for one in rows if one["state"] == "waiting"):
        queue(op, row["event_id"], row["event_type"])


def queue(op: Operation, event_id: str, event_type: str, spent: int = 0) -> None:
    """Promise the job of a delivery. `spent` attempts do not count any more: somebody sends it again."""
    args = {"event": event_id, "spent": spent}
    op.promise(
        JOB, args, purpose=Purpose.INTEGRATE, label=_("Webhook {event}", event=event_type)[:200],
        queue="hooks",
        max_attempts=MOST_WAKES, acting=SENDER,
    )  # fmt: skip


def _row(op: Operation, hook: int, event_type: str, state: str = "waiting") -> dict[str, Any]:
    return {
        "workspace_id": scope.workspace_id(),
        "webhook_id": hook,
        "event_id": f"msg_{secrets.token_hex(14)}",
        "event_type": event_type,
        "entity": None,
        "record_id": None,
        "subject_id": None,
        "state": state,
        "attempts": 0,
        "created_at": op.at,
    }


def _about(op: Operation, one: Happened) -> dict[str, Any]:
    data = {"id": one.record_id, "entity": one.entity, "version": one.version, "changed": list(one.changed)}
    about = {"entity": one.entity, "record_id": one.record_id, "subject_id": one.subject_id}
    return about | {"body": _body(op, one.type, data)}


def _body(op: Operation, event_type: str, data: dict[str, Any]) -> dict[str, Any]:
    return {"type": event_type, "timestamp": values.to_json(_MOMENT, op.at), "data": data}


def _of(edit: history.Edit) -> Happened:
    record = edit.record
    return Happened(
        record.__tablename__, edit.verb, record.id, record.version, history.subject_of(record), _changed(edit)
    )


def _changed(edit: history.Edit) -> tuple[str, ...]:
    """The names of the fields that changed; which of them a webhook may name is known when it is sent."""
    if edit.verb == "create":
        record, known = edit.record, registry.writable(type(edit.record))
        own = [n for n in known if getattr(record, n) not in (None, "", False)]
        return tuple(sorted([*own, *(record.custom or {})]))
    return tuple(sorted(edit.new)) if edit.verb == "update" else ()

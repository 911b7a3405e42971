"""What waits for an answer, and stops when it comes: the seam for campaigns, plans and other senders of several mails.

A sender whose messages follow one another under one cause (`Message.cause`, `cause_id`) calls `chained(cause)`: those
not yet sent to the same person are cancelled when they answer. One with more to stop registers a function with
`on_reply`. Does not belong here: what an answer leaves on the timeline (`app.services.inbound.effects`).
"""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa

from app.services.operation import Operation
from models.base import session
from models.message import Message
from models.words import _

Stop = Callable[[Message, Operation], None]
_chained: set[str] = set()
_stops: list[Stop] = []


def chained(cause: str) -> None:
    """Have the unsent messages of one cause to one person stop when that person answers one of them."""
    _chained.add(cause)


def on_reply(stop: Stop) -> Stop:
    """Have a function called with the message that was answered, in the operation that files the answer."""
    if stop not in _stops:
        _stops.append(stop)
    return stop


def answered(message: Message, op: Operation) -> int:
    """Stop what waits for the answer to a message. Returns how many messages were called back."""
    stopped = 0
    if message.cause in _chained:
        later = sa.select(Message).where(
            Message.cause == message.cause,
            Message.cause_id == message.cause_id,
            Message.recipient == message.recipient,
            Message.state.in_(("draft", "queued")),
        )
        for one in session.scalars(later.with_for_update()):
            one.state, one.answer = "cancelled", _("Not sent: the recipient answered before.")
            stopped += 1
    for stop in _stops:
        stop(message, op)
    return stopped

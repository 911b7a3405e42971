"""What people of the brokerage do with a booking: confirm it, move it, cancel it, say whether somebody came."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from app.services import bookings, verbs
from models.fields import Field, Kind
from models.scope import Actor
from models.words import N_


@verbs.verb("booking", "confirm", N_("Confirm"), "check", done="confirmed")
def confirm(_model: type[Any], key: int, _given: Mapping[str, Any], actor: Actor) -> None:
    bookings.confirm(key, actor=actor)


@verbs.verb(
    "booking", "move", N_("Move"), "calendar", asks={"starts_at": Field(Kind.MOMENT, N_("New time"))}, done="moved"
)
def move(_model: type[Any], key: int, given: Mapping[str, Any], actor: Actor) -> None:
    start = given["starts_at"]
    bookings.move(key, start if isinstance(start, dt.datetime) else dt.datetime.fromisoformat(start), actor=actor)


@verbs.verb("booking", "kept", N_("Took place"), "user-check", done=N_("took place"))
def kept(_model: type[Any], key: int, _given: Mapping[str, Any], actor: Actor) -> None:
    bookings.settle(key, "kept", actor=actor)


@verbs.verb("booking", "no_show", N_("Nobody came"), "ban", done=N_("marked as missed"))
def no_show(_model: type[Any], key: int, _given: Mapping[str, Any], actor: Actor) -> None:
    bookings.settle(key, "no_show", actor=actor)


@verbs.verb(
    "booking", "cancel", N_("Cancel"), "x",
    asks={"reason": Field(Kind.TEXT, N_("Why (the visitor reads it)"), max_length=300)}, done="cancelled", danger=True,
)  # fmt: skip
def cancel(_model: type[Any], key: int, given: Mapping[str, Any], actor: Actor) -> None:
    bookings.cancel(key, str(given["reason"]), actor=actor)

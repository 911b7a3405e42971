"""What a record looks like in REST: its members and their values, whole and as a row of a list.

Does not belong here: reading requests (`views.api_parameters`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from app.services import schema, values
from models.fields import Field
from views.screen import Screen

Members = list[tuple[str, Field, bool]]


def columns(spec: Screen, names: Iterable[str]) -> Members:
    """Names with their field and whether a value needs converting (times and dates do)."""
    known = schema.fields(spec.model)
    return [(n, known[n], known[n].kind in ("datetime", "date") or bool(known[n].places)) for n in names]


def row(members: Members, found: Any) -> dict[str, Any]:
    """A row (id, *columns) of a list."""
    made: dict[str, Any] = {"id": found[0]}
    for (name, field, convert), value in zip(members, found[1:], strict=True):
        made[name] = values.to_json(field, value) if convert else value
    return made

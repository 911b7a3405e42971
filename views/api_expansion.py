"""The parameter `expand` of REST: related records as a member `_expanded` of those that name them.

Does not belong here: reading them (`app.services.expansion`).
"""

from __future__ import annotations

from typing import Any

from flask import request

from app.errors import Invalid
from app.services import expansion, schema
from models.registry import CUSTOM_PREFIX
from views import shell
from views.api_members import columns, row
from views.screen import Screen, of


def read(spec: Screen) -> dict[str, str]:
    """The links to expand, name -> entity; raises `Invalid`."""
    if "expand" not in request.args:
        return {}
    known = expansion.expandable(spec.model, actor=shell.actor())
    names, members = dict.fromkeys(request.args["expand"].split(",")), schema.readable(spec.model)
    unknown = next((n for n in names if n not in known or n not in members), None)
    if unknown is not None:
        raise Invalid({"expand": f"“{unknown[:60]}” is no link to records that this key may read."})
    kinds, most = len({known[n] for n in names}), _most()
    if kinds > most:
        raise Invalid({"expand": f"These lead to {kinds} kinds of records; at most {most} fit in this request."})
    return {n: known[n] for n in names}


def _most() -> int:
    """A search takes a statement of its own, and so does a sort by a field that the workspace added."""
    asked = request.args
    own_sort = asked.get("sort", "").removeprefix("-").startswith(CUSTOM_PREFIX)
    return expansion.MOST_KINDS - bool(asked.get("q", "").strip()) - own_sort


def expand(records: list[dict[str, Any]], links: dict[str, str]) -> None:
    """Give each of `records`, which hold the ids of `links`, the member `_expanded`; None for what is out of reach."""
    specs = {entity: of(entity) for entity in links.values()}
    ids = {entity: [r[n] for r in records for n in links if links[n] == entity and r[n]] for entity in specs}
    names = {entity: tuple(schema.readable(spec.model)) for entity, spec in specs.items()}
    rows = expansion.found(ids, names, actor=shell.actor())
    members = {entity: columns(spec, names[entity]) for entity, spec in specs.items()}
    shown = {key: _related(specs[key[0]], row(members[key[0]], found)) for key, found in rows.items()}
    for record in records:
        record["_expanded"] = {n: shown.get((entity, record[n])) for n, entity in links.items()}


def _related(spec: Screen, made: dict[str, Any]) -> dict[str, Any]:
    return {"id": made["id"], "title": made[spec.title], **made}

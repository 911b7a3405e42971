"""`POST /api/v1/<entity>/_bulk`: many records in one request; reads it, and says what became of each record.

Does not belong here: writing them (`app.services.bulk_writes`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from app import permissions
from app.errors import Forbidden, Invalid
from app.services import bulk_writes
from app.services.bulk_writes import ACTS, MOST, Item
from app.services.records import MAX_ID
from models import registry
from views import api_parameters, shell
from views.json_body import read_object
from views.screen import Screen

MOST_BODY = 8 << 20
_DONE = {"create": 201, "update": 200, "delete": 204}


def run(spec: Screen) -> dict[str, Any]:
    """Do what the body asks; the body of the answer, with a result for each record: created, updated, deleted."""
    actor = shell.actor()
    may = {"create": spec.may_add(actor), "update": spec.may_edit(actor), "delete": spec.may_delete(actor)}
    if not any(permissions.reach(actor, right, "bulk") for right in permissions.AREAS["bulk"]):
        raise Forbidden("write", "bulk")
    if not any(may.values()):
        raise Forbidden("write", registry.permission_entity(spec.model))
    given = _checked(read_object(MOST_BODY, "A bulk request has at most 8 MB."))
    for act in ACTS:
        if given.get(act) and not may[act]:
            raise Forbidden(bulk_writes.right_of(act), registry.permission_entity(spec.model))
    items = list(_items(spec, given))
    outcomes = bulk_writes.write(spec.model, items, actor=actor, atomic=given.get("atomic", True))
    return {"results": [_result(*pair) for pair in zip(items, outcomes, strict=True)]}


def _checked(given: dict[str, Any]) -> dict[str, Any]:
    problems = {n: f"“{n[:60]}” is no member of a bulk request." for n in given if n not in (*ACTS, "atomic")}
    problems |= {act: f"{act} is a list." for act in ACTS if not isinstance(given.get(act, []), list)}
    if not isinstance(given.get("atomic", True), bool):
        problems["atomic"] = "atomic is true or false."
    if problems:
        raise Invalid(problems)
    many = sum(len(given.get(act, ())) for act in ACTS)
    if not 1 <= many <= MOST:
        raise Invalid({"": f"This names {many:,} records; a bulk request has from 1 to {MOST:,}."})
    return given


def _items(spec: Screen, given: dict[str, Any]) -> Iterator[Item]:
    seen: set[int] = set()
    for act in ACTS:
        for index, one in enumerate(given.get(act, ())):
            where = f"{act}.{index}"
            key = _key(act, one)
            try:
                if key in seen:
                    raise Invalid({"id": "An earlier item of this request names the same record."})
                yield _item(spec, act, where, key, one)
            except Invalid as error:
                yield Item(act, where, key, problems=error.fields)
            seen |= {key} - {0}


def _key(act: str, one: Any) -> int:
    """The id that an item names; 0 where it names none."""
    key = one if act == "delete" else one.get("id") if act == "update" and isinstance(one, dict) else None
    return key if type(key) is int and 0 < key < MAX_ID else 0


def _item(spec: Screen, act: str, where: str, key: int, one: Any) -> Item:
    if act == "delete":
        if not key:
            raise Invalid({"": "This must be the id of a record."})
        return Item(act, where, key)
    if not isinstance(one, dict):
        raise Invalid({"": "This must be an object with the members of a record."})
    if act == "update" and not key:
        raise Invalid({"id": "id is the id of a record."})
    clean, version = api_parameters.clean(spec, {n: v for n, v in one.items() if n != "id" or act == "create"})
    return Item(act, where, key, clean, version)


def _result(item: Item, outcome: bulk_writes.Outcome) -> dict[str, Any]:
    error = outcome.error
    made: dict[str, Any] = {"id": outcome.key, "status": _DONE[item.act] if error is None else error.status}
    if outcome.version:
        made["version"] = outcome.version
    if error is not None:
        made["errors"] = bulk_writes.problems_of(error)
    return made

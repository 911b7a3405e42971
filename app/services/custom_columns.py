"""Columns of lists that the workspace added: their values come out of the record's own column, a page at a time.

A list sorted by such a field walks its index rows first and then the records without a value, in either direction.
Does not belong here: the list's statement (`app.services.queries`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from app.services import relatives, schema
from models.fields import Field, Kind
from models.scope import Actor


def split(model: type[Any], columns: tuple[str, ...]) -> tuple[tuple[str, ...], dict[str, Field]]:
    """The columns of the table, and those that the workspace added."""
    known = schema.added(model)
    added = {name: known[name] for name in columns if name in known}
    return (tuple(name for name in columns if name not in added), added) if added else (columns, {})


def woven(
    rows: Sequence[Any], columns: tuple[str, ...], added: Mapping[str, Field], *, raw: bool, actor: Actor
) -> list[tuple[Any, ...]]:
    """Rows (id, *plain columns, custom, *more) as (id, *columns, *more); links become titles unless `raw`."""
    width = 1 + len(columns) - len(added)
    titles = None if raw else _titles(rows, width, added, actor)
    makers = [_maker(name, added, place, titles) for name, place in _places(columns, added)]
    found = []
    for row in rows:
        custom = row[width] or {}
        found.append((row[0], *(make(row, custom) for make in makers), *row[width + 1 :]))
    return found


def _places(columns: tuple[str, ...], added: Mapping[str, Field]) -> list[tuple[str, int]]:
    """Each column with its place in a row; added ones have none."""
    places, at = [], 1
    for name in columns:
        places.append((name, 0 if name in added else at))
        at += name not in added
    return places


def _maker(
    name: str, added: Mapping[str, Field], place: int, titles: Mapping[tuple[str, int], str] | None
) -> Callable[[Any, Mapping[str, Any]], Any]:
    if place:
        return lambda row, _custom: row[place]
    one = added[name]
    if one.kind is Kind.RELATION and titles is not None:
        target = one.target or ""
        return lambda _row, custom: titles.get((target, custom.get(name, 0)))
    return lambda _row, custom: schema.of_stored(one, custom.get(name))


def _titles(rows: Sequence[Any], width: int, added: Mapping[str, Field], actor: Actor) -> Mapping[tuple[str, int], str]:
    wanted = {
        (one.target or "", key)
        for name, one in added.items()
        if one.kind is Kind.RELATION
        for row in rows
        if (key := (row[width] or {}).get(name))
    }
    return relatives.titles(wanted, actor=actor)

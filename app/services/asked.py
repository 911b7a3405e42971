"""What a list is asked for, parted into the shape of its conditions and the values they run with.

So a page with a search or filters is one kept statement, whatever was typed. Does not belong here: rights and walls
(`queries`).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import partial
from typing import Any

from app.services import conditions, filters, search_index
from app.services.conditions import Group
from app.services.filters import Filter
from app.services.search_index import Hits, Words

Operands = dict[int, tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Asked:
    """`conditions()` depends on `shape` alone; `values` are its parameters."""

    shape: Hashable
    values: dict[str, Any]
    conditions: Callable[[], list[Any]]


def of(
    model: type[Any], wanted: tuple[Filter, ...], where: Group | None, search: tuple[str, ...], q: str,
    hits: Hits | None,
) -> Asked:  # fmt: skip
    """The filters, nested conditions and search of a list; `hits` is what the search index found."""
    values: dict[str, Any] = {}
    shapes: list[Hashable] = []
    operands: Operands = {}
    every = [*wanted, *(conditions.leaves(where) if where is not None else ())]
    for number, one in enumerate(every):
        shape, given, bound = filters.parameters(model, one, f"f{number}")
        shapes.append(shape)
        operands[id(one)] = given
        values |= bound
    words: Words = ()
    ids = hits.ids if hits is not None else None
    if ids is not None:
        values["found"] = search_index.as_parameter(ids)
    if q.strip() and not (ids is not None and hits is not None and hits.exact):
        words, bound = search_index.parameters(model, search, q)
        values |= bound
    found = ids is not None
    build = partial(_conditions, model, wanted, where, operands, words, found)
    joined = conditions.shape(where) if where is not None else None
    return Asked((tuple(shapes), joined, words, found), values, build)


def _conditions(
    model: type[Any], wanted: tuple[Filter, ...], where: Group | None, operands: Operands, words: Words, found: bool
) -> list[Any]:
    made = [filters.condition(model, one, operands[id(one)]) for one in wanted]
    if where is not None:
        made.append(conditions.condition(model, where, operands))
    if found:
        made.append(search_index.among(model.id))
    if words:
        made.append(search_index.matches(model, words))
    return made

"""What a saved view or the rule of a role asks for, as a document tells it: filters with fields, operators and values
in place of an address, and names in place of ids.

One over people or records of the workspace can't go into a file, and one that holds typed words about people stands in
no document at all: they would tell of records. Does not belong here: what filters mean (`app.services.filters`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode

import orjson

from app.services import conditions, filters, schema, values
from app.services.setup.keys import REFERRED
from models.fields import Kind

_TYPED = frozenset({Kind.TEXT, Kind.LONG_TEXT, Kind.EMAIL, Kind.PHONE, Kind.URL})
_LOOKS = ("display", "by", "group")
# Whoever looks is called the same everywhere.
WHO = frozenset(filters.Who)
Asked = dict[str, Any]
Leaf = dict[str, Any]


class Local(Exception):
    """It asks for a person or a record of this workspace alone."""


class Personal(Exception):
    """It holds words about people."""


def references(model: type[Any], query: str) -> set[tuple[str, int]]:
    """The teams, tags, stages and pipelines that a view asks for, as (entity, id)."""
    asked = _read(query)
    inside = values.whole(asked.get("inside", ""))
    return _referred(model, asked) | ({("pipeline", inside)} if inside is not None else set())


def references_of_rule(model: type[Any], text: str) -> set[tuple[str, int]]:
    """The teams, tags, stages and pipelines that a rule asks for, as (entity, id)."""
    return _referred(model, of_rule(text))


def _referred(model: type[Any], asked: Asked) -> set[tuple[str, int]]:
    found = set()
    for leaf in leaves(asked):
        target = target_of(model, leaf["field"])
        if target in REFERRED:
            found |= {(target, key) for text in leaf["values"] if (key := values.whole(text)) is not None}
    return found


def told(model: type[Any], query: str, name_of: Callable[[str, int], str | None]) -> Asked:
    """A view's address as a document tells it. Raises `Local` and `Personal`."""
    asked = _read(query)
    if asked.get("q"):
        raise Personal()
    _name(model, asked, name_of)
    if "inside" in asked:
        name = name_of("pipeline", values.whole(asked["inside"]) or 0)
        if name is None:
            raise Local()
        asked["inside"] = name
    return asked


def told_rule(model: type[Any], text: str, name_of: Callable[[str, int], str | None]) -> Asked:
    """A rule as a document tells it. Raises `Local` and `Personal`."""
    asked = of_rule(text)
    _name(model, asked, name_of)
    return asked


def of_rule(text: str) -> Asked:
    """A rule with the ids that it has here; one that can't be read asks for nothing."""
    where = _where(text)
    return {"where": where} if where else {}


def rule_text(asked: Mapping[str, Any], id_of: Callable[[str, str], int | None]) -> str:
    """The text of a rule from a document. Raises `LookupError` with the name of what is not there."""
    if "where" not in asked:
        return ""
    return orjson.dumps(_group(asked["where"], lambda leaf: _text(leaf, id_of))).decode()


def raw(query: str) -> Asked:
    """A view that asks for people or records, as the history of this workspace alone keeps it."""
    return _read(query)


def address(asked: Mapping[str, Any], id_of: Callable[[str, str], int | None]) -> str:
    """The address of a view from a document. Raises `LookupError` with the name of what is not there."""

    pairs = [("f", _text(leaf, id_of)) for leaf in asked.get("filters", ())]
    if "where" in asked:
        pairs.append(("w", rule_text(asked, id_of)))
    pairs += [("sort", asked["sort"])] if "sort" in asked else []
    pairs += [("cols", name) for name in asked.get("columns", ())]
    pairs += [(name, asked[name]) for name in _LOOKS if name in asked]
    pairs += [("totals", "1")] if asked.get("totals") else []
    if "inside" in asked:
        inside = asked["inside"] if asked.get("local") else str(_found("pipeline", asked["inside"], id_of))
        pairs.append(("inside", inside))
    return urlencode(pairs)


def fields_of(asked: Mapping[str, Any]) -> set[str]:
    """Every field that a view or rule speaks of."""
    looks = {asked[name] for name in ("by", "group") if name in asked}
    order = {asked["sort"].removeprefix("-")} if "sort" in asked else set()
    return {leaf["field"] for leaf in leaves(asked)} | looks | order | set(asked.get("columns", ()))


def names_of(asked: Mapping[str, Any]) -> set[tuple[str, str]]:
    """The teams, tags, stages and pipelines that a view or rule of a document names, as (entity, name)."""
    found = {(leaf["of"], name) for leaf in leaves(asked) if "of" in leaf for name in leaf["values"] if name not in WHO}
    return found | ({("pipeline", asked["inside"])} if "inside" in asked and not asked.get("local") else set())


def leaves(asked: Mapping[str, Any]) -> Iterator[Leaf]:
    """Every condition of a view or rule, nested ones too."""
    yield from asked.get("filters", ())
    if "where" in asked:
        yield from _leaves(asked["where"])


def target_of(model: type[Any], name: str) -> str | None:
    """The entity that a field or a link to many leads to."""
    links = filters.links(model)
    if name in links:
        return links[name].target
    one = schema.every_known(model).get(name)
    return one.target if one is not None and one.kind is Kind.RELATION else None


def _leaves(group: Mapping[str, Any]) -> Iterator[Leaf]:
    for part in next(iter(group.values())):
        if "field" in part:
            yield part
        else:
            yield from _leaves(part)


def _name(model: type[Any], asked: Asked, name_of: Callable[[str, int], str | None]) -> None:
    """Put names in place of ids."""
    if any(_tells(model, leaf) for leaf in leaves(asked)):
        raise Personal()
    for leaf in leaves(asked):
        leaf |= _named(model, leaf, name_of)


def _named(model: type[Any], leaf: Leaf, name_of: Callable[[str, int], str | None]) -> Leaf:
    """What becomes of a condition where ids become names; `of` says whose they are."""
    if set(leaf["values"]) <= WHO:
        return {}
    known = leaf["field"] in filters.links(model) or leaf["field"] in schema.every_known(model)
    target = target_of(model, leaf["field"])
    if known and target is None:
        return {}
    if target not in REFERRED:
        raise Local()
    names = [text if text in WHO else name_of(target, values.whole(text) or 0) for text in leaf["values"]]
    if None in names:
        raise Local()
    return {"values": names, "of": target}


def _tells(model: type[Any], leaf: Leaf) -> bool:
    """Whether a condition holds words about a person."""
    one = schema.every_known(model).get(leaf["field"])
    return bool(leaf["values"]) and one is not None and one.personal and one.kind in _TYPED


def _text(leaf: Leaf, id_of: Callable[[str, str], int | None]) -> str:
    given = leaf["values"]
    if "of" in leaf:
        given = [name if name in WHO else str(_found(leaf["of"], name, id_of)) for name in given]
    return f"{leaf['field']}:{leaf['op']}" + (f":{'|'.join(given)}" if given else "")


def _found(target: str, name: str, id_of: Callable[[str, str], int | None]) -> int:
    key = id_of(target, name)
    if key is None:
        raise LookupError(f"{target.replace('_', ' ')} “{name}”")
    return key


def _group(group: Mapping[str, Any], text: Callable[[Leaf], str]) -> dict[str, Any]:
    join, parts = next(iter(group.items()))
    return {join: [text(part) if "field" in part else _group(part, text) for part in parts]}


def _read(query: str) -> Asked:
    """The parts of an address that a view keeps."""
    given: dict[str, list[str]] = {}
    for name, text in parse_qsl(query):
        given.setdefault(name, []).append(text)
    asked: Asked = {"filters": [_leaf(text) for text in given.get("f", ())]} if "f" in given else {}
    where = _where(given.get("w", [""])[0])
    asked |= {"where": where} if where else {}
    asked |= {name: given[name][0] for name in ("q", "sort", *_LOOKS, "inside") if name in given}
    asked |= {"columns": given["cols"]} if "cols" in given else {}
    return asked | ({"totals": True} if "totals" in given else {})


def _where(text: str) -> dict[str, Any] | None:
    if not text or len(text) > conditions.MOST_TEXT:
        return None
    try:
        return _told_group(orjson.loads(text), 1)
    except (orjson.JSONDecodeError, TypeError, ValueError):
        return None


def _told_group(given: Any, deep: int) -> dict[str, Any]:
    if not isinstance(given, dict) or len(given) != 1 or deep > conditions.MOST_DEEP:
        raise ValueError("no group")
    join, parts = next(iter(given.items()))
    if join not in ("and", "or") or not isinstance(parts, list) or not parts:
        raise ValueError("no group")
    return {join: [_leaf(part) if isinstance(part, str) else _told_group(part, deep + 1) for part in parts]}


def _leaf(text: str) -> Leaf:
    name, _, rest = text.partition(":")
    op, _, given = rest.partition(":")
    return {"field": name, "op": op, "values": given.split("|") if given else []}

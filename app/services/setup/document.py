"""A set-up as a file: one JSON document that people can read and compare, with the same bytes for the same set-up.

Other things than these are never in it: people, records, ids, keys, webhooks. Belongs here: writing, and reading what
may have been written by anybody. Does not belong here: whether it fits this workspace (`checks`).
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import orjson

from app import permissions
from app.errors import Invalid
from app.services.setup import asked
from app.services.setup.capture import FIELD_FACTS, PARTS, Item, Items, Setup
from app.services.setup.reader import Reader
from models.words import _

# 2: changing fields in a list and changing many at once are rights of their own.
FORMAT, VERSION = "real-estate-crm-pro/set-up", 2
MOST_BYTES = 2 * 1024 * 1024
_HEAD = frozenset({"format", "version", "product", "names"})
# Parts that ask for teams and tags by name.
_NAMING = frozenset({"views", "rules"})
Names = dict[str, dict[str, str]]


@cache
def product() -> str:
    """The version of the product, as its project file says."""
    path = Path(__file__).parents[3] / "pyproject.toml"
    return str(tomllib.loads(path.read_text())["project"]["version"]) if path.exists() else "unknown"


def written(found: Setup, parts: Iterable[str] = PARTS) -> bytes:
    """The file of a set-up with these parts. What asks for people or records of the workspace is left out."""
    wanted, items = set(parts), found.items
    document: dict[str, Any] = {"format": FORMAT, "version": VERSION, "product": product()}
    writers = {
        "roles": lambda: _roles(items["roles"]),
        "fields": lambda: _fields(items["fields"]),
        "field_rights": lambda: _nested(items["field_rights"], lambda item: item["level"]),
        "rules": lambda: _nested(_portable(items["rules"]), lambda item: item["where"]),
        "layouts": lambda: _nested(_portable(items["layouts"]), lambda item: item),
        "pipelines": lambda: _pipelines(items),
        "templates": lambda: [{"key": name, **item} for name, item in sorted(items["templates"].items())],
        "views": lambda: _views(items["views"]),
    }
    document |= {part: write() for part, write in writers.items() if part in wanted}
    if wanted & _NAMING:
        document["names"] = {e: dict(sorted(told.items())) for e, told in sorted(_names(found, wanted).items())}
    return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def read(data: bytes) -> tuple[Items, Names]:
    """The items of a file, and what the names of teams and tags in it stand for. Raises `Invalid` with sentences about
    what is wrong, at most some.
    """
    if len(data) > MOST_BYTES:
        raise Invalid({"file": _("This file is larger than 2 MB. No set-up is; choose the file that was exported.")})
    try:
        raw = orjson.loads(data)
    except orjson.JSONDecodeError:
        raise Invalid(
            {"file": _("This file is no JSON document. Choose a file that was exported as a set-up.")}
        ) from None
    _check_head(raw)
    reader = Reader()
    found: Items = {}
    for part, read_part in _READERS.items():
        if part in raw:
            found |= read_part(reader, raw[part])
    if raw["version"] == 1:
        _give_rights_of_version_2(found)
    for name in found.get("rules", {}):
        role, entity, action = name.split("/")
        if action in found.get("roles", {}).get(role, {}).get("rights", {}).get(entity, {}):
            reader.say(f"rules › {name}", _("the role has this right already, with another reach"))
    names = reader.names(raw.get("names", {}))
    unknown = sorted(str(part)[:40] for part in raw.keys() - _READERS.keys() - _HEAD)
    if unknown:
        reader.say(unknown[0], _("this part is not known here"))
    if reader.problems:
        raise Invalid({f"file {number}": words for number, words in enumerate(reader.problems, 1)})
    return found, names


def _give_rights_of_version_2(found: Items) -> None:
    """Who wrote records could change them in lists and many at once, and who deleted them could delete many."""
    ruled = {tuple(name.split("/")) for name in found.get("rules", {})}
    for key, item in found.get("roles", {}).items():
        held = {a for entity, actions in item["rights"].items() if entity not in permissions.AREAS for a in actions}
        held |= {action for role, _entity, action in ruled if role == key}
        more = {"bulk": held & {"write", "delete"}, "inline": held & {"write"}}
        item["rights"] |= {area: dict.fromkeys(actions, "workspace") for area, actions in more.items() if actions}


def _check_head(raw: Any) -> None:
    if not isinstance(raw, dict) or raw.get("format") != FORMAT:
        raise Invalid({"file": _("This is no set-up of Real Estate CRM Pro. Choose a file that was exported as one.")})
    number = raw.get("version")
    if type(number) is not int or number < 1:
        raise Invalid({"file": _("The file does not say which version of the format it has. Export it again.")})
    if number > VERSION:
        words = _(
            "This file has version {number} of the format, and up to {most} can be read here. Update this product "
            "first, or export from the same version.", number=number, most=VERSION,
        )  # fmt: skip
        raise Invalid({"file": words})


def _roles(items: Mapping[str, Item]) -> list[Item]:
    return [{"key": name, "label": item["label"], "rights": _sorted(item["rights"])} for name, item in
            sorted(items.items())]  # fmt: skip


def _sorted(given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _sorted(v) if isinstance(v, dict) else v for name, v in sorted(given.items())}


def _fields(items: Mapping[str, Item]) -> dict[str, list[Item]]:
    found: dict[str, list[Item]] = {}
    for name, item in sorted(items.items()):
        entity, _, key = name.partition("/")
        found.setdefault(entity, []).append({"key": key, **{n: item[n] for n in FIELD_FACTS if n in item}})
    return {entity: sorted(of, key=lambda f: (f.get("position", 0), f["key"])) for entity, of in found.items()}


def _nested(items: Mapping[str, Item], told: Any) -> dict[str, Any]:
    """Items under the steps of their names."""
    found: dict[str, Any] = {}
    for name, item in sorted(items.items()):
        *steps, last = name.split("/")
        place = found
        for step in steps:
            place = place.setdefault(step, {})
        place[last] = told(item)
    return found


def _portable(items: Mapping[str, Item]) -> dict[str, Item]:
    return {name: item for name, item in items.items() if not item.get("local")}


def _pipelines(items: Items) -> list[Item]:
    stages: dict[str, list[Item]] = {}
    for name, item in items["stages"].items():
        told = {n: item[n] for n in ("name", "position", "probability", "outcome")}
        stages.setdefault(item["pipeline"], []).append({"key": name, **told})
    return [
        {"key": name, "name": item["name"],
         "stages": sorted(stages.get(name, ()), key=lambda s: (s["position"], s["key"]))}
        for name, item in sorted(items["pipelines"].items())
    ]  # fmt: skip


def _views(items: Mapping[str, Item]) -> dict[str, list[Item]]:
    found: dict[str, list[Item]] = {}
    for name, item in sorted(items.items()):
        entity, _, key = name.partition("/")
        if not item["asks"].get("local"):
            found.setdefault(entity, []).append({"key": key, **item})
    return found


def _names(found: Setup, wanted: Iterable[str]) -> Names:
    """What the names of teams and tags stand for, of those alone that views and rules in the file use."""
    views = found.items["views"].values() if "views" in wanted else ()
    rules = found.items["rules"].values() if "rules" in wanted else ()
    used = {
        one
        for asks in (*(item["asks"] for item in views), *rules)
        if not asks.get("local")
        for one in asked.names_of(asks)
    } | {("team", item["team"]) for item in views if item.get("team") and not item["asks"].get("local")}
    return {
        entity: {name: title for name, title in sorted(titles.items()) if (entity, name) in used}
        for entity, titles in found.names.items()
        if any(one[0] == entity for one in used)
    }


_READERS: Mapping[str, Any] = {
    "roles": lambda reader, raw: {"roles": reader.roles(raw)},
    "fields": lambda reader, raw: {"fields": reader.fields(raw)},
    "field_rights": lambda reader, raw: {"field_rights": reader.field_rights(raw)},
    "rules": lambda reader, raw: {"rules": reader.rules(raw)},
    "layouts": lambda reader, raw: {"layouts": reader.layouts(raw)},
    "pipelines": lambda reader, raw: dict(zip(("pipelines", "stages"), reader.pipelines(raw), strict=True)),
    "templates": lambda reader, raw: {"templates": reader.templates(raw)},
    "views": lambda reader, raw: {"views": reader.views(raw)},
}

"""Goes through the file of a set-up, which may have been written by anybody: what is wrong is said with its place,
nothing is guessed, and what is not known is refused.

Does not belong here: whether a well-formed item fits this workspace (`checks`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from app.services import conditions
from app.services.setup import shapes
from app.services.setup.capture import EVERYBODY, FIELD_FACTS
from app.services.setup.keys import REFERRED
from app.services.setup.shapes import Check, Shape
from models.words import _, grouped

Item = dict[str, Any]
MOST_PROBLEMS, MOST_ITEMS, MOST_FIELDS = 8, 20_000, 500


class Reader:
    """Reads parts of a file. `problems` are sentences, at most `MOST_PROBLEMS`."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self._items = 0

    def say(self, where: str, words: str) -> None:
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(f"{where}: {words}.")

    def roles(self, raw: Any) -> dict[str, Item]:
        found: dict[str, Item] = {}
        for where, item in self._each("roles", raw, shapes.ROLE):
            rights: dict[str, dict[str, str]] = {}
            for entity, actions in self._members(f"{where} › rights", item.pop("rights"), shapes.NAME):
                for action, reach in self._members(f"{where} › rights › {entity}", actions, shapes.NAME):
                    if self._fits(f"{where} › rights › {entity} › {action}", reach, shapes.text(20)):
                        rights.setdefault(entity, {})[action] = reach
            self._add(found, where, item.pop("key"), item | {"rights": rights})
        return found

    def fields(self, raw: Any) -> dict[str, Item]:
        found: dict[str, Item] = {}
        for entity, some in self._members("fields", raw, shapes.NAME):
            for where, item in self._each(f"fields › {entity}", some, shapes.FIELD, MOST_FIELDS):
                if "options" in item:
                    item["options"] = self._options(where, item["options"])
                self._add(found, where, f"{entity}/{item.pop('key')}", _usual(item))
        return found

    def field_rights(self, raw: Any) -> dict[str, Item]:
        found: dict[str, Item] = {}
        for where, name, level in self._by_role("field_rights", raw):
            if self._fits(where, level, shapes.LEVEL):
                self._add(found, where, name, {"level": level})
        return found

    def rules(self, raw: Any) -> dict[str, Item]:
        found: dict[str, Item] = {}
        for where, name, group in self._by_role("rules", raw):
            self._add(found, where, name, {"where": self._group(where, group, 1)})
        return found

    def layouts(self, raw: Any) -> dict[str, Item]:
        found: dict[str, Item] = {}
        for entity, roles in self._members("layouts", raw, shapes.NAME):
            for role, facts in self._members(f"layouts › {entity}", roles, _everybody_or_role):
                where = f"layouts › {entity} › {role}"
                item = self._item(where, facts, shapes.LAYOUT)
                if item:
                    self._add(found, where, f"{entity}/{role}", self._layout(where, item))
        return found

    def pipelines(self, raw: Any) -> tuple[dict[str, Item], dict[str, Item]]:
        pipelines: dict[str, Item] = {}
        stages: dict[str, Item] = {}
        for where, item in self._each("pipelines", raw, shapes.PIPELINE):
            some, key = item.pop("stages"), item.pop("key")
            self._add(pipelines, where, key, item)
            for place, stage in self._each(f"{where} › stages", some, shapes.STAGE):
                self._add(stages, place, stage.pop("key"), stage | {"pipeline": key})
        return pipelines, stages

    def templates(self, raw: Any) -> dict[str, Item]:
        found: dict[str, Item] = {}
        for where, item in self._each("templates", raw, shapes.TEMPLATE):
            self._add(found, where, item.pop("key"), item)
        return found

    def views(self, raw: Any) -> dict[str, Item]:
        found: dict[str, Item] = {}
        for entity, some in self._members("views", raw, shapes.NAME):
            for where, item in self._each(f"views › {entity}", some, shapes.VIEW):
                if (item["audience"] == "team") is not ("team" in item):
                    self.say(where, _("a view of a team names the team, and no other does"))
                asks = self._item(f"{where} › asks", item["asks"], shapes.ASKS)
                if asks is not None:
                    item["asks"] = self._asks(f"{where} › asks", asks)
                    self._add(found, where, f"{entity}/{item.pop('key')}", item)
        return found

    def names(self, raw: Any) -> dict[str, dict[str, str]]:
        found: dict[str, dict[str, str]] = {}
        for entity, titles in self._members("names", raw, shapes.one_of(REFERRED & {"team", "tag"})):
            for name, title in self._members(f"names › {entity}", titles, shapes.KEY):
                if self._fits(f"names › {entity} › {name}", title, shapes.text(200)):
                    found.setdefault(entity, {})[name] = title
        return found

    def _by_role(self, part: str, raw: Any) -> Iterator[tuple[str, str, Any]]:
        """What is said of each role, kind of record and field or action, with its place and name."""
        for role, entities in self._members(part, raw, shapes.ROLE_KEY):
            for entity, members in self._members(f"{part} › {role}", entities, shapes.NAME):
                for name, value in self._members(f"{part} › {role} › {entity}", members, shapes.NAME):
                    yield f"{part} › {role} › {entity} › {name}", f"{role}/{entity}/{name}", value

    def _options(self, where: str, raw: Any) -> list[Item]:
        found: list[Item] = []
        for place, one in self._each(f"{where} › options", raw, shapes.OPTION):
            if any(o["key"] == one["key"] or _same(o, one) for o in found):
                self.say(place, _("this choice is there twice"))
            if not one.get("retired"):
                one.pop("retired", None)
            found.append(one)
        return found

    def _layout(self, where: str, item: Item) -> Item:
        pair = shapes.text(200, empty=True)
        for part, check in (("labels", None), ("when", shapes.text(400))):
            for name, value in self._members(f"{where} › {part}", item.get(part, {}), shapes.NAME):
                if check is not None:
                    self._fits(f"{where} › {part} › {name}", value, check)
                elif not isinstance(value, list) or len(value) != 2 or any(pair(text) for text in value):
                    self.say(f"{where} › labels › {name}", _("must be a label and a help text"))
        for section in self._list(f"{where} › sections", item.get("sections", [])):
            good = isinstance(section, list) and len(section) == 2 and not shapes.text(60)(section[0])
            if not good or shapes.texts(1000, 60)(section[1]):
                self.say(f"{where} › sections", _("each must be a title and a list of fields"))
        return {n: sorted(v) if n == "required" else v for n, v in item.items() if v}

    def _asks(self, where: str, asks: Item) -> Item:
        if "filters" in asks:
            asks["filters"] = [leaf for _place, leaf in self._each(f"{where} › filters", asks["filters"], shapes.LEAF)]
        if "where" in asks:
            asks["where"] = self._group(f"{where} › where", asks["where"], 1)
        return {name: value for name, value in asks.items() if value not in ([], False)}

    def _group(self, where: str, raw: Any, deep: int) -> Item:
        if not isinstance(raw, dict) or len(raw) != 1 or deep > conditions.MOST_DEEP:
            self.say(where, _("must be one “and” or “or”, at most {most} deep", most=conditions.MOST_DEEP))
            return {"and": []}
        join, parts = next(iter(raw.items()))
        if join not in ("and", "or") or not isinstance(parts, list) or not 0 < len(parts) <= conditions.MOST:
            self.say(where, _("must be “and” or “or” with 1 to {most} conditions", most=conditions.MOST))
            return {"and": []}
        found = []
        for index, part in enumerate(parts):
            place = f"{where} › {index + 1}"
            if isinstance(part, dict) and "field" not in part:
                found.append(self._group(place, part, deep + 1))
            elif (leaf := self._item(place, part, shapes.LEAF)) is not None:
                found.append(leaf)
        return {join: found}

    def _each(self, where: str, raw: Any, shape: Shape, most: int = 1000) -> Iterator[tuple[str, Item]]:
        """The good items of a list, each with its place."""
        for index, one in enumerate(self._list(where, raw, most)):
            place = f"{where} › {index + 1}"
            item = self._item(place, one, shape)
            if item is not None:
                yield place, item

    def _list(self, where: str, raw: Any, most: int = 1000) -> list[Any]:
        if not isinstance(raw, list) or len(raw) > most:
            self.say(where, _("must be a list, of at most {most}", most=grouped(most)))
            return []
        return raw if self._room(where, len(raw)) else []

    def _members(self, where: str, raw: Any, check: Check) -> list[tuple[str, Any]]:
        """The members of an object whose names are good."""
        if not isinstance(raw, dict):
            self.say(where, _("must be an object"))
            return []
        if not self._room(where, len(raw)):
            return []
        return [(name, value) for name, value in raw.items() if self._fits(f"{where} › {name[:40]}", name, check)]

    def _item(self, where: str, raw: Any, shape: Shape) -> Item | None:
        if not isinstance(raw, dict):
            self.say(where, _("must be an object"))
            return None
        good = True
        for name in raw.keys() - shape.members.keys():
            self.say(where, _("“{name}” is not known here", name=str(name)[:40]))
            good = False
        for name in sorted(shape.needed - raw.keys()):
            self.say(where, _("“{name}” is missing", name=name))
            good = False
        for name, value in raw.items():
            if name in shape.members and not self._fits(f"{where} › {name}", value, shape.members[name]):
                good = False
        return dict(raw) if good else None

    def _fits(self, where: str, value: Any, check: Check) -> bool:
        words = check(value)
        if words:
            self.say(where, words)
        return not words

    def _room(self, where: str, number: int) -> bool:
        self._items += number
        if self._items > MOST_ITEMS:
            self.say(where, _("there are more than {most} items in this file", most=grouped(MOST_ITEMS)))
            return False
        return True

    def _add(self, found: dict[str, Item], where: str, name: str, item: Item) -> None:
        if name in found:
            self.say(where, _("“{name}” is there twice", name=name))
        found[name] = item


def _same(one: Item, other: Item) -> bool:
    """Whether two choices that are offered are called the same; a retired one may be called as a later one is."""
    offered = not one.get("retired") and not other.get("retired")
    return offered and str(one["label"]).casefold() == str(other["label"]).casefold()


def _everybody_or_role(value: Any) -> str:
    return "" if value == EVERYBODY else shapes.ROLE_KEY(value)


def _usual(item: Item) -> Item:
    """A field without what is as usual, as a set-up that is read here has it."""
    return {n: v for n, v in item.items() if n == "key" or v not in (FIELD_FACTS[n], None, "", [])}

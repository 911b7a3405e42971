"""What would change: two set-ups side by side, as steps that can be taken or left one by one.

A file meets what is here by names, and where a name is not known by what people call the item, so that sending a file
again updates and doubles nothing. A file takes nothing away unless asked to; a return to an earlier state does. Does
not belong here: what stands in the way of a step (`checks`) and taking it (`apply`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from app import permissions
from app.services import saved_views
from app.services.setup import asked, keys
from app.services.setup.capture import PARTS, Item, Items, Setup
from app.services.setup.states import label
from models.scope import Actor

# Whose right to write a part needs.
RIGHTS: Mapping[str, tuple[str, ...]] = {
    "roles": ("role",), "fields": ("custom_field",), "field_rights": ("role",), "rules": ("role",),
    "layouts": ("custom_field",), "pipelines": ("pipeline", "stage"), "stages": ("stage",),
    "templates": ("template",), "views": ("view",),
}  # fmt: skip
# Parts whose items go to a bin, and whose right to delete that needs.
BINNED: Mapping[str, str] = {
    "fields": "custom_field", "pipelines": "pipeline", "stages": "stage", "templates": "template",
}  # fmt: skip
ADD, CHANGE, SAME, REMOVE = "add", "change", "same", "remove"


@dataclass(slots=True)
class Step:
    """One item that differs. `problem` says why it can't be taken, `note` what taking it means."""

    part: str
    name: str
    verb: str
    label: str
    old: Item | None
    new: Item | None
    problem: str = ""
    note: str = ""

    @property
    def id(self) -> str:
        return f"{self.part}:{self.name}"


@dataclass(slots=True)
class Plan:
    """The steps from what is here to what is wanted. `exact` is a return: choices and items that the wanted state does
    not know go too. `left` are parts that this person may not change, and `apart` says that there are views of teams
    that they do not see.
    """

    here: Setup
    wanted: Items
    steps: list[Step]
    exact: bool
    left: list[str] = field(default_factory=list)
    same: int = 0
    apart: bool = False

    def usual(self) -> set[str]:
        """The steps that are taken unless somebody says otherwise."""
        return {one.id for one in self.steps if not one.problem and (self.exact or one.verb != REMOVE)}

    def outcome(self, chosen: Iterable[str]) -> Items:
        """The set-up as it would be after these steps."""
        wanted = set(chosen)
        found = {part: dict(items) for part, items in self.here.items.items()}
        for one in self.steps:
            if one.id not in wanted:
                continue
            if one.new is None:
                found[one.part].pop(one.name, None)
            else:
                found[one.part][one.name] = one.new
        return found


def of_file(here: Setup, items: Items, names: Mapping[str, Mapping[str, str]], *, actor: Actor) -> Plan:
    """What a file would change; parts that it does not have stay as they are."""
    wanted = _met(here, deepcopy(items), names)
    for name, item in wanted.get("fields", {}).items():
        present = here.items["fields"].get(name)
        if present is not None:
            _keep_choices(item, present)
    return _plan(here, wanted, exact=False, actor=actor)


def of_state(here: Setup, items: Items, *, actor: Actor) -> Plan:
    """What a return to a state would change."""
    return _plan(here, items, exact=True, actor=actor)


def lacking(actor: Actor) -> list[str]:
    """The parts that this person may not change."""
    return [p for p in PARTS if any(permissions.reach(actor, "write", e) is None for e in RIGHTS[p])]


def _plan(here: Setup, wanted: Items, *, exact: bool, actor: Actor) -> Plan:
    left = [part for part in lacking(actor) if wanted.get(part) or (exact and here.items[part])]
    found = Plan(here, wanted, [], exact, left)
    for part in PARTS:
        if part not in wanted or part in left:
            continue
        present = here.items[part]
        for name in sorted(present.keys() | wanted[part].keys()):
            old, new = present.get(name), wanted[part].get(name)
            if part == "views" and _apart(here, old, new if exact else None, actor=actor):
                found.apart = True
                continue
            if old == new:
                found.same += 1
                continue
            verb = ADD if old is None else REMOVE if new is None else CHANGE
            told = label(part, name, new or old or {}, (wanted if "roles" in wanted else here.items, here.items))
            found.steps.append(Step(part, name, verb, told, old, new))
    return found


def _apart(here: Setup, *known: Item | None, actor: Actor) -> bool:
    """Whether one of these is a view of a team that this person has nothing to do with."""
    return any(item is not None and not may_arrange(here, item, actor) for item in known)


def may_arrange(here: Setup, view: Item, actor: Actor) -> bool:
    """Whether a person may see and change a shared view as a document tells it."""
    team = here.keys.id_of("team", view.get("team") or "")
    return saved_views.may_arrange(view["audience"], team, actor=actor)


def arranged(here: Setup, actor: Actor) -> list[str]:
    """The names of the shared views that a person may see and change."""
    if permissions.reach(actor, "write", "view") is None:
        return []
    return [name for name, item in here.items["views"].items() if may_arrange(here, item, actor)]


def _keep_choices(item: Item, present: Item) -> None:
    """A choice that only this workspace has stays: records may hold it."""
    told = {one["key"] for one in item.get("options", ())}
    own = [one for one in present.get("options", ()) if one["key"] not in told]
    if own and item.get("options"):
        item["options"] = [*item["options"], *own]


def _met(here: Setup, items: Items, names: Mapping[str, Mapping[str, str]]) -> Items:
    """The items of a file under the names that the same things have here."""
    roles: dict[str, str] = {}
    if "roles" in items:
        items["roles"], roles = _renamed("roles", items, here)
    for part in ("pipelines", "stages", "templates", "views"):
        if part not in items:
            continue
        items[part], known = _renamed(part, items, here)
        _refer(items, part, known)
    _meet_others(items, here, names)
    return _with_roles(items, roles)


def _renamed(part: str, items: Items, here: Setup) -> tuple[dict[str, Item], dict[str, str]]:
    """Items by the names that they have here, and which names these take the place of."""
    theirs, ours = items[part], here.items[part]
    free = {_called(part, name, item): name for name, item in ours.items() if name not in theirs}
    found: dict[str, Item] = {}
    known: dict[str, str] = {}
    for name, item in theirs.items():
        other = free.pop(_called(part, name, item), None) if name not in ours else None
        if other is not None:
            known[name] = other
        found[other or name] = item
    return found, known


def _called(part: str, name: str, item: Item) -> tuple[Any, ...]:
    """What people know an item by."""
    told = str(item.get("label") or item.get("name", "")).casefold()
    if part == "stages":
        return item["pipeline"], told
    if part == "views":
        return name.partition("/")[0], item["audience"], item.get("team"), told
    return (told,)


def _refer(items: Items, part: str, known: Mapping[str, str]) -> None:
    """Have other items speak of a pipeline or stage by the name that it has here."""
    if part == "pipelines":
        for item in items.get("stages", {}).values():
            item["pipeline"] = known.get(item["pipeline"], item["pipeline"])
    entity = {"pipelines": "pipeline", "stages": "stage"}.get(part)
    if entity:
        _say(items, {entity: known})


def _meet_others(items: Items, here: Setup, names: Mapping[str, Mapping[str, str]]) -> None:
    """Teams and tags are met by what they are called now; their names in the file are those of another workspace."""
    known: dict[str, dict[str, str]] = {}
    for entity, titles in names.items():
        present = keys.called(entity, titles.values())
        ours = here.keys.of(entity, [(key, title) for title, key in present.items()])
        known[entity] = {name: ours[present[title]] for name, title in titles.items() if title in present}
    _say(items, known)
    for item in items.get("views", {}).values():
        if "team" in item:
            item["team"] = known.get("team", {}).get(item["team"], item["team"])


def _say(items: Items, known: Mapping[str, Mapping[str, str]]) -> None:
    """Have views and rules ask for records by the names that these have here."""
    for asks in (*(item["asks"] for item in items.get("views", {}).values()), *items.get("rules", {}).values()):
        for leaf in asked.leaves(asks):
            ours = known.get(leaf.get("of", ""), {})
            leaf["values"] = [ours.get(value, value) for value in leaf["values"]]
        if "inside" in asks:
            asks["inside"] = known.get("pipeline", {}).get(asks["inside"], asks["inside"])


def _with_roles(items: Items, roles: Mapping[str, str]) -> Items:
    """Limits, rules and layouts of a role that has another name here."""
    for part, at in (("field_rights", 0), ("rules", 0), ("layouts", 1)):
        if part in items and roles:
            moved = {}
            for name, item in items[part].items():
                pieces = name.split("/")
                pieces[at] = roles.get(pieces[at], pieces[at])
                moved["/".join(pieces)] = item
            items[part] = moved
    return items

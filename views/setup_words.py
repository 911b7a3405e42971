"""The set-up in words: its parts, what a step of a plan changes, and what happened at a moment of its history.

Does not belong here: the pages (`views.setup`) and what is compared (`app.services.setup`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from app.services import filters, rules, schema
from app.services.setup.capture import EVERYBODY, FIELD_FACTS, Items
from app.services.setup.plan import Step
from models import custom, registry
from models.message import KINDS
from models.view import AUDIENCES
from models.words import N_, Marked, _
from views.roles import label_of

PARTS = {
    "roles": N_("Roles"), "fields": N_("Fields"), "field_rights": N_("Limits of fields"),
    "rules": N_("Rules of roles"), "layouts": N_("Layouts"),
    "pipelines": N_("Pipelines"), "stages": N_("Stages"), "templates": N_("Templates"), "views": N_("Shared views"),
}  # fmt: skip
# What happened to an item, whole sentences of each part.
_HAPPENED: Mapping[str, Mapping[str, str]] = {
    "roles": {
        "add": N_("Role {item} added"), "change": N_("Role {item} changed"), "remove": N_("Role {item} taken away"),
    },
    "fields": {
        "add": N_("Field {item} added"), "change": N_("Field {item} changed"), "remove": N_("Field {item} taken away"),
    },
    "field_rights": {
        "add": N_("Field {item} limited"), "change": N_("Limit of {item} changed"),
        "remove": N_("Limit of {item} taken away"),
    },
    "rules": {
        "add": N_("Rule for {item} added"), "change": N_("Rule for {item} changed"),
        "remove": N_("Rule for {item} taken away"),
    },
    "layouts": {
        "add": N_("Layout of {item} added"), "change": N_("Layout of {item} changed"),
        "remove": N_("Layout of {item} taken away"),
    },
    "pipelines": {
        "add": N_("Pipeline {item} added"), "change": N_("Pipeline {item} changed"),
        "remove": N_("Pipeline {item} taken away"),
    },
    "stages": {
        "add": N_("Stage {item} added"), "change": N_("Stage {item} changed"), "remove": N_("Stage {item} taken away"),
    },
    "templates": {
        "add": N_("Template {item} added"), "change": N_("Template {item} changed"),
        "remove": N_("Template {item} taken away"),
    },
    "views": {
        "add": N_("View {item} added"), "change": N_("View {item} changed"), "remove": N_("View {item} taken away"),
    },
}  # fmt: skip
_MEMBERS = {
    "label": N_("Label"), "kind": N_("Type"), "hint": N_("Help"), "section": N_("Section"), "position": N_("Position"),
    "required": N_("Required"), "searchable": N_("Found by search"), "target": N_("Links to"),
    "places": N_("Decimal places"), "result": N_("Gives"), "formula": N_("Formula"),
    "personal": N_("Tells something of a person"), "category": N_("Data category"), "purpose": N_("Purpose"),
    "keep": N_("Kept"), "name": N_("Name"), "pipeline": N_("Pipeline"), "probability": N_("Probability"),
    "outcome": N_("Outcome"), "subject": N_("Subject"), "body": N_("Text"), "audience": N_("Who has it"),
    "team": N_("Team"), "level": N_("Limit"), "sort": N_("Order"), "columns": N_("Columns"),
    "display": N_("Shown as"), "by": N_("By"), "group": N_("Grouped by"), "totals": N_("Totals"),
    "inside": N_("Pipeline of the board"),
}  # fmt: skip
# Left out where an item is told in one line.
_ORDER = N_("Order of choices")
_UNTOLD = ("Label", "Name", "Order of choices", "Position", "Text")
_LEVELS = {"hidden": N_("Does not see"), "read": N_("Sees")}
_REACHES = {"own": N_("Own"), "team": N_("Team"), "workspace": N_("All")}
_ACTIONS = {"read": N_("Read"), "write": N_("Write"), "delete": N_("Delete"), "export": N_("Export")}
_CHOICES: Mapping[str, tuple[tuple[str, str], ...]] = {
    "kind": (*custom.KINDS, *KINDS),
    "audience": AUDIENCES,
    "level": tuple(_LEVELS.items()),
    "keep": custom.RETENTIONS,
    "category": custom.CATEGORIES,
    "purpose": custom.PURPOSES,
    "result": custom.RESULTS,
}
_WORDS = {name: {key: Marked(str.__str__(label)) for key, label in choices} for name, choices in _CHOICES.items()}
_WHOSE: Mapping[str, str] = {str(who): words for who, words in rules.WHOSE.items()}
_MOST_TEXT = 160


def happened(changes: Iterable[Iterable[str]]) -> list[str]:
    """What an operation changed, as sentences."""
    found = []
    for part, name, verb, label in changes:
        if verb == "more":
            found.append(_("and {n} more", n=label))
        else:
            found.append(_HAPPENED[part][verb].format(item=called(part, name, label)))
    return found


def called(part: str, name: str, label: str) -> str:
    """An item by what people call it, with where it belongs."""
    first, _slash, rest = name.partition("/")
    if part == "field_rights":
        entity, _slash, one = rest.partition("/")
        told = {"field": field(entity, one), "records": label_of(entity).lower(), "role": label}
        return _("“{field}” of {records} for {role}", **told)
    if part == "rules":
        entity, _slash, action = rest.partition("/")
        told = {"action": str(_ACTIONS.get(action, action)), "records": label_of(entity).lower(), "role": label}
        return _("“{action}” on {records} for {role}", **told)
    if part == "layouts":
        records = label_of(first).lower()
        return records if rest == EVERYBODY else _("{records} for {role}", records=records, role=label)
    if part in ("fields", "views"):
        return _("“{name}” of {records}", name=label, records=label_of(first).lower())
    return f"“{label}”"


def headed(part: str, name: str, label: str) -> str:
    """An item as the head of a line under its part."""
    first, _slash, rest = name.partition("/")
    if part == "layouts":
        return label_of(first) if rest == EVERYBODY else f"{label_of(first)}, {label}"
    if part == "rules":
        entity, _slash, action = rest.partition("/")
        return f"{label}, {label_of(entity).lower()}: {_ACTIONS.get(action, action)}"
    return f"{label} ({label_of(first).lower()})" if part in ("fields", "views") else label


def field(entity: str, name: str, items: Items | None = None) -> str:
    """A field by its label: as it is here, or as a document has it."""
    model = registry.entities().get(entity)
    known = schema.known(model) if model is not None else {}
    links = filters.links(model) if model is not None else {}
    if name in known or name in links:
        return str(known[name].label if name in known else links[name].label)
    told = (items or {}).get("fields", {}).get(f"{entity}/{name}")
    return str(told["label"]) if told else name


def differences(step: Step, items: Items) -> list[dict[str, Any]]:
    """What a step changes, member by member: label, old, new."""
    old, new = (dict(_flat(step, _whole(step, item), items)) for item in (step.old, step.new))
    names = [*new, *(name for name in old if name not in new)]
    return [
        {"label": name, "old": old.get(name, ""), "new": new.get(name, "")}
        for name in names
        if old.get(name, "") != new.get(name, "")
    ]


def brief(step: Step, items: Items) -> str:
    """An item that is new or only here, in one line."""
    told = dict(_flat(step, step.new or step.old, items))
    for name in _UNTOLD:
        told.pop(name, None)
    return _cut("; ".join(f"{name}: {text}" for name, text in told.items() if text))


def _whole(step: Step, item: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """A field with what is as usual, which a document leaves out."""
    if item is None or step.part != "fields":
        return item
    return {name: item.get(name, usual) for name, usual in FIELD_FACTS.items() if item.get(name, usual) is not None}


def _flat(step: Step, item: Mapping[str, Any] | None, items: Items) -> Iterator[tuple[str, str]]:
    """The members of an item as (label, text)."""
    entity = step.name.partition("/")[0]
    for name, value in (item or {}).items():
        if name == "options":
            yield from _choices(value)
        elif name == "rights":
            for of, actions in sorted(value.items()):
                for action, reach in sorted(actions.items()):
                    yield f"{label_of(of)}: {_ACTIONS.get(action, action)}", str(_REACHES.get(reach, reach))
        elif name == "asks":
            yield from _asked(entity, value, items)
        elif step.part == "rules":
            if name == "where":
                yield _("Conditions"), _group(step.name.split("/")[1], value, items)
        elif step.part == "layouts":
            yield from _laid_out(entity, name, value, items)
        else:
            yield _MEMBERS.get(name, name), _text(name, value, items)


def _choices(options: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    for one in options:
        label = _("{choice} (not offered any more)", choice=one["label"]) if one.get("retired") else one["label"]
        yield _("Choice {key}", key=one["key"]), label
    yield _ORDER, ", ".join(one["label"] for one in options if not one.get("retired"))


def _asked(entity: str, asks: Mapping[str, Any], items: Items) -> Iterator[tuple[str, str]]:
    yield _("Filters"), "; ".join(_leaf(entity, leaf, items) for leaf in asks.get("filters", ()))
    if "where" in asks:
        yield _("Conditions"), _group(entity, asks["where"], items)
    for name in ("sort", "columns", "by", "group"):
        given = asks.get(name, [])
        told = [field(entity, one.removeprefix("-"), items) for one in ([given] if isinstance(given, str) else given)]
        yield _MEMBERS[name], ", ".join(told)
    for name in ("display", "totals", "inside"):
        yield _MEMBERS[name], _text(name, asks[name], {}) if name in asks else ""


def _group(entity: str, group: Mapping[str, Any], items: Items) -> str:
    join, parts = next(iter(group.items()))
    told = [_leaf(entity, part, items) if "field" in part else f"({_group(entity, part, items)})" for part in parts]
    return (_(" and ") if join == "and" else _(" or ")).join(told)


def _leaf(entity: str, leaf: Mapping[str, Any], items: Items) -> str:
    words = str(filters.WORDS.get(leaf["op"], leaf["op"]))
    told = (str(_WHOSE.get(value, value)) for value in leaf["values"])
    return f"{field(entity, leaf['field'], items)} {words} {', '.join(told)}".strip()


def _laid_out(entity: str, name: str, value: Any, items: Items) -> Iterator[tuple[str, str]]:
    if name == "labels":
        for one, (label, hint) in value.items():
            yield f"{field(entity, one, items)}", " – ".join(text for text in (label, hint) if text)
    elif name == "when":
        for one, text in value.items():
            yield _("{field} shown when", field=field(entity, one, items)), text
    elif name == "sections":
        yield (
            "Sections",
            "; ".join(f"{title}: {', '.join(field(entity, n, items) for n in names)}" for title, names in value),
        )
    elif name != "local":
        label = _("Required fields") if name == "required" else _MEMBERS[name]
        yield label, ", ".join(field(entity, one, items) for one in value)


def _text(name: str, value: Any, items: Items) -> str:
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if name == "pipeline" and value in items.get("pipelines", {}):
        return str(items["pipelines"][value]["name"])
    words: Mapping[str, str] = _WORDS.get(name, {})
    return _cut(str(words.get(value, value)) if isinstance(value, str) else str(value))


def _cut(text: str) -> str:
    return text if len(text) <= _MOST_TEXT else f"{text[: _MOST_TEXT - 1]}…"

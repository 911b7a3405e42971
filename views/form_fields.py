"""The fields of a form as its templates take them: what is in them, and how each is drawn.

What no record changes (labels, kinds, choices, what is required) is worked out once for as long as the set-up of the
workspace holds. Does not belong here: reading what was typed and saving it (`views.forms`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from app.errors import Conflict
from app.services import filters, kept, layouts, schema, values
from models import registry
from models.fields import Field, Kind
from models.words import _
from views import custom_inputs, layout, shell, webhooks
from views.screen import Screen, of, screens


@dataclass(slots=True)
class Typed:
    """What a form holds: texts by field, child rows by group, links, and what is wrong with them."""

    texts: dict[str, str] = field(default_factory=dict)
    rows: dict[str, list[dict[str, str]]] = field(default_factory=dict)
    links: dict[str, list[int]] = field(default_factory=dict)
    titles: dict[tuple[str, int], str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    conflict: Conflict | None = None
    version: str = ""


def blank_sections(screen: Screen) -> list[dict[str, Any]]:
    """The sections of an empty form, as the role in force gets them."""
    typed = Typed(dict.fromkeys(layout.fields(screen), ""))
    return [drawn_section(screen, section, None, typed, {}) for section in layout.sections(screen)]


def drawn_section(
    screen: Screen, section: Any, record: Any, typed: Typed, titles: dict[tuple[str, int], str]
) -> dict[str, Any]:
    fields = [draw(screen, n, record, typed, titles) for n in section.fields]
    children = [_group(entity, typed) for entity in section.children]
    wrong = sum(bool(f["errors"]) for f in fields) + sum(
        n.startswith(f"{e}-") for e in section.children for n in typed.errors
    )
    return {
        "id": section.title.lower().replace(" ", "-"),
        "title": section.title,
        "hint": "",
        "errors": wrong,
        "fields": fields,
        "children": children,
    }


def draw(screen: Screen, name: str, record: Any, typed: Typed, titles: dict[tuple[str, int], str]) -> dict[str, Any]:
    errors = [typed.errors[name]] if name in typed.errors else []
    link = filters.links(screen.model).get(name)
    if link is not None:
        chosen = [(k, titles.get((link.target, k), f"#{k}")) for k in typed.links.get(name, [])]
        return {
            "name": name,
            "label": link.label,
            "kind": "relation_many",
            "value": chosen,
            "errors": errors,
            "picker_url": of(link.target).url(page="picker"),
            "wide": True,
        }
    one, still = kept.derived(("field of a form", screen.model, name), lambda: _still(screen, name))
    text = typed.texts.get(name, "")
    drawn: dict[str, Any] = {**still, "value": text, "errors": errors, "currency": shell.locale().currency}
    if "when" in still:
        drawn["unmet"] = layout.misses(screen, name, typed.texts)
    if one.custom or one.readonly:
        drawn |= custom_inputs.drawn(one, name, text, record)
    elif one.kind is Kind.MULTI:
        drawn |= custom_inputs.several(one, text) | {"grid": webhooks.grid(one.choices)}
    if one.kind is Kind.RELATION and not one.readonly:
        drawn["picker_url"] = of(one.target).picker(text) if one.target in screens() else ""
        drawn["display"] = titles.get((one.target or "", values.whole(text) or 0), "")
    return drawn


def _still(screen: Screen, name: str) -> tuple[Field, dict[str, Any]]:
    """A field, and what of its drawing no record changes."""
    one, when = schema.fields(screen.model)[name], layouts.condition_of(screen.entity, name)
    still = {
        "name": name,
        "label": one.label,
        "kind": one.kind.value,
        "choices": one.choices,
        "hint": one.hint,
        "max": one.max_length,
        "required": schema.is_required(screen.model, name),
        "step": 1,
    }
    return one, still | ({"when": when} if when else {})


def _group(entity: str, typed: Typed) -> dict[str, Any]:
    columns = kept.derived(("columns of a form", entity), lambda: _columns(entity))
    rows = []
    for index, row in enumerate(typed.rows.get(entity, [])):
        start = f"{entity}-{index}-"
        rows.append(
            {
                "id": row["id"],
                "values": row,
                "errors": {n.removeprefix(start): [t] for n, t in typed.errors.items() if n.startswith(start)},
            }
        )
    other = screens().get(entity)
    label = other.label if other else entity.replace("_", " ").capitalize()
    return {
        "name": entity,
        "label": label,
        "columns": columns,
        "rows": rows,
        "add_label": _("Add {singular}", singular=other.singular) if other else _("Add another"),
    }


def _columns(entity: str) -> list[dict[str, Any]]:
    return [
        {"name": n, "label": f.label, "kind": f.kind.value, "choices": f.choices, "width": _width(f)}
        for n, f in row_fields(entity).items()
    ]


def _width(one: Field) -> str:
    return (
        "w1"
        if one.kind is Kind.CHOICE or (one.max_length or 999) <= 40
        else "w2"
        if (one.max_length or 999) <= 120
        else "w3"
    )


def row_fields(entity: str) -> Mapping[str, Field]:
    """What can be set in a row of a group, such as an e-mail address of a contact."""
    model = registry.entity(entity)
    link = registry.parent_link(model)
    return kept.derived(
        ("fields of a row", model), lambda: {n: f for n, f in schema.writable(model).items() if n != link}
    )

"""Reads the set-up of the workspace in force, whoever looks: what a document holds, as items by part and name.

Items are plain values in one normal form, so that the same set-up always reads the same. What people made of it
(records, values) is never in it, nor are ids. Does not belong here: files (`document`) and comparing (`plan`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from app.errors import Invalid
from app.services import filters, schema, values
from app.services.setup import asked, keys
from app.services.setup.keys import Keys
from models import registry, scope
from models.base import session
from models.custom import CustomField, FieldRight
from models.deal import Pipeline, Stage
from models.message import Template
from models.role_rule import RoleRule
from models.scope import Reach
from models.user import Permission, PermissionView, Role, ViewMenu, assoc_permissionview_role
from models.words import _

PARTS = ("roles", "fields", "field_rights", "rules", "layouts", "pipelines", "stages", "templates", "views")
EVERYBODY = "*"
Item = dict[str, Any]
Items = dict[str, dict[str, Item]]
# Facts of a field, each with what it is when nothing is said of it.
FIELD_FACTS: Mapping[str, Any] = {
    "label": None, "kind": None, "hint": None, "section": "More", "position": 0, "required": False, "searchable": False,
    "options": None, "target": None, "places": 0, "result": None, "formula": None, "personal": True, "category": None,
    "purpose": None, "keep": "record",
}  # fmt: skip
_LOCALE = values.Locale()


@dataclass(slots=True)
class Setup:
    """Items by part and name; what its names of teams and tags stand for; what can't go into a file."""

    items: Items
    names: dict[str, dict[str, str]] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)
    keys: Keys = field(default_factory=Keys)
    shared_views: tuple[int, ...] = ()

    def name_of(self, entity: str, key: int) -> str | None:
        """The name under which a record stands in documents."""
        return self.keys.known.get(entity, {}).get(key)


def take(of_views: Callable[[schema.View], bool] | None = None) -> Setup:
    """The set-up as it is now; of the shared views all, or those that `of_views` says."""
    with scope.seen_as(None), session.no_autoflush:
        found = Setup({part: {} for part in PARTS}, keys=keys.read())
        role_keys = _roles(found)
        _fields(found)
        _field_rights(found, role_keys)
        _layouts(found, role_keys)
        _pipelines(found)
        _templates(found)
        shared = _shared_views(found, of_views or (lambda _one: True))
        rules = _stored_rules(role_keys)
        _name_references(found, shared, rules)
        _rules(found, rules)
        _views(found, shared)
    return found


def _roles(found: Setup) -> dict[int, str]:
    """The roles that the brokerage made, with their rights. Returns the names of all roles by id."""
    mine = sa.select(Role.id, Role.key, Role.label, Role.builtin).where(Role.workspace_id == scope.workspace_id())
    rows = session.execute(mine).all()
    own = [row for row in rows if not row.builtin]
    rights: dict[int, dict[str, dict[str, str]]] = {row.id: {} for row in own}
    for role_id, entity, permission in session.execute(_rights_of(list(rights))) if own else ():
        action, _, reach = permission.partition(".")
        if reach in Reach.__members__.values():
            rights[role_id].setdefault(entity, {})[action] = reach
    found.items["roles"] = {row.key: {"label": row.label, "rights": rights[row.id]} for row in own}
    return {row.id: row.key for row in rows}


def _rights_of(roles: list[int]) -> Any:
    link = assoc_permissionview_role.c
    return (
        sa.select(link.role_id, ViewMenu.name, Permission.name)
        .join_from(assoc_permissionview_role, PermissionView, PermissionView.id == link.permission_view_id)
        .join(Permission, Permission.id == PermissionView.permission_id)
        .join(ViewMenu, ViewMenu.id == PermissionView.view_menu_id)
        .where(link.role_id.in_(roles))
    )


def _fields(found: Setup) -> None:
    columns = [getattr(CustomField, name) for name in ("entity", "key", *FIELD_FACTS)]
    for row in session.execute(sa.select(*columns)):
        found.items["fields"][f"{row.entity}/{row.key}"] = field_item(row)


def field_item(row: Any) -> Item:
    """The normal form of a definition: what is as usual is left out, and of the choices those that only name old
    values.
    """
    item: Item = {}
    for name, usual in FIELD_FACTS.items():
        value = getattr(row, name)
        if name == "options":
            value = [
                {"key": one["key"], "label": one["label"]} | ({"retired": True} if one.get("retired") else {})
                for one in value or ()
                if not one.get("former")
            ]
        if value not in (usual, None, "", []):
            item[name] = value
    return item


def _field_rights(found: Setup, role_keys: Mapping[int, str]) -> None:
    columns = (FieldRight.role_id, FieldRight.entity, FieldRight.field, FieldRight.level)
    for role_id, entity, name, level in session.execute(sa.select(*columns)):
        if role_id in role_keys and name in _known(entity):
            found.items["field_rights"][f"{role_keys[role_id]}/{entity}/{name}"] = {"level": level}


def _known(entity: str) -> Mapping[str, Any]:
    model = registry.entities().get(entity)
    return {} if model is None else schema.every(model)


def _layouts(found: Setup, role_keys: Mapping[int, str]) -> None:
    for entity, of_roles in schema.current().layouts.items():
        model = registry.entities().get(entity)
        for role_id, facts in of_roles.items() if model is not None else ():
            item = layout_item(model, facts)
            name = role_keys.get(role_id) if role_id else EVERYBODY
            if item and name:
                found.items["layouts"][f"{entity}/{name}"] = item


def layout_item(model: Any, facts: Mapping[str, Any]) -> Item:
    """The normal form of a layout: what it says of fields that are there, as saving it again would keep it."""
    known, links = schema.every(model), filters.links(model)
    labels = {n: list(pair) for n, pair in sorted(facts.get("labels", {}).items()) if n in known}
    sections = [[title, [n for n in names if n in known or n in links]] for title, names in facts.get("sections", ())]
    item: Item = {
        "labels": labels,
        "sections": [one for one in sections if one[1]],
        "required": sorted(n for n in facts.get("required", ()) if n in known and not known[n].readonly),
        "columns": [n for n in facts.get("columns", ()) if n in known],
        "when": {n: text for n, text in sorted(facts.get("when", {}).items()) if n in known and _holds(model, text)},
    }
    item = {name: value for name, value in item.items() if value}
    if any(is_local(model, text) for text in item.get("when", {}).values()):
        item["local"] = True
    return item


def is_local(model: Any, text: str) -> bool:
    """Whether a condition asks for a record of this workspace."""
    name, _, rest = text.partition(":")
    return asked.target_of(model, name) is not None and bool(rest.partition(":")[2])


def _holds(model: Any, text: str) -> bool:
    try:
        filters.parse(model, text, _LOCALE)
    except Invalid:
        return False
    return True


def _pipelines(found: Setup) -> None:
    rows = session.execute(sa.select(Pipeline.id, Pipeline.name)).all()
    names = found.keys.of("pipeline", [(row.id, row.name) for row in rows])
    found.items["pipelines"] = {names[row.id]: {"name": row.name} for row in rows}
    columns = (Stage.id, Stage.name, Stage.pipeline_id, Stage.position, Stage.probability, Stage.outcome)
    stages = [row for row in session.execute(sa.select(*columns)) if row.pipeline_id in names]
    own = found.keys.of("stage", [(row.id, f"{names[row.pipeline_id]} {row.name}") for row in stages])
    for row in stages:
        found.items["stages"][own[row.id]] = {
            "name": row.name, "pipeline": names[row.pipeline_id], "position": row.position,
            "probability": row.probability, "outcome": row.outcome,
        }  # fmt: skip


def _templates(found: Setup) -> None:
    rows = session.execute(sa.select(Template.id, Template.name, Template.subject, Template.kind, Template.body)).all()
    names = found.keys.of("template", [(row.id, row.name) for row in rows])
    for row in rows:
        item = {"name": row.name, "kind": row.kind, "subject": row.subject, "body": row.body}
        found.items["templates"][names[row.id]] = item


def _stored_rules(role_keys: Mapping[int, str]) -> list[tuple[str, type[Any], RoleRule]]:
    """The rules of the brokerage's roles, each with its name in documents and the model that it speaks of."""
    rows = session.scalars(sa.select(RoleRule).order_by(RoleRule.role_id, RoleRule.entity, RoleRule.action))
    return [
        (f"{role_keys[row.role_id]}/{row.entity}/{row.action}", registry.entity(row.entity), row)
        for row in rows
        if row.role_id in role_keys and row.entity in registry.entities()
    ]


def _rules(found: Setup, rules: list[tuple[str, type[Any], RoleRule]]) -> None:
    for name, model, row in rules:
        told = {"role": found.items["roles"].get(name.partition("/")[0], {}).get("label", ""), "of": row.entity}
        try:
            item = asked.told_rule(model, row.text, found.name_of)
        except asked.Local:
            item = asked.of_rule(row.text) | {"local": True}
            found.left.append(
                _("A rule of the role “{role}” ({of}): it asks for people or records of this workspace.", **told)
            )
        except asked.Personal:
            found.left.append(_("A rule of the role “{role}” ({of}): it holds words about people.", **told))
            continue
        found.items["rules"][name] = item


def _shared_views(found: Setup, wanted: Callable[[schema.View], bool]) -> list[tuple[Any, schema.View]]:
    shared = [
        (registry.entity(entity), one)
        for entity, views in schema.current().views.items()
        for one in views
        if one.audience != "private" and entity in registry.entities() and wanted(one)
    ]
    found.shared_views = tuple(one.id for _model, one in shared)
    return shared


def _views(found: Setup, shared: list[tuple[Any, schema.View]]) -> None:
    for model, one in sorted(shared, key=lambda pair: pair[1].id):
        item: Item = {"name": one.name, "audience": one.audience}
        if one.audience == "team":
            item["team"] = found.name_of("team", one.team_id or 0)
        try:
            item["asks"] = asked.told(model, one.query, found.name_of)
        except asked.Local:
            item |= {"asks": asked.raw(one.query) | {"local": True}}
            found.left.append(_("The view “{name}”: it asks for people or records of this workspace.", name=one.name))
        except asked.Personal:
            found.left.append(_("The view “{name}”: it holds words about people.", name=one.name))
            continue
        entity = model.__tablename__
        found.items["views"][f"{entity}/{found.keys.of(keys.of_views(entity), [(one.id, one.name)])[one.id]}"] = item


def _name_references(
    found: Setup, shared: list[tuple[Any, schema.View]], rules: list[tuple[str, type[Any], RoleRule]]
) -> None:
    """Give names to the teams and tags that shared views and rules ask for, or that views belong to."""
    wanted: dict[str, set[int]] = {"team": set(), "tag": set()}
    references = {("team", one.team_id) for _model, one in shared if one.team_id}
    for model, one in shared:
        references |= asked.references(model, one.query)
    for _name, model, row in rules:
        references |= asked.references_of_rule(model, row.text)
    for entity, key in references:
        if entity in wanted:
            wanted[entity].add(key)
    for entity, rows in keys.titles({entity: ids for entity, ids in wanted.items() if ids}).items():
        names = found.keys.of(entity, rows.items())
        found.names[entity] = {names[key]: title for key, title in rows.items()}

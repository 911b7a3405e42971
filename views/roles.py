"""The roles of the workspace as a matrix of records and actions; copying, editing and deleting one's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, flash, redirect, render_template, request
from werkzeug.wrappers import Response

from app import permissions
from app.errors import Invalid
from app.services import field_rights, members, relatives, roles, rules
from models import registry
from models.scope import Actor, Extent, Reach, Rights, Rule
from models.user import Role
from models.words import N_, _, _n
from views import shell
from views.freshness import require_fresh
from views.screen import screens
from views.settings_kit import field

pages = Blueprint("roles", __name__, url_prefix="/settings/roles")

Answer = str | Response | tuple[str, int]
ACTIONS = (("read", N_("Read")), ("write", N_("Write")), ("delete", N_("Delete")), ("export", N_("Export")))
_KEEP = "keep"
_SCOPES = (("", N_("No")), ("own", N_("Own")), ("team", N_("Team")), ("workspace", N_("All")))
_RULED = (*_SCOPES, (permissions.RULE, N_("By rule…")))
_DESCRIPTIONS = {
    "owner": N_("Everything, and the last word on members."),
    "admin": N_("Everything in the workspace."),
    "broker": N_("All records of the brokerage, without managing members and roles."),
    "agent": N_("Their own records."),
    "assistant": N_("The records of their team."),
    "compliance": N_("Reads and exports everything, with the audit log."),
    "read_only": N_("Reads everything."),
}
_AREAS = {
    "workspace": N_("Workspace settings"),
    "role": N_("Roles"),
    "job": N_("Jobs"),
    "inline": N_("Changing fields in a list"),
    "bulk": N_("Changing many at once"),
    "import": N_("Import"),
    "api_key": N_("API keys"),
    "ai": N_("AI drafting"),
    "view": N_("Views for everybody"),
    "approval": N_("Starting campaigns"),
    "audit": N_("Audit log"),
}


@pages.get("")
def index() -> Answer:
    permissions.require(shell.actor(), "read", "role")
    return redirect(f"/settings/roles/{roles.of_workspace()[0].id}", 303)


@pages.route("/<int:key>", methods=("GET", "POST"))
def edit(key: int) -> Answer:
    """One role; POST saves a role that the brokerage made."""
    actor = shell.actor()
    permissions.require(actor, "read", "role")
    role = roles.get(key)
    if request.method == "GET":
        return _matrix(role, actor, roles.current_rights(role))
    permissions.require(actor, "write", "role")
    require_fresh(actor, f"/settings/roles/{key}")
    known = roles.current_rights(role)
    sent, unsaid = _said(known)
    if "fill" in request.form:
        filled, left = _filled(roles.read_rights(sent, known), actor)
        return _matrix(role, actor, filled, _told(left))
    try:
        rights = roles.read_rights(sent, known)
        roles.update(key, request.form.get("label", role.label or ""), rights, actor=actor)
    except Invalid as error:
        flash(" ".join(error.fields.values()), "error")
        return _matrix(role, actor, roles.current_rights(role)), 422
    if unsaid:
        entity = unsaid[0][0]
        what = label_of(entity).lower()
        shell.toast(
            _("Role “{role}” saved. Now say the rule on {records}", role=permissions.spoken(role.label), records=what)
        )
        return redirect(role_rule_url(key, entity, *(a for e, a in unsaid if e == entity)), 303)
    shell.toast(_("Role “{role}” saved", role=permissions.spoken(role.label)))
    return redirect(f"/settings/roles/{key}", 303)


def role_rule_url(key: int, entity: str, *actions: str) -> str:
    """The page of a role's rule on an entity, for these actions."""
    return f"/settings/roles/{key}/rule/{entity}?{urlencode([('for', action) for action in actions])}"


@pages.route("/<int:key>/copy", methods=("GET", "POST"))
def copy(key: int) -> Answer:
    """A new role that begins with the rights of this one, as far as the person has them."""
    actor = shell.actor()
    permissions.require(actor, "write", "role")
    role = roles.get(key)
    require_fresh(actor, f"/settings/roles/{key}/copy")
    errors: dict[str, str] = {}
    if request.method == "POST":
        try:
            made = roles.create(request.form.get("label", ""), roles.current_rights(role), actor=actor, like=role.id)
            shell.toast(_("Role “{role}” made", role=made.label))
            return redirect(f"/settings/roles/{made.id}", 303)
        except Invalid as error:
            errors = error.fields
    fields = [
        field(
            "label",
            _("Name of the new role"),
            value=f"{permissions.spoken(role.label)} 2",
            errors=errors,
            required=True,
        )
    ]
    shown = render_template(
        "confirm.html",
        title=_("Copy {role}", role=permissions.spoken(role.label)),
        action=f"/settings/roles/{key}/copy",
        fields=fields,
        verb=_("Copy"),
        cancel_url=f"/settings/roles/{key}",
        errors=[e for n, e in errors.items() if n != "label"],
    )
    return (shown, 422) if errors else shown


@pages.route("/<int:key>/delete", methods=("GET", "POST"))
def delete(key: int) -> Answer:
    actor = shell.actor()
    permissions.require(actor, "write", "role")
    role = roles.get(key)
    require_fresh(actor, f"/settings/roles/{key}/delete")
    errors: list[str] = []
    if request.method == "POST":
        try:
            roles.delete(key, actor=actor)
            shell.toast(_("Role deleted"))
            return redirect("/settings/roles", 303)
        except Invalid as error:
            errors = list(error.fields.values())
    shown = render_template(
        "confirm.html",
        title=_("Delete the role {role}", role=role.label),
        text=_("Nobody may have it any more. What it granted ends with it."),
        action=f"/settings/roles/{key}/delete",
        verb=_("Delete"),
        danger=True,
        cancel_url=f"/settings/roles/{key}",
        errors=errors,
    )
    return (shown, 422) if errors else shown


def _filled(rights: Rights, actor: Actor) -> tuple[Rights, int]:
    """The matrix with whole rows and columns set as the form asks, and how many cells stay as they are because the
    person may not give that much there, or the records know no such reach. Nothing is saved."""
    made: dict[str, dict[str, Extent]] = {entity: dict(actions) for entity, actions in rights.items()}
    left = 0
    for entity, actions in permissions.subjects().items():
        kind = "area" if entity in permissions.AREAS else "record"
        for action in actions:
            wanted = request.form.get(f"row-{entity}", _KEEP)
            if wanted == _KEEP:
                wanted = request.form.get(f"column-{kind}-{action}", _KEEP)
            now = made.get(entity, {}).pop(action, None)
            good = wanted in (_KEEP, *_offered(actor, action, entity))
            left += not good
            new = now if wanted == _KEEP or not good else wanted
            if new:
                made.setdefault(entity, {})[action] = new if isinstance(new, Rule) else Reach(new)
    return made, left


def _told(left: int) -> str:
    told = _("Filled in. Nothing is saved yet.")
    if not left:
        return told
    stay = _n(
        "{n} stayed as it was: your own role has less there, or these records have no owner.",
        "{n} stayed as they were: your own role has less there, or these records have no owner.",
        left,
    )
    return f"{told} {stay}"


def _matrix(role: Role, actor: Actor, rights: Rights, notice: str = "") -> str:
    may = permissions.reach(actor, "write", "role") is not None
    counts: dict[int, int] = {}
    for one in members.listed(actor=actor) if permissions.reach(actor, "read", "membership") else ():
        counts[one.role_id] = counts.get(one.role_id, 0) + 1
    tabs = [
        {
            "name": r.key,
            "label": permissions.spoken(r.label),
            "url": f"/settings/roles/{r.id}",
            "current": r.id == role.id,
            "builtin": r.builtin,
            "members": counts.get(r.id, 0),
        }
        for r in roles.of_workspace()
    ]
    shown = {
        "name": role.key,
        "label": permissions.spoken(role.label),
        "builtin": role.builtin,
        "editable": may and not role.builtin,
        "members": counts.get(role.id, 0),
        "description": _DESCRIPTIONS.get(role.key or "", _("A role of your brokerage.")),
    }
    return render_template(
        "roles.html",
        title=_("Roles"),
        roles=tabs,
        role=shown,
        actions=ACTIONS,
        scopes=_RULED,
        fills=[(_KEEP, _("Set all")), *_SCOPES],
        notice=notice,
        groups=_groups(actor, role, rights),
        extras=[],
        action=f"/settings/roles/{role.id}",
        compare_url=f"/settings/roles/compare?a={role.id}",
        copy_url=f"/settings/roles/{role.id}/copy" if may else None,
        delete_url=f"/settings/roles/{role.id}/delete" if may and not role.builtin else None,
    )


def _groups(actor: Actor, role: Role, rights: Rights) -> list[dict[str, Any]]:
    limited, told = field_rights.counts(role.id), rules_in_words(rights)
    records: list[dict[str, Any]] = []
    areas: list[dict[str, Any]] = []
    for entity, actions in permissions.subjects().items():
        row = {
            "entity": entity,
            "label": label_of(entity),
            "fields_url": None if entity in permissions.AREAS else f"/settings/roles/{role.id}/fields/{entity}",
            "limited": limited.get(entity, 0),
            "cells": {a: _code(rights.get(entity, {}).get(a)) for a in actions},
            "open": {a: _offered(actor, a, entity) for a in actions},
            "widths": ["", *permissions.widths(entity)],
            "rules": _rules_of(role, entity, rights.get(entity, {}), told),
        }
        (areas if entity in permissions.AREAS else records).append(row)
    return [
        {"label": _("Records"), "name": "record", "rows": records},
        {"label": _("The workspace"), "name": "area", "rows": areas},
    ]


def _rules_of(
    role: Role, entity: str, actions: Mapping[str, Extent], told: Mapping[tuple[str, Rule], str]
) -> list[dict[str, Any]]:
    """The rules of a row: each once, with the actions that it is for."""
    found: dict[Rule, list[str]] = {}
    for action in permissions.ACTIONS:
        extent = actions.get(action)
        if isinstance(extent, Rule):
            found.setdefault(extent, []).append(action)
    labels = permissions.ACTION_WORDS
    return [
        {
            "for": ", ".join(labels[a].lower() if n else str(labels[a]) for n, a in enumerate(names)),
            "text": told[entity, rule],
            "broken": not told[entity, rule],
            "url": role_rule_url(role.id, entity, *names),
        }
        for rule, names in found.items()
    ]


def rules_in_words(*many: Rights) -> dict[tuple[str, Rule], str]:
    """The rules of rights for people, by (entity, rule); "" for one that can't be read."""
    found = {(e, r) for rights in many for e, more in rights.items() for r in more.values() if isinstance(r, Rule)}
    wanted = {one for entity, rule in found for one in rules.related(registry.entity(entity), [rule])}
    titles = relatives.titles(wanted, actor=shell.actor()) if wanted else {}
    return {(entity, rule): _in_words(registry.entity(entity), rule, titles) for entity, rule in found}


def _in_words(model: type[Any], rule: Rule, titles: Mapping[tuple[str, int], str]) -> str:
    if not rules.is_sound(model, rule):
        return ""
    return rules.words(model, rules.read(model, rule), shell.locale(), titles)


def _code(extent: Extent | None) -> str:
    """What stands for an extent in the matrix."""
    if isinstance(extent, Rule):
        return permissions.RULE
    return "" if extent is None else extent.value


def _offered(actor: Actor, action: str, entity: str) -> list[str]:
    """What this person can give: what their own right covers, and a rule where that is the whole workspace."""
    own = permissions.reach(actor, action, entity)
    if own is None:
        return [""]
    ruled = [permissions.RULE] if own is Reach.WORKSPACE and permissions.takes_rules(entity) else []
    return ["", *(one for one in permissions.widths(entity) if permissions.covers(own, one)), *ruled]


def label_of(entity: str) -> str:
    spec = screens().get(entity)
    return spec.label if spec is not None else _AREAS.get(entity, registry.spoken(entity).capitalize())


def _sent() -> list[tuple[str, str, str]]:
    found = []
    for name, value in request.form.items():
        if name.startswith("right-"):
            entity, _, action = name.removeprefix("right-").rpartition("-")
            found.append((entity, action, value))
    return found


def _said(known: Rights) -> tuple[list[tuple[str, str, str]], list[tuple[str, str]]]:
    """What the form sends; and for which (entity, action) it asks for a rule that is yet to be said: these stay as they
    are until then.
    """
    sent, unsaid = [], []
    for entity, action, value in _sent():
        now = known.get(entity, {}).get(action)
        if value == permissions.RULE and not isinstance(now, Rule) and permissions.takes_rules(entity):
            unsaid.append((entity, action))
            sent.append((entity, action, _code(now)))
        else:
            sent.append((entity, action, value))
    return sent, unsaid

"""What a role sees and changes of each field of an entity: one page per role and entity, set in bulk or one by one."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, redirect, render_template, request
from werkzeug.wrappers import Response

from app import permissions
from app.errors import DomainError, Invalid, NotFound
from app.services import field_rights, roles, schema
from models import registry
from models.user import Role
from models.words import N_, _
from views import layout, shell
from views.freshness import require_fresh
from views.screen import Screen, of, screens

pages = Blueprint("field_rights", __name__, url_prefix="/settings/roles")
Answer = str | Response | tuple[str, int]
_WORDS = {"": N_("Sees and changes"), "read": N_("Sees"), "hidden": N_("Does not see")}


@pages.route("/<int:key>/fields/<entity>", methods=("GET", "POST"))
def edit(key: int, entity: str) -> Answer:
    actor = shell.actor()
    permissions.require(actor, "read", "role")
    role = roles.get(key)
    if entity not in field_rights.entities():
        raise NotFound()
    if request.method == "GET":
        return _page(role, of(entity), field_rights.of_role(role.id, entity))
    permissions.require(actor, "write", "role")
    require_fresh(actor, request.path)
    wanted = {n.removeprefix("level-"): v for n, v in request.form.items() if n.startswith("level-")}
    if request.form.get("all") in _WORDS:
        known = field_rights.limitable(registry.entity(entity))
        wanted = {n: request.form["all"] for n, (_, levels) in known.items() if request.form["all"] in levels}
        return _page(role, of(entity), wanted)
    try:
        field_rights.limit(role.id, entity, wanted, actor=actor)
    except (Invalid, DomainError) as error:
        texts = list(error.fields.values()) if isinstance(error, Invalid) else [error.message]
        return _page(role, of(entity), wanted, texts), 422
    shell.toast(
        _("Fields of {what} saved for {role}", what=of(entity).label.lower(), role=permissions.spoken(role.label))
    )
    return redirect(request.path, 303)


def _page(role: Role, screen: Screen, levels: dict[str, str], errors: list[str] | None = None) -> str:
    actor = shell.actor()
    known = field_rights.limitable(screen.model)
    may = permissions.reach(actor, "write", "role") is not None and role.key != "owner" and role.id != actor.role_id
    rows = [
        {
            "name": name,
            "label": one.label,
            "own": bool(one.custom),
            "level": levels.get(name, ""),
            "words": _WORDS[levels.get(name, "")],
            "levels": [(level, _WORDS[level]) for level in offered],
        }
        for name, (one, offered) in _in_order(screen, known).items()
    ]
    base = f"/settings/roles/{role.id}"
    return render_template(
        "field_rights.html",
        title=_("Fields of {what}: {role}", what=screen.label.lower(), role=permissions.spoken(role.label)),
        role_url=base,
        roles=[
            {"label": r.label, "url": f"/settings/roles/{r.id}/fields/{screen.entity}", "current": r.id == role.id}
            for r in roles.of_workspace()
        ],
        entities=[
            {"label": s.label, "url": f"{base}/fields/{s.entity}", "current": s.entity == screen.entity}
            for s in screens().values()
        ],
        rows=rows,
        every=list(_WORDS.items()),
        action=request.path,
        editable=may,
        note=_why_not(role, actor) if not may else "",
        errors=errors or [],
    )


def _why_not(role: Role, actor: Any) -> str:
    if role.key == "owner":
        return _("Owners see and change every field.")
    if role.id == actor.role_id:
        return _("Nobody changes the limits of their own role.")
    return _("Your role may look at this, not change it.")


def _in_order(screen: Screen, known: dict[str, Any]) -> dict[str, Any]:
    """As the form shows them, and what it does not show after it."""
    names = [n for section in layout.sections(screen) for n in section.fields if n in known]
    return {n: known[n] for n in (*names, *(n for n in schema.fields(screen.model) if n in known and n not in names))}

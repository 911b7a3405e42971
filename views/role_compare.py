"""Two roles side by side: only what differs, grouped by what it is about; also what a new role changes for somebody."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, render_template, request

from app import permissions
from app.services import field_rights, role_differences, roles, values
from app.services.role_differences import Differences
from models.scope import Extent, Rule
from models.user import Role
from models.words import N_, _
from views import shell
from views.roles import label_of, rules_in_words

pages = Blueprint("role_compare", __name__, url_prefix="/settings/roles")

_ACTIONS = {"read": N_("Read"), "write": N_("Write"), "delete": N_("Delete"), "export": N_("Export")}
_REACHES = {None: N_("No"), "own": N_("Own"), "team": N_("Team"), "workspace": N_("All")}
_LEVELS = {"": N_("Sees and changes"), "read": N_("Sees"), "hidden": N_("Does not see")}


@pages.get("/compare")
def show() -> Any:
    permissions.require(shell.actor(), "read", "role")
    every = roles.of_workspace()
    first = _chosen(every, "a") or every[0]
    second = _chosen(every, "b") or next((one for one in every if one.id != first.id), first)
    return render_template(
        "role_compare.html",
        title=_("Compare roles"),
        choices=[(one.id, permissions.spoken(one.label)) for one in every],
        a=first.id,
        b=second.id,
        first=permissions.spoken(first.label),
        second=permissions.spoken(second.label),
        groups=groups(role_differences.between(first, second)),
    )


def groups(found: Differences) -> list[dict[str, Any]]:
    """The differences as rows under what they are about, in the order of the matrix."""
    made: dict[str, list[dict[str, Any]]] = {}
    told = rules_in_words(*({r.entity: {"": e}} for r in found.rights for e in (r.first, r.second) if e is not None))
    for right in found.rights:
        cells = (_extent(right.entity, right.first, told), _extent(right.entity, right.second, told))
        made.setdefault(right.entity, []).append(_row(_ACTIONS[right.action], cells, right.more))
    for limit in found.fields:
        cells = (_LEVELS[limit.first], _LEVELS[limit.second])
        made.setdefault(limit.entity, []).append(_row(_("Field “{label}”", label=limit.label), cells, limit.more))
    order = [*field_rights.entities(), *permissions.AREAS]
    return [{"label": label_of(name), "rows": made[name]} for name in order if name in made]


def _extent(entity: str, extent: Extent | None, told: Mapping[tuple[str, Rule], str]) -> str:
    if isinstance(extent, Rule):
        words = told[entity, extent]
        return _("By rule: {rule}", rule=words) if words else _("By a rule that can't be read")
    return _REACHES[extent]


def _row(what: str, cells: tuple[str, str], more: bool | None) -> dict[str, Any]:
    return {"what": what, "first": cells[0], "second": cells[1], "more": more}


def _chosen(every: list[Role], name: str) -> Role | None:
    key = values.whole(request.args.get(name, ""))
    return next((one for one in every if one.id == key), None)

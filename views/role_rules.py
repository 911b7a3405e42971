"""The page on which a role is told by a rule how far it goes on an entity, and what that would let whom see.

Belongs here: the form. Does not belong here: what a rule says (`app.services.rules`) and keeping it
(`app.services.roles`).
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, redirect, render_template, request
from werkzeug.wrappers import Response

from app import permissions
from app.errors import Invalid, NotFound
from app.services import role_rules, roles, rules
from app.services.role_rules import Sight
from models import registry
from models.scope import Actor, Reach, Rights, Rule
from models.user import Role
from models.words import _, _n, grouped
from views import condition_tree, shell
from views.condition_tree import Branch, Row
from views.freshness import require_fresh
from views.roles import label_of

pages = Blueprint("role_rules", __name__, url_prefix="/settings/roles")

Answer = str | Response | tuple[str, int]


@pages.route("/<int:key>/rule/<entity>", methods=("GET", "POST"))
def edit(key: int, entity: str) -> Answer:
    """GET opens the rule of the role on this entity; POST takes a step, or keeps it for the actions that are ticked."""
    actor = shell.actor()
    permissions.require(actor, "write", "role")
    role = roles.get(key)
    if role.builtin or not permissions.takes_rules(entity):
        raise NotFound(_("Built-in roles have no rules, and only records that have an owner can be told apart by one."))
    require_fresh(actor, request.full_path.rstrip("?"))
    rights, model = roles.current_rights(role), registry.entity(entity)
    if request.method == "GET":
        rule, chosen = _present(rights, entity)
        return _page(role, entity, _tree(model, rule), chosen, actor)
    tree, chosen = condition_tree.sent(), [a for a in permissions.ACTIONS if request.form.get(f"for-{a}")]
    if set(request.form) & condition_tree.STEPS:
        return _page(role, entity, tree, chosen, actor)
    try:
        rule = _built(model, tree)
        if rule is None:
            return _page(role, entity, tree, chosen, actor), 422
        if not chosen:
            raise Invalid({"": _("Tick what the rule is for.")})
        wanted = role_rules.changed(rights, entity, chosen, rule)
        roles.update(key, role.label or "", wanted, actor=actor)
    except Invalid as error:
        return _page(role, entity, tree, chosen, actor, list(error.fields.values())), 422
    what = label_of(entity).lower()
    shell.toast(_("Rule of “{role}” on {records} saved", role=role.label, records=what))
    return redirect(f"/settings/roles/{key}", 303)


def _present(rights: Rights, entity: str) -> tuple[Rule | None, list[str]]:
    """The rule to begin with, and the actions that it is for: what was clicked, and where the role has the same."""
    mine, asked = rights.get(entity, {}), request.args.getlist("for")
    found = next((r for a, r in mine.items() if isinstance(r, Rule) and (a in asked or not asked)), None)
    same = {action for action, extent in mine.items() if found is not None and extent == found}
    return found, [action for action in permissions.ACTIONS if action in same or action in asked]


def _tree(model: type[Any], rule: Rule | None) -> Branch:
    if rule is None or not rules.is_sound(model, rule) or not rules.is_seen(model, rule):
        return Branch("and", [Row()])
    return condition_tree.opened(model, rules.read(model, rule))


def _built(model: type[Any], tree: Branch) -> Rule | None:
    """The rule of a tree; None where a condition is wrong, which it then says. Raises `Invalid` for an empty one."""
    group = condition_tree.built(model, tree, who=True)
    if group is not None and not group.parts:
        raise Invalid({"": _("Choose at least one condition. For all records, give the role the whole workspace.")})
    return None if group is None else rules.made(model, group)


def _page(
    role: Role, entity: str, tree: Branch, chosen: list[str], actor: Actor, errors: list[str] | None = None
) -> str:
    model = registry.entity(entity)
    errors = errors or []
    asked = any(isinstance(part, Branch) or part.name for part in tree.parts)
    told = "" if errors or not asked else _told(role, model, tree, entity, actor, errors)
    return render_template(
        "builder.html",
        title=_("Rule on {records}", records=label_of(entity).lower()),
        state="",
        cancel_url=f"/settings/roles/{role.id}",
        crumbs=[(_("Roles"), "/settings/roles"), (role.label, f"/settings/roles/{role.id}")],
        intro=_(
            "The role goes as far as this rule says. Choose a field, then press Update to get what it can be asked "
            "for. Whoever changes a record needs it to meet the rule before and after."
        ),
        boxes=[
            (action, permissions.ACTION_WORDS[action], action in chosen, _may(actor, action, entity))
            for action in permissions.ACTIONS
        ],
        boxes_label=_("What the rule is for"),
        told=told,
        errors=errors,
        verb=_("Save rule"),
        **condition_tree.drawn(model, tree, who=True),
    )


def _may(actor: Actor, action: str, entity: str) -> bool:
    return permissions.reach(actor, action, entity) is Reach.WORKSPACE


def _told(role: Role, model: type[Any], tree: Branch, entity: str, actor: Actor, errors: list[str]) -> str:
    """What the rule would let the people of the role reach."""
    try:
        rule = _built(model, tree)
    except Invalid as error:
        errors.extend(error.fields.values())
        return ""
    sight = role_rules.preview(role.id, model, rule, actor=actor) if rule is not None else None
    return "" if sight is None else sentence(sight, label_of(entity).lower())


def sentence(sight: Sight, many: str) -> str:
    """What a rule would let whom see, in words."""
    if sight.people:
        have = _n("{n} person has this role.", "{n} people have this role.", sight.people)
    else:
        have = _("Nobody has this role yet.")
    every = _number(sight.every)
    if sight.reached and not sight.reached[0][0]:
        reached = _number(sight.reached[0][1])
        told = _("This rule reaches {number} of {all} {records}.", number=reached, all=every, records=many)
        more = _("It also asks who looks, which adds or takes away some for each person.") if sight.asks else ""
        return " ".join(filter(None, (told, more, have)))
    each = ", ".join(f"{name} {_number(number)}" for name, number in sight.reached)
    told = _("Of {all} {records}, this rule reaches: {people}.", all=every, records=many, people=each)
    return f"{told} {have}"


def _number(number: int) -> str:
    return f"{grouped(number)}+" if number >= role_rules.MOST_COUNTED else grouped(number)

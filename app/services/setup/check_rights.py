"""What stands in the way of changing roles and limits of fields: the same rules as on the pages of roles.

Nobody gives more than they may do themselves, changes the limits of their own role, touches a role that may do more
than theirs, or removes a role that somebody has. Does not belong here: the other parts (`checks`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from app import permissions
from app.errors import Forbidden, Invalid
from app.services import field_rights, roles, schema
from app.services.setup.capture import Item, Items
from app.services.setup.plan import Plan, Step
from models import registry
from models.base import session
from models.scope import Actor, Rights, Rule
from models.user import Role
from models.words import _, _n
from models.workspace import Membership

# Parts that change what roles may do; the first piece of an item's name is the role's.
ROLE_PARTS = frozenset({"roles", "field_rights", "rules"})


@dataclass(slots=True)
class Roles:
    """The roles that are here, by their keys, with what they may do and how many people have or had them."""

    rows: Mapping[str, Any]
    rights: Mapping[str, Rights]
    held: Mapping[int, int]

    def after(self, outcome: Items) -> set[str]:
        """The keys of the roles that there would be."""
        return {key for key, row in self.rows.items() if row.builtin} | set(outcome["roles"])


def read(plan: Plan) -> Roles:
    """What the steps of a plan need to know of the roles that are here."""
    wanted = {step.name.partition("/")[0] for step in plan.steps if step.part in ROLE_PARTS}
    rows = {row.key: row for row in roles.of_workspace()}
    rights = {key: roles.current_rights(row) for key, row in rows.items() if key in wanted}
    counted = sa.select(Membership.role_id, sa.func.count()).group_by(Membership.role_id)
    held = {row[0]: row[1] for row in session.execute(counted)}
    return Roles(rows, rights, held)


def role(step: Step, outcome: Items, known: Roles, actor: Actor) -> str:
    present = known.rows.get(step.name)
    if present is not None and present.builtin:
        return _(
            "“{role}” is a role that every workspace has. Rename the one in the file, then import again.",
            role=present.label,
        )
    try:
        if present is not None:
            roles.within(actor, known.rights[step.name])
        if step.new is None:
            return _held(present, known)
        roles.within(actor, rights_of(step.new))
    except Forbidden as error:
        return error.message
    except Invalid as error:
        return next(iter(error.fields.values()))
    return _name_taken(step, step.new, outcome, known)


def rights_of(item: Item) -> dict[str, Any]:
    """The rights that a document gives a role; raises `Invalid` for what is no right here."""
    return roles.read_rights(
        (entity, action, reach) for entity, actions in item["rights"].items() for action, reach in actions.items()
    )


def field_right(step: Step, outcome: Items, known: Roles, actor: Actor) -> str:
    role_key, entity, name = step.name.split("/")
    row = known.rows.get(role_key)
    if role_key not in known.after(outcome):
        return "" if step.new is None else no_role(role_key)
    if role_key == "owner":
        return _("Owners see and change every field.")
    if entity not in registry.entities():
        return _("There are no records “{entity}” here.", entity=entity)
    if step.new is not None and step.new["level"] not in (schema.READ, schema.HIDDEN):
        return _("“{level}” is no limit of a field.", level=step.new["level"])
    return _beyond(row, step, known, actor) or _whole(step, entity, name)


def no_role(role_key: str) -> str:
    return _("It is for the role “{role}”, which is missing here. Take that role along.", role=role_key)


def rule(step: Step, outcome: Items, known: Roles, actor: Actor) -> str:
    """What stands in the way of a rule, apart from what it names."""
    role_key, entity, action = step.name.split("/")
    row = known.rows.get(role_key)
    if role_key not in outcome["roles"]:
        return "" if step.new is None else no_role(role_key)
    if not permissions.takes_rules(entity) or action not in permissions.ACTIONS:
        return _("How far “{action}” on {entity} goes can't be said by a rule.", action=action, entity=entity)
    try:
        if row is not None:
            roles.within(actor, known.rights[role_key])
        # Of rules, only the whole workspace covers one that is not the actor's own.
        roles.within(actor, {entity: {action: Rule("")}} if step.new is not None else {})
    except Forbidden as error:
        return error.message
    return ""


def _beyond(row: Role | None, step: Step, known: Roles, actor: Actor) -> str:
    """Whether this person may limit the fields of a role."""
    if actor.everything:
        return ""
    if row is not None and row.id == actor.role_id:
        return _("Nobody changes the limits of their own role; ask somebody with another one.")
    role_key, entity, name = step.name.split("/")
    own = schema.limits_of(actor.role_id).get(entity, {})
    if step.new is None and name in own:
        return _("You cannot open a field that your own role does not change.")
    try:
        if row is not None:
            roles.within(actor, known.rights[role_key])
    except Forbidden:
        return _("This role may do more than your own. Ask somebody with wider rights to limit it.")
    return ""


def _whole(step: Step, entity: str, name: str) -> str:
    """A field that came with the product can be limited only as its page of limits offers."""
    model = registry.entity(entity)
    if step.new is None or name not in registry.fields(model):
        return ""
    known = field_rights.limitable(model)
    if name not in known or step.new["level"] not in known[name][1]:
        return _("“{field}” cannot be limited so.", field=name)
    return ""


def _held(present: Role | None, known: Roles) -> str:
    number = known.held.get(present.id, 0) if present is not None else 0
    if not number:
        return ""
    return _n(
        "{n} member has or had this role. Give them another one first; until then it stays.",
        "{n} members have or had this role. Give them another one first; until then it stays.",
        number,
    )


def _name_taken(step: Step, new: Item, outcome: Items, known: Roles) -> str:
    label = " ".join(new["label"].split()).casefold()
    builtin = next((row.label for row in known.rows.values() if row.builtin and row.label.casefold() == label), None)
    if builtin:
        return _(
            "“{role}” is a role that every workspace has. Rename the one in the file, then import again.", role=builtin
        )
    others = (item["label"].casefold() for name, item in outcome["roles"].items() if name != step.name)
    return _("There is another role with this name. Rename one of the two.") if label in others else ""

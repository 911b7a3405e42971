"""What the explainer says of a field, and its verdict in a sentence.

Does not belong here: records and rights (`app.services.explain`).
"""

from __future__ import annotations

from typing import Any

from app import permissions
from app.services import schema
from models import registry
from models.words import N_, _

_VERBS = {
    "read": N_("read"), "add": N_("add"), "write": N_("change"), "delete": N_("delete"), "export": N_("export"),
    "see": N_("see"), "change": N_("change"),
}  # fmt: skip


def step(case: Any, label: str) -> None:
    """Say what the role may do with the field that the question is about; `label` names it."""
    asked, role = case.asked, permissions.spoken(case.who.role)
    level = schema.limits_of(case.who.role_id).get(asked.entity, {}).get(asked.field)
    if level == schema.HIDDEN:
        case.say(False, _("The role {role} does not see the field “{label}”.", role=role, label=label))
    elif asked.act == "change" and level == schema.READ:
        case.say(False, _("The role {role} sees the field “{label}” and does not change it.", role=role, label=label))
    elif asked.act == "change" and schema.every(registry.entity(asked.entity))[asked.field].readonly:
        case.say(False, _("Nobody changes the field “{label}” by hand: the product keeps it.", label=label))
    elif asked.act == "see":
        case.say(True, _("The role {role} sees the field “{label}”.", role=role, label=label))
    else:
        case.say(True, _("The role {role} sees and changes the field “{label}”.", role=role, label=label))


def verdict(asked: Any, found: Any, name: str, label: str) -> str:
    """Whether `name` may do what is asked, in a sentence; with a `label` it is about that field."""
    one, many = asked.words(asked.entity)
    what = _("the {one} “{record}”", one=one, record=found.record) if found.record else many
    if label:
        what = _("the field “{label}” of {what}", label=label, what=what)
    does = _VERBS.get(asked.act, N_(asked.act))
    if found.allowed:
        return _("{name} may {do} {what}.", name=name, do=does, what=what)
    return _("{name} may not {do} {what}.", name=name, do=does, what=what)


def title(record: Any) -> str:
    """What a record is called in a sentence."""
    return f"{getattr(record, registry.title_of(type(record))) or _('(no name)')!s:.60}"

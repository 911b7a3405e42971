"""What stands in the way of a step, said exactly: of each item whether it could be made by hand, by this person, in the
set-up that the chosen steps give.

Does not belong here: what one field or role must be when it is written (`app.services.custom_fields`, `roles`), which
is asked again when a step is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from app import permissions
from app.services import custom_fields, filters, formulas
from app.services.setup import asked, check_rights, keys
from app.services.setup.capture import EVERYBODY, Item, Items, is_local
from app.services.setup.check_rights import Roles
from app.services.setup.plan import BINNED, REMOVE, Plan, Step, may_arrange
from models import custom, registry, tenancy
from models.base import session
from models.custom import CustomField
from models.deal import OUTCOMES, Deal
from models.message import KINDS
from models.role_rule import MOST_TEXT
from models.scope import Actor
from models.view import AUDIENCES, MOST_QUERY
from models.words import N_, _, _n

_MOST_ROUNDS = 8
_TO_BIN = N_("It goes to the bin.")
_UNNAMED: Mapping[str, str] = {
    "team": N_("It asks for the team “{name}”, which is missing here. Add it, then try again."),
    "tag": N_("It asks for the tag “{name}”, which is missing here. Add it, then try again."),
    "stage": N_("It asks for the stage “{name}”, which is missing here. Take that along."),
    "pipeline": N_("It asks for the pipeline “{name}”, which is missing here. Take that along."),
}


@dataclass(slots=True)
class Ground:
    """What the checks know: the set-up as it would be, its roles, and what lies in the bin."""

    plan: Plan
    outcome: Items
    roles: Roles
    binned: Mapping[str, Any]
    actor: Actor
    _fields: dict[str, dict[str, str]] = field(default_factory=dict)

    def fields(self, entity: str) -> dict[str, str]:
        """The fields that an entity would have, each with its label."""
        if entity not in self._fields:
            model = registry.entities().get(entity)
            own = {n: one.label for n, one in registry.fields(model).items()} if model is not None else {}
            added = self.outcome["fields"].items()
            own |= {n.partition("/")[2]: item["label"] for n, item in added if n.startswith(f"{entity}/")}
            self._fields[entity] = own
        return self._fields[entity]

    @contextmanager
    def as_if(self, step: Step, taken: bool) -> Iterator[None]:
        """The outcome as it would be with this step."""
        items = self.outcome[step.part]
        before = items.get(step.name)
        if not taken:
            self._put(step.part, items, step.name, step.new)
        yield
        if not taken:
            self._put(step.part, items, step.name, before)

    def begin(self, outcome: Items) -> None:
        """Look at another outcome from now on."""
        self.outcome = outcome
        self._fields.clear()

    def _put(self, part: str, items: dict[str, Item], name: str, item: Item | None) -> None:
        if part == "fields":
            self._fields.clear()
        if item is None:
            items.pop(name, None)
        else:
            items[name] = item


def examine(plan: Plan, chosen: Iterable[str], *, actor: Actor) -> None:
    """Say of each step what is wrong with it, given that the chosen ones are taken. A step that leans on one with a
    problem has a problem itself.
    """
    wanted = set(chosen)
    ground = Ground(plan, {}, check_rights.read(plan), _binned(plan), actor)
    good: set[str] = wanted
    for _round in range(_MOST_ROUNDS):
        ground.begin(plan.outcome(good))
        for step in plan.steps:
            with ground.as_if(step, step.id in good):
                step.problem, step.note = _problem(step, ground), ""
        now = wanted & {step.id for step in plan.steps if not step.problem}
        if now == good:
            break
        good = now
    for step in plan.steps:
        if not step.problem:
            step.note = _note(step, ground)


def _binned(plan: Plan) -> dict[str, Any]:
    """The fields that steps would add and that lie in the bin."""
    names = [step.name.partition("/")[2] for step in plan.steps if step.part == "fields"]
    columns = (CustomField.entity, CustomField.key, CustomField.kind, CustomField.target)
    wanted = sa.select(*columns).where(CustomField.key.in_(names), CustomField.deleted_at.is_not(None))
    rows = session.execute(wanted, execution_options=tenancy.with_deleted()) if names else ()
    return {f"{row.entity}/{row.key}": row for row in rows}


def _problem(step: Step, ground: Ground) -> str:
    if step.verb == REMOVE and step.part in BINNED:
        entity = BINNED[step.part]
        if permissions.reach(ground.actor, "delete", entity) is None:
            return _("Your role does not delete these. It stays.")
    return _CHECKS[step.part](step, ground)


def _field(step: Step, ground: Ground) -> str:
    if step.new is None:
        return ""
    entity, _slash, key = step.name.partition("/")
    if entity not in custom_fields.customisable():
        return _("There are no records “{entity}” here that fields can be added to.", entity=entity)
    return (
        _other_type(step, step.new, ground) or _wrong_shape(step.new) or _label_taken(entity, key, step.new, ground)
        or (_formula(entity, step.new, ground) if step.new["kind"] == "computed" else "")
    )  # fmt: skip


def _other_type(step: Step, new: Item, ground: Ground) -> str:
    """A field keeps its type unless somebody has seen what that does to its values."""
    before = step.old or ({} if step.name not in ground.binned else dict(ground.binned[step.name]._mapping))
    if ground.plan.exact or not before:
        return ""
    words = dict(custom.KINDS)
    if before["kind"] != new["kind"]:
        types = {"here": words[before["kind"]].lower(), "there": words[new["kind"]].lower()}
        if step.old is None:
            return _(
                "A field with this key lies in the bin as {here}, and the file has it as {there}. Take it out of the "
                "bin and change its type under Customise, which shows what becomes of the values; then import again.",
                **types,
            )
        return _(
            "A field with this key is here as {here}, and the file has it as {there}. Change its type under Customise, "
            "which shows what becomes of the values; then import again.",
            **types,
        )
    if before.get("target") != new.get("target"):
        return _("This field links to other records here. Give one of the two another name, then import again.")
    return ""


def _wrong_shape(new: Item) -> str:
    choosing = new["kind"] in ("choice", "multichoice")
    if choosing and not any(not one.get("retired") for one in new.get("options", ())):
        return _("It offers no choice. A field of this type needs at least one.")
    offered = [one["label"].casefold() for one in new.get("options", ()) if not one.get("retired")]
    if len(set(offered)) < len(offered):
        return _("Two of its choices are called the same: one here and one in the file. Rename one of the two.")
    target = registry.entities().get(new.get("target", ""))
    if new["kind"] == "relation" and (target is None or target.policy.parent):
        return _("It links to “{entity}”, and there are no such records here.", entity=new.get("target", ""))
    return ""


def _label_taken(entity: str, key: str, new: Item, ground: Ground) -> str:
    label = " ".join(new["label"].split()).casefold()
    for name, other in ground.fields(entity).items():
        if name != key and other.casefold() == label:
            return _(
                "There is another field with the label “{label}” ({key}). Rename one of the two.",
                label=new["label"], key=name,
            )  # fmt: skip
    return ""


def _formula(entity: str, new: Item, ground: Ground) -> str:
    try:
        names = formulas.read(new.get("formula", "")).names
    except formulas.BadFormula as error:
        return _("Its formula can't be read: {problem}", problem=error)
    own = formulas.usable(registry.fields(registry.entity(entity)))
    missing = sorted(n for n in names if n not in own and not _usable(ground.outcome["fields"].get(f"{entity}/{n}")))
    if not missing:
        return ""
    return _(
        "Its formula names {fields}, which a formula can't use here. Take that field along.", fields=_listed(missing)
    )


def _usable(one: Item | None) -> bool:
    return one is not None and one["kind"] not in ("computed", "relation", "file", "multichoice", "textarea")


def _layout(step: Step, ground: Ground) -> str:
    entity, _slash, role = step.name.partition("/")
    model = registry.entities().get(entity)
    if model is None:
        return _("There are no records “{entity}” here.", entity=entity)
    if role != EVERYBODY and role not in ground.roles.after(ground.outcome):
        return check_rights.no_role(role)
    new, known = step.new or {}, {*ground.fields(entity), *filters.links(model)}
    named = {*new.get("labels", ()), *new.get("required", ()), *new.get("columns", ()), *new.get("when", ())}
    named |= {name for _title, names in new.get("sections", ()) for name in names}
    named |= {text.partition(":")[0] for text in new.get("when", {}).values()}
    missing = sorted(named - known)
    if missing:
        return _("It names {fields}, which is missing here. Take that field along.", fields=_listed(missing))
    local = not ground.plan.exact and any(is_local(model, text) for text in new.get("when", {}).values())
    return _("It depends on a record of the workspace that it comes from.") if local else ""


def _stage(step: Step, ground: Ground) -> str:
    if step.new is None:
        return ""
    if step.new["outcome"] not in dict(OUTCOMES):
        return _("“{outcome}” is no outcome of a stage.", outcome=step.new["outcome"])
    if step.new["pipeline"] not in ground.outcome["pipelines"]:
        return _("Its pipeline “{pipeline}” is missing here. Take that along.", pipeline=step.new["pipeline"])
    return ""


def _pipeline(step: Step, ground: Ground) -> str:
    return _name_taken(step, ground)


def _template(step: Step, ground: Ground) -> str:
    if step.new is not None and step.new["kind"] not in dict(KINDS):
        return _("“{kind}” is no kind of e-mail here.", kind=step.new["kind"])
    return _name_taken(step, ground)


def _name_taken(step: Step, ground: Ground) -> str:
    if step.new is None:
        return ""
    others = (item["name"] for name, item in ground.outcome[step.part].items() if name != step.name)
    taken = step.new["name"] in others
    return _("There is another one with this name. Rename one of the two.") if taken else ""


def _view(step: Step, ground: Ground) -> str:
    entity, item = step.name.partition("/")[0], step.new
    model = registry.entities().get(entity)
    if item is None:
        return ""
    if model is None:
        return _("There are no records “{entity}” here.", entity=entity)
    if item["audience"] not in dict(AUDIENCES) or item["audience"] == "private":
        return _("It is shared with nobody.")
    if not may_arrange(ground.plan.here, item, ground.actor):
        return _("It is shared with a team that you are not in.")
    own = {("team", item.get("team") or "")} if item["audience"] == "team" else set()
    return _asks(model, item["asks"], own, ground) or _too_long(item["asks"])


def _asks(model: type[Any], asks: Item, besides: set[tuple[str, str]], ground: Ground) -> str:
    """What a view or rule asks for and that is not here."""
    known = {*ground.fields(model.__tablename__), *filters.links(model), "id"}
    missing = sorted(asked.fields_of(asks) - known)
    if missing:
        return _("It asks for {fields}, which is missing here. Take that field along.", fields=_listed(missing))
    return _unnamed(asked.names_of(asks) | besides, ground) or _bare_ids(model, asks, ground)


def _unnamed(wanted: Iterable[tuple[str, str]], ground: Ground) -> str:
    """Teams, tags, stages and pipelines that something asks for and that are not here."""
    for entity, name in sorted(wanted):
        part = {"pipeline": "pipelines", "stage": "stages"}.get(entity)
        here = name in ground.outcome[part] if part else _is_here(entity, name, ground)
        if not here:
            return _UNNAMED[entity].format(name=name)
    return ""


def _is_here(entity: str, name: str, ground: Ground) -> bool:
    key = ground.plan.here.keys.id_of(entity, name)
    return key is not None and bool(keys.titles({entity: [key]}).get(entity))


def _bare_ids(model: type[Any], asks: Item, ground: Ground) -> str:
    if asks.get("local"):
        return ""
    for leaf in asked.leaves(asks):
        own = ground.outcome["fields"].get(f"{model.__tablename__}/{leaf['field']}", {})
        relation = own.get("kind") in ("relation", "file") or asked.target_of(model, leaf["field"])
        if relation and set(leaf["values"]) - asked.WHO and "of" not in leaf:
            return _("It asks for records by their numbers ({field}), which mean others here.", field=leaf["field"])
    return ""


def _too_long(asks: Item) -> str:
    text = asked.address(asks, lambda _entity, _name: 10**9)
    return _("It asks for too much at once.") if len(text) > MOST_QUERY else ""


def _role(step: Step, ground: Ground) -> str:
    return check_rights.role(step, ground.outcome, ground.roles, ground.actor)


def _field_right(step: Step, ground: Ground) -> str:
    problem = check_rights.field_right(step, ground.outcome, ground.roles, ground.actor)
    if problem or step.new is None:
        return problem
    _key, entity, name = step.name.split("/")
    if name in ground.fields(entity):
        return ""
    return _("It is about the field “{field}”, which is missing here. Take that field along.", field=name)


def _rule(step: Step, ground: Ground) -> str:
    problem = check_rights.rule(step, ground.outcome, ground.roles, ground.actor)
    if problem or step.new is None:
        return problem
    model = registry.entity(step.name.split("/")[1])
    return _asks(model, step.new, set(), ground) or _too_long_rule(step.new)


def _too_long_rule(asks: Item) -> str:
    text = asked.rule_text(asks, lambda _entity, _name: 10**9)
    return _("It asks for too much at once.") if len(text) > MOST_TEXT else ""


_CHECKS: Mapping[str, Callable[[Step, Ground], str]] = {
    "roles": _role, "fields": _field, "field_rights": _field_right, "rules": _rule, "layouts": _layout,
    "pipelines": _pipeline, "stages": _stage, "templates": _template, "views": _view,
}  # fmt: skip


def _note(step: Step, ground: Ground) -> str:
    """What taking a step means beyond what it says."""
    if step.part == "fields":
        return _field_note(step, ground)
    if step.verb != REMOVE:
        return ""
    if step.part == "stages":
        key = ground.plan.here.keys.id_of("stage", step.name)
        number = session.scalar(sa.select(sa.func.count()).select_from(Deal).where(Deal.stage_id == key)) or 0
        return (
            _n("{n} deal stands in it and keeps it.", "{n} deals stand in it and keep it.", number)
            if number
            else str(_TO_BIN)
        )
    if step.part == "views":
        return _("Nobody gets it by e-mail any more.")
    return str(_TO_BIN) if step.part in BINNED else ""


def _field_note(step: Step, ground: Ground) -> str:
    if step.verb == REMOVE:
        return _("It goes to the bin with its values, and comes back with them within 30 days.")
    if step.old is None and step.name in ground.binned:
        return _("It comes back from the bin with its values.")
    if step.old is None and ground.plan.exact:
        return _("It was deleted for good, and its values with it: it comes back empty.")
    if step.old is not None and step.new is not None and step.old["kind"] != step.new["kind"]:
        return _("Its type changes. Values that do not fit become empty; the history of each record keeps them.")
    return ""


def _listed(names: list[str]) -> str:
    told = ", ".join(f"“{name}”" for name in names[:3])
    return told if len(names) <= 3 else _("{names} and {n} more", names=told, n=len(names) - 3)

"""Brings the workspace in force to a file or an earlier state: every chosen step in one operation, or none.

Each step goes through the service that its page uses, so that rights, rules, audit and history are those of changes by
hand. Does not belong here: what would change (`plan`) and what stands in the way (`checks`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import sqlalchemy as sa

from app import permissions
from app.errors import DomainError, Invalid
from app.services import (
    conditions,
    custom_adopt,
    field_rights,
    layouts,
    records,
    role_rules,
    roles,
    rules,
    saved_views,
    schema,
)  # fmt: skip
from app.services.operation import Operation, operation
from app.services.setup import asked, capture, check_rights, checks, keys, plan, states
from app.services.setup.capture import EVERYBODY, FIELD_FACTS, Items, Setup
from app.services.setup.plan import ADD, CHANGE, REMOVE, Plan, Step
from models import registry, tenancy
from models.base import session
from models.deal import Pipeline, Stage
from models.message import Template
from models.scope import Actor, Rule
from models.user import Role
from models.words import _

_MODELS: Mapping[str, type[Any]] = {"pipelines": Pipeline, "stages": Stage, "templates": Template}
_VERBS = (ADD, CHANGE, REMOVE)
_MOST_ROUNDS = 3
Planned = Callable[[Setup], Plan]


def import_file(
    items: Items, names: Mapping[str, Mapping[str, str]], chosen: Iterable[str] | None, file_name: str, *, actor: Actor
) -> Plan:
    """Take the chosen steps of a file; None stands for those that are usual. Returns the plan that was carried out.
    Raises `Invalid` with the problems by step, and then nothing is changed.
    """

    def planned(here: Setup) -> Plan:
        return plan.of_file(here, items, names, actor=actor)

    return _carry_out("setup.import", planned, chosen, _("Set-up imported from {file}", file=file_name), actor)


def return_to(key: int, *, actor: Actor, chosen: Iterable[str] | None = None) -> Plan:
    """Go back to a state, as far as nothing stands in the way; the return is itself a state to come back from."""
    state = states.get(key)
    items, moment = states.unpacked(state.document), state.at

    def planned(here: Setup) -> Plan:
        return plan.of_state(here, items, actor=actor)

    return _carry_out(
        "setup.return",
        planned,
        chosen,
        _("Back to the set-up of {moment} UTC", moment=f"{moment:%Y-%m-%d %H:%M}"),
        actor,
    )


def preview(planned: Plan, chosen: Iterable[str] | None, *, actor: Actor) -> set[str]:
    """Say of each step of a plan what is wrong with it. Returns the steps that would be taken."""
    wanted = planned.usual() if chosen is None else set(chosen) & {step.id for step in planned.steps}
    checks.examine(planned, wanted, actor=actor)
    return {step.id for step in planned.steps if step.id in wanted and not step.problem}


def _carry_out(name: str, planned: Planned, chosen: Iterable[str] | None, reason: str, actor: Actor) -> Plan:
    permissions.require(actor, "write", "custom_field")
    with operation(name, actor=actor, reason=reason[:500]) as op:
        schema.hold()
        found = first = planned(capture.take())
        taken = preview(found, chosen, actor=actor)
        refused = {s.id: s.problem for s in found.steps if s.problem and chosen is not None and s.id in set(chosen)}
        if refused:
            raise Invalid(refused)
        left = {step.id for step in found.steps} - taken
        # What comes back from the bin brings limits and places in layouts along, which no state told of meanwhile.
        for _ in range(_MOST_ROUNDS):
            _work(found, taken, op, actor)
            found = planned(capture.take())
            taken = preview(found, None, actor=actor) - left
            if not taken:
                break
        counts = {verb: sum(s.verb == verb and s.id not in left for s in first.steps) for verb in _VERBS}
        op.audit(name, facts={"steps": counts, "left": first.left})
    return first


def _work(found: Plan, taken: set[str], op: Operation, actor: Actor) -> None:
    keys.keep(found.here.keys, found.here.shared_views)
    work = _Work(found, [step for step in found.steps if step.id in taken], op, actor)
    work.run()
    if work.problems:
        raise Invalid(work.problems)


class _Work:
    """The steps of one operation, in the order in which they lean on each other. `problems` are what went wrong, by
    step.
    """

    def __init__(self, found: Plan, steps: list[Step], op: Operation, actor: Actor) -> None:
        self.plan, self.steps, self.op, self.actor = found, steps, op, actor
        self.keys = found.here.keys
        self.source = "system" if found.exact else "import"
        self.problems: dict[str, str] = {}

    def run(self) -> None:
        self._each("views", self._remove_view, gone=True)
        for part in ("templates", "stages", "pipelines"):
            self._each(part, self._bin, gone=True)
        self._each("layouts", self._layout, gone=True)
        self._limit(gone=True)
        self._each("rules", self._remove_rule, gone=True)
        self._loosen_rules()
        self._each("roles", self._remove_role, gone=True)
        self._each("fields", self._bin_field, gone=True)
        self._roles()
        self._fields()
        self._limit(gone=False)
        self._each("layouts", self._layout)
        for part in ("pipelines", "stages", "templates"):
            self._free_names(part)
            self._each(part, self._record)
        self._each("rules", self._rule)
        self._each("views", self._view)

    def _of(self, part: str, *, gone: bool = False) -> list[Step]:
        return [step for step in self.steps if step.part == part and (step.verb == REMOVE) is gone]

    def _each(self, part: str, act: Callable[[Step], None], *, gone: bool = False) -> None:
        for step in self._of(part, gone=gone):
            self._try(step, act)

    def _try(self, step: Step, act: Callable[[Step], None]) -> None:
        try:
            with self.op.attempt():
                act(step)
        except DomainError as error:
            self.problems[step.id] = error.message
        except LookupError as error:
            self.problems[step.id] = _("There is no {what} here.", what=error.args[0])

    # Roles and limits

    def _roles(self) -> None:
        steps = self._of("roles")
        known = self._role_rows()
        for step in steps:
            # Two roles may swap their names; until both have the new ones, they go by their keys.
            if step.name in known and step.new and known[step.name].label != step.new["label"]:
                known[step.name].label = step.name
        session.flush()
        for step in steps:
            self._try(step, self._role)

    def _role(self, step: Step) -> None:
        item = step.new or {}
        rights, row = check_rights.rights_of(item), self._role_rows().get(step.name)
        if row is None:
            roles.create(item["label"], rights, key=step.name, actor=self.actor)
        else:
            # Rules are steps of their own: they stay where the document gives no other reach.
            whole = role_rules.kept(rights, roles.current_rights(row))
            roles.update(row.id, item["label"], whole, actor=self.actor)

    def _remove_role(self, step: Step) -> None:
        row = self._role_rows().get(step.name)
        if row is not None:
            roles.delete(row.id, actor=self.actor)

    def _role_rows(self) -> dict[str, Role]:
        return {row.key: row for row in roles.of_workspace()}

    def _rule(self, step: Step) -> None:
        role_key, entity, action = step.name.split("/")
        text, model = asked.rule_text(step.new or {}, self.keys.id_of), registry.entity(entity)
        with rules.as_kept():
            group = conditions.parse(model, text, rules.KEPT, who=True)
        row = self._role_rows().get(role_key)
        if row is None:
            raise LookupError(f"role “{role_key}”")
        rights = role_rules.changed(roles.current_rights(row), entity, [action], rules.made(model, group))
        roles.update(row.id, row.label, rights, actor=self.actor)

    def _remove_rule(self, step: Step) -> None:
        role_key, entity, action = step.name.split("/")
        row = self._role_rows().get(role_key)
        rights = roles.current_rights(row) if row is not None else {}
        if row is not None and isinstance(rights.get(entity, {}).get(action), Rule):
            rest = {name: extent for name, extent in rights[entity].items() if name != action}
            roles.update(row.id, row.label, {**rights, entity: rest}, actor=self.actor)

    def _loosen_rules(self) -> None:
        """A rule that changes lets go of the fields that go: no field goes while a rule rests on it."""
        going = {step.name for step in self._of("fields", gone=True)}
        for step in self._of("rules"):
            entity = step.name.split("/")[1]
            if step.old and going & {f"{entity}/{name}" for name in asked.fields_of(step.old)}:
                self._try(step, self._remove_rule)

    def _limit(self, *, gone: bool) -> None:
        """The levels of a role's fields on an entity are one act, as on their page."""
        known = self._role_rows()
        sets: dict[tuple[str, str], list[Step]] = {}
        for step in self._of("field_rights", gone=gone):
            role_key, entity, _field = step.name.split("/")
            if role_key in known:
                sets.setdefault((role_key, entity), []).append(step)
        for (role_key, entity), steps in sets.items():
            levels = {step.name.split("/")[2]: (step.new or {}).get("level", field_rights.OPEN) for step in steps}

            def act(_step: Step, role: Role = known[role_key], of: str = entity, to: Any = levels) -> None:
                field_rights.limit(role.id, of, to, actor=self.actor, whole=True)

            self._try(steps[0], act)

    def _layout(self, step: Step) -> None:
        entity, _, role_key = step.name.partition("/")
        row = None if role_key == EVERYBODY else self._role_rows().get(role_key)
        if row is None and role_key != EVERYBODY:
            return
        facts = {name: value for name, value in (step.new or {}).items() if name != "local"}
        layouts.save(entity, row.id if row is not None else 0, facts, actor=self.actor)

    # Fields

    def _fields(self) -> None:
        steps = {(s.name.partition("/")[0], s.name.partition("/")[2]): s for s in self._of("fields")}
        if not steps:
            return
        wanted = {name: dict(FIELD_FACTS) | (step.new or {}) for name, step in steps.items()}
        for name, wrong in custom_adopt.adopt(wanted, source=self.source, actor=self.actor).items():
            self.problems[steps[name].id] = wrong

    def _bin_field(self, step: Step) -> None:
        entity, _, key = step.name.partition("/")
        model = registry.entity("custom_field")
        row = session.scalar(sa.select(model.id).where(model.entity == entity, model.key == key))
        if row is not None:
            records.delete(model, row, actor=self.actor)

    # Records of the set-up

    def _bin(self, step: Step) -> None:
        key = self.keys.id_of(_MODELS[step.part].__tablename__, step.name)
        if key is not None:
            records.delete(_MODELS[step.part], key, actor=self.actor)

    def _free_names(self, part: str) -> None:
        """Two pipelines or templates may swap their names, which no two have at once; nor does one that comes back from
        the bin bring a name that another has by now.
        """
        model = _MODELS[part]
        for step in self._of(part) if part != "stages" else ():
            key = self.keys.id_of(model.__tablename__, step.name)
            mine = sa.select(model).where(model.id == key)
            row = session.scalar(mine, execution_options=tenancy.with_deleted()) if key is not None else None
            if row is not None and step.new and row.name != step.new["name"]:
                row.name = f"{step.name}~{row.id}"
        session.flush()

    def _record(self, step: Step) -> None:
        model, item = _MODELS[step.part], dict(step.new or {})
        if "pipeline" in item:
            item["pipeline_id"] = self._id("pipeline", item.pop("pipeline"))
        entity = model.__tablename__
        key = self.keys.id_of(entity, step.name)
        state = self._state(model, key)
        if key is None or state == "gone":
            made = records.create(model, item, actor=self.actor, source=self.source)
            self._name(entity, step.name, made.id)
            return
        if state == "binned":
            records.restore(model, key, actor=self.actor)
        records.update(model, key, item, actor=self.actor)

    def _state(self, model: type[Any], key: int | None) -> str:
        if key is None:
            return "gone"
        wanted = sa.select(model.deleted_at).where(model.id == key)
        row = session.execute(wanted, execution_options=tenancy.with_deleted()).one_or_none()
        return "gone" if row is None else "here" if row.deleted_at is None else "binned"

    def _name(self, entity: str, name: str, record_id: int) -> None:
        keys.point(entity, name, record_id)
        known = self.keys.known.setdefault(entity, {})
        for other in [key for key, told in known.items() if told == name]:
            del known[other]
        known[record_id] = name

    def _id(self, entity: str, name: str) -> int:
        key = self.keys.id_of(entity, name)
        if key is None:
            raise LookupError(f"{entity} “{name}”")
        return key

    # Shared views

    def _view(self, step: Step) -> None:
        entity, _, name = step.name.partition("/")
        item = step.new or {}
        query = asked.address(item["asks"], self.keys.id_of)
        team = self._id("team", item["team"]) if item["audience"] == "team" else None
        key = self.keys.id_of(keys.of_views(entity), name) if step.old is not None else None
        made = saved_views.place(entity, key, item["name"], query, item["audience"], team, actor=self.actor)
        if key is None:
            self._name(keys.of_views(entity), name, made)

    def _remove_view(self, step: Step) -> None:
        entity, _, name = step.name.partition("/")
        key = self.keys.id_of(keys.of_views(entity), name)
        if key is not None:
            saved_views.take_away(entity, key, actor=self.actor)

"""Random edits of a set-up, made as people make them by hand: each through the service that its page uses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa
from hypothesis import strategies as st

from app.errors import DomainError
from app.services import custom_fields, field_rights, layouts, records, role_rules, roles, saved_views, schema
from models import registry, tenancy
from models.base import session
from models.custom import CustomField
from models.deal import Pipeline, Stage
from models.message import Template
from models.scope import Actor, Reach, Rule
from models.view import SavedView
from tests.factories import Office
from tests.factories_fields import TAGS

WORDS = ("Aspen", "Birch", "Cedar", "Dogwood")
ENTITIES = ("contact", "deal")
_KINDS: tuple[dict[str, Any], ...] = (
    {"kind": "text"},
    {"kind": "number", "places": 2},
    {"kind": "choice", "options": ["North", "South"]},
    {"kind": "multichoice", "options": ["Garden", "Sauna"]},
    {"kind": "relation", "target": "stage"},
    {"kind": "computed", "result": "number", "formula": "1 + 1"},
    {"kind": "boolean"},
)
# Which edit, and numbers that say of what and to what.
EDITS = st.lists(st.tuples(st.integers(0, 22), st.integers(0, 11), st.integers(0, 11)), min_size=1, max_size=12)
Edit = tuple[int, int, int]


def edit(office: Office, one: Edit) -> bool:
    """Make an edit; False where it was refused, as a page would refuse it."""
    which, what, to = one
    try:
        _EDITS[which % len(_EDITS)](office, office.actor("owner"), what, to)
    except DomainError:
        session.rollback()
        return False
    return True


def _pick(rows: Sequence[Any], number: int) -> Any:
    if not rows:
        raise DomainError("nothing to edit")
    return rows[number % len(rows)]


def _all(model: Any, *, deleted: bool = False) -> Sequence[Any]:
    found = sa.select(model).order_by(model.id)
    if deleted:
        found = found.where(model.deleted_at.is_not(None))
    return session.scalars(found, execution_options=tenancy.with_deleted() if deleted else {}).all()


def _new_field(_office: Office, actor: Actor, what: int, to: int) -> None:
    facts = {"label": WORDS[to % 4], **_KINDS[what % len(_KINDS)], **TAGS, "required": to > 8}
    custom_fields.define(ENTITIES[what % 2], facts, actor=actor)


def _relabel(_office: Office, actor: Actor, what: int, to: int) -> None:
    facts = {"label": WORDS[to % 4], "position": to, "hint": WORDS[what % 4], "required": to % 2 == 0}
    records.update(CustomField, _pick(_all(CustomField), what).id, facts, actor=actor)


def _reshape(_office: Office, actor: Actor, what: int, to: int) -> None:
    one = _pick([f for f in _all(CustomField) if f.kind in ("choice", "multichoice")], what)
    kept = [(o["key"], o["label"]) for o in one.options if not o.get("retired")]
    options: Any = [kept[:1], [*kept, (None, WORDS[to % 4])], list(reversed(kept)), kept[1:]][to % 4]
    custom_fields.reshape(one.id, {"options": options}, actor=actor)


def _retype(_office: Office, actor: Actor, what: int, to: int) -> None:
    one = _pick([f for f in _all(CustomField) if f.kind in ("text", "number", "choice")], what)
    shape = [{"kind": "text"}, {"kind": "number", "places": 1}, {"kind": "choice", "options": ["4", "5"]}][to % 3]
    custom_fields.reshape(one.id, shape, actor=actor)


def _bin(model: Any) -> Callable[[Office, Actor, int, int], None]:
    return lambda _office, actor, what, _to: records.delete(model, _pick(_all(model), what).id, actor=actor)


def _restore(model: Any) -> Callable[[Office, Actor, int, int], None]:
    return lambda _office, actor, what, _to: records.restore(model, _pick(_all(model, deleted=True), what).id,
                                                             actor=actor)  # fmt: skip


def _rights(to: int) -> dict[str, dict[str, Reach]]:
    return {"contact": {"read": list(Reach)[to % 3]}} | ({"deal": {"read": Reach.OWN}} if to % 2 else {})


def _new_role(_office: Office, actor: Actor, _what: int, to: int) -> None:
    roles.create(WORDS[to % 4], _rights(to), actor=actor)


def _own_role(what: int) -> Any:
    return _pick([role for role in roles.of_workspace() if not role.builtin], what)


def _change_role(_office: Office, actor: Actor, what: int, to: int) -> None:
    roles.update(_own_role(what).id, WORDS[to % 4], _rights(what), actor=actor)


def _rule(_office: Office, actor: Actor, what: int, to: int) -> None:
    role, entity = _own_role(what), ENTITIES[to % 2]
    own = sorted(schema.added(registry.entity(entity)))
    asked = ["owner_id:is:@me", "team_id:filled", *(f"{name}:filled" for name in own)]
    rule = Rule(f'{{"or":["team_id:is:@team","{_pick(asked, to)}"]}}')
    roles.update(
        role.id, role.label, role_rules.changed(roles.current_rights(role), entity, ["read"], rule), actor=actor
    )


def _drop_role(_office: Office, actor: Actor, what: int, _to: int) -> None:
    roles.delete(_own_role(what).id, actor=actor)


def _limit(_office: Office, actor: Actor, what: int, to: int) -> None:
    role = _pick([role for role in roles.of_workspace() if role.key != "owner"], what)
    entity = ENTITIES[to % 2]
    name = _pick(sorted({*schema.every_added(registry.entity(entity)), "owner_id"}), to)
    field_rights.limit(role.id, entity, {name: field_rights.LEVELS[what % 3]}, actor=actor)


def _lay_out(_office: Office, actor: Actor, what: int, to: int) -> None:
    entity = ENTITIES[what % 2]
    own = sorted(schema.every_added(registry.entity(entity)))
    role = _pick([None, *roles.of_workspace()], to)
    choice = {"contact": "type:is:buyer", "deal": "side:is:buy"}[entity]
    facts = {
        "labels": {name: [WORDS[to % 4], ""] for name in own[: to % 3]},
        "sections": [[WORDS[what % 4], [*own[:2], "owner_id"]]] if to % 2 else [],
        "required": own[: what % 2],
        "columns": [*own[: what % 3], "owner_id"],
        "when": dict.fromkeys(own[: to % 2], choice),
    }
    layouts.save(entity, role.id if role is not None else 0, facts if to % 5 else {}, actor=actor)


def _new_pipeline(_office: Office, actor: Actor, _what: int, to: int) -> None:
    records.create(Pipeline, {"name": WORDS[to % 4]}, actor=actor)


def _rename(model: Any) -> Callable[[Office, Actor, int, int], None]:
    def run(_office: Office, actor: Actor, what: int, to: int) -> None:
        records.update(model, _pick(_all(model), what).id, {"name": WORDS[to % 4]}, actor=actor)

    return run


def _new_stage(_office: Office, actor: Actor, what: int, to: int) -> None:
    pipeline = _pick(_all(Pipeline), what)
    facts = {"name": WORDS[to % 4], "pipeline_id": pipeline.id, "position": to, "probability": what, "outcome": "open"}
    records.create(Stage, facts, actor=actor)


def _move_stage(_office: Office, actor: Actor, what: int, to: int) -> None:
    facts = {"pipeline_id": _pick(_all(Pipeline), to).id, "position": to}
    records.update(Stage, _pick(_all(Stage), what).id, facts, actor=actor)


def _new_template(_office: Office, actor: Actor, what: int, to: int) -> None:
    facts = {"name": WORDS[to % 4], "subject": WORDS[what % 4], "body": "Hello\nyou", "kind": "marketing"}
    records.create(Template, facts, actor=actor)


def _keep_view(office: Office, actor: Actor, what: int, to: int) -> None:
    entity = ENTITIES[what % 2]
    names = [*sorted(schema.every_added(registry.entity(entity))), "owner_id"]
    stage = _pick(_all(Stage), to)
    queries = [f"sort=-id&cols={names[what % len(names)]}", f"f={names[0]}:filled",
               f"f=owner_id:is:{office.agent.membership_id}", "q=Dana"]  # fmt: skip
    queries += [f"f=stage_id:is:{stage.id}|{stage.id}&group=stage_id"] if entity == "deal" else ["f=name:is:Dana"]
    mine = [v for v in _all(SavedView) if v.membership_id == actor.membership_id and v.entity == entity]
    key = _pick(mine, to).id if mine and what % 3 == 0 else None
    audience = ("workspace", "private")[to % 5 == 4]
    saved_views.save(entity, WORDS[to % 4], queries[to % len(queries)], audience, actor=actor, key=key)


def _team_view(office: Office, _actor: Actor, what: int, to: int) -> None:
    saved_views.save("contact", WORDS[to % 4], f"f=stage:is:{('new', 'active')[what % 2]}", "team",
                     actor=office.actor("agent"))  # fmt: skip


def _drop_view(_office: Office, actor: Actor, what: int, _to: int) -> None:
    mine = [view for view in _all(SavedView) if view.membership_id == actor.membership_id]
    one = _pick(mine, what)
    saved_views.delete(one.entity, one.id, actor=actor)


_EDITS: tuple[Callable[[Office, Actor, int, int], Any], ...] = (
    _new_field, _new_field, _relabel, _reshape, _retype, _bin(CustomField), _restore(CustomField), _new_role,
    _change_role, _drop_role, _limit, _lay_out, _new_pipeline, _rename(Pipeline), _new_stage, _move_stage, _bin(Stage),
    _new_template, _rename(Template), _keep_view, _team_view, _drop_view, _rule,
)  # fmt: skip

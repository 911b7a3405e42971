"""Why somebody may or may not do something: the answer of the functions that decide, with its reasons in plain words.

The verdict is what `permissions`, `records` and `schema` say for the person in question, never a second reading of the
rules; the reasons come from the same functions, asked one step at a time. Does not belong here: deciding anything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType, SimpleNamespace
from typing import Any

import sqlalchemy as sa

from app import permissions
from app.errors import Forbidden, Invalid, NotFound
from app.services import api_keys, explain_fields, explain_rules, records, relatives, roles, schema, values
from models import registry, scope
from models.access import ApiKey
from models.base import session
from models.fields import Field, now
from models.scope import Actor, ActorKind, Extent, Reach, Rule
from models.user import Role, User
from models.words import N_, _
from models.workspace import Membership, Team, Workspace

# An act -> the rights it takes on a record, the one it is named after last.
ACTS: Mapping[str, tuple[str, ...]] = MappingProxyType({
    "read": ("read",), "add": ("write",), "write": ("read", "write"), "delete": ("read", "delete"),
    "export": ("read", "export"), "see": ("read",), "change": ("read", "write"),
})  # fmt: skip
OF_FIELDS = ("see", "change")
_WIDE = {
    Reach.OWN: N_("those they own"),
    Reach.TEAM: N_("those they own and those of their team"),
    Reach.WORKSPACE: N_("all of the workspace"),
}
Words = Callable[[str], tuple[str, str]]
_UTC = values.Locale()


@dataclass(frozen=True, slots=True)
class Question:
    """Whether a member may do `act` (one of `ACTS`; for an area, one of its actions). `offered` says whether the screen
    has the act at all, `words` gives an entity's or area's name in singular and plural."""

    membership_id: int
    entity: str
    act: str
    words: Words
    field: str = ""
    record_id: int | None = None
    key_id: int | None = None
    offered: bool = True
    instead: str = ""
    locale: values.Locale = _UTC

    @property
    def is_area(self) -> bool:
        return self.entity in permissions.AREAS

    @property
    def rights(self) -> tuple[str, ...]:
        return (self.act,) if self.is_area else ACTS[self.act]

    @property
    def ruling(self) -> str:
        """What the right is on: the entity, the parent that rules it, or the area."""
        return self.entity if self.is_area else registry.permission_entity(registry.entity(self.entity))


@dataclass(frozen=True, slots=True)
class Step:
    """One reason, and whether it speaks for the act."""

    good: bool
    text: str


@dataclass(frozen=True, slots=True)
class Answer:
    """The verdict with its reasons in the order in which they are asked; `record` is the record's title."""

    allowed: bool
    steps: tuple[Step, ...]
    record: str = ""


@dataclass(slots=True)
class _Case:
    """A question with what is known of it: the person as actor, and the record as the one who asks sees it."""

    asked: Question
    who: Any
    them: Actor
    asker: Actor
    record: Any = None
    steps: list[Step] = field(default_factory=list)

    def say(self, good: bool, text: str) -> None:
        if (step := Step(good, text)) not in self.steps:
            self.steps.append(step)


def people(*, actor: Actor) -> list[Any]:
    """Those whom this person may ask about: everybody they see with the right to read roles, else themselves alone."""
    second = sa.or_(User.tf_primary_method.is_not(None), User.webauthn.any())
    statement = (
        sa.select(
            Membership.id, Membership.user_id, Membership.name, Membership.active, Membership.role_id,
            Membership.team_id, Role.label.label("role"), Role.key.label("role_key"), Team.name.label("team"),
            User.active.label("account"), second.label("second_factor"), Workspace.keys_version,
            Workspace.require_mfa, Workspace.status, Workspace.zone,
        )
        .join(Role, Role.id == Membership.role_id)
        .join(User, User.id == Membership.user_id)
        .join(Workspace, Workspace.id == Membership.workspace_id)
        .outerjoin(Team, sa.and_(Team.workspace_id == Membership.workspace_id, Team.id == Membership.team_id))
        .order_by(Membership.name, Membership.id)
    )  # fmt: skip
    if permissions.reach(actor, "read", "role") is None or permissions.reach(actor, "read", "membership") is None:
        return list(session.execute(statement.where(Membership.id == actor.membership_id)))
    return list(session.execute(permissions.restrict(statement, Membership, actor)))


def keys(membership_id: int, *, actor: Actor) -> list[ApiKey]:
    """The keys of a member that this person may know of."""
    if permissions.reach(actor, "read", "api_key") is None:
        return []
    return [key for key, _ in api_keys.listed(actor=actor) if key.membership_id == membership_id]


def fields(entity: str) -> Mapping[str, Field]:
    """The fields that can be asked about: what the one who asks sees."""
    known = schema.fields(registry.entity(entity))
    return {n: one for n, one in known.items() if not one.secret and n not in ("deleted_at", "name_key")}


def answer(asked: Question, *, actor: Actor) -> Answer:
    """The verdict and its reasons. Raises `NotFound` for a person, record or key that the one who asks does not see,
    and `Invalid` for what is no question."""
    who = next((one for one in people(actor=actor) if one.id == asked.membership_id), None)
    if who is None:
        raise NotFound()
    if actor.grant_id is not None and actor.membership_id == who.id and actor.role_id is not None:
        lent = {"role_id": actor.role_id, "role_key": actor.role, "role": roles.get(actor.role_id).label}
        who = SimpleNamespace(**{**who._mapping, **lent})
    _check(asked)
    case = _Case(asked, who, _actor_of(who), actor)
    if asked.record_id is not None and asked.act != "add":
        case.record = records.load(registry.entity(asked.entity), asked.record_id, actor=actor)
    _membership(case)
    _acting(case)
    _key(case)
    _screen(case)
    _rights(case)
    if asked.act in OF_FIELDS:
        explain_fields.step(case, fields(asked.entity)[asked.field].label)
    allowed = _is_at_work(case) and asked.offered and _decided(case)
    return Answer(allowed, tuple(case.steps), explain_fields.title(case.record) if case.record is not None else "")


def _check(asked: Question) -> None:
    known = permissions.AREAS.get(asked.entity, ()) if asked.is_area else tuple(ACTS)
    if asked.act not in known or (not asked.is_area and asked.entity not in registry.entities()):
        raise Invalid({"act": _("Choose what the question is about.")})
    if asked.act in OF_FIELDS and asked.field not in fields(asked.entity):
        raise Invalid({"field": _("Choose a field.")})


def _actor_of(who: Any) -> Actor:
    return Actor(
        ActorKind.USER, who.name, user_id=who.user_id, membership_id=who.id, team_id=who.team_id, role=who.role_key,
        role_id=who.role_id, rights=permissions.rights_of_role(who.role_id, who.keys_version), zone=who.zone,
    )  # fmt: skip


def _decided(case: _Case) -> bool:
    """What the deciding functions say for this person."""
    asked, them = case.asked, case.them
    with scope.seen_as(them.role_id):
        try:
            for right in asked.rights:
                permissions.require(them, right, asked.ruling)
                if case.record is not None:
                    records.load(type(case.record), case.record.id, actor=them, action=right)
        except (Forbidden, NotFound):
            return False
        if asked.act in OF_FIELDS:
            model = registry.entity(asked.entity)
            return asked.field in (schema.fields(model) if asked.act == "see" else schema.writable(model))
    return not (asked.act == "delete" and registry.entity(asked.entity).permanent)


def _is_at_work(case: _Case) -> bool:
    """Whether this person gets into the workspace at all."""
    who, program = case.who, case.asked.key_id is not None
    enters = program or who.second_factor or not who.require_mfa
    return bool(who.active and who.account and who.status == "active" and enters)


def _membership(case: _Case) -> None:
    who = case.who
    if not who.active:
        case.say(False, _("{name} is no longer a member of this workspace, and opens nothing in it.", name=who.name))
        return
    case.say(True, _("{name} is an active member of this workspace.", name=who.name))
    if not who.account:
        case.say(False, _("The account of {name} is blocked.", name=who.name))
    if who.require_mfa and not who.second_factor and case.asked.key_id is None:
        case.say(False, _("The workspace asks for a second factor at sign-in, and {name} has none yet.", name=who.name))


def _key(case: _Case) -> None:
    """A key can do what its scopes name of what its member may do."""
    if case.asked.key_id is None:
        return
    key = next((k for k in keys(case.who.id, actor=case.asker) if k.id == case.asked.key_id), None)
    if key is None:
        raise NotFound(_("There is no such key, or it is not yours to see."))
    own = case.them
    case.them = replace(own, rights=permissions.narrow(own.rights, key.scopes), kind=ActorKind.API_KEY, key_id=key.id)
    if key.expires_at is not None and key.expires_at <= now():
        case.say(False, _("The key “{name}” has expired.", name=key.name))
        case.them = replace(case.them, rights={})
    ruling = case.asked.ruling
    for right in case.asked.rights:
        if permissions.reach(own, right, ruling) and not permissions.reach(case.them, right, ruling):
            case.say(
                False, _("The scopes of the key “{name}” leave out {scope}.", name=key.name, scope=f"{ruling}:{right}")
            )
            return
    case.say(
        True,
        _(
            "The key “{key}” may do what {name} may, within its scopes: {scopes}.",
            key=key.name,
            name=case.who.name,
            scopes=", ".join(key.scopes),
        ),
    )


def _acting(case: _Case) -> None:
    """Who uses granted access and asks about themselves has what it leaves."""
    if case.asker.grant_id is None or case.asker.membership_id != case.who.id:
        return
    role, case.them = case.them, case.asker
    for right in case.asked.rights:
        if permissions.reach(role, right, case.asked.ruling) and not permissions.reach(
            case.them, right, case.asked.ruling
        ):
            case.say(
                False,
                _(
                    "The granted access in use leaves out “{right}” on {records}.",
                    right=N_(right),
                    records=case.asked.words(case.asked.ruling)[1],
                ),
            )


def _screen(case: _Case) -> None:
    """What nobody does, whatever the role."""
    asked = case.asked
    if asked.offered and not (asked.act == "delete" and registry.entity(asked.entity).permanent):
        return
    many = asked.words(asked.entity)[1]
    does = {"add": _("added on a page of their own or over the API"), "delete": _("deleted")}.get(
        asked.act, _("changed by hand")
    )
    case.say(
        False, _("Nobody may: {many} are not {does}. {instead}", many=many, does=does, instead=asked.instead).rstrip()
    )


def _rights(case: _Case) -> None:
    asked = case.asked
    if asked.ruling != asked.entity:
        many, parents = asked.words(asked.entity)[1], asked.words(asked.ruling)[1]
        case.say(
            True,
            _(
                "{many} follow the {parents} they belong to: the right on {parents} counts.",
                many=many.capitalize(),
                parents=parents,
            ),
        )
    for right in asked.rights:
        _right(case, right)


def _right(case: _Case, right: str) -> None:
    asked, who = case.asked, case.who
    role = permissions.rights_of_role(who.role_id, who.keys_version)
    granted = role.get(asked.ruling, {}).get(right)
    many = asked.words(asked.ruling)[1]
    if granted is None:
        case.say(
            False,
            _(
                "The role {role} does not include “{right}” on {many}.",
                role=permissions.spoken(who.role),
                right=N_(right),
                many=many,
            ),
        )
        return
    case.say(
        True,
        _(
            "The role {role} includes “{right}” on {many}{how_far}.",
            role=permissions.spoken(who.role),
            right=N_(right),
            many=many,
            how_far=_how_far(case, granted),
        ),
    )
    if case.record is not None and permissions.reach(case.them, right, asked.ruling) not in (None, Reach.WORKSPACE):
        _reach(case, right, granted)
    elif granted == Rule(""):
        case.say(False, str(explain_rules.BROKEN))


def _how_far(case: _Case, granted: Extent) -> str:
    asked = case.asked
    if isinstance(granted, Rule):
        return f": {explain_rules.reached(registry.entity(asked.ruling), granted, asked.locale, actor=case.asker)}"
    if asked.is_area or permissions.widths(asked.ruling) == tuple(Reach)[-1:]:
        return ""
    return f": {_WIDE[granted]}"


def _reach(case: _Case, right: str, granted: Extent) -> None:
    """Which part of the reach the record meets, each part asked of the gate alone."""
    model, name, team = type(case.record), case.who.name, case.who.team
    try:
        one, owner, place = _whose(case)
    except NotFound:
        case.say(False, _("The {what} it belongs to is gone.", what=case.asked.words(case.asked.ruling)[0]))
        return
    if isinstance(granted, Rule):
        ruling = registry.entity(case.asked.ruling)
        key = case.record.id if model is ruling else getattr(case.record, registry.parent_link(model))
        case.say(
            *explain_rules.of_record(ruling, granted, key, one, case.asked.locale, them=case.them, actor=case.asker)
        )
        return
    if _meets(case, model, right, Reach.OWN):
        case.say(True, f"{one} belongs to {name}.")
        return
    belongs = (
        _("{one} belongs to {owner}, not to {name}", one=one, owner=owner, name=name)
        if owner
        else _("{one} does not belong to {name}", one=one, name=name)
    )
    if granted is Reach.OWN:
        case.say(False, f"{belongs}.")
    elif case.who.team_id is None:
        case.say(False, _("{belongs}, and {name} is in no team.", belongs=belongs, name=name))
    elif _meets(case, model, right, Reach.TEAM):
        case.say(
            True,
            _("{belongs}, but it is of the team {team}, where {name} is too.", belongs=belongs, team=team, name=name),
        )
    else:
        case.say(False, f"{belongs}, and it is {place}; {name} is in {team}.")


def _meets(case: _Case, model: type[Any], right: str, part: Reach) -> bool:
    narrow = replace(case.them, rights={case.asked.ruling: {right: part}})
    condition = permissions.criterion(model, narrow, right)
    statement = sa.select(model.id).where(model.id == case.record.id)
    return condition is None or session.scalar(statement.where(condition)) is not None


def _whose(case: _Case) -> tuple[str, str, str]:
    """The record (or the one that rules it), its owner, and its team in words, as far as the one who asks sees them."""
    record, asked = case.record, case.asked
    if asked.ruling != asked.entity:
        parent = registry.entity(asked.ruling)
        record = records.load(parent, getattr(record, registry.parent_link(type(record))), actor=case.asker)
    one = _("The {what} “{title}”", what=asked.words(asked.ruling)[0], title=explain_fields.title(record))
    seen = schema.fields(type(record))
    owner = record.owner_id if "owner_id" in seen else None
    team = record.team_id if "team_id" in seen else None
    wanted = {(entity, key) for entity, key in (("membership", owner), ("team", team)) if key is not None}
    names = relatives.titles(wanted, actor=case.asker) if wanted else {}
    nobody = "nobody" if record.owner_id is None and "owner_id" in seen else ""
    other = _("of no team") if record.team_id is None and "team_id" in seen else _("of another team")
    named = names.get(("team", team or 0))
    return one, names.get(("membership", owner or 0), nobody), _("of the team {named}", named=named) if named else other


def sentence(asked: Question, found: Answer, name: str) -> str:
    """The verdict in a sentence."""
    label = fields(asked.entity)[asked.field].label if asked.act in OF_FIELDS else ""
    return explain_fields.verdict(asked, found, name, label)

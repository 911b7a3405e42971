"""A brokerage comes into being: workspace, roles, pipeline, templates and the owner's membership, whole or not at
all.

Belongs here: provisioning and the workspace's own switches. Does not belong here: its members (`app.services.members`)
and what its roles grant (`app.services.roles`).
"""

from __future__ import annotations

import re
import secrets
import unicodedata
from collections.abc import Mapping
from typing import Any
from zoneinfo import available_timezones

import phonenumbers
import sqlalchemy as sa

from app import permissions
from app.errors import Conflict, Invalid
from app.services import accounts, roles
from app.services.operation import operation
from models import registry, scope, words
from models.base import session
from models.deal import Pipeline, Stage
from models.message import Template
from models.scope import Actor
from models.user import Role, User
from models.words import N_, _
from models.workspace import Membership, Workspace

_STAGES = (
    (N_("New"), 10, "open"),
    (N_("Qualified"), 25, "open"),
    (N_("Showing"), 40, "open"),
    (N_("Offer"), 60, "open"),
    (N_("Under contract"), 85, "open"),
    (N_("Closed"), 100, "won"),
    (N_("Lost"), 0, "lost"),
)
_TEMPLATES = (
    (
        N_("First contact"),
        N_("Your inquiry"),
        "transactional",
        N_(
            "Hello {{ contact.goes_by }},\n\nthank you for getting in touch. When would be a good time for "
            "a short call this week?\n\n{{ sender.name }}"
        ),
    ),
    (
        N_("After a viewing"),
        N_("The viewing"),
        "transactional",
        N_(
            "Hello {{ contact.goes_by }},\n\nthank you for coming to the viewing. What did you like, and "
            "what was missing?\n\n{{ sender.name }}"
        ),
    ),
    (
        N_("Market update"),
        N_("What sold near you"),
        "marketing",
        N_(
            "Hello {{ contact.goes_by }},\n\nhere is what sold near you this month, and what it means for "
            "your home.\n\n{{ sender.name }}"
        ),
    ),
)


def provision_workspace(
    name: str, *, owner: accounts.NewUser | User, actor: Actor, slug: str = "", **profile: Any
) -> tuple[Workspace, Membership]:
    """Make a workspace with all it needs and its first owner, in one transaction.

    `owner` is a new person or an existing user; `profile` sets fields of `Workspace` (zone, region, currency ...).
    Raises `Invalid`.
    """
    name = " ".join(name.split())
    if not name or len(name) > 200:
        raise Invalid({"name": _("Type the name of your brokerage, at most 200 characters.")})
    with scope.across_workspaces("a new workspace is made"), operation("workspace.provision", actor=actor) as op:
        user = owner if isinstance(owner, User) else accounts.create_user(owner, actor=actor)
        workspace = Workspace(name=name, slug=slug or _free_slug(name), **profile)
        session.add(workspace)
        session.flush()
        # What it starts with is the brokerage's own from then on, and in its language.
        with scope.inside(workspace.id), words.speaking(workspace.language, workspace.region):
            made = roles.create_builtin(workspace.id)
            _default_records(actor)
            member = _member(user, made["owner"], actor)
            session.flush()
        user.last_workspace_id = user.last_workspace_id or workspace.id
        op.audit("workspace.provisioned", entity="workspace", record_id=workspace.id, workspace_id=workspace.id)
        key = workspace.id
    return workspace, loaded(member, key)


def add_member(user: User, role_key: str, *, actor: Actor, team_id: int | None = None, **facts: Any) -> Membership:
    """Put a user into the current workspace; who may do so was checked (an accepted invitation, the command line)."""
    workspace_id = scope.workspace_id()
    role = session.scalar(sa.select(Role).where(Role.workspace_id == workspace_id, Role.key == role_key))
    if role is None:
        raise Invalid({"role": _("There is no role “{role}” in this workspace.", role=role_key)})
    with operation("membership.create", actor=actor) as op:
        member = session.scalar(sa.select(Membership).where(Membership.user_id == user.id))
        if member is None:
            member = _member(user, role, actor, team_id=team_id, **facts)
        elif member.active:
            raise Invalid({"email": _("This person is a member already.")})
        else:
            member.active, member.role_id, member.team_id = True, role.id, team_id
        session.flush()
        op.audit("membership.joined", entity="membership", record_id=member.id, facts={"role": role.label})
    return member


def add_person(new: accounts.NewUser, role_key: str, *, actor: Actor) -> tuple[User, Membership]:
    """The account of an address (made where there is none) as a member of the current workspace, in one transaction."""
    with operation("membership.create", actor=actor):
        user = accounts.find(new.email) or accounts.create_user(new, actor=actor)
        return user, add_member(user, role_key, actor=actor)


def loaded(member: Membership, workspace_id: int) -> Membership:
    """A membership made in another scope than the caller's, read again after the commit: outside it the wall hides
    it.
    """
    with scope.inside(workspace_id):
        session.refresh(member)
    return member


def by_slug(slug: str) -> Workspace | None:
    return session.scalar(sa.select(Workspace).where(Workspace.slug == slug))


def current() -> Workspace:
    """The workspace that work is done in."""
    return session.get_one(Workspace, scope.workspace_id())


def update_profile(values: Mapping[str, Any], *, version: int, actor: Actor) -> Workspace:
    """Set clean field values of the current workspace. `require_mfa` acts on each member's next request. Raises
    `Invalid`, `Conflict`.
    """
    permissions.require(actor, "write", "workspace")
    problems = _problems(values)
    if problems:
        raise Invalid(problems)
    with operation("workspace.update", actor=actor):
        workspace = session.scalars(
            sa.select(Workspace).where(Workspace.id == scope.workspace_id()).with_for_update()
        ).one()
        if workspace.version != version:
            raise Conflict(
                _(
                    "Somebody else saved the workspace meanwhile. Nothing of yours is saved yet: check it and "
                    "save again."
                ),
                version=workspace.version,
            )
        for name, value in values.items():
            if getattr(workspace, name) != value:
                setattr(workspace, name, value)
        workspace.version += 1
    return workspace


def _problems(values: Mapping[str, Any]) -> dict[str, str]:
    found = {}
    for name in values:
        if name not in registry.writable(Workspace):
            found[name] = _("“{name}” cannot be set here.", name=name)
    if "name" in values and not values["name"]:
        found["name"] = _("Type the name of your brokerage.")
    if "color" in values and not re.fullmatch(r"#[0-9a-f]{6}", values["color"] or ""):
        found["color"] = _("Type a colour as # and six digits. Example: #10414d")
    if "region" in values and values["region"] not in phonenumbers.SUPPORTED_REGIONS:
        found["region"] = _("Type a country as two letters. Example: US")
    if "zone" in values and values["zone"] not in available_timezones():
        found["zone"] = _("This is no time zone. Example: America/New_York")
    return found


def _member(user: User, role: Role, actor: Actor, **facts: Any) -> Membership:
    name = user.get_full_name().strip() or user.email
    member = Membership(
        user_id=user.id,
        role_id=role.id,
        name=name,
        email=user.email,
        active=True,
        source="system",
        created_by=actor.label,
        **facts,
    )
    session.add(member)
    return member


def _default_records(actor: Actor) -> None:
    came = {"source": "system", "created_by": actor.label}
    pipeline = Pipeline(name=_("Sales"), **came)
    session.add(pipeline)
    session.flush()
    for position, (name, probability, outcome) in enumerate(_STAGES, 1):
        session.add(
            Stage(
                name=str(name),
                pipeline_id=pipeline.id,
                position=position,
                probability=probability,
                outcome=outcome,
                **came,
            )
        )
    for name, subject, kind, body in _TEMPLATES:
        session.add(Template(name=str(name), subject=str(subject), kind=kind, body=str(body), **came))


def _free_slug(name: str) -> str:
    """A short name for addresses: letters, digits and hyphens, with a few random letters where it is taken."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    base = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40] or "brokerage"
    taken = session.scalar(sa.select(Workspace.id).where(Workspace.slug == base))
    return base if taken is None else f"{base}-{secrets.token_hex(3)}"

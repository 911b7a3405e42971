"""Who a job acts as: the one who asked for it, with the rights they have now.

Does not belong here: what rights mean (`app.permissions`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from app import permissions
from app.services import access_grants, accounts, schema
from jobs.run import Refused, Run
from models import scope
from models.access import ApiKey
from models.base import session
from models.fields import now
from models.scope import Actor, ActorKind, Rights
from models.words import _
from models.workspace import Membership, Workspace


def restore(portrait: Mapping[str, Any], job_id: int) -> Actor:
    """The actor of a job; raises `Refused` when its workspace is suspended or its member or key no longer acts here."""
    label = str(portrait.get("label") or "The product")
    request_id = portrait.get("request_id") or f"job-{job_id}"
    if not isinstance(scope.current(), int):
        return _outside_workspaces(portrait, label, request_id)
    workspace = session.get(Workspace, scope.workspace_id(), populate_existing=True)
    if workspace is None or workspace.status != "active":
        raise Refused(_("The workspace is suspended."))
    schema.enter(workspace.id, workspace.schema_mark)
    if portrait.get("grant_id") is not None:
        return _under_grant(portrait, label, request_id)
    if portrait.get("membership_id") is not None:
        return _member(portrait, workspace, label, request_id)
    if portrait.get("kind") in (ActorKind.SYSTEM, ActorKind.JOB) and portrait.get("everything"):
        return scope.system(label, request_id=request_id)
    return Actor(ActorKind.PUBLIC, label, request_id=request_id)


@contextmanager
def as_of_now(run: Run) -> Iterator[Actor]:
    """Who a long job acts as, read anew for the step in this block: rights that were taken away meanwhile end it.
    Raises `Refused`.
    """
    run.actor = restore(run.claimed.actor, run.id)
    with scope.seen_as(run.actor.role_id):
        yield run.actor


def _outside_workspaces(portrait: Mapping[str, Any], label: str, request_id: str) -> Actor:
    everything = portrait.get("kind") == ActorKind.SYSTEM and bool(portrait.get("everything"))
    return (
        scope.system(label, request_id=request_id)
        if everything
        else Actor(ActorKind.PUBLIC, label, request_id=request_id)
    )


def _member(portrait: Mapping[str, Any], workspace: Workspace, label: str, request_id: str) -> Actor:
    member = session.scalars(sa.select(Membership).where(Membership.id == portrait["membership_id"])).one_or_none()
    if member is None or not accounts.is_at_work(member):
        raise Refused(_("The person who asked for this is no longer a member of the workspace."))
    rights = permissions.rights_of_role(member.role_id, workspace.keys_version)
    if portrait.get("key_id") is not None:
        rights = _of_key(int(portrait["key_id"]), rights)
    return Actor(
        ActorKind.JOB, label, user_id=member.user_id, membership_id=member.id, team_id=member.team_id, rights=rights,
        role_id=member.role_id,
        key_id=portrait.get("key_id"), on_behalf_of=label, request_id=request_id, zone=workspace.zone,
    )  # fmt: skip


def _under_grant(portrait: Mapping[str, Any], label: str, request_id: str) -> Actor:
    """Work that was asked for under granted access ends with it."""
    acting = access_grants.live(int(portrait["grant_id"]), int(portrait.get("user_id") or 0))
    if acting is None:
        raise Refused(_("The granted access under which this was asked for is over."))
    member = acting.place.membership
    return Actor(
        ActorKind.JOB, label, user_id=portrait["user_id"], membership_id=member.id, team_id=member.team_id,
        rights=acting.rights, role=acting.place.role, role_id=member.role_id, on_behalf_of=acting.on_behalf_of,
        grant_id=acting.id, own_id=acting.own_id, request_id=request_id, zone=acting.place.workspace.zone,
    )  # fmt: skip


def _of_key(key_id: int, rights: Rights) -> Rights:
    key = session.get(ApiKey, key_id)
    if key is None or key.revoked_at is not None or (key.expires_at is not None and key.expires_at <= now()):
        raise Refused(_("The API key that asked for this was revoked or has expired."))
    return permissions.narrow(rights, key.scopes)

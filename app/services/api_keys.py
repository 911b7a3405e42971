"""API keys of a workspace: made, shown once, ended. Reading a key is in `app.services.sessions`.

A key is `rec_<prefix>.<secret>` with 256 random bits in the secret; stored are the prefix and a keyed hash (P55). It
can do what its scopes name, and never more than its member may do.
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Iterable

import sqlalchemy as sa

from app import permissions
from app.errors import Invalid, NotFound
from app.services.operation import operation
from models.access import ApiKey
from models.base import session
from models.crypto import keyring
from models.fields import now
from models.scope import Actor
from models.workspace import Membership

LONGEST_DAYS = 3650


def create(member: Membership, name: str, scopes: Iterable[str], days: int, *, actor: Actor) -> tuple[ApiKey, str]:
    """A new key and its text, which is nowhere else. Raises `Invalid`, `Forbidden`."""
    permissions.require(actor, "write", "api_key")
    if actor.membership_id not in (None, member.id):
        raise Invalid({"": "You can make keys for yourself only."})
    name, wanted = " ".join(name.split()), sorted(set(scopes))
    problems = {}
    if not name or len(name) > 120:
        problems["name"] = "Type a name for the key, such as the program that will use it."
    bad = [one for one in wanted if one not in known_scopes()]
    if bad or not wanted:
        problems["scopes"] = (
            f"“{bad[0]}” is no scope. Example: contact:read"
            if bad
            else "Choose at least one thing that the key may do."
        )
    if not 1 <= days <= LONGEST_DAYS:
        problems["days"] = f"Choose from 1 to {LONGEST_DAYS:,} days."
    if problems:
        raise Invalid(problems)
    prefix, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    with operation("api_key.create", actor=actor) as op:
        made = ApiKey(
            membership_id=member.id,
            name=name,
            prefix=prefix,
            scopes=wanted,
            expires_at=now() + dt.timedelta(days=days),
            digest=keyring().token_hash("api key", f"{prefix}.{secret}"),
        )
        session.add(made)
        session.flush()
        op.audit("api_key.created", entity="api_key", record_id=made.id, facts={"scopes": wanted, "days": days})
    return made, f"rec_{prefix}.{secret}"


def known_scopes() -> frozenset[str]:
    """Every scope there is: "contact:read", and "*:read" for all that the member can read."""
    subjects = permissions.subjects()
    every = {f"{entity}:{action}" for entity, actions in subjects.items() for action in actions}
    return frozenset(every | {f"*:{action}" for action in permissions.ACTIONS})


def listed(*, actor: Actor) -> list[tuple[ApiKey, str]]:
    """Keys that are not revoked, with the name of their member: one's own, or all with the right to read members."""
    permissions.require(actor, "read", "api_key")
    statement = (
        sa.select(ApiKey, Membership.name)
        .join(
            Membership, sa.and_(Membership.workspace_id == ApiKey.workspace_id, Membership.id == ApiKey.membership_id)
        )
        .where(ApiKey.revoked_at.is_(None))
        .order_by(ApiKey.id.desc())
    )
    if permissions.reach(actor, "write", "membership") is None:
        statement = statement.where(ApiKey.membership_id == actor.membership_id)
    return [(key, name) for key, name in session.execute(statement)]


def revoke(key_id: int, *, actor: Actor) -> None:
    """End a key at once: one's own, or any with the right to change members."""
    permissions.require(actor, "write", "api_key")
    with operation("api_key.revoke", actor=actor) as op:
        found = session.scalar(sa.select(ApiKey).where(ApiKey.id == key_id))
        if found is None or (
            found.membership_id != actor.membership_id and permissions.reach(actor, "write", "membership") is None
        ):
            raise NotFound()
        found.revoked_at = found.revoked_at or now()
        op.audit("api_key.revoked", entity="api_key", record_id=found.id)


def revoke_of_member(membership_id: int) -> int:
    """End all keys of a member; part of the operation that is open. Returns how many."""
    keys = session.scalars(
        sa.select(ApiKey).where(ApiKey.membership_id == membership_id, ApiKey.revoked_at.is_(None))
    ).all()
    for key in keys:
        key.revoked_at = now()
    return len(keys)

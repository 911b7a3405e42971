"""API keys of a workspace: made, shown once, ended. Reading a key is in `app.services.sessions`.

A key is `rec_<prefix>.<secret>` with 256 random bits in the secret; stored are the prefix and a keyed hash (P55). It
can do what its scopes name, and never more than its member may do. Rotating makes a successor; both work for a while,
so that the program can change over without a gap.
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Iterable, Sequence

import sqlalchemy as sa

from app import permissions
from app.errors import Conflict, Invalid, NotFound
from app.services.operation import operation
from models.access import ApiKey
from models.base import session
from models.crypto import keyring
from models.fields import now
from models.scope import Actor
from models.words import _, grouped
from models.workspace import Membership

LONGEST_DAYS = 3650
OVERLAP = dt.timedelta(hours=24)
LONGEST_OVERLAP = dt.timedelta(days=30)
SOON = dt.timedelta(days=14)


def create(member: Membership, name: str, scopes: Iterable[str], days: int, *, actor: Actor) -> tuple[ApiKey, str]:
    """A new key and its text, which is nowhere else. Raises `Invalid`, `Forbidden`."""
    permissions.require(actor, "write", "api_key")
    if actor.membership_id not in (None, member.id):
        raise Invalid({"": _("You can make keys for yourself only.")})
    name, wanted = " ".join(name.split()), sorted(set(scopes))
    problems = {}
    if not name or len(name) > 120:
        problems["name"] = _("Type a name for the key, such as the program that will use it.")
    bad = [one for one in wanted if one not in known_scopes()]
    if bad or not wanted:
        problems["scopes"] = (
            _("“{scope}” is no scope. Example: contact:read", scope=bad[0])
            if bad
            else _("Choose at least one thing that the key may do.")
        )
    if not 1 <= days <= LONGEST_DAYS:
        problems["days"] = _("Choose from 1 to {most} days.", most=grouped(LONGEST_DAYS))
    if problems:
        raise Invalid(problems)
    with operation("api_key.create", actor=actor) as op:
        made, text = _made(member.id, name, wanted, dt.timedelta(days=days))
        op.audit("api_key.created", entity="api_key", record_id=made.id, facts={"scopes": wanted, "days": days})
    return made, text


def rotate(key_id: int, overlap: dt.timedelta = OVERLAP, *, actor: Actor) -> tuple[ApiKey, ApiKey, str]:
    """A successor of a key with its name, scopes, member and length of life: (old, new, the new one's text). The old
    one ends after `overlap`. One's own keys alone: a key acts as its member. Raises `Invalid`, `Conflict`, `NotFound`.
    """
    permissions.require(actor, "write", "api_key")
    if not dt.timedelta() <= overlap <= LONGEST_OVERLAP:
        raise Invalid({"overlap": _("Choose from 0 hours to {days} days.", days=LONGEST_OVERLAP.days)})
    with operation("api_key.rotate", actor=actor) as op:
        old = session.scalar(sa.select(ApiKey).where(ApiKey.id == key_id).with_for_update())
        if old is None or actor.membership_id not in (None, old.membership_id):
            raise NotFound()
        if not is_live(old):
            raise Conflict(_("This key has ended. Nothing was changed: make a new one."))
        if old.successor_id is not None:
            raise Conflict(_("This key was rotated before. Nothing was changed: rotate the key that took its place."))
        life = (old.expires_at - old.created_at) if old.expires_at else dt.timedelta(days=LONGEST_DAYS)
        new, text = _made(old.membership_id, old.name, old.scopes, life)
        ends = now() + overlap
        old.successor_id, old.expires_at = new.id, min(ends, old.expires_at or ends)
        facts = {"successor": new.id, "ends": old.expires_at.isoformat()}
        op.audit("api_key.rotated", entity="api_key", record_id=old.id, facts=facts)
    return old, new, text


def is_live(key: ApiKey) -> bool:
    """Whether a key works now."""
    return key.revoked_at is None and (key.expires_at is None or key.expires_at > now())


def end_soon(keys: Iterable[ApiKey]) -> list[ApiKey]:
    """Keys that end within two weeks and that nothing takes the place of yet; the first to end first."""
    dated = ((key.expires_at, key) for key in keys if key.expires_at is not None and key.successor_id is None)
    return [key for ends, key in sorted(dated, key=lambda pair: pair[0]) if now() < ends <= now() + SOON]


def _made(member_id: int, name: str, scopes: Sequence[str], life: dt.timedelta) -> tuple[ApiKey, str]:
    prefix, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    made = ApiKey(
        membership_id=member_id,
        name=name,
        prefix=prefix,
        scopes=list(scopes),
        expires_at=now() + life,
        digest=keyring().token_hash("api key", f"{prefix}.{secret}"),
    )
    session.add(made)
    session.flush()
    return made, f"rec_{prefix}.{secret}"


def by_prefix(prefix: str) -> ApiKey:
    """A key by the visible part of its text, with or without what stands around it; raises `NotFound`."""
    bare = prefix.removeprefix("rec_").partition(".")[0].rstrip("…")
    found = session.scalar(sa.select(ApiKey).where(ApiKey.prefix == bare))
    if found is None:
        raise NotFound(_("There is no key that begins with “rec_{start}”.", start=bare[:20]))
    return found


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

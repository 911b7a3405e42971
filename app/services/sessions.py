"""Who a browser or a program is: reading, keeping and ending sessions, and reading API keys.

Belongs here: the rows behind a cookie or a key, and what one request needs to know of their owner, in one statement.
Does not belong here: cookies and headers (`views.sessions`, `views.request_scope`) and proving who one is (the
sign-in).
"""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import sqlalchemy as sa

from models import connections, scope, tenancy
from models.access import ApiKey, Throttle, UserSession
from models.base import db, on_postgresql, session
from models.crypto import keyring
from models.fields import now
from models.user import Role, User, WebAuthn
from models.workspace import Membership, Workspace

SEEN_EVERY = dt.timedelta(minutes=1)
_WHY = tenancy.reason("sessions and keys belong to a person, not to a workspace's records")
_SIGNED_IN = "who is signed in, and which workspaces are theirs"

_USER = (
    "id",
    "email",
    "active",
    "fs_uniquifier",
    "theme",
    "density",
    "zone",
    "language",
    "shortcuts",
    "operator",
    "tf_primary_method",
    "last_workspace_id",
)
WORKSPACE = (
    "id",
    "slug",
    "name",
    "status",
    "color",
    "region",
    "zone",
    "currency",
    "language",
    "phone",
    "email",
    "website",
    "address",
    "license",
    "privacy_email",
    "require_mfa",
    "ai_enabled",
    "keys_version",
    "schema_mark",
    "mail_waiting",
)
_KEY = ("id", "digest", "scopes", "name", "expires_at", "revoked_at", "last_used_at")
MEMBERSHIP = ("id", "workspace_id", "user_id", "role_id", "team_id", "name", "email", "job_title")


@dataclass(frozen=True, slots=True)
class Facts:
    """Columns of a row, read only: never a live record that a view could change past the operations."""

    values: dict[str, Any]

    def __getattr__(self, name: str) -> Any:
        try:
            return self.values[name]
        except KeyError:
            raise AttributeError(name) from None


@dataclass(frozen=True, slots=True)
class Place:
    """A workspace with the membership in it; `role` is the role's key."""

    workspace: Facts
    membership: Facts
    role: str


@dataclass(slots=True)
class Known:
    """A session as stored, its owner and their active memberships, by name of the workspace."""

    digest: str
    data: dict[str, Any]
    workspace_id: int | None
    created_at: dt.datetime
    seen_at: dt.datetime
    user: Facts | None = None
    second_factor: bool = False
    places: list[Place] = field(default_factory=list)

    def place(self) -> Place | None:
        """The chosen workspace, else the last one used, else the first; None without any membership."""
        wanted = self.workspace_id or (self.user.last_workspace_id if self.user else None)
        return next((p for p in self.places if p.workspace.id == wanted), self.places[0] if self.places else None)


def new_token() -> str:
    return secrets.token_urlsafe(32)


def digest_of(token: str) -> str:
    """What is stored of a session's token. It has 256 random bits, so a plain SHA-256 can't be searched back."""
    return hashlib.sha256(token.encode()).hexdigest()


def load(token: str, *, idle: dt.timedelta, absolute: dt.timedelta) -> Known | None:
    """The session of a cookie's token with everything a request needs, in one statement; None where it ended."""
    digest, moment = digest_of(token), now()
    with scope.across_workspaces(_SIGNED_IN):
        bound = {"digest": digest, "idle_since": moment - idle, "begun_since": moment - absolute}
        rows = session.execute(_whole_session(on_postgresql()), bound, execution_options=_WHY).mappings().all()
    if not rows:
        return None
    first = rows[0]
    tenancy.note_told(first["told"])
    known = Known(digest, first["data"], first["chosen"], first["created_at"], first["seen_at"])
    if first["user_id"] is not None:
        known.user = facts(first, "user", _USER)
        known.second_factor = bool(first["user_tf_primary_method"] or first["passkeys"])
        known.places = [_place(row) for row in rows if row["membership_id"] is not None]
    return known


@cache
def _whole_session(telling: bool) -> Any:
    """Built once and over plain tables: on every page, fifty columns through the object mapper cost more than the
    query. With `telling`, PostgreSQL's row security learns along with it in which workspace the page will be.
    """
    kept, user, member = UserSession.__table__.c, User.__table__.c, Membership.__table__.c
    workspace, role, passkey = Workspace.__table__.c, Role.__table__.c, WebAuthn.__table__.c
    joined = (
        sa.join(UserSession.__table__, User.__table__, user.id == kept.user_id, isouter=True)
        .outerjoin(
            Membership.__table__,
            sa.and_(member.user_id == user.id, member.active.is_(True), member.deleted_at.is_(None)),
        )
        .outerjoin(Workspace.__table__, workspace.id == member.workspace_id)
        .outerjoin(Role.__table__, role.id == member.role_id)
    )
    whole = (
        sa.select(
            kept.data,
            kept.workspace_id.label("chosen"),
            kept.created_at,
            kept.seen_at,
            sa.select(sa.literal(1))
            .where(passkey.user_id == user.id)
            .correlate(User.__table__)
            .exists()
            .label("passkeys"),
            *(user[n].label(f"user_{n}") for n in _USER),
            *(member[n].label(f"membership_{n}") for n in MEMBERSHIP),
            *(workspace[n].label(f"workspace_{n}") for n in WORKSPACE),
            role.key.label("role_key"),
        )
        .select_from(joined)
        .where(
            kept.id == sa.bindparam("digest"),
            kept.seen_at > sa.bindparam("idle_since"),
            kept.created_at > sa.bindparam("begun_since"),
        )
        .order_by(workspace.name, workspace.id)
    )
    return _telling(whole) if telling else whole.add_columns(sa.null().label("told"))


def _telling(whole: Any) -> Any:
    """All rows are read before the setting changes, which hides those of other workspaces from then on."""
    known = whole.order_by(None).cte("known").prefix_with("MATERIALIZED", dialect="postgresql")
    mine = known.alias("mine").c
    wanted = mine.membership_workspace_id == sa.func.coalesce(mine.chosen, mine.user_last_workspace_id)
    first = (sa.desc(sa.func.coalesce(wanted, sa.false())), mine.workspace_name, mine.workspace_id)
    told = (
        sa.select(tenancy.told(mine.membership_workspace_id))
        .where(mine.membership_id.is_not(None))
        .order_by(*first)
        .limit(1)
        .scalar_subquery()
    )
    return sa.select(*known.c, told.label("told")).order_by(known.c.workspace_name, known.c.workspace_id)


def load_key(prefix: str, secret: str, lock: str) -> tuple[Facts, Facts, Place, dt.datetime | None] | None:
    """The API key of a prefix, its owner and place, if the secret fits, it has not ended, and its owner is still a
    member; and until when the throttle named `lock` is locked, if it is.
    """
    with scope.across_workspaces("whose API key this is"):
        bound = {"prefix": prefix, "lock": lock}
        statement = _whole_key(on_postgresql())
        row = session.execute(statement, bound, execution_options=_WHY).mappings().one_or_none()
    expected = row["key_digest"] if row else b""
    fits = secrets.compare_digest(keyring().token_hash("api key", f"{prefix}.{secret}"), expected)
    if row is None or not fits or row["key_revoked_at"] or (row["key_expires_at"] and row["key_expires_at"] <= now()):
        return None
    tenancy.note_told(row["told"])
    return facts(row, "key", _KEY), facts(row, "user", _USER), _place(row), row["locked_until"]


@cache
def _whole_key(telling: bool) -> Any:
    """Built once and over plain tables, as every request of a program begins with it."""
    key, user, member = ApiKey.__table__.c, User.__table__.c, Membership.__table__.c
    workspace, role, lock = Workspace.__table__.c, Role.__table__.c, Throttle.__table__.c
    joined = (
        sa.join(
            ApiKey.__table__,
            Membership.__table__,
            sa.and_(member.workspace_id == key.workspace_id, member.id == key.membership_id),
        )
        .join(User.__table__, user.id == member.user_id)
        .join(Workspace.__table__, workspace.id == key.workspace_id)
        .join(Role.__table__, role.id == member.role_id)
    )
    return (
        sa.select(
            *(key[n].label(f"key_{n}") for n in _KEY),
            *(user[n].label(f"user_{n}") for n in _USER),
            *(member[n].label(f"membership_{n}") for n in MEMBERSHIP),
            *(workspace[n].label(f"workspace_{n}") for n in WORKSPACE),
            role.key.label("role_key"),
            sa.select(lock.locked_until)
            .where(lock.key == sa.bindparam("lock"))
            .correlate(None)
            .scalar_subquery()
            .label("locked_until"),
            (tenancy.told(workspace.id) if telling else sa.null()).label("told"),
        )
        .select_from(joined)
        .where(
            key.prefix == sa.bindparam("prefix"),
            member.active.is_(True),
            member.deleted_at.is_(None),
            user.active.is_(True),
        )
    )


def note_use(key_id: int) -> None:
    """Remember that a key was used; in a short transaction of its own, so that reading requests stay readers."""
    table = ApiKey.__table__
    with db.engine.begin() as connection:
        _tell(connection)
        connection.execute(sa.update(table).where(table.c.id == key_id).values(last_used_at=now()))


def save(
    digest: str,
    data: dict[str, Any],
    *,
    new: bool,
    replaces: str | None,
    user_id: int | None,
    workspace_id: int | None,
    ip: str | None,
    user_agent: str | None,
) -> None:
    """Write a session in a short transaction of its own; `replaces` is the session that ends with it (a new
    sign-in). What a page says next time (“Saved. Undo”) may be lost with a crash, who is signed in may not.
    """
    table, moment = UserSession.__table__, now()
    values = {"data": data, "user_id": user_id, "workspace_id": workspace_id, "seen_at": moment}
    if not new:
        # An UPDATE only: a session that was ended meanwhile must not come back.
        with connections.at_once(db.engine) as connection:
            connection.execute(_saved(connection.dialect.name), {"digest": digest} | values)
        return
    origin = {"id": digest, "created_at": moment, "ip": ip, "user_agent": (user_agent or "")[:300] or None}
    with db.engine.begin() as connection:
        if replaces is not None:
            connection.execute(sa.delete(table).where(table.c.id == replaces))
        connection.execute(sa.insert(table).values(**values, **origin))


@cache
def _saved(dialect: str) -> Any:
    table = UserSession.__table__
    names = ("data", "user_id", "workspace_id", "seen_at")
    change = sa.update(table).where(table.c.id == sa.bindparam("digest")).values({n: sa.bindparam(n) for n in names})
    return connections.hastily(change) if dialect == "postgresql" else change


def touch(digest: str) -> None:
    table = UserSession.__table__
    with db.engine.begin() as connection:
        connections.hasten(connection)
        connection.execute(sa.update(table).where(table.c.id == digest).values(seen_at=now()))


def drop(digest: str) -> None:
    table = UserSession.__table__
    with db.engine.begin() as connection:
        connection.execute(sa.delete(table).where(table.c.id == digest))


def of_user(user_id: int, *, idle: dt.timedelta, absolute: dt.timedelta) -> list[Any]:
    """The live sessions of a user, the latest first: rows of id, created_at, seen_at, ip, user_agent."""
    moment = now()
    return list(
        session.execute(
            sa.select(
                UserSession.id, UserSession.created_at, UserSession.seen_at, UserSession.ip, UserSession.user_agent
            )
            .where(
                UserSession.user_id == user_id,
                UserSession.seen_at > moment - idle,
                UserSession.created_at > moment - absolute,
            )
            .order_by(UserSession.seen_at.desc())
        )
    )


def end(user_id: int, *, only: str | None = None, but: str | None = None) -> int:
    """End sessions of a user, part of the operation that is open: one, all, or all but one. Returns how many."""
    statement = sa.delete(UserSession).where(UserSession.user_id == user_id)
    if only is not None:
        statement = statement.where(UserSession.id == only)
    if but is not None:
        statement = statement.where(UserSession.id != but)
    found: Any = session.execute(statement, execution_options=_WHY)
    return int(found.rowcount)


def facts(row: Any, prefix: str, names: tuple[str, ...]) -> Facts:
    """The columns of a row that begin with a prefix."""
    return Facts({name: row[f"{prefix}_{name}"] for name in names})


def _place(row: Any) -> Place:
    return Place(facts(row, "workspace", WORKSPACE), facts(row, "membership", MEMBERSHIP), row["role_key"] or "")


def _tell(connection: sa.Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("select set_config('app.workspace_id', '*', true)"))

"""What happens to a user's account: made, signed in, its credentials changed, its sessions ended, mail about it.

Belongs here: verbs on the account of one person. Does not belong here: membership of a workspace
(`app.services.members`), checking or hashing passwords (Flask-Security, at the sign-in): callers pass a hash.
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from app.errors import Gone, Invalid
from app.services import sessions, throttle
from app.services.operation import Operation, operation
from models import normal, scope, tenancy, words
from models.access import SignInLink
from models.base import session
from models.crypto import keyring
from models.fields import now
from models.policy import Purpose
from models.scope import Actor
from models.user import User, WebAuthn
from models.words import _
from models.workspace import Membership

LINK_LASTS = dt.timedelta(minutes=15)
THEMES, DENSITIES = ("", "light", "dark"), ("", "compact")
_WHY = tenancy.reason("a person's own account, across their workspaces")


@dataclass(frozen=True, slots=True)
class NewUser:
    """A person to make an account for; `password_hash` as Flask-Security hashes, None for one who will use a link or
    passkey.
    """

    name: str
    email: str
    password_hash: str | None = None


def is_at_work(member: Membership) -> bool:
    """Whether a member may still act, by themselves or through what they set up: neither removed nor closed."""
    user = session.get(User, member.user_id) if member.active else None
    return user is not None and user.active


def find(email: str) -> User | None:
    """The user of an address, in any spelling of its case."""
    try:
        wanted = normal.email(email)
    except ValueError:
        return None
    return session.scalar(sa.select(User).where(User.email == wanted))


def create_user(new: NewUser, *, actor: Actor) -> User:
    """Make the account of somebody who has shown that the address is theirs; raises `Invalid`."""
    problems = {}
    name = " ".join(new.name.split())
    try:
        email = normal.email(new.email)
    except ValueError as error:
        email, problems["email"] = "", str(error)
    if not name or len(name) > 120:
        problems["name"] = _("Type the name, at most 120 characters.")
    if email and find(email) is not None:
        problems["email"] = _("There is an account with this address.")
    if problems:
        raise Invalid(problems)
    first, _space, last = name.rpartition(" ")
    with operation("user.create", actor=actor) as op:
        user = User(
            first_name=(first or last)[:64],
            last_name=(last if first else "")[:64],
            username=email[:128],
            email=email,
            active=True,
            password=new.password_hash,
            confirmed_at=now(),
            fs_uniquifier=secrets.token_hex(32),
            created_on=now(),
            changed_on=now(),
        )
        session.add(user)
        session.flush()
        op.audit("user.created", entity="user", record_id=user.id)
    return user


def set_operator(user: User, on: bool, *, actor: Actor) -> None:
    """Make somebody one of those who support the platform, or no longer. It opens nothing: a workspace grants them
    access."""
    with operation("user.operator", actor=actor) as op:
        user.operator = on
        op.audit("user.operator_changed", entity="user", record_id=user.id, facts={"operator": on})


def note_sign_in(user: User, *, actor: Actor, via: str) -> None:
    with _on_account("sign_in", actor) as op:
        throttle.clear(throttle.ACCOUNT, user.email)
        user.last_login = now().replace(tzinfo=None)
        user.login_count = (user.login_count or 0) + 1
        _audit(op, user.id, "sign_in", {"via": via})


def note(user_id: int, event: str, *, actor: Actor, facts: dict[str, Any] | None = None) -> None:
    """Audit an event of the account that changes nothing else."""
    with _on_account(event, actor) as op:
        _audit(op, user_id, event, facts)


def credentials_changed(user: User, event: str, subject: str, *, actor: Actor, keep_session: str | None) -> None:
    """Audit a new password, passkey or second factor, end every other session, tell the owner (ASVS 7.4.3, 6.3.7)."""
    with _on_account(event, actor) as op:
        ended = sessions.end(user.id, but=keep_session)
        _audit(op, user.id, event, {"sessions_ended": ended})
        send_mail(
            user.email,
            subject,
            _(
                "{subject}. Your other sessions were signed out.\n\nIf this was not you, reset your password "
                "at once and tell an owner of your workspace.\n",
                subject=subject,
            ),
            actor=actor,
        )


def end_sessions(user_id: int, *, actor: Actor, only: str | None = None, but: str | None = None) -> int:
    """End one session, or all (but one); acts at once. Returns how many."""
    with _on_account("session.end", actor) as op:
        ended = sessions.end(user_id, only=only, but=but)
        _audit(op, user_id, "session.ended", {"sessions": ended})
    return ended


def set_look(user_id: int, wanted: dict[str, str], *, actor: Actor) -> None:
    """Theme, density, zone, language, shortcuts: what is named changes, the rest stays. Raises `Invalid`."""
    values: dict[str, Any] = {}
    for name, allowed in (("theme", THEMES), ("density", DENSITIES)):
        if name in wanted:
            if wanted[name] not in allowed:
                raise Invalid(
                    {name: _("Choose one of: {allowed}.", allowed=", ".join(one or _("system") for one in allowed))}
                )
            values[name] = wanted[name]
    if "zone" in wanted:
        values["zone"] = _zone(wanted["zone"])
    if "language" in wanted:
        if wanted["language"] and not words.is_known(wanted["language"]):
            raise Invalid({"language": _("Choose a language from the list.")})
        values["language"] = wanted["language"]
    if "shortcuts" in wanted:
        values["shortcuts"] = wanted["shortcuts"] in ("1", "on", "true")
    with operation("account.look", actor=actor):
        if values:
            session.execute(sa.update(User).where(User.id == user_id).values(**values), execution_options=_WHY)


def remember_workspace(user_id: int, workspace_id: int, *, actor: Actor) -> None:
    with _on_account("workspace.switch", actor) as op:
        session.execute(
            sa.update(User).where(User.id == user_id).values(last_workspace_id=workspace_id), execution_options=_WHY
        )
        op.audit("workspace.entered", entity="user", record_id=user_id, workspace_id=workspace_id)


def make_sign_in_link(user: User, *, actor: Actor) -> str:
    """A token that signs this user in once, within 15 minutes; only its hash is kept."""
    token = secrets.token_urlsafe(32)
    with _on_account("sign_in_link.make", actor) as op:
        session.add(SignInLink(digest=_digest(token), user_id=user.id, expires_at=now() + LINK_LASTS))
        _audit(op, user.id, "sign_in_link.made")
    return token


def use_sign_in_link(token: str, *, actor: Actor) -> User:
    """The user of a link, which is used up with this; raises `Gone`. One UPDATE decides, so two clicks are one
    sign-in.
    """
    with _on_account("sign_in_link.use", actor) as op:
        used: Any = session.execute(
            sa.update(SignInLink)
            .where(SignInLink.digest == _digest(token), SignInLink.used_at.is_(None), SignInLink.expires_at > now())
            .values(used_at=now()),
            execution_options=_WHY | {"synchronize_session": False},
        )
        if used.rowcount != 1:
            raise Gone(
                _(
                    "This link was used before, or its 15 minutes are over. Make a new one, or sign in with your "
                    "password."
                )
            )
        user_id = session.scalar(sa.select(SignInLink.user_id).where(SignInLink.digest == _digest(token)))
        user = session.scalar(sa.select(User).where(User.id == user_id, User.active.is_(True)))
        if user is None:
            raise Gone(_("This link no longer works. Ask an owner of your workspace."))
        _audit(op, user.id, "sign_in_link.used")
    return user


def send_mail(
    to: str, subject: str, text: str, *, actor: Actor, event: str | None = None, user_id: int | None = None
) -> None:
    """Promise a mail about an account; with `event`, audit what it stands for."""
    with _on_account("account.mail", actor) as op:
        op.promise(
            "mail.account",
            {"to": to, "subject": subject, "text": text},
            purpose=Purpose.AUTHENTICATE,
            label="Account mail",
        )
        session.flush()
        if event is not None and user_id is not None:
            _audit(op, user_id, event)


def second_factors(user_id: int) -> tuple[bool, list[Any]]:
    """Whether an authenticator app is set up, and the passkeys (rows of id, name, create_datetime,
    lastuse_datetime).
    """
    app = session.scalar(sa.select(User.tf_primary_method).where(User.id == user_id)) is not None
    keys = session.execute(
        sa.select(WebAuthn.id, WebAuthn.name, WebAuthn.create_datetime, WebAuthn.lastuse_datetime)
        .where(WebAuthn.user_id == user_id)
        .order_by(WebAuthn.create_datetime)
    )
    return app, list(keys)


@contextmanager
def _on_account(name: str, actor: Actor) -> Iterator[Operation]:
    with (
        scope.across_workspaces("an account is shared by all workspaces of its owner"),
        operation(name, actor=actor) as op,
    ):
        yield op


def _audit(op: Operation, user_id: int, event: str, facts: dict[str, Any] | None = None) -> None:
    """One row in each workspace that the person works in, as each keeps its own log; without any, a row outside of
    all.
    """
    statement = sa.select(Membership.workspace_id).where(Membership.user_id == user_id, Membership.active.is_(True))
    for workspace_id in session.scalars(statement).all() or [None]:
        op.audit(event, entity="user", record_id=user_id, facts=facts, workspace_id=workspace_id)


def _digest(token: str) -> bytes:
    return keyring().token_hash("sign-in link", token)


def _zone(name: str) -> str:
    if not name:
        return ""
    try:
        ZoneInfo(name)
    except (ValueError, OSError):
        raise Invalid({"zone": _("This is no time zone. Example: America/New_York")}) from None
    return name

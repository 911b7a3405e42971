"""What follows an identity event: its audit row, the end of other sessions, the notice to the owner; one operation
each.

Belongs here: handlers of Flask-Security's signals. Does not belong here: the acts themselves.
"""

from __future__ import annotations

from typing import Any

from flask import Flask, session
from flask_login import user_logged_out
from flask_security import signals

from app.services import access_grants, accounts
from models.scope import Actor, ActorKind
from models.words import _
from views.request_scope import person, visitor
from views.sessions import Session

# Mails by Flask-Security's template, and the audit event they stand for.
MAILS = {"security/email/reset_instructions": "password.reset_asked"}


def init(app: Flask) -> None:
    # Kept as attributes of the app: blinker holds receivers weakly.
    app.extensions["identity_events"] = handlers = {
        signals.user_authenticated: _signed_in,
        signals.password_changed: _password_changed,
        signals.password_reset: _password_reset,
        signals.tf_profile_changed: _code_set_up,
        signals.tf_disabled: _code_removed,
        signals.wan_registered: _passkey_added,
        signals.wan_deleted: _passkey_removed,
        user_logged_out: _signed_out,
    }
    for signal, handler in handlers.items():
        signal.connect(handler, app)


def recovery_codes_made(user: Any) -> None:
    _credentials_changed(user, "recovery_codes.made", _("New recovery codes were made for your account"))


def user_actor(user: Any) -> Actor:
    """The user as actor of what concerns their own account."""
    found = person()
    if found is not None and found.user_id == user.id:
        return found
    trace = visitor()
    return Actor(
        ActorKind.USER,
        user.get_full_name().strip() or user.email,
        user_id=user.id,
        ip=trace.ip,
        request_id=trace.request_id,
        user_agent=trace.user_agent,
    )


def _signed_in(_app: Flask, *, user: Any, authn_via: list[str] | None = None, **_more: Any) -> None:
    _session().renew(user.id)
    if authn_via != ["change"]:
        via = (authn_via or ["second factor"])[0]
        accounts.note_sign_in(user, actor=user_actor(user), via=via)


def _signed_out(_app: Flask, *, user: Any, **_more: Any) -> None:
    if user is not None and getattr(user, "id", None) is not None:
        if "acting" in session:
            access_grants.end(session.pop("acting"), user.id, "signed out", actor=user_actor(user))
        accounts.note(user.id, "sign_out", actor=user_actor(user))


def _password_changed(_app: Flask, *, user: Any, **_more: Any) -> None:
    _credentials_changed(user, "password.changed", _("Your password was changed"))


def _password_reset(_app: Flask, *, user: Any, **_more: Any) -> None:
    _credentials_changed(user, "password.reset", _("Your password was reset"))


def _code_set_up(_app: Flask, *, user: Any, **_more: Any) -> None:
    _credentials_changed(user, "second_factor.set_up", _("An authenticator app was set up for your account"))


def _code_removed(_app: Flask, *, user: Any, **_more: Any) -> None:
    _credentials_changed(user, "second_factor.removed", _("The authenticator app was removed from your account"))


def _passkey_added(_app: Flask, *, user: Any, **_more: Any) -> None:
    _credentials_changed(user, "passkey.added", _("A passkey was added to your account"))


def _passkey_removed(_app: Flask, *, user: Any, **_more: Any) -> None:
    _credentials_changed(user, "passkey.removed", _("A passkey was removed from your account"))


def _credentials_changed(user: Any, event: str, subject: str) -> None:
    known = _session().known
    mine = known.digest if known and known.user and known.user.id == user.id else None
    accounts.credentials_changed(user, event, subject, actor=user_actor(user), keep_session=mine)


def _session() -> Session:
    found: Any = session
    own: Session = found._get_current_object()
    return own

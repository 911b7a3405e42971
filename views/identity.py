"""One user table, one login, one session, one permission store: Flask-Security-Too and Flask-AppBuilder wired
together.

Flask-Security owns sign-in, recovery, second factors, passkeys and freshness; Flask-AppBuilder's security manager only
answers what an actor may do, from `app.permissions`. Belongs here: the wiring and its settings. Does not belong here:
the forms (`views.sign_in_forms`), what follows an event (`views.identity_events`), who acts in a request
(`views.request_scope`).
"""

from __future__ import annotations

import base64
import datetime as dt
import io
from collections.abc import Callable
from typing import Any

import segno
from flask import Blueprint, Flask, Response, current_app, g, redirect, render_template, request, session, url_for
from flask_appbuilder import AppBuilder
from flask_appbuilder.security.sqla.manager import SecurityManager as FabSecurityManager
from flask_login import LoginManager, current_user
from flask_security import (
    MailUtil,
    MfRecoveryCodesUtil,
    PasswordUtil,
    Security,
    SQLAlchemyUserDatastore,
    Totp,
    WebauthnUtil,
)
from flask_security.mail_util import EmailValidateException
from flask_security.utils import aware_utcnow, check_and_get_token_status
from webauthn.helpers.structs import AuthenticatorSelectionCriteria, ResidentKeyRequirement, UserVerificationRequirement
from werkzeug.wrappers import Response as AnyResponse

from app import permissions
from app.errors import NotFound
from app.services import accounts, addressing, passwords
from models import normal
from models.base import db
from models.crypto import keyring
from models.user import Role, User, WebAuthn
from models.words import N_
from views import (
    access,
    account,
    field_rights,
    identity_events,
    keys,
    members,
    request_scope,
    role_compare,
    role_rules,
    roles,
    sign_in,
    sign_in_forms,
    sign_in_messages,
    tracking_settings,
    why,
    workspace_settings,
)
from views.redirects import back
from views.sessions import ServerSessions

_SUBJECTS = {"security/email/reset_instructions": N_("Password reset instructions")}
_FRESH = dt.timedelta(minutes=30)


def init(app: Flask) -> AppBuilder:
    """Wire identity into `app`; the database and the CSRF protection are ready. Must run in the application's
    context.
    """
    for name, value in _settings(app).items():
        app.config.setdefault(name, value)
    app.session_interface = ServerSessions(app)
    security = _Security(
        app,
        SQLAlchemyUserDatastore(db, User, Role, WebAuthn),
        mail_util_cls=_Mail,
        password_util_cls=_Passwords,
        totp_cls=_Codes,
        webauthn_util_cls=_Passkeys,
        mf_recovery_codes_util_cls=_RecoveryCodes,
        **sign_in_forms.FORMS,
    )
    _close_side_doors(app, security)
    # Its texts are ours (`sign_in_messages`), so they stand in our catalogs.
    security.i18n_domain.gettext = _said  # type: ignore[method-assign,assignment]
    app.after_request(_stay_here)
    request_scope.init(app)
    app.before_request(_no_loose_code)
    identity_events.init(app)
    for pages in (
        sign_in.pages,
        account.pages,
        keys.pages,
        access.pages,
        members.pages,
        roles.pages,
        field_rights.pages,
        why.pages,
        role_compare.pages,
        role_rules.pages,
        workspace_settings.pages,
        tracking_settings.pages,
    ):
        app.register_blueprint(pages)
    return _Builder(app, db.session, security_manager_class=_Rights, update_perms=False)


def _said(text: str, **values: Any) -> str:
    return str(N_(text)) % values if values else str(N_(text))


def _settings(app: Flask) -> dict[str, Any]:
    testing = app.config.get("APP_ENV") == "test"
    return {
        "SESSION_IDLE": dt.timedelta(hours=12),
        "SESSION_ABSOLUTE": dt.timedelta(days=14),
        "SECURITY_RECOVERABLE": True,
        "SECURITY_CHANGEABLE": True,
        "SECURITY_TWO_FACTOR": True,
        "SECURITY_TWO_FACTOR_ENABLED_METHODS": ["authenticator"],
        "SECURITY_TWO_FACTOR_RESCUE_EMAIL": False,
        "SECURITY_TWO_FACTOR_ALWAYS_VALIDATE": True,
        "SECURITY_TWO_FACTOR_AUTHENTICATOR_VALIDITY": 30,
        "SECURITY_TWO_FACTOR_POST_SETUP_VIEW": "/account/security",
        "SECURITY_MULTI_FACTOR_RECOVERY_CODES": True,
        "SECURITY_MULTI_FACTOR_RECOVERY_CODES_N": 10,
        "SECURITY_MULTI_FACTOR_RECOVERY_CODES_KEYS": [_fernet_key()],
        "SECURITY_WEBAUTHN": True,
        "SECURITY_WAN_RP_NAME": app.config["APP_NAME"],
        "SECURITY_WAN_ALLOW_USER_HINTS": False,
        "SECURITY_WAN_POST_REGISTER_VIEW": "/account/security",
        "SECURITY_RETURN_GENERIC_RESPONSES": True,
        "SECURITY_FRESHNESS": _FRESH,
        "SECURITY_FRESHNESS_GRACE_PERIOD": dt.timedelta(minutes=10),
        "SECURITY_RESET_PASSWORD_WITHIN": dt.timedelta(hours=1),
        "SECURITY_SEND_PASSWORD_CHANGE_EMAIL": False,
        "SECURITY_SEND_PASSWORD_RESET_NOTICE_EMAIL": False,
        "SECURITY_POST_RESET_VIEW": "/auth/login",
        "SECURITY_POST_CHANGE_VIEW": "/account/security",
        "SECURITY_POST_LOGOUT_VIEW": "/auth/login",
        "SECURITY_LOGOUT_CSRF": True,
        "SECURITY_USER_IDENTITY_ATTRIBUTES": [{"email": {"mapper": _email_or_none, "case_insensitive": False}}],
        "SECURITY_JOIN_USER_ROLES": False,
        "SECURITY_DATETIME_FACTORY": aware_utcnow,
        "SECURITY_PASSWORD_SCHEMES": ["argon2"],
        "SECURITY_PASSWORD_NORMALIZE_FORM": "NFKC",
        "SECURITY_PASSWORD_LENGTH_MIN": passwords.MINIMUM,
        # OWASP's first recommendation for Argon2id; the tests spend their time elsewhere.
        "SECURITY_PASSWORD_HASH_PASSLIB_OPTIONS": {
            "argon2__memory_cost": 64 if testing else 19456,
            "argon2__time_cost": 1 if testing else 2,
            "argon2__parallelism": 1,
        },
        "SECURITY_API_ENABLED_METHODS": ["session"],
        "SECURITY_CLI_USERS_NAME": False,
        "SECURITY_CLI_ROLES_NAME": False,
        "SECURITY_STATIC_FOLDER": None,
        "SECURITY_EMAIL_HTML": False,
        "SECURITY_ZXCVBN_MINIMUM_SCORE": 0,
        **sign_in_messages.MESSAGES,
    }


def _fernet_key() -> bytes:
    return base64.urlsafe_b64encode(keyring().derive("recovery codes"))


def _email_or_none(text: str) -> str | None:
    try:
        return normal.email(text)
    except ValueError:
        return None


def _close_side_doors(app: Flask, security: Security) -> None:
    """Exactly one way in: no tokens in headers or addresses, no remember-me cookie, no JSON answers; and no needless
    query.
    """
    manager: Any = security.login_manager
    manager._request_callback = None
    # Would mail "help" to nobody; recovery codes and an owner are the way back in.
    app.view_functions["security.two_factor_rescue"] = _no_such_page
    finish = "security.two_factor_setup_validate"
    app.view_functions[finish] = _same_picture(app.view_functions[finish], security)
    manager.session_protection = None
    security.want_json(lambda _request: False)
    security.principal.identity_loaders.clear()
    # Hashes the (slow) hash of a password once more, for a link: nothing is left to slow down.
    security.hashing_context.update(sha256_crypt__default_rounds=1000)
    processors = app.template_context_processors[None]
    processors[:] = [one for one in processors if one.__name__ != "_user_context_processor"]


def _same_picture(finish: Callable[[str], Any], security: Security) -> Callable[[str], Any]:
    """A mistyped code shows the page it was typed on; the library would begin anew, with a secret that the app does not
    have.
    """

    def validate(token: str) -> Any:
        answer = current_app.make_response(finish(token))
        late, wrong, state = check_and_get_token_status(
            token, "tf_setup", current_app.config["SECURITY_TWO_FACTOR_SETUP_WITHIN"]
        )
        if late or wrong or answer.location != url_for("security.two_factor_setup"):
            return answer
        shown = security.totp_factory.fetch_setup_values(state["totp_secret"], current_user)
        page = render_template(
            "security/two_factor_setup.html", chosen_method="authenticator", state_token=token, changing=True,
            authr_qrcode=shown["image"], authr_key=shown["key"],
        )  # fmt: skip
        return page, 422

    return validate


def _no_loose_code() -> AnyResponse | None:
    """The page for a code would end the session of somebody who is signed in and changes nothing; a link could make
    them open it.
    """
    if (
        request.endpoint != "security.two_factor_token_validation"
        or "tf_state" in session
        or request_scope.person() is None
    ):
        return None
    return redirect("/account/security")


def _no_such_page() -> Response:
    raise NotFound()


def _stay_here(answer: Response) -> Response:
    """Flask-Security follows `next`; whatever it made of it, the answer leads to a page of ours (ASVS 3.7.2)."""
    if request.blueprint == "security" and answer.location is not None:
        answer.location = back(answer.location, "/")
    return answer


class _Security(Security):
    """Flask-Security with segno in place of the module it would ask for."""

    def _check_modules(self, module: str, config_name: str) -> Any:
        return super()._check_modules("segno" if module == "qrcode" else module, config_name)


class _Mail(MailUtil):
    """Account mail is a promise of the open transaction, never sent inside a request."""

    def send_mail(
        self,
        template: str,
        subject: str,
        recipient: Any,
        sender: Any,
        body: str | None,
        html: str | None,
        **kwargs: Any,
    ) -> None:
        user = kwargs.get("user")
        # The visitor who asks may read another language than the one whose account it is.
        with addressing.to_user(user):
            words_of_it = _SUBJECTS.get(template)
            if words_of_it is not None:
                subject, body = str(words_of_it), render_template(f"{template}.txt", **kwargs)
        accounts.send_mail(
            str(recipient),
            str(subject),
            body or "",
            actor=request_scope.visitor("Account mail"),
            event=identity_events.MAILS.get(template),
            user_id=user.id if user else None,
        )

    def normalize(self, email: str) -> str:
        try:
            return normal.email(email)
        except ValueError as error:
            raise EmailValidateException(str(error)) from None

    validate = normalize


class _Passwords(PasswordUtil):
    """Our rules in place of Flask-Security's."""

    def validate(self, password: str, is_register: bool, **kwargs: Any) -> tuple[list[str] | None, str]:
        user = kwargs.get("user")
        known = [user.email, user.first_name, user.last_name] if user else []
        if g.get("workspace"):
            known.append(g.workspace.name)
        return passwords.problems(password, context=known) or None, passwords.normalise(password)


class _Codes(Totp):
    """TOTP (RFC 6238). A code counts once: the time step of the last one is kept with the user (ASVS 6.5.1)."""

    def verify_totp(self, token: str, totp_secret: str, user: Any, window: int = 0) -> bool:
        # One step back and forth for clocks that are off, whatever the caller asks.
        return bool(super().verify_totp("".join(token.split()), totp_secret, user, 30))

    def get_last_counter(self, user: Any) -> int | None:
        found: int | None = user.tf_last_counter
        return found

    def set_last_counter(self, user: Any, tmatch: Any) -> None:
        user.tf_last_counter = tmatch.counter

    def generate_qrcode(self, username: str, totp: str) -> str:
        image = io.BytesIO()
        segno.make(self.get_totp_uri(username, totp), error="m").save(
            image, kind="svg", scale=5, border=2, dark="#111", light="#fff"
        )
        return "data:image/svg+xml;base64," + base64.b64encode(image.getvalue()).decode()


class _Passkeys(WebauthnUtil):
    """Passkeys sign in on their own: they are discoverable and verify the person, so they count as two factors."""

    def generate_challenge(self, nbytes: int | None = None) -> str:
        challenge = super().generate_challenge(nbytes)
        session["passkey_challenge"] = challenge
        return challenge

    def authenticator_selection(self, user: Any, usage: str) -> AuthenticatorSelectionCriteria:
        return AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
        )

    def user_verification(self, user: Any, usage: list[str]) -> UserVerificationRequirement:
        return UserVerificationRequirement.REQUIRED


class _RecoveryCodes(MfRecoveryCodesUtil):
    """Flask-Security tells nobody of new recovery codes; the audit log and the owner shall know."""

    def create_recovery_codes(self, user: Any) -> list[str]:
        codes: list[str] = super().create_recovery_codes(user)
        identity_events.recovery_codes_made(user)
        return codes


class _Rights(FabSecurityManager):
    """Flask-AppBuilder asks here; the answer is that of `app.permissions` for the actor of the request."""

    userstatschartview = None

    def create_login_manager(self, app: Flask) -> LoginManager:
        return app.login_manager  # type: ignore[attr-defined]

    def create_jwt_manager(self, app: Flask) -> None:
        return None

    def create_limiter(self, app: Flask) -> None:
        return None

    def create_db(self) -> None:
        """The tables come from the migrations, the roles with each workspace."""

    def register_views(self) -> None:
        """No sign-in, reset, role or user screens: those of this product are scoped to a workspace."""

    def has_access(self, permission_name: str, view_name: str) -> bool:
        actor = g.get("actor")
        return (
            actor is not None and permissions.reach(actor, permission_name.removeprefix("can_"), view_name) is not None
        )

    def is_item_public(self, permission_name: str, view_name: str) -> bool:
        return False

    @staticmethod
    def before_request() -> None:
        """Who acts is `g.actor`; Flask-AppBuilder's own `g.user` would cost a query on each page."""


class _Builder(AppBuilder):
    """Flask-AppBuilder without its own index, language, back and menu routes, and without its static files."""

    def _add_admin_views(self) -> None:
        self._indexview = None

    def _add_global_static(self) -> None:
        current_app.register_blueprint(Blueprint("appbuilder", "flask_appbuilder.base", template_folder="templates"))

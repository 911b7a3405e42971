"""Flask-Security's forms with our limits: locked accounts and addresses, one answer for every failure, the same time
for it.

Belongs here: what a sign-in form checks beyond Flask-Security's own. Does not belong here: the pages
(`templates/security`). Sources: OWASP ASVS 5.0, 6.3.1, 6.3.8, 6.5.1.
"""

from __future__ import annotations

from typing import Any

from flask import request, session
from flask_security import (
    ChangePasswordForm,
    ForgotPasswordForm,
    LoginForm,
    MfRecoveryForm,
    TwoFactorVerifyCodeForm,
    VerifyForm,
    WebAuthnRegisterForm,
    current_user,
)
from flask_security.utils import get_message, hash_data, hash_password
from flask_security.webauthn import WebAuthnRegisterResponseForm, WebAuthnSigninForm, WebAuthnSigninResponseForm
from wtforms import HiddenField

from app.errors import TooMany
from app.services import throttle
from app.services.operation import operation
from models import normal
from models.words import _
from views.redirects import back
from views.request_scope import visitor

_LONGEST = 1000


def check_address() -> None:
    """Raise `TooMany` where this address has failed too often, whoever it tries to be."""
    seconds = throttle.wait(throttle.ADDRESS, request.remote_addr or "unknown")
    if seconds:
        raise TooMany(
            _(
                "Too many failed sign-ins came from this address. Nothing is wrong with your account; wait "
                "and try again."
            ),
            seconds,
        )


def count_failure(email: str, what: str) -> None:
    """Count and audit one failed proof of identity."""
    with operation("sign_in.fail", actor=visitor("Sign-in")) as op:
        throttle.count(throttle.ACCOUNT, email)
        throttle.count(throttle.ADDRESS, request.remote_addr or "unknown")
        op.audit("sign_in.failed", facts={"what": what, "account": throttle.ACCOUNT.key(email)})


def locked(email: str) -> bool:
    return throttle.wait(throttle.ACCOUNT, email) > 0


class _OwnNext:
    """`next` may name a page of ours; anything else is dropped, so that it is no reason to fail."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.next  # type: ignore[attr-defined]
        field.data = back(field.data, "")


class _Login(_OwnNext, LoginForm):
    remember = None

    def validate(self, **kwargs: Any) -> bool:
        check_address()
        email, password = str(self.email.data or "").strip(), str(self.password.data or "")
        try:
            email = normal.email(email)
        except ValueError:
            email = email.casefold()[:254]
        self.email.data = email
        if len(password) > _LONGEST or locked(email):
            hash_password(password[:_LONGEST])
            self.password.errors = [get_message("GENERIC_AUTHN_FAILED")[0]]
            if password:
                count_failure(email, "password")
            return False
        fits = bool(super().validate(**kwargs)) and not self.errors
        if not fits and password:
            count_failure(email, "password")
        return fits


class _Verify(_OwnNext, VerifyForm):
    def validate(self, **kwargs: Any) -> bool:
        check_address()
        if locked(self.user.email):
            hash_password(str(self.password.data or "")[:_LONGEST])
            self.password.errors = [get_message("GENERIC_AUTHN_FAILED")[0]]
            return False
        return _counted(super().validate(**kwargs), self.user, "password")


class _Code(TwoFactorVerifyCodeForm):
    user: Any

    def validate(self, **kwargs: Any) -> bool:
        check_address()
        if locked(self.user.email):
            self.code.errors = [get_message("TWO_FACTOR_INVALID_TOKEN")[0]]
            return False
        return _counted(super().validate(**kwargs), self.user, "code")


class _RecoveryCode(MfRecoveryForm):
    user: Any

    def validate(self, **kwargs: Any) -> bool:
        check_address()
        self.code.data = str(self.code.data or "").strip().lower()
        if locked(self.user.email):
            self.code.errors = [get_message("INVALID_RECOVERY_CODE")[0]]
            return False
        return _counted(super().validate(**kwargs), self.user, "recovery code")


class _Forgot(ForgotPasswordForm):
    def validate(self, **kwargs: Any) -> bool:
        address = request.remote_addr or "unknown"
        seconds = throttle.wait(throttle.MAIL, address)
        if seconds:
            raise TooMany(
                _("Many messages were asked for from this address. Look into your mailbox, or try again later."),
                seconds,
            )
        with operation("account.mail_asked", actor=visitor("Account mail")):
            throttle.count(throttle.MAIL, address)
        known = bool(super().validate(**kwargs))
        if not known:
            # What a known address costs: the hash inside the link.
            hash_data("nobody")
        return known


class _Change(ChangePasswordForm):
    def validate(self, **kwargs: Any) -> bool:
        if locked(current_user.email):
            self.password.errors = [get_message("GENERIC_AUTHN_FAILED")[0]]
            return False
        fits = bool(super().validate(**kwargs))
        if not fits and self.password.errors:
            count_failure(current_user.email, "password")
        return fits


class _PasskeyName(WebAuthnRegisterForm):
    # Discoverable and verifying passkeys only: each is a way to sign in, so there is nothing to choose.
    usage = HiddenField(default="first")

    def validate(self, **kwargs: Any) -> bool:
        self.usage.data = "first"
        return bool(super().validate(**kwargs))


class _PasskeyMade(WebAuthnRegisterResponseForm):
    def validate(self, **kwargs: Any) -> bool:
        return _same_challenge(self) and bool(super().validate(**kwargs))


class _PasskeyAsked(_OwnNext, WebAuthnSigninForm):
    """Flask-Security's, with `next` checked."""


class _PasskeyUsed(_OwnNext, WebAuthnSigninResponseForm):
    def validate(self, **kwargs: Any) -> bool:
        check_address()
        # A cookie that remembers would outlive the sessions on the server.
        self.remember.data = ""
        if not _same_challenge(self):
            return False
        # Flask-Security notes an account that is switched off as an error, yet says that the form is valid.
        return bool(super().validate(**kwargs)) and not self.errors


def _same_challenge(form: Any) -> bool:
    """A challenge counts once, and only in the browser that asked for it."""
    if session.pop("passkey_challenge", None) == form.challenge:
        return True
    form.credential.errors = [get_message("API_ERROR")[0]]
    return False


def _counted(fits: Any, user: Any, what: str) -> bool:
    if not fits:
        count_failure(user.email, what)
    return bool(fits)


FORMS: dict[str, Any] = {
    "login_form": _Login,
    "verify_form": _Verify,
    "forgot_password_form": _Forgot,
    "change_password_form": _Change,
    "two_factor_verify_code_form": _Code,
    "mf_recovery_form": _RecoveryCode,
    "wan_register_form": _PasskeyName,
    "wan_register_response_form": _PasskeyMade,
    "wan_signin_form": _PasskeyAsked,
    "wan_signin_response_form": _PasskeyUsed,
}

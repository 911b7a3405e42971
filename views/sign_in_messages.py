"""Flask-Security's messages in our words: generic where more would tell a stranger who has an account."""

from __future__ import annotations

from models.words import N_

_WRONG = N_("This e-mail and password do not fit together. Check both, or reset the password.")
_MAILED = N_("If this address has an account, a message with the next step is on its way to it.")

MESSAGES: dict[str, tuple[str, str]] = {
    f"SECURITY_MSG_{name}": (text, kind)
    for name, text, kind in (
        ("GENERIC_AUTHN_FAILED", _WRONG, "error"),
        ("USER_DOES_NOT_EXIST", _WRONG, "error"),
        ("INVALID_PASSWORD", _WRONG, "error"),
        ("DISABLED_ACCOUNT", _WRONG, "error"),
        ("GENERIC_RECOVERY", _MAILED, "info"),
        ("PASSWORD_RESET_REQUEST", _MAILED, "info"),
        ("PASSWORD_NOT_PROVIDED", N_("Type your password."), "error"),
        ("EMAIL_NOT_PROVIDED", N_("Type your e-mail address."), "error"),
        ("INVALID_EMAIL_ADDRESS", N_("This is no e-mail address. Example: sam@example.com"), "error"),
        ("RETYPE_PASSWORD_MISMATCH", N_("The two passwords differ. Type the second one again."), "error"),
        ("PASSWORD_IS_THE_SAME", N_("This is the password you have now. Choose another one."), "error"),
        ("PASSWORD_CHANGE", N_("Your password is changed. Your other sessions were signed out."), "success"),
        ("PASSWORD_RESET_NO_LOGIN", N_("Your password is changed. Sign in with the new one."), "success"),
        ("PASSWORD_RESET_EXPIRED", N_("This link has ended: it works for one hour. Ask for a new one."), "error"),
        (
            "INVALID_RESET_PASSWORD_TOKEN",
            N_("This link was used before or is not complete. Ask for a new one."),
            "error",
        ),
        ("LOGIN", N_("Sign in to open this page."), "info"),
        ("UNAUTHENTICATED", N_("Sign in to open this page."), "info"),
        ("REAUTHENTICATION_REQUIRED", N_("This is a sensitive page. Please confirm that it is you."), "info"),
        ("REAUTHENTICATION_SUCCESSFUL", N_("Thank you. Go on where you left off."), "success"),
        (
            "TWO_FACTOR_INVALID_TOKEN",
            N_("This code is wrong, too old or was used before. Wait for the next one."),
            "error",
        ),
        ("INVALID_CODE", N_("This code is wrong, too old or was used before. Wait for the next one."), "error"),
        ("INVALID_RECOVERY_CODE", N_("This recovery code is wrong or was used before."), "error"),
        ("NO_RECOVERY_CODES_SETUP", N_("There are no recovery codes yet."), "info"),
        ("TWO_FACTOR_LOGIN_SUCCESSFUL", N_("You are signed in."), "success"),
        (
            "TWO_FACTOR_CHANGE_METHOD_SUCCESSFUL",
            N_("The authenticator app is set up. Your other sessions were signed out."),
            "success",
        ),
        ("TWO_FACTOR_DISABLED", N_("The authenticator app is removed."), "success"),
        ("TWO_FACTOR_PERMISSION_DENIED", N_("This step has ended. Please sign in again."), "error"),
        ("TWO_FACTOR_SETUP_EXPIRED", N_("This took more than %(within)s. Please start over."), "error"),
        ("WEBAUTHN_EXPIRED", N_("This took more than %(within)s. Please start over."), "error"),
        ("WEBAUTHN_NAME_REQUIRED", N_("Give the passkey a name, such as the device it is on."), "error"),
        ("WEBAUTHN_NAME_INUSE", N_("You have a passkey with this name. Choose another name."), "error"),
        ("WEBAUTHN_NAME_NOT_FOUND", N_("There is no such passkey."), "error"),
        ("WEBAUTHN_CREDENTIAL_DELETED", N_("The passkey is removed."), "success"),
        ("WEBAUTHN_REGISTER_SUCCESSFUL", N_("The passkey is added. Your other sessions were signed out."), "success"),
        ("WEBAUTHN_CREDENTIAL_ID_INUSE", N_("This passkey is already in use."), "error"),
        ("WEBAUTHN_UNKNOWN_CREDENTIAL_ID", N_("This passkey is not known here. Sign in with your password."), "error"),
        ("WEBAUTHN_ORPHAN_CREDENTIAL_ID", N_("This passkey is not known here. Sign in with your password."), "error"),
        ("WEBAUTHN_NO_VERIFY", N_("The passkey could not be checked. Try again, or use your password."), "error"),
        ("API_ERROR", N_("The passkey was not read. Try again, or use your password."), "error"),
        ("INVALID_REDIRECT", N_("This address leads to another site."), "error"),
    )
}

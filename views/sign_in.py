"""The ways in beside the password: making a workspace, an invitation, a one-time link. All pages of `/auth/` that
are ours.

GET shows, POST acts: mail scanners open links, and must not use them up. Does not belong here: Flask-Security's pages.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from flask import Blueprint, abort, current_app, g, redirect, render_template, request, session
from flask_security.utils import hash_password, login_user
from werkzeug.wrappers import Response

from app.errors import Gone, Invalid, TooMany
from app.services import accounts, invitations, passwords, throttle, workspaces
from app.services.operation import operation
from models import normal
from models.signed import BadLink, read_link, sign_link
from models.user import User
from models.words import _
from views.request_scope import person, visitor

pages = Blueprint("sign_in", __name__, url_prefix="/auth")

Answer = str | Response | tuple[str, int]
_SIGN_UP_LASTS = dt.timedelta(hours=24)


@pages.get("/link/<token>")
def show_link(token: str) -> Answer:
    """One button; following the link alone does nothing."""
    g.token_page = True
    return render_template(
        "auth/step.html",
        title=_("Sign in"),
        text=_("Press the button to sign in on this device. The link works once."),
        action=f"/auth/link/{token}",
        submit=_("Sign in"),
        inputs=(),
    )


@pages.post("/link/<token>")
def use_link(token: str) -> Answer:
    user = accounts.use_sign_in_link(token, actor=visitor("One-time link"))
    return _sign_in(user, "link")


@pages.route("/sign-up", methods=("GET", "POST"))
def sign_up() -> Answer:
    """Step one: an address, to which the link of step two goes. Known and unknown addresses get the same answer."""
    if not current_app.config["SIGN_UP"]:
        abort(404)
    errors: dict[str, str] = {}
    if request.method == "POST":
        try:
            return _ask_to_confirm(_text("workspace"), _text("name"), _text("email"))
        except Invalid as error:
            errors = error.fields
    inputs = (
        _input("workspace", _("Name of your brokerage"), errors, autocomplete="organization"),
        _input("name", _("Your name"), errors, autocomplete="name"),
        _input("email", _("E-mail"), errors, kind="email", autocomplete="email"),
    )
    page = render_template(
        "auth/step.html",
        title=_("Make a workspace"),
        text=_("For your brokerage, with you as its owner."),
        action="/auth/sign-up",
        submit=_("Continue"),
        inputs=inputs,
        errors=errors,
        links=[{"label": _("I have an account"), "url": "/auth/login"}],
    )
    return (page, 422) if errors else page


@pages.route("/sign-up/<token>", methods=("GET", "POST"))
def finish_sign_up(token: str) -> Answer:
    """Step two, from the mail: a password, and the workspace is there."""
    if not current_app.config["SIGN_UP"]:
        abort(404)
    g.token_page = True
    asked = _sign_up_of(token)
    errors: dict[str, str] = {}
    if request.method == "POST":
        try:
            password = _new_password((asked["email"], asked["name"], asked["workspace"]))
            owner = accounts.NewUser(asked["name"], asked["email"], hash_password(password))
            _user, member = workspaces.provision_workspace(
                asked["workspace"], owner=owner, actor=visitor(asked["name"])
            )
            return _sign_in(member.user, "sign-up")
        except Invalid as error:
            errors = error.fields
    page = render_template(
        "auth/step.html",
        title=_("Welcome to {workspace}", workspace=asked["workspace"]),
        text=_("Choose a password for {email}.", email=asked["email"]),
        action=f"/auth/sign-up/{token}",
        submit=_("Make the workspace"),
        inputs=_password_inputs(errors),
        errors=errors,
    )
    return (page, 422) if errors else page


@pages.route("/invitation/<token>", methods=("GET", "POST"))
def invitation(token: str) -> Answer:
    """Join a workspace: with the account one has, or with a new one."""
    g.token_page = True
    asked = invitations.read(token)
    here = person()
    mine = here is not None and g.user_facts.email == asked["email"]
    if asked["has_account"] and not mine:
        return render_template(
            "auth/step.html",
            title=_("Join {workspace}", workspace=asked["workspace"]),
            text=_("This invitation is for {email}. Sign in with it first.", email=asked["email"]),
            link={"label": _("Sign in"), "url": f"/auth/login?next=/auth/invitation/{token}"},
            signed_in=here is not None,
        )
    errors: dict[str, str] = {}
    if request.method == "POST":
        try:
            return _join(token, asked, mine)
        except Invalid as error:
            errors = error.fields
    inputs = (
        ()
        if mine
        else (
            _input("name", _("Your name"), errors, value=asked["name"], autocomplete="name"),
            *_password_inputs(errors),
        )
    )
    page = render_template(
        "auth/step.html",
        title=_("Join {workspace}", workspace=asked["workspace"]),
        text=_("{who} invites {email}.", who=asked["invited_by"], email=asked["email"]),
        action=f"/auth/invitation/{token}",
        submit=_("Join"),
        inputs=inputs,
        errors=errors,
    )
    return (page, 422) if errors else page


def _join(token: str, asked: dict[str, Any], mine: bool) -> Answer:
    if mine:
        user = accounts.find(asked["email"])
        actor = person()
        if user is None or actor is None:
            raise Gone(_("This account no longer exists. Ask for a new invitation."))
        _user, member = invitations.accept(token, user, actor=actor)
        session.choose(member.workspace_id)  # type: ignore[attr-defined]
        return redirect("/", 303)
    name = _text("name")
    password = _new_password((asked["email"], name, asked["workspace"]))
    new = accounts.NewUser(name, asked["email"], hash_password(password))
    user, _member = invitations.accept(token, new, actor=visitor(name or asked["email"]))
    return _sign_in(user, "invitation")


def _ask_to_confirm(workspace: str, name: str, email: str) -> Answer:
    problems = {}
    if not workspace or len(workspace) > 200:
        problems["workspace"] = _("Type the name of your brokerage, at most 200 characters.")
    if not name or len(name) > 120:
        problems["name"] = _("Type your name, at most 120 characters.")
    try:
        email = normal.email(email)
    except ValueError as error:
        problems["email"] = str(error)
    if problems:
        raise Invalid(problems)
    address = request.remote_addr or "unknown"
    seconds = throttle.wait(throttle.MAIL, address)
    if seconds:
        raise TooMany(_("Many sign-ups came from this address. Look into your mailbox, or try again later."), seconds)
    actor = visitor("Sign-up")
    with operation("sign_up.ask", actor=actor):
        throttle.count(throttle.MAIL, address)
        _mail_of_sign_up(workspace, name, email)
    return render_template(
        "auth/step.html",
        title=_("Look into your mailbox"),
        text=_("We sent a message to {email}. Open the link in it to go on. It works for 24 hours.", email=email),
        inputs=None,
    )


def _mail_of_sign_up(workspace: str, name: str, email: str) -> None:
    base = current_app.config["PUBLIC_URL"]
    token = sign_link("sign-up", {"workspace": workspace, "name": name, "email": email}, _SIGN_UP_LASTS)
    if accounts.find(email) is None:
        subject, text = (
            _("Make the workspace {workspace}", workspace=workspace),
            _(
                "Open this link to choose a password and make your workspace:\n\n{base}/auth/sign-up/{token}\n",
                base=base,
                token=token,
            ),
        )
    else:
        subject, text = (
            _("You have an account"),
            _(
                "Somebody, hopefully you, asked for a new account with this address. You have one: sign in "
                "at\n\n{base}/auth/login\n",
                base=base,
            ),
        )
    accounts.send_mail(
        email, subject, text + _("\nIf it was not you, ignore this message.\n"), actor=visitor("Sign-up")
    )


def _sign_up_of(token: str) -> dict[str, str]:
    """What the link says; it has done its work once there is an account with its address."""
    try:
        asked: dict[str, str] = read_link("sign-up", token)
    except BadLink as error:
        raise Gone(str(error)) from None
    if accounts.find(asked["email"]) is not None:
        raise Gone(_("This link was used before. Sign in with your password."))
    return asked


def _sign_in(user: User, via: str) -> Response:
    """Sign in whoever has just shown an address or link; a second factor that is set up is asked for first."""
    security: Any = current_app.extensions["security"]
    answer = security.two_factor_plugins.tf_enter(user, False, via, next_loc="/")
    if answer is not None:
        return answer
    login_user(user, authn_via=[via])
    return redirect("/", 303)


def _new_password(context: tuple[str, ...]) -> str:
    password = passwords.normalise(request.form.get("password", ""))
    problems = passwords.problems(password, context=context)
    if problems:
        raise Invalid({"password": " ".join(problems)})
    return password


def _password_inputs(errors: dict[str, str]) -> tuple[dict[str, Any], ...]:
    hint = _("At least {minimum} characters. A few words in a row are easy to remember.", minimum=passwords.MINIMUM)
    return (_input("password", _("Password"), errors, kind="password", autocomplete="new-password", hint=hint),)


def _input(
    name: str,
    label: str,
    errors: dict[str, str],
    *,
    kind: str = "text",
    value: str = "",
    autocomplete: str = "off",
    hint: str = "",
) -> dict[str, Any]:
    typed = "" if kind == "password" else request.form.get(name, value)
    return {
        "name": name,
        "label": label,
        "kind": kind,
        "value": typed,
        "autocomplete": autocomplete,
        "hint": hint,
        "error": errors.get(name, ""),
    }


def _text(name: str) -> str:
    return " ".join(request.form.get(name, "").split())

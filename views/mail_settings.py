"""The settings of e-mail at `/settings/mail`: the mail server of the workspace, and the domains it sends for.

Does not belong here: e-mails themselves (`views.mail`).
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request
from werkzeug.wrappers import Response

from app import permissions
from app.errors import Conflict, Invalid, NotFound
from app.services import sending, sending_limits, values
from models.sending import SECURITIES, MailServer, SendingDomain
from models.words import _, grouped
from views import shell
from views.settings_kit import field, labels_of, page, problems

pages = Blueprint("mail_settings", __name__, url_prefix="/settings/mail")

Answer = str | Response | tuple[str, int]
_HOME = "/settings/mail"
_FIELDS = ("host", "port", "security", "username", "password", "sender")


@pages.route("", methods=("GET", "POST"))
def show() -> Answer:
    """The mail server and the domains; a POST saves the server."""
    actor = shell.actor()
    permissions.require(actor, "read", "workspace")
    errors, version = {}, ""
    if request.method == "POST":
        try:
            given = {name: request.form.get(name, "").strip() for name in _FIELDS}
            sending.save_server(given, version=values.whole(request.form.get("version", "")) or 0, actor=actor)
            flash(_("Saved. Send a test to see that it works."), "success")
            return redirect(_HOME, 303)
        except Invalid as error:
            errors = error.fields
        except Conflict as error:
            errors, version = {"": error.message}, str(error.version)
    return _page(errors, version)


@pages.post("/server/test")
def test() -> Response:
    sending.ask_test(actor=shell.actor())
    return redirect(_HOME, 303)


@pages.get("/server/<int:key>/state")
def server_state(key: int) -> str:
    """The row of the server, which asks for itself while a test runs."""
    server = sending.server(actor=shell.actor())
    if server is None or server.id != key:
        raise NotFound()
    return render_template("parts/mail_server.html", s=_server(server), may=_may())


@pages.route("/server/remove", methods=("GET", "POST"))
def remove_server() -> Answer:
    permissions.require(shell.actor(), "write", "workspace")
    if request.method == "POST":
        sending.remove_server(actor=shell.actor())
        flash(_("The mail server was removed."), "success")
        return redirect(_HOME, 303)
    text = _("Its password is deleted, and e-mail goes over the server of this installation again.")
    return _confirm(_("Remove the mail server"), text)


@pages.post("/limits")
def save_limits() -> Answer:
    try:
        version = values.whole(request.form.get("limits_version", "")) or 0
        sending_limits.save(request.form, version=version, actor=shell.actor())
    except Invalid as error:
        return _page(error.fields, "")
    except Conflict as error:
        return _page({"": error.message}, "")
    flash(_("Saved."), "success")
    return redirect(_HOME, 303)


@pages.post("/domains/<int:key>/warm")
def warm_up(key: int) -> Response:
    sending_limits.warm_up(key, bool(request.form.get("on")), actor=shell.actor())
    return redirect(_HOME, 303)


@pages.post("/domains")
def add_domain() -> Answer:
    try:
        sending.add_domain(request.form.get("domain", ""), actor=shell.actor())
    except Invalid as error:
        return _page(error.fields, "")
    flash(_("Now publish the record below at the provider of your domain, then check it."), "success")
    return redirect(_HOME, 303)


@pages.post("/domains/<int:key>/check")
def check_domain(key: int) -> Response:
    sending.ask_check(key, actor=shell.actor())
    return redirect(_HOME, 303)


@pages.get("/domains/<int:key>/state")
def domain_state(key: int) -> str:
    """The row of a domain, which asks for itself while a check runs."""
    found = sending.domain(key, actor=shell.actor())
    return render_template("parts/mail_domain.html", d=_domain(found), may=_may())


@pages.route("/domains/<int:key>/remove", methods=("GET", "POST"))
def remove_domain(key: int) -> Answer:
    found = sending.domain(key, actor=shell.actor())
    permissions.require(shell.actor(), "write", "workspace")
    if request.method == "POST":
        sending.remove_domain(key, actor=shell.actor())
        flash(_("The domain was removed."), "success")
        return redirect(_HOME, 303)
    text = _("Its key is deleted, and e-mails are no longer signed for it. Delete the DNS record as well.")
    return _confirm(_("Remove {name}", name=found.name), text)


def _page(errors: dict[str, str], version: str) -> Answer:
    actor = shell.actor()
    server = sending.server(actor=actor)
    groups = [{"title": _("Your mail server"), "hint": _hint(server), "fields": _fields(server, errors)}]
    entry = field("domain", _("Domain"), errors=errors, max=253, hint=_("Such as example.com"))
    found: Answer = page(
        "settings_mail.html",
        status=422 if errors else 200,
        title=_("E-mail"),
        server=_server(server),
        domains=[_domain(one) for one in sending.domains(actor=actor)],
        entry=entry,
        limits=_limits(errors),
        may=_may(),
        groups=groups,
        action=_HOME,
        version=version or str(server.version if server else 0),
        errors=problems({k: v for k, v in errors.items() if k != "domain"}, labels_of(groups)),
    )
    return found


def _hint(server: MailServer | None) -> str:
    if server is not None:
        return _("E-mails of your brokerage leave over this server.")
    return _("Without one, e-mails leave over the server of this installation.")


def _fields(server: MailServer | None, errors: dict[str, str]) -> list[dict[str, Any]]:
    kept = _("A password is kept and is never shown. Leave this empty to keep it.")
    password = kept if server and server.password else _("Kept sealed")
    sender = _("Stands as sender on e-mails of people whose own address is at no domain below")
    at = server
    chosen: dict[str, Any] = {"kind": "choice", "value": at.security if at else "starttls", "choices": SECURITIES}
    name: dict[str, Any] = {
        "value": at.host if at else "",
        "required": True,
        "max": 253,
        "hint": _("Such as smtp.example.com"),
    }
    return [
        field("host", _("Server"), errors=errors, **name),
        field("port", _("Port"), value=str(at.port) if at else "587", errors=errors, required=True, max=5),
        field("security", _("Encryption"), errors=errors, required=True, **chosen),
        field("username", _("User name"), value=at.username if at else "", errors=errors, max=300),
        field("password", _("Password"), kind="password", errors=errors, secret=True, hint=password),
        field("sender", _("Sender"), value=at.sender if at else "", errors=errors, required=True, max=254, hint=sender),
    ]


def _limits(errors: dict[str, str]) -> dict[str, Any]:
    """The limits with what is left of them now."""
    found = sending_limits.shown(actor=shell.actor())
    labels = {
        "per_hour": _("At most per hour"),
        "per_day": _("At most per day"),
        "sender_day": _("Of one sender per day"),
        "domain_minute": _("To one domain per minute"),
    }
    fields = [
        field(name, label, value="" if found.values[name] is None else str(found.values[name]), errors=errors, max=8)
        for name, label in labels.items()
    ]
    told = [_("{n} may leave at once", n=grouped(found.left["hour"]))] if "hour" in found.left else []
    told += [_("{n} are left of the day", n=grouped(found.left["day"]))] if "day" in found.left else []
    return {"fields": fields, "version": found.version, "left": ", ".join(told)}


def _server(server: MailServer | None) -> dict[str, Any] | None:
    """The server as parts/mail_server.html reads it."""
    if server is None:
        return None
    when = shell.day(server.tested_at, shell.locale().zone) if server.tested_at else ""
    if server.tested_ok is None:
        text, tone = (_("Being tested"), "acc") if server.test_job_id else (_("Not tested yet"), "")
    elif server.tested_ok:
        text, tone = _("It took a test e-mail, {when}", when=when), "ok"
    else:
        text, tone = _("Test failed, {when}", when=when), "bad"
    return {
        "id": server.id,
        "name": f"{server.host}:{server.port}",
        "sender": server.sender,
        "state": text,
        "tone": tone,
        "note": server.tested_note if server.tested_ok is False else "",
        "polls": bool(server.test_job_id and server.tested_ok is None),
    }


def _domain(one: SendingDomain) -> dict[str, Any]:
    """A domain as parts/mail_domain.html reads it."""
    checking = bool(one.check_job_id and one.checked_at is None)
    if checking:
        text, tone = _("Being checked"), "acc"
    elif one.verified_at:
        text, tone = _("Verified, e-mails are signed"), "ok"
    else:
        text, tone = _("Waiting for its DNS record"), "warn"
    return {
        "name": one.name,
        "state": text,
        "tone": tone,
        "problem": "" if checking else one.problem,
        "record_name": one.record_name,
        "record": one.record,
        "open": not one.verified_at,
        "polls": checking,
        "warm": _warm(one) if one.verified_at else None,
        "id": one.id,
        "url": f"{_HOME}/domains/{one.id}",
    }


def _confirm(title: str, text: str) -> str:
    return render_template(
        "confirm.html", title=title, text=text, action="", verb=_("Remove"), danger=True, cancel_url=_HOME
    )


def _warm(one: SendingDomain) -> dict[str, Any]:
    """What is said of a domain's warm-up plan, and what its button does."""
    amount = sending_limits.warm_amount(one)
    text = _("Being warmed up: at most {n} e-mails today.", n=grouped(amount)) if amount is not None else ""
    return {"text": text, "on": one.warm_from is not None and amount is not None}


def _may() -> bool:
    return permissions.reach(shell.actor(), "write", "workspace") is not None

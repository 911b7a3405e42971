"""The contact form of a brokerage: `/p/<slug>/contact` on its own, `/embed/<slug>/contact` within the brokerage's
website.

GET shows, POST acts; it works without script and without a cookie. The hidden token says when the form was opened and
makes a form that is sent twice one inquiry. Does not belong here: finding the person and what an inquiry leaves
(`app.services.intake`).
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
import secrets
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import orjson
from flask import g, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from app.errors import Invalid
from app.services import intake, throttle
from app.services.operation import operation
from models import normal, scope
from models.signed import BadLink, read_link, sign_link
from models.words import N_, _, grouped
from models.workspace import Workspace
from public_site import kit

pages = kit.family("leads")
Answer = str | AnyResponse | tuple[str, int] | tuple[str, int, dict[str, str]]
WANTS = {"see": N_("See or buy a home"), "sell": N_("Sell or let a home"), "ask": N_("Just a question")}
NOTICE = (N_("We use this to answer you, as our "), N_("privacy notice"), N_(" says. For people 13 or over."))
MAIL_WORDING = N_("E-mail me news about homes and the market")
LEAST_SECONDS = 3
LIMIT = throttle.Limit("lead", 20)
_OPEN_FOR = dt.timedelta(hours=24)
_PURPOSE = "lead form"
_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:\d{1,5})?")
_LABELS = {"name": N_("Your name"), "reach": N_("E-mail or phone"), "msg": N_("Your message")}


@dataclass(slots=True)
class Form:
    """What was typed, and what is wrong with it: a sentence per field, and "" for the whole."""

    typed: dict[str, str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    token: str = ""


@pages.route("/p/<slug>/contact", methods=("GET", "POST"))
def contact(slug: str) -> Answer:
    return _answer(kit.hosted(slug), f"/p/{slug}/contact", bare=False)


@pages.route("/embed/<slug>/contact", methods=("GET", "POST"))
def embedded(slug: str) -> Answer:
    return _answer(_framed(slug), f"/embed/{slug}/contact", bare=True)


@pages.get("/p/<slug>/contact/thanks")
def thanks(slug: str) -> str:
    kit.hosted(slug)
    return kit.page("thanks.html", again=f"/p/{slug}/contact")


@pages.get("/embed/<slug>/contact/thanks")
def embedded_thanks(slug: str) -> str:
    _framed(slug)
    return kit.page("thanks.html", again=f"/embed/{slug}/contact", bare=True)


def _framed(slug: str) -> Workspace:
    """The page may stand in a frame of the brokerage's own website, and nowhere else."""
    workspace = kit.hosted(slug)
    parts = urlsplit(workspace.website or "")
    if parts.scheme in ("http", "https") and _HOST.fullmatch(parts.netloc.lower()):
        g.frame_ancestors = f"{parts.scheme}://{parts.netloc.lower()}"
    return workspace


def _answer(workspace: Workspace, url: str, *, bare: bool) -> Answer:
    if request.method != "POST":
        return _show(workspace, Form(typed={"want": "ask"}), bare=bare)
    typed = {name: request.form.get(name, "").strip() for name in ("name", "reach", "want", "msg", "mail")}
    form = Form(typed, token=request.form.get("t", ""))
    # People do not see this field; what fills it in gets the same answer as everybody.
    if request.form.get("website"):
        return redirect(f"{url}/thanks", 303)
    nonce = _check_token(workspace, form)
    inquiry = _read(workspace, form)
    if inquiry is None or nonce is None:
        return _show(workspace, form, bare=bare), 422
    seconds = throttle.wait(LIMIT, kit.visitor().ip or "unknown")
    if seconds:
        minutes = seconds // 60 + 1
        form.errors[""] = (
            _(
                "That was a lot of tries. Wait {minutes} minutes, or call {phone}. Everything you typed is kept below.",
                minutes=minutes,
                phone=g.brand.phone[1],
            )
            if g.brand.phone
            else _(
                "That was a lot of tries. Wait {minutes} minutes. Everything you typed is kept below.", minutes=minutes
            )
        )
        return _show(workspace, form, bare=bare), 429, {"Retry-After": str(seconds)}
    try:
        _send(workspace, inquiry, nonce)
    except Invalid as error:
        form.errors.update({{"message": "msg", "": ""}.get(name, "reach"): text for name, text in error.fields.items()})
        return _show(workspace, form, bare=bare), 422
    return redirect(f"{url}/thanks", 303)


def _check_token(workspace: Workspace, form: Form) -> str | None:
    """The form's own number, or None with an error where it is stale, of another form, or was sent quicker than people
    type."""
    try:
        workspace_id, nonce, opened = read_link(_PURPOSE, form.token)
    except (BadLink, TypeError, ValueError):
        workspace_id, nonce, opened = 0, "", 0
    if workspace_id != workspace.id:
        form.token = ""
        form.errors[""] = _("You were away a while, so we kept what you typed. Press Send once more.")
        return None
    if time.time() - opened < LEAST_SECONDS:
        form.errors[""] = _("That was quick, so we check that you are a person. Press Send once more.")
        return None
    return str(nonce)


def _read(workspace: Workspace, form: Form) -> intake.Inquiry | None:
    typed, errors = form.typed, form.errors
    if not typed["name"] or len(typed["name"]) > 200:
        errors["name"] = _("Type your name, at most 200 characters, so that we know whom to answer.")
    if len(typed["msg"]) > intake.MOST_TEXT:
        errors["msg"] = _(
            "This text has {n} characters; at most {most_text} fit.",
            n=grouped(len(typed["msg"])),
            most_text=grouped(intake.MOST_TEXT),
        )
    email, phone = _reach(typed["reach"], workspace.region, errors)
    if errors.keys() - {""}:
        # What is wrong with a field is mended by a press of Send, which also answers the rest.
        errors.pop("", None)
    if errors:
        return None
    want = WANTS.get(typed["want"], WANTS["ask"])
    return intake.Inquiry(
        " ".join(typed["name"].split()),
        email,
        phone,
        title=_("Website inquiry: {want}", want=want),
        message=typed["msg"],
        payload={**typed, "page": request.path},
        notice="".join(map(str, NOTICE)),
        agreed={"marketing": str(MAIL_WORDING)} if typed["mail"] else {},
    )


def _reach(text: str, region: str, errors: dict[str, str]) -> tuple[str | None, str | None]:
    if not text:
        errors["reach"] = _("Type an e-mail address or a phone number, whichever you answer.")
        return None, None
    try:
        return (normal.email(text), None) if "@" in text else (None, normal.phone(text, region))
    except ValueError as error:
        errors["reach"] = (
            str(error)
            if any(c.isdigit() or c == "@" for c in text)
            else _("This is neither an e-mail address nor a phone number. Example: sam@example.com")
        )
        return None, None


def _send(workspace: Workspace, inquiry: intake.Inquiry, nonce: str) -> None:
    actor = kit.visitor()
    with scope.inside(workspace.id):
        with operation("lead.count", actor=actor):
            throttle.count(LIMIT, actor.ip or "unknown")
        content = hashlib.sha256(orjson.dumps(dict(inquiry.payload), option=orjson.OPT_SORT_KEYS)).hexdigest()
        intake.receive(inquiry, source="lead form", key=f"{nonce}:{content}", actor=actor)


def _show(workspace: Workspace, form: Form, *, bare: bool) -> str:
    token = form.token or sign_link(_PURPOSE, [workspace.id, secrets.token_hex(12), int(time.time())], _OPEN_FOR)
    shown: dict[str, Any] = {
        "typed": form.typed,
        "errors": form.errors,
        "labels": _LABELS,
        "wants": WANTS,
        "notice": NOTICE,
        "mail_wording": MAIL_WORDING,
    }
    return kit.page("contact.html", token=token, bare=bare, **shown)

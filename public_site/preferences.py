"""What a recipient of marketing decides, on the page behind the signed link of an e-mail: /p/<token>.

GET shows, POST acts, as mail scanners follow links. The link itself is the right to act: no session, no cookie, no
CSRF token (the blueprint is exempt), and mail programs may POST to it directly (RFC 8058). Does not belong here: what
a decision does (`app.services.preferences`).
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Flask, Response, render_template, request
from flask_wtf import CSRFProtect

from app.errors import Gone
from app.services import preferences
from models.scope import Actor
from models.words import N_
from public_site import brand, kit
from views import languages

pages = kit.behind_tokens(Blueprint("preferences", __name__, template_folder="templates"))
STOP_WORDING = N_("Stop all marketing: one press, at once, for every list.")
UNDO_WORDING = N_("Undo: send me marketing again.")
FOLLOW_WORDING = N_("You may note when I open your e-mails, follow their links and come back to your website.")
UNFOLLOW_WORDING = N_("Do not note when I open your e-mails, follow their links or come back to your website.")


def register(app: Flask, csrf: CSRFProtect) -> None:
    """Add the page; its POST works without a session."""
    app.register_blueprint(pages)
    csrf.exempt(pages)


@pages.get("/p/<token>")
def show(token: str) -> str:
    return _page(preferences.read(token), token)


@pages.post("/p/<token>")
def decide(token: str) -> str | Response:
    """One-click from a mail program, or a button of the page."""
    if request.form.get("List-Unsubscribe") == "One-Click":
        preferences.unsubscribe(token, actor=_recipient(), source="one-click", wording="List-Unsubscribe=One-Click")
        return Response("Unsubscribed.\n", content_type="text/plain; charset=utf-8")
    if request.form.get("decision") == "undo":
        found = preferences.resubscribe(token, actor=_recipient(), source="preferences page", wording=str(UNDO_WORDING))
        return _page(found, token, "undone" if not found.stopped else "blocked")
    if request.form.get("decision") == "stop":
        return _page(
            preferences.unsubscribe(token, actor=_recipient(), source="preferences page", wording=str(STOP_WORDING)),
            token,
            "stopped",
        )
    if (said := request.form.get("decision")) in ("follow", "unfollow"):
        yes = said == "follow"
        wording = str(FOLLOW_WORDING if yes else UNFOLLOW_WORDING)
        found = preferences.follow(token, yes, actor=_recipient(), source="preferences page", wording=wording)
        return _page(found, token, f"{said}ed")
    return _page(preferences.read(token), token)


@pages.errorhandler(Gone)
def _gone(error: Gone) -> tuple[str, int]:
    return render_template("public/problem.html", brand=brand.NOBODY, title=error.title, detail=error.message), 410


def _recipient() -> Actor:
    return kit.visitor("E-mail recipient")


def _page(found: preferences.Choices, token: str, just: str = "") -> str:
    languages.speak_to_visitor(found.workspace)
    facts: dict[str, Any] = {
        "brand": brand.of(found.workspace),
        "address": found.address,
        "stopped": found.stopped,
        "followed": found.followed,
        "just": just,
    }
    return render_template(
        "public/preferences.html", token=token, signal=request.headers.get("Sec-GPC") == "1", **facts
    )

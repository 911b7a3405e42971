"""Wires the public pages. Each page family is a file of its own with a blueprint; nothing here knows what a page
says."""

from __future__ import annotations

from flask import Blueprint, Flask, redirect
from flask_wtf import CSRFProtect
from werkzeug.wrappers import Response

from public_site import booking, booking_own, kit, leads, logo, mails, preferences, privacy, seen, visits
from views.headers import asset
from views.request_scope import open_to_all

pages = Blueprint("site", __name__)
_ROBOTS = "User-agent: *\nAllow: /privacy\nDisallow: /\n"
_DAY = "public, max-age=86400"


def init(app: Flask, csrf: CSRFProtect) -> None:
    """Add the page families. Those with forms need no CSRF token: nothing they do rests on a session."""
    preferences.register(app, csrf)
    csrf.exempt(leads.pages)
    csrf.exempt(visits.pages)
    csrf.exempt(booking.pages)
    csrf.exempt(booking_own.pages)
    for family in (
        booking.pages,
        booking_own.pages,
        leads.pages,
        privacy.pages,
        logo.pages,
        mails.pages,
        seen.pages,
        visits.pages,
        pages,
    ):
        app.register_blueprint(family)
    app.extensions["public_problem"] = kit.problem_page


@pages.get("/robots.txt")
@open_to_all
def robots() -> Response:
    """Nothing here is for search engines but the privacy notice; links with tokens least of all."""
    return Response(_ROBOTS, content_type="text/plain; charset=utf-8", headers={"Cache-Control": _DAY})


@pages.get("/favicon.ico")
@open_to_all
def favicon() -> Response:
    answer = redirect(asset("favicon.svg"), 302)
    answer.headers["Cache-Control"] = _DAY
    return answer

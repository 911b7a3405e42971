"""The one place where errors become answers: pages for people, problem+json (RFC 9457) for programs."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit, urlunsplit

import orjson
import structlog
from flask import Flask, Response, current_app, g, render_template, request
from flask_wtf.csrf import CSRFError
from markupsafe import escape
from sqlalchemy.orm.exc import StaleDataError
from werkzeug.exceptions import HTTPException

from app.errors import Conflict, DomainError, Forbidden, Invalid, Outdated, TooMany
from models.base import session
from models.scope import NoWorkspace
from models.words import N_, _
from views import why
from views.headers import is_public
from views.redirects import back

log = structlog.get_logger(__name__)
_STALE = N_(
    "Somebody else saved the same record at the same moment. Nothing of this step was; look again, then repeat it."
)
# What an error page offers and an answer to a program does not.
_PAGES_ONLY = ("next", "why")
_WORDS = {
    400: (N_("This request was not understood"), N_("Go back, check what was entered and send it once more.")),
    401: (N_("Please sign in"), N_("Sign in and open this page again.")),
    403: (N_("You may not do this"), N_("An admin of your workspace can change your role.")),
    404: (N_("Nothing is here"), N_("There is no page at this address. Check it for a typing error.")),
    405: (N_("This address does not work that way"), N_("Go back and use the buttons of the page.")),
    408: (N_("The upload took too long"), N_("Nothing was saved. Try again on a faster connection.")),
    409: (N_("Somebody else was faster"), N_("Reload the page, your entries are kept on this device.")),
    410: (
        N_("This link no longer works"),
        N_("It has expired or was switched off by the person who sent it. You did nothing wrong."),
    ),
    413: (N_("This is too large"), N_("Nothing was saved. Send a smaller file or a shorter text.")),
    415: (N_("This kind of content is not accepted"), N_("Send it as a form or as JSON.")),
    422: (N_("Some fields need a change"), N_("Nothing was saved yet.")),
    429: (N_("That was a lot of tries"), N_("Wait a few minutes, then try again.")),
    500: (
        N_("Something broke on our side"),
        N_("Nothing of this step was saved. Try again; if it stays, tell support the request id."),
    ),
    503: (N_("This is not available right now"), N_("Try again in a minute.")),
}


def init(app: Flask) -> None:
    app.register_error_handler(DomainError, _domain)
    app.register_error_handler(NoWorkspace, lambda _e: _answer(403, _("Choose a workspace first.")))
    app.register_error_handler(StaleDataError, lambda _e: _domain(Conflict(_STALE)))
    app.register_error_handler(CSRFError, _form_too_old)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _unexpected)


def problem(status: int, detail: str, title: str = "", **more: Any) -> Response:
    """An RFC 9457 answer."""
    body = {
        "type": "about:blank",
        "title": title or _WORDS.get(status, (_("Error"), ""))[0],
        "status": status,
        "detail": detail,
        **more,
    }
    return Response(orjson.dumps(body), status=status, content_type="application/problem+json")


def wants_json() -> bool:
    return request.path.startswith(("/api/", "/v1/", "/hooks/")) or request.accept_mimetypes.best == "application/json"


def _domain(error: DomainError) -> Response:
    session.rollback()
    more: dict[str, Any] = {}
    if isinstance(error, Invalid):
        more["errors"] = error.fields
    if isinstance(error, Conflict):
        more["version"] = error.version
        more["clashes"] = [clash.name for clash in error.clashes]
    if isinstance(error, Outdated):
        more["version"] = error.version
    if isinstance(error, Forbidden):
        log.info("denied", action=error.action, entity=error.entity)
        more["why"] = why.of_refusal(error)
    answer = _answer(error.status, error.message, error.title, **more)
    if isinstance(error, TooMany):
        answer.headers["Retry-After"] = str(error.retry_after)
    return answer


def _form_too_old(_error: CSRFError) -> Response:
    """The session that drew the form is over; the page it stood on asks to sign in and then offers the draft."""
    text = _(
        "Nothing was saved. Open the page again and sign in; what you typed in a form is kept on "
        "this device and offered there."
    )
    return _answer(
        400,
        text,
        _("This page was open for too long"),
        next=[{"label": _("Open the page again"), "url": back(_came_from(), "/"), "primary": True}],
    )


def _came_from() -> str:
    parts = urlsplit(request.referrer or "")
    return urlunsplit(("", "", parts.path, parts.query, "")) if parts.netloc == request.host else ""


def _http(error: HTTPException) -> Response:
    if error.code is not None and error.code < 400:
        return error.get_response()  # type: ignore[return-value]
    given = error.get_response()
    answer = _answer(error.code or 500, _WORDS.get(error.code or 500, ("", error.description or ""))[1])
    for name in ("Retry-After", "Allow", "WWW-Authenticate"):
        if name in given.headers:
            answer.headers[name] = given.headers[name]
    return answer


def _unexpected(error: Exception) -> Response:
    session.rollback()
    log.error("unexpected", exc_info=error)
    return _answer(500, _WORDS[500][1])


def _answer(status: int, detail: str, title: str = "", **more: Any) -> Response:
    title = title or _WORDS.get(status, (_("This could not be done"), ""))[0]
    if wants_json():
        return problem(
            status, detail, title, **{name: value for name, value in more.items() if name not in _PAGES_ONLY}
        )
    request_id = getattr(g, "request_id", "")
    try:
        if is_public() and "public_problem" in current_app.extensions:
            own: str = current_app.extensions["public_problem"](status, title, detail)
            return Response(own, status=status, content_type="text/html; charset=utf-8")
        page = render_template(
            "error.html",
            status=status,
            title=title,
            text=detail,
            kept=None,
            request_id=request_id,
            next=more.get("next"),
            needs=more.get("needs"),
            why_url=(more.get("why") or why.address()) if status == 403 and getattr(g, "actor", None) else None,
        )
    except Exception:  # an error page must come even when the shell itself is what broke
        log.exception("error page failed")
        page = f"<!doctype html><title>{status}</title><p>{escape(title)} ({request_id})</p>"
    return Response(page, status=status, content_type="text/html; charset=utf-8")

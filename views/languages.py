"""Whose language a request is answered in: the signed-in person's own, else their workspace's, else what the browser
asks for.

Flask-Babel, which Flask-AppBuilder brings, follows the same choice, and so do the texts and formats of libraries. The
REST API always answers in English, as programs read it. Does not belong here: the texts (`models.words`).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from flask import Flask, request
from werkzeug.datastructures import LanguageAccept
from werkzeug.http import parse_accept_header

from models import words
from views import translated

_FOR_PROGRAMS = ("/api/v1/", "/v1/", "/hooks/")


def init(app: Flask) -> None:
    """Comes first: whatever goes wrong later is said in the reader's language."""
    translated.use(app)
    app.before_request(greet)


def follow(app: Flask) -> None:
    """Have libraries speak the language of the request; comes after Flask-AppBuilder, which sets up Flask-Babel."""
    translated.init(app)
    # Its own choice would keep the visitor's language in the session, and so give a cookie to everybody.
    app.extensions["babel"].locale_selector = _of_libraries


def greet() -> None:
    """Speak the language that the browser asks for, until it is known who asks."""
    words.speak(words.ENGLISH if request.path.startswith(_FOR_PROGRAMS) else asked_for() or words.ENGLISH)


def asked_for() -> str:
    """The language that the browser asks for (RFC 9110, 12.5.4); "" where there are no texts in any that it names."""
    return _best(request.headers.get("Accept-Language", "")[:200])


def speak_to(user: Any, workspace: Any) -> None:
    """Speak as a member of a workspace reads; either may be None."""
    language = (user.language if user is not None else "") or (workspace.language if workspace is not None else "")
    words.speak(language or asked_for() or words.ENGLISH, workspace.region if workspace is not None else "US")


def speak_to_visitor(workspace: Any) -> None:
    """Speak on a public page of a workspace: as the browser asks, else as the workspace."""
    words.speak(asked_for() or workspace.language or words.ENGLISH, workspace.region)


@lru_cache(maxsize=500)
def _best(header: str) -> str:
    accepted = parse_accept_header(header, LanguageAccept)
    return accepted.best_match([code for code, _name in words.LANGUAGES]) or ""


def _of_libraries() -> str:
    return str(words.locale(words.code(), words.region()))

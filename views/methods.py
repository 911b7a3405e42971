"""HEAD is GET without the content (RFC 9110, 9.3.2), for every view at once.

A view that asks "is this a GET?" would take a HEAD for a POST, past the CSRF check. So no view ever sees a HEAD.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from flask import Flask

# Set in the environment of a GET that was asked for as HEAD.
ASKED = "crm.asked"
Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def init(app: Flask) -> None:
    app.wsgi_app = _head_as_get(app.wsgi_app)  # type: ignore[assignment, method-assign]


def _head_as_get(inner: Wsgi) -> Wsgi:
    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] != "HEAD":
            return inner(environ, start_response)
        body = inner({**environ, "REQUEST_METHOD": "GET", ASKED: "HEAD"}, start_response)
        close = getattr(body, "close", None)
        if close is not None:
            close()
        return []

    return answer

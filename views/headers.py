"""Security headers on every answer, the CSP nonce, and hashed static addresses that browsers may keep for ever.

Sources: OWASP ASVS 5.0 chapter 3.4, CSP level 3, RFC 6797 (HSTS), RFC 8246 (immutable).
"""

from __future__ import annotations

import hashlib
import secrets
import uuid
from functools import lru_cache
from pathlib import Path

import structlog
from flask import Flask, Response, current_app, g, request
from werkzeug.exceptions import NotFound

_CONSOLE = (
    "default-src 'none'; script-src 'self' 'nonce-{nonce}'; style-src 'self' 'nonce-{nonce}'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; object-src 'none'; frame-src 'self'; "
    "manifest-src 'self'; frame-ancestors {ancestors}"
)
_YEAR = 31_536_000


def init(app: Flask) -> None:
    """Arm the headers; must come first, so that they stand on errors of everything that follows."""
    app.before_request(_begin)
    app.after_request(_harden)
    app.add_template_global(asset)
    app.add_template_global(nonce)
    # Flask's own static route has a plain name; the hashed one is what pages use.
    app.add_url_rule("/assets/<digest>/<path:filename>", "asset", _serve)


def nonce() -> str:
    """The nonce of this answer, made on first use."""
    if "nonce" not in g:
        g.nonce = secrets.token_urlsafe(18)
    return str(g.nonce)


def asset(path: str) -> str:
    """The address of a static file, with the hash of its content in it."""
    return f"/assets/{_digest(current_app.static_folder or '', path, current_app.testing)}/{path}"


@lru_cache(maxsize=500)
def _digest(folder: str, path: str, _testing: bool) -> str:
    return hashlib.sha256((Path(folder) / path).read_bytes()).hexdigest()[:12]


def _serve(digest: str, filename: str) -> Response:
    if len(digest) != 12:
        raise NotFound()
    answer = current_app.send_static_file(filename)
    answer.headers["Cache-Control"] = f"public, max-age={_YEAR}, immutable"
    return answer


def _begin() -> None:
    g.request_id = uuid.uuid4().hex
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=g.request_id)


def _harden(answer: Response) -> Response:
    head = answer.headers
    ancestors = "'self'" if request.path.startswith("/dev/inbox/") else getattr(g, "frame_ancestors", "'none'")
    head["Content-Security-Policy"] = _CONSOLE.format(nonce=nonce(), ancestors=ancestors)
    head["X-Content-Type-Options"] = "nosniff"
    head["Referrer-Policy"] = "same-origin" if not getattr(g, "token_page", False) else "no-referrer"
    head["Permissions-Policy"] = "camera=(), microphone=(), geolocation=(), payment=(), publickey-credentials-get=(self)"
    head["Cross-Origin-Opener-Policy"] = "same-origin"
    head["Cross-Origin-Resource-Policy"] = "same-origin"
    head["X-Request-Id"] = getattr(g, "request_id", "")
    if ancestors == "'none'":
        head["X-Frame-Options"] = "DENY"
    if request.is_secure or current_app.config["APP_ENV"] == "production":
        head["Strict-Transport-Security"] = f"max-age={_YEAR}; includeSubDomains"
    if request.endpoint not in ("asset", "static") and "Cache-Control" not in head:
        head["Cache-Control"] = "no-store"
    return answer


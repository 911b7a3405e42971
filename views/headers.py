"""Security headers on every answer, the CSP nonce, and hashed static addresses that browsers may keep for ever.

Also the request's id and its line in the log: method, route, status, time; no address, as addresses hold tokens.
Sources: OWASP ASVS 5.0 chapter 3.4, CSP level 3, RFC 6797 (HSTS), RFC 8246 (immutable).
"""

from __future__ import annotations

import hashlib
import secrets
import time
from functools import lru_cache
from pathlib import Path

from flask import Flask, Response, current_app, g, request
from werkzeug.exceptions import NotFound

from app import logging

_CONSOLE = (
    "default-src 'none'; script-src 'self' 'nonce-{nonce}'; style-src 'self' 'nonce-{nonce}'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; object-src 'none'; frame-src 'self'; "
    "manifest-src 'self'; frame-ancestors {ancestors}"
)
_PUBLIC = (
    "default-src 'none'; style-src 'self' 'nonce-{nonce}'; script-src 'self' 'nonce-{nonce}'; img-src 'self'; "
    "media-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; object-src 'none'; "
    "frame-ancestors {ancestors}"
)
# An e-mail as its reader sees it, in a frame of ours or a window of its own: its styles stand in the elements, and it
# runs nothing, sends nothing and asks nobody.
MAIL = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'"
)
# Pages for people without an account, in a brokerage's brand.
PUBLIC_PATHS = ("/b/", "/s/", "/c/", "/v/", "/p/", "/share/", "/verify", "/privacy", "/embed/")
log = logging.get_logger("access")
_QUIET = ("/assets/", "/static/", "/healthz", "/readyz", "/metrics")
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


@lru_cache(maxsize=500)
def asset(path: str) -> str:
    """The address of a static file, with the hash of its content in it; read once per process, as a page asks seventy
    times."""
    digest = hashlib.sha256((Path(current_app.static_folder or "") / path).read_bytes()).hexdigest()
    return f"/assets/{digest[:8]}/{path}"


def _serve(digest: str, filename: str) -> Response:
    if len(digest) != 8:
        raise NotFound()
    answer = current_app.send_static_file(filename)
    answer.headers["Cache-Control"] = f"public, max-age={_YEAR}, immutable"
    return answer


def is_public() -> bool:
    """Whether this is a page for people without an account."""
    return request.path.startswith(PUBLIC_PATHS)


def _begin() -> None:
    g.began = time.perf_counter()
    # A proxy's own id is taken only where there is a proxy: anybody else could mix up the log with it.
    offered = request.headers.get("X-Request-Id") if current_app.config["PROXY_HOPS"] else None
    g.request_id = logging.new_request_id(offered)


def _harden(answer: Response) -> Response:
    head = answer.headers
    is_mail = getattr(g, "mail_page", False)
    ancestors = "'self'" if is_mail else getattr(g, "frame_ancestors", "'none'")
    template = _PUBLIC if is_public() else _CONSOLE
    head["Content-Security-Policy"] = MAIL if is_mail else template.format(nonce=nonce(), ancestors=ancestors)
    head["X-Content-Type-Options"] = "nosniff"
    head["Referrer-Policy"] = "same-origin" if not getattr(g, "token_page", False) else "no-referrer"
    head["Permissions-Policy"] = (
        "camera=(), microphone=(), geolocation=(), payment=(), publickey-credentials-get=(self)"
    )
    head["Cross-Origin-Opener-Policy"] = "same-origin"
    head.setdefault("Cross-Origin-Resource-Policy", "same-origin")
    head["X-Request-Id"] = getattr(g, "request_id", "")
    if ancestors == "'none'":
        head["X-Frame-Options"] = "DENY"
    if request.is_secure or current_app.config["APP_ENV"] == "production":
        head["Strict-Transport-Security"] = f"max-age={_YEAR}; includeSubDomains"
    if request.endpoint not in ("asset", "static") and "Cache-Control" not in head:
        head["Cache-Control"] = "no-store"
    _note(answer)
    return answer


def _note(answer: Response) -> None:
    """The access line; answers of the machinery itself only where debugging is wanted."""
    write = log.debug if request.path.startswith(_QUIET) else log.info
    route = request.url_rule.rule if request.url_rule else "none"
    spent = round((time.perf_counter() - g.began) * 1000, 1) if "began" in g else None
    write("request", method=request.method, route=route, status=answer.status_code, ms=spent)

"""Sessions kept on the server, so that ending one acts at once; the cookie holds nothing but a random token.

A visitor who has not begun to sign in costs no row: what their form needs (a CSRF token) is in a short-lived signed
cookie. Programs (`/api/`, `/v1/`, hooks, health) never get a session. Source: OWASP ASVS 5.0, chapter 7.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import orjson
from flask import Flask, Request, Response, request
from flask.sessions import SessionInterface, SessionMixin
from itsdangerous import BadData, URLSafeTimedSerializer
from werkzeug.datastructures import CallbackDict

from app.services import sessions
from models.fields import now

# Anything before a sign-in is a form that somebody has open.
_VISIT = dt.timedelta(hours=2)
_PROGRAMS = ("/api/", "/v1/", "/hooks/", "/assets/", "/static/", "/healthz", "/readyz", "/metrics")
_SERVER_SIDE = ("_user_id", "tf_user_id")


class Session(CallbackDict[str, Any], SessionMixin):
    """A request's session. `known` is what the server keeps of it; `renew` gives it a new token (after a sign-in)."""

    def __init__(
        self, data: dict[str, Any] | None = None, *, known: sessions.Known | None = None, mute: bool = False
    ) -> None:
        def changed(own: Session) -> None:
            own.modified = True

        super().__init__(data or {}, changed)
        self.known, self.mute = known, mute
        self.modified, self.accessed, self.fresh_token = False, True, False
        self.user_id: int | None = known.user.id if known and known.user else None
        self.workspace_id: int | None = known.workspace_id if known else None

    def renew(self, user_id: int) -> None:
        """From here on this is a session of `user_id` under a new token; the old token is dead (ASVS 7.2.4)."""
        self.fresh_token, self.user_id, self.modified = True, user_id, True
        self.pop("csrf_token", None)
        self.pop("acting", None)

    def choose(self, workspace_id: int) -> None:
        self.workspace_id, self.modified = workspace_id, True


class ServerSessions(SessionInterface):
    """Flask's session interface over the `user_session` table."""

    def __init__(self, app: Flask) -> None:
        self.idle: dt.timedelta = app.config["SESSION_IDLE"]
        self.absolute: dt.timedelta = app.config["SESSION_ABSOLUTE"]
        self.visits = URLSafeTimedSerializer(app.config["SECRET_KEY"], salt="visit")

    def open_session(self, app: Flask, asked: Request) -> Session:
        if asked.path.startswith(_PROGRAMS):
            return Session(mute=True)
        cookie = asked.cookies.get(self.get_cookie_name(app), "")
        kind, _, value = cookie.partition(".")
        if kind == "v":
            return Session(self._visit(value))
        known = sessions.load(value, idle=self.idle, absolute=self.absolute) if kind == "s" and value else None
        return Session(dict(known.data), known=known) if known else Session()

    def _visit(self, value: str) -> dict[str, Any]:
        try:
            found = self.visits.loads(value, max_age=int(_VISIT.total_seconds()))
        except BadData:
            return {}
        return found if isinstance(found, dict) else {}

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        if not isinstance(session, Session) or session.mute:
            return
        if not any(name in session for name in _SERVER_SIDE):
            self._save_visit(app, session, response)
        elif session.modified or session.fresh_token:
            self._save_row(app, session, response)
        elif session.known and now() - session.known.seen_at > sessions.SEEN_EVERY:
            sessions.touch(session.known.digest)

    def _save_visit(self, app: Flask, session: Session, response: Response) -> None:
        if session.known:
            sessions.drop(session.known.digest)
        elif not session.modified:
            return
        if session:
            token = str(self.visits.dumps(dict(session)))
            self._cookie(app, response, f"v.{token}", int(_VISIT.total_seconds()))
        else:
            response.delete_cookie(
                self.get_cookie_name(app),
                path=self.get_cookie_path(app),
                secure=self.get_cookie_secure(app),
                httponly=True,
                samesite=self.get_cookie_samesite(app),
            )

    def _save_row(self, app: Flask, session: Session, response: Response) -> None:
        new = session.known is None or session.fresh_token
        token = sessions.new_token() if new else ""
        digest = sessions.digest_of(token) if new or session.known is None else session.known.digest
        sessions.save(
            digest,
            # Libraries leave texts here that are translated only when they are shown.
            orjson.loads(orjson.dumps(dict(session), default=str)),
            new=new,
            replaces=session.known.digest if new and session.known else None,
            user_id=session.user_id if "_user_id" in session else None,
            workspace_id=session.workspace_id,
            ip=request.remote_addr,
            user_agent=request.user_agent.string,
        )
        if new:
            self._cookie(app, response, f"s.{token}", int(self.absolute.total_seconds()))

    def _cookie(self, app: Flask, response: Response, value: str, seconds: int) -> None:
        response.set_cookie(
            self.get_cookie_name(app),
            value,
            max_age=seconds,
            path=self.get_cookie_path(app),
            secure=self.get_cookie_secure(app),
            httponly=True,
            samesite=self.get_cookie_samesite(app),
        )
        response.vary.add("Cookie")

"""Before each request: who acts, in which workspace, with which rights. Closed by default.

People are known by their session, programs by an API key (bearer, RFC 6750, or Basic, RFC 7617, where a format needs
it) on `/api/` and `/v1/`, where cookies count for nothing. A page is open to everybody only if its address is in
`_OPEN` or its view is marked `@open_to_all`. Belongs here: the actor. Does not belong here: what the actor may do
(`app.permissions`).
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, NoReturn, TypeVar
from urllib.parse import quote

from flask import Flask, current_app, g, redirect, render_template, request, session
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Unauthorized
from werkzeug.wrappers import Response

from app import permissions
from app.errors import Forbidden, TooMany
from app.services import access_grants, schema, sessions, throttle
from app.services.access_grants import Acting
from app.services.operation import operation
from models import scope
from models.fields import now
from models.scope import Actor, ActorKind, Rights
from models.words import _
from views import api_rate, languages, shell
from views.headers import PUBLIC_PATHS
from views.sessions import Session

View = TypeVar("View", bound=Callable[..., Any])

_OPEN = ("/auth/", "/assets/", "/static/", "/healthz", "/readyz", "/metrics", "/hooks/", *PUBLIC_PATHS)
_PROGRAMS = ("/api/", "/v1/")
# What a person without a usable workspace still reaches: their own account and the way out.
_OWN = ("/account/",)
# A key would be a way in without the second factor that the workspace asks for.
_KEYS = "/account/keys"
# The reference describes the API and holds no record; people read it signed in or not. Who is known, by key too, finds
# the fields of their workspace in it.
_REFERENCE = frozenset({"api_docs", "api_guide", "openapi"})
_KEY_START = "rec_"
# Under granted access one's own account and sign-in stay closed, but for the look, the way out, and the proof.
_ACCOUNT = ("/account/", "/auth/")
_STILL_OPEN = ("/account/access", "/account/look", "/auth/logout", "/auth/verify")


def init(app: Flask) -> None:
    app.before_request(_enter)
    app.teardown_request(_leave)


def open_to_all(view: View) -> View:
    """Mark a view as open to everybody, signed in or not."""
    view.open_to_all = True  # type: ignore[attr-defined]
    return view


def visitor(label: str = "Visitor") -> Actor:
    """Somebody who has not signed in, for the audit of sign-ins and public pages."""
    return Actor(ActorKind.PUBLIC, label, **_trace())


def person() -> Actor | None:
    """The signed-in user as actor outside any workspace, for what concerns their account alone; None for visitors."""
    known = _known()
    if known is None or known.user is None:
        return None
    place, acting = known.place(), g.get("acting")
    label = acting.grantee if acting else place.membership.name if place else known.user.email
    behalf = acting.on_behalf_of if acting else None
    zone = known.user.zone or "UTC"
    return Actor(ActorKind.USER, label, user_id=known.user.id, on_behalf_of=behalf, zone=zone, **_trace())


def _enter() -> Response | str | tuple[str, int] | None:
    g.scope = ExitStack()
    g.actor = g.workspace = g.membership = g.acting = None
    if request.url_rule is None:
        _recognise()
        return None
    if request.path.startswith(_PROGRAMS) and (
        request.endpoint not in _REFERENCE or "Authorization" in request.headers
    ):
        _enter_program()
        return None
    open_page = (
        request.path.startswith(_OPEN) or request.endpoint in _REFERENCE or getattr(_view(), "open_to_all", False)
    )
    problem = _recognise()
    if g.acting is not None and request.path.startswith(_ACCOUNT) and not request.path.startswith(_STILL_OPEN):
        raise Forbidden(
            "write", "membership", _("Your own account is closed while you use granted access. End it first.")
        )
    if open_page:
        return None
    if problem is None:
        return _needs_second_factor()
    return problem()


def _recognise() -> Callable[[], Any] | None:
    """Set actor and workspace from the session; the answer to give instead where there are none."""
    known = _known()
    if known is None or known.user is None:
        return _to_sign_in
    g.user_facts = known.user
    languages.speak_to(known.user, None)
    if "acting" in session:
        return _act(session["acting"], known.user)
    place = known.place()
    if place is None:
        return (
            None
            if request.path.startswith(_OWN)
            else lambda: (render_template("account/nowhere.html", why="none"), 403)
        )
    if place.workspace.status != "active":
        g.other_workspaces = _others(known, place)
        return (
            None
            if request.path.startswith(_OWN)
            else lambda: (render_template("account/nowhere.html", why="suspended", place=place), 403)
        )
    g.other_workspaces = _others(known, place)
    _become(
        place,
        known.user,
        ActorKind.USER,
        permissions.rights_of_role(place.membership.role_id, place.workspace.keys_version),
    )
    return None


def _act(key: int, user: sessions.Facts) -> Callable[[], Any] | None:
    """Become whom granted access lets this person act as, or say that it is over."""
    g.acting = acting = access_grants.live(key, user.id)
    g.other_workspaces = ()
    if acting is not None:
        _become(acting.place, user, ActorKind.USER, acting.rights, label=acting.grantee, acting=acting)
        return None
    session.pop("acting")
    access_grants.end(key, user.id, "over", actor=Actor(ActorKind.USER, user.email, user_id=user.id, **_trace()))
    return _access_is_over


def _access_is_over() -> NoReturn:
    raise Forbidden(
        "read", "workspace", _("The access that was granted to you is over. What you saved under it stays saved.")
    )


def _known() -> sessions.Known | None:
    """The stored session, if it still belongs to an active user whose credentials have not changed since."""
    found: Any = session
    known = found.known if isinstance(found._get_current_object(), Session) else None
    if (
        known is None
        or known.user is None
        or not known.user.active
        or known.user.fs_uniquifier != session.get("_user_id")
    ):
        return None
    return known


def _become(
    place: sessions.Place,
    user: sessions.Facts,
    kind: ActorKind,
    rights: Rights,
    key_id: int | None = None,
    label: str = "",
    acting: Acting | None = None,
) -> None:
    g.workspace, g.membership, g.user_facts = place.workspace, place.membership, user
    g.actor = Actor(
        kind,
        label or place.membership.name,
        user_id=user.id,
        membership_id=place.membership.id,
        team_id=place.membership.team_id,
        role=place.role,
        role_id=place.membership.role_id,
        rights=rights,
        key_id=key_id,
        zone=user.zone or place.workspace.zone,
        grant_id=acting.id if acting else None,
        own_id=acting.own_id if acting else None,
        on_behalf_of=acting.on_behalf_of if acting else None,
        **_trace(),
    )
    if kind is ActorKind.USER:
        languages.speak_to(user, place.workspace)
    g.scope.enter_context(scope.inside(place.workspace.id))
    g.scope.enter_context(scope.seen_as(place.membership.role_id))
    schema.enter(place.workspace.id, place.workspace.schema_mark)


def _to_sign_in() -> Response:
    if request.headers.get("HX-Request") or request.accept_mimetypes.best == "application/json":
        raise Unauthorized()
    wanted = request.full_path.rstrip("?") if request.method == "GET" else "/"
    return redirect("/auth/login" + (f"?next={quote(wanted, safe='/')}" if wanted != "/" else ""), 303)


def _needs_second_factor() -> Response | None:
    known = _known()
    if (
        g.workspace is None
        or known is None
        or known.second_factor
        or not g.workspace.require_mfa
        or (request.path.startswith(_OWN) and not request.path.startswith(_KEYS))
    ):
        return None
    return redirect("/account/security?why=required", 303)


def has_second_factor() -> bool:
    """Whether the one who is signed in has a second factor."""
    known = _known()
    return known is not None and known.second_factor


def _others(known: sessions.Known, here: sessions.Place) -> tuple[shell.House, ...]:
    return tuple(
        shell.House(p.workspace.name, p.workspace.slug, p.workspace.name[:1].upper())
        for p in known.places
        if p.workspace.id != here.workspace.id
    )


# Programs


def _enter_program() -> None:
    if getattr(_view(), "open_to_all", False) and "Authorization" not in request.headers:
        return
    address = request.remote_addr or "unknown"
    found = sessions.load_key(*_key_of_request(), throttle.ADDRESS.key(address))
    seconds = throttle.wait(throttle.ADDRESS, address) if found is None else throttle.left(found[3])
    if seconds:
        raise TooMany(_("Too many requests with a wrong key came from this address."), seconds)
    if found is None:
        _refuse_key(address)
    key, user, place, _until = found
    if place.workspace.status != "active":
        _refuse_key(address)
    api_rate.spend(key.id)
    rights = permissions.narrow(
        permissions.rights_of_role(place.membership.role_id, place.workspace.keys_version), key.scopes
    )
    _become(place, user, ActorKind.API_KEY, rights, key_id=key.id, label=f"{place.membership.name} ({key.name})")
    if key.last_used_at is None or now() - key.last_used_at > dt.timedelta(minutes=1):
        sessions.note_use(key.id)


def _key_of_request() -> tuple[str, str]:
    """Prefix and secret of `rec_<prefix>.<secret>`; of Basic, the key is the password or, alone, the user name."""
    kind, _, value = request.headers.get("Authorization", "").partition(" ")
    text = ""
    if kind.lower() == "bearer":
        text = value.strip()
    elif kind.lower() == "basic":
        try:
            name, _, password = base64.b64decode(value.strip(), validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            name = password = ""
        text = password or name
    if not text.startswith(_KEY_START) or not (text.isascii() and text.isprintable()) or len(text) > 100:
        return "", ""
    prefix, _, secret = text.removeprefix(_KEY_START).partition(".")
    return prefix, secret


def _refuse_key(address: str) -> NoReturn:
    if "Authorization" in request.headers:
        with operation("api_key.refuse", actor=visitor("Program")) as op:
            throttle.count(throttle.ADDRESS, address)
            op.audit("api_key.refused")
    raise Unauthorized(
        "Send an API key: Authorization: Bearer rec_…", www_authenticate=WWWAuthenticate("bearer", {"realm": "API"})
    )


def _view() -> Any:
    return current_app.view_functions.get(request.endpoint or "")


def _trace() -> dict[str, Any]:
    return {
        "ip": request.remote_addr,
        "request_id": getattr(g, "request_id", None),
        "user_agent": request.user_agent.string[:300] or None,
    }


def _leave(_error: BaseException | None) -> None:
    stack: ExitStack | None = g.pop("scope", None)
    if stack is not None:
        stack.close()

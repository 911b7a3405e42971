"""Sensitive acts need a recent proof of identity: password or passkey within the last half hour (ASVS 7.5.1).

Pages that show or change credentials, rights or keys, and exports of everything, call `require_fresh` first.
"""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import quote, urlsplit

from flask import abort, current_app, redirect, request, session

from app.errors import NeedsFreshSignIn
from models.scope import Actor, ActorKind
from models.words import _


def require_fresh(actor: Actor, page: str | None = None) -> None:
    """Lead to the confirmation unless this session's proof is recent; afterwards the person is at `page` (this page,
    on GET).

    A program's key is its proof each time, so keys pass. Forms are opened through the same check, so a POST that fails
    it was open for more than half an hour; its draft is kept on the device.
    """
    if actor.kind is ActorKind.API_KEY or is_fresh():
        return
    if request.headers.get("HX-Request") or request.accept_mimetypes.best == "application/json":
        raise NeedsFreshSignIn(
            _("Confirm that it is you on the account page, then try again. What you typed is kept on this device.")
        )
    here: Any = request.full_path.rstrip("?") if request.method == "GET" else urlsplit(request.referrer or "/").path
    abort(redirect(f"/auth/verify?next={quote(page or here, safe='/')}", 303))


def is_fresh() -> bool:
    proved = session.get("fs_paa", 0)
    within = current_app.config["SECURITY_FRESHNESS"].total_seconds()
    return isinstance(proved, int | float) and time.time() - proved < within

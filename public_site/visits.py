"""The script that a brokerage puts on its own website, and what it sends: /p/<slug>/visits[.js].

It asks before it keeps anything, keeps nothing where the browser asks not to be followed, and sends at most once a day.
Does not belong here: what is noted (`app.services.tracked_visits`).
"""

from __future__ import annotations

from typing import Any

import orjson
from flask import render_template, request
from werkzeug.exceptions import BadRequest
from werkzeug.wrappers import Response

from app.services import tracked_visits
from app.services.tracked_events import Glance
from models.words import _
from public_site import kit

pages = kit.family("visits")
_MOST = 2000


@pages.get("/p/<slug>/visits.js")
def script(slug: str) -> Response:
    workspace = kit.hosted(slug)
    facts = {
        "send": f"/p/{workspace.slug}/visits",
        "key": f"crm-visits-{workspace.slug}",
        "ask": tracked_visits.WORDING.format(name=workspace.name),
        "yes": _("Yes"),
        "no": _("No"),
        "kind": tracked_visits.KIND,
    }
    answer = Response(render_template("public/visits.js", facts=facts), content_type="text/javascript; charset=utf-8")
    answer.headers["Cache-Control"] = "public, max-age=3600"
    answer.vary.add("Accept-Language")
    # It runs on the brokerage's own website.
    answer.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return answer


@pages.post("/p/<slug>/visits")
def take(slug: str) -> Response:
    """{token, type}: "yes" or "no" to being followed, or "return_visit". 204 whether or not it was noted, so that the
    answer tells nothing of the person; 400 for any other type.
    """
    workspace = kit.hosted(slug)
    given = _read()
    said = given.get("type")
    if not isinstance(said, str) or said not in tracked_visits.SAID or not isinstance(given.get("token"), str):
        raise BadRequest("The body is JSON with a token and a type that this page knows.")
    glance = Glance(request.user_agent.string or "")
    tracked_visits.take(given["token"], said, workspace, glance, actor=kit.visitor())
    return Response(status=204)


def _read() -> dict[str, Any]:
    # Browsers send it as plain text, so that no question of theirs comes first (Fetch, "simple" content types).
    try:
        found = orjson.loads(request.get_data(cache=False)[: _MOST + 1])
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, dict):
        raise BadRequest("The body is JSON with a token and a type that this page knows.")
    return found

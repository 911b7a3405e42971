"""What e-mails lead to: a link by way of us, and the picture that tells that one was opened: /p/mail/go|seen/...

Whatever becomes of noting it, the reader gets where they wanted at once; without a good signature nobody is led
anywhere. Does not belong here: whether it is noted, and whether it was a person (`app.services.tracked_events`).
"""

from __future__ import annotations

import base64

from flask import g, redirect, request
from werkzeug.wrappers import Response

from app.services import tracked_events, tracked_mail, tracked_visits
from app.services.tracked_events import Glance
from public_site import kit
from views import methods

pages = kit.family("seen")
_PIXEL = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")


@pages.get("/p/mail/go/<token>")
def go(token: str) -> Response:
    """On to the target of a link."""
    target = tracked_mail.read(tracked_mail.CLICK, token)
    g.token_page = True
    noted = tracked_events.note("click", target, _glance())
    along = tracked_visits.along(target) if noted else ""
    return _plain(redirect(f"{target.link}{along}", 302))


@pages.get("/p/mail/seen/<token>")
def seen(token: str) -> Response:
    """One transparent pixel."""
    target = tracked_mail.read(tracked_mail.OPEN, token)
    g.token_page = True
    tracked_events.note("open", target, _glance())
    answer = Response(_PIXEL, content_type="image/gif")
    # Mail programs of the web show it on pages of their own.
    answer.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return _plain(answer)


def _plain(answer: Response) -> Response:
    answer.headers["Cache-Control"] = "no-store"
    answer.headers["X-Robots-Tag"] = "noindex"
    return answer


def _glance() -> Glance:
    purpose = (request.headers.get(name, "") for name in ("Sec-Purpose", "Purpose", "X-Purpose", "X-Moz"))
    ahead = any("prefetch" in one.lower() or "preview" in one.lower() for one in purpose)
    return Glance(request.user_agent.string or "", request.environ.get(methods.ASKED) == "HEAD", ahead)

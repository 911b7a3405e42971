"""An e-mail of a campaign in a browser, and the pictures in it: /p/mail/...

Whoever holds the link sees them, without sign-in; nothing of a person stands on the page. Does not belong here: what a
campaign holds (`app.services.campaign_content`).
"""

from __future__ import annotations

from flask import g
from werkzeug.wrappers import Response

from app.services import campaign_content, mail_pictures
from models import scope
from public_site import kit
from views.files import send

pages = kit.family("mails")


@pages.get("/p/mail/read/<token>")
def read(token: str) -> Response:
    """A campaign as it was frozen, with the fallbacks in the place of its fields."""
    page = campaign_content.archived(token)
    g.mail_page = g.token_page = True
    answer = Response(page, content_type="text/html; charset=utf-8")
    answer.headers["X-Robots-Tag"] = "noindex"
    answer.headers["Cache-Control"] = "private, max-age=300"
    return answer


@pages.get("/p/mail/picture/<token>")
def picture(token: str) -> Response:
    workspace, key = mail_pictures.of_token(token)
    with scope.inside(workspace):
        answer = send(mail_pictures.load(key), inline=True)
    answer.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    # Mail programs of the web show it on pages of their own.
    answer.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return answer

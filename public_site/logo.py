"""The logo of a brokerage, for its public pages: a picture that was made anew when it was uploaded, kept by browsers
for a day."""

from __future__ import annotations

from werkzeug.wrappers import Response

from app.errors import NotFound
from app.services import files, intake
from models import scope
from models.words import _
from public_site import kit
from views.files import send

pages = kit.family("logo")


@pages.get("/p/<slug>/logo")
def show(slug: str) -> Response:
    workspace = intake.hosted(slug)
    with scope.inside(workspace.id):
        found = files.logo()
        if found is None or not found.mime.startswith("image/"):
            raise NotFound(_("This brokerage has no logo."))
        answer = send(found, inline=True)
    answer.headers["Cache-Control"] = "public, max-age=86400"
    # E-mails show it, also those read on the pages of a mail provider.
    answer.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return answer

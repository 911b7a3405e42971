"""The settings of tracking at `/settings/tracking`: what is noted of people's reading, of whom one asks first, and the
closed list of what is ever noted.

Does not belong here: the rules themselves (`app.services.tracking`).
"""

from __future__ import annotations

from flask import Blueprint, current_app, flash, g, redirect, request
from werkzeug.wrappers import Response

from app import permissions
from app.errors import Conflict, Invalid
from app.services import tracking, values
from models.tracking import EVENTS
from models.words import N_, _
from views import shell
from views.settings_kit import field, labels_of, page, problems

pages = Blueprint("tracking_settings", __name__, url_prefix="/settings/tracking")
Answer = str | Response | tuple[str, int]
_HOME = "/settings/tracking"
# Where each event comes from; those that wait for a part of the product are named as such.
_SOURCES = {
    "send": N_("Always: it is the e-mail itself"), "reply": N_("Always: it is the answer itself"),
    "open": N_("The switch above, for campaigns"), "click": N_("The switch above, for campaigns"),
    "return_visit": N_("The switch above, after a yes on the website"),
}  # fmt: skip


@pages.get("")
def show() -> Answer:
    return _shown({})


@pages.post("")
def save() -> Answer:
    version = values.whole(request.form.get("version", "")) or 0
    try:
        tracking.save(request.form, version=version, actor=shell.actor())
    except Invalid as error:
        return _shown(error.fields, 422)
    except Conflict as error:
        return _shown({"": error.message}, 409)
    flash(_("Saved. E-mails that leave from now on follow it; what is switched off is not noted any more at once."))
    return redirect(_HOME, 303)


def _shown(errors: dict[str, str], status: int = 200) -> Answer:
    actor = shell.actor()
    permissions.require(actor, "read", "workspace")
    known = tracking.rules()
    may = permissions.reach(actor, "write", "workspace") is not None
    groups = [
        {
            "title": _("What is noted"),
            "hint": _("Off means off: no picture in an e-mail, no changed link, and nothing written down."),
            "fields": [
                field("opens", _("Opens of campaigns"), kind="boolean", wide=True, value="opens" in known.on,
                      hint=_("A picture of one pixel. Many programs fetch it for nobody, so the figures stay rough.")),
                field("clicks", _("Clicks on links of campaigns"), kind="boolean", wide=True,
                      value="clicks" in known.on,
                      hint=_("Links lead by way of this site. Subjects can then be tried by clicks.")),
                field("visits", _("Return visits to your website"), kind="boolean", wide=True,
                      value="visits" in known.on,
                      hint=_("After a yes on the website itself. It takes the line below on its pages, and the website "
                             "under Workspace; links in campaigns bring readers there known.")),
            ],
        },
        {
            "title": _("Who is asked first"),
            "hint": _("Whoever said no under Consents, and whoever is under age, is never followed."),
            "fields": [
                field("everywhere", _("Everybody"), kind="boolean", wide=True, value=known.everywhere,
                      hint=_("Only people with a consent to “Opens, clicks and visits” are followed.")),
                field("countries", _("Otherwise, people in these countries"), value=" ".join(sorted(known.countries)),
                      errors=errors, wide=True, max=600,
                      hint=_("Codes of two letters. The country is that of the phone number; who has none is asked.")),
            ],
        },
    ]  # fmt: skip
    return page(
        "settings_tracking.html",
        title=_("Tracking"),
        script=f'<script src="{current_app.config["PUBLIC_URL"]}/p/{g.workspace.slug}/visits.js" defer></script>',
        intro=_("What this product notes of people’s reading, and of nothing else."),
        groups=groups if may else (),
        action=_HOME,
        version=known.version,
        submit=_("Save"),
        errors=problems(errors, labels_of(groups)),
        catalogue={
            "columns": [_("Everything that is ever noted"), _("When")],
            "rows": [
                {"cells": [label, _SOURCES.get(key, N_("Not yet: nothing here does it"))], "actions": []}
                for key, label in EVENTS
            ],
            "empty": "",
        },
        status=status,
    )

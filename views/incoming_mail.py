"""What the page of an incoming mail has beyond a generated one: what to do with one that waits, and the message itself.

Does not belong here: list and verbs, which come from the screen.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response

from app.errors import NotFound
from app.services import records, schema, verbs
from app.services.inbound import operating
from models.inbound import InboundMail
from models.words import _
from views import shell
from views.screen import Screen

pages = Blueprint("incoming_mail_pages", __name__, url_prefix="/incoming-mail")
# What a message holds in any of its parts.
_WHOLE = ("subject", "sender", "body")


@pages.get("/<int:key>/message")
def message(key: int) -> Response:
    """The message as it came, attachments and all, to be opened by a mail program; never shown by the browser."""
    mail: InboundMail = records.load(InboundMail, key, actor=shell.actor())
    raw = operating.raw_of(mail) if all(schema.sees(InboundMail, name) for name in _WHOLE) else None
    if raw is None:
        raise NotFound()
    head = {
        "Content-Disposition": f'attachment; filename="mail-{mail.id}.eml"',
        "Content-Security-Policy": "sandbox",
        "Cache-Control": "private, no-store",
    }
    return Response(raw, headers=head, content_type="message/rfc822")


def actions(screen: Screen, mail: InboundMail) -> list[dict[str, Any]]:
    """The buttons of a mail's own page."""
    found = []
    if all(schema.sees(InboundMail, name) for name in _WHOLE):
        found.append({"label": _("Download"), "icon": "download", "url": screen.url(mail.id, "message"), "post": False})
    if mail.state != "waiting" or not screen.can(shell.actor(), "write") or not schema.sees(InboundMail, "state"):
        return found
    for name in ("answers", "file"):
        verb = verbs.find(screen.entity, name)
        url = screen.url(mail.id, f"do/{name}")
        found.append({"label": verb.label, "icon": verb.icon, "url": url, "post": False, "primary": name == "file"})
    return found

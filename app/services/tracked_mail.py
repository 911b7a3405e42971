"""What an e-mail of somebody who is followed carries: its links by way of us, and a picture of one pixel.

Signed addresses name the message, and a link its target, so that a link in an old e-mail works whatever became of the
campaign, and leads nowhere that we did not write. Plain text keeps its links as they are. Does not belong here: who is
followed (`app.services.tracking`), what is noted (`app.services.tracked_events`).
"""

from __future__ import annotations

import datetime as dt
import html
import re
from dataclasses import dataclass

from app.errors import Gone
from app.services.tracking import Rules
from models import scope
from models.signed import BadLink, read_link, sign_link
from models.tracking import MOST_LINK

OPEN, CLICK = "mail open", "mail click"
GOOD_FOR = dt.timedelta(days=730)
_LINK = re.compile(r'(<a\b[^<>]*?\shref=")(https?://[^"<>]{1,2000})(")', re.IGNORECASE)
_END = "</body>"


@dataclass(frozen=True, slots=True)
class Target:
    """What a signed address stands for; `link` is None for a picture."""

    workspace_id: int
    message_id: int
    link: str | None


def marked(page: str, message_id: int, known: Rules, public_url: str) -> str:
    """The HTML of one e-mail for somebody who is followed. Links to pages of ours stay: stopping and reading in a
    browser are nobody's business.
    """
    here = scope.workspace_id()
    if known.notes("click"):
        own = f"{public_url}/p/"

        def through(found: re.Match[str]) -> str:
            target = html.unescape(found.group(2))
            if target.startswith(own) or len(target) > MOST_LINK:
                return found.group(0)
            token = sign_link(CLICK, [here, message_id, target], GOOD_FOR)
            return f"{found.group(1)}{html.escape(public_url)}/p/mail/go/{token}{found.group(3)}"

        page = _LINK.sub(through, page)
    if known.notes("open") and _END in page:
        token = sign_link(OPEN, [here, message_id], GOOD_FOR)
        seen = f'<img src="{html.escape(public_url)}/p/mail/seen/{token}" width="1" height="1" alt="" />'
        before, _end, after = page.rpartition(_END)
        page = f"{before}{seen}{_END}{after}"
    return page


def read(purpose: str, token: str) -> Target:
    """What an address stands for. Raises `Gone`."""
    try:
        workspace, message, *link = read_link(purpose, token)
        return Target(int(workspace), int(message), str(link[0]) if purpose == CLICK else None)
    except (BadLink, TypeError, ValueError, IndexError):
        raise Gone() from None

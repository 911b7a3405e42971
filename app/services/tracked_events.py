"""What was seen of people's reading, and whether it was a person: scanners of mail servers open every link, and some
mail programs fetch every picture before anybody looks.

Every event is kept as it came; `human` is what rules make of it, and reports show both. Nothing is written for whoever
is not followed at that moment. Does not belong here: addresses in e-mails (`app.services.tracked_mail`).
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from app.services import tracking
from app.services.operation import operation
from app.services.tracked_mail import Target
from models import scope, tenancy
from models.base import session
from models.campaign import OCCASION
from models.contact import Contact
from models.fields import now
from models.message import Message
from models.tracking import EVENTS, TrackedEvent

KINDS = frozenset(key for key, _label in EVENTS)
# So many of a kind are kept of one message: more tell nothing new.
MOST = 100
# What comes so soon after the hand-over is a scanner on the way to the mailbox.
_EARLY = dt.timedelta(seconds=10)
# Nobody clicks so many links within so little time.
_BURST, _BURST_LINKS = dt.timedelta(seconds=4), 3
# Programs that say so, libraries, and the fetchers of security products; and Apple's Mail Privacy Protection, which
# fetches every picture in the background under a name without a program.
_PROGRAM = re.compile(
    r"bot\b|crawl|spider|slurp|scan|monitor|preview|prefetch|headless|phantom|python|curl|wget|java/|okhttp|axios|"
    r"go-http|libwww|httpclient|barracuda|proofpoint|mimecast|symantec|messagelabs|forcepoint|fireeye|trend ?micro|"
    r"ironport|safelinks|facebookexternalhit|whatsapp|telegram",
    re.IGNORECASE,
)
_BLANK = re.compile(r"\s*(mozilla/5\.0)?\s*", re.IGNORECASE)
_EVENT: sa.Table = TrackedEvent.__table__
_MESSAGE: sa.Table = Message.__table__
_WHY = tenancy.reason("what was seen of one message, by its id and the workspace in force")
_WHO = scope.system("Reading")


@dataclass(frozen=True, slots=True)
class Glance:
    """A request as far as the rules look at it; none of it is kept."""

    agent: str
    head: bool = False
    ahead: bool = False


def note(kind: str, target: Target, glance: Glance) -> bool:
    """Write down that an e-mail was opened or a link of it clicked, if that may be. Returns whether it was."""
    if kind not in KINDS:
        raise ValueError(f"“{kind}” is in no catalogue of events.")
    with scope.inside(target.workspace_id):
        known = tracking.rules()
        if not known.notes(kind):
            return False
        with operation("tracking.note", actor=_WHO):
            row = session.execute(_whose(target.message_id)).one_or_none()
            if row is None or not tracking.followed([row], known):
                return False
            return _keep(kind, target, row, glance)


def _keep(kind: str, target: Target, row: Any, glance: Glance) -> bool:
    # Two requests at once wait for each other, so that a burst is seen as one.
    session.execute(sa.select(Message.id).where(Message.id == target.message_id).with_for_update())
    mine = (TrackedEvent.message_id == target.message_id, TrackedEvent.kind == kind)
    if (session.scalar(sa.select(sa.func.count()).select_from(TrackedEvent).where(*mine)) or 0) >= MOST:
        return False
    why = machine(glance, row.sent_at)
    session.add(
        TrackedEvent(
            kind=kind, contact_id=row.id, message_id=target.message_id, campaign_id=row.campaign_id,
            link=target.link, human=why is None, why=why,
        )
    )  # fmt: skip
    session.flush()
    if kind == "click":
        _judge_haste(target.message_id)
    return True


def machine(glance: Glance, sent_at: dt.datetime | None) -> str | None:
    """By which rule a request was no person's: "head", "ahead" (fetched before anybody looked), "agent" or "early"."""
    if glance.head:
        return "head"
    if glance.ahead:
        return "ahead"
    if _BLANK.fullmatch(glance.agent) or _PROGRAM.search(glance.agent):
        return "agent"
    return "early" if sent_at is None or now() - sent_at < _EARLY else None


def _judge_haste(message_id: int) -> None:
    """Where so many links were followed at once that nobody read, none of these clicks was a person's. Comes after the
    newest is written, so that of several at once the last one sees them all.
    """
    recent = (
        _EVENT.c.workspace_id == scope.workspace_id(), _EVENT.c.message_id == message_id, _EVENT.c.kind == "click",
        _EVENT.c.at >= now() - _BURST,
    )  # fmt: skip
    links = sa.select(sa.func.count(sa.distinct(_EVENT.c.link))).where(*recent)
    if (session.scalar(links, execution_options=_WHY) or 0) >= _BURST_LINKS:
        hasty = sa.update(_EVENT).where(*recent, _EVENT.c.human.is_(True)).values(human=False, why="burst")
        session.execute(hasty, execution_options=_WHY)


def _whose(message_id: int) -> Any:
    """Of an e-mail of a campaign: whose it is, and when it left. None of what is in the bin, and of no test."""
    return (
        sa.select(Contact.id, Contact.phone, Contact.minor, Message.campaign_id, Message.sent_at)
        .join(Message, Message.contact_id == Contact.id)
        .where(Message.id == message_id, Message.campaign_id.is_not(None), Message.occasion == OCCASION)
    )


# What is asked of the events of each e-mail, in the order of `Seen`.
_CONDITIONS = {
    "opened": sa.true(),
    "seen": _EVENT.c.human.is_(True),
    "clicked": _EVENT.c.kind == "click",
    "followed": sa.and_(_EVENT.c.kind == "click", _EVENT.c.human.is_(True)),
}


@dataclass(frozen=True, slots=True)
class Seen:
    """E-mails of a campaign that were opened and clicked: by anything, and by people. A click shows that an e-mail was
    opened. `links` are (address, e-mails in which a person clicked it), the most first.
    """

    opened: tuple[int, int]
    clicked: tuple[int, int]
    links: tuple[tuple[str, int], ...]
    by_variant: Mapping[str | None, int]


def of_campaign(campaign_id: int) -> Seen:
    """What was seen of a campaign; two statements."""
    mine = (_EVENT.c.workspace_id == scope.workspace_id(), _EVENT.c.campaign_id == campaign_id)
    per = sa.select(
        _EVENT.c.message_id,
        *(sa.func.max(sa.case((condition, 1), else_=0)).label(name) for name, condition in _CONDITIONS.items()),
    )
    each = per.where(*mine).group_by(_EVENT.c.message_id).subquery()
    same = sa.and_(_MESSAGE.c.workspace_id == scope.workspace_id(), _MESSAGE.c.id == each.c.message_id)
    sums = [sa.func.sum(each.c[name]) for name in _CONDITIONS]
    counted = sa.select(_MESSAGE.c.variant, *sums).select_from(each.join(_MESSAGE, same)).group_by(_MESSAGE.c.variant)
    rows = session.execute(counted, execution_options=_WHY).all()
    opened, seen, clicked, followed = (sum(int(row[at] or 0) for row in rows) for at in range(1, 5))
    number = sa.func.count(sa.distinct(_EVENT.c.message_id))
    links = (
        sa.select(_EVENT.c.link, number)
        .where(*mine, _EVENT.c.kind == "click", _EVENT.c.human.is_(True))
        .group_by(_EVENT.c.link)
        .order_by(number.desc(), _EVENT.c.link)
        .limit(20)
    )
    found = tuple((str(link), count) for link, count in session.execute(links, execution_options=_WHY))
    return Seen((opened, seen), (clicked, followed), found, {row[0]: int(row[4] or 0) for row in rows})

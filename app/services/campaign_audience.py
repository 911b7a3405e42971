"""Who a campaign goes to: the contacts of a list, counted before and frozen at the start, each with their hour.

Does not belong here: what they get (`app.services.campaign_content`) and the sending (`app.services.campaign_lanes`).
"""

from __future__ import annotations

import datetime as dt
import zlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import phonenumbers
import sqlalchemy as sa
from phonenumbers import timezone

from app.errors import Forbidden, Invalid
from app.services import inserting, queries, schema, suppressions, view_mail
from app.services.queries import ListQuery
from models import scope, tenancy
from models.base import session
from models.campaign import OCCASION, Campaign
from models.contact import Contact
from models.fields import now
from models.message import Message, Suppression
from models.scope import Actor
from models.words import _
from models.workspace import Workspace

CHUNK = 1000
KIND = "marketing"
NO_ADDRESS, MINOR, SUPPRESSED = "no_address", "minor", "suppressed"
_MESSAGE: sa.Table = Message.__table__
_WHY = tenancy.reason("the e-mails of a campaign, stamped with the workspace in force and told of in its audit row")
# The first place where a day begins (UTC+14): there the hour that was wished comes first.
_EARLIEST = ZoneInfo("Pacific/Kiritimati")
# Whose hour is past by more than this gets the e-mail a day later, not in the middle of the night.
_LATE = dt.timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Count:
    """How many people of a list will be written to, and how many not, by reason."""

    people: int
    left_out: dict[str, int]


def query(campaign: Campaign) -> ListQuery:
    """The list of a campaign; raises `Invalid` when it asks for what is no longer there or not seen, as a wider list
    would write to people nobody chose."""
    if campaign.audience is None:
        raise Invalid({"audience": _("Choose who gets this campaign.")})
    try:
        return view_mail.read(Contact, campaign.audience, strict=True)
    except Invalid as error:
        why = " ".join(error.fields.values())
        raise Invalid({"audience": _("The chosen view no longer works: {why} Choose it anew.", why=why)}) from None


def count(campaign: Campaign, *, actor: Actor) -> Count:
    """What the audience is at this moment, in one statement."""
    _require_addresses()
    none = Contact.email.is_(None)
    listed = _listed()
    statement, bound = queries.narrowed(
        sa.select(
            sa.func.count(),
            sa.func.sum(sa.case((none, 1), else_=0)),
            sa.func.sum(sa.case((sa.and_(~none, Contact.minor), 1), else_=0)),
            sa.func.sum(sa.case((sa.and_(~none, ~Contact.minor, listed), 1), else_=0)),
        ).select_from(Contact),
        query(campaign),
        actor=actor,
    )
    every, *out = (int(number or 0) for number in session.execute(statement, bound).one())
    left_out = {reason: n for reason, n in zip((NO_ADDRESS, MINOR, SUPPRESSED), out, strict=True) if n}
    return Count(every - sum(left_out.values()), left_out)


def last_id() -> int:
    """The bound of a freezing that begins now: who comes later is not in it."""
    return session.scalar(sa.select(sa.func.max(Contact.id))) or 0


def freeze(campaign: Campaign, after: int, bound: int, *, actor: Actor) -> tuple[int | None, int, int]:
    """Write the e-mails of the next thousand contacts behind `after`, part of the open operation.

    Returns the id to go on from (None at the end), how many were written, and how many have no address. Frozen twice
    is frozen once.
    """
    _require_addresses()
    columns = sa.select(Contact.id, Contact.email, Contact.phone, Contact.minor, Contact.owner_id, Contact.team_id)
    statement, given = queries.narrowed(
        columns.where(Contact.id > after, Contact.id <= bound), query(campaign), actor=actor
    )
    found = session.execute(statement.order_by(Contact.id).limit(CHUNK), given).all()
    reachable = [one for one in found if one.email]
    why = suppressions.stopping([one.email for one in reachable], KIND)
    rows = [_row(campaign, one, why) for one in reachable]
    inserting.insert(_MESSAGE, rows, _same(campaign, actor), why=_WHY, once=True)
    going_on = found[-1].id if len(found) == CHUNK else None
    return going_on, len(rows), len(found) - len(reachable)


def due_first(campaign: Campaign) -> dt.datetime | None:
    """When the first e-mail is due (UTC); None for at once."""
    if campaign.send_at is None or not campaign.zoned:
        return campaign.send_at
    return _wall(campaign).replace(tzinfo=_EARLIEST).astimezone(dt.UTC)


def due(campaign: Campaign, phone: str | None, zone: str) -> dt.datetime:
    """When one person's e-mail is due (UTC): at the wished time of day where their phone number is at home, else in the
    brokerage's zone."""
    local = _wall(campaign).replace(tzinfo=ZoneInfo(_zone_of(phone) or zone)).astimezone(dt.UTC)
    return local + dt.timedelta(days=1) if local < now() - _LATE else local


def home() -> str:
    """The brokerage's zone, in which hours are typed."""
    workspace = session.get(Workspace, scope.workspace_id())
    return workspace.zone if workspace else "UTC"


def _wall(campaign: Campaign) -> dt.datetime:
    """The wished day and hour as a clock on the wall shows them."""
    moment = campaign.send_at or now()
    return moment.astimezone(ZoneInfo(home())).replace(tzinfo=None)


@lru_cache(maxsize=50_000)
def _zone_of(phone: str | None) -> str | None:
    if not phone:
        return None
    try:
        found = timezone.time_zones_for_number(phonenumbers.parse(phone))
    except phonenumbers.NumberParseException:
        return None
    # A number that may be anywhere in a large country says nothing.
    return found[0] if len(found) == 1 and found[0] != "Etc/Unknown" else None


def _row(campaign: Campaign, person: Any, why: dict[str, str]) -> dict[str, Any]:
    reason = suppressions.minor() if person.minor else why.get(person.email)
    return {
        "contact_id": person.id,
        "recipient": person.email,
        "state": "suppressed" if reason else "queued",
        "answer": reason,
        "owner_id": person.owner_id,
        "team_id": person.team_id,
        "variant": variant(campaign, person.id),
        "due_at": due(campaign, person.phone, home()) if campaign.zoned and campaign.send_at else None,
    }


def variant(campaign: Campaign, contact_id: int) -> str | None:
    """Which subject a person gets: the only one, one of two to try, or (None) the better one once it is known."""
    if not campaign.other_subject:
        return "a"
    drawn = zlib.crc32(f"{campaign.id}:{contact_id}".encode())
    share = campaign.test_share if campaign.test_share is not None else 100
    return None if drawn % 100 >= share else "ab"[drawn // 100 % 2]


def _same(campaign: Campaign, actor: Actor) -> dict[str, Any]:
    moment = now()
    return {
        "workspace_id": scope.workspace_id(), "campaign_id": campaign.id, "subject": campaign.subject, "body": "",
        "sender_id": campaign.starter_id if campaign.sender == "me" else None,
        "kind": KIND, "cause": "campaign", "cause_id": str(campaign.id), "occasion": OCCASION, "source": "campaign",
        "created_by": actor.label, "created_at": moment, "updated_at": moment, "version": 1,
    }  # fmt: skip


def _listed() -> Any:
    """Whether a contact's address is suppressed for marketing: every suppression stops that."""
    return sa.select(Suppression.id).where(Suppression.address == Contact.email).exists()


def _require_addresses() -> None:
    if not schema.sees(Contact, "email"):
        raise Forbidden("read", "contact", _("Your role does not see the e-mail addresses of contacts."))

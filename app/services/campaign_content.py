"""What one person gets of a campaign: the frozen subject, HTML and text with their fields filled in.

Drawn once, at the start, so that nothing that is changed later reaches a mail half-way. Does not belong here: blocks
and their drawing (`app.services.mail_blocks`, `app.services.mail_drawing`), who gets it
(`app.services.campaign_audience`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from app.errors import Forbidden, Gone, Invalid
from app.services import (
    mail_blocks,
    mail_drawing,
    mail_fields,
    mail_merge,
    mail_pictures,
    preferences,
    records,
    schema,
    tracked_mail,
    tracking,
)
from app.services.mail_merge import Part, Values
from app.services.values import Locale
from models import normal, scope, words
from models.base import session
from models.campaign import OCCASION, Campaign, MailDesign
from models.contact import Contact
from models.message import Message
from models.scope import Actor
from models.signed import BadLink, read_link, sign_link
from models.words import _
from models.workspace import Membership, Workspace

ARCHIVE = "campaign"
# What the pages of a campaign tell of it.
TOLD = (
    "name", "subject", "preheader", "state", "sender", "audience", "audience_name", "send_at", "zoned", "per_hour",
    "other_subject", "test_share", "test_hours", "decided_by", "winner", "started_at", "ended_at", "starter_id",
    "remark",
)  # fmt: skip
_TESTED = "[{word}] {subject}"


@dataclass(frozen=True, slots=True)
class Filled:
    """One e-mail of a campaign, as it leaves."""

    subject: str
    text: str
    html: str


@dataclass(frozen=True, slots=True)
class Sender:
    """Whose name and address an e-mail of a campaign carries; `address` is None where the brokerage has none."""

    name: str
    address: str | None
    office: str
    values: Values


def is_seen() -> bool:
    """Whether the role in force sees all that the pages of a campaign tell of it; what it is kept from would show
    there, and in what can be done."""
    return all(schema.sees(Campaign, name) for name in TOLD)


def load(key: int, *, actor: Actor, action: str = "read") -> Campaign:
    """A campaign, for who sees all of it. Raises `NotFound`, `Forbidden`."""
    campaign: Campaign = records.load(Campaign, key, actor=actor, action=action)
    require_seen(action)
    return campaign


def require_seen(action: str) -> None:
    """Raise `Forbidden` for who is kept from any of it: what can be done with a campaign tells its state."""
    if not is_seen():
        raise Forbidden(action, "campaign", _("Your role is kept from fields of campaigns that this page tells of."))


def design_of(campaign: Campaign) -> MailDesign:
    """The blocks of a campaign; empty ones where nobody has written yet."""
    found = session.scalars(sa.select(MailDesign).where(MailDesign.campaign_id == campaign.id)).one_or_none()
    if found is None:
        found = MailDesign(campaign_id=campaign.id, blocks=[], version=1, wave=0)
        session.add(found)
        session.flush()
    return found


def drawn(campaign: Campaign, design: MailDesign, public_url: str) -> dict[str, Any]:
    """The campaign as it would be frozen now: subjects by variant, HTML and text, as parts with their fields. Raises
    `Invalid`, by member of the campaign or id of a block."""
    problems: dict[str, str] = {}
    names = mail_fields.names()
    subjects: dict[str, list[Part]] = {}
    for key, name, text in (("a", "subject", campaign.subject), ("b", "other_subject", campaign.other_subject)):
        try:
            subjects |= {key: mail_merge.parse(text, names)} if text else {}
        except mail_merge.BadField as error:
            problems[name] = str(error)
    if not design.blocks:
        problems["blocks"] = _("This campaign has no content yet. Write it first.")
    problems |= mail_blocks.unfinished(design.blocks)
    if problems:
        raise Invalid(problems)
    made = draw(design.blocks, preheader=campaign.preheader or "", public_url=public_url)
    return {"subjects": subjects, "html": made.html, "text": made.text}


def draw(blocks: list[mail_blocks.Block], *, preheader: str, public_url: str) -> mail_drawing.Drawn:
    """Blocks in the brokerage's colours and language."""
    workspace = _workspace()
    brand = mail_drawing.brand(workspace, mail_pictures.logo(public_url))
    with words.speaking(workspace.language):
        return mail_drawing.draw(
            blocks,
            brand,
            mail_fields.names(),
            preheader=preheader,
            picture=lambda key: mail_pictures.address(key, public_url),
        )


def fill(frozen: Mapping[str, Any], variant: str | None, values: Values) -> Filled:
    """One person's e-mail."""
    subject = frozen["subjects"].get(variant or "a") or frozen["subjects"]["a"]
    return Filled(
        " ".join(mail_merge.fill(subject, values).split())[:200],
        mail_merge.fill(frozen["text"], values),
        mail_merge.fill(frozen["html"], values, as_html=True),
    )


def links(campaign_id: int, message_id: int, public_url: str) -> dict[str, str]:
    """The addresses in one e-mail that are its reader's own."""
    here = scope.workspace_id()
    return {
        "unsubscribe": f"{public_url}/p/{preferences.link(here, message_id)}",
        "archive": f"{public_url}/p/mail/read/{archive_link(here, campaign_id)}",
    }


def archive_link(workspace_id: int, campaign_id: int) -> str:
    """The token of the page that shows a campaign to whoever got it; good for two years."""
    return sign_link(ARCHIVE, [workspace_id, campaign_id], preferences.GOOD_FOR)


def archived(token: str) -> str:
    """The HTML of a campaign that was started, for whoever holds its link; fields show their fallbacks. Raises
    `Gone`."""
    try:
        workspace, key = (int(one) for one in read_link(ARCHIVE, token))
    except (BadLink, TypeError, ValueError):
        raise Gone(_("This link does not work or has ended.")) from None
    with scope.inside(workspace):
        design = session.scalars(sa.select(MailDesign).where(MailDesign.campaign_id == key)).one_or_none()
        campaign = session.get(Campaign, key)
        if design is None or campaign is None or design.frozen is None:
            raise Gone(_("This e-mail is no longer kept here."))
        values = {**sender_of(campaign).values, "links": {"unsubscribe": "#", "archive": "#"}}
        return mail_merge.fill(design.frozen["html"], values, as_html=True)


def of_message(message: Message, contact: Contact | None, public_url: str) -> tuple[Filled, Sender]:
    """The e-mail of a campaign for one message outside a lane: a test, or one that is tried again."""
    campaign = session.get_one(Campaign, message.campaign_id)
    design = design_of(campaign)
    test = message.occasion != OCCASION
    frozen = drawn(campaign, design, public_url) if test or design.frozen is None else design.frozen
    sender = sender_of(campaign, message)
    own = links(campaign.id, message.id, public_url)
    values = {**sender.values, "contact": mail_fields.person(contact, locale()), "links": own}
    filled = fill(frozen, message.variant, values)
    if contact is not None and not test:
        known = tracking.rules()
        if tracking.followed([contact], known):
            filled = replace(filled, html=tracked_mail.marked(filled.html, message.id, known, public_url))
    if test:
        filled = Filled(_TESTED.format(word=_("Test"), subject=filled.subject)[:200], filled.text, filled.html)
    return filled, sender


def is_paused(message: Message) -> bool:
    """Whether an e-mail waits for its campaign to go on."""
    if message.campaign_id is None or message.occasion != OCCASION:
        return False
    return session.scalar(sa.select(Campaign.state).where(Campaign.id == message.campaign_id)) == "paused"


def sample(actor: Actor) -> dict[str, dict[str, str]]:
    """The fields of sender and brokerage, as an e-mail of this person would have them."""
    member = session.get(Membership, actor.membership_id) if actor.membership_id else None
    return _office_values(member, _workspace())


def sender_of(campaign: Campaign, message: Message | None = None) -> Sender:
    """Who a campaign comes from: the one who started it, or the brokerage."""
    workspace = _workspace()
    member_id = campaign.starter_id or (message.sender_id if message else None)
    member = session.get(Membership, member_id) if member_id and campaign.sender == "me" else None
    office = f"{workspace.name}, {workspace.address}" if workspace.address else workspace.name
    name = f"{member.name}, {workspace.name}" if member else workspace.name
    return Sender(name, member.email if member else workspace.email, office, _office_values(member, workspace))


def _office_values(member: Membership | None, workspace: Workspace) -> dict[str, dict[str, str]]:
    return {
        "sender": {
            "name": member.name if member else workspace.name,
            "phone": _phone(member.phone if member and member.phone else workspace.phone, workspace),
        },
        "workspace": {
            "name": workspace.name,
            "phone": _phone(workspace.phone, workspace),
            "website": workspace.website or "",
            "address": workspace.address or "",
        },
    }


def locale() -> Locale:
    """How the brokerage writes times, numbers and money."""
    workspace = _workspace()
    return Locale(workspace.zone, workspace.region, workspace.currency)


def _workspace() -> Workspace:
    return session.get_one(Workspace, scope.workspace_id())


def _phone(number: str | None, workspace: Workspace) -> str:
    return normal.show_phone(number, workspace.region) if number else ""

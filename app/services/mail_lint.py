"""Looks a campaign over before it goes out: whose fields are empty, and what mail programs would spoil.

Does not belong here: what keeps a campaign from starting at all (`app.services.campaigns.problems`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from app.services import campaign_audience, campaign_content, mail_fields, mail_merge, queries
from models.base import session
from models.campaign import Campaign
from models.contact import Contact
from models.scope import Actor
from models.words import _

CHUNK = 1000
MOST_READ = 50_000
MOST_SHOWN = 200
# Gmail cuts longer ones off and hides the footer: https://support.google.com/mail (message clipped, 102 KB).
CLIPPED_BYTES = 100_000


@dataclass(slots=True)
class Found:
    """`empty` counts people by field; `people` are the first of them, as (contact id, name, fields); `read` is how many
    were looked at, `all_read` whether that was everybody."""

    read: int = 0
    all_read: bool = True
    empty: Counter[str] = field(default_factory=Counter)
    people: list[tuple[int, str, list[str]]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def look(campaign: Campaign, frozen: Mapping[str, Any], *, actor: Actor) -> Found:
    """Everybody of the audience against the fields that have no fallback."""
    found = Found(warnings=_warnings(frozen))
    sender = campaign_content.sender_of(campaign)
    parts = [*frozen["html"], *(one for subject in frozen["subjects"].values() for one in subject)]
    wanted = mail_merge.fields(parts)
    locale, after = campaign_content.locale(), 0
    while wanted and found.read < MOST_READ:
        rows = _people(campaign, after, actor)
        for row in rows:
            values = {**sender.values, "contact": mail_fields.person(row, locale), "links": _LINKS}
            empty = mail_merge.empty(wanted, values)
            found.empty.update(empty)
            if empty and len(found.people) < MOST_SHOWN:
                found.people.append((row.id, row.name, empty))
        found.read += len(rows)
        if len(rows) < CHUNK:
            return found
        after = rows[-1].id
    found.all_read = not wanted
    return found


_LINKS = {"unsubscribe": "#", "archive": "#"}


def _people(campaign: Campaign, after: int, actor: Actor) -> list[Any]:
    statement, given = queries.narrowed(
        sa.select(Contact.id, *mail_fields.columns()).where(Contact.id > after, Contact.email.is_not(None)),
        campaign_audience.query(campaign),
        actor=actor,
    )
    return list(session.execute(statement.order_by(Contact.id).limit(CHUNK), given).all())


def _warnings(frozen: Mapping[str, Any]) -> list[str]:
    weight = len(mail_merge.fill(frozen["html"], {}).encode())
    found = []
    if weight > CLIPPED_BYTES:
        found.append(
            _(
                "This e-mail weighs {n} KB. Gmail cuts off what is longer than 100 KB, with the footer.",
                n=weight // 1000,
            )
        )
    subject = mail_merge.fill(frozen["subjects"]["a"], {})
    if len(subject) > 70:
        found.append(_("The subject is long: phones show about 40 letters of it."))
    if subject.isupper():
        found.append(_("A subject all in capitals is often taken for spam."))
    return found

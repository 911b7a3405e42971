"""Whose reading is noted: what the brokerage switched on, where it asks first, and what each person said (P36, P37).

Off means that no e-mail carries a picture or a changed link, and that nothing is written down. Does not belong here:
what an e-mail carries (`app.services.tracked_mail`) and what was seen (`app.services.tracked_events`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import phonenumbers
import sqlalchemy as sa

from app import permissions
from app.errors import Conflict, Invalid
from app.services.operation import operation
from models.base import session
from models.privacy import Consent
from models.scope import Actor
from models.tracking import ASKING, TrackingSetting
from models.words import _

TOPIC = "tracking"
SWITCHES = ("opens", "clicks", "visits")
# What the switch of each kind of event is.
SWITCH = {"open": "opens", "click": "clicks", "return_visit": "visits"}


@dataclass(frozen=True, slots=True)
class Rules:
    """What a brokerage has noted, and of whom it asks first."""

    on: frozenset[str]
    everywhere: bool
    countries: frozenset[str]
    version: int = 0

    def notes(self, kind: str) -> bool:
        """Whether events of a kind are noted at all."""
        return SWITCH.get(kind) in self.on

    def asks(self, phone: str | None) -> bool:
        """Whether somebody with this number must have agreed first."""
        country = country_of(phone)
        return self.everywhere or country is None or country in self.countries


def rules() -> Rules:
    """Those of the workspace in force."""
    found = session.scalars(sa.select(TrackingSetting)).one_or_none()
    if found is None:
        return Rules(frozenset(), True, frozenset(ASKING))
    on = frozenset(name for name in SWITCHES if getattr(found, name))
    return Rules(on, found.everywhere, frozenset(found.countries), found.version)


def followed(people: Iterable[Any], known: Rules) -> frozenset[int]:
    """The ids of those whose reading may be noted now: nobody under age, nobody who said no, and who must be asked only
    after a yes; one statement, or none. `people` are contacts, or rows with their id, phone and minor.
    """
    wanted = [one for one in people if not one.minor]
    if not known.on or not wanted:
        return frozenset()
    said = _said([one.id for one in wanted])
    return frozenset(one.id for one in wanted if said.get(one.id, not known.asks(one.phone)))


def said(contact_id: int) -> bool | None:
    """What somebody said last; None where they were not asked."""
    return _said([contact_id]).get(contact_id)


def _said(keys: list[int]) -> dict[int, bool]:
    """What each person said last."""
    rows = session.execute(
        sa.select(Consent.contact_id, Consent.given)
        .where(Consent.topic == TOPIC, Consent.contact_id.in_(keys))
        .order_by(Consent.id)
    )
    return {key: given for key, given in rows if key is not None}


@lru_cache(10_000)
def country_of(phone: str | None) -> str | None:
    """The country (ISO 3166) of a number as it is kept (E.164); None where it tells none."""
    if not phone:
        return None
    try:
        found: str | None = phonenumbers.region_code_for_number(phonenumbers.parse(phone))
    except phonenumbers.NumberParseException:
        return None
    return found if found and found.isalpha() else None


def save(given: Mapping[str, Any], *, version: int, actor: Actor) -> None:
    """Set what is noted: the switches, "everywhere", and "countries" as a text of codes. Raises `Invalid` by field,
    `Conflict`.
    """
    permissions.require(actor, "write", "workspace")
    with operation("tracking.saved", actor=actor) as op:
        row = session.scalars(sa.select(TrackingSetting).with_for_update()).one_or_none() or TrackingSetting(version=0)
        if row.version != version:
            raise Conflict(
                _(
                    "Somebody else saved these settings meanwhile. Nothing of yours is saved yet: check it and "
                    "save again."
                ),
                version=row.version,
            )
        codes = sorted({code.upper() for code in str(given.get("countries", "")).replace(",", " ").split()})
        unknown = [code for code in codes if code not in phonenumbers.SUPPORTED_REGIONS]
        if unknown:
            wrong = _("“{code}” is no country. Type codes of two letters, such as DE FR GB.", code=unknown[0][:20])
            raise Invalid({"countries": wrong})
        for name in SWITCHES:
            setattr(row, name, bool(given.get(name)))
        row.everywhere, row.countries = bool(given.get("everywhere")), codes
        row.version += 1
        session.add(row)
        facts = {name: getattr(row, name) for name in (*SWITCHES, "everywhere", "countries")}
        op.audit("tracking.saved", entity="tracking_setting", facts=facts)

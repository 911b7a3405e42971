"""Who must not be written to, and which mail that stops (P62). Asked at the wire, right before each send.

Account mail (a password reset) passes: it has its own job and is never marketing. Does not belong here: the page on
which people unsubscribe (`app.services.preferences`).
"""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa

from models.base import session
from models.contact import Contact
from models.message import REASONS, Suppression
from models.words import _


def stops(address: str, kind: str) -> Suppression | None:
    """The suppression of this workspace that stops a message of `kind` to `address`, the widest first."""
    statement = sa.select(Suppression).where(Suppression.address == address.lower())
    if kind != "marketing":
        statement = statement.where(Suppression.scope == "all")
    return session.scalars(statement.order_by(Suppression.scope).limit(1)).one_or_none()


def stopping(addresses: Collection[str], kind: str) -> dict[str, str]:
    """Which of these addresses get no message of `kind`, and why, as `why_not` says it; in one statement."""
    statement = sa.select(Suppression).where(Suppression.address.in_([one.lower() for one in addresses]))
    if kind != "marketing":
        statement = statement.where(Suppression.scope == "all")
    # The widest comes last, and stays.
    found = session.scalars(statement.order_by(Suppression.scope.desc())) if addresses else ()
    return {one.address: _words(one) for one in found}


def why_not(address: str, kind: str, contact: Contact | None) -> str | None:
    """Why a message must not go out, as a sentence; None when it may."""
    if contact is not None and contact.minor and kind == "marketing":
        return minor()
    found = stops(address, kind)
    return None if found is None else _words(found)


def minor() -> str:
    """Why a minor gets no marketing."""
    return _("Not sent: the contact is marked as under age, and marketing to minors is blocked.")


def _words(found: Suppression) -> str:
    words = dict(REASONS).get(found.reason, found.reason).lower()
    what = _("all mail") if found.scope == "all" else _("marketing")
    return _("Not sent: this address is suppressed for {what} ({words}).", what=what, words=words)

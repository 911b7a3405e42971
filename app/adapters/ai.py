"""Writers of drafts. Today one: a built-in template that needs no provider and says so.

A writer is given the exact bytes that the ledger holds the hash of, and nothing else. Does not belong here: what may
be read and the ledger (`app.services.drafts`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from app import adapters
from models.policy import Purpose
from models.words import _

BUILT_IN = "Built-in template, no AI provider"


@dataclass(frozen=True, slots=True)
class Reply:
    """What a writer gave back."""

    subject: str
    body: str


@dataclass(frozen=True, slots=True)
class Writer:
    """A provider and its model, as the ledger names them."""

    provider: str
    model: str


def writer() -> Writer:
    """The writer in use."""
    return Writer(BUILT_IN, "follow-up template 1")


def draft(payload: bytes, *, purpose: Purpose) -> Reply:
    """A follow-up e-mail from the fields in `payload` (a JSON object of field name -> text). Raises
    `app.adapters.NoPurpose`."""
    adapters.call(purpose, "ai")
    read: dict[str, str] = json.loads(payload)
    name = read.get("contact.goes_by") or read.get("contact.name", "")
    lines = [_("Hi {name},", name=name) if name else _("Hello,"), "", _opening(read)]
    if read.get("contact.next_step"):
        lines += ["", _("The next step I have noted is: {step}.", step=read["contact.next_step"].rstrip("."))]
    lines += [
        "",
        _("Would a short call this week suit you? Reply with a time and I will call you."),
        "",
        _("Kind regards,"),
    ]
    lines += [line for line in (read.get("sender.name"), read.get("workspace.name")) if line]
    return Reply(_subject(read), "\n".join(lines))


def _subject(read: dict[str, str]) -> str:
    about = read.get("deal.property_address") or read.get("deal.title")
    return _("Following up on {about}", about=about)[:200] if about else _("Following up on your plans")


def _opening(read: dict[str, str]) -> str:
    about = read.get("deal.property_address") or read.get("deal.title")
    if about:
        return _("I am following up on {about} and would like to hear where things stand for you.", about=about)
    wishes = {
        "buyer": _("I am following up on your search for a home."),
        "seller": _("I am following up on the sale of your home."),
        "landlord": _("I am following up on letting your property."),
        "tenant": _("I am following up on your search for a place to rent."),
    }
    return wishes.get(read.get("contact.type", ""), "I am following up on our last contact.")

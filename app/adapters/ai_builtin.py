"""The built-in writer: templates that need no provider, put together what was read, and say so.

It is given the exact bytes that the ledger holds the hash of, and nothing else. It answers as a provider would, so that
one path keeps both. It claims nothing: where a feature asks for judgement, it lists what there is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from models.words import _

Read = Mapping[str, Any]


def encode(feature: str, read: Read) -> bytes:
    return json.dumps({"feature": feature, "fields": read}, sort_keys=True, ensure_ascii=False).encode()


def write(payload: bytes) -> str:
    """The text of a feature from the fields in `payload`; raises KeyError for a feature without a template."""
    given = json.loads(payload)
    read: Read = given["fields"]
    return _WRITERS[given["feature"]](read)


def _follow_up(read: Read) -> str:
    lines = [_greeting(read), "", _opening(read)]
    if read.get("contact.next_step"):
        lines += ["", _("The next step I have noted is: {step}.", step=read["contact.next_step"].rstrip("."))]
    if read.get("asked.wish"):
        lines += ["", read["asked.wish"]]
    lines += [
        "",
        _("Would a short call this week suit you? Reply with a time and I will call you."),
        "",
        *_closing(read),
    ]
    return _mail(_subject(read), lines)


def _reply(read: Read) -> str:
    about = _first(read, "activity.title")
    lines = [_greeting(read), "", _("Thank you for your message about “{about}”.", about=about)]
    lines += ["", read.get("asked.wish") or _("[Your answer]"), "", *_closing(read)]
    return _mail(_("Re: {about}", about=about)[:200], lines)


def _lead_summary(read: Read) -> str:
    lines = [_("{name}, as the record stands:", name=read.get("contact.name") or _("This contact"))]
    labels = (
        (_("Type"), "contact.type"), (_("Stage"), "contact.stage"), (_("Next step"), "contact.next_step"),
        (_("Budget from"), "contact.budget_min"), (_("Budget to"), "contact.budget_max"), (_("About"), "contact.about"),
        (_("Deals"), "deal.title"), (_("Properties"), "deal.property_address"), (_("Open tasks"), "task.title"),
        (_("Notes"), "note.body"),
    )  # fmt: skip
    lines += [f"- {label}: {_joined(read[name])}" for label, name in labels if read.get(name)]
    return "\n".join(lines)


def _conversation(read: Read) -> str:
    lines = [_("The newest first, as recorded:")]
    lines += [f"- {_short(text)}" for text in _several(read, "activity.title")]
    details = _several(read, "activity.details")
    if details:
        lines += ["", _("Last details: {text}", text=_short(details[0], 400))]
    mails = _several(read, "message.subject")
    if mails:
        lines += ["", _("E-mails sent: {subjects}", subjects="; ".join(_short(one) for one in mails))]
    return "\n".join(lines)


def _plan(read: Read) -> str:
    name = read.get("contact.goes_by") or read.get("contact.name") or _("the contact")
    step = read.get("contact.next_step")
    first = step.rstrip(".") if step else _("Call {name} and ask where things stand", name=name)
    about = _first(read, "deal.property_address") or _first(read, "deal.title")
    then = _("Write to {name} about {about}", name=name, about=about) if about else _("Write to {name}", name=name)
    return "\n".join((f"1: {first}", f"4: {then}", f"14: {_('Look whether {name} has answered', name=name)}"))


def _subjects(read: Read) -> str:
    first = next((line for line in read.get("asked.text", "").split("\n") if len(line.split()) > 2), "")
    start = " ".join(first.split()[:8]).rstrip(".,;:!?")
    office = read.get("workspace.name", "")
    found = [start, _("News from {office}", office=office), _("A short question from {office}", office=office)]
    return "\n".join(line[:60] for line in found if line)


def _campaign(read: Read) -> str:
    about = read.get("template.subject") or read.get("template.name") or ""
    lines = [
        _("Hello {greeted},", greeted="{{ contact.goes_by }}"),
        "",
        about,
        "",
        read.get("asked.wish") or _("[Your news]"),
    ]
    lines += ["", _("Kind regards,"), "{{ sender.name }}", read.get("workspace.name", "")]
    return "\n".join(lines)


def _campaign_mail(read: Read) -> str:
    subject, name = read.get("campaign.subject", ""), read.get("campaign.name", "")
    # A subject may hold fields with fallbacks, which a draft may not.
    head = name if "{{" in subject else subject or name or _("News")
    lines = [head, "", _("Hello {greeted},", greeted="{{ contact.goes_by }}"), ""]
    lines += [read.get("asked.wish") or read.get("campaign.preheader") or _("[Your news]")]
    if read.get("workspace.website"):
        lines += ["", _("You find more at {website}.", website=read["workspace.website"])]
    return "\n".join(lines)


def _ready(_read: Read) -> str:
    return "ready"


def _mail(subject: str, lines: Sequence[str]) -> str:
    return "\n".join((f"Subject: {' '.join(subject.split())}", "", *lines))


def _greeting(read: Read) -> str:
    name = read.get("contact.goes_by") or read.get("contact.name", "")
    return _("Hi {name},", name=name) if name else _("Hello,")


def _closing(read: Read) -> list[str]:
    return [_("Kind regards,"), *(line for line in (read.get("sender.name"), read.get("workspace.name")) if line)]


def _subject(read: Read) -> str:
    about = _about(read)
    return _("Following up on {about}", about=about)[:200] if about else _("Following up on your plans")


def _about(read: Read) -> str:
    return _first(read, "deal.property_address") or _first(read, "deal.title")


def _opening(read: Read) -> str:
    about = _about(read)
    if about:
        return _("I am following up on {about} and would like to hear where things stand for you.", about=about)
    wishes = {
        "buyer": _("I am following up on your search for a home."),
        "seller": _("I am following up on the sale of your home."),
        "landlord": _("I am following up on letting your property."),
        "tenant": _("I am following up on your search for a place to rent."),
    }
    return wishes.get(read.get("contact.type", ""), _("I am following up on our last contact."))


def _several(read: Read, name: str) -> list[str]:
    found = read.get(name) or []
    return [found] if isinstance(found, str) else list(found)


def _first(read: Read, name: str) -> str:
    return next(iter(_several(read, name)), "")


def _joined(value: Any) -> str:
    return _short(value, 400) if isinstance(value, str) else "; ".join(_short(one) for one in value)


def _short(text: str, most: int = 120) -> str:
    text = " ".join(text.split())
    return text if len(text) <= most else f"{text[: most - 1]}…"


_WRITERS: Mapping[str, Callable[[Read], str]] = {
    "email": _follow_up, "reply": _reply, "lead_summary": _lead_summary, "conversation_summary": _conversation,
    "plan": _plan, "subjects": _subjects, "campaign": _campaign, "test": _ready,
    "campaign_mail": _campaign_mail, "campaign_subjects": _subjects,
}  # fmt: skip

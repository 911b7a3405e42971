"""Recipient, subject and text of a single e-mail, as they were given, made what is kept and sent.

Does not belong here: messages and their way (`app.services.messages`).
"""

from __future__ import annotations

from collections.abc import Mapping

from app.errors import Invalid
from app.services import merge
from models import normal
from models.words import _, grouped


def address(text: str | None) -> str:
    """A recipient in the form it is kept in; raises `Invalid`."""
    if not text:
        raise Invalid({"recipient": _("This contact has no e-mail address. Add one to the contact, then send.")})
    try:
        return normal.email(text)
    except ValueError as error:
        raise Invalid({"recipient": str(error)}) from None


def filled_in(subject: str, body: str, words: Mapping[str, str]) -> tuple[str, str]:
    """Subject and text with their fields filled in; what is wrong with both is said at once."""
    texts: list[str] = []
    problems: dict[str, str] = {}
    for name, text in (("subject", subject), ("body", body)):
        try:
            texts.append(filled(name, text, words))
        except Invalid as error:
            problems |= error.fields
    if problems:
        raise Invalid(problems)
    return texts[0], texts[1]


def filled(name: str, text: str, words: Mapping[str, str]) -> str:
    """One of both, with its fields filled in and its length looked at; raises `Invalid`."""
    text = text.replace("\r\n", "\n")
    if name == "subject":
        text = " ".join(text.split())
    if not text.strip():
        raise Invalid({name: _("{label} is needed.", label=_("Subject") if name == "subject" else _("Text"))})
    try:
        whole = merge.fill(text, words)
    except merge.UnknownField as error:
        raise Invalid({name: str(error)}) from None
    if name == "subject":
        whole = " ".join(whole.split())
    most = 200 if name == "subject" else 20_000
    if len(whole) > most:
        raise Invalid(
            {name: _("This has {n} characters; at most {most} fit.", n=grouped(len(whole)), most=grouped(most))}
        )
    return whole

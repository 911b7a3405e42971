"""The queue of mail that nobody could place: what people do with it.

Does not belong here: mail without any workspace, which operators look after (`app.cli.inbound`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.errors import Conflict
from app.services import records, verbs
from app.services.inbound import effects, filing, matching
from app.services.inbound.counts import recount
from app.services.operation import Operation, operation
from models.contact import Contact
from models.fields import Field, Kind
from models.inbound import InboundMail
from models.message import Message
from models.scope import Actor
from models.words import N_, _

_CONTACT = {"contact_id": Field(Kind.RELATION, N_("Contact"), target="contact")}
_MESSAGE = {"message_id": Field(Kind.RELATION, N_("E-mail"), target="message")}
_REASON = {"reason": Field(Kind.TEXT, N_("Reason"), max_length=300)}


@verbs.verb("inbound_mail", "file", N_("File under a contact"), "user-check", asks=_CONTACT, done=N_("filed"))
def file(_model: type[Any], key: int, given: Mapping[str, Any], actor: Actor) -> None:
    """A person says whom a mail is from: it is on their timeline, and their agent has a task."""
    with operation("inbound_mail.file", actor=actor) as op:
        mail = _waiting(key, actor)
        contact: Contact = records.load(Contact, int(given["contact_id"]), actor=actor)
        mail.state, mail.reason = "done", None
        if mail.kind == "unclear":
            mail.kind = "reply"
        filing.tie(mail, contact)
        if mail.kind == "reply":
            effects.file_reply(mail, contact, op)
        recount()


@verbs.verb("inbound_mail", "answers", N_("It answers an e-mail"), "mail", asks=_MESSAGE, done=N_("filed"))
def answers(_model: type[Any], key: int, given: Mapping[str, Any], actor: Actor) -> None:
    """A person says which e-mail a mail is about: what would have followed by itself follows now."""
    with operation("inbound_mail.answers", actor=actor) as op:
        mail = _waiting(key, actor)
        message: Message = records.load(Message, int(given["message_id"]), actor=actor)
        contact = matching.contact_of(message)
        mail.state = "done"
        if mail.kind == "unclear":
            mail.kind, mail.reason = "reply", None
        filing.about(mail, message, contact)
        effects.act(mail, message, contact, op)
        recount()


@verbs.verb("inbound_mail", "discard", N_("Discard"), "trash", asks=_REASON, done=N_("discarded"), danger=True)
def discard(_model: type[Any], key: int, given: Mapping[str, Any], actor: Actor) -> None:
    """A person says that nothing follows from a mail, and why. The raw message stays for its time."""
    with operation("inbound_mail.discard", actor=actor):
        mail = _waiting(key, actor)
        mail.state, mail.reason = "discarded", str(given["reason"])[:300]
        recount()


def _waiting(key: int, actor: Actor) -> InboundMail:
    mail: InboundMail = records.load(InboundMail, key, actor=actor, action="write")
    if mail.state != "waiting":
        raise Conflict(_("This mail does not wait any more."), version=mail.version)
    return mail


@records.rule(InboundMail)
def _count_what_comes_back(mail: InboundMail, _op: Operation) -> None:
    if mail.id is not None and mail.state == "waiting":
        recount()


@records.before_delete(InboundMail)
def _count_without(mail: InboundMail, _op: Operation) -> None:
    if mail.state == "waiting":
        recount(but=mail.id)

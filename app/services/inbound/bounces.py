"""What a server that did not deliver says: the standard report (RFC 3464), and the words of those that have their own.

A failure is lasting only where the address itself is wrong: it does not exist, is switched off, or has no domain.
A full mailbox, a refusal for what the text or the sender is (5.7), or a server that gave up is not the address's fault.
Sources: RFC 3463 and 5248 (status codes), RFC 5321 (replies).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from app.services.inbound.reading import Fields, Mail

DELIVERY = ("message/delivery-status", "message/global-delivery-status")
# Not part of a longer number, such as a network address or a version.
_STATUS = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d]|\.\d)")
_REPLY = re.compile(r"(?<![\d.])([45]\d\d)(?=[ \-#:])(?!\s*(?:bytes|kb|mb|ms|seconds))", re.I)
_OF_REPLY = {"421": "4.3.2", "450": "4.2.0", "451": "4.3.0", "452": "4.2.2", "550": "5.0.0", "551": "5.1.6",
             "552": "5.2.2", "553": "5.1.3", "554": "5.0.0"}  # fmt: skip
_NO_ADDRESS = re.compile(
    r"user unknown|unknown user|no such (?:user|mailbox|recipient|address|person|account)|unknown (?:recipient|address)"
    r"|(?:user|mailbox|recipient|account|address|alias)[^.\n]{0,60} (?:not found|unknown|does ?n[o']t exist|invalid)"
    r"|does not exist|doesn't exist|doesn't have an? [^\n]{0,60}account|no mailbox here|not a valid (?:mailbox|user)"
    r"|invalid (?:recipient|mailbox|address|user)|address (?:rejected|couldn't be found|wasn't found)"
    r"|recipnotfound|recipient ?not ?found|not listed in (?:public )?name & address book"
    r"|not our customer|no longer valid"
    r"|(?:account|mailbox|user)[^.\n]{0,60}(?:disabled|inactive|suspended|closed|deactivated|terminated)"
    r"|host (?:or domain name )?not found|domain (?:name )?not found|nxdomain|unrouteable|unroutable"
    r"|couldn't find any host"
    r"|no such domain|recipient address rejected: access denied|no existe|unbekannt",
    re.I,
)
_FULL = re.compile(r"quota|mailbox (?:is )?full|full mailbox|over ?quota|insufficient storage|buz[oó]n lleno", re.I)
_BLOCKED = re.compile(r"spam|blocked|blacklist|blocklist|reputation|policy|dmarc|spf|dkim|not authorized|relay", re.I)
_DELAYED = re.compile(
    r"warning message only|will (?:continue|keep) (?:trying|to be retried)|still being retried|has been delayed"
    r"|delivery (?:is )?delayed|not yet (?:been )?delivered|delivery to the following recipients? has been delayed"
    r"|not been delivered (?:in|for) the last|could not send message for (?:past|the last)|do not need to resend",
    re.I,
)
_SUBJECT = re.compile(
    r"undeliver|non-?deliver|delivery (?:status|failure|failed|has failed|problem|report|notification|error)"
    r"|returned (?:mail|to sender)|mail (?:delivery|system error)|failure notice|not delivered|message (?:status"
    r"|delayed)|delayed|could not (?:be delivered|send)|rejected|delivery incomplete|unzustellbar|no entregado"
    r"|no se puede entregar|non remis|mancata consegna|onbestelbaar|warning:",
    re.I,
)
_BODY = re.compile(
    r"qmail-send program|created automatically by mail delivery software|did not reach the following recipient"
    r"|permanent fatal errors|delivery to the following recipient|could not be delivered|unable to deliver"
    r"|wasn't able to deliver|failed to deliver|undeliverable|couldn't be delivered|transcript of session follows"
    r"|was not delivered|delivery failed|delivery has failed|returned to sender|message wasn't delivered"
    r"|not able to reach",
    re.I,
)
_DAEMON = re.compile(r"mailer-?daemon|postmaster|mail-?daemon|mail delivery|microsoftexchange|mdaemon|mailsystem", re.I)


@dataclass(frozen=True, slots=True)
class Failure:
    """What became of the message: "bounce", "soft_bounce", "delayed" or "delivered"; the status code, and the words of
    the server."""

    kind: str
    code: str
    words: str


def of_report(groups: list[Fields]) -> Failure | None:
    """What a delivery report says of its recipients, the worst first; None where it names none (RFC 3464)."""
    found = [_of_recipient(one) for one in groups if "action" in one or "status" in one or "final-recipient" in one]
    order = ("bounce", "soft_bounce", "delayed", "delivered")
    known = [one for one in found if one is not None]
    return min(known, key=lambda one: order.index(one.kind), default=None)


def _of_recipient(fields: Fields) -> Failure | None:
    action = fields.get("action", "").split("(")[0].split(";")[0].strip().lower()
    words = fields.get("diagnostic-code", "").partition(";")[2].strip() or fields.get("diagnostic-code", "")
    code = _code(fields.get("status", ""), words)
    words = words or fields.get("status", "")
    if action in ("delivered", "relayed", "expanded"):
        return Failure("delivered", code, words)
    if action == "delayed":
        return Failure("delayed", code, words)
    if action == "failed" or (not action and code[:1] in ("4", "5")):
        return Failure("bounce" if _is_lasting(code, words) else "soft_bounce", code, words)
    return None


def of_words(mail: Mail, sender: str, envelope: str | None) -> Failure | None:
    """What a mail in a server's own form says; None where it is no server's. `code` may be empty: then the words were
    clear. An unclear failure has the kind "unclear".
    """
    if not is_from_server(mail, sender, envelope):
        return None
    subject, text = mail.header("subject"), mail.text[:20_000]
    if not (_SUBJECT.search(subject) or _BODY.search(text) or mail.has("x-failed-recipients")):
        return None
    told = _told(text)
    code = _code("", told)
    if _DELAYED.search(subject) or _DELAYED.search(text):
        return Failure("delayed", code, _line(told))
    if code[:1] == "4" or (not code and _FULL.search(told)):
        return Failure("soft_bounce", code, _line(told))
    if not code and not _NO_ADDRESS.search(told):
        return Failure("unclear", "", _line(told))
    return Failure("bounce" if _is_lasting(code, told) else "soft_bounce", code, _line(told))


def is_from_server(mail: Mail, sender: str, envelope: str | None) -> bool:
    """Whether a mail server wrote it: reports have the empty sender (RFC 5321, 4.5.5), or a name that servers take."""
    return (
        envelope == ""
        or mail.header("return-path") == "<>"
        or mail.has("x-failed-recipients")
        or bool(_DAEMON.search(f"{mail.header('from')[:200]} {sender}"))
    )


def _told(text: str) -> str:
    """What the server says, without the message that it sends back."""
    for mark in ("--- Below this line is a copy", "------ This is a copy of", "----- Original message",
                 "-----Original Message", "--- The header of the original", "Original message follows",
                 "Return-Path:", "Received: from"):  # fmt: skip
        before = text.partition(mark)[0]
        if len(before.strip()) > 40:
            text = before
    return text


def _code(status: str, words: str) -> str:
    """The most telling code: an enhanced one of the status, else of the words, else what the reply's number means."""
    given = _STATUS.search(status)
    if given is not None and given.group(2) != "0" and given.group(0) not in ("5.5.0", "5.3.0"):
        return given.group(0)
    spoken = _STATUS.search(words)
    if spoken is not None and spoken.group(1) != "2":
        return spoken.group(0)
    reply = _REPLY.search(words)
    if given is not None:
        return given.group(0)
    return _OF_REPLY.get(reply.group(1), f"{reply.group(1)[0]}.0.0") if reply is not None else ""


def _is_lasting(code: str, words: str) -> bool:
    """Whether the address itself is at fault."""
    if code[:1] == "4":
        return False
    if _FULL.search(words) or code in ("5.2.2", "5.2.3", "5.3.4"):
        return False
    subject, _dot, detail = code[2:].partition(".")
    if subject == "1":
        # 5.1.7 and 5.1.8 speak of the sender's address.
        return detail not in ("7", "8", "9")
    if code in ("5.2.1", "5.4.4", "5.4.310"):
        return not _BLOCKED.search(words)
    if subject == "7":
        return False
    return bool(_NO_ADDRESS.search(words)) and not (_BLOCKED.search(words) and "unknown" not in words.lower())


def _line(text: str) -> str:
    """The line that says why, for people."""
    lines = [" ".join(line.split()) for line in text.split("\n") if line.strip()]
    telling = (_STATUS, _REPLY, _NO_ADDRESS, _FULL)
    return next((line for mark in telling for line in lines if mark.search(line)), lines[0] if lines else "")[:400]

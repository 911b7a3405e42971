"""Jobs that send e-mail: a message of the outbox, and account mail (links to sign in or to choose a new password)."""

from __future__ import annotations

import uuid
from typing import Any
from urllib.parse import urlsplit

from flask import current_app

from app.adapters import mail
from app.errors import Invalid
from app.services import messages, preferences, return_paths, sending, sending_limits
from jobs.registry import job
from jobs.run import Retry, Run
from models import scope
from models.policy import Purpose
from models.words import _


@job("mail.send", purpose=Purpose.SEND_REQUESTED, queue="mail", outside=True, ended=messages.give_up)
def send_message(run: Run) -> dict[str, Any] | None:
    """Claimed and marked as "sending" in one transaction, handed over outside any, recorded in a second."""
    message_id = int(run.args["message_id"])
    public_url = str(current_app.config["PUBLIC_URL"])
    try:
        with run.step("message.hand_over"):
            outgoing = messages.hand_over(message_id, actor=run.actor, domain=domain(), public_url=public_url)
    except sending_limits.Wait as error:
        raise Retry(str(error), error.seconds, counted=False) from None
    if outgoing is None:
        return None
    outcome, answer, _reached = hand_over(_letter(outgoing), run, outgoing.way.url)
    if outcome == "queued" and not run.last:
        with run.step("message.put_back"):
            messages.settle(message_id, "queued", answer)
        raise Retry(answer)
    with run.finish("message.sent") as result:
        messages.settle(message_id, "failed" if outcome == "queued" else outcome, answer)
        result["answer"] = answer
    return None


@job("mail.account", purpose=Purpose.SECURE_ACCOUNTS, queue="mail", outside=True, forget=True)
def send_account_mail(run: Run) -> dict[str, Any]:
    """Arguments: to, subject, text. Passes every suppression, as it is about the reader's own account. The text holds a
    secret link, so that it is forgotten once sent; after a crash it may come twice, which is better than not at all."""
    if not run.args:
        raise Invalid({"": _("The text of this e-mail held a secret link and was deleted. Ask for a new link.")})
    letter = mail.Letter(
        message_id=f"<{uuid.uuid4().hex}@{domain()}>",
        sender=current_app.config["MAIL_FROM"],
        sender_name=str(current_app.config["APP_NAME"]),
        to=run.args["to"],
        subject=run.args["subject"],
        text=run.args["text"],
        automatic=True,
    )
    outcome, answer, _reached = hand_over(letter, run)
    if outcome == "queued":
        raise Retry(answer)
    if outcome == "failed":
        raise Invalid({"": _("The mail server refused it: {answer}", answer=answer)})
    return {"answer": answer}


def hand_over(letter: mail.Letter, run: Run, own: str | None = None) -> tuple[str, str, bool]:
    """The state the message is in after the talk with the server, the server's words, and whether they were about this
    message. `own` is the workspace's server."""
    servers = sending.servers() if own else None
    try:
        url = own or current_app.config["SMTP_URL"]
        return "sent", mail.send(letter, url=url, purpose=run.purpose, servers=servers), True
    except mail.NotSent as error:
        return ("failed" if error.lasting else "queued"), error.answer, error.reached
    except mail.Unclear as error:
        return "unknown", str(error), True
    except mail.Unfit as error:
        return "failed", str(error), True


def _letter(outgoing: messages.Outgoing) -> mail.Letter:
    config = current_app.config
    text, url = outgoing.text, None
    if outgoing.unsubscribe is not None:
        url = f"{config['PUBLIC_URL']}/p/{preferences.link(*outgoing.unsubscribe)}"
        text = (
            text
            if outgoing.html
            else _(
                "{text}\n\n-- \n{office}\nTo stop these e-mails: {url}\n",
                text=text.rstrip(),
                office=outgoing.office,
                url=url,
            )
        )
    return mail.Letter(
        message_id=outgoing.message_id, sender=outgoing.way.sender or config["MAIL_FROM"], to=outgoing.to,
        sender_name=outgoing.sender_name,
        to_name=outgoing.to_name, subject=outgoing.subject, text=text, unsubscribe_url=url,
        reply_to=", ".join(filter(None, (_own(return_paths.REPLY, outgoing), outgoing.reply_to))) or None,
        unsubscribe_mailto=_own(return_paths.UNSUBSCRIBE, outgoing) if url else None,
        # A server of the brokerage takes only its own people as senders: bounces go to their mailbox.
        return_path=None if outgoing.way.url else _own(return_paths.BOUNCE, outgoing),
        html=outgoing.html, calendar=outgoing.calendar, method=outgoing.method,
        key=mail.Key(*outgoing.way.key) if outgoing.way.key else None,
    )  # fmt: skip


def _own(kind: str, outgoing: messages.Outgoing) -> str | None:
    return own_address(kind, outgoing.row_id)


def own_address(kind: str, message_id: int) -> str | None:
    """The address of ours that stands for a message; None while no domain takes mail in."""
    here = current_app.config["INBOUND_DOMAIN"]
    return return_paths.address(kind, scope.workspace_id(), message_id, domain=here) if here else None


def domain() -> str:
    """The domain of Message-IDs."""
    sender = str(current_app.config["MAIL_FROM"])
    return sender.rpartition("@")[2] or urlsplit(current_app.config["PUBLIC_URL"]).hostname or "localhost"

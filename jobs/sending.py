"""Jobs of the way e-mail takes: the test of a workspace's mail server, and looks into the DNS for its domains."""

from __future__ import annotations

import uuid
from typing import Any

from flask import current_app

from app.adapters import dns, mail
from app.services import domain_rechecks, sending
from jobs.registry import job
from jobs.run import Run
from models.policy import Purpose
from models.words import _


@job(sending.TEST_JOB, purpose=Purpose.SEND_REQUESTED, queue="mail", outside=True, ended=sending.give_up_test)
def test_server(run: Run) -> None:
    """One e-mail to the one who asked; what the server said stands beside it."""
    with run.step("mail.test"):
        url, sender = sending.to_test()
    letter = mail.Letter(
        message_id=f"<{uuid.uuid4().hex}@{sender.rpartition('@')[2]}>",
        sender=sender,
        sender_name=str(current_app.config["APP_NAME"]),
        to=run.args["to"],
        subject=_("Test of your mail server"),
        text=_("This e-mail came over the mail server that was set up for your brokerage. It works."),
        automatic=True,
    )
    try:
        ok, said = True, mail.send(letter, url=url, purpose=run.purpose, servers=sending.servers())
    except (mail.NotSent, mail.Unclear, mail.Unfit) as error:
        ok, said = False, str(error)
    with run.finish("mail.tested"):
        sending.note_test(ok, said)


@job(sending.CHECK_JOB, purpose=Purpose.SEND_REQUESTED, queue="mail", outside=True, ended=sending.give_up_check)
def check_domain(run: Run) -> None:
    """Whether the record of a domain is published."""
    _look(run, int(run.args["domain_id"]))


@job("mail.recheck_domains", purpose=Purpose.SEND_REQUESTED, outside=True)
def recheck_domains(_run: Run) -> dict[str, Any]:
    """By the clock: look again at every domain that signs."""
    return {"promised": domain_rechecks.recheck()}


@job(domain_rechecks.JOB, purpose=Purpose.SEND_REQUESTED, queue="mail", outside=True)
def recheck_domain(run: Run) -> None:
    """Whether the record of a domain is published still; a DNS that does not answer changes nothing."""
    _look(run, int(run.args["domain_id"]), patient=True)


def _look(run: Run, key: int, *, patient: bool = False) -> None:
    with run.step("mail.check"):
        name = sending.domain(key, actor=run.actor).record_name
    try:
        published, trouble = dns.texts(name, purpose=run.purpose, server=current_app.config["DNS_SERVER"]), ""
    except dns.NoAnswer as error:
        published, trouble = None, str(error)
    with run.finish("mail.checked"):
        lost = sending.note_check(key, published, trouble, patient=patient)
        if lost and patient:
            domain_rechecks.tell_owners(sending.domain(key, actor=run.actor))

"""The job that reads one kept mail and does what follows, in one transaction."""

from __future__ import annotations

from typing import Any

from flask import current_app

from app.services.inbound import filing, receiving
from app.services.operation import current
from jobs.registry import job
from jobs.run import Run
from models.policy import Purpose


@job(receiving.JOB, purpose=Purpose.SEND_REQUESTED, queue="inbound", ended=filing.give_up)
def read_mail(run: Run) -> dict[str, Any]:
    """Arguments: received_id. Effects and the job's end are one, so that each follows exactly once."""
    op = current()
    if op is None:
        raise RuntimeError("A mail is read within the operation of its job.")
    return filing.read(int(run.args["received_id"]), op=op, domain=current_app.config["INBOUND_DOMAIN"])

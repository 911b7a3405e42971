"""Jobs that send saved views by e-mail."""

from __future__ import annotations

from typing import Any

from flask import current_app

from app.services import view_mail
from jobs.registry import job
from jobs.run import Run
from models.fields import now
from models.policy import Purpose


@job("views.promise", purpose=Purpose.SEND_REQUESTED, outside=True)
def promise_views(_run: Run) -> dict[str, Any]:
    """Each letter is promised in an operation of its own: joined to the clock's, it would be the clock that reads."""
    return {"promised": view_mail.promise_due(now())}


@job(view_mail.JOB, purpose=Purpose.SEND_REQUESTED)
def send_view(run: Run) -> dict[str, Any]:
    """Arguments: view, day. The reader is the actor, so that the letter holds what they may see now."""
    where = current_app.config["PUBLIC_URL"]
    return {"sent": view_mail.send(run.args["view"], run.args["day"], actor=run.actor, public_url=where)}

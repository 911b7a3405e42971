"""The job that sends one event to one webhook."""

from __future__ import annotations

from typing import Any

from app.adapters import webhooks as sender
from app.services import hook_deliveries, webhooks
from jobs.registry import job
from jobs.run import Retry, Run
from models.policy import Purpose
from models.words import _


@job("webhook.deliver", purpose=Purpose.INTEGRATE, queue="hooks", outside=True, ended=hook_deliveries.give_up)
def deliver(run: Run) -> dict[str, Any] | None:
    """Claimed in one transaction, sent outside any, recorded in a second; a crash in between sends it once more."""
    event, spent = str(run.args["event"]), int(run.args.get("spent", 0))
    with run.step("webhook.claim") as op:
        parcel = hook_deliveries.claim(event, op)
    if parcel is None:
        return None
    if isinstance(parcel, hook_deliveries.Rest):
        raise Retry(_("The receiver failed a moment ago and is left alone for a while."), max(parcel.seconds, 1.0))
    local = webhooks.local_allowed()
    answer = sender.post(
        parcel.url, parcel.body, event_id=event, secrets=parcel.secrets, purpose=run.purpose, local=local
    )
    words = "" if answer.taken else answer.error or _("The receiver answered {status}.", status=answer.status)
    with run.step("webhook.record") as op:
        wait = hook_deliveries.settle(event, spent, answer.status, words, answer.excerpt, op)
    if wait is not None:
        raise Retry(words, wait)
    return {"status": answer.status}

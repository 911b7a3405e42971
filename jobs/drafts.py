"""The job that drafts a follow-up e-mail: ledger first, then the call, then the draft."""

from __future__ import annotations

from app.adapters import ai
from app.services import drafts
from jobs.registry import job
from jobs.run import Retry, Run
from models.policy import Purpose
from models.words import _


@job(drafts.JOB, purpose=Purpose.SEND_REQUESTED, outside=True)
def draft_follow_up(run: Run) -> None:
    writer = ai.writer()
    run.progress(10, 100, _("Reading what you may see"))
    with run.step("draft.prepare"):
        asked = drafts.prepare(
            int(run.args["contact_id"]), actor=run.actor, job_id=run.id, provider=writer.provider, model=writer.model
        )
    run.progress(40, 100, _("Writing"))
    try:
        reply = ai.draft(asked.payload, purpose=run.purpose)
    except OSError as error:
        with run.step("draft.failed"):
            drafts.note_failure(asked.call_id)
        raise Retry(_("The writer cannot be reached.")) from error
    with run.finish("draft.keep") as result:
        result["message_id"] = drafts.keep(asked.call_id, reply.subject, reply.body, actor=run.actor).id

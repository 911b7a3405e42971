"""The jobs that have AI write: ledger first, then the call, then what became of it, then the draft."""

from __future__ import annotations

from app.adapters import ai
from app.errors import DomainError
from app.services import ai_ledger, ai_providers, drafts
from app.services.ai_features import TEST
from app.services.ai_ledger import Ending, Wait
from app.services.drafts import Asked
from jobs.registry import job
from jobs.run import Cancelled, Refused, Retry, Run
from models.base import session
from models.policy import Purpose
from models.words import _


@job(drafts.JOB, purpose=Purpose.SEND_REQUESTED, outside=True)
def draft(run: Run) -> None:
    """Each attempt has its own row. A provider that fails is tried again twice; then the asker is told why."""
    run.progress(10, 100, _("Reading what you may see"))
    args = {"feature": "email", **run.args}
    with run.step("draft.prepare"):
        asked = drafts.prepare(args, actor=run.actor, job_id=run.id, encode=ai.encode)
    if isinstance(asked, Wait):
        raise Retry(
            _("Your workspace made as many drafts in a minute as it may. This one waits its turn."), asked.seconds
        )
    run.progress(40, 100, _("Being written by {provider}", provider=asked.chosen.name))
    answer, unwanted = _call(run, args, asked)
    if answer.text is None:
        if answer.final or asked.tries >= drafts.TRIES:
            raise DomainError(answer.error)
        raise Retry(f"{answer.error} {_('It is tried again in a moment.')}", answer.wait)
    if unwanted:
        raise Refused(unwanted)
    try:
        with run.finish("draft.keep") as result:
            result.update(drafts.keep(asked, answer.text, args, actor=run.actor, job_id=run.id))
    except DomainError as error:
        with run.step("draft.dropped"):
            ai_ledger.drop(asked.call_id, str(error))
        raise


@job(ai_providers.TEST_JOB, purpose=Purpose.SEND_REQUESTED, outside=True, ended=ai_providers.give_up_test)
def test(run: Run) -> None:
    """One call that holds nothing of anybody; what came of it stands beside the provider."""
    args = {**run.args, "feature": TEST.key}
    with run.step("ai.test"):
        asked = drafts.prepare(args, actor=run.actor, job_id=run.id, encode=ai.encode)
    provider = int(run.args["provider_id"])
    if isinstance(asked, Wait):
        with run.finish("ai.tested"):
            ai_providers.note_test(provider, False, _("Too many calls in the last minute. Test again in a minute."))
        return
    answer, _unwanted = _call(run, args, asked)
    with run.finish("ai.tested"):
        ai_providers.note_test(provider, answer.text is not None, answer.error)


def _call(run: Run, args: dict[str, object], asked: Asked) -> tuple[ai.Answer, str]:
    """The call and the end of its row; also where it is stopped while the answer is awaited."""
    try:
        answer = ai.send(asked.chosen, asked.payload, purpose=run.purpose, beat=lambda: _still_wanted(run))
    except (Cancelled, Refused) as error:
        with run.step("draft.stopped"):
            ai_ledger.end(asked.call_id, Ending("cancelled", error=str(error) or _("Cancelled")), asked.chosen)
        raise
    ending = Ending(
        "answered" if answer.text is not None else "failed", answer.raw, answer.status, answer.error, answer.tokens_in,
        answer.tokens_out, answer.free,
    )  # fmt: skip
    with run.step("draft.record"):
        return answer, drafts.record(asked, ending, args, actor=run.actor, job_id=run.id)


def _still_wanted(run: Run) -> None:
    """Stop waiting for an answer when somebody cancelled, or switched AI off."""
    on = ai_providers.is_on()
    session.rollback()
    if not on:
        raise Refused(_("AI drafting was switched off meanwhile; the call was broken off."))
    run.progress(60, 100, _("Being written"))

"""What a person does with a draft that is no e-mail to one contact: keep it as a note, as tasks, as a template's text,
put it into the blocks of a campaign, or drop it.

Each is that person's own act, with the text as they left it: nothing of an answer is used before. E-mails are approved
in `app.services.messages`.
"""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa

from app.errors import Conflict, Invalid, NotFound
from app.services import ai_features, ai_text, records
from app.services.operation import Operation, operation
from models.ai import AiDraft
from models.base import session
from models.message import Template
from models.scope import Actor
from models.words import _
from models.work import Note, Task

MOST_TASKS = 10


def use(job_id: int, text: str, *, actor: Actor) -> AiDraft:
    """ready -> used, with the person's last changes. Raises `Invalid`, `Conflict`, `NotFound`, `Forbidden`."""
    text = text.replace("\r\n", "\n").strip()
    if not text:
        raise Invalid({"text": _("There is no text left to keep. Discard the draft instead.")})
    with operation("draft.use", actor=actor) as op:
        draft = _ready(job_id, actor)
        if draft.campaign_id is not None:
            raise NotFound(_("This draft is used in the editor of its campaign."))
        if draft.feature == ai_features.PLAN.key:
            _tasks(draft, text, op.at, actor)
        elif draft.template_id is not None:
            records.update(Template, draft.template_id, {"body": text}, actor=actor)
        else:
            records.create(Note, {"body": text, "contact_id": draft.contact_id}, actor=actor, source="ai draft")
        _end(draft, "used", op)
    return draft


def text_of(job_id: int, *, actor: Actor) -> str:
    """The text of a draft that waits for this person, for an editor. Raises `NotFound`, `Conflict`."""
    return _ready(job_id, actor).text


def taken(job_id: int, *, actor: Actor) -> None:
    """ready -> used, by an editor that has put it into what it saved. Raises `NotFound`, `Conflict`."""
    with operation("draft.use", actor=actor) as op:
        _end(_ready(job_id, actor), "used", op)


def discard(job_id: int, *, actor: Actor) -> AiDraft:
    """ready -> discarded."""
    with operation("draft.discard", actor=actor) as op:
        return _end(_ready(job_id, actor), "discarded", op)


def _end(draft: AiDraft, state: str, op: Operation) -> AiDraft:
    draft.state = state
    action = "draft.use" if state == "used" else "draft.discard"
    op.audit(action, entity="ai_draft", record_id=draft.id, subject_id=draft.contact_id)
    return draft


def _ready(job_id: int, actor: Actor) -> AiDraft:
    mine = sa.select(AiDraft).where(AiDraft.job_id == job_id, AiDraft.membership_id == actor.membership_id)
    draft = session.scalars(mine.with_for_update()).one_or_none() if actor.membership_id else None
    if draft is None:
        raise NotFound()
    if draft.state != "ready":
        raise Conflict(_("This draft was used or dropped already. Nothing was changed."))
    return draft


def _tasks(draft: AiDraft, text: str, at: dt.datetime, actor: Actor) -> None:
    """A task for each line; "3: Call back" is due in three days."""
    for line in ai_text.lines(text, MOST_TASKS):
        days, title = ai_text.day_and_task(line)
        due = at + dt.timedelta(days=days) if days is not None else None
        given = {"title": title[:200], "contact_id": draft.contact_id, "due_at": due, "owner_id": actor.membership_id}
        records.create(Task, given, actor=actor, source="ai draft")

"""How many mails of a workspace wait: kept beside it, as every page reads it."""

from __future__ import annotations

import sqlalchemy as sa

from models import scope, tenancy
from models.base import session
from models.inbound import InboundMail
from models.workspace import Workspace

_WHY = tenancy.reason("the workspace's own count of waiting mail, which is no part of its history")


def recount(but: int | None = None) -> None:
    """Bring the workspace's count up to date; `but` is a mail that is about to go."""
    session.flush()
    here, table = scope.workspace_id(), Workspace.__table__
    # Counted behind a lock, so that of two at the same moment the second counts what the first did.
    session.execute(sa.select(table.c.id).where(table.c.id == here).with_for_update(key_share=True))
    waits = (InboundMail.state == "waiting", InboundMail.id != (but or 0))
    number = session.scalar(sa.select(sa.func.count()).select_from(InboundMail).where(*waits)) or 0
    session.execute(sa.update(table).where(table.c.id == here).values(mail_waiting=number), execution_options=_WHY)

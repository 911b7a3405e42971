"""How long the files of imports are kept: what was uploaded and the rows to mend, for 30 days after the last use.

Runs by the clock, across workspaces. Does not belong here: the batches themselves, which their policy keeps longer.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa

from app.services import files
from app.services.operation import operation
from models import tenancy
from models.base import session
from models.fields import now
from models.privacy import ImportBatch
from models.scope import Actor

DAYS = 30
_WHY = tenancy.reason("files of imports that are past their time go in every workspace")


def forget_files(*, actor: Actor) -> int:
    """Promise to delete the files of imports that ended, or were left before they began, 30 days ago. Returns of how
    many imports.
    """
    c = ImportBatch.__table__.c
    last = sa.func.coalesce(c.finished_at, c.created_at)
    over = (last < now() - dt.timedelta(days=DAYS), c.state.not_in(("waiting", "running")), c.storage_key != "")
    with operation("import.forget_files", actor=actor) as op:
        columns = (c.id, c.storage_key, c.problems_key)
        found: list[Any] = session.execute(sa.select(*columns).where(*over), execution_options=_WHY).all()
        if found:
            change = sa.update(ImportBatch.__table__).where(c.id.in_([row.id for row in found]))
            session.execute(change.values(storage_key="", problems_key=None), execution_options=_WHY)
            files.delete_bytes([key for row in found for key in (row.storage_key, row.problems_key) if key], op)
            op.audit("import.forget_files", facts={"imports": len(found)})
    return len(found)

"""Jobs that touch stored bytes."""

from __future__ import annotations

from typing import Any

from flask import current_app

from app.adapters import storage
from app.services import files
from jobs.registry import job
from jobs.run import Run
from models.policy import Purpose


@job(files.PURGE, purpose=Purpose.COMPLY_WITH_LAW, outside=True, forget=True)
def purge_files(run: Run) -> dict[str, Any]:
    """Arguments: keys. A key that is gone already is no error, so that the job can be run again."""
    store = storage.connect(current_app.config["STORAGE_URL"], purpose=run.purpose)
    for key in run.args["keys"]:
        store.delete(key)
    return {"deleted": len(run.args["keys"])}

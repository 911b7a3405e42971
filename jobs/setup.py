"""Jobs of the set-up. Each is one call of a service."""

from __future__ import annotations

from typing import Any

from app.services.setup import first_states
from jobs.registry import job
from jobs.run import Run
from models.policy import Purpose


@job("setup.begin", purpose=Purpose.PROVISION)
def begin(run: Run) -> dict[str, Any]:
    return {"begun": first_states.begin_all(actor=run.actor)}

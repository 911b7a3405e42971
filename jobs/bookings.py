"""The job that reminds of appointments."""

from __future__ import annotations

from typing import Any

from app.services import booking_mail
from jobs.registry import job
from jobs.run import Run
from models.fields import now
from models.policy import Purpose


@job("booking.remind", purpose=Purpose.SEND_REQUESTED, outside=True)
def remind(_run: Run) -> dict[str, Any]:
    return {"reminded": booking_mail.remind(now())}

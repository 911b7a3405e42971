"""What happens by the clock. An occurrence is a row, unique by (name, due_at), so that many tickers start it once.

Belongs here: the timetable and claiming an occurrence. Does not belong here: the work (`jobs.housekeeping`).
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from app.services.operation import operation
from models import scope
from models.base import session
from models.job import ScheduledRun
from models.policy import Purpose
from models.words import N_


@dataclass(frozen=True, slots=True)
class Timed:
    """A job that is promised every `every`, at `at` after midnight UTC (or after the full period)."""

    job: str
    purpose: Purpose
    every: dt.timedelta
    at: dt.timedelta = dt.timedelta()
    label: str = ""

    def last_due(self, moment: dt.datetime) -> dt.datetime:
        """The newest occurrence that is not after `moment`."""
        start = dt.datetime(2020, 1, 1, tzinfo=dt.UTC) + self.at
        return start + (moment - start) // self.every * self.every


DAY = dt.timedelta(days=1)
TIMETABLE = (
    Timed("bin.purge", Purpose.COMPLY_WITH_LAW, DAY, dt.timedelta(hours=3), N_("Empty the bin")),
    Timed("audit.verify", Purpose.COMPLY_WITH_LAW, DAY, dt.timedelta(hours=2), N_("Check the audit log")),
    Timed(
        "logs.trim", Purpose.COMPLY_WITH_LAW, DAY, dt.timedelta(hours=3, minutes=20), N_("Delete what is past its time")
    ),
    Timed("views.promise", Purpose.SEND_REQUESTED, dt.timedelta(minutes=30), label=N_("Send views by e-mail")),
    Timed("booking.remind", Purpose.SEND_REQUESTED, dt.timedelta(minutes=10), label=N_("Remind of appointments")),
    Timed("campaign.close", Purpose.SEND_REQUESTED, dt.timedelta(minutes=1), label=N_("End finished campaigns")),
    Timed(
        "mail.recheck_domains", Purpose.SEND_REQUESTED, DAY, dt.timedelta(hours=5), N_("Look at sending domains again")
    ),
    Timed("setup.begin", Purpose.PROVISION, dt.timedelta(hours=1), label=N_("Begin the history of set-ups")),
    Timed(
        "access.clean",
        Purpose.SECURE_ACCOUNTS,
        dt.timedelta(hours=1),
        dt.timedelta(minutes=7),
        N_("Delete ended sessions and locks"),
    ),
)


def promise_due(moment: dt.datetime, timetable: tuple[Timed, ...] = TIMETABLE) -> int:
    """Promise the jobs whose time has come and that nobody has promised yet. A time missed while all was off is made
    up once."""
    with scope.across_workspaces("schedules belong to no workspace"):
        return sum(_promise(timed, timed.last_due(moment)) for timed in timetable)


def _promise(timed: Timed, due_at: dt.datetime) -> bool:
    if (
        session.scalar(
            sa.select(ScheduledRun.name).where(ScheduledRun.name == timed.job, ScheduledRun.due_at == due_at)
        )
        is not None
    ):
        return False
    try:
        with operation("schedule.promise", actor=scope.system("Schedule")) as op:
            session.add(ScheduledRun(name=timed.job, due_at=due_at))
            session.flush()
            op.promise(
                timed.job, {}, purpose=timed.purpose, label=timed.label, dedupe=f"{timed.job}@{due_at.isoformat()}"
            )
    except IntegrityError:
        return False
    return True

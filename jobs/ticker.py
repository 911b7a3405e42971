"""The clock of the product: `python -m jobs.ticker`. Every second it rings for due work, promises what the timetable
says, and seals the audit chain; where Redis is away it works off jobs itself. Several tickers may run at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import structlog
from flask import Flask

from app.services import chain
from jobs import dispatch, runner, schedule, store
from models import scope
from models.fields import now

SEAL_SECONDS = 2.0
TIMETABLE_SECONDS = 15.0
log = structlog.get_logger(__name__)


class Ticker:
    """Remembers when each thing was done last."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.last: dict[str, float] = {}
        self.stand_in: threading.Thread | None = None

    def tick(self) -> None:
        """One round; whatever fails is logged and tried in the next."""
        self._every(SEAL_SECONDS, "seal", self._seal)
        self._every(TIMETABLE_SECONDS, "timetable", lambda: schedule.promise_due(now()))
        self._every(0.0, "ring", self._ring)

    def ring(self) -> None:
        """Wake a worker if work is due; where Redis is away, do the work from here."""
        with self.app.app_context():
            self._ring()

    def _every(self, seconds: float, name: str, what: Callable[[], object]) -> None:
        moment = time.monotonic()
        if moment - self.last.get(name, -seconds) < seconds:
            return
        self.last[name] = moment
        try:
            with self.app.app_context():
                what()
        except Exception:  # the clock goes on; the next round tries again
            log.exception("tick failed", what=name)

    def _seal(self) -> None:
        with scope.across_workspaces("the audit chain of every workspace is sealed"):
            chain.seal_all()

    def _ring(self) -> None:
        if not store.is_due():
            return
        bell = self.app.extensions.get("doorbell")
        if bell is None or bell.ring():
            return
        if self.stand_in is None or not self.stand_in.is_alive():
            self.stand_in = threading.Thread(
                target=runner.drain, args=(self.app,), kwargs={"seconds": 30.0}, daemon=True
            )
            self.stand_in.start()


def main() -> None:
    from wsgi import create_app

    ticker = Ticker(create_app())
    dispatch.stop_on_signal()
    while not runner.stopping.wait(1.0):
        ticker.tick()


if __name__ == "__main__":
    main()

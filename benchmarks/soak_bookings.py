"""`make soak`, its third part: fifty processes reach for the same time at the same moment, two hundred times over.
Each time one gets it; starts, lengths and buffers differ, so that ranges overlap without being equal.

Real processes, on SQLite and on PostgreSQL where a server answers. Prints figures and exits with 1 if a time was given
twice, or to nobody.
"""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import IO

import sqlalchemy as sa

from app.services import records
from app.services.bookings import Taken
from models import scope
from models.base import db, session
from models.booking import Booking, BookingBlock, BookingHost, BookingPage
from models.fields import now
from tests import bookings_kit, database_kit, jobs_kit
from tests.services_present import postgres_url

RIVALS = int(os.environ.get("SOAK_RIVALS", "50"))
ROUNDS = int(os.environ.get("SOAK_ROUNDS", "200"))


def main() -> int:
    if sys.argv[1:] == ["rival"]:
        return rival()
    with tempfile.TemporaryDirectory(prefix="crm-soak-") as folder:
        good = run(database_kit.sqlite(Path(folder)), Path(folder), "SQLite")
        if postgres_url():
            with database_kit.postgres() as (_owner, url):
                good = run(url, Path(folder), "PostgreSQL") and good
        else:
            print("PostgreSQL: not run, no server answers")
    return 0 if good else 1


def rival() -> int:
    """One process: for each line "page start nonce" it tries once, and says won or lost."""
    app = database_kit.make_app(Path(os.environ["SOAK_FOLDER"]), os.environ["SOAK_URL"])
    workspace = int(os.environ["SOAK_WORKSPACE"])
    print("ready", flush=True)
    for line in sys.stdin:
        page, start, nonce = line.split()
        with app.app_context(), scope.inside(workspace):
            where = session.get_one(BookingPage, int(page))
            try:
                at = dt.datetime.fromisoformat(start)
                bookings_kit.book(where, at, jobs_kit.SYSTEM, nonce, name=f"V{nonce} Last")
                print("won", flush=True)
            except Taken:
                print("lost", flush=True)
            session.remove()
    return 0


def run(url: str, folder: Path, engine: str) -> bool:
    app = database_kit.make_app(folder, url)
    with app.app_context():
        workspace = jobs_kit.found_workspace("harbour")
        host = jobs_kit.join(workspace, "Ada", "admin").membership_id or 0
        with scope.inside(workspace):
            facts = ({"minutes": 30, "after": 15}, {"minutes": 45, "before": 15}, {"minutes": 60})
            hours = ("00:00", "24:00")
            first = bookings_kit.page(jobs_kit.SYSTEM, [host], hours=hours, step=15, horizon=365, **facts[0])
            pages = [first.id, *(_another(host, n, one) for n, one in enumerate(facts[1:]))]
        session.remove()
        db.engine.dispose()
    environment = os.environ | {"SOAK_URL": url, "SOAK_FOLDER": str(folder), "SOAK_WORKSPACE": str(workspace)}
    command = [sys.executable, "-m", "benchmarks.soak_bookings", "rival"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "env": environment}
    rivals = [subprocess.Popen(command, **pipes) for _ in range(RIVALS)]  # type: ignore[call-overload]
    for one in rivals:
        _out(one).readline()
    begin, wins = time.monotonic(), []
    for number in range(ROUNDS):
        wins.append(_round(rivals, pages, number))
    took = time.monotonic() - begin
    for one in rivals:
        one.stdin.close()
        one.wait()
    with app.app_context(), scope.inside(workspace):
        held = sa.select(BookingBlock.starts_at, BookingBlock.ends_at).order_by(BookingBlock.starts_at)
        apart = all(before[1] <= after[0] for before, after in pairwise(session.execute(held).all()))
        made = len(session.scalars(sa.select(Booking.id)).all())
        session.remove()
    good = wins == [1] * ROUNDS and apart and made == ROUNDS
    print(
        f"{engine}: {ROUNDS} rounds of {RIVALS} processes, {RIVALS * ROUNDS / took:.0f} tries a second; one won in "
        f"{wins.count(1)} of {ROUNDS} rounds, {made} bookings, none overlaps: {apart}   {'ok' if good else 'MISSED'}",
        flush=True,
    )
    return good


def _another(host: int, number: int, facts: dict[str, int]) -> int:
    given = {"name": f"Page {number}", "address": f"page-{number}", "notice": 0, "step": 15, "horizon": 365, **facts}
    made = records.create(BookingPage, given, actor=jobs_kit.SYSTEM)
    records.create(BookingHost, {"booking_page_id": made.id, "membership_id": host}, actor=jobs_kit.SYSTEM)
    return int(made.id)


def _round(rivals: list[subprocess.Popen[str]], pages: list[int], number: int) -> int:
    """All want a time within the same quarter of an hour; how many got one."""
    day = (now() + dt.timedelta(days=2 + number // 8)).replace(hour=0, minute=0, second=0, microsecond=0)
    middle = day + dt.timedelta(hours=3 * (number % 8) + 1)
    for at, one in enumerate(rivals):
        start = middle + dt.timedelta(minutes=15 * (at % 2))
        assert one.stdin is not None  # noqa: S101  it is a pipe
        one.stdin.write(f"{pages[at % len(pages)]} {start.isoformat()} {number}x{at}\n")
    for one in rivals:
        one.stdin.flush()  # type: ignore[union-attr]
    return [_out(one).readline().strip() for one in rivals].count("won")


def _out(one: subprocess.Popen[str]) -> IO[str]:
    assert one.stdout is not None  # noqa: S101  it is a pipe
    return one.stdout


if __name__ == "__main__":
    sys.exit(main())

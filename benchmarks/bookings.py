"""Booking pages: the free times of a month and of 60 days with ten hosts, among many bookings, and bookings a
second.
"""

from __future__ import annotations

import datetime as dt
import statistics
import tempfile
from functools import partial
from pathlib import Path

import sqlalchemy as sa
from flask import Flask

from app.services import bookings, inserting
from app.services.operation import operation
from benchmarks.measure import Score, milliseconds
from models import scope, tenancy
from models.base import session
from models.booking import Booking, BookingBlock, BookingPage
from models.fields import now
from tests import bookings_kit, database_kit, jobs_kit
from tests.services_present import postgres_url

HOSTS, BOOKED, DAYS = 10, 5_000, 60
MOST_STATEMENTS = 4
# Beside what a visitor waits for the network, a month of times is not to be felt.
GOAL_MS = 150.0
_WHY = tenancy.reason("a measurement fills a calendar")


def run(_contacts: int, _workspaces: int, rounds: int, score: Score) -> None:
    with tempfile.TemporaryDirectory(prefix="crm-bench-") as folder:
        _measure(database_kit.make_app(Path(folder), database_kit.sqlite(Path(folder))), "sqlite", rounds, score)
        if postgres_url():
            with database_kit.postgres() as (_owner, url):
                app = database_kit.make_app(Path(folder), url)
                _measure(app, "postgresql", rounds, score)
                with app.app_context():
                    session.remove()
                    session.get_bind().dispose()


def _measure(app: Flask, engine: str, rounds: int, score: Score) -> None:
    with app.app_context():
        workspace = jobs_kit.found_workspace("bench")
        hosts = [jobs_kit.join(workspace, f"Host{n}", "agent").membership_id or 0 for n in range(HOSTS)]
        with scope.inside(workspace):
            page = bookings_kit.page(jobs_kit.SYSTEM, hosts, step=30)
            since = bookings_kit.ahead(0, 0)
            until = since + dt.timedelta(days=DAYS)
            few = bookings_kit.statements(page, since, until)
            _fill(page, hosts)
            many = bookings_kit.statements(page, since, until)
            taken = sorted(milliseconds(lambda: bookings.free(page, since, until)) for _ in range(max(rounds, 20)))
            p50, p95 = statistics.median(taken), taken[int(len(taken) * 0.95)]
            good = score.note(p95 <= GOAL_MS and few == many <= MOST_STATEMENTS)
            print(
                f"{engine:<10} free times of {DAYS} days, {HOSTS} hosts, {BOOKED:,} bookings: p50 {p50:7.2f} ms, p95 "
                f"{p95:7.2f} ms (goal {GOAL_MS:.0f}), {many} statements ({few} without bookings)   {good}", flush=True,
            )  # fmt: skip
            slots = bookings.free(page, since, until)[-40:]
            took = sum(milliseconds(partial(_book, page, one.start, n)) for n, one in enumerate(slots))
            print(f"{engine:<10} bookings, letters and all: {len(slots) / took * 1000:.0f} a second", flush=True)
        session.remove()


def _fill(page: BookingPage, hosts: list[int]) -> None:
    """Bookings of the past and the next months, half an hour each, one after the other."""
    moment, begin = now(), bookings_kit.ahead(-200, 9)
    same = {
        "workspace_id": scope.workspace_id(), "booking_page_id": page.id, "state": "booked", "sequence": 0,
        "created_at": moment, "updated_at": moment, "created_by": "Bench", "version": 1, "source": "bench",
    }  # fmt: skip
    rows: list[dict[str, object]] = []
    for number in range(BOOKED):
        host, turn = hosts[number % HOSTS], number // HOSTS
        start = begin + dt.timedelta(days=turn // 2, minutes=60 * (turn % 2))
        span = {"starts_at": start, "ends_at": start + dt.timedelta(minutes=30)}
        rows.append({"title": f"Call {number}", "owner_id": host, "source_ref": f"{number}", **span})
    with operation("bench.fill", actor=jobs_kit.SYSTEM):
        inserting.insert(Booking.__table__, rows, same, why=_WHY)
        ids = session.scalars(sa.select(Booking.id).where(Booking.source == "bench").order_by(Booking.id)).all()
        blocks = [
            {
                "membership_id": row["owner_id"],
                "starts_at": row["starts_at"],
                "ends_at": row["ends_at"],
                "booking_id": key,
            }
            for row, key in zip(rows, ids, strict=True)
        ]
        held = {"workspace_id": scope.workspace_id(), "live": True}
        inserting.insert(BookingBlock.__table__, blocks, held, why=_WHY)


def _book(page: BookingPage, start: dt.datetime, number: int) -> None:
    bookings_kit.book(page, start, jobs_kit.SYSTEM, f"b{number}", name=f"V{number} Last")

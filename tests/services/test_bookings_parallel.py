"""Many people reach for the same time at the same moment: one gets it, on both databases. `make soak` does it with
fifty processes and two hundred rounds.
"""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask

from app.services.bookings import Taken
from app.services.operation import operation
from models import scope
from models.base import session
from models.booking import Booking, BookingBlock, BookingPage
from models.contact import Contact
from models.scope import Actor
from tests import bookings_kit as kit
from tests import database_kit, jobs_kit

RIVALS, ROUNDS = 6, 4


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.needs("postgres"))])
def app(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Flask]:
    if request.param == "sqlite":
        yield database_kit.make_app(tmp_path, database_kit.sqlite(tmp_path))
    else:
        with database_kit.postgres() as (_owner, url):
            made = database_kit.make_app(tmp_path, url)
            yield made
            with made.app_context():
                session.remove()
                session.get_bind().dispose()


def test_one_of_many_gets_a_time_whatever_their_ranges(app: Flask) -> None:
    """Starts a quarter of an hour apart, with buffers: each overlaps its neighbours."""
    with app.app_context():
        workspace = jobs_kit.found_workspace("harbour")
        actor = jobs_kit.join(workspace, "Ada", "admin")
        with scope.inside(workspace):
            page = kit.page(actor, [actor.membership_id or 0], step=15, after=30).id
        session.remove()
    for number in range(ROUNDS):
        start = kit.ahead(3 + number)
        starts = [start + dt.timedelta(minutes=15 * (n % 3)) for n in range(RIVALS)]
        won = _race(app, workspace, page, starts, number)
        assert won.count(True) == 1, won
    with app.app_context(), scope.inside(workspace):
        held = session.execute(sa.select(BookingBlock.starts_at, BookingBlock.ends_at).order_by(BookingBlock.starts_at))
        spans = held.all()
        assert len(spans) == ROUNDS == len(session.scalars(sa.select(Booking.id)).all())
        assert all(first[1] <= second[0] for first, second in pairwise(spans))
        assert len(session.scalars(sa.select(Contact.id)).all()) == ROUNDS, "who lost was not noted"
        session.remove()


def test_the_database_refuses_what_the_rules_would_let_through(app: Flask) -> None:
    """Without the look at free times: two blocks written by hand, equal, overlapping, or one within the other."""
    with app.app_context():
        workspace = jobs_kit.found_workspace("harbour")
        actor = jobs_kit.join(workspace, "Ada", "admin")
        with scope.inside(workspace):
            page = kit.page(actor, [actor.membership_id or 0])
            booking = kit.book(page, kit.ahead(), jobs_kit.SYSTEM)
            whole = session.scalars(sa.select(BookingBlock)).one()
            begin, end = whole.starts_at, whole.ends_at
            quarter = dt.timedelta(minutes=10)
            for span in ((begin, end), (begin - quarter, begin + quarter), (begin + quarter, end - quarter)):
                with pytest.raises(sa.exc.IntegrityError):
                    _block(booking, actor, *span)
            _block(booking, actor, end, end + quarter)
            _block(booking, actor, begin, end, live=False)
        session.remove()


def _block(booking: Booking, actor: Actor, begin: dt.datetime, end: dt.datetime, *, live: bool = True) -> None:
    with operation("test.block", actor=jobs_kit.SYSTEM):
        session.add(BookingBlock(
            booking_id=booking.id, membership_id=actor.membership_id, starts_at=begin, ends_at=end, live=live
        ))  # fmt: skip


def _race(app: Flask, workspace: int, page: int, starts: list[dt.datetime], number: int) -> list[bool]:
    gate = threading.Barrier(len(starts))

    def reach(at: int) -> bool:
        with app.app_context(), scope.inside(workspace):
            where = session.get_one(BookingPage, page)
            gate.wait()
            try:
                kit.book(where, starts[at], jobs_kit.SYSTEM, f"{number}:{at}", name=f"V{number}x{at} Last")
            except Taken:
                return False
            finally:
                session.remove()
            return True

    with ThreadPoolExecutor(len(starts)) as pool:
        return list(pool.map(reach, range(len(starts))))


def test_a_turn_goes_to_the_next_host_while_there_is_one(app: Flask) -> None:
    with app.app_context():
        workspace = jobs_kit.found_workspace("harbour")
        hosts = [jobs_kit.join(workspace, name, "agent").membership_id or 0 for name in ("Ada", "Ben", "Cleo")]
        with scope.inside(workspace):
            page = kit.page(jobs_kit.SYSTEM, hosts).id
        session.remove()
    won = _race(app, workspace, page, [kit.ahead()] * 5, 0)
    assert won.count(True) == 3
    with app.app_context(), scope.inside(workspace):
        assert sorted(session.scalars(sa.select(Booking.owner_id)).all()) == hosts
        session.remove()


def test_the_statements_of_a_month_do_not_grow_with_its_bookings(app: Flask) -> None:
    with app.app_context():
        workspace = jobs_kit.found_workspace("harbour")
        hosts = [jobs_kit.join(workspace, name, "agent").membership_id or 0 for name in ("Ada", "Ben")]
        with scope.inside(workspace):
            page = kit.page(jobs_kit.SYSTEM, hosts)
            counts = []
            for number in range(3):
                counts.append(kit.statements(page, kit.ahead(0, 0), kit.ahead(31, 0)))
                kit.book(page, kit.ahead(3 + number), jobs_kit.SYSTEM, f"n{number}", name=f"V{number} Last")
            assert counts[0] == counts[1] == counts[2] <= 4, counts
        session.remove()

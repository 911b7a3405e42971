"""Workers side by side on PostgreSQL, as the role that row security binds: together they spend no more than the budget,
and opting out while they work leaves nothing behind."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask

from app.services import ai_ledger, drafts
from jobs import runner
from models.ai import AiDraft
from models.base import db, session
from models.job import Job
from tests import database_kit, jobs_kit
from tests.ai_kit import Brokerage, providing

ASKED = 8
# One call may cost 3,000 cents for a million tokens received, of which 800 are asked for: 2.4 cents, and what it sends.
BUDGET_CENTS, LETS_THROUGH = 6, 2


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    with database_kit.postgres() as (_owner, application):
        made = jobs_kit.make_app(tmp_path, application, create=False)
        yield made
        with made.app_context():
            db.session.remove()
            db.engine.dispose()


def _ask(office: Brokerage) -> None:
    for number in range(ASKED):
        contact = office.contact(name=f"Sam {number}", email=f"sam{number}@example.com")
        with office.inside():
            drafts.ask("lead_summary", contact, actor=office.agent)


def _work(app: Flask) -> None:
    workers = [threading.Thread(target=runner.drain, args=(app,), kwargs={"most": 3}) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


@pytest.mark.needs("postgres")
def test_workers_side_by_side_spend_no_more_than_the_budget(app: Flask) -> None:
    with providing() as provider, app.app_context():
        office = Brokerage(app, provider, price_in=1, price_out=3000)
        office.choose(budget_cents=BUDGET_CENTS, calls_per_minute=1000)
        provider.usage = None  # nobody says what it cost, so that the most counts
        _ask(office)
        session.remove()
        _work(app)
        rows = office.calls()
        assert len(provider.calls) == len(rows) == LETS_THROUGH
        sent = sorted(hashlib.sha256(call.body).hexdigest() for call in provider.calls)
        assert sorted(row.payload_hash for row in rows) == sent
        with office.inside():
            assert ai_ledger.spent() <= BUDGET_CENTS * 10_000
            states = session.scalars(sa.select(Job.state).where(Job.name == drafts.JOB)).all()
        assert sorted(states) == ["done"] * LETS_THROUGH + ["refused"] * (ASKED - LETS_THROUGH)


@pytest.mark.needs("postgres")
def test_opting_out_while_workers_wait_for_answers_leaves_no_draft(app: Flask) -> None:
    with providing() as provider, app.app_context():
        office = Brokerage(app, provider, price_in=0, price_out=0)
        office.choose(calls_per_minute=1000)
        _ask(office)
        session.remove()
        once, over = threading.Lock(), threading.Event()

        def meanwhile() -> None:
            if once.acquire(blocking=False):
                with app.app_context():
                    office.switch_off()
                over.set()
            over.wait(30)

        provider.before = meanwhile
        _work(app)
        runner.drain(app)
        with office.inside():
            assert session.scalars(sa.select(AiDraft)).all() == []
            states = set(session.scalars(sa.select(Job.state).where(Job.name == drafts.JOB)))
        assert states == {"refused"}
        assert {row.outcome for row in office.calls()} <= {"dropped", "cancelled"} and office.calls()
        assert len(office.calls()) == len(provider.calls)

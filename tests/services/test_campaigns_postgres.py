"""Several workers send one campaign on PostgreSQL, as the role that row security binds: everybody once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from app.services import campaign_line
from app.services.campaign_line import Fate, Next
from jobs import runner
from models import scope
from models.base import db, session
from models.campaign import Campaign
from tests import campaigns_kit, database_kit, jobs_kit

PEOPLE = 130


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    with database_kit.postgres() as (_owner, application):
        made = jobs_kit.make_app(
            tmp_path, application, create=False, SMTP_URL=f"sink://{tmp_path / 'outbox'}", MAIL_FROM="crm@example.com"
        )
        yield made
        with made.app_context():
            db.session.remove()
            db.engine.dispose()


@pytest.mark.needs("postgres")
def test_workers_side_by_side_write_to_everybody_once(app: Flask, tmp_path: Path) -> None:
    with app.app_context():
        workspace = campaigns_kit.brokerage()
        dana = jobs_kit.join(workspace, "Dana", "broker")
        with scope.inside(workspace):
            campaigns_kit.people(PEOPLE)
            key = campaigns_kit.started(dana).id
    workers = [threading.Thread(target=lambda: runner.drain(app)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    runner.drain(app)
    kept = [one.read_text() for one in (tmp_path / "outbox").glob("*.eml")]
    to = [line for one in kept for line in one.splitlines() if line.startswith("To: ")]
    assert len(to) == len(set(to)) == PEOPLE
    with app.app_context(), scope.inside(workspace):
        assert list(campaigns_kit.fates(key).values()) == ["sent"] * PEOPLE
        assert session.get_one(Campaign, key).state == "done"


@pytest.mark.needs("postgres")
def test_the_line_of_one_brokerage_touches_no_e_mail_of_another(app: Flask) -> None:
    with app.app_context():
        workspace, elsewhere = campaigns_kit.brokerage(), campaigns_kit.brokerage("summit")
        dana = jobs_kit.join(workspace, "Dana", "broker")
        with scope.inside(workspace):
            campaigns_kit.people(1)
            made = campaigns_kit.started(dana)
            key, name = made.id, "sam0@example.net"
        runner.drain(app, most=1)
        with scope.inside(workspace):
            assert campaigns_kit.fates(key) == {name: "queued"}
        with scope.inside(elsewhere), campaign_line.held(key, 1, "token") as line:
            assert not line.step(None, Next(1, 1, name, "<1@x>", "Hi", "Hi"))
            line.settle(Fate(1, "sent", "250 no"))
        with scope.inside(workspace):
            assert campaigns_kit.fates(key) == {name: "queued"}

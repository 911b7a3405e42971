"""What is over a limit waits for its turn: it is neither dropped nor does it wear out its attempts."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
import time_machine
from flask import Flask
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import Conflict, Forbidden, Invalid
from app.services import messages, sending, sending_limits
from app.services.operation import operation
from jobs import runner
from models import scope
from models.base import db, session
from models.campaign import Campaign
from models.contact import Contact
from models.job import Job
from models.message import Message
from models.scope import Actor
from models.sending import SendingBucket
from tests import campaigns_kit, database_kit, jobs_kit
from tests.campaigns_kit import person

BEGIN = dt.datetime(2026, 5, 12, 9, 0, tzinfo=dt.UTC)


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    made = jobs_kit.make_app(tmp_path, SMTP_URL=f"sink://{tmp_path / 'outbox'}", MAIL_FROM="crm@operator.example")
    with made.app_context():
        yield made


@pytest.fixture
def office(app: Flask) -> tuple[int, Actor]:
    workspace = campaigns_kit.brokerage()
    return workspace, jobs_kit.join(workspace, "Ada", "owner")


def limit(actor: Actor, **given: int) -> None:
    version = sending_limits.shown(actor=actor).version
    sending_limits.save({name: str(n) for name, n in given.items()}, version=version, actor=actor)


def take(actor: Actor, recipients: list[str], sender: str | None = None) -> sending_limits.Granted:
    with operation("test.take", actor=actor):
        return sending_limits.take(sender, recipients)


def test_what_is_over_the_day_waits_and_wears_out_no_attempt(
    app: Flask, office: tuple[int, Actor], tmp_path: Path
) -> None:
    workspace, ada = office
    with time_machine.travel(BEGIN, tick=False) as clock:
        with scope.inside(workspace):
            limit(ada, per_day=2)
            for name in ("Ann", "Bo", "Cy"):
                messages.write(person(name, actor=ada), "Hi", "There", actor=ada)
        sent = []
        for _turn in range(14):
            runner.drain(app)
            sent.append(len(list((tmp_path / "outbox").glob("*.eml"))))
            clock.shift(dt.timedelta(hours=1))
        assert sent[0] == 2 and sent[11] == 2 and sent[-1] == 3, sent
    with scope.inside(workspace):
        jobs = session.scalars(sa.select(Job.attempts).where(Job.name == "mail.send")).all()
        assert max(jobs) == 1
        assert set(session.scalars(sa.select(Message.state))) == {"sent"}


def test_one_busy_domain_does_not_hold_up_the_others(office: tuple[int, Actor]) -> None:
    workspace, ada = office
    with scope.inside(workspace), time_machine.travel(BEGIN, tick=False) as clock:
        limit(ada, domain_minute=2)
        to = [f"{n}@gmail.example" for n in range(4)] + ["a@yahoo.example"]
        found = take(ada, to)
        assert found.places == {0, 1, 4} and found.wait == pytest.approx(30)
        clock.shift(dt.timedelta(seconds=31))
        assert take(ada, to[2:4]).places == {0}


def test_a_sender_has_a_day_of_their_own(office: tuple[int, Actor]) -> None:
    workspace, ada = office
    with scope.inside(workspace), time_machine.travel(BEGIN, tick=False):
        limit(ada, sender_day=1)
        assert take(ada, ["a@x.example", "b@x.example"], "ada@harbor.example").places == {0}
        assert take(ada, ["a@x.example"], "bo@harbor.example").places == {0}
        assert not take(ada, ["a@x.example"], "ADA@harbor.example").places


def test_a_new_domain_sends_twice_as_many_each_day(office: tuple[int, Actor]) -> None:
    workspace, ada = office
    with scope.inside(workspace), time_machine.travel(BEGIN, tick=False) as clock:
        domain = sending.add_domain("harbor.example", actor=ada)
        sending_limits.warm_up(domain.id, True, actor=ada)
        to = [f"{n}@x.example" for n in range(150)]
        assert len(take(ada, to, "ada@harbor.example").places) == 50
        assert len(take(ada, to, "ada@other.example").places) == 150
        clock.shift(dt.timedelta(days=1))
        assert len(take(ada, to, "ada@harbor.example").places) == 100
        clock.shift(dt.timedelta(days=20))
        assert len(take(ada, to, "ada@harbor.example").places) == 150
        sending_limits.warm_up(domain.id, False, actor=ada)
        assert sending_limits.warm_amount(domain) is None


def test_a_campaign_keeps_to_the_hour_and_reaches_everybody(
    app: Flask, office: tuple[int, Actor], tmp_path: Path
) -> None:
    workspace, ada = office
    with time_machine.travel(BEGIN, tick=False) as clock:
        with scope.inside(workspace):
            limit(ada, per_hour=6)
            campaigns_kit.people(15)
            key = campaigns_kit.started(ada).id
        sent = []
        for _minute in range(120):
            runner.drain(app)
            sent.append(len(list((tmp_path / "outbox").glob("*.eml"))))
            clock.shift(dt.timedelta(minutes=1))
    assert sent[0] == 6 and sent[59] <= 12 and sent[-1] == 15, sent
    with scope.inside(workspace):
        session.expire_all()
        assert session.get_one(Campaign, key).state == "done"
        assert set(campaigns_kit.fates(key).values()) == {"sent"}


@settings(max_examples=30, deadline=None)
@given(
    amount=st.integers(1, 40),
    steps=st.lists(st.tuples(st.integers(0, 20), st.integers(0, 4000)), min_size=1, max_size=15),
)
def test_no_more_leave_than_the_bucket_holds_and_fills(
    office_of_numbers: tuple[Flask, int, Actor], amount: int, steps: list[tuple[int, int]]
) -> None:
    _app, workspace, ada = office_of_numbers
    with scope.inside(workspace), time_machine.travel(BEGIN, tick=False) as clock:
        limit(ada, per_hour=amount)
        with operation("test.empty", actor=ada):
            for one in session.scalars(sa.select(SendingBucket)).all():
                session.delete(one)
        taken, passed = 0, 0
        for wanted, seconds in steps:
            taken += len(take(ada, ["a@x.example"] * wanted).places)
            assert taken <= amount + amount * passed / 3600 + 1e-6
            clock.shift(dt.timedelta(seconds=seconds))
            passed += seconds


@pytest.fixture(scope="module")
def office_of_numbers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Flask, int, Actor]]:
    made = jobs_kit.make_app(tmp_path_factory.mktemp("numbers"))
    with made.app_context():
        workspace = jobs_kit.found_workspace()
        yield made, workspace, jobs_kit.join(workspace, "Ada", "owner")


def test_nonsense_and_stale_settings_are_refused_and_agents_set_none(office: tuple[int, Actor]) -> None:
    workspace, ada = office
    dana = jobs_kit.join(workspace, "Dana", "agent")
    with scope.inside(workspace):
        for text in ("0", "-1", "1.5", "many", "٣", "99999999999999999999"):
            with pytest.raises(Invalid):
                sending_limits.save({"per_day": text}, version=0, actor=ada)
        limit(ada, per_day=5)
        with pytest.raises(Conflict):
            sending_limits.save({"per_day": "9"}, version=0, actor=ada)
        with pytest.raises(Forbidden):
            sending_limits.save({"per_day": "9"}, version=1, actor=dana)
    elsewhere = jobs_kit.found_workspace("summit")
    cora = jobs_kit.join(elsewhere, "Cora", "owner")
    with scope.inside(elsewhere):
        assert sending_limits.shown(actor=cora).values["per_day"] is None
        assert session.scalar(sa.select(sa.func.count()).select_from(Contact)) == 0


@pytest.mark.needs("postgres")
def test_workers_side_by_side_take_no_token_twice(tmp_path: Path) -> None:
    with database_kit.postgres() as (_owner, url):
        app = jobs_kit.make_app(tmp_path, url, create=False)
        with app.app_context():
            workspace = jobs_kit.found_workspace()
            ada = jobs_kit.join(workspace, "Ada", "owner")
            with scope.inside(workspace):
                limit(ada, per_day=40, domain_minute=35)
        got: list[int] = []

        def work() -> None:
            with app.app_context(), scope.inside(workspace):
                for _turn in range(10):
                    got.append(len(take(ada, ["a@x.example", "b@y.example"]).places))

        workers = [threading.Thread(target=work) for _ in range(4)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(60)
        assert sum(got) == 40
        with app.app_context():
            db.session.remove()
            db.engine.dispose()

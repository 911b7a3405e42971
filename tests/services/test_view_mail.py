"""Views by e-mail: each morning once, in the reader's zone, with what the reader may see; and no longer than they are
a member.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
import time_machine
from flask import Flask

from app.services import records, saved_views, view_mail
from app.services.operation import operation
from jobs import runner, schedule
from models import scope
from models.base import session
from models.contact import Contact
from models.message import Message
from models.scope import Actor, Reach
from models.user import User
from models.view import ViewSubscription
from models.workspace import Membership
from tests import jobs_kit

TUESDAY = dt.datetime(2026, 5, 12, 12, 30, tzinfo=dt.UTC)


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    made = jobs_kit.make_app(tmp_path, SMTP_URL=f"sink://{tmp_path / 'outbox'}")
    with made.app_context():
        yield made


@pytest.fixture
def office(app: Flask) -> tuple[int, Actor, Actor]:
    workspace = jobs_kit.found_workspace()
    dana, evan = jobs_kit.join(workspace, "Dana", "agent"), jobs_kit.join(workspace, "Evan", "broker")
    with scope.inside(workspace):
        for who, name in ((dana, "Dana's Dora"), (evan, "Evan's Egon {{ x }}")):
            records.create(Contact, {"name": name, "stage": "active"}, actor=who)
    return workspace, dana, evan


def subscribe(office: tuple[int, Actor, Actor], rhythm: str = "daily") -> int:
    workspace, dana, evan = office
    with scope.inside(workspace):
        key = saved_views.save("contact", "Active", "f=stage%3Ais%3Aactive", "workspace", actor=evan)
        for who in (dana, evan):
            saved_views.subscribe("contact", key, rhythm, actor=who)
    return key


def morning(app: Flask, moment: dt.datetime) -> list[Message]:
    with time_machine.travel(moment, tick=False):
        view_mail.promise_due(moment)
        runner.drain(app)
    with scope.across_workspaces("a test looks"):
        return list(session.scalars(sa.select(Message).order_by(Message.id)))


def test_each_reader_gets_their_own_records_once_a_day(app: Flask, office: tuple[int, Actor, Actor]) -> None:
    subscribe(office)
    found = morning(app, TUESDAY)
    assert sorted(m.subject for m in found) == ["Active: 1", "Active: 2"]
    small = next(m for m in found if m.subject == "Active: 1")
    assert "Dora" in small.body and "Egon" not in small.body and "/to/contact?view=" in small.body
    large = next(m for m in found if m.subject == "Active: 2")
    assert "Egon { { x }}" in large.body, "a name is no merge field"
    assert len(morning(app, TUESDAY + dt.timedelta(hours=2))) == 2, "once a day"
    assert len(morning(app, TUESDAY + dt.timedelta(days=1))) == 4


def test_the_clock_sends_them_to_their_readers(app: Flask, office: tuple[int, Actor, Actor]) -> None:
    subscribe(office)
    timed = tuple(one for one in schedule.TIMETABLE if one.job == "views.promise")
    with time_machine.travel(TUESDAY, tick=False):
        schedule.promise_due(TUESDAY, timed)
        runner.drain(app)
    with scope.across_workspaces("a test looks"):
        assert sorted(session.scalars(sa.select(Message.subject))) == ["Active: 1", "Active: 2"]


@pytest.mark.parametrize(
    ("rhythm", "moment", "letters"),
    [
        ("daily", TUESDAY - dt.timedelta(hours=8), 0),
        ("daily", TUESDAY + dt.timedelta(days=4), 0),
        ("weekly", TUESDAY, 0),
        ("weekly", TUESDAY + dt.timedelta(days=6), 2),
    ],
)
def test_it_comes_in_the_morning_of_its_days(
    app: Flask, office: tuple[int, Actor, Actor], rhythm: str, moment: dt.datetime, letters: int
) -> None:
    subscribe(office, rhythm)
    assert len(morning(app, moment)) == letters


def test_whose_account_is_closed_gets_none(app: Flask, office: tuple[int, Actor, Actor]) -> None:
    subscribe(office)
    with scope.across_workspaces("a test closes an account"), operation("user.close", actor=jobs_kit.SYSTEM):
        session.get(User, office[1].user_id).active = False
    assert [m.subject for m in morning(app, TUESDAY)] == ["Active: 2"]


def test_who_is_no_member_any_more_and_what_is_gone_is_not_sent(app: Flask, office: tuple[int, Actor, Actor]) -> None:
    workspace, dana, evan = office
    key = subscribe(office)
    with scope.inside(workspace):
        with operation("member.leave", actor=jobs_kit.SYSTEM):
            session.get(Membership, dana.membership_id).active = False
        saved_views.subscribe("contact", key, "", actor=evan)
    assert morning(app, TUESDAY) == []
    with scope.inside(workspace):
        saved_views.subscribe("contact", key, "daily", actor=evan)
        saved_views.delete("contact", key, actor=evan)
        assert session.scalars(sa.select(ViewSubscription)).all() == []
    assert morning(app, TUESDAY) == []


def test_who_may_no_longer_read_the_list_gets_no_letter(app: Flask, office: tuple[int, Actor, Actor]) -> None:
    workspace, dana, _ = office
    key = subscribe(office)
    with scope.inside(workspace):
        blind = replace(dana, rights={"task": {"read": Reach.OWN}})
        assert not view_mail.send(key, "2026-05-12", actor=blind, public_url="http://localhost")
        assert view_mail.send(key, "2026-05-12", actor=dana, public_url="http://localhost")

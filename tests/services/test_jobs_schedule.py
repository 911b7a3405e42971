"""What happens by the clock, and what it deletes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from app.services import audit_heads, housekeeping, records
from app.services.operation import operation
from jobs import registry, runner, schedule
from models import scope, tenancy
from models.access import Throttle, UserSession
from models.audit import Audit, Change
from models.base import session
from models.contact import Contact, ContactEmail, Tag
from models.fields import now
from models.job import Job, ScheduledRun
from models.policy import Purpose
from models.privacy import Consent
from tests import jobs_kit

NIGHT = dt.datetime(2026, 3, 10, 3, 5, tzinfo=dt.UTC)


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    made = jobs_kit.make_app(tmp_path)
    with made.app_context():
        yield made


def _jobs() -> list[str]:
    with scope.across_workspaces("a test looks"):
        return list(session.scalars(sa.select(Job.name).order_by(Job.id)))


def test_two_tickers_promise_each_occurrence_once(app: Flask) -> None:
    assert schedule.promise_due(NIGHT) == len(schedule.TIMETABLE)
    assert schedule.promise_due(NIGHT) == 0
    assert schedule.promise_due(NIGHT + dt.timedelta(days=1)) == len(schedule.TIMETABLE)
    assert sorted(_jobs()) == sorted([t.job for t in schedule.TIMETABLE] * 2)


def test_every_timed_job_is_on_the_list_and_runs(app: Flask) -> None:
    assert {t.job for t in schedule.TIMETABLE} <= set(registry.load())
    schedule.promise_due(NIGHT)
    runner.drain(app)
    with scope.across_workspaces("a test looks"):
        assert set(session.scalars(sa.select(Job.state))) == {"done"}


def test_a_workspace_that_is_gone_does_not_end_the_nightly_check(app: Flask, tmp_path: Path) -> None:
    """A head kept outside names a brokerage that is not in the database any more; the check says so and is done."""
    audit_heads.use(tmp_path / "heads")
    try:
        audit_heads.keep(audit_heads.Head(4711, 12, b"hash", b"signature"))
        schedule.promise_due(NIGHT)
        runner.drain(app)
    finally:
        audit_heads.use(None)
    with scope.across_workspaces("a test looks"):
        assert session.scalars(sa.select(Job.state).where(Job.name == "audit.verify")).one() == "done"
        found = [one.facts for one in session.scalars(sa.select(Audit).where(Audit.action == "audit.verify"))]
    assert [(facts["chain"], facts["ok"]) for facts in found if "chain" in facts] == [(4711, False)]


@given(
    st.timedeltas(dt.timedelta(), dt.timedelta(days=25_000)),
    st.sampled_from(schedule.TIMETABLE),
)
def test_the_last_occurrence_is_never_ahead_nor_a_period_behind(after: dt.timedelta, timed: schedule.Timed) -> None:
    moment = dt.datetime(2021, 1, 1, tzinfo=dt.UTC) + after
    due = timed.last_due(moment)
    assert due <= moment < due + timed.every
    assert timed.last_due(due) == due


def _old(model: type, **values: object) -> None:
    with scope.across_workspaces("a test ages rows"), operation("test.age", actor=jobs_kit.SYSTEM):
        session.execute(sa.update(model.__table__).values(values), execution_options=tenancy.reason("a test ages rows"))  # type: ignore[attr-defined]


def test_the_bin_is_emptied_after_thirty_days_with_the_values_of_its_history(app: Flask) -> None:
    workspace = jobs_kit.found_workspace()
    agent = jobs_kit.join(workspace, "Dana", "broker")
    with scope.inside(workspace):
        contact = records.create(Contact, {"name": "Sam Rivers", "email": "sam@example.com"}, actor=agent)
        records.create(ContactEmail, {"contact_id": contact.id, "address": "sam2@example.com"}, actor=agent)
        kept = records.create(Tag, {"name": "waterfront"}, actor=agent)
        newer_id = records.create(Contact, {"name": "Kim Brook"}, actor=agent).id
        records.create(ContactEmail, {"contact_id": newer_id, "address": "kim2@example.com"}, actor=agent)
        records.delete(Contact, contact.id, actor=agent)
        mail = session.scalars(sa.select(ContactEmail).order_by(ContactEmail.id)).first()
        assert mail is not None
        records.delete(ContactEmail, mail.id, actor=agent)
    _purge()
    assert _left(Contact) == 2, "not yet"
    _old(Contact, deleted_at=now() - dt.timedelta(days=31))
    _old(ContactEmail, deleted_at=now() - dt.timedelta(days=31))
    _purge()
    assert (_left(Contact), _left(ContactEmail), _left(Tag)) == (1, 1, 1), "the newest ids are not given again"
    with scope.inside(workspace):
        assert session.scalars(sa.select(Change.record_id).where(Change.entity == "contact")).all() == [newer_id]
        assert session.get(Tag, kept.id) is not None
        actions = session.scalars(sa.select(Audit.action).where(Audit.entity == "contact")).all()
        assert "contact.create" in actions, "that it existed stays on record"


def test_what_others_refer_to_stays_in_the_bin(app: Flask) -> None:
    workspace = jobs_kit.found_workspace()
    agent = jobs_kit.join(workspace, "Dana", "broker")
    with scope.inside(workspace):
        contact = records.create(Contact, {"name": "Sam Rivers"}, actor=agent)
        with operation("consent", actor=agent):
            session.add(Consent(contact_id=contact.id, topic="marketing", given=True, source="test"))
        records.delete(Contact, contact.id, actor=agent)
    _old(Contact, deleted_at=now() - dt.timedelta(days=31))
    _purge()
    assert _left(Contact) == 1


def test_ended_sessions_locks_and_old_jobs_go_and_the_rest_stays(app: Flask) -> None:
    long_ago = now() - dt.timedelta(days=200)
    with scope.across_workspaces("a test prepares"), operation("test.prepare", actor=jobs_kit.SYSTEM) as op:
        session.add_all([UserSession(id="old", seen_at=long_ago), UserSession(id="new", seen_at=now())])
        session.add_all([Throttle(key="old", window_ends=long_ago), Throttle(key="new", window_ends=now())])
        for name in ("old", "new"):
            op.promise(name, {}, purpose=Purpose.RELIABILITY)
        session.flush()
        for job in session.scalars(sa.select(Job)):
            job.state, job.finished_at = "done", long_ago if job.name == "old" else now()
    with scope.across_workspaces("a test cleans"):
        gone = housekeeping.trim(housekeeping.ACCESS, actor=jobs_kit.SYSTEM) | housekeeping.trim(
            housekeeping.LOGS, actor=jobs_kit.SYSTEM
        )
        assert gone == {
            "user_session": 1,
            "sign_in_link": 0,
            "throttle": 1,
            "job": 1,
            "scheduled_run": 0,
            "invitation": 0,
            "received_event": 0,
            "idempotency": 0,
            "webhook_delivery": 0,
            "setup_file": 0,
            "received_mail": 0,
            "ai_draft": 0,
            "tracked_event": 0,
        }
        assert session.scalars(sa.select(UserSession.id)).all() == ["new"]
    assert _jobs() == ["new"]


def test_what_is_trimmed_says_in_its_policy_how_long_it_stays() -> None:
    for model in (*housekeeping.LOGS, *housekeeping.ACCESS):
        assert model.policy.keep.days, model


def _purge() -> None:
    with scope.across_workspaces("a test purges"):
        housekeeping.purge_bin(actor=jobs_kit.SYSTEM)


def _left(model: type) -> int:
    with scope.across_workspaces("a test counts"):
        return (
            session.scalar(
                sa.select(sa.func.count()).select_from(model.__table__),
                execution_options=tenancy.reason("a test counts"),
            )
            or 0
        )  # type: ignore[attr-defined]


def test_a_run_of_the_clock_is_a_row(app: Flask) -> None:
    schedule.promise_due(NIGHT)
    due = session.scalars(sa.select(ScheduledRun.due_at).where(ScheduledRun.name == "bin.purge")).one()
    assert due == dt.datetime(2026, 3, 10, 3, 0, tzinfo=dt.UTC)

"""Calls of a real provider on this machine: what it was sent is what the ledger says, hash for hash, and what goes
wrong is told in a sentence."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask

from app import adapters
from app.adapters import ai
from app.errors import Forbidden
from app.services import ai_ledger, ai_providers, drafts, jobs
from app.services.ai_providers import Chosen
from app.services.operation import operation
from jobs import runner, store
from models.base import session
from models.fields import now
from models.job import Job
from models.message import Message
from models.policy import Purpose
from tests import ai_kit, jobs_kit
from tests.ai_kit import Brokerage, Provider, providing


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    made = jobs_kit.make_app(tmp_path, SMTP_URL=f"sink://{tmp_path / 'outbox'}")
    with made.app_context():
        yield made


@pytest.fixture
def provider() -> Iterator[Provider]:
    with providing() as found:
        yield found


@pytest.fixture
def office(app: Flask, provider: Provider) -> Brokerage:
    return Brokerage(app, provider)


def test_a_draft_by_a_provider_waits_for_a_person_and_the_ledger_tells_all(
    app: Flask, office: Brokerage, provider: Provider
) -> None:
    job = ai_kit.ask(office, wish="Mention the garden")
    runner.drain(app)
    with office.inside():
        card = drafts.card(job, actor=office.agent)
        assert card.state == "ready" and card.message is not None
        assert (card.message.subject, card.message.body) == ("A quick word", "Hello, shall we talk?")
        assert card.message.drafted_by == "Ours"
    (call,) = provider.calls
    assert call.path == "/v1/chat/completions" and call.headers["authorization"] == f"Bearer {ai_kit.KEY}"
    told = call.json["messages"][1]["content"]
    assert told.startswith("<crm-data>\n{") and "Sam Rivers" in told and "Mention the garden" in told
    (row,) = office.calls()
    assert (row.outcome, row.status, row.tokens_in, row.tokens_out, row.attempt) == ("answered", 200, 120, 30, 1)
    assert row.cost == ai_ledger.price(Chosen(1, "", "", "", price_in=300, price_out=1500), 120, 30) == 810
    assert row.latency_ms is not None and row.provider == "Ours" and row.model == "m-1"
    ai_kit.ledger_is_what_was_sent(office, provider)
    with office.inside():
        copy = ai_ledger.copy_of(row)
    assert copy is not None and "Sam Rivers" in copy and ai_kit.KEY not in copy


def test_anthropic_is_spoken_to_in_its_own_words(app: Flask, provider: Provider) -> None:
    office = Brokerage(app, provider, kind="anthropic", base_url=f"http://{provider.address}")
    ai_kit.ask(office)
    runner.drain(app)
    (call,) = provider.calls
    assert call.path == "/v1/messages" and call.headers["x-api-key"] == ai_kit.KEY
    assert call.headers["anthropic-version"] == "2023-06-01" and call.json["system"]
    assert [(row.outcome, row.tokens_in) for row in office.calls()] == [("answered", 120)]
    ai_kit.ledger_is_what_was_sent(office, provider)


@pytest.mark.parametrize("plan", [429, 500, 503, "cut", b"<html>no", b'{"choices": []}', b'{"choices": 5}', b"[[[["])
def test_what_may_mend_itself_is_tried_three_times_and_then_told(
    app: Flask, office: Brokerage, provider: Provider, plan: int | bytes | str
) -> None:
    provider.plans = [plan] * 3
    job = ai_kit.ask(office)
    for tries in (1, 2, 3):
        runner.drain(app)
        assert len(provider.calls) == tries
        if tries < 3:
            assert ai_kit.job(office, job).state == "waiting" and "tried again" in str(ai_kit.job(office, job).error)
            ai_kit.hurry()
    over = ai_kit.job(office, job)
    assert over.state == "failed" and "provider" in str(over.error).lower()
    assert [(row.attempt, row.outcome) for row in office.calls()] == [(1, "failed"), (2, "failed"), (3, "failed")]
    ai_kit.ledger_is_what_was_sent(office, provider)
    with office.inside():
        assert drafts.card(job, actor=office.agent).state == "failed"
        assert session.scalars(sa.select(Message)).all() == []


@pytest.mark.parametrize(
    ("plan", "words"), [(401, "refused the key"), (404, "address or model"), (400, "could not use"), (302, "elsewhere")]
)
def test_what_trying_again_cannot_mend_is_told_at_once(
    app: Flask, office: Brokerage, provider: Provider, plan: int, words: str
) -> None:
    provider.plans, provider.headers = [plan], {"Location": "http://127.0.0.1:1/"} if plan == 302 else {}
    job = ai_kit.ask(office)
    runner.drain(app)
    assert ai_kit.job(office, job).state == "failed" and words in str(ai_kit.job(office, job).error)
    assert [(row.outcome, row.status, row.cost) for row in office.calls()] == [("failed", plan, 0)]


def test_a_failure_that_passes_ends_in_a_draft(app: Flask, office: Brokerage, provider: Provider) -> None:
    provider.plans, provider.headers = [503], {"Retry-After": "7"}
    job = ai_kit.ask(office)
    runner.drain(app)
    waiting = ai_kit.job(office, job)
    assert 5 < (waiting.run_at - office.calls()[0].at).total_seconds() < 9, "the provider said how long"
    ai_kit.hurry()
    runner.drain(app)
    assert ai_kit.job(office, job).state == "done" and [r.outcome for r in office.calls()] == ["failed", "answered"]


def test_a_provider_that_wants_long_to_be_left_alone_is(app: Flask, office: Brokerage, provider: Provider) -> None:
    provider.plans, provider.headers = [429], {"Retry-After": "1800"}
    job = ai_kit.ask(office)
    runner.drain(app)
    assert ai_kit.job(office, job).state == "failed" and "30 minutes" in str(ai_kit.job(office, job).error)


def test_a_provider_that_is_down_or_slow_is_told_in_a_sentence(office: Brokerage, provider: Provider) -> None:
    chosen = Chosen(1, "Ours", "openai", "m", f"http://{provider.address}/v1")
    over = threading.Event()
    provider.before = lambda: over.wait(20) and None
    slow = ai.send(chosen, b'{"messages": [{}, {"content": ""}]}', purpose=Purpose.SEND_REQUESTED, timeout=0.3)
    over.set()
    assert slow.text is None and "No answer within 0.3 seconds" in slow.error and not slow.final
    ai_providers.allow_servers(["127.0.0.1:9"])
    down = Chosen(1, "Ours", "openai", "m", "http://127.0.0.1:9/v1")
    gone = ai.send(down, b"{}", purpose=Purpose.SEND_REQUESTED)
    assert gone.text is None and "connection failed" in gone.error
    with pytest.raises(adapters.NoPurpose):
        ai.send(down, b"{}", purpose="because")  # type: ignore[arg-type]


def test_a_call_that_cannot_write_its_row_is_not_made(app: Flask, office: Brokerage, provider: Provider) -> None:
    with session.get_bind().connect() as live:
        live.exec_driver_sql("create trigger full before insert on ai_call begin select raise(abort, 'full disk'); end")
        live.commit()
    job = ai_kit.ask(office)
    runner.drain(app)
    assert provider.calls == [] and office.calls() == [] and ai_kit.job(office, job).state == "waiting"


def test_opting_out_refuses_what_waits_and_nothing_is_called(app: Flask, office: Brokerage, provider: Provider) -> None:
    provider.plans = [503]
    first = ai_kit.ask(office)
    runner.drain(app)
    office.switch_off()
    runner.drain(app)
    assert (ai_kit.job(office, first).state, len(provider.calls)) == ("refused", 1)
    assert "switched off" in str(ai_kit.job(office, first).error)
    with office.inside(), pytest.raises(Forbidden, match="switched off"):
        drafts.ask("email", 1, actor=office.agent)


def test_an_answer_that_comes_after_opting_out_is_dropped(app: Flask, office: Brokerage, provider: Provider) -> None:
    job = ai_kit.ask(office)

    def meanwhile() -> None:
        with app.app_context():
            office.switch_off()

    provider.before = meanwhile
    runner.drain(app)
    assert ai_kit.job(office, job).state == "refused"
    assert [row.outcome for row in office.calls()] == ["dropped"]
    ai_kit.ledger_is_what_was_sent(office, provider)
    with office.inside():
        assert session.scalars(sa.select(Message)).all() == []


def test_who_asked_stops_a_call_in_the_middle(app: Flask, office: Brokerage, provider: Provider) -> None:
    job, over = ai_kit.ask(office), threading.Event()

    def cancelled_and_silent() -> None:
        with app.app_context(), office.inside():
            jobs.cancel(job, actor=office.agent)
        over.wait(30)

    provider.before = cancelled_and_silent
    runner.drain(app)
    ended = not over.is_set()
    over.set()
    assert ended and ai_kit.job(office, job).state == "cancelled", "the worker did not wait for the answer"
    assert [(row.outcome, row.reply_hash) for row in office.calls()] == [("cancelled", None)]
    assert office.calls()[0].cost is None, "nobody knows what it cost: the reservation counts"


def test_an_answer_to_a_cancelled_job_is_dropped(app: Flask, office: Brokerage, provider: Provider) -> None:
    job = ai_kit.ask(office)

    def cancelled() -> None:
        with app.app_context(), office.inside():
            jobs.cancel(job, actor=office.agent)

    provider.before = cancelled
    runner.drain(app)
    assert [row.outcome for row in office.calls()] == ["dropped"]
    with office.inside():
        assert session.scalars(sa.select(Message)).all() == []


def test_the_budget_holds_with_two_workers_at_once(app: Flask, office: Brokerage, provider: Provider) -> None:
    """Each call may cost 1.2 cents and more; a budget of 2 cents lets one through, however many workers there are."""
    office.choose(budget_cents=2)
    for _ in range(4):
        contact = office.contact(email=None, name="Sam")
        with office.inside():
            drafts.ask("lead_summary", contact, actor=office.agent)
    provider.usage = None  # nobody says what it cost, so that the most counts
    workers = [threading.Thread(target=runner.drain, args=(app,), kwargs={"most": 2}) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    runner.drain(app)
    assert len(provider.calls) == 1 and len(office.calls()) == 1
    with office.inside():
        assert ai_ledger.spent() <= 20_000
        states = session.scalars(sa.select(Job.state).where(Job.name == drafts.JOB)).all()
        assert sorted(states) == ["done", "refused", "refused", "refused"]


def test_a_workspace_makes_no_more_calls_in_a_minute_than_it_may(
    app: Flask, office: Brokerage, provider: Provider
) -> None:
    office.choose(calls_per_minute=2)
    for _ in range(3):
        contact = office.contact(email=None, name="Sam")
        with office.inside():
            drafts.ask("lead_summary", contact, actor=office.agent)
    runner.drain(app)
    assert len(provider.calls) == 2
    with office.inside():
        waits = session.scalars(sa.select(Job).where(Job.state == "waiting")).one()
        assert "waits its turn" in str(waits.error)


def test_a_worker_that_died_during_a_call_leaves_a_row_that_counts(
    app: Flask, office: Brokerage, provider: Provider
) -> None:
    job = ai_kit.ask(office)
    [claimed] = store.claim(1)
    with office.inside():
        actor = office.agent
        with operation("draft.prepare", actor=actor):
            asked = drafts.prepare({"feature": "email", **claimed.args}, actor=actor, job_id=job, encode=ai.encode)
    assert isinstance(asked, drafts.Asked)
    with store.connection() as live:
        live.execute(sa.update(store.table).values(lease_until=now().replace(year=2020)))
    runner.drain(app)
    rows = office.calls()
    assert [(row.attempt, row.outcome) for row in rows] == [(1, "unknown"), (2, "answered")]
    assert rows[0].cost is None and rows[0].reserved > 0 and len(provider.calls) == 1
    with office.inside():
        assert ai_ledger.spent() == rows[0].reserved + int(rows[1].cost or 0)

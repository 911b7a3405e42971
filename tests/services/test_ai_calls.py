"""Calls of a real provider on this machine: what it was sent is what the ledger says, hash for hash, and what goes
wrong is told in a sentence."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask

from app import adapters
from app.adapters import ai
from app.errors import Forbidden, Invalid, NotFound
from app.services import ai_features, ai_ledger, ai_providers, drafts, jobs
from app.services.ai_providers import Chosen
from jobs import runner
from models.ai import AiProvider
from models.base import session
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


def _ask(office: Brokerage, key: str = "email", **typed: str) -> int:
    contact = office.contact()
    with office.inside():
        return drafts.ask(key, contact, actor=office.agent, **typed).id


def _job(office: Brokerage, job_id: int) -> Job:
    with office.inside():
        session.expire_all()
        return session.get_one(Job, job_id)


def _ledger_is_what_was_sent(office: Brokerage, provider: Provider) -> None:
    rows = office.calls()
    assert [row.payload_hash for row in rows] == [hashlib.sha256(call.body).hexdigest() for call in provider.calls]
    assert [row.payload_bytes for row in rows] == [len(call.body) for call in provider.calls]
    for row, call in zip(rows, provider.calls, strict=True):
        if row.reply_hash is not None:
            assert row.reply_hash == hashlib.sha256(call.answered).hexdigest()


def test_a_draft_by_a_provider_waits_for_a_person_and_the_ledger_tells_all(
    app: Flask, office: Brokerage, provider: Provider
) -> None:
    job = _ask(office, wish="Mention the garden")
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
    _ledger_is_what_was_sent(office, provider)
    with office.inside():
        copy = ai_ledger.copy_of(row)
    assert copy is not None and "Sam Rivers" in copy and ai_kit.KEY not in copy


def test_anthropic_is_spoken_to_in_its_own_words(app: Flask, provider: Provider) -> None:
    office = Brokerage(app, provider, kind="anthropic", base_url=f"http://{provider.address}")
    _ask(office)
    runner.drain(app)
    (call,) = provider.calls
    assert call.path == "/v1/messages" and call.headers["x-api-key"] == ai_kit.KEY
    assert call.headers["anthropic-version"] == "2023-06-01" and call.json["system"]
    assert [(row.outcome, row.tokens_in) for row in office.calls()] == [("answered", 120)]
    _ledger_is_what_was_sent(office, provider)


@pytest.mark.parametrize("plan", [429, 500, 503, "cut", b"<html>no", b'{"choices": []}', b'{"choices": 5}', b"[[[["])
def test_what_may_mend_itself_is_tried_three_times_and_then_told(
    app: Flask, office: Brokerage, provider: Provider, plan: int | bytes | str
) -> None:
    provider.plans = [plan] * 3
    job = _ask(office)
    for tries in (1, 2, 3):
        runner.drain(app)
        assert len(provider.calls) == tries
        if tries < 3:
            assert _job(office, job).state == "waiting" and "tried again" in str(_job(office, job).error)
            ai_kit.hurry()
    over = _job(office, job)
    assert over.state == "failed" and "provider" in str(over.error).lower()
    assert [(row.attempt, row.outcome) for row in office.calls()] == [(1, "failed"), (2, "failed"), (3, "failed")]
    _ledger_is_what_was_sent(office, provider)
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
    job = _ask(office)
    runner.drain(app)
    assert _job(office, job).state == "failed" and words in str(_job(office, job).error)
    assert [(row.outcome, row.status, row.cost) for row in office.calls()] == [("failed", plan, 0)]


def test_a_failure_that_passes_ends_in_a_draft(app: Flask, office: Brokerage, provider: Provider) -> None:
    provider.plans, provider.headers = [503], {"Retry-After": "7"}
    job = _ask(office)
    runner.drain(app)
    waiting = _job(office, job)
    assert 5 < (waiting.run_at - office.calls()[0].at).total_seconds() < 9, "the provider said how long"
    ai_kit.hurry()
    runner.drain(app)
    assert _job(office, job).state == "done" and [r.outcome for r in office.calls()] == ["failed", "answered"]


def test_a_provider_that_wants_long_to_be_left_alone_is(app: Flask, office: Brokerage, provider: Provider) -> None:
    provider.plans, provider.headers = [429], {"Retry-After": "1800"}
    job = _ask(office)
    runner.drain(app)
    assert _job(office, job).state == "failed" and "30 minutes" in str(_job(office, job).error)


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


@pytest.mark.parametrize(
    "address",
    ["http://127.0.0.1:80/v1", "https://127.0.0.1/v1", "https://169.254.169.254/v1", "https://10.0.0.8:8443/v1",
     "http://ai.example.com/v1", "https://user:pw@ai.example.com/v1", "https://localhost/v1", "ftp://ai.example.com"],
)  # fmt: skip
def test_a_provider_that_leads_behind_us_is_not_kept_nor_called(office: Brokerage, address: str) -> None:
    given = {"name": "Trap", "kind": "openai", "base_url": address, "model": "m", "key": "", "price_in": 0,
             "price_out": 0, **ai_kit.TERMS}  # fmt: skip
    with office.inside(), pytest.raises(Invalid) as told:
        ai_providers.save(None, given, accept=True, actor=office.admin)
    assert "base_url" in told.value.fields
    answer = ai.send(Chosen(9, "Trap", "openai", "m", address), b"{}", purpose=Purpose.SEND_REQUESTED)
    assert answer.text is None and answer.final


def test_a_name_that_leads_behind_us_is_not_called() -> None:
    trap = Chosen(9, "Trap", "openai", "m", "https://ai.example.com/v1")
    for found in (["10.0.0.5"], ["93.184.216.34", "127.0.0.1"], ["::ffff:127.0.0.1"]):
        answer = ai.send(trap, b"{}", purpose=Purpose.SEND_REQUESTED, resolve=lambda _h, _p, f=found: f)  # type: ignore[misc]
        assert "not called" in answer.error and answer.final


def test_a_call_that_cannot_write_its_row_is_not_made(app: Flask, office: Brokerage, provider: Provider) -> None:
    with session.get_bind().connect() as live:
        live.exec_driver_sql("create trigger full before insert on ai_call begin select raise(abort, 'full disk'); end")
        live.commit()
    job = _ask(office)
    runner.drain(app)
    assert provider.calls == [] and office.calls() == [] and _job(office, job).state == "waiting"


def test_opting_out_refuses_what_waits_and_nothing_is_called(app: Flask, office: Brokerage, provider: Provider) -> None:
    provider.plans = [503]
    first = _ask(office)
    runner.drain(app)
    office.switch_off()
    runner.drain(app)
    assert (_job(office, first).state, len(provider.calls)) == ("refused", 1)
    assert "switched off" in str(_job(office, first).error)
    with office.inside(), pytest.raises(Forbidden, match="switched off"):
        drafts.ask("email", 1, actor=office.agent)


def test_an_answer_that_comes_after_opting_out_is_dropped(app: Flask, office: Brokerage, provider: Provider) -> None:
    job = _ask(office)

    def meanwhile() -> None:
        with app.app_context():
            office.switch_off()

    provider.before = meanwhile
    runner.drain(app)
    assert _job(office, job).state == "refused"
    assert [row.outcome for row in office.calls()] == ["dropped"]
    _ledger_is_what_was_sent(office, provider)
    with office.inside():
        assert session.scalars(sa.select(Message)).all() == []


def test_who_asked_stops_a_call_in_the_middle(app: Flask, office: Brokerage, provider: Provider) -> None:
    job, over = _ask(office), threading.Event()

    def cancelled_and_silent() -> None:
        with app.app_context(), office.inside():
            jobs.cancel(job, actor=office.agent)
        over.wait(30)

    provider.before = cancelled_and_silent
    runner.drain(app)
    ended = not over.is_set()
    over.set()
    assert ended and _job(office, job).state == "cancelled", "the worker did not wait for the answer"
    assert [(row.outcome, row.reply_hash) for row in office.calls()] == [("cancelled", None)]
    assert office.calls()[0].cost is None, "nobody knows what it cost: the reservation counts"


def test_an_answer_to_a_cancelled_job_is_dropped(app: Flask, office: Brokerage, provider: Provider) -> None:
    job = _ask(office)

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


def test_a_provider_without_accepted_terms_is_not_used(app: Flask, office: Brokerage, provider: Provider) -> None:
    with office.inside():
        kept = ai_providers.get(office.provider_id, actor=office.admin)
        given = {
            n: getattr(kept, n) for n in ("name", "kind", "base_url", "model", "price_in", "price_out", "terms_url")
        }
        with pytest.raises(Invalid) as told:
            ai_providers.save(
                kept.id, given | {"key": "", "terms_version": "2026-06-01"}, accept=False, actor=office.admin
            )
        assert list(told.value.fields) == ["accept"]
        assert (kept.accepted_by, kept.accepted_version) == ("Ada", "2026-01-01") and kept.accepted_at is not None
    ai_kit.quietly(office.id, lambda: setattr(session.get_one(AiProvider, office.provider_id), "terms_version", "new"))
    with office.inside(), pytest.raises(Forbidden, match="terms of Ours"):
        drafts.ask("email", office.contact(email="b@example.com"), actor=office.agent)
    assert provider.calls == []


def test_a_key_never_goes_to_another_place_than_it_was_typed_for(office: Brokerage) -> None:
    with office.inside():
        kept = ai_providers.get(office.provider_id, actor=office.admin)
        given = {n: getattr(kept, n) for n in ("name", "kind", "model", "price_in", "price_out", "terms_url")}
        given |= {"key": "", "terms_version": "2026-01-01", "base_url": "https://elsewhere.example.com/v1"}
        with pytest.raises(Invalid):
            ai_providers.save(kept.id, given, accept=False, actor=office.admin)
        assert ai_providers.save(kept.id, given, accept=True, actor=office.admin).key is None


def test_a_key_is_sealed_in_the_database_and_in_no_text(office: Brokerage) -> None:
    with session.get_bind().connect() as live:
        rows = (
            live.exec_driver_sql("select * from ai_provider").all() + live.exec_driver_sql("select * from audit").all()
        )
    assert ai_kit.KEY not in repr(rows)
    with office.inside():
        assert ai_kit.KEY not in repr(ai_providers.chosen("email"))


def test_a_test_button_sends_nothing_of_anybody(app: Flask, office: Brokerage, provider: Provider) -> None:
    office.contact()
    with office.inside():
        ai_providers.ask_test(office.provider_id, actor=office.admin)
        with pytest.raises(Forbidden):
            ai_providers.ask_test(office.provider_id, actor=office.agent)
    provider.plans = [401]
    runner.drain(app)
    with office.inside():
        kept = ai_providers.get(office.provider_id, actor=office.admin)
        assert kept.tested_ok is False and "refused the key" in str(kept.tested_note)
        ai_providers.ask_test(office.provider_id, actor=office.admin)
    runner.drain(app)
    with office.inside():
        session.expire_all()
        assert ai_providers.get(office.provider_id, actor=office.admin).tested_ok is True
    assert all(b"Sam" not in call.body and b"Harbor" not in call.body for call in provider.calls)
    assert [(row.feature, row.fields) for row in office.calls()] == [("test", []), ("test", [])]
    _ledger_is_what_was_sent(office, provider)


def test_an_admin_of_another_brokerage_finds_no_provider(app: Flask, office: Brokerage, provider: Provider) -> None:
    other = Brokerage(app, provider, "saltmarsh")
    with other.inside():
        for act in (
            lambda: ai_providers.get(office.provider_id, actor=other.admin),
            lambda: ai_providers.remove(office.provider_id, actor=other.admin),
            lambda: ai_providers.ask_test(office.provider_id, actor=other.admin),
        ):
            with pytest.raises((NotFound, Forbidden)):
                act()
        with pytest.raises(Invalid):
            ai_providers.change_settings(1, 1, {"email": office.provider_id}, version=1, actor=other.admin)
    with office.inside(), pytest.raises(Forbidden):
        ai_providers.save(None, {}, accept=True, actor=office.agent)


def test_removing_a_provider_gives_its_drafts_back_to_the_templates(
    app: Flask, office: Brokerage, provider: Provider
) -> None:
    with office.inside():
        ai_providers.remove(office.provider_id, actor=office.admin)
        assert ai_providers.chosen("email").name == "Built-in template, no AI provider"
    _ask(office)
    runner.drain(app)
    assert provider.calls == [] and [row.outcome for row in office.calls()] == ["answered"]


def test_a_feature_that_reads_a_secret_stops_the_start() -> None:
    for name in ("webhook.secret", "contact.nothing", "api_key.name"):
        broken = ai_features.Feature("x", "X", "X", "contact", "text", (ai_features.Input(name, "x"),), "X")
        with pytest.raises(ai_features.BrokenFeature):
            ai_features.check([broken])
    ai_features.check()

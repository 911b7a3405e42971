"""Providers as an admin sets them up: terms, keys, places that must not be called, tests, and who may not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from app.adapters import ai
from app.errors import Forbidden, Invalid, NotFound
from app.services import ai_features, ai_providers, drafts
from app.services.ai_providers import Chosen
from jobs import runner
from models.ai import AiProvider
from models.base import session
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
    ai_kit.ledger_is_what_was_sent(office, provider)


def test_a_test_that_is_refused_does_not_look_as_if_it_went_on(
    app: Flask, office: Brokerage, provider: Provider
) -> None:
    with office.inside():
        ai_providers.ask_test(office.provider_id, actor=office.admin)
    office.switch_off()
    runner.drain(app)
    with office.inside():
        kept = ai_providers.get(office.provider_id, actor=office.admin)
        assert (kept.tested_ok, provider.calls) == (False, []) and "switched off" in str(kept.tested_note)


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
    ai_kit.ask(office)
    runner.drain(app)
    assert provider.calls == [] and [row.outcome for row in office.calls()] == ["answered"]


def test_a_feature_that_reads_a_secret_stops_the_start() -> None:
    for name in ("webhook.secret", "contact.nothing", "api_key.name"):
        broken = ai_features.Feature("x", "X", "X", "contact", "text", (ai_features.Input(name, "x"),), "X")
        with pytest.raises(ai_features.BrokenFeature):
            ai_features.check([broken])
    ai_features.check()

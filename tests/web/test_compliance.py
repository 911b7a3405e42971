"""Cora, the compliance officer, reads the log of her brokerage; agents and people of other brokerages do not."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from app.services import audit_heads, chain, consent, members, records, roles, subject_keys
from app.services.operation import operation
from models import registry, scope
from models.audit import Audit
from models.base import db, session
from models.contact import Contact
from tests.factories import Browser, World, sign_in
from views import ledgers

ROW = "<td role=cell class=k2>"


@pytest.fixture(autouse=True)
def _heads(tmp_path: Path) -> Iterator[None]:
    audit_heads.use(tmp_path)
    yield
    audit_heads.use(None)


@pytest.fixture
def cora(client: Browser, world: World) -> Browser:
    sign_in(client, world.harbour.compliance)
    return client


def rename(app: Flask, world: World, office: Any, to: str = "Dana Renamed") -> int:
    """The broker of an office renames its first contact; returns the contact's id."""
    with app.app_context(), office.inside():
        key = next(iter(office.contacts.values()))
        records.update(Contact, key, {"name": to, "stage": "qualified"}, actor=office.actor("broker"))
        session.remove()
    return int(key)


def newest(app: Flask, office: Any, action: str) -> Audit:
    with app.app_context(), office.inside():
        found = session.scalars(sa.select(Audit).where(Audit.action == action).order_by(Audit.id.desc())).first()
        assert found is not None, action
        session.expunge_all()
        session.remove()
    return found


def test_the_officer_reads_the_log(app: Flask, cora: Browser, world: World) -> None:
    key = rename(app, world, world.harbour)
    page = cora.get("/compliance/").get_data(as_text=True)
    assert "Audit log" in page and "Bruno Brook" in page and "updated" in page
    assert cora.get(f"/compliance/?entity=contact&record={key}&action=update").get_data(as_text=True).count(ROW) == 1
    assert len(page) < 45_000


@pytest.mark.parametrize("who", ["agent", "assistant", "reader"])
def test_others_are_refused_on_every_page(client: Browser, world: World, who: str, app: Flask) -> None:
    sign_in(client, getattr(world.harbour, who))
    rules = [
        rule
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/compliance") and "GET" in (rule.methods or set())
    ]
    assert len(rules) > len(ledgers.LEDGERS)
    for rule in rules:
        url = rule.rule.replace("<int:key>", "1").replace("<path:filename>", "x.css")
        assert client.get(url).status_code in (403, 404), url
        if "filename" not in url:
            assert client.get(url).status_code == 403, url


def test_a_visitor_is_sent_to_sign_in(client: Browser) -> None:
    answer = client.get("/compliance/")
    assert answer.status_code in (302, 303) and "/auth/login" in answer.headers["Location"]


def test_the_neighbours_log_is_not_there(app: Flask, cora: Browser, world: World) -> None:
    rename(app, world, world.summit, "Elsewhere")
    foreign = newest(app, world.summit, "contact.update")
    assert cora.get(f"/compliance/audit/{foreign.id}").status_code == 404
    assert cora.get(f"/compliance/?entry={foreign.id}").status_code == 404
    everything = cora.get("/compliance/?action=update").get_data(as_text=True)
    assert f"entry={foreign.id}&" not in everything and f'entry={foreign.id}"' not in everything
    assert cora.submit(f"/compliance/audit/{foreign.id}/values", {}).status_code == 404
    body = cora.submit("/compliance/audit.jsonl", {}).get_data(as_text=True)
    assert foreign.id not in [json.loads(line)["id"] for line in body.splitlines()]


def test_personal_values_open_on_demand_and_looking_is_noted(app: Flask, cora: Browser, world: World) -> None:
    rename(app, world, world.harbour, "Zenobia Quill")
    entry = newest(app, world.harbour, "contact.update")
    rename(app, world, world.harbour, "Dana Again")
    closed = cora.get(f"/compliance/?entry={entry.id}").get_data(as_text=True)
    assert "Zenobia Quill" not in closed and "Show personal values" in closed
    opened = cora.submit(f"/compliance/audit/{entry.id}/values", {}).get_data(as_text=True)
    assert "Zenobia Quill" in opened
    looked = newest(app, world.harbour, "audit.open")
    assert (looked.record_id, looked.actor) == (entry.id, "Cora Comply")


def test_shredded_values_stay_closed(app: Flask, cora: Browser, world: World) -> None:
    key = rename(app, world, world.harbour, "Zenobia Quill")
    with app.app_context(), world.harbour.inside(), operation("contact.shred", actor=world.harbour.actor("owner")):
        subject_keys.shred(world.harbour.id, key)
    entry = newest(app, world.harbour, "contact.update")
    rename(app, world, world.harbour, "Dana Again")
    opened = cora.submit(f"/compliance/audit/{entry.id}/values", {}).get_data(as_text=True)
    assert "Zenobia Quill" not in opened and "shredded" in opened


def test_verify_now_shows_that_the_chain_holds_and_then_that_it_does_not(
    app: Flask, cora: Browser, world: World
) -> None:
    rename(app, world, world.harbour)
    cora.get("/compliance/")
    assert cora.submit("/compliance/verify", {}).status_code == 302
    assert "none altered or missing" in cora.get("/compliance/").get_data(as_text=True)
    with app.app_context():
        from models.base import db

        with db.engine.begin() as connection:
            words = (
                "update audit set reason = 'x' where id = (select max(id) from audit where action = 'contact.update')"
            )
            connection.exec_driver_sql(words)
    cora.submit("/compliance/verify", {})
    page = cora.get("/compliance/").get_data(as_text=True)
    assert "The chain does not hold: the audit row was altered" in page


def test_exports_are_safe_complete_and_noted(app: Flask, cora: Browser, world: World) -> None:
    with (
        app.app_context(),
        world.harbour.inside(),
        operation("test.note", actor=world.harbour.actor("owner"), reason="=1+1") as op,
    ):
        op.audit("test.note", facts={"n": 1})
    cora.get("/compliance/")
    text = cora.submit("/compliance/audit.csv", {}).get_data(as_text=True)
    assert "'=1+1" in text and ",=1+1" not in text
    lines = [
        json.loads(line)
        for line in cora.submit("/compliance/audit.jsonl?action=test.note", {}).get_data(as_text=True).splitlines()
    ]
    assert [(line["action"], line["facts"]) for line in lines] == [("test.note", {"n": 1})]
    noted = newest(app, world.harbour, "audit.export")
    assert noted.facts["filters"] == {"action": "test.note"}


def test_a_reader_of_the_log_without_the_right_to_export_gets_403(client: Browser, world: World) -> None:
    sign_in(client, world.harbour.broker)
    assert client.get("/compliance/").status_code == 200
    assert client.submit("/compliance/audit.csv", {}).status_code == 403


def test_paging_shows_each_entry_once_in_every_order(app: Flask, cora: Browser, world: World) -> None:
    with app.app_context(), world.harbour.inside():
        for number in range(130):
            with operation("test.many", actor=world.harbour.actor("owner")) as op:
                op.audit("test.many", facts={"n": number})
        session.remove()
    for start in ("/compliance/?action=test.many", "/compliance/?since=2020-01-01&until=2100-01-01"):
        seen, url = [], start
        while url:
            page = cora.get(url).get_data(as_text=True)
            seen += [int(part.split('"')[0]) for part in page.split("entry=")[1:]]
            url = _link(page, "next", start)
        assert seen == sorted(set(seen), reverse=True) and len(seen) >= 130
        back = _link(page, "prev", start)
        assert back is not None and cora.get(back).get_data(as_text=True).count(ROW) == 50


def _link(page: str, rel: str, start: str) -> str | None:
    import html
    import re

    found = re.search(rf'href="([^"]+)" rel="{rel}"', page)
    return html.unescape(found.group(1)) if found else None


def test_bad_filters_are_named_and_left_out(cora: Browser) -> None:
    page = cora.get("/compliance/?since=yesterday&record=x&who=%27&action=" + "z" * 300)
    assert page.status_code == 200
    assert "“yesterday” is no date." in page.get_data(as_text=True)


def test_days_are_those_of_the_viewer(app: Flask, cora: Browser, world: World) -> None:
    today = dt.datetime.now(dt.UTC).date()
    past = today - dt.timedelta(days=3)
    assert ROW in cora.get(f"/compliance/?since={past}").get_data(as_text=True)
    assert ROW not in cora.get(f"/compliance/?until={past}").get_data(as_text=True)


@pytest.mark.parametrize("ledger", ledgers.LEDGERS, ids=lambda ledger: ledger.slug)
def test_every_ledger_answers(cora: Browser, ledger: ledgers.Ledger) -> None:
    page = cora.get(f"/compliance/{ledger.slug}/")
    assert page.status_code == 200 and ledger.title in page.get_data(as_text=True)
    for name in ledger.filters:
        assert cora.get(f"/compliance/{ledger.slug}/?{name}=nothing-like-it").status_code == 200


def test_the_data_map_has_every_column(cora: Browser) -> None:
    page = cora.get("/compliance/data-map/").get_data(as_text=True)
    tables = registry.Base.metadata.tables
    assert f"{len(tables)} tables" in page
    assert all(f'<span translate="no">{column.name}<' in page for table in tables.values() for column in table.columns)


def test_no_page_loads_anything_of_flask_admin(cora: Browser) -> None:
    for url in ("/compliance/", "/compliance/changes/", "/compliance/data-map/"):
        page = cora.get(url).get_data(as_text=True)
        assert "static/admin" not in page and "onclick" not in page and "style=" not in page


def moved(app: Flask, world: World, office: Any) -> tuple[int, int]:
    """The broker gives the first contact of an office to the colleague, with a budget; contact and entry."""
    with app.app_context(), office.inside():
        key = next(iter(office.contacts.values()))
        values = {"owner_id": office.colleague.membership_id, "budget_max": 122_500_000, "stage": "active"}
        records.update(Contact, key, values, actor=office.actor("broker"))
        session.remove()
    return int(key), newest(app, office, "contact.update").id


def test_an_entry_speaks_of_records_by_name_and_of_values_as_their_pages_do(
    app: Flask, cora: Browser, world: World
) -> None:
    key, entry = moved(app, world, world.harbour)
    page = cora.get(f"/compliance/?entry={entry}").get_data(as_text=True)
    detail = page[page.index('id="entry"') :]
    assert f'href="/contacts/{key}">Dana Whitcombe</a>' in page[: page.index('id="entry"')]
    for words in ("Ada Agent</del>", "Carl Colleague</ins>", "Active</ins>", "All about Dana Whitcombe"):
        assert words in detail, words
    assert "1,225,000" not in detail, "a budget is sealed under the key of the person"
    opened = cora.submit(f"/compliance/audit/{entry}/values", {}).get_data(as_text=True)
    assert "$1,225,000</ins>" in opened and "122,500,000" not in opened


def test_who_may_not_read_contacts_sees_their_numbers(app: Flask, client: Browser, world: World) -> None:
    key, entry = moved(app, world, world.harbour)
    with app.app_context(), world.harbour.inside():
        rights = {"audit": {"read": scope.Reach.WORKSPACE}}
        made = roles.create("Auditor", rights, actor=world.harbour.actor("owner"))
        members.change(
            world.harbour.compliance.membership_id, role_id=made.id, team_id=None, actor=world.harbour.actor("owner")
        )
    sign_in(client, world.harbour.compliance)
    page = client.get(f"/compliance/?entry={entry}").get_data(as_text=True)
    assert f"#{key}" in page and "Dana Whitcombe" not in page


def test_the_change_history_names_kinds_records_and_fields(app: Flask, cora: Browser, world: World) -> None:
    key, _entry = moved(app, world, world.harbour)
    page = cora.get("/compliance/changes/?entity=contact").get_data(as_text=True)
    assert f'href="/contacts/{key}">Dana Whitcombe</a>' in page
    assert "Changed" in page and "Stage" in page and "Budget to" in page and "budget_max" not in page
    assert '<option value="contact" selected>Contact</option>' in page


def test_consents_are_found_by_the_address_of_the_person(app: Flask, cora: Browser, world: World) -> None:
    with app.app_context(), world.harbour.inside():
        for key in list(world.harbour.contacts.values())[:2]:
            consent.give(key, "marketing", source="test", wording="Yes", actor=world.harbour.actor("owner"))
    page = cora.get("/compliance/consents/?contact_id=DANA@harbour-clients.example.com").get_data(as_text=True)
    assert ">Dana Whitcombe</a>" in page and ">Eli Moreno</a>" not in page
    assert "Marketing e-mail" in page and "Given" in page
    assert "Nothing fits" in cora.get("/compliance/consents/?contact_id=nobody@example.com").get_data(as_text=True)


@pytest.mark.parametrize("url", ["/compliance/", "/compliance/changes/", "/compliance/consents/"])
def test_a_page_asks_as_often_with_many_rows_as_with_few(app: Flask, cora: Browser, world: World, url: str) -> None:
    asked = []
    for times in (1, 60):
        with app.app_context(), world.harbour.inside():
            for number in range(times):
                key = list(world.harbour.contacts.values())[number % 4]
                records.update(Contact, key, {"next_step": f"{times} {number}"}, actor=world.harbour.actor("broker"))
                consent.withdraw(key, "phone", source="test", actor=world.harbour.actor("owner"))
            session.remove()
        asked.append(statements(app, cora, url))
        assert len(cora.get(url).data) < 45_000
    assert asked[0] == asked[1] <= 6


def test_an_open_entry_asks_no_more_than_six_times(app: Flask, cora: Browser, world: World) -> None:
    _key, entry = moved(app, world, world.harbour)
    with app.app_context():
        chain.seal_all(thorough=True)
    assert statements(app, cora, f"/compliance/?entry={entry}") <= 6


def statements(app: Flask, client: Browser, url: str) -> int:
    client.get(url)
    seen: list[str] = []
    with app.app_context():
        engine = db.engine
    sa.event.listen(engine, "before_cursor_execute", note := lambda *call: seen.append(call[2]))
    try:
        assert client.get(url).status_code == 200
    finally:
        sa.event.remove(engine, "before_cursor_execute", note)
    return len(seen)

"""Each act leaves exactly one audit row and one change, whichever way it came; an act that failed anywhere leaves
nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from app.services import records, verbs
from models import registry
from models.base import Model, db, session
from tests.contracts import samples, state
from tests.contracts.conftest import program
from tests.contracts.samples import SUMMIT_ID
from tests.factories import SYSTEM, Browser, Office, World, sign_in
from views.screen import screens

ENTITIES = list(registry.entities())


class Fault(RuntimeError):
    """Stands for a database that fails."""


class Ledger:
    """Counts what a piece of work adds to both stores of history, for one entity."""

    def __init__(self, entity: str) -> None:
        self.entity = entity
        self._audit, self._change = self._last("audit"), self._last("change")

    def of(self, table: str) -> list[dict[str, Any]]:
        last = self._audit if table == "audit" else self._change
        return [row for row in state.rows(table, entity=self.entity) if row["id"] > last]

    def verbs(self) -> list[str]:
        return [row["action"].split(".", 1)[1] for row in self.of("audit")]

    def _last(self, table: str) -> int:
        return max((row["id"] for row in state.rows(table)), default=0)


def unheard(app: Flask, office: Office, entity: str, work: Callable[[], Any], wanted: str) -> list[str]:
    """What is wrong with the history that `work` left: exactly one `wanted` in each store, with actor and record."""
    with app.app_context():
        ledger = Ledger(entity)
    work()
    with app.app_context():
        audits, changes = ledger.of("audit"), ledger.of("change")
    found = []
    if [a["action"] for a in audits] != [f"{entity}.{wanted}"]:
        found.append(f"{entity}: audit holds {[a['action'] for a in audits]} in place of one {wanted}")
    if [c["verb"] for c in changes] != [wanted]:
        found.append(f"{entity}: change holds {[c['verb'] for c in changes]} in place of one {wanted}")
    for row in (*audits, *changes):
        if row["workspace_id"] != office.id or not row["actor"] or not row["record_id"]:
            found.append(f"{entity}: a row of {wanted} lacks workspace, actor or record")
    return found


@pytest.mark.parametrize("entity", ENTITIES)
def test_services_leave_one_row_for_each_act(app: Flask, twins: World, entity: str) -> None:
    model, made = registry.entity(entity), {"id": SUMMIT_ID}

    def act(what: Callable[[], Any]) -> Callable[[], None]:
        def run() -> None:
            with app.app_context(), twins.summit.inside():
                made["id"] = what().id

        return run

    ids = dict.fromkeys(registry.entities(), SUMMIT_ID)
    with app.app_context():
        actor, clean = twins.summit.actor("owner"), samples.fresh(model, "service", ids)
    found = []
    if samples.makeable(model):
        found += unheard(app, twins.summit, entity, act(lambda: records.create(model, clean, actor=actor)), "create")
    found += unheard(
        app,
        twins.summit,
        entity,
        act(lambda: records.update(model, made["id"], samples.changed(model), actor=actor)),
        "update",
    )
    if not model.permanent:
        found += unheard(
            app, twins.summit, entity, act(lambda: records.delete(model, made["id"], actor=actor)), "delete"
        )
        found += unheard(
            app, twins.summit, entity, act(lambda: records.restore(model, made["id"], actor=actor)), "restore"
        )
    assert not found, "\n".join(found)


@pytest.mark.parametrize("entity", ENTITIES)
def test_forms_rest_and_selections_leave_one_row_for_each_act(
    app: Flask, twins: World, client: Browser, entity: str
) -> None:
    spec, office = screens()[entity], twins.summit
    sign_in(client, office.owner)
    client.get("/")
    key = program(app, office)
    found = []
    for where, wanted, work in _ways(app, spec, client, key):
        found += [f"{where}: {words}" for words in unheard(app, office, entity, work, wanted)]
    assert not found, "\n".join(found)


def test_what_changes_nothing_leaves_nothing(app: Flask, twins: World) -> None:
    key = program(app, twins.summit)
    with state.watching(app) as watch:
        for entity, spec in screens().items():
            if spec.edits:
                # The first time a rule of the entity may complete the planted row.
                assert key.patch(f"/api/v1/{entity}/{SUMMIT_ID}", json={}).status_code == 200
                watch.changed()
                assert key.patch(f"/api/v1/{entity}/{SUMMIT_ID}", json={}).status_code == 200
                assert watch.changed() == [], entity


def test_exports_and_sign_ins_are_in_the_audit_log(app: Flask, twins: World, client: Browser) -> None:
    sign_in(client, twins.summit.owner, form=True)
    client.get("/")
    with app.app_context():
        signed = [row["action"] for row in state.rows("audit") if row["action"].startswith("sign_in")]
    assert len(signed) == 1
    for entity, spec in screens().items():
        with app.app_context():
            ledger = Ledger(entity)
        assert client.submit(spec.url(page="export.csv")).status_code == 200
        with app.app_context():
            assert ledger.verbs() == ["export"], entity


@pytest.mark.parametrize("entity", [name for name, model in registry.entities().items() if samples.makeable(model)])
def test_a_fault_at_any_statement_leaves_nothing(app: Flask, twins: World, entity: str) -> None:
    """The database fails at the first statement, the second, and so on, until the operation gets through."""
    model = registry.entity(entity)
    with app.app_context():
        actor, clean = (
            twins.summit.actor("owner"),
            samples.fresh(model, "fault", dict.fromkeys(registry.entities(), SUMMIT_ID)),
        )
    with state.watching(app) as watch:
        for number in range(1, 60):
            try:
                with app.app_context(), twins.summit.inside(), failing(number):
                    records.create(model, clean, actor=actor)
                break
            except Fault:
                assert watch.changed() == [], f"a fault at statement {number} left something behind"
        assert number > 4
        assert {"audit", "change", entity} <= set(watch.changed())


@pytest.mark.parametrize("verb", ["update", "delete"])
def test_a_fault_in_a_change_leaves_nothing(app: Flask, twins: World, verb: str) -> None:
    model = registry.entity("contact")
    with app.app_context():
        actor = twins.summit.actor("owner")
    acts: dict[str, Callable[[], Any]] = {
        "update": lambda: records.update(
            model, SUMMIT_ID, {"stage": "lost", "owner_id": twins.summit.agent.membership_id}, actor=actor
        ),
        "delete": lambda: verbs.run(
            model, verbs.find("contact", "delete"), [SUMMIT_ID, *twins.summit.contacts.values()], {}, actor=actor
        ),
    }
    with state.watching(app) as watch:
        for number in range(1, 90):
            try:
                with app.app_context(), twins.summit.inside(), failing(number):
                    acts[verb]()
                break
            except Fault:
                assert watch.changed() == [], f"a fault at statement {number} left something behind"
        assert number > 4
        assert {"audit", "change", "contact"} <= set(watch.changed())


def test_the_contract_sees_a_write_past_history(app: Flask, twins: World) -> None:
    def sneak() -> None:
        with app.app_context(), db.engine.begin() as connection:
            table = Model.metadata.tables["tag"]
            connection.execute(sa.update(table).where(table.c.id == SUMMIT_ID).values(name="sneaked"))

    def twice() -> None:
        with app.app_context(), twins.summit.inside():
            for name in ("one", "two"):
                records.update(registry.entity("tag"), SUMMIT_ID, {"name": name}, actor=SYSTEM)

    assert len(unheard(app, twins.summit, "tag", sneak, "update")) == 2
    assert len(unheard(app, twins.summit, "tag", twice, "update")) == 2


def test_a_record_cannot_be_written_outside_an_operation(app: Flask, twins: World) -> None:
    with app.app_context(), twins.summit.inside():
        record = session.get(registry.entity("tag"), SUMMIT_ID)
        record.name = "sneaked"
        with pytest.raises(RuntimeError, match="outside an operation"):
            session.flush()
        session.rollback()


@contextmanager
def failing(number: int) -> Iterator[None]:
    """The database fails at the statement with this number."""
    seen = 0

    def count(*_args: Any) -> None:
        nonlocal seen
        seen += 1
        if seen == number:
            raise Fault(f"at statement {number}")

    engine = db.engine
    sa.event.listen(engine, "before_cursor_execute", count)
    try:
        yield
    finally:
        sa.event.remove(engine, "before_cursor_execute", count)


def _ways(app: Flask, spec: Any, client: Browser, key: Any) -> Iterator[tuple[str, str, Callable[[], Any]]]:
    ids = dict.fromkeys(registry.entities(), SUMMIT_ID)
    model, base = spec.model, f"/api/v1/{spec.entity}/"

    def ok(answer: Any) -> None:
        assert answer.status_code in (200, 201, 204, 302), (answer.status_code, answer.get_data(as_text=True)[:500])

    if spec.adds:
        with app.app_context():
            typed, sent = (
                samples.typed(model, samples.fresh(model, "form", ids)),
                samples.as_json(model, samples.fresh(model, "rest", ids, 1)),
            )
        yield "form", "create", lambda: ok(client.submit(spec.url(page="new"), typed))
        yield "REST", "create", lambda: ok(key.post(base, json=sent))
        with app.app_context():
            many = {"create": [samples.as_json(model, samples.fresh(model, "bulk", ids, 2))]}
        yield "bulk", "create", lambda: ok(key.post(f"{base}_bulk", json=many))
    if spec.edits:
        with app.app_context():
            change = samples.as_json(model, samples.changed(model))
        yield "REST", "update", lambda: ok(key.patch(f"{base}{SUMMIT_ID}", json=change))
    if spec.deletes:
        yield "page", "delete", lambda: ok(client.submit(spec.url(SUMMIT_ID, "delete")))
        yield "page", "restore", lambda: ok(client.submit(spec.url(SUMMIT_ID, "restore")))
        yield "REST", "delete", lambda: ok(key.delete(f"{base}{SUMMIT_ID}"))
        yield "page", "restore", lambda: ok(client.submit(spec.url(SUMMIT_ID, "restore")))
        yield "bulk", "delete", lambda: ok(key.post(f"{base}_bulk", json={"delete": [SUMMIT_ID]}))
        yield "page", "restore", lambda: ok(client.submit(spec.url(SUMMIT_ID, "restore")))
        yield (
            "selection",
            "delete",
            lambda: ok(client.submit(spec.url(page="bulk/delete"), {"ids": str(SUMMIT_ID), "confirmed": "1"})),
        )
        yield "page", "restore", lambda: ok(client.submit(spec.url(SUMMIT_ID, "restore")))

"""What a selection went through is taken back as one: the export is the same byte for byte, bookkeeping apart, but for
records that somebody changed, deleted or brought back since, which are named. `make soak` does it with 10,000 rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from app.errors import Conflict
from app.services import batches, exports, jobs, queries, records, schema, timeline, values, verbs
from app.services.queries import ListQuery
from jobs import bulk, runner
from jobs.run import Run
from models import registry
from models.audit import Change
from models.base import session
from models.contact import Contact
from models.deal import Deal, Stage
from models.fields import Kind
from models.job import Job
from models.scope import Actor
from models.work import Task
from tests import postgres_world
from tests.factories import World
from tests.factories_fifty import define_fifty, filled

# What the product writes with each change, and so with the undo, which is one.
BOOKKEEPING = frozenset({"updated_at", "version", "last_activity"})


@pytest.fixture
def owner(app: Flask, world: World) -> Iterator[Actor]:
    with app.app_context(), world.harbour.inside():
        yield world.harbour.actor("owner")


def exported(model: Any, actor: Actor) -> bytes:
    """Every record with every field but bookkeeping."""
    session.expire_all()
    query = exports.of_all_fields(ListQuery(model, (), sort="id" if "id" in queries.sortable(model) else "-id"))
    columns = tuple(name for name in query.columns if name not in BOOKKEEPING)
    query = ListQuery(model, columns, sort="id")
    return b"".join(exports.export(query, "csv", locale=values.Locale(), actor=actor))


def some(model: Any, actor: Actor, number: int = 4) -> list[int]:
    """Records with different values in every added field."""
    known = define_fifty(model.__tablename__, actor=actor)
    contact = session.scalars(sa.select(Contact.id).order_by(Contact.id)).first() or 0
    stage = session.scalars(sa.select(Stage.id).order_by(Stage.id)).first()
    own: dict[Any, Callable[[int], dict[str, Any]]] = {
        Contact: lambda n: {"name": f"Person {n}"},
        Deal: lambda n: {"title": f"Deal {n}", "contact_id": contact, "stage_id": stage},
        Task: lambda n: {"title": f"Task {n}", "contact_id": contact},
    }
    return [
        records.create(
            model, own[model](n) | (filled(known, f"v{n}", 1200 + n * 7, {"contact": contact}) if n % 2 else {}),
            actor=actor,
        ).id
        for n in range(number)
    ]  # fmt: skip


@pytest.mark.parametrize("model", [Contact, Deal, Task])
def test_whatever_was_set_or_done_comes_back_byte_for_byte(app: Flask, owner: Actor, model: Any) -> None:
    """Every field that can be set on many records, and every verb there is."""
    ids = some(model, owner)
    before, kept = exported(model, owner), []
    targets = {name: session.scalar(sa.select(sa.func.max(m.id))) for name, m in registry.entities().items()}
    for name, one in verbs.settable(model).items():
        value = _another(one, targets)
        if value is None:
            continue
        done = verbs.run(
            model, verbs.find(model.__tablename__, "set"), ids, {"field": name, "value": value}, actor=owner
        )
        if exported(model, owner) == before:
            kept.append(name)
            continue
        assert not batches.undo(done.batch, actor=owner).left, name
        assert exported(model, owner) == before, name
    assert set(kept) <= {"minor", "closed_on"}, "these are the product's to say"
    gone = verbs.run(model, verbs.find(model.__tablename__, "delete"), ids, {}, actor=owner)
    assert exported(model, owner) != before
    batches.undo(gone.batch, actor=owner)
    assert exported(model, owner) == before


def _another(one: Any, targets: dict[str, Any]) -> Any:
    match one.kind:
        case Kind.BOOLEAN:
            return True
        case Kind.CHOICE:
            return one.choices[-1][0]
        case Kind.MULTI:
            return tuple(key for key, _ in one.choices[:2])
        case Kind.RELATION:
            return targets.get(one.target)
    texts = {
        Kind.EMAIL: "undone@example.com", Kind.PHONE: "+14155550155", Kind.URL: "https://example.com/undone",
        Kind.DATE: "2011-11-11", Kind.MOMENT: "2011-11-11T11:11", Kind.MONEY: "111", Kind.NUMBER: "11",
    }  # fmt: skip
    return values.from_text(one, texts.get(one.kind, "Undone"), values.Locale())


def test_a_record_deleted_again_by_somebody_stays_deleted_and_is_named(owner: Actor, world: World) -> None:
    ids = some(Contact, owner, 3)
    gone = verbs.run(Contact, verbs.find("contact", "delete"), ids, {}, actor=owner)
    broker = world.harbour.actor("broker")
    records.restore(Contact, ids[0], actor=broker)
    records.delete(Contact, ids[0], actor=broker)
    records.restore(Contact, ids[1], actor=broker)
    undone = batches.undo(gone.batch, actor=owner)
    assert undone.done == 1 and sorted(undone.left) == [
        "Person 0: This record was deleted or brought back again since. Nothing was undone.",
        "Person 1: This record was deleted or brought back again since. Nothing was undone.",
    ]
    alive = session.scalars(sa.select(Contact.id).where(Contact.id.in_(ids))).all()
    assert sorted(alive) == ids[1:]


def test_what_was_changed_after_it_was_added_is_not_taken_away(owner: Actor) -> None:
    (key,) = some(Contact, owner, 1)
    made = session.scalars(sa.select(Change.id).where(Change.entity == "contact", Change.record_id == key)).first()
    records.update(Contact, key, {"company": "Farm"}, actor=owner)
    with pytest.raises(Conflict, match="changed since"):
        timeline.undo(made or 0, actor=owner)
    assert records.load(Contact, key, actor=owner).company == "Farm"


def test_a_job_that_breaks_off_half_way_names_all_that_was_left(
    app: Flask, owner: Actor, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = some(Contact, owner, 6)
    monkeypatch.setattr(verbs, "INLINE", 0)
    monkeypatch.setattr(batches, "INLINE", 0)
    monkeypatch.setattr(bulk, "_CHUNK", 2)
    before = exported(Contact, owner)
    given = {"field": "company", "value": "Farm"}
    done = verbs.run(Contact, verbs.find("contact", "set"), ids, given, actor=owner)
    runner.drain(app)
    for key in (ids[5], ids[0]):
        records.update(Contact, key, {"company": "Mill"}, actor=owner)
    undone = batches.undo(done.batch, actor=owner)
    assert undone.job is not None
    key = undone.job.id
    with monkeypatch.context() as patch:
        patch.setattr(Run, "progress", _dies_at(4))
        runner.drain(app)
    session.expire_all()
    job = session.scalars(sa.select(Job).where(Job.id == key)).one()
    assert (job.state, job.progress) == ("waiting", 4)
    jobs_again(app, key)
    session.expire_all()
    job = session.scalars(sa.select(Job).where(Job.id == key)).one()
    assert job.state == "done" and job.result["records"] == 4
    assert sorted(reason[:8] for reason in job.result["left"]) == ["Person 0", "Person 5"]
    for one in (ids[0], ids[5]):
        records.update(Contact, one, {"company": None}, actor=owner)
    assert exported(Contact, owner) == before


def _dies_at(place: int) -> Any:
    def progress(_run: Run, done: int, *_told: Any) -> None:
        if done == place:
            raise RuntimeError("The machine went away.")

    return progress


def jobs_again(app: Flask, key: int) -> None:
    """The next attempt, without waiting for its time."""
    from jobs import store
    from models.fields import now

    with store.connection() as live:
        live.execute(sa.update(store.table).where(store.table.c.id == key).values(run_at=now()))
    runner.drain(app)


def test_a_bulk_edit_by_a_job_says_which_records_it_refused(
    app: Flask, owner: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = some(Contact, owner, 4)
    monkeypatch.setattr(verbs, "INLINE", 0)
    records.update(Contact, ids[0], {"budget_min": 900_00}, actor=owner)
    done = verbs.run(Contact, verbs.find("contact", "set"), ids, {"field": "budget_max", "value": 500_00}, actor=owner)
    records.delete(Contact, ids[1], actor=owner)
    runner.drain(app)
    session.expire_all()
    assert done.job is not None
    job = jobs.get(done.job.id, actor=owner)
    assert job.result["records"] == 2 and sorted(job.result["left"].values()) == [1, 1]
    assert any("less than" in reason for reason in job.result["left"])


@pytest.mark.needs("postgres")
def test_on_postgresql_by_a_job_it_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verbs, "INLINE", 10)
    monkeypatch.setattr(batches, "INLINE", 10)
    with postgres_world.served(tmp_path) as (app, world), app.app_context(), world.harbour.inside():
        owner = world.harbour.actor("owner")
        ids = some(Contact, owner, 40)
        before = exported(Contact, owner)
        for name, value in (("x_choice_1", "south"), ("company", "Farm"), ("x_money_1", 500)):
            given = {"field": name, "value": value}
            done = verbs.run(Contact, verbs.find("contact", "set"), ids, given, actor=owner)
            runner.drain(app)
            assert exported(Contact, owner) != before
            undone = batches.undo(done.batch, actor=owner)
            runner.drain(app)
            assert undone.job is not None and exported(Contact, owner) == before, name
        assert schema.added(Contact)

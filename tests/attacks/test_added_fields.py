"""What is asked of added fields at the wrong moment or out of all measure loses no value and breaks no page."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
import sqlalchemy as sa
from flask import Flask

from app.errors import Invalid
from app.services import custom_fields, custom_rework, formulas, queries, records, schema
from app.services.formulas import BadFormula
from app.services.queries import ListQuery
from jobs import runner, store
from jobs.run import Run
from models.base import session
from models.contact import Contact
from models.fields import now
from models.job import Job
from models.scope import Actor
from tests.contracts.conftest import program
from tests.factories import Browser, World, sign_in
from tests.factories_fields import TAGS, define_all

NICK = "x_nickname"


@pytest.fixture
def owner(app: Flask, world: World) -> Iterator[Actor]:
    with app.app_context(), world.harbour.inside():
        yield world.harbour.actor("owner")


@pytest.fixture
def many(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if a handful of records were too many to be rewritten at once."""
    monkeypatch.setattr(custom_rework, "AT_ONCE", 1)
    monkeypatch.setattr(custom_rework, "CHUNK", 2)


def nicknamed(owner: Actor, *texts: str) -> tuple[int, list[int]]:
    """A field of texts, and a contact for each of them."""
    made = define_all("contact", actor=owner, only=("Nickname",))[NICK]
    named = [records.create(Contact, {"name": f"N{text}", NICK: text}, actor=owner).id for text in texts]
    return made.id, named


def held(owner: Actor, ids: list[int]) -> list[Any]:
    session.expire_all()
    return [schema.value(records.load(Contact, key, actor=owner), NICK) for key in ids]


@pytest.mark.usefixtures("many")
def test_what_somebody_sets_while_a_type_changes_stays(app: Flask, owner: Actor) -> None:
    field, ids = nicknamed(owner, "1", "2", "3", "4", "5")
    custom_fields.reshape(field, {"kind": "number"}, actor=owner)
    records.update(Contact, ids[4], {NICK: 77}, actor=owner)
    runner.drain(app)
    assert held(owner, ids) == [1, 2, 3, 4, 77]


@pytest.mark.usefixtures("many")
def test_a_worker_that_dies_between_a_step_and_its_note_loses_nothing(
    app: Flask, owner: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    field, ids = nicknamed(owner, "a", "b", "c", "d", "e")
    custom_fields.reshape(field, {"kind": "multichoice", "options": ["A", "B", "C", "D", "E"]}, actor=owner)

    def dies(*_given: Any) -> None:
        raise RuntimeError("The machine went away.")

    with monkeypatch.context() as patch:
        patch.setattr(Run, "progress", dies)
        runner.drain(app)
    job = session.scalars(sa.select(Job).where(Job.name == custom_rework.JOB)).one()
    session.expire_all()
    assert job.state == "waiting" and "machine" in (job.error or "")
    run_again(app, job)
    assert held(owner, ids) == [("a",), ("b",), ("c",), ("d",), ("e",)]


def run_again(app: Flask, job: Job) -> None:
    """The next attempt, without waiting for its time."""
    key = job.id
    with store.connection() as live:
        live.execute(sa.update(store.table).where(store.table.c.id == key).values(run_at=now()))
    runner.drain(app)


@pytest.mark.usefixtures("many")
def test_a_type_changes_once_at_a_time(app: Flask, owner: Actor) -> None:
    field, ids = nicknamed(owner, "2001-01-01", "2001-01-02", "2001-01-03")
    custom_fields.reshape(field, {"kind": "date"}, actor=owner)
    with pytest.raises(Invalid, match="still being rewritten"):
        custom_fields.reshape(field, {"kind": "datetime"}, actor=owner)
    runner.drain(app)
    custom_fields.reshape(field, {"kind": "datetime"}, actor=owner)
    runner.drain(app)
    assert [f"{moment:%Y-%m-%d}" for moment in held(owner, ids)] == ["2001-01-01", "2001-01-02", "2001-01-03"]


def test_a_record_in_the_bin_comes_back_with_its_value_of_the_new_type(owner: Actor) -> None:
    field, ids = nicknamed(owner, "a", "b")
    records.delete(Contact, ids[0], actor=owner)
    custom_fields.reshape(field, {"kind": "choice", "options": ["A", "B"]}, actor=owner)
    custom_fields.reshape(field, {"kind": "multichoice"}, actor=owner)
    records.restore(Contact, ids[0], actor=owner)
    assert held(owner, ids) == [("a",), ("b",)]


@pytest.mark.usefixtures("many")
@pytest.mark.parametrize("sort", [NICK, f"-{NICK}"])
def test_a_list_sorted_while_a_type_changes_shows_each_record_once(owner: Actor, sort: str) -> None:
    field, ids = nicknamed(owner, "a", "b", "3", "d", "e")
    custom_fields.reshape(field, {"kind": "number"}, actor=owner)
    assert pages(owner, sort, ids) == ids
    records.update(Contact, ids[1], {NICK: 5}, actor=owner)
    assert pages(owner, sort, ids) == ids


def pages(owner: Actor, sort: str, ids: list[int]) -> list[int]:
    """Those of `ids` that the pages of the list show, in order of id."""
    cursor: str | None = ""
    seen: list[int] = []
    while cursor is not None:
        page = queries.page(ListQuery(Contact, ("name", NICK), sort=sort, cursor=cursor, limit=2), actor=owner)
        seen += [row[0] for row in page.rows]
        cursor = page.next
    return sorted(key for key in seen if key in ids)


def test_money_beyond_all_measure_is_no_result(owner: Actor) -> None:
    define_all("contact", actor=owner, only=("Pre-approval",))
    square = {"label": "Square", "kind": "computed", "result": "money", "formula": "x_pre_approval * x_pre_approval"}
    custom_fields.define("contact", {**square, **TAGS}, actor=owner)
    for cents, square_of_it in ((10**4, 10**6), (10**12, None)):
        record = records.create(Contact, {"name": "Rich", "x_pre_approval": cents}, actor=owner)
        assert schema.value(record, "x_square") == square_of_it


@pytest.mark.parametrize("text", ["-" * 499 + "1", "not " * 120 + "true", "(" * 40 + "-" * 419 + "1" + ")" * 40])
def test_a_formula_without_end_is_refused_in_words(text: str) -> None:
    with pytest.raises(BadFormula, match="nested too deeply"):
        formulas.read(text)


@pytest.mark.parametrize(
    "odd",
    [
        {"label": "L" * 300},
        {"section": "S" * 100},
        {"hint": "H" * 999},
        {"position": "9" * 17},
        {"kind": "computed", "result": "number", "formula": "1", "places": "9" * 17},
        {"kind": "computed", "result": "number", "formula": "1", "places": "x"},
        {"kind": "computed", "result": "text", "formula": f'"{"x" * 900}"'},
    ],
)
def test_a_definition_that_fits_no_column_is_refused_in_words(
    client: Browser, world: World, odd: dict[str, str]
) -> None:
    sign_in(client, world.harbour.owner)
    kind = odd.get("kind", "text")
    new = f"/customise/contact/new?kind={kind}"
    answer = client.submit(new, {"label": "Fine", "section": "More", "kind": kind, **TAGS, **odd}, page=new)
    assert answer.status_code == 422


def test_a_field_added_in_six_tabs_at_once_is_one_field_and_no_error(app: Flask, world: World) -> None:
    refused: list[str] = []

    def add() -> None:
        with app.app_context(), world.harbour.inside():
            same = {"label": "Same", "kind": "text", **TAGS}
            try:
                custom_fields.define("contact", same, actor=world.harbour.actor("owner"))
            except Invalid as error:
                refused.extend(error.fields)
            finally:
                session.remove()

    tabs = [threading.Thread(target=add) for _ in range(6)]
    for tab in tabs:
        tab.start()
    for tab in tabs:
        tab.join()
    assert refused == ["label"] * 5


@pytest.mark.parametrize(("sort", "value"), [("x_rooms", 2**63 + 5), (NICK, "\0"), (NICK, "x" * 300)])
def test_a_page_marker_of_somebodys_own_making_is_refused(
    app: Flask, world: World, owner: Actor, sort: str, value: Any
) -> None:
    define_all("contact", actor=owner, only=("Nickname", "Rooms"))
    cursor = base64.urlsafe_b64encode(orjson.dumps([0, value, 1, sort])).decode().rstrip("=")
    answer = program(app, world.harbour).get(f"/api/v1/contact/?sort={sort}&cursor={cursor}")
    assert answer.status_code == 422

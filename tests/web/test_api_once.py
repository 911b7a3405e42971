"""`Idempotency-Key`: sent twice is done once, answered the same, and a key never stands for two requests."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa
import time_machine
from flask import Flask

from app.services import housekeeping, idempotency
from models import scope
from models.base import db, session
from models.contact import Contact
from models.intake import Idempotency
from tests.contracts import state
from tests.contracts.conftest import Program, program
from tests.contracts.test_audit_rows import failing
from tests.factories import SYSTEM, Office, World

LIST = "/api/v1/contact/"
NINA = {"name": "Nina Novak", "email": "nina@example.com"}
ONCE = {"Idempotency-Key": '"b9a1-first"'}


def ninas(app: Flask) -> int:
    with app.app_context():
        return len(state.rows("contact", name="Nina Novak"))


def kept(app: Flask, office: Office) -> list[Idempotency]:
    with app.app_context(), office.inside():
        return list(session.scalars(sa.select(Idempotency).order_by(Idempotency.id)))


def same(first: Any, again: Any) -> None:
    """The second answer is the first one, and says so."""
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert (again.status_code, again.data, again.mimetype) == (first.status_code, first.data, first.mimetype)
    for name in ("ETag", "Location"):
        assert again.headers.get(name) == first.headers.get(name)


def test_a_record_is_made_once(app: Flask, world: World) -> None:
    key = program(app, world.harbour)
    first = key.post(LIST, json=NINA, headers=ONCE)
    assert first.status_code == 201 and first.headers["ETag"] and first.headers["Location"]
    same(first, key.post(LIST, json=NINA, headers=ONCE))
    same(first, key.post(LIST, json=NINA, headers={"Idempotency-Key": "b9a1-first"}))
    assert ninas(app) == 1
    (row,) = kept(app, world.harbour)
    assert row.subject_id == first.json["id"]
    with app.app_context():
        (raw,) = state.rows("idempotency")
        made = [a for a in state.rows("audit", entity="contact") if a["record_id"] == first.json["id"]]
    assert [a["action"] for a in made] == ["contact.create"]
    with app.app_context(), db.engine.connect() as connection:
        stored = connection.scalar(sa.text("select body from idempotency"))
    assert b"Nina" not in stored and "b9a1" not in str(raw), "sealed, and the key is a digest"


def test_changes_and_deletions_are_done_once(app: Flask, world: World) -> None:
    key, url = program(app, world.harbour), f"{LIST}{world.harbour.contacts['Dana Whitcombe']}"
    tag = {"If-Match": key.get(url).headers["ETag"]}
    first = key.patch(url, json={"next_step": "Call"}, headers={**ONCE, **tag})
    assert first.status_code == 200
    key.patch(url, json={"next_step": "Write"})
    same(first, key.patch(url, json={"next_step": "Call"}, headers={**ONCE, **tag}))
    assert key.get(url).json["next_step"] == "Write", "the change was not done again"
    gone = key.delete(url, headers={"Idempotency-Key": "away"})
    assert gone.status_code == 204
    same(gone, key.delete(url, headers={"Idempotency-Key": "away"}))
    assert key.delete(url).status_code == 404


def test_a_key_stands_for_one_request(app: Flask, world: World) -> None:
    key = program(app, world.harbour)
    made = key.post(LIST, json=NINA, headers=ONCE)
    for other in (
        key.post(LIST, json={**NINA, "company": "Other"}, headers=ONCE),
        key.post("/api/v1/task/", json=NINA, headers=ONCE),
        key.patch(made.headers["Location"], json=NINA, headers=ONCE),
        key.delete(made.headers["Location"], headers=ONCE),
    ):
        assert (other.status_code, other.mimetype) == (422, "application/problem+json")
        assert "another request" in other.json["errors"]["Idempotency-Key"]
    assert ninas(app) == 1


def test_keys_of_other_programs_and_brokerages_are_other_keys(app: Flask, world: World) -> None:
    mine, colleague = program(app, world.harbour), program(app, world.harbour, "agent")
    outsider = program(app, world.summit)
    answers = [key.post(LIST, json={"name": "Nina Novak"}, headers=ONCE) for key in (mine, colleague, outsider)]
    assert [a.status_code for a in answers] == [201, 201, 201]
    assert len({a.json["id"] for a in answers}) == 3
    assert not any("Idempotency-Replayed" in a.headers for a in answers)
    assert (len(kept(app, world.harbour)), len(kept(app, world.summit))) == (2, 1)


def test_what_was_refused_is_not_kept_and_may_be_corrected(app: Flask, world: World) -> None:
    key, narrow = program(app, world.harbour), program(app, world.harbour, scopes=["contact:read"])
    assert key.post(LIST, json={"name": ""}, headers=ONCE).status_code == 422
    assert key.post(LIST, data=b"{", content_type="application/json", headers=ONCE).status_code == 400
    assert key.patch(f"{LIST}999999", json={}, headers=ONCE).status_code == 404
    assert narrow.post(LIST, json=NINA, headers=ONCE).status_code == 403
    assert kept(app, world.harbour) == []
    assert key.post(LIST, json=NINA, headers=ONCE).status_code == 201


@pytest.mark.parametrize("wrong", ["", " ", '""', "x" * 256, "caf\u00e9", "a\tb"])
def test_keys_that_are_none_are_refused(app: Flask, world: World, wrong: str) -> None:
    answer = program(app, world.harbour).post(LIST, json=NINA, headers={"Idempotency-Key": wrong})
    assert answer.status_code == 422 and list(answer.json["errors"]) == ["Idempotency-Key"]
    assert ninas(app) == 0


def test_an_answer_is_kept_for_a_day(app: Flask, world: World) -> None:
    key = program(app, world.harbour)
    first = key.post(LIST, json={"name": "Nina Novak"}, headers=ONCE)
    with time_machine.travel(dt.datetime.now(dt.UTC) + dt.timedelta(hours=23), tick=False):
        same(first, key.post(LIST, json={"name": "Nina Novak"}, headers=ONCE))
        with app.app_context(), scope.across_workspaces("the clock of a test"):
            assert housekeeping.trim(housekeeping.LOGS, actor=SYSTEM)["idempotency"] == 0
    with time_machine.travel(dt.datetime.now(dt.UTC) + dt.timedelta(hours=25), tick=False):
        later = key.post(LIST, json={"name": "Nina Novak"}, headers=ONCE)
        assert later.json["id"] != first.json["id"] and len(kept(app, world.harbour)) == 1
    with time_machine.travel(dt.datetime.now(dt.UTC) + dt.timedelta(hours=50), tick=False):
        with app.app_context(), scope.across_workspaces("the clock of a test"):
            assert housekeeping.trim(housekeeping.LOGS, actor=SYSTEM)["idempotency"] == 1
        assert kept(app, world.harbour) == []


def test_a_fault_leaves_neither_effect_nor_answer(app: Flask, world: World) -> None:
    """The database fails at each statement in turn; the program sends the same request until it gets through."""
    key, failed = program(app, world.harbour), 0
    for number in range(1, 60):
        with app.app_context(), failing(number):
            answer = key.post(LIST, json=NINA, headers=ONCE)
        if answer.status_code == 201:
            break
        failed += 1
        assert answer.status_code == 500
        assert (ninas(app), kept(app, world.harbour)) == (0, [])
    assert failed > 8 and ninas(app) == 1 and "Idempotency-Replayed" not in answer.headers
    same(answer, key.post(LIST, json=NINA, headers=ONCE))


def twice_at_once(app: Flask, key: Program) -> tuple[Any, Any]:
    """Two equal requests; the second one is sent, and answered, while the first stands in the middle of its effect."""
    inside, answered = threading.Event(), threading.Event()

    def pause(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if statement.startswith("INSERT INTO contact ") and not inside.is_set():
            inside.set()
            assert answered.wait(30)

    with app.app_context():
        engine = db.engine
    sa.event.listen(engine, "before_cursor_execute", pause)
    try:
        with ThreadPoolExecutor(1) as pool:
            first = pool.submit(key.post, LIST, json=NINA, headers=ONCE)
            assert inside.wait(30)
            second = key.post(LIST, json=NINA, headers=ONCE)
            answered.set()
            return first.result(), second
    finally:
        answered.set()
        sa.event.remove(engine, "before_cursor_execute", pause)


def many_at_once(key: Program, many: int = 8) -> list[Any]:
    """As many equal requests as threads, each sent until it is not told to wait."""
    start = threading.Barrier(many)

    def send() -> Any:
        start.wait(30)
        while True:
            answer = key.post(LIST, json=NINA, headers=ONCE)
            if answer.status_code != 409:
                return answer

    with ThreadPoolExecutor(many) as pool:
        return [one.result() for one in [pool.submit(send) for _ in range(many)]]


def test_the_second_of_two_at_once_is_told_to_wait(app: Flask, world: World) -> None:
    key = program(app, world.harbour)
    first, second = twice_at_once(app, key)
    assert first.status_code == 201
    assert (second.status_code, second.mimetype) == (409, "application/problem+json")
    assert "will not be done twice" in second.json["detail"]
    same(first, key.post(LIST, json=NINA, headers=ONCE))
    assert ninas(app) == 1


def test_many_at_once_make_one_record(app: Flask, world: World) -> None:
    answers = many_at_once(program(app, world.harbour))
    assert [a.status_code for a in answers] == [201] * len(answers)
    assert len({a.data for a in answers}) == 1 and ninas(app) == 1
    assert sum("Idempotency-Replayed" not in a.headers for a in answers) == 1


_HOLDS = """
import fcntl, os, sys
handle = os.open(sys.argv[1] + "-once", os.O_RDWR | os.O_CREAT)
fcntl.lockf(handle, fcntl.LOCK_EX, 1, int(sys.argv[2]))
print("held", flush=True)
sys.stdin.read()
"""


def test_another_process_that_works_on_it_is_waited_for_until_it_ends(
    app: Flask, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Web workers are processes of their own; one that is killed leaves no key behind."""
    key = program(app, world.harbour)
    monkeypatch.setattr(idempotency.Asked, "number", property(lambda _asked: 4711))
    with app.app_context():
        database = str(db.engine.url.database)
    worker = subprocess.Popen(
        [sys.executable, "-c", _HOLDS, database, "4711"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert worker.stdout is not None and worker.stdout.readline() == b"held\n"
        assert key.post(LIST, json=NINA, headers=ONCE).status_code == 409
    finally:
        worker.kill()
        worker.communicate()
    assert key.post(LIST, json=NINA, headers=ONCE).status_code == 201
    assert ninas(app) == 1


def test_without_the_header_each_request_is_done(app: Flask, world: World) -> None:
    key = program(app, world.harbour)
    assert [key.post(LIST, json={"name": "Nina Novak"}).status_code for _ in range(2)] == [201, 201]
    assert key.get(LIST, headers=ONCE).status_code == 200
    with app.app_context(), world.harbour.inside():
        assert session.scalar(sa.select(sa.func.count()).select_from(Contact).where(Contact.name == "Nina Novak")) == 2
    assert kept(app, world.harbour) == []

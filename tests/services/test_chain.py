"""The audit log is checked as the owner of the database would try to cheat it: triggers dropped, rows rewritten."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.services import audit_checks, audit_heads, chain, chain_check, history
from app.services.operation import operation
from models import scope
from models.audit import Audit
from models.base import db, session
from models.contact import Contact
from tests import database_kit
from tests.database_kit import SYSTEM

ENTRIES = 12


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Flask, Path, int]]:
    """A brokerage whose chain has `ENTRIES` entries, sealed; its folder is copied for each attack."""
    folder = tmp_path_factory.mktemp("chain")
    app = database_kit.make_app(folder, database_kit.sqlite(folder))
    with app.app_context():
        harbor = database_kit.found_workspace("harbor")
        for number in range(ENTRIES - 1):
            note(harbor, number)
        chain.seal_all(thorough=True)
        session.remove()
        db.engine.dispose()
    yield app, folder, harbor


def note(workspace: int, number: int) -> None:
    with scope.inside(workspace), operation("test.note", actor=SYSTEM) as op:
        op.audit("test.note", entity="contact", record_id=number, facts={"number": number, "list": [1, "é", None]})
    session.remove()


class Attacker:
    """Somebody with the database file, who has dropped the triggers and knows how digests are made, but has no key."""

    def __init__(self, engine: sa.Engine, number: int) -> None:
        self.engine, self.chain = engine, number
        for (name,) in self.run("select name from sqlite_master where type = 'trigger'"):
            self.run(f"drop trigger {name}")

    def run(self, sql: str, **values: Any) -> list[Any]:
        with self.engine.begin() as connection:
            connection.exec_driver_sql("pragma foreign_keys = off")
            result = connection.execute(sa.text(sql), values)
            return list(result.all()) if result.returns_rows else []

    def row_of(self, sequence: int) -> int:
        return int(
            self.run("select audit_id from audit_seal where chain = :c and sequence = :s", c=self.chain, s=sequence)[0][
                0
            ]
        )

    def alter(self, sequence: int, _other: int) -> None:
        self.run("update audit set reason = 'never happened' where id = :i", i=self.row_of(sequence))

    def alter_with_digest(self, sequence: int, _other: int) -> None:
        key = self.row_of(sequence)
        self.run("update audit set actor = 'Somebody else' where id = :i", i=key)
        with self.engine.begin() as connection:
            row = connection.execute(sa.select(Audit.__table__).where(Audit.id == key)).mappings().one()
            digest = history.digest(dict(row))
            connection.execute(sa.update(Audit.__table__).where(Audit.id == key).values(digest=digest))

    def delete(self, sequence: int, _other: int) -> None:
        self.run("delete from audit where id = :i", i=self.row_of(sequence))

    def delete_with_seal(self, sequence: int, _other: int) -> None:
        self.delete(sequence, 0)
        self.run("delete from audit_seal where chain = :c and sequence = :s", c=self.chain, s=sequence)

    def cut(self, sequence: int, _other: int) -> None:
        """Remove everything from here on, and put the signed head of that time back, as an old backup has it."""
        self.run(
            "delete from audit where id in (select audit_id from audit_seal where chain = :c and sequence >= :s)",
            c=self.chain, s=sequence,
        )  # fmt: skip
        self.run("delete from audit_seal where chain = :c and sequence >= :s", c=self.chain, s=sequence)
        old = next((copy for copy in audit_heads.copies()[self.chain] if copy.sequence == sequence - 1), None)
        if old is not None:
            self.run(
                "update audit_head set sequence = :s, hash = :h, signature = :g where chain = :c",
                s=old.sequence, h=old.hash, g=old.signature, c=self.chain,
            )  # fmt: skip

    def drop(self, _sequence: int, _other: int) -> None:
        self.run("delete from audit where workspace_id = :c", c=self.chain)
        self.run("delete from audit_seal where chain = :c", c=self.chain)
        self.run("delete from audit_head where chain = :c", c=self.chain)

    def reorder(self, sequence: int, other: int) -> None:
        first, second = self.row_of(sequence), self.row_of(other)
        move = "update audit_seal set audit_id = :i where chain = :c and sequence = :s"
        self.run(move, i=-1, c=self.chain, s=sequence)
        self.run(move, i=first, c=self.chain, s=other)
        self.run(move, i=second, c=self.chain, s=sequence)

    def forge(self, sequence: int, _other: int) -> None:
        """Alter a row and make every digest and hash after it anew; only the signature is out of reach."""
        self.alter_with_digest(sequence, 0)
        last = chain.first_hash(self.chain)
        rows = self.run(
            "select s.sequence, a.digest from audit_seal s "
            "join audit a on a.id = s.audit_id where s.chain = :c order by 1",
            c=self.chain,
        )
        for place, digest in rows:
            last = chain.next_hash(last, place, digest)
            self.run(
                "update audit_seal set hash = :h where chain = :c and sequence = :s", h=last, c=self.chain, s=place
            )
        self.run("update audit_head set hash = :h where chain = :c", h=last, c=self.chain)

    def behead(self, _sequence: int, _other: int) -> None:
        self.run("delete from audit_head where chain = :c", c=self.chain)

    def move(self, sequence: int, _other: int) -> None:
        self.run("update audit set workspace_id = null where id = :i", i=self.row_of(sequence))


ATTACKS = (
    "alter",
    "alter_with_digest",
    "delete",
    "delete_with_seal",
    "cut",
    "drop",
    "reorder",
    "forge",
    "behead",
    "move",
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(attack=st.sampled_from(ATTACKS), places=st.lists(st.integers(1, ENTRIES), min_size=2, max_size=2, unique=True))
def test_every_tampering_is_found(
    sealed: tuple[Flask, Path, int], tmp_path_factory: Any, attack: str, places: list[int]
) -> None:
    _app, folder, harbor = sealed
    with stolen(folder, tmp_path_factory.mktemp("copy")) as engine:
        getattr(Attacker(engine, harbor), attack)(*places)
        report = chain_check.verify()
        assert not report.ok, f"{attack} at {places} passed"
        assert [problem.chain for problem in report.problems] == [harbor]


class stolen:
    """The application on a copy of the sealed folder."""

    def __init__(self, folder: Path, copy: Path) -> None:
        shutil.copytree(folder, copy, dirs_exist_ok=True)
        self.app = database_kit.make_app(copy, f"sqlite:///{copy / 'crm.sqlite3'}")
        self.context = self.app.app_context()

    def __enter__(self) -> sa.Engine:
        self.context.push()
        return db.engine

    def __exit__(self, *_exc: object) -> None:
        session.remove()
        db.engine.dispose()
        self.context.pop()


def test_an_untouched_log_passes_and_grows(sealed: tuple[Flask, Path, int], tmp_path: Path) -> None:
    _app, folder, harbor = sealed
    with stolen(folder, tmp_path):
        assert chain_check.verify().as_dict()["entries"] == ENTRIES
        note(harbor, 99)
        report = chain_check.verify(harbor)
        assert (report.ok, report.entries, report.waiting, list(report.results)) == (True, ENTRIES + 1, 0, [harbor])
        assert len(str(report.results[harbor].head)) == 64


def test_the_first_wrong_entry_is_named(sealed: tuple[Flask, Path, int], tmp_path: Path) -> None:
    _app, folder, harbor = sealed
    with stolen(folder, tmp_path) as engine:
        attacker = Attacker(engine, harbor)
        row = attacker.row_of(5)
        attacker.alter(5, 0)
        attacker.delete(9, 0)
        (problem,) = chain_check.verify().problems
        assert (problem.sequence, problem.audit_id, problem.what) == (5, row, "the audit row was altered")


def test_nothing_is_added_to_a_chain_that_was_cut(sealed: tuple[Flask, Path, int], tmp_path: Path) -> None:
    _app, folder, harbor = sealed
    with stolen(folder, tmp_path) as engine:
        Attacker(engine, harbor).delete_with_seal(ENTRIES, 0)
        note(harbor, 100)
        with pytest.raises(chain.BrokenChain):
            chain.seal(harbor)
        report = chain_check.verify()
        assert not report.ok and report.waiting == 1


def test_a_row_that_commits_late_is_sealed_by_a_later_pass(sealed: tuple[Flask, Path, int], tmp_path: Path) -> None:
    _app, folder, harbor = sealed
    with stolen(folder, tmp_path) as engine:
        note(harbor, 101)
        with engine.begin() as connection:
            row = dict(
                connection.execute(sa.select(Audit.__table__).order_by(Audit.id.desc()).limit(1)).mappings().one()
            )
            row["id"] = row["id"] + chain.LATE + 10
            connection.execute(sa.insert(Audit.__table__), [row])
        # The far row is sealed first, as if the near one were not yet there to see; then the near one comes into view.
        assert chain.seal(harbor, floor=row["id"] - 1) == 1
        assert chain.seal_all(thorough=False) == 0
        assert chain.seal_all(thorough=True) == 1
        assert chain_check.verify().ok


@pytest.mark.needs("postgres")
def test_many_sealers_at_once_make_one_chain(tmp_path: Path) -> None:
    with database_kit.postgres() as (_owner, application):
        app = database_kit.make_app(tmp_path, application)
        with app.app_context():
            harbor, elm = database_kit.found_workspace("harbor"), database_kit.found_workspace("elm")
            session.remove()
        run_together([lambda w=w, n=n: write_and_seal(app, w, n) for n in range(3) for w in (harbor, elm)])
        with app.app_context():
            report = chain_check.verify()
            assert report.ok and report.waiting == 0
            assert report.entries == 2 + 6 * 15
            session.remove()
            db.engine.dispose()


def write_and_seal(app: Flask, workspace: int, start: int) -> None:
    with app.app_context():
        for number in range(15):
            note(workspace, start * 100 + number)
            chain.seal_all(thorough=True)


def run_together(work: list[Callable[[], None]]) -> None:
    failures: list[BaseException] = []

    def guarded(task: Callable[[], None]) -> None:
        try:
            task()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(task,)) for task in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_history_of_a_contact_verifies_after_the_person_is_shredded(
    sealed: tuple[Flask, Path, int], tmp_path: Path
) -> None:
    from app.services import subject_keys

    _app, folder, harbor = sealed
    with stolen(folder, tmp_path):
        with scope.inside(harbor), operation("contact.create", actor=SYSTEM):
            person = Contact(name="Ada Lark", email="ada@example.com")
            session.add(person)
            session.flush()
            key = person.id
        with scope.inside(harbor):
            row = session.scalars(sa.select(Audit).where(Audit.subject_id == key)).one()
            assert subject_keys.opened(row, actor=SYSTEM)["name"] == [None, "Ada Lark"]
            with operation("contact.shred", actor=SYSTEM):
                assert subject_keys.shred(harbor, key)
            assert subject_keys.opened(row, actor=SYSTEM) is None
        assert chain_check.verify().ok


def test_a_workspace_that_was_dropped_is_reported_outside_any(sealed: tuple[Flask, Path, int], tmp_path: Path) -> None:
    """The operator removes a brokerage with all of its log; the copies outside still name its chain."""
    _app, folder, harbor = sealed
    with stolen(folder, tmp_path) as engine:
        audit_heads.use(tmp_path / "heads")
        try:
            note(harbor, 102)
            chain.seal_all(thorough=True)
            attacker = Attacker(engine, harbor)
            for table in ("audit", "audit_seal", "audit_head", "change", "workspace"):
                attacker.run(f"delete from {table}")
            report, seconds = audit_checks.look()
            with scope.across_workspaces("a test checks"):
                audit_checks.note(report, seconds, actor=SYSTEM)
                entry = session.scalars(sa.select(Audit).where(Audit.action == audit_checks.CHECKED)).one()
        finally:
            audit_heads.use(None)
        assert (entry.workspace_id, entry.facts["ok"], entry.facts["chain"]) == (None, False, harbor)
        assert entry.facts["problem"] == f"the chain was cut: entries 1 to {ENTRIES + 1} are gone"

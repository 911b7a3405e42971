"""Secrets in columns: unreadable in a dump, bound to their column, moved to a new key without loss."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from app.services import key_rotation
from models import crypto
from models.crypto import Keyring, Tampered
from models.encrypted import Encrypted, sealed_columns


class Base(DeclarativeBase):
    pass


class Mailbox(Base):
    __tablename__ = "mailbox"
    id: Mapped[int] = mapped_column(primary_key=True)
    password: Mapped[str | None] = mapped_column(Encrypted("mailbox.password"))
    settings: Mapped[Any] = mapped_column(Encrypted("mailbox.settings", "json"), nullable=True)


class Subject(Base):
    __tablename__ = "subject"
    workspace_id: Mapped[int] = mapped_column(primary_key=True)
    person: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    wrapped: Mapped[bytes] = mapped_column(sa.LargeBinary, info={"sealed": "data-key"})


ROOT, FIRST, SECOND = (crypto.new_key() for _ in range(3))


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[sa.Engine]:
    before = crypto._ring
    crypto.use(Keyring(ROOT, {"1": FIRST}))
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'secrets.db'}")
    Base.metadata.create_all(engine)
    yield engine
    engine.dispose()
    crypto._ring = before


def fill(engine: sa.Engine, count: int) -> None:
    ring = crypto.keyring()
    with Session(engine) as session:
        for number in range(1, count + 1):
            session.add(Mailbox(id=number, password=f"hunter-{number}", settings={"port": number}))
            session.add(Subject(workspace_id=number % 3, person=f"p{number:04}", wrapped=ring.new_data_key()))
        session.commit()


def test_a_dump_holds_no_plaintext_and_the_program_reads_it(engine: sa.Engine, tmp_path: Path) -> None:
    fill(engine, 3)
    assert b"hunter" not in (tmp_path / "secrets.db").read_bytes()
    with Session(engine) as session:
        box = session.get(Mailbox, 2)
        assert box is not None
        assert (box.password, box.settings) == ("hunter-2", {"port": 2})


def test_null_stays_null_and_can_be_asked_for(engine: sa.Engine) -> None:
    with Session(engine) as session:
        session.add_all([Mailbox(id=1), Mailbox(id=2, password="")])
        session.commit()
        assert session.scalars(sa.select(Mailbox.id).where(Mailbox.password.is_(None))).all() == [1]
        assert session.scalars(sa.select(Mailbox.id).where(Mailbox.password.is_not(None))).all() == [2]
        assert session.scalars(sa.select(Mailbox.password).order_by(Mailbox.id)).all() == [None, ""]


def test_asking_for_a_value_fails_loudly_rather_than_finding_nothing() -> None:
    for question in (lambda c: c == "x", lambda c: c != "x", lambda c: c.in_(["x"]), lambda c: c.like("x%")):
        with pytest.raises(TypeError, match="keyed hash"):
            question(Mailbox.password)


def test_a_ciphertext_copied_to_another_column_does_not_open(engine: sa.Engine) -> None:
    fill(engine, 1)
    with Session(engine) as session:
        session.execute(sa.text("UPDATE mailbox SET settings = password"))
        with pytest.raises(Tampered):
            session.scalars(sa.select(Mailbox.settings)).all()


def test_a_value_of_the_wrong_kind_is_refused(engine: sa.Engine) -> None:
    with Session(engine) as session:
        session.add(Mailbox(id=1, password=12))
        with pytest.raises(sa.exc.StatementError, match="holds text, not int"):
            session.flush()


def test_a_column_that_names_another_place_stops_the_walk() -> None:
    metadata = sa.MetaData()
    sa.Table("calendar", metadata, sa.Column("token", Encrypted("mailbox.token")))
    with pytest.raises(ValueError, match=r"calendar\.token is sealed as mailbox\.token"):
        list(sealed_columns(metadata))


def test_rotation_moves_every_row_and_all_still_opens(engine: sa.Engine) -> None:
    fill(engine, 25)
    ring = crypto.use(Keyring(ROOT, {"2": SECOND, "1": FIRST}))
    assert set(key_rotation.waiting(engine.begin, Base.metadata, ring).values()) == {25}
    done = key_rotation.rotate(engine.begin, Base.metadata, ring, chunk=10)
    assert done.clean
    assert {column.column: column.resealed for column in done.columns} == {
        "mailbox.password": 25,
        "mailbox.settings": 25,
        "subject.wrapped": 25,
    }
    assert set(key_rotation.waiting(engine.begin, Base.metadata, ring).values()) == {0}
    crypto.use(Keyring(ROOT, {"2": SECOND}))
    with Session(engine) as session:
        assert session.scalars(sa.select(Mailbox.password)).all() == [f"hunter-{n}" for n in range(1, 26)]
        for wrapped in session.scalars(sa.select(Subject.wrapped)):
            assert crypto.keyring().data_key(wrapped)
    assert key_rotation.rotate(engine.begin, Base.metadata, ring).as_dict()["resealed"] == 0


def test_a_rotation_that_was_cut_off_goes_on_where_it_stopped(engine: sa.Engine) -> None:
    fill(engine, 25)
    ring = crypto.use(Keyring(ROOT, {"2": SECOND, "1": FIRST}))
    opened = 0

    def begin() -> Any:
        nonlocal opened
        opened += 1
        if opened == 3:
            raise ConnectionError("the machine went down")
        return engine.begin()

    with pytest.raises(ConnectionError):
        key_rotation.rotate(begin, Base.metadata, ring, chunk=10)
    assert key_rotation.waiting(engine.begin, Base.metadata, ring)["mailbox.password"] == 5
    done = key_rotation.rotate(engine.begin, Base.metadata, ring, chunk=10)
    assert (done.clean, done.columns[0].resealed) == (True, 5)


def test_a_row_that_does_not_open_is_named_and_stops_nothing(engine: sa.Engine) -> None:
    fill(engine, 5)
    with engine.begin() as connection:
        connection.execute(
            sa.text("UPDATE mailbox SET password = :junk WHERE id = 3"), {"junk": b"\x01\0\0\0\x01" + bytes(40)}
        )
    ring = crypto.use(Keyring(ROOT, {"2": SECOND, "1": FIRST}))
    done = key_rotation.rotate(engine.begin, Base.metadata, ring, chunk=2)
    assert not done.clean
    assert done.columns[0].failed == [(3,)]
    assert done.as_dict()["resealed"] == 14


def test_a_value_saved_during_the_rotation_is_kept(engine: sa.Engine) -> None:
    fill(engine, 1)
    ring = crypto.use(Keyring(ROOT, {"2": SECOND, "1": FIRST}))
    kept = ring.seal(b"changed by the user", aad=b"mailbox.password")
    query = key_rotation._next_rows(Mailbox.__table__.c.password, ring, None, 10)
    with engine.begin() as connection:
        (row,) = connection.execute(query).all()
        connection.execute(sa.text("UPDATE mailbox SET password = :kept"), {"kept": kept})
        result = key_rotation.Rotated("mailbox.password")
        key_rotation._reseal_row(
            connection, Mailbox.__table__.c.password, (row[0],), row[1], b"mailbox.password", ring, result
        )
    assert (result.resealed, result.changed_meanwhile) == (0, 1)
    with Session(engine) as session:
        assert session.scalars(sa.select(Mailbox.password)).one() == "changed by the user"

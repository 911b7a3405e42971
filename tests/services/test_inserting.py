"""Many rows in one statement are the rows that were given, letter for letter, behind the same walls as any other."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.exc import DBAPIError

from app.services import audit_checks, inserting, subject_keys
from models import scope
from models.audit import Audit, Change
from models.base import db, session
from models.contact import Contact
from tests import database_kit
from tests.factories import SYSTEM
from tests.factories_batches import bring

WHY = {"walled_reason": "a test inserts prepared rows"}
ODD = ("O'Hara", 'Ann "Bo" Lee', "C:\\temp\\n", "100 % :name $1 {x}", "Zoë 王", "a\tb", "\u2028 line", "\\x41")
pytestmark = pytest.mark.needs("postgres")


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    """On PostgreSQL, as the role of the application, which row security holds."""
    with database_kit.postgres() as (_owner, application):
        made = database_kit.make_app(tmp_path, application)
        with made.app_context():
            yield made
            session.remove()
            db.engine.dispose()


def change(workspace: int, number: int, **more: object) -> dict[str, object]:
    at = dt.datetime(2026, 5, 3, 12, 30, 1, 5, tzinfo=dt.timezone(dt.timedelta(hours=2)))
    old = {"name": ODD[number % len(ODD)], "born": None, "list": [1, {"deep": True}]}
    return {
        "workspace_id": workspace, "at": at, "operation": "test", "verb": "update", "entity": "contact",
        "record_id": number, "version": number or None, "subject_id": None, "actor": ODD[number % len(ODD)],
        "membership_id": None, "old": old, "new": {}, "reason": None, "request_id": None, "undoes": None, **more,
    }  # fmt: skip


def test_rows_come_back_as_they_were_given(app: Flask) -> None:
    workspace = database_kit.found_workspace("harbor")
    rows = [change(workspace, number) for number in range(inserting.FEW * 2)]
    with scope.inside(workspace):
        inserting.insert(Change.__table__, rows, {}, why=WHY)
        ours = sa.select(Change.__table__).where(Change.operation == "test").order_by(Change.record_id)
        found = session.execute(ours, execution_options=WHY)
        assert [{name: row[name] for name in rows[0]} for row in found.mappings()] == rows


def test_a_row_of_another_workspace_is_refused_by_the_database(app: Flask) -> None:
    harbor, elm = database_kit.found_workspace("harbor"), database_kit.found_workspace("elm")
    rows = [change(harbor, number) for number in range(inserting.FEW)]
    with scope.inside(harbor):
        for foreign in ([*rows, change(elm, 99)], [change(elm, number) for number in range(inserting.FEW)]):
            with pytest.raises(DBAPIError, match="row-level security"):
                inserting.insert(Change.__table__, foreign, {}, why=WHY)
            session.rollback()


def test_a_moment_without_a_zone_is_refused_as_ever(app: Flask) -> None:
    workspace = database_kit.found_workspace("harbor")
    noon = dt.datetime(2026, 5, 3, 12, tzinfo=dt.UTC).replace(tzinfo=None)
    rows = [change(workspace, n, at=noon + dt.timedelta(n)) for n in range(inserting.FEW)]
    with scope.inside(workspace), pytest.raises(ValueError, match="needs its zone"):
        inserting.insert(Change.__table__, rows, {}, why=WHY)


def test_what_an_import_sealed_opens_and_its_log_verifies(app: Flask) -> None:
    workspace = database_kit.found_workspace("harbor")
    names = [f"{odd} {number}" for number in range(5) for odd in ("O'Hara", "C:\\new", "Zoë 王", "100 % :x", "$1 {}")]
    with scope.inside(workspace):
        done = bring("Name,Email\n" + "".join(f"{n},p{i}@example.com\n" for i, n in enumerate(names)), SYSTEM)
        assert done.counts == (len(names), 0, 0, 0)
        assert set(session.scalars(sa.select(Contact.name).where(Contact.source == "import"))) == set(names)
        rows = session.scalars(sa.select(Audit).where(Audit.action == "contact.create")).all()
        told = [subject_keys.opened(row, actor=SYSTEM) for row in rows]
        assert {one["name"][1] for one in told if one} == set(names)
        session.rollback()
    report, _seconds = audit_checks.look(workspace)
    assert report.ok and report.entries > len(names)

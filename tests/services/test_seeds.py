"""The demo data: repeatable, invented through and through, with its history, and never on top of somebody's work."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from app import seeds
from app.errors import Conflict
from app.services import chain, chain_check
from models import registry, scope, tenancy
from models.audit import Audit, Change
from models.base import Record, session
from models.fields import Kind
from models.user import User
from tests import database_kit

TODAY = dt.datetime(2026, 5, 14, 17, 0, tzinfo=dt.UTC)
WHY = tenancy.reason("a test looks at all demo rows")


def test_two_brokerages_with_offices_people_and_work_of_the_last_weeks(tmp_path: Path) -> None:
    with _filled(tmp_path) as made:
        assert [slug for _, slug, _ in made.workspaces] == ["harbour-pine", "summit-realty"]
        counts = {name: len(_rows(name)) for name in registry.entities()}
        assert counts["contact"] == made.contacts == 240
        assert (counts["team"], counts["membership"], counts["deal"]) == (5, 18, 60)
        # Files would have to be stored somewhere, demo data tells no other program anything, and nobody writes to it.
        assert all(counts[name] for name in counts if name not in ("stored_file", "webhook", "inbound_mail"))
        created = [row["created_at"] for row in _rows("contact")]
        assert max(created) <= TODAY.replace(tzinfo=None)
        assert dt.timedelta(weeks=8) < max(created) - min(created) < dt.timedelta(weeks=13)
        due = [row["due_at"] for row in _rows("task") if row["state"] == "open"]
        assert min(due) < TODAY.replace(tzinfo=None) < max(due)


def test_nobody_is_real_and_nobody_has_a_password(tmp_path: Path) -> None:
    with _filled(tmp_path):
        for name, model in registry.entities().items():
            for row in _rows(name):
                for field, facts in registry.fields(model).items():
                    if facts.kind is Kind.EMAIL and row[field]:
                        assert row[field].rpartition("@")[2] in ("example.com", "example.net", "example.org")
                    if facts.kind is Kind.PHONE and row[field]:
                        assert re.fullmatch(r"\+1[2-9]\d\d55501\d\d", row[field])
        assert session.scalars(sa.select(User.password).distinct()).all() == [None]


def test_the_same_seed_and_day_give_the_same_data_and_another_seed_other_data(tmp_path: Path) -> None:
    pictures = []
    for name, seed in (("one", 1), ("two", 1), ("three", 2)):
        folder = tmp_path / name
        folder.mkdir()
        with _filled(folder, seed=seed):
            pictures.append([[row["name"], row["email"], row["created_at"], row["stage"]] for row in _rows("contact")])
    assert pictures[0] == pictures[1]
    assert pictures[0] != pictures[2]


def test_every_record_has_its_history_and_the_chain_holds(tmp_path: Path) -> None:
    with _filled(tmp_path):
        with scope.across_workspaces("a test reads every log"):
            logged = {tuple(r) for r in session.execute(sa.select(Audit.entity, Audit.record_id))}
            told = {tuple(r) for r in session.execute(sa.select(Change.entity, Change.record_id))}
        for name, model in registry.entities().items():
            assert issubclass(model, Record)
            everyone = {(name, row["id"]) for row in _rows(name)}
            assert everyone <= logged
            assert everyone <= told
        session.rollback()
        assert chain.seal_all() > 1000
        assert chain_check.verify().problems == []


def test_personal_values_stand_in_the_log_under_a_key_only(tmp_path: Path) -> None:
    with _filled(tmp_path):
        mail = _rows("contact")[0]["email"] or _rows("contact")[1]["email"]
        with scope.across_workspaces("a test reads every log"):
            facts = str(session.scalars(sa.select(Audit.facts)).all())
        assert mail not in facts


def test_a_database_in_use_is_left_alone(tmp_path: Path) -> None:
    with _filled(tmp_path):
        before = len(_rows("contact"))
        with pytest.raises(Conflict, match="Nothing was changed"):
            seeds.fill()
        assert len(_rows("contact")) == before


def test_a_measured_amount_is_spread_over_the_brokerages(tmp_path: Path) -> None:
    with _filled(tmp_path, brokerages=4, contacts=1002) as made:
        rows = _rows("contact")
        assert made.contacts == len(rows) == 1002
        assert {len([r for r in rows if r["workspace_id"] == key]) for key, _, _ in made.workspaces} == {250, 252}


@contextmanager
def _filled(folder: Path, **wanted: Any) -> Iterator[seeds.Seeded]:
    """A migrated database with demo data, and the application's context around the block."""
    with database_kit.make_app(folder, database_kit.sqlite(folder)).app_context():
        yield seeds.fill(today=TODAY, **wanted)
        session.remove()


def _rows(name: str) -> list[Any]:
    table = registry.entity(name).__table__
    with scope.across_workspaces("a test looks at all demo rows"):
        naive = sa.select(*(sa.type_coerce(c, sa.DateTime) if c.name.endswith("_at") else c for c in table.columns))
        return list(session.execute(naive.order_by(table.c.id), execution_options=WHY).mappings())

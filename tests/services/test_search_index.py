"""Quick search finds what a plain look at each row finds, rare or common, on both databases, behind row security."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from app import seeds
from app.services import queries, search_index
from app.services.operation import operation
from app.services.queries import ListQuery
from models import scope
from models.base import db, session
from models.contact import Contact
from models.scope import Actor
from tests import database_kit

SEARCHED = ("name", "email", "phone", "company")
TODAY = dt.datetime(2026, 5, 14, 17, 0, tzinfo=dt.UTC)
EVERYTHING = scope.system("Test")


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.needs("postgres"))])
def filled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Flask, int]]:
    """An application on demo data, 1,500 contacts in each of two brokerages; the id of the first one."""
    with _database(request.param, tmp_path_factory.mktemp("search")) as (folder, owner, url):
        with database_kit.make_app(folder, owner).app_context():
            made = seeds.fill(contacts=3000, today=TODAY)
        yield database_kit.make_app(folder, url), made.workspaces[0][0]


@contextlib.contextmanager
def _database(engine: str, folder: Path) -> Iterator[tuple[Path, str, str]]:
    """The folder, and the addresses for the owner and for the application's role."""
    if engine == "sqlite":
        url = database_kit.sqlite(folder)
        yield folder, url, url
    else:
        with database_kit.postgres() as (owner, url):
            yield folder, owner, url


@pytest.mark.parametrize(
    "q",
    [
        "xi",
        "ma",
        "xt",
        "ext=",
        "01",
        "ramírez",
        "Okafor zo",
        "example",
        "@example.net",
        "(207) 555-0142",
        "5550142",
        "dental",
        "100%",
        "_",
        "nobody-is-called-so",
    ],
)
def test_search_finds_what_a_look_at_every_row_finds(filled: tuple[Flask, int], q: str) -> None:
    app, workspace = filled
    with app.app_context(), scope.inside(workspace):
        every = [row for chunk in queries.stream(ListQuery(Contact, SEARCHED), actor=EVERYTHING) for row in chunk]
        expected = {row[0] for row in every if all(_holds(row[1:], word) for word in q.split())}
        query = ListQuery(Contact, ("name",), SEARCHED, q)
        assert set(queries.ids(query, actor=EVERYTHING)) == expected
        assert queries.count(query, actor=EVERYTHING, exact=True) == (len(expected), True)
        page = queries.page(query, actor=EVERYTHING, counted=True)
        assert len(page.rows) == min(len(expected), 50)
        caps = {queries.COUNT_CAP, queries.WALKED_CAP}
        assert page.count in {(cap, False) for cap in caps if cap < len(expected)} | {(len(expected), True)}
        assert page.count[1] or len(expected) > queries.WALKED_CAP


def test_a_rare_word_is_looked_up_and_a_common_one_is_not_listed(filled: tuple[Flask, int]) -> None:
    app, workspace = filled
    with app.app_context(), scope.inside(workspace):
        rare, common = (search_index.look_up(Contact, SEARCHED, q, actor=EVERYTHING) for q in ("dental", "example"))
        assert rare.ids
        assert not rare.common
        assert common.ids is None
        assert common.common


def test_an_agent_finds_only_their_own(filled: tuple[Flask, int]) -> None:
    app, workspace = filled
    with app.app_context(), scope.inside(workspace):
        owners = [
            row
            for chunk in queries.stream(ListQuery(Contact, ("owner_id",), raw=True), actor=EVERYTHING)
            for row in chunk
        ]
        mine = owners[0][1]
        agent = Actor(scope.ActorKind.USER, "Agent", membership_id=mine, rights={"contact": {"read": scope.Reach.OWN}})
        found = queries.ids(ListQuery(Contact, ("name",), SEARCHED, "example"), actor=agent)
        assert found
        assert set(found) <= {key for key, owner in owners if owner == mine}
        rare = queries.page(ListQuery(Contact, ("name",), SEARCHED, "dental", limit=200), actor=agent, counted=True)
        assert rare.count == (len(rare.rows), True)
        assert {row[0] for row in rare.rows} <= {key for key, owner in owners if owner == mine}


@pytest.mark.needs("postgres")
def test_capitals_beyond_ascii_are_found_by_their_plain_letters(tmp_path: Path) -> None:
    names = ("İpek Şahin", "\u212aelvin Frost", "Ines Kahn", "Émile Roux", "Rosa Vega")
    with database_kit.postgres() as (_owner, url), database_kit.make_app(tmp_path, url).app_context():
        with scope.inside(database_kit.found_workspace("harbor")):
            with operation("contact.create", actor=EVERYTHING):
                session.add_all([Contact(name=name, phone="+12075550142;ext=7") for name in names])
            found = {q: _names(q) for q in ("ip", "İp", "ke", "KE", "ine", "ém", "É", "xt", "7;ex", "ro", "zz")}
        session.remove()
        db.engine.dispose()
    assert found == {
        "ip": {names[0]}, "İp": {names[0]}, "ke": {names[1]}, "KE": {names[1]}, "ine": {names[2]}, "ém": {names[3]},
        "É": {names[3]}, "xt": set(names), "7;ex": set(), "ro": {names[1], names[3], names[4]}, "zz": set(),
    }  # fmt: skip


def _names(q: str) -> set[str]:
    return {row[1] for row in queries.page(ListQuery(Contact, ("name",), SEARCHED, q), actor=EVERYTHING).rows}


def test_nothing_of_another_brokerage_is_found(filled: tuple[Flask, int]) -> None:
    app, workspace = filled
    with app.app_context():
        found: list[set[int]] = []
        for here in (workspace, workspace + 1):
            with scope.inside(here):
                found.append(set(queries.ids(ListQuery(Contact, ("name",), SEARCHED, "dental"), actor=EVERYTHING)))
        assert found[0]
        assert found[1]
        assert not found[0] & found[1]


def _holds(values: Any, word: str) -> bool:
    """As LIKE does: letters of ASCII without regard to case; digits also against the phone alone."""
    digits = "".join(c for c in word if c.isdigit())
    folded = word.lower()
    return any(folded in (value or "").lower() for value in values) or (
        len(digits) >= 4 and digits in (values[2] or "")
    )

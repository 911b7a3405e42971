"""One pooled connection serves brokerage after brokerage: what one was told never reaches the next, whatever went wrong
between; and it outlives neither a restart of the server nor the wait for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from app.services.operation import operation
from models import connections, scope, tenancy
from models.base import db, session
from models.contact import Contact, Tag
from tests import database_kit
from tests.database_kit import SYSTEM

pytestmark = pytest.mark.needs("postgres")
# As a statement that forgot the first wall: what comes back is what the second one lets through.
BARE = sa.text("select name from contact order by name")
WHY = tenancy.reason("a test looks at what the database itself shows")
ONE_CONNECTION = {"SQLALCHEMY_ENGINE_OPTIONS": {"pool_size": 1, "max_overflow": 0, "pool_timeout": 2}}
HANNA, EMIL = ["Hanna Harbor"], ["Emil Elm"]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, int]]:
    """Two brokerages with a contact each, and an application that has a single connection."""
    with database_kit.postgres() as (_owner, application):
        app = database_kit.make_app(tmp_path_factory.mktemp("connections"), application, **ONE_CONNECTION)
        with app.app_context():
            harbor, elm = database_kit.found_workspace("harbor"), database_kit.found_workspace("elm")
            for workspace, name in ((harbor, *HANNA), (elm, *EMIL)):
                with scope.inside(workspace), operation("contact.create", actor=SYSTEM):
                    session.add(Contact(name=name, email=f"{name.split()[0].lower()}@example.com"))
                session.remove()
            yield harbor, elm
            session.remove()
            db.engine.dispose()


@pytest.fixture
def harbor_and_elm(built: tuple[int, int]) -> Iterator[tuple[int, int]]:
    yield built
    session.remove()
    db.engine.dispose()


def seen() -> list[Any]:
    return list(session.scalars(BARE, execution_options=WHY))


def told_outside() -> list[Any]:
    """What a connection straight from the pool shows, told nothing."""
    with db.engine.connect() as connection:
        return list(connection.scalars(BARE))


def test_brokerages_take_turns_on_one_connection(harbor_and_elm: tuple[int, int]) -> None:
    harbor, elm = harbor_and_elm
    for _ in range(3):
        for workspace, own in ((harbor, HANNA), (elm, EMIL)):
            with scope.inside(workspace):
                assert seen() == own
            session.remove()
            assert told_outside() == []


def test_within_one_transaction_the_brokerage_changes(harbor_and_elm: tuple[int, int]) -> None:
    harbor, elm = harbor_and_elm
    with scope.across_workspaces("who is signed in"):
        assert seen() == EMIL + HANNA
    with scope.inside(harbor):
        assert seen() == HANNA
    assert seen() == []
    with scope.inside(elm):
        assert seen() == EMIL


def test_an_error_leaves_nothing_told(harbor_and_elm: tuple[int, int]) -> None:
    harbor, elm = harbor_and_elm
    with scope.inside(harbor), pytest.raises(sa.exc.DBAPIError):
        session.execute(sa.text("select 1 / 0"), execution_options=WHY)
    with scope.inside(elm), pytest.raises(sa.exc.DBAPIError, match="aborted"):
        seen()
    session.rollback()
    assert told_outside() == []
    with scope.inside(elm):
        assert seen() == EMIL


def test_a_commit_and_a_rollback_end_what_was_told(harbor_and_elm: tuple[int, int]) -> None:
    harbor, elm = harbor_and_elm
    with scope.inside(harbor), operation("tag.create", actor=SYSTEM):
        session.add(Tag(name="Waterfront"))
    with scope.inside(elm):
        assert seen() == EMIL
        session.rollback()
    assert told_outside() == []
    with scope.inside(harbor):
        assert seen() == HANNA
        assert session.scalars(sa.select(Tag.name)).all() == ["Waterfront"]


def test_what_was_told_behind_a_savepoint_is_told_again(harbor_and_elm: tuple[int, int]) -> None:
    harbor, elm = harbor_and_elm
    with scope.inside(harbor):
        assert seen() == HANNA
    with scope.inside(elm):
        with pytest.raises(LookupError), session.begin_nested():
            assert seen() == EMIL
            raise LookupError
        assert seen() == EMIL


def test_plans_are_kept_past_a_rollback_but_for_words(harbor_and_elm: tuple[int, int]) -> None:
    harbor, _elm = harbor_and_elm
    for _ in range(8):
        with scope.inside(harbor):
            session.scalars(sa.select(Contact.name)).all()
            session.scalars(sa.select(Contact.name).where(Contact.name.ilike("%han%"))).all()
        session.rollback()
    kept = " ".join(session.scalars(sa.text("select statement from pg_prepared_statements"), execution_options=WHY))
    assert "SELECT contact.name" in kept
    assert "LIKE" not in kept


def test_a_plan_that_a_migration_made_wrong_is_wrong_once(harbor_and_elm: tuple[int, int]) -> None:
    harbor, _elm = harbor_and_elm
    names = sa.select(Contact.name)
    with scope.inside(harbor):
        for _ in range(8):
            assert session.scalars(names).all() == HANNA
            session.rollback()
        as_owner("alter table contact alter column name type varchar(210)")
        with pytest.raises(sa.exc.DBAPIError, match="cached plan"):
            session.scalars(names)
        session.rollback()
        assert session.scalars(names).all() == HANNA


def test_a_server_that_ended_the_connection_is_not_noticed(harbor_and_elm: tuple[int, int]) -> None:
    harbor, _elm = harbor_and_elm
    for _ in range(2):
        with scope.inside(harbor):
            before = backend()
            session.remove()
            end(before)
            assert seen() == HANNA
            assert backend() != before
        session.remove()


def test_a_connection_lost_in_the_middle_says_so_once(harbor_and_elm: tuple[int, int]) -> None:
    harbor, _elm = harbor_and_elm
    with scope.inside(harbor):
        assert seen() == HANNA
        end(backend())
        with pytest.raises(sa.exc.OperationalError):
            seen()
        session.rollback()
        assert seen() == HANNA


def test_a_connection_lost_as_it_is_told_says_so_as_any_other(harbor_and_elm: tuple[int, int]) -> None:
    harbor, elm = harbor_and_elm
    with scope.inside(harbor):
        end(backend())
    with scope.inside(elm):
        with pytest.raises(sa.exc.OperationalError):
            seen()
        session.rollback()
        assert seen() == EMIL


def test_a_connection_that_was_silent_or_has_news_is_asked_and_kept(
    harbor_and_elm: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    with db.engine.begin() as connection:
        connection.execute(sa.text("listen news"))
        connection.execute(sa.text("notify news"))
        before = connection.scalar(sa.text("select pg_backend_pid()"))
    assert backend() == before
    session.remove()
    monkeypatch.setattr(connections, "_QUIET_SECONDS", 0.0)
    assert backend() == before


def test_a_commit_that_does_not_wait_is_for_one_transaction(harbor_and_elm: tuple[int, int]) -> None:
    asked = sa.text("select current_setting('synchronous_commit')")
    with db.engine.begin() as connection:
        connection.exec_driver_sql("SET synchronous_commit = on")  # a server for tests may have it off
    with db.engine.begin() as connection:
        connections.hasten(connection)
        assert connection.scalar(asked) == "off"
    with db.engine.begin() as connection:
        assert connection.scalar(asked) == "on"


def backend() -> int:
    """The number of the process that serves this session."""
    return int(session.scalar(sa.text("select pg_backend_pid()"), execution_options=WHY) or 0)


def end(process: int) -> None:
    """As a restart of the server does to it; comes back when the process is gone."""
    as_owner(f"select pg_terminate_backend({process}, 5000)")


def as_owner(words: str) -> None:
    url = db.engine.url.set(username=sa.make_url(str(database_kit.postgres_url())).username)
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql(words)

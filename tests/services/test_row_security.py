"""The second wall: what PostgreSQL itself shows to the application's role, whatever the statement."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from app.services.operation import operation
from models import scope, tenancy
from models.base import db, session
from models.contact import Contact
from tests import database_kit
from tests.database_kit import SYSTEM

pytestmark = pytest.mark.needs("postgres")


@pytest.fixture(scope="module")
def harbor_and_elm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, int]]:
    """Two brokerages, each with a contact of its own; the application is connected as its own role."""
    with database_kit.postgres() as (_owner, application):
        app = database_kit.make_app(tmp_path_factory.mktemp("walls"), application)
        with app.app_context():
            harbor, elm = database_kit.found_workspace("harbor"), database_kit.found_workspace("elm")
            for workspace, name in ((harbor, "Hanna Harbor"), (elm, "Emil Elm")):
                with scope.inside(workspace), operation("contact.create", actor=SYSTEM):
                    session.add(Contact(name=name, email=f"{name.split()[0].lower()}@example.com"))
                session.remove()
            yield harbor, elm
            session.remove()
            db.engine.dispose()


def raw(sql: str, workspace: int | str | None, **values: object) -> list[object]:
    """What a raw statement finds on a connection that was told this workspace."""
    with db.engine.begin() as connection:
        if workspace is not None:
            connection.execute(sa.text("select set_config('app.workspace_id', :w, true)"), {"w": str(workspace)})
        return list(connection.scalars(sa.text(sql), values))


def test_raw_sql_sees_the_told_workspace_only(harbor_and_elm: tuple[int, int]) -> None:
    harbor, elm = harbor_and_elm
    assert raw("select name from contact", harbor) == ["Hanna Harbor"]
    assert raw("select name from contact where workspace_id = :elm", harbor, elm=elm) == []
    assert raw("select name from contact order by 1", "*") == ["Emil Elm", "Hanna Harbor"]


def test_no_workspace_means_no_row_in_any_table(harbor_and_elm: tuple[int, int]) -> None:
    assert raw("select name from contact", None) == []
    for table in sorted(tenancy.scoped_tables() - {"audit", "job"}):
        assert raw(f"select count(*) from {table}", -1) == [0], table


def test_raw_writes_into_another_workspace_are_refused(harbor_and_elm: tuple[int, int]) -> None:
    harbor, elm = harbor_and_elm
    insert = (
        "insert into tag (workspace_id, name, created_at, updated_at, created_by, version, source)"
        " values (:elm, 'planted', now(), now(), '', 1, '') returning id"
    )
    with pytest.raises(sa.exc.ProgrammingError, match="row-level security"):
        raw(insert, harbor, elm=elm)
    assert raw("update contact set name = 'taken' where workspace_id = :elm returning id", harbor, elm=elm) == []
    assert raw("delete from contact returning id", None) == []
    assert raw("select name from contact", elm) == ["Emil Elm"]


def test_a_moved_row_is_refused(harbor_and_elm: tuple[int, int]) -> None:
    harbor, elm = harbor_and_elm
    with pytest.raises(sa.exc.ProgrammingError, match="row-level security"):
        raw("update contact set workspace_id = :elm returning id", harbor, elm=elm)


def test_the_application_may_not_touch_the_audit_log(harbor_and_elm: tuple[int, int]) -> None:
    harbor, _elm = harbor_and_elm
    for words in (
        "update audit set actor = 'nobody'",
        "delete from audit_seal",
        "delete from consent",
        "truncate audit",
    ):
        with pytest.raises(sa.exc.ProgrammingError, match="permission denied"):
            raw(words, harbor)
    with pytest.raises(sa.exc.ProgrammingError):
        raw("alter table audit disable trigger all", harbor)
    with pytest.raises(sa.exc.ProgrammingError):
        raw("alter table contact no force row level security", harbor)


def test_a_failed_sign_in_is_audited_outside_any_workspace(harbor_and_elm: tuple[int, int]) -> None:
    harbor, _elm = harbor_and_elm
    with operation("auth.fail", actor=SYSTEM) as op:
        op.audit("auth.fail", facts={"why": "password"})
        op.audit("auth.fail", facts={"why": "password"}, workspace_id=harbor)
    session.remove()
    count = "select count(*) from audit where action = 'auth.fail'"
    assert raw(count, harbor) == [1]
    assert raw(count, "*") == [2]


def test_search_finds_through_the_trigram_index_and_stays_inside(harbor_and_elm: tuple[int, int]) -> None:
    harbor, elm = harbor_and_elm
    hanna = raw("select id from contact", harbor)
    search = "select search_ids('contact', :pattern, 10)"
    assert raw(search, harbor, pattern="%hann%") == hanna
    assert raw(search, elm, pattern="%hann%") == []
    assert raw(search, harbor, pattern="%example.com%") == hanna
    assert raw(search, None, pattern="%hann%") == raw(search, "*", pattern="%hann%") == []


def test_the_searching_role_can_use_the_trigram_index_and_the_application_cannot() -> None:
    query = "explain select id from contact where workspace_id = 1 and name ilike '%zebra%' and deleted_at is null"
    with database_kit.postgres() as (owner, _application):
        engine = sa.create_engine(owner, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
        with engine.connect() as connection:
            connection.exec_driver_sql(_MANY)
            connection.exec_driver_sql("vacuum analyze contact")
            plans = {}
            for role in ("crm_search", database_kit.APP_ROLE):
                connection.exec_driver_sql(f"set role {role}")
                plans[role] = " ".join(connection.exec_driver_sql(query.replace("%", "%%")).scalars())
                connection.exec_driver_sql("reset role")
        assert "gin_contact_search" in plans["crm_search"]
        assert "gin_contact_search" not in plans[database_kit.APP_ROLE]


def test_the_function_runs_as_a_role_that_cannot_log_in_nor_pass_row_security_elsewhere(
    harbor_and_elm: tuple[int, int],
) -> None:
    harbor, _elm = harbor_and_elm
    facts = raw(
        "select concat_ws(' ', prosecdef, rolname, rolcanlogin, rolbypassrls, rolsuper)"
        " from pg_proc join pg_roles on pg_roles.oid = proowner where proname = 'search_ids'",
        harbor,
    )
    assert facts == ["t crm_search f f f"]


_MANY = """
with brokerage as (
    insert into workspace (id, slug, name, status, color, region, zone, currency, require_mfa, ai_enabled, keys_version,
                           version, created_at)
    values (1, 'w', 'W', 'active', '#000000', 'US', 'UTC', 'USD', false, false, 1, 1, now()) returning id
)
insert into contact (workspace_id, name, type, stage, lawful_basis, minor, last_activity, name_key, created_at,
    updated_at,
                     created_by, version, source)
select id, md5(n::text), 'buyer', 'new', 'unknown', false, now(), '', now(), now(), '', 1, 'test'
from brokerage, generate_series(1, 20000) n
"""

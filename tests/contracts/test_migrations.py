"""Migrations make exactly what the models say, on both databases, and the walls that models cannot say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy.dialects import sqlite as sqlite_dialect
from sqlalchemy.schema import CreateIndex

from migrations import comparing
from models import tenancy
from tests import database_kit

STANDING = ("audit", "audit_seal", "consent", "attestation")


@pytest.fixture
def sqlite_engine(tmp_path: Path) -> Iterator[sa.Engine]:
    engine = sa.create_engine(database_kit.sqlite(tmp_path))
    yield engine
    engine.dispose()


@pytest.fixture
def postgres_engine() -> Iterator[sa.Engine]:
    with database_kit.postgres() as (owner, _application):
        engine = sa.create_engine(owner, poolclass=sa.NullPool)
        yield engine


def differences(engine: sa.Engine) -> list[Any]:
    options = comparing.options(engine.dialect)
    metadata = options.pop("target_metadata")
    with engine.connect() as connection:
        return list(compare_metadata(MigrationContext.configure(connection, opts=options), metadata))


def test_sqlite_matches_the_models(sqlite_engine: sa.Engine) -> None:
    assert differences(sqlite_engine) == []


@pytest.mark.needs("postgres")
def test_postgres_matches_the_models(postgres_engine: sa.Engine) -> None:
    assert differences(postgres_engine) == []


def test_a_forgotten_migration_is_noticed(sqlite_engine: sa.Engine) -> None:
    with sqlite_engine.begin() as connection:
        connection.exec_driver_sql("alter table contact drop column next_step")
    assert [change[0] for change in differences(sqlite_engine)] == ["add_column"]


def test_indexes_with_an_order_match_on_sqlite(sqlite_engine: sa.Engine) -> None:
    with sqlite_engine.connect() as connection:
        found = dict(
            connection.exec_driver_sql("select name, sql from sqlite_master where type = 'index'").tuples().all()
        )
    wanted = {str(index.name): _text(index) for index in comparing.with_expressions()}
    assert wanted
    assert {name: _plain(found.get(name, "")) for name in wanted} == wanted


def _text(index: sa.Index) -> str:
    return _plain(str(CreateIndex(index).compile(dialect=sqlite_dialect.dialect())))  # type: ignore[no-untyped-call]


def _plain(sql: str) -> str:
    return re.sub(r"\s+", " ", sql).strip().lower()


def test_the_way_down_leaves_nothing(tmp_path: Path) -> None:
    url = database_kit.sqlite(tmp_path)
    command.downgrade(database_kit.alembic(url), "base")
    engine = sa.create_engine(url)
    assert sa.inspect(engine).get_table_names() == ["alembic_version"]
    engine.dispose()


@pytest.mark.needs("postgres")
def test_the_way_down_and_up_again_on_postgres(postgres_engine: sa.Engine) -> None:
    url = postgres_engine.url.render_as_string(hide_password=False)
    command.downgrade(database_kit.alembic(url), "base")
    assert sa.inspect(postgres_engine).get_table_names() == ["alembic_version"]
    command.upgrade(database_kit.alembic(url), "head")
    assert differences(postgres_engine) == []


@pytest.mark.needs("postgres")
def test_every_table_of_a_workspace_is_walled(postgres_engine: sa.Engine) -> None:
    with postgres_engine.connect() as connection:
        walled = set(
            connection.scalars(
                sa.text(
                    "select c.relname from pg_class c join pg_policy p on p.polrelid = c.oid and p.polname = 'wall'"
                    " where c.relrowsecurity and c.relforcerowsecurity"
                )
            )
        )
    assert walled == set(tenancy.scoped_tables())


@pytest.mark.parametrize("table", STANDING)
@pytest.mark.parametrize("statement", ["update {t} set id = id", "delete from {t}"])
def test_sqlite_refuses_to_change_what_stands(sqlite_engine: sa.Engine, table: str, statement: str) -> None:
    with sqlite_engine.begin() as connection:
        _put_row(connection, table)
    words = statement.format(t=table).replace("id = id", "audit_id = audit_id" if table == "audit_seal" else "id = id")
    with pytest.raises(sa.exc.IntegrityError, match="rows are only added"), sqlite_engine.begin() as connection:
        connection.exec_driver_sql(words)


@pytest.mark.needs("postgres")
def test_postgres_refuses_to_change_what_stands_even_to_the_owner(postgres_engine: sa.Engine) -> None:
    for table in STANDING:
        with postgres_engine.begin() as connection:
            _put_row(connection, table)
        column = "audit_id" if table == "audit_seal" else "id"
        for words in (f"update {table} set {column} = {column}", f"delete from {table}", f"truncate {table}"):
            with pytest.raises(sa.exc.DBAPIError, match="rows are only added"), postgres_engine.begin() as connection:
                connection.exec_driver_sql(words)


def _put_row(connection: sa.Connection, table: str) -> None:
    """A row with a plain value in every column that needs one; references are not looked at."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("set local session_replication_role = replica")
    known = comparing.metadata().tables[table]
    columns = [column for column in known.columns if not column.nullable and column.name != "id"]
    values = {column.name: _some(column.type) for column in columns}
    connection.execute(sa.insert(sa.table(table, *(sa.column(c.name, c.type) for c in columns))).values(values))


def _some(kind: Any) -> Any:
    from models.fields import now

    if isinstance(kind, sa.types.TypeDecorator):
        return now()
    plain = {sa.JSON: {}, sa.LargeBinary: b"x", sa.Boolean: True, sa.Integer: 1, sa.String: "x"}
    return next(value for known, value in plain.items() if isinstance(kind, known))

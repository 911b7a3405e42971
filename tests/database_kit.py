"""Databases for tests that need the real thing: migrated SQLite files and PostgreSQL databases, and a small application
on them.
"""

from __future__ import annotations

import contextlib
import functools
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from flask import Flask

import config
import models  # noqa: F401  maps every table
from app import permissions
from app.services import audit_heads
from app.services.operation import operation
from models import connections, crypto, scope
from models.base import db, session
from models.workspace import Workspace
from tests.services_present import postgres_url

ROOT = Path(__file__).resolve().parent.parent
APP_ROLE = "crm_test_app"
SYSTEM = scope.system("Test")


def alembic(url: str) -> Config:
    """Alembic's configuration for a database."""
    found = Config(str(ROOT / "migrations" / "alembic.ini"))
    found.set_main_option("script_location", str(ROOT / "migrations"))
    found.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    return found


@functools.cache
def _sqlite_template() -> Path:
    path = Path(tempfile.mkdtemp(prefix="crm-template-")) / "crm.sqlite3"
    command.upgrade(alembic(f"sqlite:///{path}"), "head")
    return path


def sqlite(folder: Path) -> str:
    """The address of a fresh migrated file in `folder`."""
    shutil.copy(_sqlite_template(), folder / "crm.sqlite3")
    return f"sqlite:///{folder / 'crm.sqlite3'}"


@contextlib.contextmanager
def postgres(owner_role: str = "") -> Iterator[tuple[str, str]]:
    """A fresh migrated database, gone afterwards: (address for the owner, address for the application's role). The
    owner is a superuser, whom no wall binds, or a plain role of this name, as in production.
    """
    server = sa.make_url(str(postgres_url()))
    name = f"crm_{uuid.uuid4().hex[:12]}"
    maintenance = sa.create_engine(server, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with maintenance.connect() as connection:
        if owner_role and not connection.scalar(
            sa.text("select 1 from pg_roles where rolname = :r"), {"r": owner_role}
        ):
            connection.exec_driver_sql(f"create role {owner_role} login")
        connection.exec_driver_sql(f"create database {name}" + (f" owner {owner_role}" if owner_role else ""))
    above = server.set(database=name)
    owner = above.set(username=owner_role or above.username).render_as_string(hide_password=False)
    try:
        command.upgrade(alembic(owner), "head")
        engine = sa.create_engine(above, poolclass=sa.NullPool)
        with engine.begin() as connection:
            connection.execute(sa.text("select pg_advisory_xact_lock(1)"))
            connection.execute(sa.text("select application_role(cast(:role as name))"), {"role": APP_ROLE})
        yield owner, server.set(database=name, username=APP_ROLE).render_as_string(hide_password=False)
    finally:
        with maintenance.connect() as connection:
            connection.exec_driver_sql(f"drop database {name} with (force)")
        maintenance.dispose()


def make_app(folder: Path, url: str, **more: Any) -> Flask:
    """An application without pages on a migrated database; copies of audit heads go to `folder`/heads."""
    app = Flask("app")
    app.config.update(config.load({"APP_ENV": "test", "DATA_DIR": str(folder), "DATABASE_URL": url}) | more)
    permissions._cache.clear()  # ids repeat from one database to the next
    crypto.use(crypto.Keyring(app.config["PEPPER"], app.config["DATA_KEYS"], signing=app.config["AUDIT_KEY"]))
    audit_heads.use(folder / "heads")
    db.init_app(app)
    with app.app_context():
        if db.engine.dialect.name == "sqlite":
            sa.event.listen(db.engine, "connect", _pragmas)
        else:
            connections.keep(db.engine)
    return app


def found_workspace(slug: str) -> int:
    """A brokerage; returns its id."""
    with scope.across_workspaces("a test founds a brokerage"), operation("workspace.create", actor=SYSTEM):
        workspace = Workspace(slug=slug, name=slug.title())
        session.add(workspace)
        session.flush()
        return int(workspace.id)


def _pragmas(connection: Any, _record: Any) -> None:
    for pragma in ("foreign_keys=ON", "journal_mode=WAL", "synchronous=OFF", "busy_timeout=15000"):
        connection.execute(f"PRAGMA {pragma}")

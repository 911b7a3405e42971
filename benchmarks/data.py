"""The databases that are measured on: filled once, kept under data/bench, copied for each run.

The name carries a digest of migrations and seeds, so that a change of either fills a new one. PostgreSQL is measured
where BENCH_DATABASE_URL or TEST_DATABASE_URL names a server on which databases may be made.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

import config

ROOT = Path(__file__).resolve().parent.parent
FOLDER = Path(os.environ.get("DATA_DIR", ROOT / "data")).absolute() / "bench"
APP_ROLE = "crm_bench_app"


@dataclass(frozen=True, slots=True)
class Database:
    """`url` is what the application connects as; `owner` passes row security, for bare queries and peers."""

    engine: str
    url: str
    owner: str


def engines() -> list[str]:
    """Which databases can be measured here; says so of those that cannot."""
    if server():
        return ["sqlite", "postgres"]
    print("NOT MEASURED: PostgreSQL. Set BENCH_DATABASE_URL to a server on which databases may be made.", flush=True)
    return ["sqlite"]


@contextmanager
def database(engine: str, contacts: int, workspaces: int) -> Iterator[Database]:
    """A filled database of its own for this run."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    key = f"{_version()}_{contacts}_{workspaces}"
    with _sqlite(key, contacts, workspaces) if engine == "sqlite" else _postgres(key, contacts, workspaces) as found:
        yield found


def server() -> str:
    return os.environ.get("BENCH_DATABASE_URL") or os.environ.get("TEST_DATABASE_URL", "")


@contextmanager
def _sqlite(key: str, contacts: int, workspaces: int) -> Iterator[Database]:
    kept, run = FOLDER / f"{key}.sqlite3", FOLDER / f"run-{os.getpid()}.sqlite3"
    if not kept.exists():
        part = FOLDER / f"{key}.part.sqlite3"
        part.unlink(missing_ok=True)
        _fill(f"sqlite:///{part}", contacts, workspaces)
        part.rename(kept)
    shutil.copyfile(kept, run)
    try:
        yield Database("sqlite", f"sqlite:///{run}", f"sqlite:///{run}")
    finally:
        for left in FOLDER.glob(f"{run.name}*"):
            left.unlink()


@contextmanager
def _postgres(key: str, contacts: int, workspaces: int) -> Iterator[Database]:
    url = sa.make_url(config.database_url(server()))
    kept, run = f"crm_bench_{key}", f"crm_bench_run_{os.getpid()}"
    maintenance = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with maintenance.connect() as connection:
        if not connection.scalar(sa.text("select 1 from pg_database where datname = :name"), {"name": kept}):
            part = f"{kept}_part"
            connection.exec_driver_sql(f"drop database if exists {part}")
            connection.exec_driver_sql(f"create database {part}")
            _fill(url.set(database=part).render_as_string(hide_password=False), contacts, workspaces)
            connection.exec_driver_sql(f"alter database {part} rename to {kept}")
        connection.exec_driver_sql(f"create database {run} template {kept}")
        try:
            owner = url.set(database=run)
            _prepare(owner)
            mine = owner.set(username=APP_ROLE)
            yield Database(
                "postgres", mine.render_as_string(hide_password=False), owner.render_as_string(hide_password=False)
            )
        finally:
            connection.exec_driver_sql(f"drop database {run} with (force)")


def _prepare(url: sa.URL) -> None:
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        connection.execute(sa.text("select application_role(cast(:role as name))"), {"role": APP_ROLE})
        # Empties the pending lists of the trigram indexes and marks pages all-visible, as autovacuum does in time.
        connection.exec_driver_sql("vacuum analyze")


def _fill(url: str, contacts: int, workspaces: int) -> None:
    print(f"Filling {contacts:,} contacts into {workspaces} workspaces, once.", flush=True)
    start = time.perf_counter()
    environment = os.environ | {
        "DATABASE_URL": url,
        "DATA_DIR": str(FOLDER),
        "LOG_LEVEL": "error",
        "APP_ENV": "embedded",
    }
    environment.pop("MIGRATION_DATABASE_URL", None)
    for arguments in (
        ("db", "upgrade"),
        ("seed", "demo", "--workspaces", str(workspaces), "--contacts", str(contacts), "--json"),
    ):
        subprocess.run(
            [sys.executable, "-m", "flask", "--app", "wsgi", *arguments],
            env=environment,
            cwd=ROOT,
            check=True,
            stdout=subprocess.DEVNULL,
        )
    print(f"Filled in {time.perf_counter() - start:.0f} s.", flush=True)


def _version() -> str:
    digest = hashlib.sha256()
    for path in sorted([*(ROOT / "migrations" / "versions").glob("*.py"), *(ROOT / "app").glob("seed*.py")]):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:10]

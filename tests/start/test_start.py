"""The parts of a start: the database's state without the application, port, one start per folder, Valkey."""

import fcntl
import itertools
import os
import socket
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from alembic.command import upgrade as alembic_upgrade
from alembic.config import Config as AlembicConfig

from app.database_role import grant
from app.database_state import DatabaseError, applied_revisions, has_workspaces, newest_revisions, psycopg_url
from app.start import ROOT, StartError, background, check_port, redis_command, redis_server, web_command
from config import load, redis_socket
from tests.services_present import postgres_url

MIGRATION = 'revision = "{}"\ndown_revision = {}\n\ndef upgrade(): pass\n'


def test_the_newest_revision_is_the_one_nothing_builds_on(tmp_path: Path) -> None:
    (tmp_path / "0001_first.py").write_text(MIGRATION.format("0001", "None"))
    (tmp_path / "0002_next.py").write_text('revision: str = "0002"\ndown_revision: str | None = "0001"\n')
    assert newest_revisions(tmp_path) == {"0002"}
    (tmp_path / "0003_branch.py").write_text(MIGRATION.format("0003", '"0001"'))
    assert newest_revisions(tmp_path) == {"0002", "0003"}
    (tmp_path / "0004_merge.py").write_text(MIGRATION.format("0004", '("0002", "0003")'))
    assert newest_revisions(tmp_path) == {"0004"}


def test_the_project_s_own_migrations_have_one_newest() -> None:
    assert len(newest_revisions(ROOT / "migrations" / "versions")) == 1


def test_mail_is_listened_for_where_a_domain_is_named() -> None:
    assert background(load({"APP_ENV": "test"})) == ["worker", "ticker"]
    assert background(load({"APP_ENV": "test", "INBOUND_DOMAIN": "in.example.com"})) == ["worker", "ticker", "listener"]


def test_a_sqlite_database_tells_its_state(tmp_path: Path) -> None:
    path = tmp_path / "crm.sqlite3"
    url = f"sqlite:///{path}"
    assert applied_revisions(url) == set() and not has_workspaces(url)
    assert not path.exists()
    with sqlite3.connect(path) as connection:
        connection.executescript(
            "create table alembic_version (version_num text); insert into alembic_version values ('0002');"
            "create table workspace (id integer)"
        )
    assert applied_revisions(url) == {"0002"} and not has_workspaces(url)
    with sqlite3.connect(path) as connection:
        connection.execute("insert into workspace values (1)")
    assert has_workspaces(url)


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "crm.sqlite3"
    path.write_text("this was overwritten by something else " * 100)
    with pytest.raises(DatabaseError, match=r"crm\.sqlite3 can't be read .* Restore it from a backup"):
        applied_revisions(f"sqlite:///{path}")


@pytest.mark.needs("postgres")
def test_a_postgresql_database_tells_its_state() -> None:
    url = str(postgres_url())
    name = f"state_{os.getpid()}"
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as server:
        server.execute(f"create database {name}".encode())
        try:
            own = url.rpartition("/")[0] + f"/{name}"
            assert applied_revisions(own) == set() and not has_workspaces(own)
            with psycopg.connect(own.replace("+psycopg", "")) as connection:
                connection.execute("create table alembic_version (version_num text)")
                connection.execute("insert into alembic_version values ('0002')")
            assert applied_revisions(own) == {"0002"}
        finally:
            server.execute(f"drop database {name} with (force)".encode())


@pytest.mark.needs("postgres")
def test_the_application_s_role_reads_but_can_t_rewrite_the_audit_log() -> None:
    url, name = str(postgres_url()), f"role_{os.getpid()}"
    owned, role = url.rpartition("/")[0] + f"/{name}", f"app_{os.getpid()}"
    address = urlsplit(owned)
    applied = address._replace(netloc=f"{role}@{address.hostname}:{address.port}").geturl()
    with psycopg.connect(psycopg_url(url), autocommit=True) as server:
        server.execute(f"create database {name}".encode())
        try:
            migrations = AlembicConfig()
            migrations.set_main_option("script_location", str(ROOT / "migrations"))
            migrations.set_main_option("sqlalchemy.url", owned)
            alembic_upgrade(migrations, "head")
            assert grant(owned, owned) is None
            assert grant(owned, applied) == role
            with psycopg.connect(psycopg_url(applied)) as connection:
                assert connection.execute("select count(*) from audit").fetchone() == (0,)
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute("delete from audit")
        finally:
            server.execute(f"drop database if exists {name} with (force)".encode())
            server.execute(f"drop role if exists {role}".encode())


def test_a_database_server_that_does_not_answer_is_named() -> None:
    with pytest.raises(DatabaseError, match="Check DATABASE_URL"):
        applied_revisions("postgresql+psycopg://crm@127.0.0.1:1/crm")


def test_a_taken_port_is_named_with_one_that_is_free() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(
            StartError, match=rf"Port {port} is taken by another program.*PORT=(\d+) make run"
        ) as refused:
            check_port("127.0.0.1", port)
    free = int(str(refused.value).partition("PORT=")[2].split()[0])
    check_port("127.0.0.1", free)


def run_py(**environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    command = [sys.executable, str(ROOT / "run.py")]
    return subprocess.run(command, env=kept | environment, capture_output=True, text=True, timeout=60)


def test_a_weak_production_start_is_refused_with_one_sentence() -> None:
    done = run_py(APP_ENV="production", SECRET_KEY="changeme", DATABASE_URL="postgresql://db/crm")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("Not started: SECRET_KEY is missing or shorter than 32 bytes. Set SECRET_KEY to")


def test_a_second_start_on_the_same_folder_is_refused(tmp_path: Path) -> None:
    lock = tmp_path / "run" / "supervisor.lock"
    lock.parent.mkdir()
    with lock.open("w") as held:
        held.write("4711\n")
        held.flush()
        fcntl.flock(held, fcntl.LOCK_EX)
        done = run_py(DATA_DIR=str(tmp_path))
    assert done.returncode == 1
    assert "already runs" in done.stderr and "process 4711" in done.stderr and "DATA_DIR=other-data" in done.stderr


def test_the_own_valkey_listens_on_a_private_socket_that_the_configuration_finds(tmp_path: Path) -> None:
    path = redis_socket(tmp_path)
    path.parent.mkdir(parents=True)
    server = redis_server()
    assert server is not None
    process = subprocess.Popen(redis_command(server, path))
    try:
        deadline = time.monotonic() + 10
        while not path.exists():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert path.stat().st_mode & 0o077 == 0
        assert load({"DATA_DIR": str(tmp_path)})["REDIS_URL"] == f"unix://{path}"
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
            client.sendall(b"PING\r\n")
            assert client.recv(64) == b"+PONG\r\n"
    finally:
        process.terminate()
        process.wait()


def test_the_web_server_runs_one_blocking_thread_in_each_worker(tmp_path: Path) -> None:
    command = web_command(load({"DATA_DIR": str(tmp_path), "WEB_WORKERS": "3", "PORT": "8123"}))
    pairs = dict(itertools.pairwise(command))
    assert (pairs["--blocking-threads"], pairs["--workers"], pairs["--port"]) == ("1", "3", "8123")

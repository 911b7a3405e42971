"""`run.py` as a whole, around a stand-in application: order of the start, link, killed programs, nothing left behind.

The stand-in has the product's commands and pages in a few lines, so that these tests stay fast and tell faults of the
start from faults of the application; `.ci/smoke.py` starts the real one.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.start import ROOT

STAND_IN = """
import json, os, sqlite3
import click
from flask import Flask
from flask.cli import AppGroup

def create_app():
    app = Flask("stand_in")
    path = os.path.join(os.environ["DATA_DIR"], "crm.sqlite3")
    log = lambda line: open(os.path.join(os.environ["DATA_DIR"], "calls"), "a").write(line + "\\n")
    app.add_url_rule("/healthz", "healthz", lambda: "ok")
    app.add_url_rule("/redis", "redis", lambda: os.environ["REDIS_URL"])
    db, seed, user = AppGroup("db"), AppGroup("seed"), AppGroup("user")

    @db.command("upgrade")
    def upgrade():
        log("upgrade")
        with sqlite3.connect(path) as connection:
            connection.executescript(
                "create table alembic_version (version_num text); insert into alembic_version values ('0001');"
                "create table workspace (id integer)"
            )

    @seed.command("demo")
    @click.option("--json", "as_json", is_flag=True)
    def demo(as_json):
        log("seed")
        with sqlite3.connect(path) as connection:
            connection.execute("insert into workspace values (1)")
        link = "http://localhost/auth/link/first"
        click.echo(json.dumps({"email": "olivia@example.com", "sign_in_link": link}))

    @user.command("sign-in-link")
    @click.option("--email")
    @click.option("--json", "as_json", is_flag=True)
    def sign_in_link(email, as_json):
        log("link " + email)
        click.echo(json.dumps({"sign_in_link": "http://localhost/auth/link/next"}))

    for group in (db, seed, user):
        app.cli.add_command(group)
    return app
"""
BROKEN_UNDER_GRANIAN = """    import sys
    if "granian" in sys.modules:
        raise RuntimeError("a broken entity")
    app = Flask("stand_in")"""
WAITING = "import os, time\nopen(os.environ['DATA_DIR'] + '/{0}.' + str(os.getpid()), 'w').close()\ntime.sleep(600)\n"


class Project:
    """A folder with the real start and the stand-in application."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.data = folder / "project", folder / "data"
        (self.folder / "app").mkdir(parents=True)
        for name in ("run.py", "config.py", "config_checks.py", "config_inbound.py"):
            shutil.copy(ROOT / name, self.folder)
        for name in ("__init__", "start", "supervisor", "process_guard", "database_state"):
            shutil.copy(ROOT / "app" / f"{name}.py", self.folder / "app")
        self.write("wsgi.py", STAND_IN)
        self.write("jobs/__init__.py", "")
        self.write("jobs/runner.py", WAITING.format("worker"))
        self.write("jobs/ticker.py", WAITING.format("ticker"))
        self.write("migrations/versions/0001.py", 'revision = "0001"\ndown_revision = None\n')
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]

    def write(self, path: str, text: str) -> None:
        (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / path).write_text(text)

    def start(self, **changes: str) -> "Running":
        environment = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        return Running(self, environment | {"PORT": str(self.port), "DATA_DIR": str(self.data)} | changes)

    def calls(self) -> list[str]:
        return (self.data / "calls").read_text().splitlines()

    def pids(self, name: str) -> list[int]:
        return [int(path.suffix[1:]) for path in self.data.glob(f"{name}.*")]


class Running:
    def __init__(self, project: Project, environment: dict[str, str]) -> None:
        self.project = project
        self.mark = f"{time.monotonic_ns()}-{os.getpid()}"
        self.process = subprocess.Popen(
            [sys.executable, "run.py"],
            cwd=project.folder,
            env=environment | {"TEST_RUN_MARK": self.mark},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.lines: list[str] = []
        self.reader = threading.Thread(target=self._gather, daemon=True)
        self.reader.start()

    def _gather(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)

    def finish(self, seconds: float = 60) -> int:
        """Returns the exit code once the process has ended and its last line is read."""
        code = self.process.wait(seconds)
        self.reader.join(seconds)
        return code

    def wait_for(self, condition: Callable[[], object], seconds: float = 40) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, "".join(self.lines)
            time.sleep(0.02)

    def wait_for_line(self, pattern: str) -> str:
        def found() -> str | None:
            return next((line for line in list(self.lines) if re.search(pattern, line)), None)

        self.wait_for(found)
        return str(found())

    def wait_for_all(self) -> None:
        self.wait_for(lambda: self.project.pids("worker") and self.project.pids("ticker"))

    def get(self, path: str) -> str:
        with urllib.request.urlopen(f"http://localhost:{self.project.port}{path}", timeout=10) as answer:
            return str(answer.read().decode())

    def processes(self) -> list[int]:
        """Everything that descends from this run, found by its environment; Linux reads it from /proc."""
        if sys.platform != "linux":
            listing = subprocess.run(["ps", "-A", "-E", "-ww", "-o", "pid=,command="], capture_output=True, text=True)
            return [int(line.split()[0]) for line in listing.stdout.splitlines() if self.mark in line]
        found = []
        for path in Path("/proc").glob("[0-9]*/environ"):
            try:
                if f"TEST_RUN_MARK={self.mark}".encode() in path.read_bytes():
                    found.append(int(path.parent.name))
            except OSError:
                continue
        return found


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


@pytest.fixture
def running(project: Project) -> Iterator[Running]:
    run = project.start()
    run.wait_for_all()
    yield run
    run.process.kill()
    run.process.wait()
    run.wait_for(lambda: not run.processes())


def test_the_first_start_migrates_seeds_and_prints_address_and_link(running: Running, project: Project) -> None:
    assert project.calls() == ["upgrade", "seed"]
    assert f"http://localhost:{project.port}/" in running.wait_for_line("is ready")
    assert "http://localhost/auth/link/first" in running.wait_for_line("Sign in once")
    assert running.get("/healthz") == "ok"
    assert running.get("/redis").startswith("unix://")


def test_the_next_start_only_asks_for_a_new_link(running: Running, project: Project) -> None:
    running.process.terminate()
    assert running.finish() == 0
    again = project.start()
    assert "http://localhost/auth/link/next" in again.wait_for_line("Sign in once")
    assert project.calls() == ["upgrade", "seed", "link olivia@example.com"]
    again.process.terminate()
    assert again.finish() == 0
    assert again.processes() == []


def test_a_killed_web_server_and_worker_come_back(running: Running, project: Project) -> None:
    (worker,) = project.pids("worker")
    os.kill(worker, signal.SIGKILL)
    running.wait_for(lambda: len(project.pids("worker")) == 2)
    for pid in running.processes():
        if "granian" in command_of(pid):
            os.kill(pid, signal.SIGKILL)
    running.wait_for_line("^web was ended by SIGKILL")
    running.wait_for(lambda: answers(running))


def test_a_killed_start_leaves_nothing_and_the_folder_is_free_for_the_next(running: Running, project: Project) -> None:
    running.process.kill()
    running.process.wait()
    running.wait_for(lambda: not running.processes())
    again = project.start()
    again.wait_for_line("is ready")
    again.process.terminate()
    assert again.finish() == 0
    assert again.processes() == []


def test_an_application_that_can_t_load_ends_the_start_with_its_own_words(project: Project) -> None:
    project.write("wsgi.py", STAND_IN.replace('    app = Flask("stand_in")', BROKEN_UNDER_GRANIAN))
    run = project.start()
    assert run.finish() == 1
    output = "".join(run.lines)
    assert "a broken entity" in output and "The web server did not start; the lines above say why." in output
    assert run.processes() == []


def test_a_migration_that_fails_starts_nothing(project: Project) -> None:
    project.write("wsgi.py", STAND_IN.replace('log("upgrade")', "raise SystemExit(3)"))
    run = project.start()
    assert run.finish() == 1
    assert "`flask db upgrade` failed" in "".join(run.lines)
    assert run.processes() == []


def answers(running: Running) -> bool:
    try:
        return running.get("/healthz") == "ok"
    except (urllib.error.URLError, OSError):
        return False


def command_of(pid: int) -> str:
    return subprocess.run(["ps", "-o", "command=", "-ww", "-p", str(pid)], capture_output=True, text=True).stdout

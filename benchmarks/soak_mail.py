"""`make soak`, its second part: a campaign to 20,000 people while workers are killed five times and Redis is flushed
twice. Everybody gets exactly one e-mail, but for those that were being handed over at a kill: these are listed as
"unknown", and got one or none.

Real worker processes, a real Valkey, real SIGKILLs, a real SMTP server in a process of its own that writes down whom it
took a letter for. On SQLite, and on PostgreSQL where a server answers.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGKILL
from typing import Any

import sqlalchemy as sa
from flask import Flask
from redis import Redis

from benchmarks import soak
from jobs.ticker import Ticker
from models import scope
from models.base import db, session
from models.campaign import Campaign
from tests import campaigns_kit, database_kit, jobs_kit
from tests.services_present import postgres_url

PEOPLE = int(os.environ.get("SOAK_MAILS", "20000"))
WORKERS = 2
KILLS = (0.1, 0.25, 0.45, 0.6, 0.8)
FLUSHES = (0.2, 0.7)
PATIENCE_SECONDS = 900.0
# Answers only after it has written down the recipient, so that what a worker heard "250" for is on the list.
_SERVER = """
import asyncio, sys

kept = open(sys.argv[1], "a", buffering=1)

async def serve(reader, writer):
    writer.write(b"220 sink\\r\\n")
    to = ""
    try:
        while line := await reader.readline():
            word = line[:4].upper().strip()
            if word == b"RCPT":
                to = line.decode().partition("<")[2].partition(">")[0]
            if word == b"DATA":
                writer.write(b"354 go\\r\\n")
                await reader.readuntil(b"\\r\\n.\\r\\n")
                kept.write(to + "\\n")
            writer.write(b"250 2.0.0 ok\\r\\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    writer.close()

async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=10_000_000)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()

asyncio.run(main())
"""


@dataclass
class Run:
    """One campaign on one database."""

    app: Flask
    url: str
    folder: Path
    redis_url: str
    smtp: str
    kept: Path
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)
    killed: int = 0
    flushed: int = 0

    def run(self) -> bool:
        with self.app.app_context():
            workspace = campaigns_kit.brokerage("soak")
            actor = jobs_kit.join(workspace, "Ada", "admin")
            with scope.inside(workspace):
                campaigns_kit.people(PEOPLE)
                key = campaigns_kit.started(actor).id
        begin = time.monotonic()
        self.workers = [self._hire() for _ in range(WORKERS)]
        ticker = Ticker(self.app)
        kills, flushes = [int(PEOPLE * k) for k in KILLS], [int(PEOPLE * f) for f in FLUSHES]
        while not self._over(workspace, key) and time.monotonic() - begin < PATIENCE_SECONDS:
            taken = len(self._taken())
            if kills and taken >= kills[0]:
                kills.pop(0)
                self._kill()
            if flushes and taken >= flushes[0]:
                flushes.pop(0)
                Redis.from_url(self.redis_url).flushall()
                self.flushed += 1
            ticker.ring()
            time.sleep(0.1)
        took = time.monotonic() - begin
        for worker in self.workers:
            soak.end(worker)
        return self._report(workspace, key, took)

    def _hire(self) -> subprocess.Popen[bytes]:
        environment = os.environ | {
            "SOAK_URL": self.url, "SOAK_REDIS": self.redis_url, "SOAK_FOLDER": str(self.folder), "SOAK_SMTP": self.smtp,
        }  # fmt: skip
        return subprocess.Popen([sys.executable, "-m", "benchmarks.soak", "worker"], env=environment)

    def _kill(self) -> None:
        victim = self.workers.pop(0)
        victim.send_signal(SIGKILL)
        victim.wait()
        self.killed += 1
        self.workers.append(self._hire())

    def _over(self, workspace: int, key: int) -> bool:
        with self.app.app_context(), scope.inside(workspace):
            return session.scalar(sa.select(Campaign.state).where(Campaign.id == key)) == "done"

    def _taken(self) -> list[str]:
        return self.kept.read_text().splitlines()

    def _report(self, workspace: int, key: int, took: float) -> bool:
        with self.app.app_context(), scope.inside(workspace):
            fates: dict[str, Any] = campaigns_kit.fates(key)
        taken = Counter(self._taken())
        states = dict(Counter(fates.values()))
        unknown = {to for to, state in fates.items() if state == "unknown"}
        doubled = [to for to, number in taken.items() if number > 1]
        missing = [to for to, state in fates.items() if to not in taken and state != "unknown"]
        wrong = [to for to in taken if fates.get(to) not in ("sent", "unknown")]
        kind = self.url.partition(":")[0].partition("+")[0]
        ok = (
            len(fates) == PEOPLE
            and not doubled
            and not missing
            and not wrong
            and len(unknown) <= len(KILLS)
            and set(states) <= {"sent", "unknown"}
            and (self.killed, self.flushed) == (len(KILLS), len(FLUSHES))
        )
        print(
            f"soak mail {kind}: campaign of {PEOPLE}, {self.killed} workers killed, Redis flushed {self.flushed} x, "
            f"{took:.0f} s, {PEOPLE / took:.0f} a second with {WORKERS} workers"
        )
        print(
            f"soak mail {kind}: {states}, doubled {len(doubled)}, missing {len(missing)}, unknown that did arrive "
            f"{len(unknown & set(taken))}: {'everybody once' if ok else 'FAILED'}"
        )
        return ok


def _on(url: str, folder: Path) -> bool:
    kept = folder / "taken"
    kept.touch()
    command = [sys.executable, "-c", _SERVER, str(kept)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server, soak.valkey(folder) as redis_url:
        if server.stdout is None:
            raise RuntimeError("The server does not speak.")
        smtp = f"smtp://127.0.0.1:{int(server.stdout.readline())}"
        app = jobs_kit.make_app(folder, url, create=False, REDIS_URL=redis_url, JOB_LEASE_SECONDS=soak.LEASE_SECONDS)
        try:
            return Run(app, url, folder, redis_url, smtp, kept).run()
        finally:
            server.kill()
            with app.app_context():
                db.session.remove()
                db.engine.dispose()


def main() -> int:
    """0 when everybody got one e-mail on each database."""
    soak.quiet()
    results: list[bool] = []
    with tempfile.TemporaryDirectory(prefix="soak-") as name:
        results.append(_on(database_kit.sqlite(Path(name)), Path(name)))
    if postgres_url() is None:
        print("soak mail postgresql: NOT RUN, no server answers. Set TEST_DATABASE_URL.")
        results.append(os.environ.get("CI") != "true")
    else:
        with tempfile.TemporaryDirectory(prefix="soak-") as name, database_kit.postgres() as (_owner, url):
            results.append(_on(url, Path(name)))
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())

"""An import of 50,000 contacts with mapping, dedupe, validation, history and audit; again with every row known; and a
bare upsert.

The goal: 15 seconds on two cores, with memory that hardly grows with the file. The bare upsert reads the same file with
`csv` and writes name, e-mail, phone and company in one executemany; it knows no further e-mails, no rights and no
history.
"""

from __future__ import annotations

import csv
import io
import os
import tempfile
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from app.services.imports import batches
from app.services.imports import run as imports
from app.services.imports.reading import open_table
from app.services.operation import operation
from benchmarks import console, data, measure
from benchmarks.data import Database
from benchmarks.measure import Score
from models import scope
from models.base import session
from models.workspace import Workspace
from tests.factories_import import google_csv

ROWS = 50_000
GOAL_SECONDS = 15.0
# The keys of the file, under 1 KB a row, and SQLite's page cache of 32 MB; never the rows.
GROWTH_MB = 100.0
_ACTOR = scope.system("Benchmark")


def run(_contacts: int, _workspaces: int, _rounds: int, score: Score) -> None:
    """Once per database, as 50,000 rows are a mean of their own."""
    for engine in data.engines():
        with data.database(engine, 2_000, 2) as database, tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "contacts.csv"
            file.write_bytes(b"".join(google_csv(ROWS)))
            _measure(database, file, score)


def _measure(database: Database, file: Path, score: Score) -> None:
    app = console.make_app(database)
    with app.app_context():
        _import(file, 3_000)
        before = _resident()
        first = measure.milliseconds(lambda: _import(file)) / 1000
        grown = _resident() - before
        again = measure.milliseconds(lambda: _import(file)) / 1000
    bare = measure.milliseconds(lambda: _upsert(database, file)) / 1000
    for what, seconds in (("import, all new", first), ("import, all known", again)):
        print(
            f"{database.engine:<10} {what:<28} {seconds:8.2f} s   {ROWS / seconds:8,.0f} rows/s   "
            f"{seconds / bare:5.1f}x of the bare upsert ({bare:.2f} s), goal {GOAL_SECONDS:.0f} s   "
            f"{score.note(seconds < GOAL_SECONDS)}",
            flush=True,
        )
    verdict = score.note(grown <= GROWTH_MB)
    print(
        f"{database.engine:<10} {'memory grown by':<28} {grown:8.1f} MB  goal {GROWTH_MB:.0f} MB   {verdict}",
        flush=True,
    )
    console.let_go(app)


def _import(file: Path, rows: int | None = None) -> None:
    """`rows` imports the first rows only, so that nothing is measured that is done once per process."""
    source = io.BytesIO(b"".join(google_csv(rows))) if rows else file.open("rb")
    with scope.across_workspaces("a benchmark takes the first workspace"):
        workspace = session.scalar(sa.select(sa.func.min(Workspace.id)))
        session.rollback()
    if workspace is None:
        raise RuntimeError("The database of the benchmark has no workspace.")
    with scope.inside(workspace), source:
        table = open_table(source)
        batch = batches.receive(
            table, "contacts.csv", basis="consent", words="Benchmark", keep=lambda: "none", actor=_ACTOR
        )
        imports.work(batch.id, source, actor=_ACTOR, step=lambda name: operation(name, actor=_ACTOR), progress=_silent)
        counts = batches.finish(batch.id, None, actor=_ACTOR)
        if sum(counts.values()) != batch.rows_read:
            raise RuntimeError(f"{batch.rows_read:,} rows were read, and {counts} came of them.")
        session.remove()


def _silent(_done: int, _total: int, _status: str) -> None:
    """Nobody watches."""


def _upsert(database: Database, file: Path) -> None:
    engine = sa.create_engine(database.owner, poolclass=sa.NullPool)
    with engine.begin() as live:
        columns = "workspace_id int, name text, email text, phone text, company text"
        live.exec_driver_sql(f"create table bare_contact ({columns})")
        live.exec_driver_sql("create unique index bare_contact_email on bare_contact (workspace_id, email)")
    statement = sa.text(
        "insert into bare_contact (workspace_id, name, email, phone, company) "
        "values (1, :name, :email, :phone, :company) on conflict (workspace_id, email) "
        "do update set name = excluded.name, phone = excluded.phone, company = excluded.company"
    )
    with engine.begin() as live, file.open(newline="", encoding="utf-8") as text:
        live.execute(statement, [_bare(row) for row in csv.DictReader(text)])
        found = live.exec_driver_sql("select count(*) from bare_contact").scalar()
        if not found:
            raise RuntimeError("The bare upsert wrote nothing.")
        live.exec_driver_sql("drop table bare_contact")


def _bare(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": f"{row['First Name']} {row['Last Name']}",
        "email": row["E-mail 1 - Value"].lower(),
        "phone": row["Phone 1 - Value"],
        "company": row["Organization Name"],
    }


def _resident() -> float:
    """Megabytes of this process in memory now (Linux); 0 where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except FileNotFoundError:
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 1024 / 1024

"""An import of 50,000 contacts with mapping, dedupe, validation, history and audit; again with every row known; and a
bare upsert.

The goal: 15 seconds on two cores, with memory that hardly grows with the file. The bare upsert reads the same file with
`csv` and writes name, e-mail, phone and company in one executemany; it knows no further e-mails, no rights and no
history.
"""

from __future__ import annotations

import csv
import ctypes
import os
import tempfile
from contextlib import suppress
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
# A chunk of rows and SQLite's page cache of 32 MB; nothing that grows with the file.
GROWTH_MB = 60.0
TWICE_MB = 10.0
_ACTOR = scope.system("Benchmark")


def run(_contacts: int, _workspaces: int, _rounds: int, score: Score) -> None:
    """Once per database, as 50,000 rows are a mean of their own."""
    for engine in data.engines():
        with data.database(engine, 2_000, 2) as database, tempfile.TemporaryDirectory() as folder:
            _measure(database, Path(folder), score)


def _measure(database: Database, folder: Path, score: Score) -> None:
    app = console.make_app(database)
    file = _file(folder, ROWS)
    with app.app_context():
        # Before all, so that nothing counts that is done once per process.
        _import(_file(folder, 3_000))
        before = _resident()
        first = measure.milliseconds(lambda: _import(file)) / 1000
        grown = _resident() - before
        again = measure.milliseconds(lambda: _import(file)) / 1000
        _import(_file(folder, 2 * ROWS))
        further = _resident() - before - grown
    bare = measure.milliseconds(lambda: _upsert(database, file)) / 1000
    for what, seconds in (("import, all new", first), ("import, all known", again)):
        print(
            f"{database.engine:<10} {what:<28} {seconds:8.2f} s   {ROWS / seconds:8,.0f} rows/s   "
            f"{seconds / bare:5.1f}x of the bare upsert ({bare:.2f} s), goal {GOAL_SECONDS:.0f} s   "
            f"{score.note(seconds < GOAL_SECONDS)}",
            flush=True,
        )
    for what, megabytes, goal in (
        ("memory grown by", grown, GROWTH_MB),
        ("and with twice the rows by", further, TWICE_MB),
    ):
        verdict = score.note(megabytes <= goal)
        print(f"{database.engine:<10} {what:<28} {megabytes:8.1f} MB  goal {goal:.0f} MB   {verdict}", flush=True)
    console.let_go(app)


def _file(folder: Path, rows: int) -> Path:
    made = folder / f"{rows}.csv"
    with made.open("wb") as file:
        file.writelines(google_csv(rows))
    return made


def _import(file: Path) -> None:
    with scope.across_workspaces("a benchmark takes the first workspace"):
        workspace = session.scalar(sa.select(sa.func.min(Workspace.id)))
        session.rollback()
    if workspace is None:
        raise RuntimeError("The database of the benchmark has no workspace.")
    with scope.inside(workspace), file.open("rb") as source:
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
    """Megabytes of this process in memory now (Linux); 0 where the system does not tell. What was freed before is given
    back first, as it would hide what is taken next.
    """
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except FileNotFoundError:
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 1024 / 1024

"""Looks at the database without the application: is it there, is it at the newest migration, is it empty.

A start asks this every time, so it costs milliseconds: plain SQL and a glance at the migration files.
"""

import re
import sqlite3
from pathlib import Path

REVISION = re.compile(r"^revision\b[^=\n]*=\s*[\"']([^\"']+)", re.MULTILINE)
PARENTS = re.compile(r"^down_revision\b[^=\n]*=\s*(.+)$", re.MULTILINE)


class DatabaseError(RuntimeError):
    """The database can't be asked; the message says what to check."""


def newest_revisions(versions: Path) -> set[str]:
    """The revisions that no other migration builds on: one, unless branches wait to be merged."""
    revisions: set[str] = set()
    parents: set[str] = set()
    for path in versions.glob("*.py"):
        text = path.read_text(encoding="utf-8")
        revisions.update(REVISION.findall(text))
        for line in PARENTS.findall(text):
            parents.update(re.findall(r"[\"']([^\"']+)[\"']", line))
    return revisions - parents


def applied_revisions(url: str) -> set[str]:
    """The revisions the database stands at; empty for a database without tables."""
    return {str(row[0]) for row in _rows(url, "select version_num from alembic_version", "alembic_version")}


def has_workspaces(url: str) -> bool:
    """Whether anybody has begun to work in it."""
    return bool(_rows(url, "select 1 from workspace limit 1", "workspace"))


def psycopg_url(url: str) -> str:
    """The address as the driver itself takes it: SQLAlchemy's name for the driver is cut out."""
    return url.replace("postgresql+psycopg://", "postgresql://", 1)


def _rows(url: str, query: str, table: str) -> list[tuple[object, ...]]:
    """The rows of a query, none where its table does not exist."""
    return _sqlite_rows(url, query, table) if url.startswith("sqlite") else _postgres_rows(url, query, table)


def _sqlite_rows(url: str, query: str, table: str) -> list[tuple[object, ...]]:
    path = Path(url.partition("///")[2].partition("?")[0])
    if not path.is_file() or path.stat().st_size == 0:
        return []
    try:
        connection = sqlite3.connect(path, timeout=10)
        try:
            known = connection.execute(
                "select 1 from sqlite_master where type = 'table' and name = ?", (table,)
            ).fetchone()
            return connection.execute(query).fetchall() if known else []
        finally:
            connection.close()
    except sqlite3.DatabaseError as error:
        raise DatabaseError(f"The database file {path} can't be read ({error}). Restore it from a backup.") from error


def _postgres_rows(url: str, query: str, table: str) -> list[tuple[object, ...]]:
    import psycopg  # only where it is used: loading it costs a tenth of a second

    try:
        with psycopg.connect(psycopg_url(url), connect_timeout=10) as connection:
            found = connection.execute("select to_regclass(%s)", (table,)).fetchone()
            return connection.execute(query.encode()).fetchall() if found and found[0] else []
    except psycopg.OperationalError as error:
        reason = str(error).strip().splitlines()[0]
        raise DatabaseError(f"The database doesn't answer ({reason}). Check DATABASE_URL.") from error

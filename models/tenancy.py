"""The wall between workspaces, in the session: reads are filtered, writes are stamped and checked, the rest is refused.

Fail-closed: without a workspace no row is visible. PostgreSQL row-level security stands behind this as the second wall
(`migrations`, `begin` below). Work across workspaces is marked with a written reason. Importing this module arms it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event, orm

from models import connections, scope
from models.base import Base, Record, ScopedSession, WorkspaceScoped, session
from models.scope import Unscoped


class Walled(RuntimeError):
    """A statement or object would have crossed the wall between workspaces."""


def scoped_tables() -> frozenset[str]:
    """Names of all tables that carry a workspace."""
    return frozenset(
        mapper.local_table.name for mapper in Base.registry.mappers if issubclass(mapper.class_, WorkspaceScoped)
    )


def reason(words: str) -> dict[str, str]:
    """Execution options that let a Core, text or bulk statement touch walled tables, for a stated reason."""
    return {"walled_reason": words}


def kept_for_long() -> dict[str, bool]:
    """Execution options of a statement that is built once and run often; its walls are then kept beside it."""
    return {"kept": True}


def with_deleted() -> dict[str, bool]:
    """Execution options that also show deleted records (for undo, erasure and purge)."""
    return {"with_deleted": True}


@event.listens_for(ScopedSession, "do_orm_execute")
def _filter_reads(state: orm.ORMExecuteState) -> None:
    _keep_told(state.session)
    options = state.execution_options
    if not state.is_orm_statement:
        if "walled_reason" not in options and _touches_walled(state.statement):
            raise Walled("A Core or text statement on a workspace's table needs a written reason.")
        return
    if (state.is_update or state.is_delete or state.is_insert) and "walled_reason" not in options:
        raise Walled("A bulk statement skips history and audit; it needs a written reason.")
    where = scope.current()
    wall = _wall_again if options.get("kept") else _wall
    state.statement = wall(state.statement, isinstance(where, Unscoped), where, bool(options.get("with_deleted")))


def _wall(statement: Any, across: bool, where: Any, with_deleted: bool) -> Any:
    walls = [] if across else [_criteria(where)]
    return statement.options(*walls if with_deleted else (*walls, _ALIVE))


# A statement that is kept (`kept_for_long`) meets the same walls again and again, and need not be worked out each time.
_wall_again = lru_cache(maxsize=2000)(_wall)


@lru_cache(maxsize=5000)
def _criteria(where: int | None) -> Any:
    wanted = where if where is not None else -1
    return orm.with_loader_criteria(
        WorkspaceScoped,
        lambda cls: cls.workspace_id == wanted,
        include_aliases=True,
        propagate_to_loaders=True,
    )


_ALIVE = orm.with_loader_criteria(
    Record, lambda cls: cls.deleted_at.is_(None), include_aliases=True, propagate_to_loaders=True
)


def _touches_walled(statement: Any) -> bool:
    if isinstance(statement, sa.TextClause):
        return True
    if not isinstance(statement, sa.ClauseElement):
        return False
    walled = scoped_tables()
    return any(isinstance(part, sa.Table) and part.name in walled for part in _parts(statement))


def _parts(statement: sa.ClauseElement) -> list[Any]:
    target = getattr(statement, "table", None)
    found = list(sa.sql.visitors.iterate(statement))
    return found if target is None else [target, *found]


@event.listens_for(ScopedSession, "before_flush")
def _check_writes(session: orm.Session, _context: Any, _instances: Any) -> None:
    _keep_told(session)
    where = scope.current()
    for row in session.new:
        if isinstance(row, WorkspaceScoped):
            _stamp(row, where)
    for row in (*session.dirty, *session.deleted):
        if not isinstance(row, WorkspaceScoped):
            continue
        if sa.inspect(row).attrs.workspace_id.history.deleted:
            raise Walled("A record cannot move to another workspace.")
        if not isinstance(where, Unscoped) and row.workspace_id != where:
            raise Walled(f"This {type(row).__name__} belongs to another workspace.")


def _stamp(row: WorkspaceScoped, where: int | Unscoped | None) -> None:
    if isinstance(where, Unscoped):
        if row.workspace_id is None and not _optional(row):
            raise Walled("A row written across workspaces must name its own.")
    elif where is None:
        raise Walled("No workspace was chosen, so nothing can be written.")
    elif row.workspace_id is None:
        row.workspace_id = where
    elif row.workspace_id != where:
        raise Walled("A new row named another workspace.")


def _optional(row: WorkspaceScoped) -> bool:
    return bool(sa.inspect(type(row)).columns["workspace_id"].nullable)


@event.listens_for(ScopedSession, "after_begin")
def _tell_at_begin(session: orm.Session, _transaction: Any, connection: sa.Connection) -> None:
    if connection.dialect.name == "postgresql":
        _tell(session, connection)


def told(workspace: Any) -> Any:
    """An SQL expression that tells PostgreSQL, as it is worked out, in which workspace the transaction goes on."""
    return sa.func.set_config("app.workspace_id", sa.cast(workspace, sa.String), True)


def note_told(answer: str | None) -> None:
    """What a statement with `told` answered; None where it told nothing."""
    if answer is not None:
        session().info["told"] = int(answer)


_UNKNOWN = object()


def _tell(session: orm.Session, connection: sa.Connection) -> None:
    """The second wall: PostgreSQL's row security reads this setting; it ends with the transaction."""
    where = scope.current()
    value = "*" if isinstance(where, Unscoped) else str(int(where if where is not None else -1))
    connections.begin_with(connection, f"SET LOCAL app.workspace_id = '{value}'")
    session.info["told"] = where


@event.listens_for(ScopedSession, "after_soft_rollback")
def _doubt_told(session: orm.Session, transaction: orm.SessionTransaction) -> None:
    """What was told behind a savepoint went with it."""
    if transaction.nested and "told" in session.info:
        session.info["told"] = _UNKNOWN


def _keep_told(session: orm.Session) -> None:
    """A transaction that began in one workspace and goes on in another tells the database of the change."""
    if "told" in session.info and session.info["told"] != scope.current() and session.in_transaction():
        _tell(session, orm.Session.connection(session))

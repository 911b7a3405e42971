"""The one metadata, the one session class, and the shapes every table starts from.

Flask-AppBuilder's declarative base is used here (and only here), so that its users, roles and permissions live in the
same
metadata. Belongs here: bases and mixins. Does not belong here: any entity.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, cast

import sqlalchemy as sa
from flask_appbuilder import Model
from flask_appbuilder.models.sqla.base import SQLA
from flask_sqlalchemy.session import Session as FlaskSession
from sqlalchemy.orm import Mapped, Mapper, declared_attr, mapped_column

from models import scope
from models.fields import UTC, Field, Json, Key, Kind, now
from models.policy import Policy
from models.scope import Unscoped

Model.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class ScopedSession(FlaskSession):
    """The session of requests and jobs. Its commit goes through the open operation, whoever calls it."""

    commit_gate: ClassVar[Callable[[ScopedSession], bool] | None] = None

    def commit(self) -> None:
        """Commit through the gate that `app.services.operation` sets; libraries that commit on their own end up
        there."""
        gate = type(self).commit_gate
        if gate is None or not gate(self):
            super().commit()

    def get(self, entity: Any, ident: Any, **kw: Any) -> Any:
        """As SQLAlchemy's, but what the identity map holds of another workspace, or of the bin, is not found."""
        found = super().get(entity, ident, **kw)
        if isinstance(found, WorkspaceScoped):
            where = scope.current()
            if not isinstance(where, Unscoped) and found.workspace_id != where:
                return None
            if isinstance(found, Record) and found.deleted_at is not None:
                return None
        return found

    def connection(self, *args: Any, **kw: Any) -> Any:
        """Refused: a bare connection passes every wall. Use `execute` with `tenancy.reason(...)`."""
        raise RuntimeError("A bare connection is not walled; execute a statement with a written reason instead.")

    def bulk_save_objects(self, *args: Any, **kw: Any) -> None:
        raise RuntimeError("Bulk calls skip history and audit; use an operation's bulk verbs.")

    bulk_insert_mappings = bulk_update_mappings = bulk_save_objects


@sa.event.listens_for(sa.Engine, "savepoint")
def _begin_before_savepoint(connection: sa.Connection, _name: str) -> None:
    """SQLite's driver begins a transaction only at the first write: a savepoint before it would be a transaction of its
    own, and its release a commit in the middle of an operation.
    """
    driver: Any = connection.connection.dbapi_connection
    if connection.dialect.name == "sqlite" and not driver.in_transaction:
        driver.execute("BEGIN IMMEDIATE")


db = SQLA(model_class=Model, session_options={"class_": ScopedSession})
session = db.session


def on_postgresql() -> bool:
    """Whether the session speaks with PostgreSQL; the other is SQLite."""
    return session.get_bind().dialect.name == "postgresql"


@dataclass(frozen=True, slots=True)
class Link:
    """A many-to-many of an entity: its link table's entity, the columns to this and to the other side, and the other
    entity."""

    through: str
    near: str
    far: str
    target: str
    label: str


class Base(Model):
    """Base of our tables. `policy` is required on each (checked at the start)."""

    __abstract__ = True
    policy: ClassVar[Policy]


class WorkspaceScoped:
    """A row of one workspace. Reads are walled by `models.tenancy`, writes are stamped and checked there."""

    policy: ClassVar[Policy]

    id: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=True)

    @declared_attr
    def workspace_id(cls) -> Mapped[int]:
        return mapped_column(Key, sa.ForeignKey("workspace.id"), nullable=False)


@sa.event.listens_for(WorkspaceScoped, "instrument_class", propagate=True)
def _wall(mapper: Mapper[Any], _cls: type) -> None:
    """Composite keys, so that the database itself refuses a reference into another workspace."""
    table = cast(sa.Table, mapper.local_table)
    table.append_constraint(sa.UniqueConstraint("workspace_id", "id", name=f"uq_{table.name}_workspace_id_id"))
    for column in list(table.columns):
        field: Field | None = column.info.get("field")
        if field is not None and field.kind is Kind.RELATION and field.target:
            table.append_constraint(
                sa.ForeignKeyConstraint(
                    ["workspace_id", column.name],
                    [f"{field.target}.workspace_id", f"{field.target}.id"],
                    name=f"fk_{table.name}_{column.name}",
                )
            )


def _bookkeeping(kind: Kind, label: str) -> dict[str, Field]:
    return {"field": Field(kind, label, readonly=True)}


class Record(WorkspaceScoped):
    """A business record: version for conflict checks, provenance (P3), and a soft delete so that delete can be undone.

    `permanent` records are never deleted, whoever asks and however: other verbs end them. `source` says how the record
    came (form, api, import, lead form, booking, system), `source_ref` which batch or integration. `custom` holds the
    values of the fields that the workspace added, by their keys (`models.custom`).
    """

    permanent: ClassVar[bool] = False

    created_at: Mapped[dt.datetime] = mapped_column(UTC, default=now, info=_bookkeeping(Kind.MOMENT, "Created"))
    updated_at: Mapped[dt.datetime] = mapped_column(UTC, default=now, info=_bookkeeping(Kind.MOMENT, "Updated"))
    created_by: Mapped[str] = mapped_column(sa.String(200), default="", info=_bookkeeping(Kind.TEXT, "Created by"))
    version: Mapped[int] = mapped_column(sa.Integer, info=_bookkeeping(Kind.NUMBER, "Version"))
    source: Mapped[str] = mapped_column(sa.String(40), default="", info=_bookkeeping(Kind.TEXT, "Source"))
    source_ref: Mapped[str | None] = mapped_column(sa.String(200), info=_bookkeeping(Kind.TEXT, "Source reference"))
    deleted_at: Mapped[dt.datetime | None] = mapped_column(UTC, info=_bookkeeping(Kind.MOMENT, "Deleted"))
    custom: Mapped[dict[str, Any] | None] = mapped_column(Json)

    @declared_attr.directive
    def __mapper_args__(cls) -> dict[str, Any]:
        return {"version_id_col": cls.version}

    @declared_attr.directive
    def __table_args__(cls) -> tuple[Any, ...]:
        return cls.indexes()

    @classmethod
    def indexes(cls) -> tuple[Any, ...]:
        """Indexes of the table beside the unique `(workspace_id, id)`; an entity extends them."""
        return ()


def alive() -> dict[str, Any]:
    """Index options: records in the bin neither block a name nor cost a scan."""
    where = sa.text("deleted_at IS NULL")
    return {"sqlite_where": where, "postgresql_where": where}


def searched(table: str, *columns: str) -> tuple[sa.Index, ...]:
    """What quick search reads: on PostgreSQL trigrams (GIN, with the workspace inside), on SQLite an index that
    covers the LIKE.

    `deleted_at` is a column of the SQLite one, as its planner takes no partial index for covering; owner and team are,
    so that a search of one's own records reads no others.
    """
    trigrams = sa.Index(
        f"gin_{table}_search", "workspace_id", *columns,
        postgresql_using="gin", postgresql_ops=dict.fromkeys(columns, "gin_trgm_ops"),
        postgresql_with={"gin_pending_list_limit": 1024}, **alive(),
    )  # fmt: skip
    covering = sa.Index(f"ix_{table}_search", "workspace_id", "deleted_at", "owner_id", "team_id", *columns)
    return trigrams.ddl_if(dialect="postgresql"), covering.ddl_if(dialect="sqlite")


class Owned(Record):
    """A record that somebody works on: owner and team decide who reaches it."""

    owner_id: Mapped[int | None] = mapped_column(
        Key, info={"field": Field(Kind.RELATION, "Owner", target="membership")}
    )
    team_id: Mapped[int | None] = mapped_column(Key, info={"field": Field(Kind.RELATION, "Team", target="team")})

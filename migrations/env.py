"""Run by Alembic: connects to the database as the tables' owner and walks the migrations, all in one transaction.

The address is MIGRATION_DATABASE_URL, else DATABASE_URL: row security only binds a role that does not own the tables.
"""

from __future__ import annotations

import os
import sys
from logging.config import fileConfig
from pathlib import Path

import sqlalchemy as sa
from alembic import context

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import config as settings
from migrations import comparing

# One transaction lock, so that two machines that start at once migrate once.
LOCK = 7_201_482_211


def address() -> str:
    """From the caller (`sqlalchemy.url`), else from the running application, else from the environment."""
    given = context.config.get_main_option("sqlalchemy.url")
    if given:
        return given
    from flask import current_app, has_app_context

    config = current_app.config if has_app_context() else settings.load(os.environ)
    return str(config["MIGRATION_DATABASE_URI"])


def upgrade_online() -> None:
    engine = sa.create_engine(address(), poolclass=sa.pool.NullPool)
    with engine.connect() as connection:
        context.configure(
            connection=connection,
            transactional_ddl=True,
            process_revision_directives=_skip_empty,
            **comparing.options(engine.dialect),
        )
        with context.begin_transaction():
            if engine.dialect.name == "postgresql":
                connection.execute(sa.text("select pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
            else:
                # The driver opens no transaction for DDL; this one makes the walk whole, and thirty times as fast.
                connection.exec_driver_sql("begin immediate")
            context.run_migrations()
    engine.dispose()


def upgrade_offline() -> None:
    dialect = sa.make_url(address()).get_dialect()()
    context.configure(url=address(), literal_binds=True, **comparing.options(dialect))
    with context.begin_transaction():
        context.run_migrations()


def _skip_empty(_context: object, _revision: object, directives: list[object]) -> None:
    if directives and directives[0].upgrade_ops.is_empty():  # type: ignore[attr-defined]
        directives.clear()


if context.config.config_file_name is not None:
    fileConfig(context.config.config_file_name, disable_existing_loggers=False)
if context.is_offline_mode():
    upgrade_offline()
else:
    upgrade_online()

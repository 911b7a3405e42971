"""The application, a client, and a world to act in.

One application per process; before each test its SQLite file is overwritten with a filled template, which takes a few
milliseconds. `app`, `client` (a `Browser`) and `world` are what tests ask for; see `tests.factories` for the cast. A
test that needs a migrated file or PostgreSQL uses `tests.database_kit`. Rows are changed only through
`app.app_context()`; requests push their own context.
"""

from __future__ import annotations

import contextlib
import copy
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask

import config
from app import permissions
from app.services import dashboards, schema, webhooks
from models.base import Model, db
from tests.factories import Browser, World, make_world
from tests.hooks_kit import Receiver, listening


@pytest.fixture(autouse=True)
def _push_request_context() -> None:
    """In place of pytest-flask's: a context shared by all clients of a test would share `g`, and tests of walls
    would lie.
    """


@pytest.fixture(scope="session")
def _built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Flask, Path, Path, World]]:
    folder = tmp_path_factory.mktemp("app")
    live, template = folder / "live.sqlite3", folder / "template.sqlite3"
    environ = {"APP_ENV": "test", "DATABASE_URL": f"sqlite:///{live}", "DATA_DIR": str(folder), "LOG_LEVEL": "error"}
    environ["API_RATE_PER_MINUTE"] = "0"  # a contract asks more often in a minute than any program
    with pytest.MonkeyPatch.context() as patch:
        for name in (
            "DATABASE_URL",
            "REDIS_URL",
            "SMTP_URL",
            "STORAGE_URL",
            "SECRET_KEY",
            "PUBLIC_URL",
            "TRUSTED_HOSTS",
        ):
            patch.delenv(name, raising=False)
        from app.factory import create_app

        app = create_app(config.load(environ))
    app.test_client_class = Browser
    with app.app_context():
        Model.metadata.create_all(db.engine)
        world = make_world()
        db.session.remove()
        with contextlib.closing(db.engine.raw_connection()) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        db.engine.dispose()
    shutil.copyfile(live, template)
    yield app, live, template, world


@pytest.fixture
def app(_built: tuple[Flask, Path, Path, World]) -> Iterator[Flask]:
    """The application on a fresh copy of the filled database; configuration changed by a test is put back."""
    found, live, template, _world = _built
    kept = copy.copy(found.config)
    _start_over(found, live, template)
    yield found
    with found.app_context():
        db.session.remove()
    found.config.clear()
    found.config.update(kept)


@pytest.fixture
def start_over(app: Flask, _built: tuple[Flask, Path, Path, World]) -> Callable[[], None]:
    """Puts the filled database back in the middle of a test: each example of a property begins with it. Called inside
    the test's own context, whose connection it closes.
    """

    def again() -> None:
        db.session.remove()
        _start_over(*_built[:3])

    return again


def _start_over(found: Flask, live: Path, template: Path) -> None:
    shutil.rmtree(Path(found.config["DATA_DIR"]) / "outbox", ignore_errors=True)
    permissions._cache.clear()
    schema._cache.clear()
    dashboards._cache.clear()
    with found.app_context():
        db.engine.dispose()
    for suffix in ("-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{live}{suffix}")
    shutil.copyfile(template, live)


@pytest.fixture
def client(app: Flask) -> Browser:
    """A browser without a session."""
    made = app.test_client()
    assert isinstance(made, Browser)
    return made


@pytest.fixture
def world(app: Flask, _built: tuple[Flask, Path, Path, World]) -> World:
    """Two brokerages with their people; plain values only, the rows are in the database."""
    return _built[3]


@pytest.fixture
def receiver(app: Flask) -> Iterator[Receiver]:
    """A program on this machine that takes webhooks, which may call it for once."""
    webhooks.allow_local(True)
    with listening() as found:
        yield found
    webhooks.allow_local(False)

"""The whole application on PostgreSQL with the world of the factories, for stories told on both databases."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from flask import Flask

import config
from app import permissions
from app.services import schema
from models.base import db, session
from tests import database_kit
from tests.factories import Browser, World, make_world


@contextlib.contextmanager
def served(folder: Path) -> Iterator[tuple[Flask, World]]:
    """The application and its world, on a database of their own that goes with them."""
    from app.factory import create_app

    with database_kit.postgres() as (_owner, application):
        app = create_app(config.load({"APP_ENV": "test", "DATABASE_URL": application, "DATA_DIR": str(folder)}))
        app.test_client_class = Browser
        _forget()
        with app.app_context():
            world = make_world()
            session.remove()
        yield app, world
        _forget()
        with app.app_context():
            session.remove()
            db.engine.dispose()


def _forget() -> None:
    """Ids repeat from one database to the next."""
    permissions._cache.clear()
    schema._cache.clear()

"""What the contracts share: a world in which each brokerage has a row in every table, and programs with a key."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

import app.factory  # noqa: F401  every entity and screen, before the contracts ask for their names
from app import permissions
from app.services import api_keys, schema
from models.base import db, session
from models.workspace import Membership
from tests.contracts import samples
from tests.factories import SYSTEM, Office, World


class Program(FlaskClient):
    """A client that sends an API key with each request."""

    key: str = ""

    def open(self, *args: Any, **kwargs: Any) -> Any:
        kwargs["headers"] = {"Authorization": f"Bearer {self.key}", **dict(kwargs.get("headers") or {})}
        return super().open(*args, **kwargs)


def program(
    app: Flask,
    office: Office,
    who: str = "owner",
    scopes: Iterable[str] = ("*:read", "*:write", "*:delete", "*:export"),
) -> Program:
    """A program with a fresh key of this person."""
    made = Program(app, app.response_class)
    with app.app_context(), office.inside():
        member = session.get(Membership, office.people[who].membership_id)
        _, made.key = api_keys.create(member, "Contract", scopes, 30, actor=SYSTEM)
    return made


@pytest.fixture
def twins(app: Flask, world: World, _built: tuple[Any, Path, Path, World]) -> World:
    """The world, with a row in every table for each brokerage: `samples.HARBOUR_ID` and `samples.SUMMIT_ID`."""
    live, template = _built[1:3]
    planted = template.with_name("planted.sqlite3")
    if not planted.exists():
        with app.app_context():
            samples.plant(world.harbour, samples.HARBOUR_ID)
            samples.plant(world.summit, samples.SUMMIT_ID)
        put_down(app, live, planted)
    take_up(app, planted, live)
    return world


def put_down(app: Flask, live: Path, kept: Path) -> None:
    """Keep a copy of the database as it stands."""
    with app.app_context():
        db.session.remove()
        with contextlib.closing(db.engine.raw_connection()) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        db.engine.dispose()
    shutil.copyfile(live, kept)


def take_up(app: Flask, kept: Path, live: Path) -> None:
    """Go on with a copy that was kept."""
    permissions._cache.clear()
    schema._cache.clear()
    with app.app_context():
        db.session.remove()
        db.engine.dispose()
    for suffix in ("-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{live}{suffix}")
    shutil.copyfile(kept, live)

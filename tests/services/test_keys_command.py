"""An operator moves everything to a new key, and the program that runs meanwhile reads on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask

import config
from app import logging
from app.cli import keys
from models import crypto
from models.audit import SubjectKey
from models.base import db
from models.workspace import Workspace

TABLE = SubjectKey.__table__


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    before = crypto._ring
    logging.configure("info")
    app = Flask("app")
    app.config.update(config.load({"APP_ENV": "embedded", "DATA_DIR": str(tmp_path)}))
    crypto.use(crypto.Keyring(app.config["PEPPER"], app.config["DATA_KEYS"], signing=app.config["AUDIT_KEY"]))
    db.init_app(app)
    app.cli.add_command(keys.group)
    with app.app_context():
        db.metadata.create_all(db.engine)
        with db.engine.begin() as connection:
            connection.execute(sa.insert(Workspace.__table__).values(id=1, slug="harbor", name="Harbor"))
            wrapped = [crypto.keyring().new_data_key() for _ in range(7)]
            rows = [{"workspace_id": 1, "subject_id": number, "wrapped": key} for number, key in enumerate(wrapped)]
            connection.execute(sa.insert(TABLE), rows)
    yield app
    with app.app_context():
        db.engine.dispose()
    crypto._ring = before


def run(app: Flask, *words: str) -> tuple[int, str, str]:
    result = app.test_cli_runner().invoke(args=["keys", *words])
    return result.exit_code, result.stdout, result.stderr


def stored(app: Flask) -> list[bytes]:
    with app.app_context(), db.engine.connect() as connection:
        return list(connection.scalars(sa.select(TABLE.c.wrapped)))


def test_everything_moves_to_a_new_key(app: Flask, tmp_path: Path) -> None:
    running = crypto.Keyring(
        app.config["PEPPER"],
        app.config["DATA_KEYS"],
        reload=lambda: config.load({"APP_ENV": "embedded", "DATA_DIR": str(tmp_path)})["DATA_KEYS"],
    )
    assert run(app, "status", "--json")[0] == 0
    code, out, _ = run(app, "rotate", "--json")
    facts = json.loads(out)
    assert (code, facts["key"], facts["resealed"], facts["clean"]) == (0, "2", 7, True)
    status = json.loads(run(app, "status", "--json")[1])
    assert (status["keys"], status["waiting"]) == (["2", "1"], 0)
    assert all(running.data_key(wrapped) for wrapped in stored(app))
    assert running.current == "2"
    assert (tmp_path / "keys" / "data_keys").stat().st_mode & 0o777 == 0o600


def test_a_value_that_does_not_open_fails_the_command_and_names_it(app: Flask) -> None:
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(
            sa.update(TABLE).where(TABLE.c.subject_id == 3).values(wrapped=b"\x01\0\0\0\x01" + bytes(60))
        )
    code, _, error = run(app, "rotate", "--json")
    assert code == 1
    assert "6 values were moved" in error
    assert "subject_key.wrapped" in error


def test_keys_of_the_environment_are_rotated_by_the_operator(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATA_KEYS", "1:set-elsewhere")
    code, _, error = run(app, "rotate")
    assert code == 1
    assert "--no-new" in error
    assert run(app, "rotate", "--no-new")[0] == 0

"""`flask keys`: the keys of encrypted columns: which there are, and moving everything to a new one.

A new key goes into the file of KEYS_DIR where the keys live there. Where the environment holds them, an operator puts
the new key in front of DATA_KEYS, restarts, and runs `flask keys rotate --no-new`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click
import sqlalchemy as sa
import structlog
from flask import current_app
from flask.cli import AppGroup

import config
from app.cli.output import prints
from app.services import key_rotation
from models import crypto
from models.base import db

group = AppGroup("keys", help="Keys of encrypted data.")
log = structlog.get_logger(__name__)


@group.command("status")
@prints
def status() -> dict[str, Any]:
    """Show the key in use, those that still open, and how many values wait to be moved."""
    ring = crypto.keyring()
    waiting = key_rotation.waiting(_owner().begin, db.metadata, ring)
    return {"key": ring.current, "keys": list(ring.ids), "waiting": sum(waiting.values()), "columns": waiting}


@group.command("rotate")
@click.option("--no-new", is_flag=True, help="Add no key; move everything to the one in use.")
@prints
def rotate(no_new: bool) -> dict[str, Any]:
    """Add a key and encrypt everything anew with it. Can be run again after it was cut off."""
    if not no_new:
        _add_key()
    done = key_rotation.rotate(_owner().begin, db.metadata, crypto.keyring())
    facts = done.as_dict()
    log.info("keys rotated", key=done.key, resealed=facts["resealed"], failed=facts["failed"])
    if not done.clean:
        left = (
            ", ".join(f"{part.column} {part.failed[:5]}" for part in done.columns if part.failed) or "saved meanwhile"
        )
        raise click.ClickException(
            f"{facts['resealed']} values were moved, some were not: {left}. Keep the older keys, restore a missing one "
            "from backup, and run: flask keys rotate --no-new"
        )
    return facts


def _add_key() -> None:
    """The key is on the disk before anything is sealed with it: a seal under a lost key is lost data."""
    settings = current_app.config
    if os.environ.get("DATA_KEYS") or not (Path(settings["KEYS_DIR"]) / "data_keys").exists():
        raise click.ClickException(
            "The keys come from the environment. Put a new key in front of DATA_KEYS, restart, "
            "and run: flask keys rotate --no-new"
        )
    text = config.with_new_data_key(settings["DATA_KEYS"])
    config.write_data_keys(settings["KEYS_DIR"], text)
    keys = config.data_keys(text)
    settings["DATA_KEYS"] = keys
    crypto.use(crypto.Keyring(settings["PEPPER"], keys, signing=settings["AUDIT_KEY"]))


def _owner() -> sa.Engine:
    """The tables' owner: the role of the application sees one workspace at a time."""
    settings = current_app.config
    if settings["MIGRATION_DATABASE_URI"] == settings["SQLALCHEMY_DATABASE_URI"]:
        return db.engine
    return sa.create_engine(settings["MIGRATION_DATABASE_URI"])

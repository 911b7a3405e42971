"""The command groups of `flask`. Each group is a file of its own; all print one JSON object with `--json`."""

from __future__ import annotations

from flask import Flask

from app.cli import api_keys, audit, config, contacts, inbound, jobs, keys, openapi, seed, users, words, workspaces


def init(app: Flask) -> None:
    """Add the groups."""
    for group in (
        users.group,
        workspaces.group,
        api_keys.group,
        audit.group,
        config.group,
        contacts.group,
        inbound.group,
        jobs.group,
        keys.group,
        seed.group,
        openapi.command,
        words.group,
    ):
        app.cli.add_command(group)

"""The command groups of `flask`. Each group is a file of its own; all print one JSON object with `--json`."""

from __future__ import annotations

from flask import Flask


def init(app: Flask) -> None:
    """Add the groups."""

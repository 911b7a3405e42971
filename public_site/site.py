"""Wires the public pages. Each page family is a file of its own with a blueprint; nothing here knows what a page says."""

from __future__ import annotations

from flask import Flask


def init(app: Flask) -> None:
    """Add the page families."""

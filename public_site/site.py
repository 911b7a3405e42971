"""Wires the public pages. Each page family is a file of its own with a blueprint; nothing here knows what a page says."""

from __future__ import annotations

from flask import Flask
from flask_wtf import CSRFProtect

from public_site import preferences


def init(app: Flask, csrf: CSRFProtect) -> None:
    """Add the page families."""
    preferences.register(app, csrf)

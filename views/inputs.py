"""What no view should have to think of: ids that fit no key of the database, and texts with NUL, which PostgreSQL refuses.

Does not belong here: rules of fields (`app.services.values`).
"""

from __future__ import annotations

from typing import Any

from flask import Flask, request
from werkzeug.exceptions import BadRequest
from werkzeug.routing import IntegerConverter, Map

_MOST_ID = 2**63 - 1


class _Key(IntegerConverter):
    """A larger number is the id of nothing, so its address is not found."""

    def __init__(self, map: Map, **rules: Any) -> None:
        super().__init__(map, **{"max": _MOST_ID, **rules})


def init(app: Flask) -> None:
    """Must come before the first address with an id, and before any view runs."""
    app.url_map.converters["int"] = _Key
    app.before_request(_no_nul)


def _no_nul() -> None:
    """Nobody types one: browsers send none, so that no entry of a person is turned away."""
    texts = [request.path, *request.args, *request.args.values()]
    if request.method == "POST":
        texts += request.form.values()
    if any("\x00" in text for text in texts):
        raise BadRequest("The request holds a NUL character.")

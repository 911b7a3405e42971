"""What no view should have to think of: ids that fit no key of the database, texts with NUL (PostgreSQL refuses them).

Does not belong here: rules of fields (`app.services.values`).
"""

from __future__ import annotations

from flask import Flask, request
from werkzeug.exceptions import BadRequest
from werkzeug.routing import IntegerConverter

from models.words import _

_MOST_ID = 2**63 - 1


class _Key(IntegerConverter):
    """A larger number is the id of nothing, as 0 is; refused here, Werkzeug would answer 405 in place of 404."""

    def to_python(self, value: str) -> int:
        number: int = super().to_python(value) if len(value) < 20 else 0
        return number if number <= _MOST_ID else 0


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
        raise BadRequest(_("The request holds a NUL character."))

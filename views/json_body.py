"""Reads the JSON object that a program sends, or says what is wrong with it."""

from __future__ import annotations

from typing import Any

import orjson
from flask import request
from werkzeug.exceptions import BadRequest, UnsupportedMediaType

from app.errors import Invalid


def read_object(most: int, too_large: str) -> dict[str, Any]:
    """The object of at most `most` bytes; raises 400, 415 or `Invalid`."""
    if request.mimetype != "application/json":
        raise UnsupportedMediaType()
    raw = request.get_data(cache=False)
    if len(raw) > most:
        raise Invalid({"": too_large})
    try:
        given = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"The body is no JSON: {error}") from None
    if not isinstance(given, dict):
        raise Invalid({"": "The body must be a JSON object."})
    try:
        orjson.dumps(given)
    except orjson.JSONEncodeError:
        raise Invalid({"": "The body nests its members too deeply to be kept."}) from None
    return given

"""A file sent in pieces while it is made.

Belongs here: what each piece needs around it. Does not belong here: what is in the file (`app.services.exports`).
"""

from __future__ import annotations

from collections.abc import Iterator

from flask import Flask, current_app


def streamed(body: Iterator[bytes]) -> Iterator[bytes]:
    """The pieces of `body`, each made in an application context of its own.

    Nothing is held between two pieces: a client that reads slowly holds no connection to the database, and one that
    goes away leaves no request, session or workspace on the thread that served it.
    """
    return _pieces(current_app._get_current_object(), body)  # type: ignore[attr-defined]


def _pieces(app: Flask, body: Iterator[bytes]) -> Iterator[bytes]:
    while True:
        with app.app_context():
            piece = next(body, None)
        if piece is None:
            return
        yield piece

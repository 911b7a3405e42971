"""Bruno exports his contacts and closes the lid half-way: nothing of his stays on the thread that served him, and the
log knows of the file."""

from __future__ import annotations

import flask
import pytest
import sqlalchemy as sa
from flask import Flask

from app.services import exports
from models import scope
from models.audit import Audit
from models.base import db, session
from tests.factories import Browser, World, sign_in


@pytest.mark.parametrize("url", ["/contacts/export.csv", "/contacts/export.xlsx", "/compliance/audit.csv"])
def test_a_client_that_goes_away_leaves_nothing_behind(
    app: Flask, client: Browser, world: World, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setattr(exports, "_CHUNK", 1)
    sign_in(client, world.harbour.broker if "contacts" in url else world.harbour.compliance)
    answer = client.submit(url, page="/account/")
    pieces = iter(answer.response)
    assert next(pieces)
    assert (flask.has_request_context(), flask.has_app_context(), scope.current()) == (False, False, None)
    with app.app_context():
        assert db.engine.pool.checkedout() == 0
        with world.harbour.inside():
            action = "contact.export" if "contacts" in url else "audit.export"
            assert session.scalars(sa.select(Audit.action).where(Audit.action == action)).all() == [action]


def test_a_file_left_half_way_does_not_mix_with_the_next_request(
    app: Flask, client: Browser, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "_CHUNK", 1)
    sign_in(client, world.harbour.owner)
    left = iter(client.submit("/contacts/export.csv?cols=email", page="/account/").response)
    started = b"".join([next(left), next(left)]).decode()
    other = app.test_client()
    assert isinstance(other, Browser)
    sign_in(other, world.summit.owner)
    theirs = other.submit("/contacts/export.csv?cols=email", page="/account/").get_data(as_text=True)
    whole = started + b"".join(left).decode()
    assert whole.count("@harbour-clients") == theirs.count("@summit-clients") == len(world.harbour.contacts)
    assert "@summit-clients" not in whole and "@harbour-clients" not in theirs

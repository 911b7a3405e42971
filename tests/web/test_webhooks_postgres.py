"""A webhook on PostgreSQL, as the role that does not own its tables: row security lets its deliveries through, and
only its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask

from app.services import webhooks
from jobs import runner
from models.base import session
from models.webhook import WebhookDelivery
from tests.factories import World
from tests.hooks_kit import add, change, deliveries, listening
from tests.postgres_world import served

pytestmark = [pytest.mark.needs("postgres"), pytest.mark.xdist_group("webhooks-postgres")]


@pytest.fixture
def built(tmp_path: Path) -> Iterator[tuple[Flask, World]]:
    with served(tmp_path) as found:
        yield found


def test_events_of_both_brokerages_go_to_their_own_receivers(built: tuple[Flask, World]) -> None:
    app, world = built
    webhooks.allow_local(True)
    with listening() as ours, listening() as theirs:
        add(app, world.harbour, ours.url)
        add(app, world.summit, theirs.url)
        ours.statuses = [500]
        mine = change(app, world.harbour, "agent", "Dana Whitcombe", stage="active")
        other = change(app, world.summit, "agent", "Dana Whitcombe", stage="won")
        assert runner.drain(app) == 2
        assert deliveries(app) == [], "a bare connection sees no row"
        with app.app_context(), world.harbour.inside():
            assert [(row.state, row.attempts) for row in session.scalars(sa.select(WebhookDelivery))] == [
                ("waiting", 1)
            ]
    webhooks.allow_local(False)
    assert [one.event["data"]["id"] for one in ours.sent] == [mine]
    assert [one.event["data"]["record"]["stage"] for one in theirs.sent] == ["won"]
    assert theirs.sent[0].event["data"]["id"] == other

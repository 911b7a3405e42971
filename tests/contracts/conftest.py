"""What the contracts share: a world in which each brokerage has a row in every table, and programs with a key."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.services import api_keys
from models.base import session
from models.workspace import Membership
from tests.contracts import samples
from tests.factories import Office, World


class Program(FlaskClient):
    """A client that sends an API key with each request."""

    key: str = ""

    def open(self, *args: Any, **kwargs: Any) -> Any:
        kwargs["headers"] = {"Authorization": f"Bearer {self.key}", **dict(kwargs.get("headers") or {})}
        return super().open(*args, **kwargs)


def program(app: Flask, office: Office, who: str = "owner", scopes: Iterable[str] = ("*:read", "*:write", "*:delete", "*:export")) -> Program:
    """A program with a fresh key of this person."""
    from tests.factories import SYSTEM

    made = Program(app, app.response_class)
    with app.app_context(), office.inside():
        member = session.get(Membership, office.people[who].membership_id)
        _, made.key = api_keys.create(member, "Contract", scopes, 30, actor=SYSTEM)
    return made


@pytest.fixture
def twins(app: Flask, world: World) -> World:
    """The world, with a row in every table for each brokerage: `samples.HARBOUR_ID` and `samples.SUMMIT_ID`."""
    with app.app_context():
        samples.plant(world.harbour, samples.HARBOUR_ID)
        samples.plant(world.summit, samples.SUMMIT_ID)
    return world

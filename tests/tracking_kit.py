"""What tests of tracking share: a brokerage that has reading noted, its campaign in a sink, and readers of it."""

from __future__ import annotations

import contextvars
import datetime as dt
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import time_machine
from flask import Flask

from app.services import campaigns, tracking
from jobs import runner
from models import scope
from models.base import session
from models.campaign import Campaign
from models.scope import Actor
from tests import campaigns_kit, jobs_kit
from tests.campaigns_kit import Sink
from tests.contracts import state
from tests.factories import Browser

READER = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36"
BLOCKS: list[dict[str, Any]] = [
    {
        "id": "b1",
        "kind": "text",
        "text": "Dear {{ contact.goes_by }}, see [the list](https://harbor.example/a?b=1&c=2).",
    },
    *({"id": f"b{at}", "kind": "button", "label": "See", "url": f"https://harbor.example/{at}"} for at in (2, 3, 4)),
]
US, GERMANY = "+14155550177", "+4930901820"


@pytest.fixture
def sink(app: Flask) -> Iterator[Sink]:
    with campaigns_kit.mail_server() as (found, port):
        app.config["SMTP_URL"] = f"smtp://127.0.0.1:{port}"
        yield found


@pytest.fixture
def house(app: Flask) -> Iterator[Actor]:
    """A brokerage that has opens and clicks noted, asks those in the EEA, and its owner."""
    with app.app_context():
        workspace = campaigns_kit.brokerage()
        owner = jobs_kit.join(workspace, "Olive", "owner")
        with scope.inside(workspace):
            tracking.save({"opens": 1, "clicks": 1, "countries": "DE FR"}, version=0, actor=owner)
            yield owner


def sent(app: Flask, sink: Sink, actor: Actor, **facts: Any) -> Campaign:
    made = campaigns_kit.campaign(actor, BLOCKS, **facts)
    made = campaigns.start(made.id, version=made.version, public_url=campaigns_kit.URL, actor=actor)
    apart(runner.drain, app)
    session.expire_all()
    return made


def page(sink: Sink, to: str) -> str:
    (number,) = (at for at, one in enumerate(sink.letters) if one.rcpt_tos[0] == to)
    body = sink.read(number).get_body(("html",))
    assert body is not None
    return str(body.get_content())


def addresses(text: str, kind: str) -> list[str]:
    return re.findall(rf'"https?://[^"/]+/p/mail/{kind}/([^"]+)"', text)


def events(**wanted: Any) -> list[Any]:
    return [row for row in state.rows("tracked_event") if all(row[name] == value for name, value in wanted.items())]


def follow(client: Browser, kind: str, token: str, agent: str = READER, **more: Any) -> Any:
    return apart(client.get, f"/p/mail/{kind}/{token}", headers={"User-Agent": agent, **more})


def apart(run: Callable[..., Any], *arguments: Any, **more: Any) -> Any:
    """As a request comes: outside of whatever the test is in."""
    return contextvars.Context().run(run, *arguments, **more)


def later(seconds: int = 60) -> Any:
    return time_machine.travel(dt.datetime.now(dt.UTC) + dt.timedelta(seconds=seconds), tick=True)

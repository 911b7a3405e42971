"""The line each request leaves in the log, whose request ids are trusted, what a client can't claim about itself."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from flask import Flask, g, request

from app.factory import behind_proxies
from app.logging import configure
from tests.factories import Browser, World
from views import headers

CLAIMS = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.example.com"}


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    configure("info")
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.contextvars.clear_contextvars()


def requests_in(stream: io.StringIO) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in stream.getvalue().splitlines()]
    return [line for line in found if line["event"] == "request"]


def small_app(hops: int) -> Flask:
    """A page that says what it takes the client for, behind `hops` proxies."""
    app = Flask("small")
    app.config.update(PROXY_HOPS=hops, APP_ENV="test")
    behind_proxies(app)
    headers.init(app)
    app.add_url_rule("/who", "who", lambda: [request.remote_addr, request.scheme, request.host, g.request_id])
    return app


def test_a_request_leaves_route_status_and_time_and_no_address(
    app: Flask, client: Browser, world: World, lines: io.StringIO
) -> None:
    answer = client.get("/p/broken.token-KANARI?email=nina@example.com")
    client.get("/healthz")
    (line,) = requests_in(lines)
    assert (line["method"], line["route"], line["status"], line["level"]) == ("GET", "/p/<token>", 410, "info")
    assert line["request_id"] == answer.headers["X-Request-Id"] and line["ms"] >= 0
    assert "KANARI" not in lines.getvalue() and "nina" not in lines.getvalue()


def test_without_a_proxy_nothing_that_a_client_claims_counts() -> None:
    seen = small_app(0).test_client().get("/who", headers=CLAIMS | {"X-Request-Id": "chosen-by-me-1"}).json
    assert seen[:3] == ["127.0.0.1", "http", "localhost"] and seen[3] != "chosen-by-me-1"


def test_with_one_proxy_only_its_own_word_counts() -> None:
    client = small_app(1).test_client()
    seen = client.get("/who", headers=CLAIMS | {"X-Forwarded-For": "198.51.100.66, 203.0.113.9"}).json
    assert seen[:3] == ["203.0.113.9", "https", "localhost"]
    assert client.get("/who", headers={"X-Request-Id": "proxy-0123456789"}).json[3] == "proxy-0123456789"
    assert client.get("/who", headers={"X-Request-Id": 'x"} {"event":"forged'}).json[3].isalnum()

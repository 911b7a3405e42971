"""How often a key may ask: told with every answer, refused with a time, one count for all workers, never an outage."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from redis import Redis

from app.services import api_keys
from models.access import ApiKey
from models.base import session
from tests.contracts.conftest import program
from tests.contracts.test_statements import _counted
from tests.factories import SYSTEM, Browser, World, sign_in
from tests.services_present import redis_url
from views import api_rate
from views.api_rate import Buckets

LIST = "/api/v1/contact/"


class Clock:
    """A clock that stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(api_rate, "_clock", found)
    return found


@pytest.fixture
def limited(app: Flask) -> Iterator[Flask]:
    """Three requests a minute, with empty books."""
    kept = app.extensions["api_rate"]
    app.extensions["api_rate"] = Buckets(None)
    app.config["API_RATE_PER_MINUTE"] = 3
    yield app
    app.extensions["api_rate"] = kept


def told(answer: Any) -> tuple[int, int, int]:
    """Quota, rest, and seconds until it is full, as the header fields say."""
    policy = re.fullmatch(r'"key";q=(\d+);w=60', answer.headers["RateLimit-Policy"])
    rest = re.fullmatch(r'"key";r=(\d+);t=(\d+)', answer.headers["RateLimit"])
    assert policy is not None and rest is not None
    return int(policy.group(1)), int(rest.group(1)), int(rest.group(2))


def test_every_answer_tells_what_is_left_and_too_many_are_refused(limited: Flask, world: World, clock: Clock) -> None:
    key = program(limited, world.harbour)
    answers = [key.get(LIST), key.get(f"{LIST}999999"), key.post(LIST, json={"name": ""})]
    assert [a.status_code for a in answers] == [200, 404, 422]
    assert [told(a) for a in answers] == [(3, 2, 20), (3, 1, 40), (3, 0, 60)]
    refused = key.post(LIST, json={"name": "Nina Novak"})
    assert (refused.status_code, refused.mimetype) == (429, "application/problem+json")
    assert refused.headers["Retry-After"] == "20" and told(refused) == (3, 0, 60)
    assert "3 requests a minute" in refused.json["detail"] and "Nothing was done" in refused.json["detail"]
    clock.now += 19.9
    assert key.get(LIST).status_code == 429
    clock.now += 0.2
    assert told(key.get(LIST)) == (3, 0, 60)
    clock.now += 600
    assert told(key.get(LIST)) == (3, 2, 20), "a bucket holds no more than a minute's worth"


def test_each_key_has_a_bucket_of_its_own(limited: Flask, world: World, clock: Clock) -> None:
    mine, second, outsider = (program(limited, o) for o in (world.harbour, world.harbour, world.summit))
    for _ in range(4):
        last = mine.get(LIST)
    assert last.status_code == 429
    assert [told(k.get(LIST))[1] for k in (second, outsider)] == [2, 2]


def test_strangers_and_people_have_no_bucket(limited: Flask, world: World, client: Browser) -> None:
    stranger = limited.test_client().get(LIST)
    assert stranger.status_code == 401 and "RateLimit" not in stranger.headers
    sign_in(client, world.harbour.owner)
    for _ in range(5):
        page = client.get("/contacts/")
    assert page.status_code == 200 and "RateLimit" not in page.headers


def test_events_count_too(limited: Flask, world: World, clock: Clock) -> None:
    key = program(limited, world.harbour)
    answers = [key.post("/v1/events", json={}) for _ in range(4)]
    assert [a.status_code for a in answers] == [422, 422, 422, 429]


def test_no_limit_is_no_header(app: Flask, world: World) -> None:
    assert app.config["API_RATE_PER_MINUTE"] == 0
    answer = program(app, world.harbour).get(LIST)
    assert answer.status_code == 200 and not {"RateLimit", "RateLimit-Policy"} & set(answer.headers.keys())


def test_counting_asks_the_database_nothing(app: Flask, world: World) -> None:
    key, asked = program(app, world.harbour), []
    key.get(LIST)
    for most in (0, 600):
        app.config["API_RATE_PER_MINUTE"] = most
        with app.app_context(), _counted() as seen:
            key.get(LIST)
        asked.append(len(seen))
    assert asked[0] == asked[1]


def test_a_key_that_was_revoked_is_refused_for_that(limited: Flask, world: World, clock: Clock) -> None:
    key = program(limited, world.harbour)
    for _ in range(4):
        key.get(LIST)
    with limited.app_context(), world.harbour.inside():
        api_keys.revoke(session.query(ApiKey).one().id, actor=SYSTEM)
    assert key.get(LIST).status_code == 401


def test_old_buckets_are_forgotten(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    monkeypatch.setattr(api_rate, "_MOST_BUCKETS", 10)
    buckets = Buckets(None)
    for key in range(10):
        buckets.take(key, 3)
    clock.now += 61
    buckets.take(99, 3)
    assert list(buckets._here) == [99]


def test_threads_of_one_process_share_a_bucket() -> None:
    buckets = Buckets(None)
    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda _: buckets.take(1, 20).taken, range(200)))
    assert 20 <= sum(taken) <= 22


@pytest.fixture
def redis() -> str:
    """The address of an empty Redis."""
    url = str(redis_url())
    Redis.from_url(url).flushdb()
    return url


@pytest.mark.needs("redis")
def test_all_workers_share_a_bucket(redis: str) -> None:
    """Two workers with eight threads between them; a token comes back every three seconds."""
    workers, began = [Buckets(redis), Buckets(redis)], time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        spent = list(pool.map(lambda n: workers[n % 2].take(1, 20), range(200)))
    most = 20 + (time.monotonic() - began) / 3 + 1
    assert 20 <= sum(s.taken for s in spent) <= most
    assert not any(worker._here for worker in workers), "all were counted in Redis"
    assert workers[0].take(2, 20).tokens == 19


@pytest.mark.needs("redis")
def test_a_shared_bucket_fills_up_and_says_when(limited: Flask, world: World, redis: str) -> None:
    limited.extensions["api_rate"] = Buckets(redis)
    limited.config["API_RATE_PER_MINUTE"] = 2
    key = program(limited, world.summit)
    first, second, third = (key.get(LIST) for _ in range(3))
    assert [told(a)[1] for a in (first, second)] == [1, 0]
    assert third.status_code == 429 and 25 <= int(third.headers["Retry-After"]) <= 30
    limited.config["API_RATE_PER_MINUTE"] = 600_000
    assert key.get(LIST).status_code == 200


@pytest.mark.parametrize("kind", ["absent", "silent"])
def test_without_redis_each_process_counts_and_no_request_fails(limited: Flask, world: World, kind: str) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        if kind == "silent":
            server.listen(1)  # takes the connection and never answers
        limited.extensions["api_rate"] = Buckets(f"redis://127.0.0.1:{server.getsockname()[1]}/0")
        key = program(limited, world.harbour)
        assert [key.get(LIST).status_code for _ in range(4)] == [200, 200, 200, 429]

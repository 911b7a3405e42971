"""How often a program may ask: a bucket of tokens for each API key, which fills up evenly over a minute.

All web workers share the buckets in Redis, where one script reads, fills and takes; without Redis, or while it does not
answer, each process counts for itself. A request never fails for Redis' sake. Header fields after
draft-ietf-httpapi-ratelimit-headers-10. Does not belong here: locks after wrong keys (`app.services.throttle`).
"""

from __future__ import annotations

import math
import threading
import time
from dataclasses import dataclass

import structlog
from flask import Flask, Response, current_app, g
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from app.errors import TooMany

MINUTE = 60
PAUSE_AFTER_FAILURE = 5.0
_PATIENCE = 0.25
_MOST_BUCKETS = 10_000
# The clock is Redis' own, so that the clocks of web workers need not agree.
_SCRIPT = """
local most, rate = tonumber(ARGV[1]), tonumber(ARGV[2])
local told = redis.call('TIME')
local now = told[1] + told[2] / 1000000
local kept = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens = math.min(most, (tonumber(kept[1]) or most) + math.max(0, now - (tonumber(kept[2]) or now)) * rate)
local taken = tokens >= 1 and 1 or 0
tokens = tokens - taken
redis.call('HSET', KEYS[1], 'tokens', string.format('%.6f', tokens), 'at', string.format('%.6f', now))
redis.call('EXPIRE', KEYS[1], math.ceil(most / rate) + 1)
return {taken, string.format('%.6f', tokens)}
"""
log = structlog.get_logger(__name__)
_clock = time.monotonic


@dataclass(frozen=True, slots=True)
class Spent:
    """What a request left in the bucket: `tokens` of `most`; `taken` is False where there was none for it."""

    taken: bool
    tokens: float
    most: int

    @property
    def full_in(self) -> int:
        """Seconds until the bucket is full again."""
        return math.ceil((self.most - self.tokens) * MINUTE / self.most)

    @property
    def next_in(self) -> int:
        """Seconds until there is a token again."""
        return max(1, math.ceil((1 - self.tokens) * MINUTE / self.most))


class Buckets:
    """The buckets of all keys: in the Redis at `url`, and in this process."""

    def __init__(self, url: str | None) -> None:
        self._here: dict[int, tuple[float, float]] = {}
        self._lock = threading.Lock()
        self._silent_until = 0.0
        self._shared = None
        if url:
            retry = Retry(NoBackoff(), 0)
            redis = Redis.from_url(url, socket_connect_timeout=_PATIENCE, socket_timeout=_PATIENCE, retry=retry)
            self._shared = redis.register_script(_SCRIPT)

    def take(self, key_id: int, most: int) -> Spent:
        """Take a token of the key's bucket, which holds `most` and fills up in a minute."""
        if self._shared is not None and _clock() >= self._silent_until:
            try:
                taken, tokens = self._shared(keys=[f"api-rate:{key_id}"], args=[most, most / MINUTE])
                return Spent(bool(taken), float(tokens), most)
            except (RedisError, OSError) as error:
                self._silent_until = _clock() + PAUSE_AFTER_FAILURE
                log.warning("rates are counted by each process, Redis is silent", error=type(error).__name__)
        return self._take_here(key_id, most)

    def _take_here(self, key_id: int, most: int) -> Spent:
        moment = _clock()
        with self._lock:
            if len(self._here) >= _MOST_BUCKETS:
                # Who did not ask for a minute has a full bucket, and a full bucket need not be kept.
                self._here = {key: kept for key, kept in self._here.items() if kept[1] > moment - MINUTE}
            tokens, at = self._here.get(key_id, (float(most), moment))
            tokens = min(most, tokens + (moment - at) * most / MINUTE)
            taken = tokens >= 1
            tokens -= taken
            self._here[key_id] = (tokens, moment)
        return Spent(taken, tokens, most)


def init(app: Flask) -> None:
    app.extensions["api_rate"] = Buckets(app.config.get("REDIS_URL"))
    app.after_request(_tell)


def spend(key_id: int) -> None:
    """Count a request of a program; raises `TooMany` where its key has none left."""
    most = current_app.config["API_RATE_PER_MINUTE"]
    if not most:
        return
    buckets: Buckets = current_app.extensions["api_rate"]
    g.api_rate = spent = buckets.take(key_id, most)
    if not spent.taken:
        allowed = f"This key may make {most:,} requests a minute. Nothing was done"
        raise TooMany(f"{allowed}: send it again in {spent.next_in} seconds.", spent.next_in)


def _tell(answer: Response) -> Response:
    spent: Spent | None = g.get("api_rate")
    if spent is not None:
        answer.headers["RateLimit-Policy"] = f'"key";q={spent.most};w={MINUTE}'
        answer.headers["RateLimit"] = f'"key";r={int(spent.tokens)};t={spent.full_in}'
    return answer

"""What the tests of AI share: a provider of this machine that keeps every byte it gets, and a brokerage using it."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import sqlalchemy as sa
from flask import Flask

from app.services import ai_features, ai_providers, drafts, records
from app.services.operation import operation
from jobs import store
from models import scope
from models.ai import AiCall
from models.base import session
from models.contact import Contact
from models.fields import now
from models.job import Job
from models.scope import Actor
from tests import jobs_kit

KEY = "sk-canary-of-a-key"
TERMS = {"terms_url": "https://ai.example.com/terms", "terms_version": "2026-01-01"}


@dataclass
class Call:
    """One request as it came, and the bytes it was answered with."""

    path: str
    headers: dict[str, str]
    body: bytes
    answered: bytes = b""

    @property
    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found


@dataclass
class Provider:
    """Keeps what it is sent. `say` gives the text of an answer from the prompt; `plans` are taken first, one for each
    call: a status, bytes to answer with instead, or "cut" for an answer that breaks off. `before` is called before an
    answer.
    """

    port: int = 0
    calls: list[Call] = field(default_factory=list)
    plans: list[int | bytes | str] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    say: Callable[[str], str] = lambda _told: "Subject: A quick word\n\nHello, shall we talk?"
    before: Callable[[], None] = lambda: None
    usage: tuple[int, int] | None = (120, 30)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def body(self, call: Call) -> bytes:
        """An answer in the form of the provider that the path belongs to."""
        if call.path.endswith("/v1/messages"):
            found: dict[str, Any] = {
                "content": [{"type": "text", "text": self.say(call.json["messages"][0]["content"])}]
            }
            names = ("input_tokens", "output_tokens")
        else:
            text = self.say(call.json["messages"][1]["content"])
            found = {"choices": [{"message": {"role": "assistant", "content": text}}]}
            names = ("prompt_tokens", "completion_tokens")
        return json.dumps(found | ({"usage": dict(zip(names, self.usage, strict=True))} if self.usage else {})).encode()


@contextmanager
def providing(port: int = 0) -> Iterator[Provider]:
    """A provider on a port of this machine, which the operator allows."""
    provider = Provider()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            call = Call(self.path, {k.lower(): v for k, v in self.headers.items()}, body)
            provider.calls.append(call)
            provider.before()
            plan = provider.plans.pop(0) if provider.plans else 200
            raw = (
                plan if isinstance(plan, bytes) else b'{"error": {}}' if isinstance(plan, int) and plan != 200 else None
            )
            raw = provider.body(call) if raw is None else raw
            call.answered = raw[: len(raw) // 2] if plan == "cut" else raw
            self.send_response(plan if isinstance(plan, int) else 200)
            for name, value in provider.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(call.answered)

        def log_message(self, *_args: Any) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        provider.port = server.server_port
        ai_providers.allow_servers([provider.address])
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield provider
        ai_providers.allow_servers([])
        server.shutdown()
        thread.join()


class Brokerage:
    """A brokerage with AI on, whose every kind of draft is written by one provider. It has an admin and an agent."""

    def __init__(self, app: Flask, provider: Provider, slug: str = "harbor", kind: str = "openai", **more: Any) -> None:
        self.app, self.provider = app, provider
        self.id = jobs_kit.found_workspace(slug, ai_enabled=True)
        self.admin = jobs_kit.join(self.id, "Ada", "admin")
        self.agent = jobs_kit.join(self.id, "Dana", "agent")
        given = {
            "name": "Ours", "kind": kind, "base_url": f"http://{provider.address}/v1", "model": "m-1", "key": KEY,
            "price_in": 300, "price_out": 1500, **TERMS, **more,
        }  # fmt: skip
        with self.inside():
            self.provider_id = ai_providers.save(None, given, accept=True, actor=self.admin).id
        self.choose()

    def inside(self) -> Any:
        return scope.inside(self.id)

    def choose(self, budget_cents: int = 2000, calls_per_minute: int = 60, **choices: int) -> None:
        keys = [one.key for one in ai_features.features().values() if one.offered]
        with self.inside():
            version = ai_providers.settings().version
            every = dict.fromkeys(keys, self.provider_id) | choices
            ai_providers.change_settings(budget_cents, calls_per_minute, every, version=version, actor=self.admin)

    def contact(self, **facts: Any) -> int:
        given = {"name": "Sam Rivers", "goes_by": "Sam", "email": "sam@example.com", "next_step": "Send two listings"}
        with self.inside():
            return int(records.create(Contact, given | facts, actor=facts.pop("by", self.agent)).id)

    def calls(self) -> list[AiCall]:
        with self.inside():
            session.expire_all()
            return list(session.scalars(sa.select(AiCall).order_by(AiCall.id)))

    def switch_off(self) -> None:
        with self.inside():
            ai_providers.switch(False, actor=self.admin)


def ask(office: Brokerage, key: str = "email", **typed: str) -> int:
    contact = office.contact()
    with office.inside():
        return drafts.ask(key, contact, actor=office.agent, **typed).id


def job(office: Brokerage, job_id: int) -> Job:
    with office.inside():
        session.expire_all()
        return session.get_one(Job, job_id)


def ledger_is_what_was_sent(office: Brokerage, provider: Provider) -> None:
    """Hash for hash, and in the order of the calls."""
    rows = office.calls()
    assert [row.payload_hash for row in rows] == [hashlib.sha256(call.body).hexdigest() for call in provider.calls]
    assert [row.payload_bytes for row in rows] == [len(call.body) for call in provider.calls]
    for row, call in zip(rows, provider.calls, strict=True):
        if row.reply_hash is not None:
            assert row.reply_hash == hashlib.sha256(call.answered).hexdigest()


def hurry() -> None:
    """As if the time of every waiting attempt had come."""
    with store.connection() as live:
        live.execute(sa.update(store.table).where(store.table.c.state == "waiting").values(run_at=now()))


def quietly(workspace: int, change: Callable[[], None], actor: Actor = jobs_kit.SYSTEM) -> None:
    """Change rows in an operation of their own, as something else would meanwhile."""
    with scope.inside(workspace), operation("test.change", actor=actor):
        change()

"""What the tests of webhooks share: a program of somebody else that takes them, and short words for what people do."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import sqlalchemy as sa
from flask import Flask

from app.services import records
from models.base import db
from models.contact import Contact
from models.fields import now
from models.job import Job
from models.webhook import Webhook, WebhookDelivery
from tests.factories import Office


@dataclass
class Sent:
    """One request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]


@dataclass
class Receiver:
    """Keeps what it is sent. `statuses` are given to the next requests, then 200; `before` is called before an answer,
    which has the body `answer`.
    """

    port: int = 0
    sent: list[Sent] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    before: Callable[[], None] = lambda: None
    answer: bytes = b'{"ok": true}'
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/crm"

    def types(self) -> list[str]:
        return [one.event["type"] for one in self.sent]


@contextmanager
def listening() -> Iterator[Receiver]:
    """A receiver on a free port of this machine."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.sent.append(Sent(self.path, {k.lower(): v for k, v in self.headers.items()}, body))
            receiver.before()
            self.send_response(receiver.statuses.pop(0) if receiver.statuses else 200)
            for name, value in receiver.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(receiver.answer)

        def log_message(self, *_args: Any) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        receiver.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield receiver
        server.shutdown()
        thread.join()


def add(app: Flask, office: Office, url: str, who: str = "owner", events: tuple[str, ...] = ("*",)) -> int:
    with app.app_context(), office.inside():
        hook = records.create(Webhook, {"name": "Website", "url": url, "events": events}, actor=office.actor(who))
        return int(hook.id)


def change(app: Flask, office: Office, who: str, contact: str, **values: Any) -> int:
    with app.app_context(), office.inside():
        key = office.contacts[contact]
        records.update(Contact, key, values, actor=office.actor(who))
        return key


def verb(app: Flask, office: Office, key: int, what: Any, who: str = "owner") -> None:
    with app.app_context(), office.inside():
        what.run(Webhook, key, {}, office.actor(who))


def hurry(app: Flask) -> None:
    """As if the time of every waiting attempt had come."""
    with app.app_context(), db.engine.begin() as live:
        live.execute(sa.update(Job.__table__).where(Job.__table__.c.state == "waiting").values(run_at=now()))
        live.execute(sa.update(Webhook.__table__).values(rest_until=None))


def deliveries(app: Flask) -> list[Any]:
    with app.app_context(), db.engine.connect() as live:
        return list(live.execute(sa.select(WebhookDelivery.__table__).order_by(WebhookDelivery.__table__.c.id)))


def hook_row(app: Flask, key: int) -> Any:
    with app.app_context(), db.engine.connect() as live:
        return live.execute(sa.select(Webhook.__table__).where(Webhook.__table__.c.id == key)).one()


def is_signed(sent: Sent, secret: str) -> bool:
    """Checked by hand, as a receiver in any language would."""
    signed = f"{sent.id}.{sent.headers['webhook-timestamp']}.".encode() + sent.body
    key = base64.b64decode(secret.removeprefix("whsec_"))
    right = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return right in sent.headers["webhook-signature"].split(" ")

"""What the tests, the bench and the soak of campaigns share: a brokerage with an address and people, and a design that
a campaign is made of.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import email
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from email.policy import default
from typing import Any

import sqlalchemy as sa
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope

from app.adapters import mail
from app.services import campaign_content, campaigns, inserting, records
from app.services.operation import operation
from jobs import store
from models import scope, tenancy
from models.base import session
from models.campaign import Campaign
from models.contact import Contact
from models.fields import now
from models.message import Message
from models.scope import Actor
from models.workspace import Workspace
from tests import jobs_kit

URL = "https://crm.example"
BLOCKS = [
    {"id": "b1", "kind": "text", "text": 'Dear {{ contact.goes_by | default("friend") }}, three homes came on.'},
    {"id": "b2", "kind": "button", "label": "See them", "url": "https://harbor.example/homes"},
]
_WHY = tenancy.reason("a test fills a brokerage with people")


def brokerage(slug: str = "harbor") -> int:
    """A workspace that may send marketing: it names its postal address."""
    workspace = jobs_kit.found_workspace(slug)
    with scope.inside(workspace), operation("test.address", actor=jobs_kit.SYSTEM):
        session.get_one(Workspace, workspace).address = "1 Quay Street, Portland, ME 04101"
    return workspace


def person(name: str, *, actor: Actor, **facts: Any) -> Contact:
    made: Contact = records.create(
        Contact, {"name": name, "email": f"{name.lower()}@example.net", **facts}, actor=actor
    )
    return made


def people(number: int, phone: str | None = None) -> None:
    """Many contacts at once, in the workspace in force."""
    moment = now()
    rows = [
        {"name": f"Sam {at}", "name_key": f"sam {at}", "email": f"sam{at}@example.net", "custom": None, "phone": phone}
        for at in range(number)
    ]
    same = {
        "workspace_id": scope.workspace_id(), "type": "buyer", "stage": "new", "lawful_basis": "consent",
        "minor": False, "last_activity": moment, "created_at": moment, "updated_at": moment, "created_by": "Test",
        "version": 1, "source": "test",
    }  # fmt: skip
    with operation("test.people", actor=jobs_kit.SYSTEM):
        inserting.insert(Contact.__table__, rows, same, why=_WHY)


def campaign(actor: Actor, blocks: list[dict[str, Any]] = BLOCKS, **facts: Any) -> Campaign:
    """A draft with content, for all contacts."""
    made: Campaign = records.create(
        Campaign, {"name": "May homes", "subject": "Homes for {{ contact.goes_by }}", **facts}, actor=actor
    )
    with operation("test.design", actor=actor):
        campaign_content.design_of(made).blocks = blocks
    return campaigns.choose_audience(made.id, None, actor=actor, everybody=True)


def started(actor: Actor, **facts: Any) -> Campaign:
    made = campaign(actor, **facts)
    return campaigns.start(made.id, version=made.version, public_url=URL, actor=actor)


def fates(key: int) -> dict[str, str]:
    """Recipient -> state of the e-mails of a campaign, read anew."""
    session.expire_all()
    rows = session.execute(sa.select(Message.recipient, Message.state).where(Message.campaign_id == key)).all()
    return {row.recipient: row.state for row in rows}


class Sink:
    """A mail server that keeps what it is given. `says` answers addresses otherwise; `on_data` is called before it
    answers."""

    def __init__(self) -> None:
        self.letters: list[Envelope] = []
        self.says: dict[str, str] = {}
        self.on_data: Callable[[str], Any] = lambda _to: None

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Envelope) -> str:
        to = envelope.rcpt_tos[0]
        await asyncio.get_running_loop().run_in_executor(None, self.on_data, to)
        answer = self.says.get(to, "250 2.0.0 kept")
        if answer.startswith("250"):
            self.letters.append(envelope)
        return answer

    @property
    def to(self) -> list[str]:
        return sorted(one.rcpt_tos[0] for one in self.letters)

    def read(self, number: int) -> EmailMessage:
        found: Any = email.message_from_bytes(self.letters[number].content or b"", policy=default)
        return found  # type: ignore[no-any-return]


@contextmanager
def mail_server() -> Iterator[tuple[Sink, int]]:
    """A sink and its port."""
    handler = Sink()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    controller = Controller(handler, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield handler, port
    finally:
        controller.stop()
        mail.hang_up()


def hurry() -> None:
    """What waits for its time is due, and who held a job is long gone."""
    past = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    with store.connection() as live:
        live.execute(sa.update(store.table).where(store.table.c.state == "waiting").values(run_at=past))
        live.execute(sa.update(store.table).where(store.table.c.state == "running").values(lease_until=past))

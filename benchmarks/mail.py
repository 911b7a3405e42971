"""How fast e-mail leaves: a campaign of signed, tracked letters into a sink on this machine, against the bare loop
(render, build, sign, send over one kept connection) of the same letters, in the same run; and those written one by one.

The goal of the design is 300 a second for each worker, and at most 1.3 times the time of the bare loop. The bare loop
keeps nothing: what it is beaten by is the promise that nobody is forgotten and nobody written to twice.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import structlog

from app.adapters import letters, mail
from app.services import campaign_content, messages, sending, tracked_mail, tracking
from app.services.operation import operation
from benchmarks.measure import Score
from jobs import runner
from models import scope
from models.base import db, session
from models.contact import Contact
from models.message import Message
from models.scope import Actor
from models.workspace import Membership
from tests import campaigns_kit, database_kit, jobs_kit
from tests.services_present import postgres_url

MAILS, SINGLE = 4000, 300
LEAST, MOST_TIMES = 300.0, 1.3
_TEXT = "Dear {{ contact.goes_by }},\n\n" + "three homes by the water came on the market this week. " * 12
_BLOCKS = [
    {"id": "b1", "kind": "heading", "text": "Homes for {{ contact.goes_by }}"},
    {"id": "b2", "kind": "text", "text": _TEXT},
    {"id": "b3", "kind": "button", "label": "See them", "url": "https://harbor.example/homes"},
    {"id": "b4", "kind": "signature"},
]
# A server that takes everything, in a process of its own, so that it takes no time of ours.
_SINK = """
import asyncio

async def serve(reader, writer):
    writer.write(b"220 sink\\r\\n")
    while line := await reader.readline():
        word = line[:4].upper().strip()
        if word == b"DATA":
            writer.write(b"354 go\\r\\n")
            await reader.readuntil(b"\\r\\n.\\r\\n")
            writer.write(b"250 2.0.0 kept\\r\\n")
        else:
            writer.write(b"250 ok\\r\\n")
    writer.close()

async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=10_000_000)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()

asyncio.run(main())
"""


def run(_contacts: int, _workspaces: int, _rounds: int, score: Score) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(30))
    with tempfile.TemporaryDirectory() as folder:
        _on("sqlite", database_kit.sqlite(Path(folder)), Path(folder), score)
    if postgres_url() is not None:
        with tempfile.TemporaryDirectory() as folder, database_kit.postgres() as (_owner, url):
            _on("postgresql", url, Path(folder), score)


def _on(kind: str, database: str, folder: Path, score: Score) -> None:
    with subprocess.Popen([sys.executable, "-c", _SINK], stdout=subprocess.PIPE, text=True) as sink:
        if sink.stdout is None:
            raise RuntimeError("The sink does not speak.")
        url = f"smtp://127.0.0.1:{int(sink.stdout.readline())}"
        app = jobs_kit.make_app(folder, database, create=False, SMTP_URL=url, MAIL_FROM="crm@operator.example")
        try:
            _compare(kind, app, url, score)
        finally:
            mail.hang_up()
            sink.kill()
            with app.app_context():
                db.session.remove()
                db.engine.dispose()


def _compare(kind: str, app: Any, url: str, score: Score) -> None:
    with app.app_context():
        workspace, agent, key, frozen = _started()
    begin = time.perf_counter()
    runner.drain(app, most=1)
    froze, begin = time.perf_counter() - begin, time.perf_counter()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    runner.drain(app)
    ours, grown = time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    with app.app_context(), scope.inside(workspace):
        _count(MAILS)
        bare = _seconds_of_bare_loop(url, key, frozen)
        for at in range(SINGLE):
            person = session.get_one(Contact, at + 1)
            messages.write(person, f"Homes for you, {at}", _TEXT, kind="marketing", actor=agent)
    begin = time.perf_counter()
    runner.drain(app)
    single = time.perf_counter() - begin
    with app.app_context(), scope.inside(workspace):
        _count(MAILS + SINGLE)
    rate, times = MAILS / ours, ours / bare
    print(f"{kind:10} bare   campaign, signed              {MAILS / bare:8.0f} a second")
    print(f"{kind:10} ours   people written down           {MAILS / froze:8.0f} a second")
    print(
        f"{kind:10} ours   campaign, signed              {rate:8.0f} a second  "
        f"goal {LEAST:.0f}  {score.note(rate >= LEAST)}"
    )
    print(
        f"{kind:10} ours   against the bare loop         {times:8.2f} x  goal {MOST_TIMES}  "
        f"{score.note(times <= MOST_TIMES)}"
    )
    print(f"{kind:10} ours   memory more for {MAILS} mails    {grown / 1024:8.1f} MB")
    print(f"{kind:10} ours   written one by one, signed    {SINGLE / single:8.0f} a second")


def _started() -> tuple[int, Actor, mail.Key, Mapping[str, Any]]:
    """A workspace that sends a campaign from a verified domain: its id, who started it, the key and the content."""
    workspace = campaigns_kit.brokerage()
    admin = jobs_kit.join(workspace, "Ada", "admin")
    with scope.inside(workspace):
        member = session.get_one(Membership, admin.membership_id)
        domain = sending.add_domain(member.email, actor=admin)
        with operation("bench.verify", actor=admin):
            sending.note_check(domain.id, [domain.record])
        tracking.save({"opens": 1, "clicks": 1}, version=0, actor=admin)
        campaigns_kit.people(MAILS, phone="+12075550142")
        made = campaigns_kit.started(admin, blocks=_BLOCKS)
        frozen = campaign_content.design_of(made).frozen or {}
        return workspace, admin, mail.Key(domain.name, domain.selector, domain.private_key), frozen


def _count(wanted: int) -> None:
    sent = session.scalar(sa.select(sa.func.count()).select_from(Message).where(Message.state == "sent"))
    if sent != wanted:
        raise RuntimeError(f"{sent} of {wanted} e-mails left")


def _seconds_of_bare_loop(url: str, key: mail.Key, frozen: Mapping[str, Any]) -> float:
    """The same letters by a loop that keeps nothing of what it does."""
    live = mail.connection(url)
    fixed = {
        "sender": {"name": "Ada", "phone": ""},
        "workspace": {"name": "Harbor Realty", "address": "1 Quay Street", "phone": "", "website": ""},
    }
    noted = tracking.rules()
    begin = time.perf_counter()
    for at in range(MAILS):
        own = campaign_content.links(1, at + 1, "https://crm.example")
        person = {"name": f"Sam {at}", "goes_by": f"Sam {at}", "first_name": "Sam", "company": ""}
        filled = campaign_content.fill(frozen, "a", {**fixed, "contact": person, "links": own})
        letter = letters.Letter(
            message_id=f"<{at}@harbor.example>",
            sender=f"ada@{key.domain}",
            sender_name="Ada, Harbor Realty",
            to=f"sam{at}@example.net",
            to_name=f"Sam {at}",
            subject=filled.subject,
            text=filled.text,
            html=tracked_mail.marked(filled.html, at + 1, noted, campaigns_kit.URL),
            unsubscribe_url=own["unsubscribe"],
            key=key,
        )
        live.send(letter.sender, letter.to, letters.build(letter))
    return time.perf_counter() - begin

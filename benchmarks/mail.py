"""How fast e-mail leaves: signed letters into a sink on this machine, against the bare loop (render, build, sign, send
over one kept connection), in the same run.

The goal of the design is 300 a second for each worker, and at most 1.3 times the time of the bare loop.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import sqlalchemy as sa

from app.adapters import letters, mail
from app.services import merge, messages, records, sending
from app.services.operation import operation
from benchmarks.measure import Score
from jobs import runner
from models import scope
from models.base import session
from models.contact import Contact
from models.message import Message
from models.workspace import Membership
from tests import jobs_kit

MAILS = 1000
LEAST, MOST_TIMES = 300.0, 1.3
_TEXT = "Dear {{ contact.goes_by }},\n\n" + "three homes by the water came on the market this week. " * 12
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
    with (
        subprocess.Popen([sys.executable, "-c", _SINK], stdout=subprocess.PIPE, text=True) as sink,
        tempfile.TemporaryDirectory() as folder,
    ):
        if sink.stdout is None:
            raise RuntimeError("The sink does not speak.")
        url = f"smtp://127.0.0.1:{int(sink.stdout.readline())}"
        try:
            _compare(Path(folder), url, score)
        finally:
            mail.hang_up()
            sink.kill()


def _compare(folder: Path, url: str, score: Score) -> None:
    app = jobs_kit.make_app(folder, SMTP_URL=url, MAIL_FROM="crm@operator.example")
    with app.app_context():
        workspace, key = _queued()
    bare = _seconds_of_bare_loop(url, key)
    start = time.perf_counter()
    runner.drain(app)
    ours = time.perf_counter() - start
    with app.app_context(), scope.inside(workspace):
        sent = session.scalar(sa.select(sa.func.count()).select_from(Message).where(Message.state == "sent"))
    if sent != MAILS:
        raise RuntimeError(f"{sent} of {MAILS} e-mails left")
    rate, times = MAILS / ours, ours / bare
    print(f"sqlite     bare   signed mails                 {MAILS / bare:8.0f} a second")
    fast, near = score.note(rate >= LEAST), score.note(times <= MOST_TIMES)
    print(f"sqlite     ours   signed mails                 {rate:8.0f} a second  goal {LEAST:.0f}  {fast}")
    print(f"sqlite     ours   against the bare loop        {times:8.2f} x  goal {MOST_TIMES}  {near}")


def _queued() -> tuple[int, mail.Key]:
    """A workspace whose agent wrote to many people from a verified domain; its id and key."""
    workspace = jobs_kit.found_workspace()
    agent, admin = jobs_kit.join(workspace, "Dana", "agent"), jobs_kit.join(workspace, "Ada", "admin")
    with scope.inside(workspace):
        member = session.get_one(Membership, agent.membership_id)
        domain = sending.add_domain(member.email, actor=admin)
        with operation("bench.verify", actor=admin):
            sending.note_check(domain.id, [domain.record])
        for at in range(MAILS):
            person = records.create(Contact, {"name": f"Sam {at}", "email": f"sam{at}@example.net"}, actor=agent)
            messages.write(person, f"Homes for you, {at}", _TEXT, kind="marketing", actor=agent)
        return workspace, mail.Key(domain.name, domain.selector, domain.private_key)


def _seconds_of_bare_loop(url: str, key: mail.Key) -> float:
    live = mail.connection(url)
    start = time.perf_counter()
    for at in range(MAILS):
        letter = letters.Letter(
            message_id=f"<{at}@harbor.example>",
            sender=f"dana@{key.domain}",
            sender_name="Dana, Harbor",
            to=f"sam{at}@example.net",
            to_name=f"Sam {at}",
            subject=f"Homes for you, {at}",
            text=merge.fill(_TEXT, {"contact.goes_by": f"Sam {at}"}),
            unsubscribe_url=f"https://crm.example/p/{at:0>90}",
            key=key,
        )
        live.send(letter.sender, letter.to, letters.build(letter))
    return time.perf_counter() - start

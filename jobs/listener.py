"""The listener for incoming mail: `python -m jobs.listener`. A process of its own, as it waits on connections.

Speaks SMTP or LMTP (INBOUND_LISTEN) and says 250 only after the raw message is committed. Put a mail server in front
of it, or a firewall: it asks for no TLS and no sign-in, and takes mail for its own addresses alone. Sources: RFC 5321
(SMTP), RFC 2033 (LMTP), RFC 1870 (SIZE), RFC 3463 (status codes).
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import structlog
from aiosmtpd.smtp import SMTP, Envelope, Session
from flask import Flask

from app.errors import NotFound
from app.services.inbound import receiving
from models.base import session as database

# RFC 5321, 4.5.3.1.8, asks for at least 100.
MOST_RECIPIENTS = 100
IDLE_SECONDS = 120.0
_WRITERS = 2
_TAKEN = "250 2.6.0 Kept"
_LATER = "451 4.3.0 The message could not be kept; try again later"
_NOBODY = "550 5.1.1 No such mailbox here"
log = structlog.get_logger(__name__)


class Handler:
    """Answers RCPT and DATA; the database is asked in threads of its own."""

    def __init__(self, app: Flask, threads: ThreadPoolExecutor, lmtp: bool) -> None:
        self.app, self.threads, self.lmtp = app, threads, lmtp
        self.domain: str = app.config["INBOUND_DOMAIN"]

    async def handle_MAIL(
        self, server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 OK"

    async def handle_RCPT(
        self, server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if len(envelope.rcpt_tos) >= MOST_RECIPIENTS:
            return "452 4.5.3 Too many recipients"
        try:
            found = await self._in_thread(lambda: receiving.place(address, domain=self.domain))
        except Exception:  # the sender keeps the mail and comes again
            log.exception("recipient not looked up")
            return "451 4.3.0 Try again later"
        if found is None:
            return _NOBODY
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:
        raw = envelope.content if isinstance(envelope.content, bytes) else (envelope.content or "").encode()
        answers = [await self._keep(raw, address, envelope.mail_from or "") for address in envelope.rcpt_tos]
        if self.lmtp:
            # One answer for each recipient, in their order (RFC 2033, 4.2).
            return "\r\n".join(answers)
        # What was kept for some is known again when it comes once more for all.
        return next((answer for answer in answers if answer != _TAKEN), _TAKEN)

    async def _keep(self, raw: bytes, recipient: str, sender: str) -> str:
        via = "lmtp" if self.lmtp else "smtp"
        take = lambda: receiving.take_in(raw, recipient=recipient, sender=sender, via=via, domain=self.domain)  # noqa: E731
        try:
            await self._in_thread(take)
        except NotFound:
            return _NOBODY
        except Exception:  # not committed, so it is still the sender's
            log.exception("mail not kept")
            return _LATER
        return _TAKEN

    async def _in_thread(self, what: Callable[[], Any]) -> Any:
        def work() -> Any:
            with self.app.app_context():
                try:
                    return what()
                finally:
                    database.remove()

        return await asyncio.get_running_loop().run_in_executor(self.threads, work)


class Limited(SMTP):
    """A connection that counts; one too many is told to come again (RFC 5321, 3.8: 421 closes)."""

    # RFC 5321, 4.5.3.1.6, has 1,000; a bounce may quote what never kept to it, and would be lost over it.
    line_length_limit = 64 * 1024

    def __init__(self, handler: Handler, open_now: set[Limited], most: int, **facts: Any) -> None:
        super().__init__(handler, **facts)
        self.open_now, self.most = open_now, most

    def connection_made(self, transport: Any) -> None:
        if len(self.open_now) >= self.most:
            transport.write(b"421 4.7.0 Too many connections; try again later\r\n")
            transport.close()
            return
        self.open_now.add(self)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        if self in self.open_now:
            self.open_now.discard(self)
            super().connection_lost(error)


class LimitedLmtp(Limited):
    """LMTP greets with LHLO, and knows neither HELO nor EHLO (RFC 2033, 4.1)."""

    async def smtp_LHLO(self, hostname: str) -> None:
        await super().smtp_EHLO(hostname)

    async def smtp_HELO(self, hostname: str) -> None:
        await self.push("500 5.5.1 This is LMTP: say LHLO")

    async def smtp_EHLO(self, hostname: str) -> None:
        await self.push("500 5.5.1 This is LMTP: say LHLO")


async def serve(app: Flask, started: Callable[[str], None], stop: asyncio.Event) -> None:
    """Listen until `stop` is set; `started` is told where, once connections are taken."""
    url = urlsplit(app.config["INBOUND_LISTEN"])
    lmtp = url.scheme != "smtp"
    loop, open_now = asyncio.get_running_loop(), set[Limited]()
    with ThreadPoolExecutor(_WRITERS, "inbound") as threads:
        handler = Handler(app, threads, lmtp)

        def connection() -> Limited:
            kind = LimitedLmtp if lmtp else Limited
            return kind(
                handler, open_now, app.config["INBOUND_CONNECTIONS"], data_size_limit=app.config["INBOUND_MAX_BYTES"],
                hostname=handler.domain or None, ident="Mail", enable_SMTPUTF8=True, timeout=IDLE_SECONDS, loop=loop,
            )  # fmt: skip

        server = await _server(loop, connection, url)
        started(str(server.sockets[0].getsockname()))
        await stop.wait()
        server.close()
        for one in list(open_now):
            if one.transport is not None:
                one.transport.close()
        await server.wait_closed()


async def _server(loop: asyncio.AbstractEventLoop, connection: Callable[[], Limited], url: Any) -> asyncio.Server:
    if url.scheme == "lmtp+unix":
        path = Path(url.path)
        path.unlink(missing_ok=True)
        server = await loop.create_unix_server(connection, path)
        # The mail server in front is in the group of the folder, or runs as the same user.
        os.chmod(path, 0o660)
        return server
    return await loop.create_server(connection, url.hostname, url.port)


def main() -> None:
    from wsgi import create_app

    app = create_app()
    if not app.config["INBOUND_DOMAIN"]:
        sys.exit("INBOUND_DOMAIN is not set, so there is no address to take mail for. Set it, or stop this service.")

    async def until_told() -> None:
        stop, loop = asyncio.Event(), asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, stop.set)
        await serve(app, lambda where: log.info("listening for mail", where=where), stop)

    asyncio.run(until_told())


if __name__ == "__main__":
    main()

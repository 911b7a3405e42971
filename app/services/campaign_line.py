"""The one statement between two e-mails of a campaign: what became of the last, and that the next is now being handed
over.

Both are one commit before each DATA, so that a worker that dies leaves at most one e-mail in doubt, and it costs
little. The statement looks at everything that may stop an e-mail, at the wire: the campaign, the person's wishes, and
whether this worker still has the job. It stands on a connection of its own, outside `operation`, because an operation
for each of many thousands would take longer than the hand-over; what it did is told of once for each chunk
(docs/decisions/017). Does not belong here: choosing and finishing a chunk (`app.services.campaign_lanes`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import sqlalchemy as sa

from models import scope
from models.base import db
from models.fields import now

# RFC 3463 status code behind the reply code of RFC 5321.
STATUS = re.compile(r"\d{3}[ -]([245]\.\d{1,3}\.\d{1,3})\b")
# Each row is found by its id. "+ 0" keeps PostgreSQL from walking all rows of a workspace instead, which it may choose
# while it knows nothing of thousands of rows that were written a moment ago.
_NEXT = """
    UPDATE message SET
        state = CASE WHEN id = :next THEN 'sending' ELSE :outcome END,
        answer = CASE WHEN id = :next THEN answer ELSE :answer END,
        status_code = CASE WHEN id = :next THEN status_code ELSE :code END,
        sent_at = CASE WHEN id = :next THEN sent_at ELSE :sent_at END,
        message_id = CASE WHEN id = :next THEN :message_id ELSE message_id END,
        subject = CASE WHEN id = :next THEN :subject ELSE subject END,
        body = CASE WHEN id = :next THEN :body ELSE body END,
        version = version + 1, updated_at = :now
    WHERE id IN (:last, :next) AND workspace_id + 0 = :workspace AND (
        (id = :last AND state IN ('sending', 'unknown'))
        OR (id = :next AND state = 'queued' AND deleted_at IS NULL
            AND EXISTS (SELECT 1 FROM campaign c WHERE c.workspace_id + 0 = :workspace AND c.id = :campaign
                        AND c.state = 'running' AND c.deleted_at IS NULL)
            AND EXISTS (SELECT 1 FROM job j WHERE j.id = :job AND j.token = :token AND j.state = 'running')
            AND EXISTS (SELECT 1 FROM contact p WHERE p.workspace_id + 0 = :workspace AND p.id = :contact
                        AND CASE WHEN p.deleted_at IS NULL THEN NOT p.minor ELSE false END)
            AND NOT EXISTS (SELECT 1 FROM suppression s WHERE s.workspace_id = :workspace
                            AND s.address = :recipient AND s.deleted_at IS NULL)))
    RETURNING id
"""
_LAST = """
    UPDATE message SET state = :outcome, answer = :answer, status_code = :code, sent_at = :sent_at,
        version = version + 1, updated_at = :now
    WHERE id = :last AND workspace_id + 0 = :workspace AND state IN ('sending', 'unknown')
"""


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of one hand-over: `outcome` is a state of messages, `answer` the server's words."""

    message: int
    outcome: str
    answer: str


@dataclass(frozen=True, slots=True)
class Next:
    """The e-mail that is about to be handed over."""

    message: int
    contact: int
    recipient: str
    message_id: str
    subject: str
    body: str


class Line:
    """The statements of one chunk; made by `held`. They go to the driver as they are, each a transaction of its own:
    what an ORM does around a statement would take longer than the statement."""

    def __init__(self, connection: sa.Connection, campaign: int, job: int, token: str) -> None:
        self.connection = connection
        self.same = {"workspace": scope.workspace_id(), "campaign": campaign, "job": job, "token": token}
        self.postgresql = connection.dialect.name == "postgresql"

    def step(self, last: Fate | None, following: Next) -> bool:
        """Keep what became of the last e-mail and take the next in hand; False when the next must not leave now."""
        found = self._run(_NEXT, {
            **self.same, **self._told(last), "next": following.message, "contact": following.contact,
            "recipient": following.recipient, "message_id": following.message_id, "subject": following.subject,
            "body": following.body,
        })  # fmt: skip
        return (following.message,) in [tuple(row) for row in found.all()]

    def settle(self, last: Fate) -> None:
        """Keep what became of the last e-mail of a chunk."""
        self._run(_LAST, {"workspace": self.same["workspace"], **self._told(last)})

    def _run(self, text: str, given: Mapping[str, object]) -> sa.CursorResult[Any]:
        return self.connection.exec_driver_sql(_for_psycopg(text) if self.postgresql else text, dict(given))

    def _told(self, last: Fate | None) -> dict[str, object]:
        moment = now() if self.postgresql else f"{now():%Y-%m-%d %H:%M:%S.%f}"
        if last is None:
            return {"last": 0, "outcome": None, "answer": None, "code": None, "sent_at": None, "now": moment}
        code = STATUS.match(last.answer)
        return {
            "last": last.message,
            "outcome": last.outcome,
            "answer": last.answer[:500] or None,
            "code": code[1] if code else None,
            "sent_at": moment if last.outcome == "sent" else None,
            "now": moment,
        }


@cache
def _for_psycopg(text: str) -> str:
    return re.sub(r":(\w+)", r"%(\1)s", text)


@contextmanager
def held(campaign: int, job: int, token: str) -> Iterator[Line]:
    """The line of one chunk, in the workspace in force."""
    with db.engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT")
        line = Line(connection, campaign, job, token)
        if line.postgresql:
            _tell(connection, str(scope.workspace_id()))
        try:
            yield line
        finally:
            if line.postgresql:
                _forget(connection)


def _tell(connection: sa.Connection, workspace: str) -> None:
    """For the connection, not for one transaction: told with each e-mail it would be one round trip more."""
    connection.exec_driver_sql("select set_config('app.workspace_id', %(told)s, false)", {"told": workspace})


def _forget(connection: sa.Connection) -> None:
    """What the pool gets back sees nothing; a connection that cannot be told so is thrown away."""
    try:
        _tell(connection, "-1")
    except sa.exc.DBAPIError:
        connection.invalidate()

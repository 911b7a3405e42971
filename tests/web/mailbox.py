"""The account mails that were promised, read from the jobs; needs an application context."""

from __future__ import annotations

import re

import sqlalchemy as sa

from models.base import session
from models.job import Job
from models.scope import across_workspaces


def mails(to: str | None = None) -> list[dict[str, str]]:
    """Promised account mails, the oldest first, as dictionaries of to, subject, text."""
    with across_workspaces("reading the promised mails in a test"):
        found = session.scalars(sa.select(Job).where(Job.name == "mail.account").order_by(Job.id)).all()
        return [job.args for job in found if to is None or job.args["to"] == to]


def link_in(mail: dict[str, str]) -> str:
    """The path of the one link in a mail."""
    (found,) = re.findall(r"https?://[^/\s]+(/\S+)", mail["text"])
    return str(found)

"""Whose an e-mail is, of those that the development sink keeps for the whole installation.

Belongs here: telling the workspaces apart. Does not belong here: reading the files (`views.dev_inbox`).
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa

from models import scope, tenancy
from models.access import Invitation
from models.base import session
from models.message import Message
from models.workspace import Membership

_WHY = "whose e-mail of the development sink this is"
Mail = tuple[str, str]


def visible(mails: Collection[Mail]) -> set[Mail]:
    """Those of `mails`, as (Message-ID, address), that the current workspace may see: its own messages, and account
    mail to people who are in no other workspace, as it holds links that sign them in.
    """
    here = scope.workspace_id()
    with scope.across_workspaces(_WHY):
        by_id = _places(Message.message_id, Message.workspace_id, {message_id for message_id, _ in mails})
        addresses = {address for _, address in mails}
        members = _places(Membership.email, Membership.workspace_id, addresses)
        invited = _places(Invitation.email, Invitation.workspace_id, addresses)
    return {
        (message_id, address)
        for message_id, address in mails
        if (by_id.get(message_id) or (members.get(address, set()) | invited.get(address, set()))) <= {here}
    }


def _places(key: Any, workspace: Any, wanted: set[str]) -> dict[str, set[int]]:
    found: dict[str, set[int]] = {}
    statement = sa.select(key, workspace).where(key.in_(wanted))
    for name, place in session.execute(statement, execution_options=tenancy.with_deleted()):
        found.setdefault(str(name), set()).add(place)
    return found

"""Which message that we sent a mail is about: by the signed address it came to, by such an address within it, then by
the message ids that it names.

Only messages of the workspace that the mail came to are looked at: an address of one brokerage never leads into
another. Does not belong here: what a mail is (`app.services.inbound.verdict`).
"""

from __future__ import annotations

import sqlalchemy as sa

from app.services import return_paths
from app.services.inbound.verdict import Verdict
from models import scope, tenancy
from models.base import session
from models.contact import Contact, ContactEmail
from models.message import Message
from models.workspace import Workspace

_WHY = "whose a mail is that came to an address of the whole installation"


def message_of(found: Verdict, recipient: str, *, domain: str) -> Message | None:
    """The message of the current workspace; also one in the bin, as it was sent."""
    for address in (recipient, *found.own):
        path = return_paths.read(address, domain=domain)
        if path is not None and path.workspace_id == scope.workspace_id():
            known = _first(Message.id == path.message_id)
            if known is not None:
                return known
    by_id = (_first(Message.message_id == one) for one in found.answers)
    return next((one for one in by_id if one is not None), None)


def contact_of(message: Message) -> Contact | None:
    """Whom a message went to: its contact, else the one who has its address."""
    if message.contact_id is not None:
        return session.get(Contact, message.contact_id)
    further = sa.select(ContactEmail.contact_id).where(ContactEmail.address == message.recipient)
    mine = sa.or_(Contact.email == message.recipient, Contact.id.in_(further))
    return session.scalars(sa.select(Contact).where(mine).order_by(Contact.id).limit(1)).one_or_none()


def workspace_of(found: Verdict, *, domain: str) -> int | None:
    """Whose a mail without a workspace is; None where it names no message of ours, or those of several."""
    with scope.across_workspaces(_WHY):
        for address in found.own:
            path = return_paths.read(address, domain=domain)
            if path is not None and session.get(Workspace, path.workspace_id) is not None:
                return path.workspace_id
        mine = sa.select(Message.workspace_id).where(Message.message_id.in_(found.answers)).distinct()
        places = session.scalars(mine, execution_options=tenancy.with_deleted()).all() if found.answers else []
    return places[0] if len(places) == 1 else None


def _first(condition: sa.ColumnElement[bool]) -> Message | None:
    wanted = sa.select(Message).where(condition).order_by(Message.id.desc()).limit(1)
    return session.scalars(wanted, execution_options=tenancy.with_deleted()).one_or_none()

"""Whose language is spoken to somebody who is not the one at the screen: in mails, and in jobs.

Their own where they chose one, else that of the workspace it is about, else of the one they work in. Does not belong
here: the language of a request (`views.languages`).
"""

from __future__ import annotations

from contextlib import AbstractContextManager

import sqlalchemy as sa

from models import scope, words
from models.base import session
from models.user import User
from models.workspace import Workspace


def to_user(user: User | None) -> AbstractContextManager[None]:
    """Everything in the block is said to this person; to one without an account as to people of the workspace."""
    where = scope.current()
    place = where if isinstance(where, int) else user.last_workspace_id if user is not None else None
    workspace = None if place is None else session.get(Workspace, place)
    language = (user.language if user is not None else "") or (workspace.language if workspace else words.code())
    return words.speaking(language, workspace.region if workspace else words.region())


def to_user_of(user_id: int | None) -> AbstractContextManager[None]:
    """The same for the user of an id."""
    return to_user(None if user_id is None else session.get(User, user_id))


def to_address(email: str) -> AbstractContextManager[None]:
    """The same for whoever has this address, in the form it is kept in."""
    return to_user(session.scalar(sa.select(User).where(User.email == email)))

"""Gives a history of the set-up to workspaces that were there before there was one. Runs by the clock."""

from __future__ import annotations

import sqlalchemy as sa

from app.services.operation import operation
from app.services.setup import states
from models import scope
from models.base import session
from models.scope import Actor
from models.setup import SetupState
from models.workspace import Workspace


def begin_all(*, actor: Actor) -> int:
    """Keep the present set-up of each workspace that has no state yet. Returns how many there were."""
    with scope.across_workspaces("histories of set-ups begin in every workspace that has none"):
        begun = sa.select(SetupState.id).where(SetupState.workspace_id == Workspace.id)
        waiting = session.scalars(sa.select(Workspace.id).where(~sa.exists(begun))).all()
        for workspace in waiting:
            with operation("setup.begin", actor=actor) as op:
                states.begin(workspace, op)
    return len(waiting)
